"""``[[class]]``: an organisation's own classification model, weakest class first, and what names a class."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.reader import nearest, quoted
from sealgate.config.values import UnfitError, read_class_id, read_rung
from sealgate.policy.classification import DEFAULT_MODEL, Classification, ClassificationModel
from sealgate.policy.protection import RUNG_NAMES, Column, Protection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.config.reader import Table

_COLUMN_KEYS = {
    Column.IN_TRANSIT: "in_transit",
    Column.ACCESS: "access",
    Column.AT_REST: "at_rest",
}


def read_model(tables: Sequence[Table]) -> ClassificationModel:
    """
    Return the model that *tables* declare; of none, the guideline's own.

    With faults in it, the model still knows every id that was declared, so that one
    mistake does not make every route wrong as well.
    """
    classes: list[Classification] = []
    for table in tables:
        class_id = _class_id(table, classes)
        required = _required(table, classes[-1] if classes else None)
        if class_id:
            classes.append(
                Classification(
                    class_id,
                    table.text("name") or class_id,
                    len(classes),
                    table.text("type") or "",
                    table.text("disclosure_impact") or "",
                    required,
                )
            )
    return ClassificationModel(tuple(classes)) if classes else DEFAULT_MODEL


def read_class(table: Table, key: str, model: ClassificationModel) -> Classification | None:
    """Return the class that *key* names, or ``None`` after noting why not."""
    name = table.text(key)
    if name is None:
        return None
    found = model.find(name)
    if found is None:
        known = [item.id for item in model.classes]
        table.fault(
            key,
            f"{key} {quoted(name)} does not exist; the classes are {', '.join(known)}",
            nearest(name, known, f"{key} = {{}}") or "see `sealgate classes`",
        )
    return found


def _class_id(table: Table, before: Sequence[Classification]) -> str | None:
    text = table.text("id")
    if text is None:
        return None
    try:
        read_class_id(text)
    except UnfitError as error:
        table.fault("id", f"class {quoted(text)} {error}", error.hint)
        return None
    if any(item.id == text for item in before):
        table.fault("id", f"class {quoted(text)} is declared twice", "rename or remove one")
        return None
    return text


def _required(table: Table, weaker: Classification | None) -> Protection:
    ranks: dict[Column, int] = {}
    for column, key in _COLUMN_KEYS.items():
        least = weaker.required.rank(column) if weaker else 0
        ranks[column] = least
        text = table.text(key)
        if text is None:
            continue
        try:
            rank = read_rung(text, RUNG_NAMES[column])
        except UnfitError as error:
            hint = nearest(text, RUNG_NAMES[column], f"{key} = {{}}") or f"{key} = {error.hint}"
            table.fault(key, f"{key} {quoted(text)} {error}", hint)
            continue
        if weaker and rank < least:
            table.fault(
                key,
                f"{key} is {quoted(text)}, but the weaker class {quoted(weaker.id)} already "
                f"demands {quoted(weaker.required.rung(column))}; classes stand weakest first",
                f'{key} = "{weaker.required.rung(column)}"',
            )
            continue
        ranks[column] = rank
    return Protection.of(ranks[Column.IN_TRANSIT], ranks[Column.ACCESS], ranks[Column.AT_REST])

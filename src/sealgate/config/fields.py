"""Fields that several sections share: a class, a country, who is admitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.reader import nearest, quoted
from sealgate.config.values import UnfitError, read_admitted, read_country

if TYPE_CHECKING:
    from sealgate.config.reader import Table
    from sealgate.policy.classification import Classification, ClassificationModel


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


def read_admit(table: Table, key: str = "admit") -> tuple[str, ...]:
    """Return whom *key* admits, each named once; what names nobody is noted."""
    admitted: dict[str, None] = {}
    for index, text in enumerate(table.texts(key)):
        try:
            admitted[read_admitted(text)] = None
        except UnfitError as error:
            table.element_fault(key, index, f"{key} {quoted(text)} {error}", error.hint)
    return tuple(admitted)


def read_country_of(table: Table, key: str, text: str, index: int | None = None) -> str | None:
    """Return the country code *text*, found at *key* (and place *index* of a list)."""
    try:
        return read_country(text)
    except UnfitError as error:
        message = f"country {quoted(text)} {error}"
        if index is None:
            table.fault(key, message, error.hint)
        else:
            table.element_fault(key, index, message, error.hint)
        return None

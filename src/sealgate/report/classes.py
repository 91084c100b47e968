"""The classification model in force: what each class demands, and what each rung is made of."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from sealgate.policy.ladder import LADDERS
from sealgate.policy.protection import RUNG_NAMES, Column
from sealgate.policy.rules import RULES
from sealgate.report.terminal import clean, drawn

if TYPE_CHECKING:
    from sealgate.policy.classification import ClassificationModel
    from sealgate.policy.finding import Rule
    from sealgate.policy.ladder import Alternative, Rung

SCHEMA = "sealgate/classes/1"
_BY_ID = {rule.id: rule for rule in RULES}


def render_classes_text(
    model: ClassificationModel, *, console_width: int = 100, colour: bool = False
) -> str:
    """Return *model* as a table, and below it every rung with its criteria and clauses."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("class", "id", "disclosure", "access", "in transit", "at rest"):
        table.add_column(heading, overflow="fold")
    for item in model.classes:
        table.add_row(
            Text(clean(item.name)),
            Text(clean(item.id)),
            Text(clean(item.disclosure_impact)),
            *(item.required.rung(c) for c in (Column.ACCESS, Column.IN_TRANSIT, Column.AT_REST)),
        )
    parts = [drawn(table, console_width=console_width, colour=colour)]
    parts += [_rung_text(rung, console_width) for column in Column for rung in LADDERS[column]]
    return "\n".join(parts)


def render_classes_json(model: ClassificationModel) -> str:
    """Return *model* and its ladders as JSON, told in docs/reference/json.md."""
    return (
        json.dumps(
            {
                "schema": SCHEMA,
                "classes": [
                    {
                        "id": item.id,
                        "name": item.name,
                        "rank": item.rank,
                        "type": item.type,
                        "disclosure_impact": item.disclosure_impact,
                        "required": {_key(c): item.required.rank(c) for c in Column},
                    }
                    for item in model.classes
                ],
                "ladders": {
                    _key(column): [_rung_data(rung) for rung in LADDERS[column]]
                    for column in Column
                },
            },
            indent=2,
        )
        + "\n"
    )


def _rung_text(rung: Rung, width: int) -> str:
    name = RUNG_NAMES[rung.column][rung.rank]
    lines = [f"{rung.column.value}, {rung.rank}: {name}"]
    lines += textwrap.wrap(rung.text, width, initial_indent="  ", subsequent_indent="  ")
    told: set[str] = set()
    for way in rung.alternatives:
        kinds = ", ".join(sorted(kind.value for kind in way.kinds))
        lines.append(f"  by {way.name} ({kinds}):")
        if has_several_protocols(way):
            lines.append("    all that each of them asks for")
            continue
        below = asked_below(rung, way)
        new = [rule for rule in way.criteria if rule not in below]
        if below:
            lines.append(f"    all that the rung below asks for{', and' if new else ''}")
        for rule in new:
            lines += (
                [f"    {rule}, as above"] if rule in told else _criterion_text(_BY_ID[rule], width)
            )
        told.update(new)
    return "\n".join(lines) + "\n"


def has_several_protocols(way: Alternative) -> bool:
    """Return whether *way* is for what is reached over several protocols: what each asks for."""
    return way.protocols is not None and len(way.protocols) > 1


def asked_below(rung: Rung, way: Alternative) -> tuple[str, ...]:
    """Return what *way* asked for one rung below *rung* already."""
    ways = LADDERS[rung.column][rung.rank - 1].alternatives
    return next((w.criteria for w in ways if w.name == way.name and way.kinds <= w.kinds), ())


def _criterion_text(rule: Rule, width: int) -> list[str]:
    clauses = "; ".join(str(citation) for citation in rule.citations)
    return textwrap.wrap(
        f"{rule.id}: {rule.demand} ({clauses}; seen from: {rule.vantage.value})",
        width,
        initial_indent="    ",
        subsequent_indent="      ",
        break_on_hyphens=False,
        break_long_words=False,
    )


def _rung_data(rung: Rung) -> dict[str, Any]:
    return {
        "rank": rung.rank,
        "name": RUNG_NAMES[rung.column][rung.rank],
        "text": rung.text,
        "alternatives": [
            {
                "name": way.name,
                "kinds": sorted(kind.value for kind in way.kinds),
                "site_asks": way.site_asks,
                "protocols": None if way.protocols is None else sorted(way.protocols),
                "declared": way.declared,
                "criteria": [_criterion_data(_BY_ID[id_]) for id_ in way.criteria],
            }
            for way in rung.alternatives
        ],
    }


def _criterion_data(rule: Rule) -> dict[str, Any]:
    return {
        "rule": rule.id,
        "demand": rule.demand,
        "vantage": rule.vantage.value,
        "citations": [str(citation) for citation in rule.citations],
    }


def _key(column: Column) -> str:
    return column.value.replace(" ", "_")

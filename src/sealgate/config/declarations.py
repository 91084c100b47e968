"""
``[[drop]]`` and ``[[accept]]``: folders for files, and risks that somebody took on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealgate.config.fields import read_admit, read_class
from sealgate.config.reader import nearest, quoted
from sealgate.config.values import holds_secret
from sealgate.policy.inventory import AcceptedRisk, Drop
from sealgate.policy.rules import RULES, find_rule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePath

    from sealgate.config.reader import Table
    from sealgate.policy.classification import ClassificationModel

_STORE = re.compile(r"file:.+|s3://[^/]+(/.*)?", re.DOTALL)


def read_drops(
    tables: Sequence[Table], model: ClassificationModel, folder: PurePath
) -> tuple[Drop, ...]:
    """
    Return the drops that *tables* declare; a ``file:`` store is relative to *folder*.

    They are read and checked only. No part of this version serves them, and ``serve``
    says so.
    """
    drops: list[Drop] = []
    for table in tables:
        name, store = table.text("name"), table.text("store")
        classification = read_class(table, "class", model)
        admit = read_admit(table)
        if name and any(drop.name == name for drop in drops):
            table.fault("name", f"drop {quoted(name)} is declared twice", "rename or remove one")
        if store and not _STORE.fullmatch(store):
            table.fault(
                "store",
                # A URL may hold a password; then it is not shown.
                f"store {'' if holds_secret(store) else quoted(store) + ' '}must be file:FOLDER or s3://BUCKET/PREFIX",
                'such as "file:partners"',
            )
        elif store and store.startswith("file:"):
            store = f"file:{folder / store.removeprefix('file:')}"
        if name and store and classification:
            drops.append(Drop(name, classification, store, admit, place=table.place()))
    return tuple(drops)


def read_accepted(tables: Sequence[Table]) -> tuple[AcceptedRisk, ...]:
    """
    Return the risks that *tables* accept; one whose last day is over is returned too.

    Whether the asset exists is not known here: a report shows what met no finding.
    """
    accepted: dict[tuple[str, str], AcceptedRisk] = {}
    for table in tables:
        rule, asset = table.text("rule"), table.text("asset")
        by, reason, until = table.text("by"), table.text("reason"), table.date("until")
        if rule and find_rule(rule) is None:
            table.fault(
                "rule",
                f"rule {quoted(rule)} does not exist",
                nearest(rule, [known.id for known in RULES], "rule = {}")
                or "docs/rules.md has every rule",
            )
        if not (rule and asset and by and reason and until):
            continue
        if (rule, asset) in accepted:
            first = accepted[rule, asset].place
            table.fault(
                "rule",
                f"rule {quoted(rule)} is accepted twice for {quoted(asset)}; first at {first}",
                "remove one",
            )
        accepted[rule, asset] = AcceptedRisk(rule, asset, by, reason, until, table.place())
    return tuple(accepted.values())

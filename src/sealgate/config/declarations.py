"""``[[accept]]``: risks that somebody took on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.reader import nearest, quoted
from sealgate.policy.inventory import AcceptedRisk
from sealgate.policy.rules import RULES, find_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.config.reader import Table


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

"""One rule explained: why it is there, the clause, and how to mend what it finds."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from sealgate.inspection.model import BodyRefusal
from sealgate.policy.ladder import LADDERS
from sealgate.policy.protection import RUNG_NAMES
from sealgate.policy.rules import RULES
from sealgate.policy.servers import FIXES, Server

if TYPE_CHECKING:
    from sealgate.policy.finding import Rule


_HELD_BACK = {
    BodyRefusal.ABOVE_CLASS: (
        "a body holds what is above the class of its route",
        "have the site leave it out, or give the route the class of what it shows or collects",
    ),
    BodyRefusal.UNREADABLE: (
        "a body cannot be read: its encoding, a part of it, or an upgrade",
        "send it in gzip, br, zstd or without an encoding, and in UTF-8",
    ),
    BodyRefusal.BUDGET: (
        "a body is larger, or holds more to look at, than a body may",
        "send less at once, or serve large files on a route without inspect",
    ),
    BodyRefusal.FRAMING: (
        "a message could be read in two ways",
        "have the site or the client frame its messages as RFC 9112 demands",
    ),
    BodyRefusal.UNREACHABLE: (
        "the site behind the gateway does not answer",
        "start the site, or set its upstream right: sealgate plan",
    ),
}


def render_rule(rule: Rule, *, console_width: int = 100) -> str:
    """Return everything that there is to say about *rule*."""
    facts = [
        ("required", rule.demand),
        ("severity", f"{rule.severity.name.lower()}{_escalates(rule)}"),
        ("seen from", rule.vantage.value),
        ("asked of", ", ".join(sorted(kind.value for kind in rule.applies_to))),
        ("part of", "; ".join(rungs_of(rule)) or "no rung: it is always asked"),
        *(("clause", _clause(rule, index)) for index in range(len(rule.citations))),
        ("why", rule.why),
        ("fix", rule.remediation),
        *(
            (f"  {server.value}", FIXES[rule.id][server])
            for server in Server
            if server in FIXES.get(rule.id, {})
        ),
    ]
    lines = [f"{rule.id}: {rule.title}"]
    for name, what in facts:
        lines += textwrap.wrap(
            f"{name + ': ':<11}{what}",
            console_width,
            initial_indent="  ",
            subsequent_indent=" " * 13,
            break_on_hyphens=False,
            break_long_words=False,
        )
    return "\n".join(lines) + "\n"


def render_held_back(refusal: BodyRefusal) -> str:
    """Return what it means when a body on its way is held back as *refusal*."""
    what, fix = _HELD_BACK[refusal]
    return (
        f"{refusal.value}: {what}\n"
        '  seen by:   sealgate serve, where a route has inspect = "enforce"\n'
        f"  fix:       {fix}\n"
        "  more:      docs/howto/inspect.md\n"
    )


def render_rules() -> str:
    """Return every rule in one line each."""
    widest = max(len(rule.id) for rule in RULES)
    return "".join(
        f"{rule.id:<{widest}}  {rule.severity.name.lower():<7}  {rule.title}\n" for rule in RULES
    )


def rungs_of(rule: Rule) -> tuple[str, ...]:
    """Return the rungs that *rule* is a criterion of, weakest first, as they are called."""
    return tuple(
        f"{RUNG_NAMES[column][rung.rank]} ({column.value}, {rung.rank})"
        for column, ladder in LADDERS.items()
        for rung in ladder
        if any(rule.id in way.criteria for way in rung.alternatives)
    )


def _escalates(rule: Rule) -> str:
    if rungs_of(rule) and rule.severity.name != "ERROR":
        return ", and error where a class demands the rung"
    return ""


def _clause(rule: Rule, index: int) -> str:
    citation = rule.citations[index]
    return f"{citation}  {citation.url}" if citation.url else str(citation)

"""Writes classes.md, rules.md and the diagrams in docs from the code; ``--check`` only compares."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from generate_pictures import PICTURES

from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.ladder import LADDERS
from sealgate.policy.protection import RUNG_NAMES, Column
from sealgate.policy.rules import RULES
from sealgate.policy.servers import FIXES, Server
from sealgate.report.classes import asked_below, has_several_protocols
from sealgate.report.rules import rungs_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from generate_pictures import Picture

    from sealgate.policy.finding import Citation, Rule
    from sealgate.policy.ladder import Rung

DOCS = Path(__file__).parents[1] / "docs"
GENERATED = "This page is written from `src/sealgate/policy/` by `scripts/generate_docs.py`.\n"
CLASSES_HEAD = f"""\
# Classes

A class says what data is worth, and with that what protects it in three ways: on its way, in who
may have it, and where it rests. These four hold unless `sealgate.toml` replaces them;
`sealgate classes` shows the ones in force. What a class demands is compared part by part: a strong
one never makes up for a weak one, and what was not observed never counts.

{GENERATED}"""
CLASSES_MIDDLE = """\
Transit applies to what a route, a drop or a tunnel takes and gives, access to what it gives out,
rest to what is kept. Whatever the classes are called: a backend, a route that asks who you are, a
form that asks for a password or a card, a drop and a tunnel need "encrypted" in transit, and
credentials, medical, payment and account data need it in transit and at rest.

## What each rung is made of

A rung is met by one of its ways, and a way by all of its criteria. A criterion is a
[rule](rules.md) that was seen to be met. What is reached over SSH and over FTPS has one way, and
it asks for both: a strong door does not make up for a weak one beside it.
"""
RULES_HEAD = f"""\
# Rules

Each rule has one id, which stands in reports, in `[[accept]]` and here. `sealgate explain RULE`
tells the same on the command line. Only the breach of a MUST is an error: that of a clause, or of
what a class demands. A warning is the breach of a SHOULD. Both are findings, and the exit code is
10; a note is not. A rule that could not be answered is a finding too, of the same severity.

"TYPO3 security guideline" is the page "Encrypted Client/server Communication" of the TYPO3
security guidelines, where the classes come from.

{GENERATED}"""


def classes_page() -> str:
    """Return docs/classes.md."""
    rows = [
        f"| {c.name} (`{c.id}`) | {c.type} | {c.disclosure_impact} "
        f"| {c.required.rung(Column.ACCESS)} | {c.required.rung(Column.IN_TRANSIT)} "
        f"| {c.required.rung(Column.AT_REST)} |"
        for c in DEFAULT_MODEL.classes
    ]
    table = "\n".join(
        [
            "| Class | Type | Disclosure impact | Access | In transit | At rest |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )
    parts = [CLASSES_HEAD, table + "\n", CLASSES_MIDDLE]
    for column in Column:
        parts.append(f"### {column.value.capitalize()}\n")
        parts += [_rung(rung) for rung in LADDERS[column]]
    return "\n".join(parts)


def _rung(rung: Rung) -> str:
    name = RUNG_NAMES[rung.column][rung.rank]
    lines = [f"**{rung.rank}: {name}.** {rung.text}\n"]
    told: set[str] = set()
    for way in rung.alternatives:
        kinds = ", ".join(sorted(kind.value for kind in way.kinds))
        if has_several_protocols(way):
            lines.append(f"By {way.name} ({kinds}): what each of them asks for\n")
            continue
        new = [rule for rule in way.criteria if rule not in asked_below(rung, way)]
        before = " what the rung below asks for" if len(new) < len(way.criteria) else ""
        also = ", and" if before and new else ""
        lines.append(f"By {way.name} ({kinds}):{before}{also}\n")
        lines += [
            f"- [{rule}](rules.md#{rule}), as above"
            if rule in told
            else _criterion(next(r for r in RULES if r.id == rule))
            for rule in new
        ]
        lines += [""] if new else []
        told.update(new)
    return "\n".join(lines)


def _criterion(rule: Rule) -> str:
    clauses = "; ".join(_cited(citation) for citation in rule.citations)
    return f"- [{rule.id}](rules.md#{rule.id}): {rule.demand} ({clauses}; {rule.vantage.value})"


def rules_page() -> str:
    """Return docs/rules.md."""
    index = "\n".join(
        [
            "| Rule | Severity | What is wrong |",
            "|---|---|---|",
            *(f"| [{r.id}](#{r.id}) | {r.severity.name.lower()} | {r.title} |" for r in RULES),
        ]
    )
    return "\n".join([RULES_HEAD, index + "\n", *(_rule(rule) for rule in RULES)])


def _rule(rule: Rule) -> str:
    rungs = "; ".join(rungs_of(rule)) or "no rung: it is always asked"
    kinds = ", ".join(sorted(kind.value for kind in rule.applies_to))
    clauses = "; ".join(_cited(citation) for citation in rule.citations)
    severity = rule.severity.name.lower()
    if rungs_of(rule) and severity != "error":
        severity += ", and error where a class demands the rung"
    return f"""\
## {rule.id}

{rule.title[:1].upper()}{rule.title[1:]}.

| | |
|---|---|
| Required | {rule.demand} |
| Severity | {severity} |
| Clause | {clauses} |
| Seen from | {rule.vantage.value} |
| Asked of | {kinds} |
| Part of | {rungs} |

**Why.** {rule.why}

**Remediation.** {rule.remediation[:1].upper()}{rule.remediation[1:]}.
{_fixes(rule)}"""


def _fixes(rule: Rule) -> str:
    fixes = FIXES.get(rule.id, {})
    rows = [f"- {server.value}: {fixes[server]}" for server in Server if server in fixes]
    return "\n" + "\n".join(rows) + "\n" if rows else ""


def _cited(citation: Citation) -> str:
    return f"[{citation}]({citation.url})" if citation.url else str(citation)


def _drawn(picture: Callable[[], Picture]) -> Callable[[], str]:
    return lambda: picture().svg()


PAGES = {"classes.md": classes_page, "rules.md": rules_page} | {
    f"pictures/{name}.svg": _drawn(picture) for name, picture in PICTURES.items()
}


def main(arguments: list[str]) -> int:
    """Write the pages, or tell which of them no longer say what the policy says."""
    stale = []
    for name, page in PAGES.items():
        path, text = DOCS / name, page()
        if path.is_file() and path.read_text("utf-8") == text:
            continue
        if "--check" in arguments:
            stale.append(name)
        else:
            path.write_text(text, "utf-8")
    for name in stale:
        print(f"docs/{name} is stale: python scripts/generate_docs.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

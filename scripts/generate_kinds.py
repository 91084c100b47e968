"""Writes docs/reference/kinds.md from the catalogue of kinds; ``--check`` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

from sealgate.detect.catalogue import KIND_CATALOGUE, Category, Identifies, KindFacts
from sealgate.detect.confirm import ANCHORS
from sealgate.policy.classification import DEFAULT_MODEL

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "kinds.md"

_HEAD = """\
# Kinds of data

What `sealgate assess` looks for, what counts, and what it weighs before a person says otherwise.
This page is written from `src/sealgate/detect/catalogue.py` by `scripts/generate_kinds.py`.

Each kind has three traits with ranks from 0 to 3, as the guideline's data assessment asks for:

- **use**: 0 anyone, 1 registered outsiders, 2 staff, 3 a named few.
- **legal**: 0 none, 1 personal data, 2 special categories, cardholder data or secrecy by statute,
  3 must not be kept.
- **value**, the impact of disclosure: 0 none, 1 limited, 2 significant, 3 severe.

The highest of the three gives the class of the kind when it stands alone; several kinds together,
or many people, can rank above (`sealgate assess` tells the reasons). Kinds marked *floor* are
credentials, access codes, medical, payment or account data: no configuration lets them travel or
rest below "encrypted". "Text" kinds are found in any bytes, "column" kinds by a column's name and
values; most are both.

What Sealgate cannot see: names of people in running text without a form of address or a label
before them, values inside pictures, and values that something else has encoded or sealed.
"""


def page() -> str:
    """Return the whole page."""
    in_text = frozenset().union(*(a.kinds for a in ANCHORS))
    parts = [_HEAD]
    for category in Category:
        rows = [f for f in KIND_CATALOGUE.values() if f.category is category]
        if rows:
            parts.append(f"## {category.value.capitalize()}\n")
            parts += [_section(facts, text=facts.kind in in_text) for facts in rows]
    return "\n".join(parts)


def _section(facts: KindFacts, *, text: bool) -> str:
    traits = facts.traits
    alone = DEFAULT_MODEL.at_impact(traits.impact).name
    points = {
        Identifies.NO: "points at nobody by itself",
        Identifies.TOGETHER: "points at a person together with other values",
        Identifies.ALONE: "points at a person",
    }[facts.identifies]
    where = "text and columns" if text else "columns"
    floor = ", *floor*" if facts.sensitive else ""
    return f"""\
### `{facts.kind.value}`

{facts.title.capitalize()}; {points}. Found in {where}. Alone: {alone}{floor}.

- Counts: {facts.counts}.
- Confirmed by: {facts.confirmed}.
- use {traits.use.rank} ({traits.use.citation}), legal {traits.legal.rank} \
({traits.legal.citation}), value {traits.value.rank} ({traits.value.citation}).
"""


def main() -> int:
    """Write the page, or with ``--check`` say whether it is up to date."""
    wanted = page()
    if "--check" in sys.argv[1:]:
        if PAGE.exists() and PAGE.read_text(encoding="utf-8") == wanted:
            return 0
        print(f"{PAGE} is out of date: run scripts/generate_kinds.py", file=sys.stderr)
        return 1
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

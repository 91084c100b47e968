"""The glossary tells the words that Sealgate uses, in order, each with its source."""

import re
from pathlib import Path

from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.protection import RUNG_NAMES

GLOSSARY = Path(__file__).parents[2] / "docs/glossary.md"


def rows() -> dict[str, tuple[str, str]]:
    """Return meaning and source of each term, in the order of the page."""
    lines = [line for line in GLOSSARY.read_text().splitlines() if line.startswith("| ")]
    cells = [line.strip("|").split(" | ") for line in lines if not line.startswith("| Term")]
    return {term.strip(): (meaning.strip(), source.strip()) for term, meaning, source in cells}


def test_terms_stand_in_order_and_have_a_source() -> None:
    """Whoever looks for a word finds it by the alphabet, and where it comes from."""
    terms = list(rows())
    assert terms == sorted(terms, key=str.casefold)
    assert not [term for term, (meaning, source) in rows().items() if not (meaning and source)]


def test_classes_and_ladders_are_told() -> None:
    """Each class by default is a term, and each ladder names its rungs in order."""
    told = rows()
    assert {level.id for level in DEFAULT_MODEL.classes} <= set(told)
    for column, rungs in RUNG_NAMES.items():
        assert re.search(f"rungs: {', '.join(rungs)},", told[column.value][0]), column

"""The catalogue holds every kind, and the page that tells of it is up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.detect import KIND_CATALOGUE, Category, Kind, facts
from sealgate.detect.catalogue import InFlight, Where, check_said, kinds_where
from sealgate.errors import BugError

_ROOT = Path(__file__).parents[3]


def test_every_kind_is_in_the_catalogue() -> None:
    """No kind is without facts, and no facts are without a kind."""
    assert set(KIND_CATALOGUE) == set(Kind)


@pytest.mark.parametrize("kind", list(Kind))
def test_ranks_and_clauses(kind: Kind) -> None:
    """Each trait of a kind has a rank from 0 to 3 and a clause."""
    traits = facts(kind).traits
    for trait in (traits.use, traits.legal, traits.value):
        assert 0 <= trait.rank <= 3
        assert str(trait.citation)


@pytest.mark.parametrize("kind", [k for k in Kind if facts(k).sensitive])
def test_floor_kinds_are_confidential_at_least(kind: Kind) -> None:
    """Credentials, medical, payment and account data are significant on their own."""
    assert facts(kind).traits.impact >= 2


def test_the_guidelines_confidential_families_are_under_the_floor() -> None:
    """Every medical and payment kind, and every credential but the login name, is sensitive."""
    under = {Category.MEDICAL, Category.PAYMENT, Category.CREDENTIAL}
    outside = {k for k in Kind if facts(k).category in under and not facts(k).sensitive}
    assert outside == {Kind.LOGIN}


def test_a_verification_code_must_not_be_kept() -> None:
    """The card verification code has the highest legal rank: PCI DSS forbids to store it."""
    assert facts(Kind.CARD_VERIFICATION).traits.legal.rank == 3


@pytest.mark.parametrize("kind", [k for k in Kind if facts(k).in_flight is not InFlight.LEFT])
def test_what_is_masked_has_an_anchor(kind: Kind) -> None:
    """Bodies are not tables: what is masked in them is found in text."""
    assert Where.TEXT in facts(kind).found


def test_what_a_file_forgot_is_named() -> None:
    """A kind that the catalogue says a column's values show, and no test of values for it."""
    said = kinds_where(lambda row: Where.VALUES in row.found)
    check_said("detect/columns.py", Where.VALUES, said)
    with pytest.raises(
        BugError, match=r'"iban": .*/catalogue.py has Where.VALUES, detect/columns.py'
    ):
        check_said("detect/columns.py", Where.VALUES, said - {Kind.IBAN})
    with pytest.raises(BugError, match=r'"city": .*/catalogue.py has no Where.VALUES, detect/col'):
        check_said("detect/columns.py", Where.VALUES, said | {Kind.CITY})


def test_the_page_is_up_to_date() -> None:
    """docs/reference/kinds.md is what the catalogue says."""
    script = _ROOT / "scripts" / "generate_kinds.py"
    done = subprocess.run(
        [sys.executable, str(script), "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr

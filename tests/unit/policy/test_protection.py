"""Protections compare column by column."""

from __future__ import annotations

import pytest

from sealgate.policy.protection import (
    RUNG_NAMES,
    STORED,
    Column,
    Protection,
    StorageRung,
    rung_of_sealed,
)


def test_a_strong_column_never_makes_up_for_a_weak_one() -> None:
    """Two protections may each fail to meet the other."""
    assert not Protection.of(3, 0, 0).meets(Protection.of(0, 1, 0))
    assert not Protection.of(0, 1, 0).meets(Protection.of(3, 0, 0))


def test_at_least_takes_the_stronger_of_each_column() -> None:
    """The join of two protections meets both."""
    assert Protection.of(3, 0, 1).at_least(Protection.of(1, 2, 1)) == Protection.of(3, 2, 1)


def test_ranks_and_words_of_each_column() -> None:
    """A rank is read, and named in the guideline's own words, by its column."""
    protection = Protection.of(1, 2, 3)
    assert [protection.rank(column) for column in Column] == [1, 2, 3]
    assert [protection.rung(column) for column in Column] == [
        "protected",
        "high",
        "highly encrypted",
    ]
    assert all(len(names) == 4 for names in RUNG_NAMES.values())


@pytest.mark.parametrize("ranks", [(-1, 0, 0), (0, 4, 0), (0, 0, 99)])
def test_a_rank_that_no_ladder_has_is_refused(ranks: tuple[int, int, int]) -> None:
    """A protection off the ladder cannot exist."""
    with pytest.raises(ValueError, match="is not a valid"):
        Protection.of(*ranks)


def test_every_rung_says_how_its_files_are_kept() -> None:
    """One row for each; what cannot be opened here is sealed, for recipients elsewhere."""
    assert list(STORED) == list(StorageRung)
    assert [rung.stored.is_sealed for rung in StorageRung] == [False, False, True, True]
    assert [rung.stored.opens_here for rung in StorageRung] == [True, True, True, False]
    assert [rung.stored.needs_key_apart for rung in StorageRung] == [False, False, True, False]


def test_what_a_sealed_file_is_worth() -> None:
    """By its recipients."""
    assert rung_of_sealed(post_quantum=False) is StorageRung.ENCRYPTED
    assert rung_of_sealed(post_quantum=True) is StorageRung.HIGHLY_ENCRYPTED

"""Names that look alike, or differ by case only, are one; names that people tell apart are not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.identity.look_alikes import alike, is_unseen, like, likes

ALIKE = [
    ("alice", "ALICE"),
    ("alice", "Alice"),
    ("alice", "\uff41\uff4c\uff49\uff43\uff45"),  # full-width
    ("alice", "\u0430lice"),  # Cyrillic a
    ("alice", "\u0430li\u0441\u0435"),
    ("ALICE", "\u0410L\u0399\u0421\u0415"),  # Cyrillic and Greek capitals
    ("alice", "\u0391L\u0399C\u0395"),
    ("hi", "\u0397\u0399"),
    ("alice", "aIice"),  # a capital i for the l
    ("alice", "a1ice"),
    ("alice", "al\u0131ce"),  # dotless
    ("alice", "ali\u0307ce"),  # a dot on the dot
    ("alice", "al\u0456ce"),  # Ukrainian i
    ("alice", "\U0001d41alice"),  # mathematical
    ("alice", "ali\u217de"),  # Roman numeral
    ("alice", "alice\u3164"),  # Hangul filler
    ("alice", "al\u034fice"),
    ("alice", "al\u00adice"),
    ("alice", "al\u200dice"),
    ("alice", "\u202ealice"),
    ("marnie", "mamie"),
    ("mom", "rnorn"),
    ("bob", "b0b"),
    ("bob", "\u0412ob"),
    ("stra\u00dfe", "STRASSE"),
    ("stra\u00dfe", "strasse"),
    ("anna@example.org", "anna@ex\u0430mple.org"),
    ("anna-maria", "anna\u2010maria"),
    ("anna maria", "Anna Maria"),
    ("\u03b1\u03bd\u03bd\u03b1", "\u0391\u039d\u039d\u0391"),
    ("\u0430\u043d\u043d\u0430", "\u0410\u041d\u041d\u0410"),
    ("Ian", "lan"),
    ("\u0399" * 12, "l" * 12),
    ("\u0399" * 30, "i" * 30),
    ("m\u00fcller", "mu\u0308ller"),
]
APART = [
    ("alice", "alicia"),
    ("alice", "allice"),
    ("ian", "lan"),
    ("anna", "ann"),
    ("anna", "annan"),
    ("", "a"),
    ("nina", "viva"),
    ("vera", "nera"),
    ("ry", "yr"),
    ("user1", "user2"),
    ("user10", "user11"),
    ("muller", "m\u00fcller"),
    ("anna", "\u0430\u043d\u043d\u0430"),
    ("anna maria", "annamaria"),
    ("mom", "rnom."),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_alike(one: str, other: str) -> None:
    """Whichever was there first."""
    assert alike(one, other)
    assert alike(other, one)
    assert like(other, ["somebody", one]) == one


@pytest.mark.parametrize(("one", "other"), APART)
def test_apart(one: str, other: str) -> None:
    """Two people may be called so."""
    assert not alike(one, other)
    assert not alike(other, one)
    assert like(other, ["somebody", one]) is None


def test_a_name_is_no_look_alike_of_itself() -> None:
    """Whoever is there may be asked for again."""
    assert alike("alice", "alice")
    assert like("alice", ["alice"]) is None


def test_pairs_are_found_among_many() -> None:
    """Each once, with the others between them."""
    names = [f"user{n}" for n in range(3000)] + ["alice", "ALICE", "bob", "b\u043eb", "m", "rn"]
    assert {frozenset(pair) for pair in likes(names)} == {
        frozenset(("alice", "ALICE")),
        frozenset(("bob", "b\u043eb")),
        frozenset(("m", "rn")),
    }


def test_what_shows_nothing() -> None:
    """Fillers that are letters or marks by category are found, too."""
    unseen = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u200b\u202e\u2066\u2800\u3164\ufe0f\uffa0"
    assert all(map(is_unseen, unseen + "\U000e0100\U000e0041\U0001d159"))
    assert not any(map(is_unseen, "a1\u00e9\u0430\u05d0\u0627\u4e2d "))


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_judged(one: str, other: str) -> None:
    """The same both ways, and alike in every case."""
    assert alike(one, other) == alike(other, one)
    assert alike(one, one.casefold())

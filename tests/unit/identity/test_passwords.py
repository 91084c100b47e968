"""Passwords before they are hashed: one spelling, and which may be chosen."""

import pytest

from sealgate.errors import UsageError
from sealgate.identity.passwords import MOST_BYTES, checked_choice, prepared

GOOD = "correct horse battery staple"


# RFC 8265, 4.3, table 3, examples 1 to 8 (those that are conformant) and their preparation.
@pytest.mark.parametrize(
    ("given", "ready"),
    [
        ("correct horse battery staple", "correct horse battery staple"),
        ("Correct Horse Battery Staple", "Correct Horse Battery Staple"),
        ("πßå", "πßå"),
        ("Jack of ♦s", "Jack of ♦s"),
        ("foo\u1680bar", "foo bar"),
        ("a\u030angstrom", "\u00e5ngstrom"),
        ("e\u0301\u00a0x", "\u00e9 x"),
    ],
)
def test_one_password_has_one_spelling(given: str, ready: str) -> None:
    """Spaces of any kind become the plain one, then NFC; case is kept."""
    assert prepared(given) == ready


@pytest.mark.parametrize(
    "given",
    [
        "",
        "my cat is a \u0009by",
        "nul\0",
        "line\nfeed",
        "zero\u200bwidth",
        "\ud800",
        "private\ue000",
        "\u2028",
        "x" * (MOST_BYTES + 1),
        "\u00e9" * (MOST_BYTES // 2 + 1),
    ],
)
def test_what_cannot_be_typed_is_no_password(given: str) -> None:
    """The empty one, controls, what cannot be seen, and what is too long (RFC 8265, 4.2.1)."""
    assert prepared(given) is None


def test_a_long_phrase_may_be_chosen() -> None:
    """Any 15 characters will do, without a rule of composition."""
    assert checked_choice("anna", GOOD) == GOOD
    assert checked_choice("anna", "fünfzehn zeiche") == "fünfzehn zeiche"


@pytest.mark.parametrize(
    ("name", "password", "told"),
    [
        ("anna", "", "has 0 characters, but at least 15"),
        ("anna", "fourteen chars", "has 14 characters, but at least 15"),
        ("anna", "e\u0301" * 14, "has 14 characters"),
        ("anna", "abababababababababab", "fewer than 5 different"),
        ("anna", "tab\tinside the password", "cannot be typed"),
        ("anna", "\ud800" * 20, "cannot be typed"),
        ("anna", "x" * (MOST_BYTES + 1), "longer than 1024 bytes"),
        ("annabel.smith", "Annabel.Smith123", "little more than the user's name"),
        ("anna", "Correct Horse BATTERY Staple", "list of common passwords"),
    ],
)
def test_a_bad_choice_is_refused_with_the_reason(name: str, password: str, told: str) -> None:
    """Too short, too uniform, not typable, too long, made from the name, or common."""
    with pytest.raises(UsageError, match=told) as caught:
        checked_choice(name, password, ["123456\n", f"{GOOD}\r\n"])
    assert not password or password not in caught.value.message


def test_a_short_name_is_no_reason() -> None:
    """Three letters of a name may stand in a good password by chance."""
    assert checked_choice("bo", "bo bo bo bo went home")

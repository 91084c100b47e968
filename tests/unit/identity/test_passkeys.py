"""A challenge counts once, for what it was made for, and not for long."""

import pytest

from sealgate.errors import UsageError
from sealgate.identity.begun import digest
from sealgate.identity.passkeys import (
    CHALLENGE_SECONDS,
    Ceremony,
    Challenge,
    Challenges,
    PasskeyError,
    checked_label,
)

NOW = 1_800_000_000.0
SITE = "shop.example"


def challenge(number: int = 1) -> Challenge:
    """Return a challenge of its own."""
    return Challenge(
        number.to_bytes(32), Ceremony.ASSERTION, SITE, "anna", NOW, digest("cookie"), "192.0.2.1"
    )


def test_it_counts_once() -> None:
    """The second answer to it finds nothing."""
    out = Challenges()
    out.give(challenge())
    assert out.take(challenge().value, "cookie", Ceremony.ASSERTION, SITE, NOW) == challenge()
    with pytest.raises(PasskeyError):
        out.take(challenge().value, "cookie", Ceremony.ASSERTION, SITE, NOW)


@pytest.mark.parametrize(
    ("browser", "ceremony", "site", "now"),
    [
        ("cookie", Ceremony.REGISTRATION, SITE, NOW),
        ("cookie", Ceremony.ASSERTION, "evil.example", NOW),
        ("cookie", Ceremony.ASSERTION, SITE, NOW + CHALLENGE_SECONDS),
        ("cookie", Ceremony.ASSERTION, SITE, NOW - 1),
        ("another", Ceremony.ASSERTION, SITE, NOW),
        ("", Ceremony.ASSERTION, SITE, NOW),
        ("c\udc80", Ceremony.ASSERTION, SITE, NOW),
    ],
)
def test_it_counts_for_nothing_else(
    browser: str, ceremony: Ceremony, site: str, now: float
) -> None:
    """And whoever tried that has used it up."""
    out = Challenges()
    out.give(challenge())
    with pytest.raises(PasskeyError):
        out.take(challenge().value, browser, ceremony, site, now)
    with pytest.raises(PasskeyError):
        out.take(challenge().value, "cookie", Ceremony.ASSERTION, SITE, NOW)


def test_memory_is_bounded() -> None:
    """The newest stay."""
    out = Challenges(most=10)
    for number in range(100):
        out.give(challenge(number))
    assert len(out) == 10
    assert out.take(challenge(99).value, "cookie", Ceremony.ASSERTION, SITE, NOW)
    with pytest.raises(PasskeyError):
        out.take(challenge(1).value, "cookie", Ceremony.ASSERTION, SITE, NOW)
    with pytest.raises(UsageError):
        out.give(Challenge(b"short", Ceremony.ASSERTION, SITE, "", NOW))


def test_a_label_can_be_shown() -> None:
    """One line of visible characters, or a usual one."""
    assert checked_label("  my \t phone ") == "my phone"
    assert checked_label("") == "passkey"
    for label in ("x" * 61, "a\x1b[2J", "a\u202eb"):
        with pytest.raises(UsageError):
            checked_label(label)

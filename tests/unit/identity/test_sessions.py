"""A session is worth what holds now, and never outlives what it rests on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealgate.identity.factors import Factor, Proven
from sealgate.identity.grants import Grant
from sealgate.identity.model import Identity
from sealgate.identity.sessions import (
    IDLE_SECONDS,
    SESSION_SECONDS,
    TOKEN_SECONDS,
    Session,
    SignIn,
    session_of,
)

NOW = 1_800_000_000.125
ANNA = Identity("anna", ("board",))
KEY = Proven(Factor.CERTIFICATE, NOW - 2000, "c")
SIGN_IN = SignIn("s1", "anna", "shop.example", (KEY,), NOW - 2000, NOW - 1)
GRANT = Grant("1", "anna", "drop x", "reason", 60, "op", NOW - 60, "ben", "op2", NOW - 30)


def worth(sign_in: SignIn = SIGN_IN, grant: Grant | None = None, now: float = NOW) -> Session:
    """Return the session of anna in Germany."""
    session = session_of(ANNA, sign_in, "DE", ["DE"], grant, now)
    assert session is not None
    return session


def with_code(age: float) -> SignIn:
    """Return the sign-in, stepped up *age* seconds ago."""
    return replace(SIGN_IN, proven=(KEY, Proven(Factor.TOTP, NOW - age)))


def test_a_token_lives_for_less_than_a_minute() -> None:
    """From a whole millisecond to a whole second, with who it is and what they proved."""
    session = worth()
    assert (session.rung, session.asset, session.groups) == (2, "", ("board",))
    assert session.issued_at == NOW
    assert session.ends_at == int(NOW + TOKEN_SECONDS)
    assert session.factors == (Factor.CERTIFICATE,)


@pytest.mark.parametrize(
    ("age", "minutes", "seconds"),
    [(0, 60, 55), (250, 60, 50), (0, 1, 30), (280, 1, 20)],
)
def test_rung_3_ends_with_the_first_of_what_it_rests_on(
    age: float, minutes: int, seconds: int
) -> None:
    """The life of a token, the freshness of the second factor, or the grant."""
    session = worth(with_code(age), replace(GRANT, minutes=minutes))
    assert (session.rung, session.asset) == (3, "drop x")
    assert session.ends_at == int(NOW + seconds)
    assert session.rung_for("drop x") == 3
    assert session.rung_for("drop y") == session.rung_for("") == 2


@pytest.mark.parametrize(
    ("sign_in", "grant"),
    [
        (SIGN_IN, GRANT),
        (with_code(300), GRANT),
        (with_code(0), None),
        (with_code(0), replace(GRANT, person="ben")),
        (with_code(0), replace(GRANT, ended_at=NOW)),
        (with_code(0), replace(GRANT, approved_at=None)),
    ],
)
def test_without_a_fresh_factor_and_a_grant_of_theirs_it_is_rung_2(
    sign_in: SignIn, grant: Grant | None
) -> None:
    """And names no asset."""
    session = worth(sign_in, grant)
    assert (session.rung, session.asset) == (2, "")


def test_a_country_that_is_not_allowed_is_rung_1() -> None:
    """Whatever was proven."""
    for country in ("FR", None):
        session = session_of(ANNA, with_code(0), country, ["DE"], GRANT, NOW)
        assert session is not None
        assert session.rung == 1


@pytest.mark.parametrize(
    "sign_in",
    [
        replace(SIGN_IN, ended_at=NOW - 1),
        replace(SIGN_IN, ended_at=NOW + 10),
        replace(SIGN_IN, started_at=NOW - SESSION_SECONDS),
        replace(SIGN_IN, started_at=NOW + 1),
        replace(SIGN_IN, used_at=NOW - IDLE_SECONDS),
        replace(SIGN_IN, name="ben"),
        replace(SIGN_IN, proven=()),
        replace(SIGN_IN, proven=(Proven(Factor.TOTP, NOW - 1),)),
    ],
)
def test_a_sign_in_that_is_over_gives_no_token(sign_in: SignIn) -> None:
    """Ended, too old, idle, of somebody else, or with nothing that begins one."""
    assert session_of(ANNA, sign_in, "DE", ["DE"], None, NOW) is None


def test_a_session_ends_after_twelve_hours_whatever_happens() -> None:
    """The last token is as short as what is left."""
    late = replace(SIGN_IN, started_at=NOW - SESSION_SECONDS + 30)
    assert worth(late).ends_at == int(NOW + 30)
    assert session_of(ANNA, late, "DE", ["DE"], None, NOW + 30) is None
    nearly = replace(SIGN_IN, started_at=NOW - SESSION_SECONDS + 0.3)
    assert session_of(ANNA, nearly, "DE", ["DE"], None, NOW) is None

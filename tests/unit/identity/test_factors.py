"""The ladder "access", cell by cell, by a table that was written by hand."""

from __future__ import annotations

import itertools

import pytest

from sealgate.identity.factors import (
    FRESH_SECONDS,
    Factor,
    Need,
    Proven,
    missing,
    rung_of,
    second_factors,
)
from sealgate.identity.grants import Grant
from sealgate.policy.protection import AccessRung
from sealgate.protocols.authorize import access_rung
from sealgate.protocols.model import Method

NOW = 1_800_000_000.0
ALLOWED = ("DE", "NO")
RUNNING = Grant("1", "anna", "drop x", "reason", 60, "op", NOW - 60, "ben", "op2", NOW - 30)
WAITING = Grant("2", "anna", "drop x", "reason", 60, "op", NOW - 60)
RAN_OUT = Grant("3", "anna", "drop x", "reason", 1, "op", NOW - 600, "ben", "op2", NOW - 500)
DENIED = Grant("4", "anna", "drop x", "reason", 60, "op", NOW - 60, "ben", "op2", None, NOW - 30)
ENDED = Grant(
    "5", "anna", "drop x", "reason", 60, "op", NOW - 60, "ben", "op2", NOW - 30, None, "c", NOW - 1
)
GRANTS = {
    "running": RUNNING,
    "waiting": WAITING,
    "out": RAN_OUT,
    "denied": DENIED,
    "ended": ENDED,
    "none": None,
}
# "pw" is a password that was proven just now, "pw!" one of an hour ago, "pw?" of tomorrow.
SHORT = {
    "pw": Factor.PASSWORD,
    "pk": Factor.PASSKEY,
    "crt": Factor.CERTIFICATE,
    "ssh": Factor.SSH_KEY,
    "otp": Factor.TOTP,
    "rec": Factor.RECOVERY_CODE,
    "idp": Factor.PROVIDER,
    "idk": Factor.PROVIDER_KEY,
}
AGES = {"!": -3600.0, "?": 86400.0}

# factors | country | grant | rung
TABLE = """
                | DE   | none    | 0
                | DE   | running | 0
                | none | none    | 0
pw              | DE   | none    | 1
pw              | DE   | running | 1
pw              | none | none    | 1
pw              | FR   | none    | 1
pw!             | DE   | none    | 1
pw?             | DE   | running | 0
pk              | DE   | none    | 2
pk              | FR   | none    | 1
pk              | none | none    | 1
pk              | DE   | running | 2
pk!             | DE   | none    | 2
pk!             | NO   | none    | 2
pk?             | DE   | running | 0
crt             | DE   | none    | 2
crt             | NO   | none    | 2
crt             | FR   | none    | 1
crt             | none | none    | 1
crt             | DE   | running | 2
crt!            | DE   | none    | 2
crt?            | DE   | none    | 0
ssh             | DE   | none    | 2
ssh             | FR   | none    | 1
ssh             | none | none    | 1
ssh             | DE   | running | 2
ssh!            | DE   | running | 2
otp             | DE   | none    | 0
otp             | DE   | running | 0
otp             | none | none    | 0
rec             | DE   | none    | 0
rec             | DE   | running | 0
otp rec         | DE   | running | 0
pw otp          | DE   | none    | 1
pw otp          | DE   | running | 1
pw rec          | DE   | running | 1
pw! otp         | DE   | running | 1
pw otp rec      | NO   | running | 1
pk pw           | DE   | none    | 2
pk pw           | DE   | running | 3
pk pw           | NO   | running | 3
pk pw           | FR   | running | 1
pk pw           | none | running | 1
pk pw           | DE   | waiting | 2
pk pw           | DE   | out     | 2
pk pw           | DE   | denied  | 2
pk pw           | DE   | ended   | 2
pk! pw          | DE   | running | 3
pk pw!          | DE   | running | 2
pk! pw!         | DE   | running | 2
pk pw?          | DE   | running | 2
pk? pw          | DE   | running | 1
pk otp          | DE   | running | 3
pk otp          | DE   | none    | 2
pk otp!         | DE   | running | 2
pk! otp         | DE   | running | 3
pk rec          | DE   | running | 3
pk rec!         | DE   | running | 2
pk rec          | DE   | out     | 2
pk pk           | DE   | running | 2
pk! pk          | DE   | running | 2
crt pw          | DE   | none    | 2
crt pw          | DE   | running | 3
crt pw          | FR   | running | 1
crt pw          | none | running | 1
crt pw          | DE   | waiting | 2
crt pw          | DE   | ended   | 2
crt! pw         | DE   | running | 3
crt pw!         | DE   | running | 2
crt! pw!        | DE   | running | 2
crt? pw         | DE   | running | 1
crt pk          | DE   | running | 3
crt pk          | DE   | none    | 2
crt pk          | FR   | running | 1
crt! pk         | DE   | running | 3
crt pk!         | DE   | running | 2
crt! pk!        | DE   | running | 2
crt? pk         | DE   | running | 2
crt otp         | DE   | running | 3
crt otp         | NO   | running | 3
crt otp         | DE   | denied  | 2
crt otp!        | DE   | running | 2
crt otp?        | DE   | running | 2
crt rec         | DE   | running | 3
crt rec!        | DE   | running | 2
crt ssh         | DE   | running | 2
crt! ssh        | DE   | running | 2
crt crt         | DE   | running | 2
crt ssh pw      | DE   | running | 3
crt ssh pw!     | DE   | running | 2
crt pk pw!      | DE   | running | 3
crt pk! pw!     | DE   | running | 2
crt pk! pw      | DE   | running | 3
crt pw! otp     | DE   | running | 3
crt pw! otp!    | DE   | running | 2
ssh pw          | DE   | running | 3
ssh pw          | DE   | none    | 2
ssh pw          | FR   | running | 1
ssh pw!         | DE   | running | 2
ssh! pw         | DE   | running | 3
ssh otp         | DE   | running | 3
ssh otp         | DE   | waiting | 2
ssh otp!        | DE   | running | 2
ssh otp         | none | running | 1
ssh rec         | DE   | running | 3
ssh pk          | DE   | running | 3
ssh ssh         | DE   | running | 2
ssh crt         | NO   | running | 2
pk otp rec pw   | FR   | running | 1
pk otp rec pw   | DE   | none    | 2
pk otp! rec pw! | DE   | running | 3
crt otp! rec!   | DE   | running | 2
idp             | DE   | none    | 1
idp             | DE   | running | 1
idp             | FR   | none    | 1
idp             | none | none    | 1
idp?            | DE   | running | 0
idp pw          | DE   | running | 1
idp otp         | DE   | running | 1
pk idp          | DE   | running | 2
crt idp         | DE   | running | 2
crt idp pw      | DE   | running | 3
idk             | DE   | none    | 2
idk             | FR   | none    | 1
idk             | none | running | 1
idk             | DE   | running | 2
idk!            | DE   | none    | 2
idk?            | DE   | running | 0
idk idp         | DE   | running | 2
idk idk!        | DE   | running | 2
idk pk          | DE   | running | 2
idk otp         | DE   | none    | 2
idk otp         | DE   | running | 3
idk otp         | FR   | running | 1
idk! otp        | DE   | running | 3
idk otp!        | DE   | running | 2
idk pw          | DE   | running | 3
crt idk         | DE   | running | 3
crt idk!        | DE   | running | 2
crt! idk        | NO   | running | 3
ssh idk         | DE   | running | 3
"""
CELLS = [tuple(cell.strip() for cell in line.split("|")) for line in TABLE.strip().splitlines()]


def proofs(text: str) -> tuple[Proven, ...]:
    """Return what a cell of the table tells."""
    return tuple(
        Proven(SHORT[one.rstrip("!?")], NOW + AGES.get(one[-1], -1.0), f"k{number}")
        for number, one in enumerate(text.split())
    )


@pytest.mark.parametrize(("factors", "country", "grant", "rung"), CELLS)
def test_each_cell_of_the_ladder(factors: str, country: str, grant: str, rung: str) -> None:
    """The rung is as the table says; below it nothing is missing, above it something is told."""
    where = None if country == "none" else country
    situation = (proofs(factors), where, ALLOWED, GRANTS[grant], NOW)
    assert rung_of(*situation) == int(rung)
    for needed in (AccessRung.LOW, AccessRung.HIGH, AccessRung.VERY_HIGH):
        told = missing(needed, *situation)
        assert (told == ()) == (needed <= int(rung))
        assert all(one.sentence and one.remedy for one in told)


METHODS = {
    Method.PASSWORD: Factor.PASSWORD,
    Method.PUBLIC_KEY: Factor.SSH_KEY,
    Method.CLIENT_CERTIFICATE: Factor.CERTIFICATE,
}


@pytest.mark.parametrize("country", ["DE", "FR", None])
@pytest.mark.parametrize("size", range(4))
def test_file_transfer_climbs_the_same_ladder(size: int, country: str | None) -> None:
    """Whatever a file server takes is worth the same there, up to where a grant is needed."""
    for methods in itertools.combinations(METHODS, size):
        held = [Proven(METHODS[method], NOW) for method in methods]
        theirs = access_rung(frozenset(methods), country, ALLOWED)
        assert rung_of(held, country, ALLOWED, None, NOW) == theirs


def test_the_table_is_large_and_reaches_every_rung() -> None:
    """At least a hundred different cells, and each rung often."""
    assert len(set(CELLS)) == len(CELLS) >= 100
    rungs = [cell[3] for cell in CELLS]
    assert all(rungs.count(rung) >= 8 for rung in "0123")


@pytest.mark.parametrize(
    ("age", "rung"), [(0, 3), (FRESH_SECONDS - 0.001, 3), (FRESH_SECONDS, 2), (-0.001, 2)]
)
def test_a_second_factor_is_fresh_for_five_minutes(age: float, rung: int) -> None:
    """To the moment; one from the future is none."""
    held = (Proven(Factor.CERTIFICATE, NOW - 9999, "c"), Proven(Factor.TOTP, NOW - age))
    assert rung_of(held, "DE", ALLOWED, RUNNING, NOW) == rung


def test_the_newest_fresh_factor_comes_first() -> None:
    """Whoever makes a token that ends with it takes the first."""
    held = (*proofs("crt pw! otp"), Proven(Factor.PASSKEY, NOW - 100, "p"))
    assert [p.factor for p in second_factors(held, NOW)] == [Factor.TOTP, Factor.PASSKEY]


NEEDS = [
    ("", None, "none", 1, [Need.SIGN_IN]),
    ("", "DE", "none", 2, [Need.SIGN_IN]),
    ("", "FR", "none", 2, [Need.SIGN_IN, Need.COUNTRY]),
    ("otp", "DE", "none", 1, [Need.SIGN_IN]),
    ("pw", "DE", "none", 2, [Need.KEY]),
    ("pw", None, "none", 2, [Need.KEY, Need.COUNTRY]),
    ("pk", "FR", "none", 2, [Need.COUNTRY]),
    ("crt", "DE", "none", 3, [Need.SECOND_FACTOR, Need.GRANT]),
    ("crt", "DE", "running", 3, [Need.SECOND_FACTOR]),
    ("crt pw", "DE", "none", 3, [Need.GRANT]),
    ("pw", "FR", "none", 3, [Need.KEY, Need.COUNTRY, Need.SECOND_FACTOR, Need.GRANT]),
    ("", None, "none", 3, [Need.SIGN_IN, Need.COUNTRY, Need.SECOND_FACTOR, Need.GRANT]),
    ("", None, "none", 0, []),
]


@pytest.mark.parametrize(("factors", "country", "grant", "needed", "needs"), NEEDS)
def test_what_is_missing_is_told_in_order(
    factors: str, country: str | None, grant: str, needed: AccessRung, needs: list[Need]
) -> None:
    """Everything at once, so that nobody proves one thing to learn of the next."""
    told = missing(needed, proofs(factors), country, ALLOWED, GRANTS[grant], NOW)
    assert [one.need for one in told] == needs


def test_sentences_are_those_of_file_transfer() -> None:
    """The same words at every door."""
    told = missing(AccessRung.VERY_HIGH, proofs("pw"), None, ALLOWED, None, NOW)
    assert [one.sentence for one in told] == [
        "a password is not enough, a key is required",
        "you come from an unknown country, which is not on the list",
        "a second factor that is independent of the key and at most 5 minutes old is required",
        "a grant that another person approved is required",
    ]
    (country,) = missing(AccessRung.HIGH, proofs("pk"), "FR", ALLOWED, None, NOW)
    assert country.sentence == "you come from FR, which is not on the list"
    assert country.factors == ()


def test_a_stale_factor_and_a_grant_tell_how_they_stand() -> None:
    """With their age and state, and the command that helps."""
    stale, waiting = missing(AccessRung.VERY_HIGH, proofs("crt pw!"), "DE", ALLOWED, WAITING, NOW)
    assert (
        stale.sentence == "your second factor is 60 minutes old, but must be at most 5 minutes old"
    )
    assert waiting.sentence.endswith(", and yours is waiting")
    assert "sealgate grant approve 2" in waiting.remedy
    for grant, told in ((RAN_OUT, "yours ran out"), (DENIED, "is denied"), (ENDED, "is ended")):
        (one,) = missing(AccessRung.VERY_HIGH, proofs("crt pw"), "DE", ALLOWED, grant, NOW)
        assert one.sentence.endswith(told)


@pytest.mark.parametrize(
    ("factors", "ways", "fit"),
    [
        ("pk", "pw otp rec pk", "password, one-time code, recovery code"),
        ("crt", "pw pk ssh crt", "password, passkey"),
        ("ssh", "pw otp ssh", "password, one-time code"),
        ("pw", "pw otp", "password, one-time code"),
        ("pk", "pk", ""),
    ],
)
def test_only_what_the_channel_takes_and_what_is_independent_is_offered(
    factors: str, ways: str, fit: str
) -> None:
    """Nobody is asked for a passkey over SFTP, nor for a second passkey beside the first."""
    offered = [SHORT[way] for way in ways.split()]
    told = missing(AccessRung.VERY_HIGH, proofs(factors), "DE", ALLOWED, RUNNING, NOW, ways=offered)
    second = next(one for one in told if one.need is Need.SECOND_FACTOR)
    assert set(second.factors) == {Factor(name) for name in fit.split(", ") if name}
    assert ("another way" in second.remedy) == (not fit)


@pytest.mark.parametrize(
    ("needed", "ways", "remedy"),
    [
        (AccessRung.LOW, "pw ssh", "sign in with a password or an SSH key"),
        (AccessRung.HIGH, "pw ssh", "sign in with an SSH key"),
        (AccessRung.HIGH, "pw pk crt", "sign in with a passkey or a client certificate"),
        (AccessRung.HIGH, "pw", "come in another way"),
    ],
)
def test_a_sign_in_is_asked_for_with_what_is_enough(
    needed: AccessRung, ways: str, remedy: str
) -> None:
    """Where a key is needed no password is asked for first."""
    offered = [SHORT[way] for way in ways.split()]
    (told,) = missing(needed, (), "DE", ALLOWED, None, NOW, ways=offered)
    assert told.remedy == remedy


def test_the_asset_to_ask_for_is_named() -> None:
    """A door that knows its asset says what to type; one that does not leaves the word for it."""
    for asset, typed in (("drop plans", '"drop plans"'), ("", "ASSET")):
        (lacking,) = (
            m
            for m in missing(AccessRung.VERY_HIGH, (), None, (), None, NOW, asset=asset)
            if m.need is Need.GRANT
        )
        assert f"sealgate grant ask {typed} --reason" in lacking.remedy

"""A grant is somebody else's yes, for one person, one asset and a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from sealgate.errors import UsageError
from sealgate.identity.grants import (
    LAPSES_AFTER_SECONDS,
    MOST_MINUTES,
    Grant,
    GrantState,
    approved,
    asked,
    denied,
    ended,
    next_end,
    running,
)
from sealgate.identity.model import Identity

NOW = 1_800_000_000.0
ANNA = Identity("anna", ("board",))
BEN = Identity("ben", (), ("approver",))
REASON = "look at the minutes"


def ask(**changes: object) -> Grant:
    """Return what anna asked for, with some of it otherwise."""
    fields: dict[str, object] = {
        "person": ANNA,
        "asset": "drop x",
        "reason": REASON,
        "minutes": 60,
        "others": (),
        "id": "a1",
        "by": "op",
        "now": NOW,
    }
    return asked(**fields | changes)  # type: ignore[arg-type]  # a table of everything


ASKED = ask()
RUNS = approved(ASKED, BEN, by="op2", now=NOW + 10)


def test_it_runs_from_the_approval_to_its_end_and_no_second_longer() -> None:
    """Whatever anybody does or forgets."""
    assert RUNS.ends_at == NOW + 10 + 3600
    states = {
        NOW + 9.9: GrantState.RAN_OUT,
        NOW + 10: GrantState.RUNNING,
        NOW + 3609.9: GrantState.RUNNING,
        NOW + 3610: GrantState.RAN_OUT,
        NOW + 10**9: GrantState.RAN_OUT,
        0.0: GrantState.RAN_OUT,
    }
    assert {at: RUNS.state(at) for at in states} == states
    assert ASKED.ends_at is None
    assert ASKED.state(NOW) is GrantState.WAITING
    assert ASKED.state(NOW + LAPSES_AFTER_SECONDS) is GrantState.LAPSED
    assert ASKED.state(NOW - 1) is GrantState.LAPSED


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"reason": ""}, "the reason has 0 characters"),
        ({"reason": "    x    "}, "the reason has 1 characters"),
        ({"reason": "x" * 501}, "the reason has 501 characters"),
        ({"reason": "look \x1b[2J at it"}, "cannot be seen"),
        ({"reason": "look \u202e at it"}, "cannot be seen"),
        ({"minutes": 0}, "0 minutes"),
        ({"minutes": -5}, "-5 minutes"),
        ({"minutes": MOST_MINUTES + 1}, "1 minute to 8 hours"),
        ({"others": [ASKED]}, "is waiting already"),
        ({"others": [RUNS], "now": NOW + 100}, "is running already"),
    ],
)
def test_what_is_not_fit_is_not_asked(changes: dict[str, object], told: str) -> None:
    """With what was found and what is required."""
    with pytest.raises(UsageError, match=told):
        ask(**changes)


def test_another_may_be_asked_when_the_first_is_over_or_for_something_else() -> None:
    """At most one is open for a person and an asset; others do not stand in the way."""
    over = [
        denied(ASKED, BEN, by="op2", now=NOW),
        ended(ASKED, by="op", now=NOW),
        replace(RUNS, approved_at=NOW - 9999),
        replace(ASKED, asked_at=NOW - LAPSES_AFTER_SECONDS),
        replace(ASKED, person="carl"),
        replace(ASKED, asset="drop y"),
    ]
    assert ask(others=over, reason="  look   at\tthe minutes ").reason == REASON


SELF = [
    ("the person", replace(BEN, name="anna"), "op2"),
    ("the person in capitals", replace(BEN, name="ANNA"), "op2"),
    ("the login of who asked", BEN, "op"),
    ("the login of who asked in capitals", BEN, "OP"),
    ("a login named as the person", BEN, "anna"),
    ("a person named as the login of who asked", replace(BEN, name="op"), "op2"),
]


@pytest.mark.parametrize("decide", [approved, denied])
@pytest.mark.parametrize(("who", "approver", "by"), SELF, ids=[name for name, _, _ in SELF])
def test_nobody_decides_about_themselves(
    decide: Callable[..., Grant], who: str, approver: Identity, by: str
) -> None:
    """Neither by name nor by the login that asked."""
    with pytest.raises(UsageError, match="by somebody else"):
        decide(ASKED, approver, by=by, now=NOW)


def test_nobody_decides_about_themselves_in_another_spelling() -> None:
    """Composed and decomposed letters are one name."""
    asked_by_juergen = ask(person=Identity("J\u00fcrgen"))
    approver = Identity("Ju\u0308rgen", (), ("approver",))
    with pytest.raises(UsageError, match="by somebody else"):
        approved(asked_by_juergen, approver, by="op2", now=NOW)


@pytest.mark.parametrize(
    "other",
    ["ANNA", "\u0430nna", "\uff41nna", "ann\u0251", "an\u034fna", "OP", "\u043e\u0440", "0p"],
)
@pytest.mark.parametrize("as_login", [False, True])
def test_nobody_decides_about_themselves_under_a_look_alike(other: str, *, as_login: bool) -> None:
    """Neither the person nor the login that asked, be it the approver's name or login."""
    name, by = ("ben", other) if as_login else (other, "op2")
    with pytest.raises(UsageError, match="by somebody else"):
        approved(ASKED, Identity(name, (), ("approver",)), by=by, now=NOW)


@pytest.mark.parametrize("decide", [approved, denied])
@pytest.mark.parametrize("groups", [(), ("approver",), ("approvers", "board")])
def test_only_who_holds_the_role_decides(
    decide: Callable[..., Grant], groups: tuple[str, ...]
) -> None:
    """A group of the same name is no role."""
    with pytest.raises(UsageError, match='does not hold the role "approver"'):
        decide(ASKED, Identity("carl", groups), by="op2", now=NOW)


OVER = {
    "running": RUNS,
    "denied": denied(ASKED, BEN, by="op2", now=NOW),
    "ended": ended(ASKED, by="op", now=NOW),
    "lapsed": replace(ASKED, asked_at=NOW - LAPSES_AFTER_SECONDS),
    "ran out": replace(RUNS, approved_at=NOW - 9999),
}


@pytest.mark.parametrize("decide", [approved, denied])
@pytest.mark.parametrize(("state", "grant"), OVER.items(), ids=OVER)
def test_only_a_waiting_one_is_decided(
    decide: Callable[..., Grant], state: str, grant: Grant
) -> None:
    """A denied one is not approved afterwards, a running one not made longer."""
    with pytest.raises(UsageError, match=f"is {state}"):
        decide(grant, BEN, by="op2", now=NOW + 20)


@pytest.mark.parametrize("state", ["denied", "ended", "lapsed", "ran out"])
def test_only_an_open_one_is_ended(state: str) -> None:
    """What is over stays as it is told."""
    with pytest.raises(UsageError, match="is over already"):
        ended(OVER[state], by="anybody", now=NOW + 20)


def test_the_end_holds_at_once() -> None:
    """By anybody, and even where a clock is set back."""
    over = ended(RUNS, by="carl", now=NOW + 20)
    assert not any(over.is_running(at) for at in (NOW + 10, NOW + 15, NOW + 20, NOW + 30))


@pytest.mark.parametrize("grant", [ASKED, RUNS], ids=["waiting", "running"])
def test_it_is_ended_by_a_clock_that_is_late_too(grant: Grant) -> None:
    """It opens nothing before the clock is right again, and nothing then, either."""
    assert not grant.is_open(NOW - 86400)
    over = ended(grant, by="carl", now=NOW - 86400)
    assert {over.state(at) for at in (NOW - 86400, NOW, NOW + 15)} == {GrantState.ENDED}


def test_the_running_one_is_found_by_person_and_asset() -> None:
    """And by nothing less."""
    grants = [ASKED, OVER["denied"], RUNS]
    assert running(grants, "anna", "drop x", NOW + 20) == RUNS
    assert running(grants, "anna", "drop y", NOW + 20) is None
    assert running(grants, "ben", "drop x", NOW + 20) is None
    assert running(grants, "anna", "drop x", NOW + 9999) is None
    assert next_end(grants, NOW + 20) == RUNS.ends_at
    assert next_end(grants, NOW + 9999) is None

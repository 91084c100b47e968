"""Ladders: which rank the verdicts prove, and what a rank asks for."""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path
from types import ModuleType

import pytest

from sealgate.errors import BugError
from sealgate.policy import ladder
from sealgate.policy.assets import AssetKind
from sealgate.policy.declarations import PROTOCOLS, Declaration
from sealgate.policy.finding import Status, Verdict, met, violated
from sealgate.policy.ladder import LADDERS, criteria, reached
from sealgate.policy.protection import RUNG_NAMES, Column
from sealgate.policy.requirements import COLUMNS
from sealgate.policy.rules import RULES

NOTHING: frozenset[Declaration] = frozenset()
TOP_RANK = 3
SITE_ASKS = frozenset([Declaration.SITE_ASKS])
SSH = frozenset([Declaration.SSH])
FTP = frozenset([Declaration.FTP])
UNSEEN = Verdict(Status.NOT_OBSERVED, "nobody looked")
ALL_MET = {rule.id: met("fine") for rule in RULES}
APPLICABLE = [(kind, column) for kind in AssetKind for column in COLUMNS[kind]]


def test_every_column_has_a_rung_for_every_rank() -> None:
    """Ladders are whole, in order, and their first rung asks for nothing."""
    for column in Column:
        assert [rung.rank for rung in LADDERS[column]] == list(range(TOP_RANK + 1))
        assert len(RUNG_NAMES[column]) == len(LADDERS[column])
        assert LADDERS[column][0].alternatives == ()
        assert all(rung.alternatives and rung.text for rung in LADDERS[column][1:])


@pytest.mark.parametrize(("kind", "column"), APPLICABLE)
def test_all_met_reaches_the_top_and_nothing_seen_reaches_nothing(
    kind: AssetKind, column: Column
) -> None:
    """For each kind of asset the whole ladder can be climbed, and only by what was seen."""
    nothing = {rule.id: UNSEEN for rule in RULES}
    # No payment gateway is reached with a key of ours.
    top = 2 if kind is AssetKind.PAYMENT_GATEWAY else TOP_RANK
    assert reached(column, kind, NOTHING, ALL_MET) == top
    assert reached(column, kind, NOTHING, nothing) is None
    assert criteria(column, TOP_RANK, kind, NOTHING, nothing)


@pytest.mark.parametrize(("kind", "column"), APPLICABLE)
def test_one_missing_criterion_keeps_its_rung_out_of_reach(kind: AssetKind, column: Column) -> None:
    """A rung needs all of its criteria: violated, unseen or not applicable, it is not reached."""
    for rank in range(1, TOP_RANK + 1):
        for rule in criteria(column, rank, kind, NOTHING, ALL_MET):
            for verdict in (
                violated("broken"),
                UNSEEN,
                Verdict(Status.NOT_APPLICABLE, "elsewhere"),
            ):
                got = reached(column, kind, NOTHING, ALL_MET | {rule: verdict})
                assert got is None or got < rank


def test_seen_to_be_wrong_is_rank_zero_and_not_seen_is_none() -> None:
    """The ranks of "nothing is there" and "nobody knows" are two answers."""
    column, kind = Column.IN_TRANSIT, AssetKind.SITE
    broken = ALL_MET | {"transit-plaintext": violated("served")}
    blind = ALL_MET | {"transit-plaintext": UNSEEN}
    assert reached(column, kind, NOTHING, broken) == 0
    assert reached(column, kind, NOTHING, blind) is None
    assert reached(column, kind, NOTHING, broken | {"transit-wrong-name": UNSEEN}) == 0


def test_a_lower_rank_stays_proven_when_the_next_was_not_observed() -> None:
    """What is proven is proven."""
    verdicts = ALL_MET | {"transit-tls-1-2-accepted": UNSEEN}
    assert reached(Column.IN_TRANSIT, AssetKind.SITE, NOTHING, verdicts) == 2


def test_where_the_site_asks_only_the_audits_look_counts_as_low_access() -> None:
    """The alternative that applies is taken, and the other one proves nothing."""
    column, kind = Column.ACCESS, AssetKind.ROUTE
    assert criteria(column, 1, kind, SITE_ASKS, ALL_MET) == ("access-site-unverified",)
    assert criteria(column, 1, kind, NOTHING, ALL_MET) == ("access-anonymous",)
    unasked = ALL_MET | {"access-site-unverified": UNSEEN}
    assert reached(column, kind, SITE_ASKS, unasked) is None
    assert reached(column, kind, NOTHING, unasked) == TOP_RANK


def test_without_a_protocol_a_channel_is_asked_for_but_never_proven() -> None:
    """Where no door is open, a drop's transit stays visibly open."""
    asked = criteria(Column.IN_TRANSIT, 2, AssetKind.DROP, NOTHING, ALL_MET)
    assert asked == ("transit-unobserved",)


@pytest.mark.parametrize("kind", [AssetKind.FILE_SERVER, AssetKind.DROP, AssetKind.TUNNEL])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_who_has_two_doors_must_have_locked_both(kind: AssetKind, rank: int) -> None:
    """SSH and FTPS together ask for all that either asks for, and one weak door is enough."""
    column, both = Column.IN_TRANSIT, SSH | FTP
    ssh = set(criteria(column, rank, kind, SSH, ALL_MET))
    ftp = set(criteria(column, rank, kind, FTP, ALL_MET))
    assert set(criteria(column, rank, kind, both, ALL_MET)) == ssh | ftp
    for rule in ssh | ftp:
        weak = ALL_MET | {rule: violated("weak")}
        assert (reached(column, kind, both, weak) or 0) < rank


@pytest.mark.parametrize("kind", [AssetKind.FILE_SERVER, AssetKind.DROP, AssetKind.TUNNEL])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_choice_of_doors_has_its_way(kind: AssetKind, rank: int) -> None:
    """Whatever is added to the protocols, no door is judged by another one alone."""
    for many in range(1, len(PROTOCOLS) + 1):
        for chosen in combinations(PROTOCOLS, many):
            each = [
                set(criteria(Column.IN_TRANSIT, rank, kind, frozenset([one]), ALL_MET))
                for one in chosen
            ]
            assert all(each)
            together = criteria(Column.IN_TRANSIT, rank, kind, frozenset(chosen), ALL_MET)
            assert set(together) == set().union(*each)


@pytest.mark.parametrize(
    ("there", "instead", "told"),
    [
        (
            "Declaration.FTP: _ProtocolCriteria(",
            "Declaration.SSH: _ProtocolCriteria(",
            "protocols of policy/declarations.py",
        ),
        (
            "Rung(Column.AT_REST, 0,",
            "Rung(Column.AT_REST, 4,",
            'column "at rest": its rungs in policy/ladder.py',
        ),
    ],
    ids=["a protocol without criteria", "a rung without an entry"],
)
def test_what_the_ladder_lacks_is_an_error_at_once(there: str, instead: str, told: str) -> None:
    """It would be asked for by nobody, and so be met or never be missed."""
    source = Path(ladder.__file__).read_text(encoding="utf-8")
    assert source.count(there) == 1
    broken = ModuleType("sealgate.policy.broken_ladder")
    sys.modules[broken.__name__] = broken  # where dataclasses look up what annotations name
    try:
        with pytest.raises(BugError, match=told):
            exec(source.replace(there, instead), broken.__dict__)  # noqa: S102  # our own source
    finally:
        del sys.modules[broken.__name__]


def test_a_server_that_stands_for_itself_must_ask_it_of_everybody() -> None:
    """A drop's sessions are measured one by one; a stranger's server has only what it offers."""
    column = Column.IN_TRANSIT
    lax = ALL_MET | {"transit-ssh-password-accepted": violated("password")}
    assert reached(column, AssetKind.FILE_SERVER, SSH, lax) == 2
    assert reached(column, AssetKind.DROP, SSH, lax) == 3
    unmeasured = ALL_MET | {"transit-weak-session": UNSEEN}
    assert reached(column, AssetKind.DROP, SSH, unmeasured) == 2


PLAIN = frozenset([Declaration.PLAIN_HTTP])


@pytest.mark.parametrize("kind", [AssetKind.SITE, AssetKind.ROUTE])
def test_a_signed_answer_over_http_is_worth_one_rung(kind: AssetKind) -> None:
    """It reaches "protected" and nothing above, where it was declared and its key is believable."""
    column = Column.IN_TRANSIT
    served = ALL_MET | {"transit-plaintext": violated("served")}
    assert reached(column, kind, PLAIN, served) == 1
    assert reached(column, kind, NOTHING, served) == 0
    for rule in ("transit-unsigned", "transit-untrusted-chain", "transit-wrong-name"):
        assert reached(column, kind, PLAIN, served | {rule: violated("bad")}) == 0
        assert (reached(column, kind, PLAIN, served | {rule: UNSEEN}) or 0) == 0
    assert criteria(column, 1, kind, PLAIN, served)[0] == "transit-unsigned"
    assert "transit-unsigned" not in criteria(column, 2, kind, NOTHING, ALL_MET)


def test_rank_zero_asks_for_nothing() -> None:
    """Public data on a public page has no criteria."""
    assert criteria(Column.ACCESS, 0, AssetKind.ROUTE, NOTHING, ALL_MET) == ()
    assert criteria(Column.IN_TRANSIT, 2, AssetKind.TABLE, NOTHING, ALL_MET) == ()

"""How looks at several names become one set of sightings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.sightings import agreed, seen, unseen
from sealgate.policy.observation import Fact, FactValue, NotObserved, Observation, Vantage

LOOKS = st.lists(
    st.one_of(
        st.builds(
            lambda asset, fact, value: seen(asset, {fact: value}, "a test")[0],
            st.sampled_from("ab"),
            st.sampled_from([Fact.HTTP_STATUS, Fact.HSTS_SECONDS]),
            st.integers(0, 3),
        ),
        st.builds(
            lambda asset, fact: unseen(asset, (fact,), "dark")[0],
            st.sampled_from("ab"),
            st.sampled_from([Fact.HTTP_STATUS, Fact.HSTS_SECONDS]),
        ),
    ),
    max_size=12,
)


@given(LOOKS)
def test_a_gap_at_one_name_is_a_gap(looks: list[Observation | NotObserved]) -> None:
    """What one look could not see is not observed; what all saw is kept whole."""
    result = agreed(looks)
    dark = {(look.asset, look.fact) for look in looks if isinstance(look, NotObserved)}
    for look in result:
        assert isinstance(look, NotObserved) == ((look.asset, look.fact) in dark)
    bright = [look for look in looks if (look.asset, look.fact) not in dark]
    assert sorted(map(repr, bright)) == sorted(
        repr(look) for look in result if isinstance(look, Observation)
    )


@pytest.mark.parametrize(
    ("fact", "wrong", "right"),
    [
        (Fact.COOKIES_INSECURE, ("sid",), ()),
        (Fact.PLAIN_FORMS, ("password",), ()),
        (Fact.LOCK_VARIANTS_OPEN, ("/a",), ()),
        (Fact.PLAIN_GET, "served", "redirect"),
    ],
)
def test_a_gap_hides_nothing_that_was_seen_to_be_wrong(
    fact: Fact, wrong: FactValue, right: FactValue
) -> None:
    """A cookie without Secure is there, whatever another look could not see."""
    dark, bad, good = (
        unseen("a", (fact,), "76 pages were not asked for"),
        seen("a", {fact: wrong}, "one page"),
        seen("a", {fact: right}, "another page"),
    )
    assert agreed([*dark, *bad, *good]) == tuple(bad)
    assert agreed([*good, *dark]) == tuple(dark)
    assert agreed([*good, *bad]) == (*good, *bad)


def test_vantages_do_not_hide_each_other() -> None:
    """What the host sees stands beside what outside could not."""
    looks = [
        *unseen("a", (Fact.ACCESS_RUNG,), "from outside only the refusal shows"),
        *seen("a", {Fact.ACCESS_RUNG: 2}, "the gateway", Vantage.HOST),
    ]
    assert set(agreed(looks)) == set(looks)

"""Which facts of a parent hold for its children."""

from __future__ import annotations

import pytest

from sealgate.policy.observation import OWN_FACTS, Fact


@pytest.mark.parametrize(
    "fact",
    [
        fact
        for fact in Fact
        if fact.value.startswith(("tls.", "certificate.", "upstream.", "ssh.", "ftp."))
    ],
)
def test_what_the_endpoint_does_it_does_for_every_route(fact: Fact) -> None:
    """Versions, suites and certificates of the endpoint are those of each page."""
    assert fact not in OWN_FACTS


@pytest.mark.parametrize("fact", [fact for fact in Fact if fact.value.startswith("lock.")])
def test_a_lock_is_one_doors_own(fact: Fact) -> None:
    """One locked door says nothing of the next."""
    assert fact in OWN_FACTS
    assert Fact.ACCESS_RUNG in OWN_FACTS
    assert Fact.SESSION_RUNG in OWN_FACTS
    assert Fact.FORMS_SENSITIVE in OWN_FACTS

"""Which facts of a parent hold for its children."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.policy.observation import OWN_FACTS, Fact

SOURCE = Path(__file__).parents[3] / "src/sealgate"


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


def test_each_fact_is_seen_somewhere() -> None:
    """A rule on one that nobody looks for would never apply, and never fail."""
    seen = "".join(
        path.read_text("utf-8")
        for path in SOURCE.rglob("*.py")
        if not path.is_relative_to(SOURCE / "policy/rules") and path.name != "observation.py"
    )
    assert not [fact for fact in Fact if f"Fact.{fact.name}" not in seen]

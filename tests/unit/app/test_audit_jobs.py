"""What many looks beside each other are worth when one of them fails."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from sealgate.app.audit_jobs import Job, run_jobs
from sealgate.app.audit_options import AuditOptions
from sealgate.audit.sightings import seen
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, NotObserved, Observation

if TYPE_CHECKING:
    import pytest

    from sealgate.policy.observation import Sighting


def test_a_look_that_fails_ends_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """It is not observed, with the kind of its fault and no data, and it is logged."""

    def fails() -> list[Sighting]:
        raise ValueError("bob:secret")

    def refused() -> list[Sighting]:
        raise PeerError("the connection was closed")

    facts = (Fact.HTTP_STATUS, Fact.PLAIN_GET)
    jobs = [
        Job("pages of one", fails, "one", facts, "a door"),
        Job("pages of two", refused, "two", facts),
        Job(
            "pages of three", lambda: seen("three", {Fact.HTTP_STATUS: 200}, "GET"), "three", facts
        ),
    ]
    with caplog.at_level(logging.WARNING):
        looks = run_jobs(jobs, AuditOptions(time.time()))
    gaps = [told for told in looks.sightings if isinstance(told, NotObserved)]
    assert [(gap.asset, gap.fact, gap.door) for gap in gaps] == [
        *(("one", fact, "a door") for fact in facts),
        *(("two", fact, "") for fact in facts),
    ]
    assert "ValueError" in gaps[0].reason
    assert gaps[-1].reason == "the connection was closed"
    assert [told.asset for told in looks.sightings if isinstance(told, Observation)] == ["three"]
    assert "ValueError" in caplog.text
    assert "pages of one" in caplog.text
    assert "secret" not in caplog.text + "".join(gap.reason for gap in gaps)

"""The values that a verdict is made of."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

import pytest

from sealgate.errors import BugError
from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.finding import (
    Citation,
    Finding,
    Severity,
    Status,
    Subject,
    listed,
)
from sealgate.policy.inventory import AcceptedRisk
from sealgate.policy.observation import Fact, FactValue, NotObserved, Observation, Vantage
from sealgate.policy.protection import NO_PROTECTION
from sealgate.policy.rules import RULES, find_rule

if TYPE_CHECKING:
    from collections.abc import Callable

SITE = Asset("site shop.example", AssetKind.SITE)
ENDPOINT = Asset("https://shop.example", AssetKind.ENDPOINT)


def _subject(fact: Fact, value: FactValue) -> Subject:
    sighting = Observation(SITE.id, fact, value, Vantage.OUTSIDE, "a test")
    return Subject(SITE, NO_PROTECTION, {fact: sighting}, 0.0)


def _finding(rule_id: str, **more: object) -> Finding:
    rule = find_rule(rule_id)
    assert rule is not None
    finding = Finding(rule, SITE, Status.VIOLATED, "found", "required", "fix")
    return dataclasses.replace(finding, **more)  # type: ignore[arg-type]  # fields of Finding


def test_a_fact_of_the_wrong_type_is_our_bug() -> None:
    """A probe that reports a word where a list belongs is found out, not misread."""
    wrong: list[Callable[[], object]] = [
        lambda: _subject(Fact.TLS_VERSIONS, "TLSv1.3").names(Fact.TLS_VERSIONS),
        lambda: _subject(Fact.PLAIN_GET, ("served",)).text(Fact.PLAIN_GET),
        lambda: _subject(Fact.UPSTREAM_PROTECTED, 1).flag(Fact.UPSTREAM_PROTECTED),
        lambda: _subject(Fact.ACCESS_RUNG, True).number(Fact.ACCESS_RUNG),
    ]
    for read in wrong:
        with pytest.raises(BugError, match="which it never is"):
            read()


def test_reasons_for_not_seeing_are_told_once() -> None:
    """The same reason for two facts is one reason; a fact that nobody looked at is named."""
    sightings = {
        fact: NotObserved(SITE.id, fact, "connection refused", Vantage.OUTSIDE)
        for fact in (Fact.TLS_VERSIONS, Fact.TLS_CIPHERS)
    }
    subject = Subject(SITE, NO_PROTECTION, sightings, 0.0)
    verdict = subject.not_observed(Fact.TLS_VERSIONS, Fact.TLS_CIPHERS, Fact.PLAIN_GET)
    assert verdict.status is Status.NOT_OBSERVED
    assert verdict.detail == "connection refused; nobody looked at http.plain-get"


def test_what_was_seen_is_no_reason_for_not_seeing() -> None:
    """Of several facts only the missing ones are told."""
    subject = _subject(Fact.CERTIFICATE_KEY, "RSA-2048")
    verdict = subject.not_observed(Fact.CERTIFICATE_KEY, Fact.CERTIFICATE_SIGNATURE)
    assert verdict.detail == "nobody looked at certificate.signature"


def test_long_lists_are_cut_and_counted() -> None:
    """A finding names the first few and how many follow."""
    assert listed(["a", "b"]) == "a, b"
    assert listed("abcdefg", most=5) == "a, b, c, d, e and 2 more"


def test_a_demanded_criterion_is_an_error_whatever_its_rule_says() -> None:
    """What a required rung is made of is a MUST."""
    assert _finding("transit-no-hybrid").severity is Severity.NOTE
    assert not _finding("transit-no-hybrid").is_open
    assert _finding("transit-no-hybrid", demanded=True).severity is Severity.ERROR
    assert _finding("transit-no-hybrid", demanded=True).is_open


def test_an_active_probe_that_was_not_allowed_is_a_note_on_foreign_targets() -> None:
    """A passive audit can end well; a configured site has no such excuse."""
    unseen = {"status": Status.NOT_OBSERVED}
    assert _finding("transit-post-accepted", **unseen).is_open
    assert not _finding("transit-post-accepted", asset=ENDPOINT, **unseen).is_open
    assert _finding("transit-post-accepted", asset=ENDPOINT).is_open
    assert _finding("transit-backend-bypass", asset=ENDPOINT, **unseen).is_open


def test_an_accepted_finding_is_not_open() -> None:
    """Somebody took it on, by name."""
    risk = AcceptedRisk("transit-no-hsts", SITE.id, "head of IT", "trial", dt.date(2027, 1, 1))
    assert _finding("transit-no-hsts").is_open
    assert not _finding("transit-no-hsts", accepted=risk).is_open


def test_a_citation_reads_as_source_and_clause() -> None:
    """A source without a clause stands alone."""
    assert str(Citation("RFC 9325", "3.1.1")) == "RFC 9325, 3.1.1"
    assert str(Citation("W3C Mixed Content", "")) == "W3C Mixed Content"


def test_only_rules_that_send_something_are_active() -> None:
    """The softer treatment of active rules covers the one that posts, and no other."""
    assert [rule.id for rule in RULES if rule.active] == ["transit-post-accepted"]

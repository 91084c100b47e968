"""One report that holds everything a report can hold."""

from __future__ import annotations

import datetime as dt

import pytest

from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.evaluate import evaluate
from sealgate.policy.finding import Report
from sealgate.policy.inventory import AcceptedRisk, Place
from sealgate.policy.observation import Fact, FactValue, NotObserved, Observation, Vantage
from sealgate.policy.protection import NO_PROTECTION, Protection
from sealgate.policy.requirements import AssetRequirement

NOW = dt.datetime(2026, 11, 24, tzinfo=dt.UTC).timestamp()


@pytest.fixture
def report() -> Report:
    """Return a report with errors, a warning, a note, gaps, and risks of every fate."""
    site = Asset("site shop.example", AssetKind.SITE, place=Place("/etc/seal gate.toml", 12))
    route = Asset("route shop.example/", AssetKind.ROUTE, parent=site.id)
    shop = Asset("database shop", AssetKind.DATABASE, place=Place("sealgate.toml"))
    table = Asset("table shop.customers", AssetKind.TABLE, parent=shop.id)
    wanted = [
        AssetRequirement(site, "confidential", Protection.of(2, 0, 0), collects="secret"),
        AssetRequirement(route, "public", NO_PROTECTION),
        AssetRequirement(shop, "confidential", Protection.of(0, 0, 2)),
        AssetRequirement(table, "confidential", Protection.of(0, 0, 2)),
        AssetRequirement(Asset("file flyer.pdf", AssetKind.FILE), "public", NO_PROTECTION),
    ]
    values: dict[Fact, FactValue] = {
        Fact.TLS_VERSIONS: ("TLSv1", "TLSv1.3"),
        Fact.TLS_CIPHERS: ("TLS_AES_256_GCM_SHA384",),
        Fact.TLS_HYBRID_OFFERED: True,
        Fact.CERTIFICATE_CHAIN_VALID: True,
        Fact.CERTIFICATE_NAME_MATCHES: True,
        Fact.CERTIFICATE_NOT_BEFORE: NOW - 10 * 86400,
        Fact.CERTIFICATE_NOT_AFTER: NOW + 80 * 86400,
        Fact.CERTIFICATE_KEY: "ECDSA-256",
        Fact.CERTIFICATE_SIGNATURE: "sha256",
        Fact.CERTIFICATE_OPERATOR: "Shop Ltd",
        Fact.CERTIFICATE_PUBLIC: True,
        Fact.HSTS_SECONDS: 300,
        Fact.PLAIN_GET: "redirect",
        Fact.PLAIN_POST: "denied",
        # What a hostile server may call its cookie.
        Fact.COOKIES_INSECURE: ("sid\x1b[2J\u202e",),
    }
    sightings = [
        Observation(site.id, fact, value, Vantage.OUTSIDE, "a test")
        for fact, value in values.items()
    ]
    gaps = [
        NotObserved(site.id, fact, "no route to host", Vantage.HOST)
        for fact in (Fact.UPSTREAM_EXPOSED, Fact.UPSTREAM_PROTECTED)
    ]
    pages = (
        Fact.COOKIES_INSECURE,
        Fact.COOKIES_SCRIPTABLE,
        Fact.MIXED_CONTENT,
        Fact.FORMS_PLAIN,
        Fact.FORMS_SENSITIVE,
        Fact.FORMS_GET,
        Fact.CARD_ELSEWHERE,
    )
    fine = [Observation(route.id, fact, (), Vantage.OUTSIDE, "a test") for fact in pages]

    def risk(rule: str, asset: str, year: int, line: int) -> AcceptedRisk:
        until, place = dt.date(year, 3, 31), Place("sealgate.toml", line)
        return AcceptedRisk(rule, asset, "the head of IT", "confirmed by the host", until, place)

    accepted = [
        risk("at-rest-unobserved", shop.id, 2027, 60),
        risk("transit-wrong-name", site.id, 2027, 67),
        risk("transit-weak-version", site.id, 2026, 74),
    ]
    return evaluate(wanted, [*sightings, *gaps, *fine], accepted=accepted, now=NOW)

"""Sightings against requirements: what is found, told once, excused, and in which order."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.declarations import Declaration
from sealgate.policy.evaluate import evaluate, judge_all
from sealgate.policy.finding import Severity, Status
from sealgate.policy.inventory import AcceptedRisk
from sealgate.policy.observation import Fact, FactValue, NotObserved, Observation, Vantage
from sealgate.policy.protection import NO_PROTECTION, Column, Protection
from sealgate.policy.requirements import AssetRequirement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.policy.finding import Finding, Report
    from sealgate.policy.observation import Sighting

NOW = dt.datetime(2027, 3, 31, 12, tzinfo=dt.UTC).timestamp()
DAY = 86400.0
SITE = Asset("site shop.example", AssetKind.SITE)
ROUTE = Asset("route shop.example/typo3", AssetKind.ROUTE, parent=SITE.id)
SHOP = Asset("database shop", AssetKind.DATABASE)
CUSTOMERS = Asset("table shop.customers", AssetKind.TABLE, parent=SHOP.id)
ENCRYPTED = Protection.of(2, 0, 0)
GOOD: dict[Fact, FactValue] = {
    Fact.TLS_VERSIONS: ("TLSv1.2", "TLSv1.3"),
    Fact.TLS_CIPHERS: ("TLS_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
    Fact.TLS_HYBRID_OFFERED: True,
    Fact.TLS_CLASSICAL_ACCEPTED: True,
    Fact.TLS_CLIENT_CERTIFICATE: "requested",
    Fact.CERTIFICATE_CHAIN_VALID: True,
    Fact.CERTIFICATE_NAME_MATCHES: True,
    Fact.CERTIFICATE_NOT_BEFORE: NOW - 10 * DAY,
    Fact.CERTIFICATE_NOT_AFTER: NOW + 80 * DAY,
    Fact.CERTIFICATE_KEY: "ECDSA-256",
    Fact.CERTIFICATE_SIGNATURE: "sha256",
    Fact.CERTIFICATE_OPERATOR: "Shop Ltd",
    Fact.CERTIFICATE_PUBLIC: True,
    Fact.HSTS_SECONDS: 63072000,
    Fact.PLAIN_GET: "redirect",
    Fact.PLAIN_POST: "denied",
    Fact.UPSTREAM_EXPOSED: (),
    Fact.UPSTREAM_PROTECTED: True,
}
LOCKED: dict[Fact, FactValue] = {
    Fact.ACCESS_RUNG: 2,
    Fact.LOCK_STATUS_ANONYMOUS: 403,
    Fact.LOCK_VARIANTS_OPEN: (),
}


def seen(asset: Asset, facts: dict[Fact, FactValue]) -> list[Sighting]:
    """Return one observation of *asset* for each of *facts*."""
    return [Observation(asset.id, f, v, Vantage.OUTSIDE, "a test") for f, v in facts.items()]


def site(required: Protection = ENCRYPTED) -> AssetRequirement:
    """Return what the site is asked for."""
    return AssetRequirement(SITE, "confidential", required)


def backend() -> AssetRequirement:
    """Return what its locked backend is asked for."""
    return AssetRequirement(
        ROUTE, "confidential", Protection.of(2, 2, 0), declarations=frozenset([Declaration.BACKEND])
    )


def ids(findings: Iterable[Finding]) -> list[tuple[str, str]]:
    """Return rule and asset of each finding."""
    return [(finding.rule.id, finding.asset.id) for finding in findings]


def judged(
    requirement: AssetRequirement, sightings: list[Sighting], *accepted: AcceptedRisk
) -> Report:
    """Return the report on one asset."""
    return evaluate([requirement], sightings, accepted=accepted, now=NOW)


def test_a_protected_site_with_a_locked_backend_has_nothing_to_fix() -> None:
    """When everything was seen and is right, nothing is found and every rank is reached."""
    report = evaluate([site(), backend()], seen(SITE, GOOD) + seen(ROUTE, LOCKED), now=NOW)
    assert report.findings == ()
    assert report.met > 10
    provided = {a.asset.id: a.provided for a in report.assets}
    assert provided[SITE.id] == {
        Column.IN_TRANSIT: 2,
        Column.ACCESS: None,
        Column.AT_REST: None,
    }
    assert provided[ROUTE.id] == {Column.IN_TRANSIT: 2, Column.ACCESS: 2, Column.AT_REST: None}
    assert all(a.is_met(column) for a in report.assets for column in Column)


def test_what_the_site_already_tells_is_not_told_again_for_each_route() -> None:
    """A weak version is one finding at the endpoint, and still lowers what the route provides."""
    facts = GOOD | {Fact.TLS_VERSIONS: ("TLSv1", "TLSv1.2")}
    report = evaluate([site(), backend()], seen(SITE, facts) + seen(ROUTE, LOCKED), now=NOW)
    assert ids(report.findings) == [("transit-weak-version", SITE.id)]
    assert [a.provided[Column.IN_TRANSIT] for a in report.assets] == [0, 0]


def test_what_was_seen_at_the_route_itself_is_told_there() -> None:
    """A route that serves over http is found although its site does not."""
    sightings = seen(SITE, GOOD) + seen(ROUTE, LOCKED | {Fact.PLAIN_GET: "served"})
    report = evaluate([site(), backend()], sightings, now=NOW)
    assert ids(report.open_findings) == [
        ("transit-plaintext", ROUTE.id),
        ("transit-backend-unlocked", ROUTE.id),
    ]


def test_a_route_that_needs_more_than_its_site_is_told_what_it_lacks() -> None:
    """The site's silence does not hide what only the route demands."""
    public = AssetRequirement(SITE, "public", NO_PROTECTION)
    facts = GOOD | {Fact.TLS_VERSIONS: ("TLSv1",)}
    report = evaluate([public, backend()], seen(SITE, facts) + seen(ROUTE, LOCKED), now=NOW)
    assert ("transit-weak-version", ROUTE.id) in ids(report.findings)


def test_facts_of_a_page_do_not_hold_for_its_neighbours() -> None:
    """A sign-in form at the site's front does not show that the account asks for a password."""
    account = AssetRequirement(
        ROUTE,
        "restricted",
        Protection.of(2, 1, 0),
        declarations=frozenset([Declaration.SITE_ASKS]),
    )
    front: dict[Fact, FactValue] = GOOD | {
        Fact.FORMS_SENSITIVE: ("password",),
        Fact.FORMS_PLAIN: (),
        Fact.HTTP_STATUS: 200,
    }
    found = evaluate([site(), account], seen(SITE, front), now=NOW)
    assert ("access-site-unverified", ROUTE.id) in ids(found.open_findings)
    page = {f: front[f] for f in (Fact.FORMS_SENSITIVE, Fact.FORMS_PLAIN, Fact.HTTP_STATUS)}
    found = evaluate([site(), account], seen(SITE, front) + seen(ROUTE, page), now=NOW)
    assert ("access-site-unverified", ROUTE.id) not in ids(found.findings)


def test_facts_of_a_database_hold_for_its_tables_through_every_parent() -> None:
    """What protects the volume protects the table in it."""
    row = Asset("row group", AssetKind.FILE, parent=CUSTOMERS.id)
    wanted = [
        AssetRequirement(asset, "confidential", Protection.of(0, 0, 2))
        for asset in (SHOP, CUSTOMERS, row)
    ]
    report = evaluate(wanted, seen(SHOP, {Fact.AT_REST_RUNG: 2}), now=NOW)
    assert report.findings == ()
    assert [a.provided[Column.AT_REST] for a in report.assets] == [2, 2, 2]


def test_parents_that_lead_in_a_circle_end() -> None:
    """A circle of parents is walked once."""
    one = Asset("one", AssetKind.TABLE, parent="two")
    two = Asset("two", AssetKind.TABLE, parent="one")
    wanted = [AssetRequirement(asset, "public", NO_PROTECTION) for asset in (one, two)]
    assert len(evaluate(wanted, (), now=NOW).assets) == 2


def test_of_two_readings_the_worse_one_counts() -> None:
    """The running configuration promises one thing, the probe sees another: the probe is heard."""
    sightings = seen(SITE, GOOD) + seen(SITE, {Fact.HSTS_SECONDS: 0})
    assert ids(judged(site(), sightings).findings) == [("transit-no-hsts", SITE.id)]


def test_what_one_saw_stands_over_what_another_could_not_see() -> None:
    """A gap beside an observation is no gap."""
    gap = NotObserved(SITE.id, Fact.PLAIN_GET, "no route to host", Vantage.HOST)
    assert judged(site(), [*seen(SITE, GOOD), gap]).findings == ()


def test_a_promise_does_not_fill_a_gap_of_the_probe() -> None:
    """A gateway that is down still has a fine configuration, and protects nothing."""
    facts = (Fact.TLS_VERSIONS, Fact.PLAIN_GET)
    gaps = [NotObserved(SITE.id, f, "connection refused", Vantage.OUTSIDE) for f in facts]
    promised = [
        Observation(SITE.id, fact, value, Vantage.HOST, "the configuration")
        for fact, value in GOOD.items()
    ]
    # Before it serves, a plan may rest on promises alone.
    assert judged(site(), [*promised]).findings == ()
    report = judged(site(), [*promised, *gaps])
    assert {f.rule.id: f.status for f in report.open_findings} == {
        "transit-plaintext": Status.NOT_OBSERVED,
        "transit-weak-version": Status.NOT_OBSERVED,
    }
    assert report.assets[0].provided[Column.IN_TRANSIT] is None


def test_a_bad_promise_is_heard_beside_a_gap() -> None:
    """What is known to be wrong is not hidden by what could not be seen."""
    gap = NotObserved(SITE.id, Fact.PLAIN_GET, "timed out", Vantage.OUTSIDE)
    promise = Observation(SITE.id, Fact.PLAIN_GET, "served", Vantage.HOST, "the configuration")
    facts = dict(GOOD)
    del facts[Fact.PLAIN_GET]
    report = judged(site(), [*seen(SITE, facts), promise, gap])
    assert [f.status for f in report.open_findings] == [Status.VIOLATED]


def test_the_reason_for_a_gap_is_told() -> None:
    """A gap comes with why, and of several whys always the same one."""
    gaps = [
        NotObserved(SITE.id, Fact.PLAIN_GET, why, Vantage.OUTSIDE) for why in ("timed out", "down")
    ]
    facts = dict(GOOD)
    del facts[Fact.PLAIN_GET]
    report = judged(site(), [*seen(SITE, facts), *gaps])
    assert ids(report.open_findings) == [("transit-plaintext", SITE.id)]
    assert report.findings[0].found == "down"
    assert report.findings[0].status is Status.NOT_OBSERVED


def at(door: str, facts: dict[Fact, FactValue]) -> list[Sighting]:
    """Return one observation of the site for each of *facts*, at one of its doors."""
    return [replace(sighting, door=door) for sighting in seen(SITE, facts)]


def test_each_door_is_judged_by_itself_and_named() -> None:
    """An address that is right does not make up for one beside it, and the finding says which."""
    both = at("[2001:db8::1]:443", GOOD) + at("192.0.2.1:443", GOOD)
    assert judged(site(), both).findings == ()
    bad = at("192.0.2.1:443", GOOD | {Fact.TLS_VERSIONS: ("TLSv1", "TLSv1.2")})
    report = judged(site(), at("[2001:db8::1]:443", GOOD) + bad)
    assert ids(report.findings) == [("transit-weak-version", SITE.id)]
    assert report.findings[0].found == "192.0.2.1:443: offers TLSv1"
    assert report.assets[0].provided[Column.IN_TRANSIT] != 2


def test_facts_of_two_doors_are_never_mixed() -> None:
    """Two certificates with dates of their own make no third one."""
    old: dict[Fact, FactValue] = {
        Fact.CERTIFICATE_NOT_BEFORE: NOW - 300 * DAY,
        Fact.CERTIFICATE_NOT_AFTER: NOW + 60 * DAY,
    }
    new: dict[Fact, FactValue] = {
        Fact.CERTIFICATE_NOT_BEFORE: NOW - DAY,
        Fact.CERTIFICATE_NOT_AFTER: NOW + 380 * DAY,
    }
    kept = {f: v for f, v in GOOD.items() if not f.value.startswith("certificate.not")}
    kept[Fact.CERTIFICATE_PUBLIC] = False
    report = judged(site(), seen(SITE, kept) + at("one", old) + at("two", new))
    assert report.findings == ()


def test_a_door_behind_a_door() -> None:
    """Of an address with two certificates each is judged with what is known of the address."""
    address = {f: v for f, v in GOOD.items() if not f.value.startswith("certificate")}
    shown = {f: v for f, v in GOOD.items() if f.value.startswith("certificate")}
    sightings = at("192.0.2.1:443", address) + at("192.0.2.1:443, its certificate ECDSA-256", shown)
    ended = shown | {Fact.CERTIFICATE_NOT_AFTER: NOW - DAY}
    sightings += at("192.0.2.1:443, its certificate RSA-2048", ended)
    report = judged(site(), sightings)
    assert ids(report.findings) == [("transit-expired-certificate", SITE.id)]
    assert report.findings[0].found.startswith("192.0.2.1:443, its certificate RSA-2048: expired")


def test_a_dead_door_is_one_finding_and_meets_nothing() -> None:
    """What nobody could look at there is told once, and keeps the asset from its rung."""
    why = "[2001:db8::1]:443: no answer within 5 s"
    gaps: list[Sighting] = [
        NotObserved(SITE.id, fact, why, Vantage.OUTSIDE, "[2001:db8::1]:443")
        for fact in (Fact.REACHABLE, *GOOD)
    ]
    report = judged(site(), at("192.0.2.1:443", GOOD | {Fact.REACHABLE: True}) + gaps)
    assert ids(report.findings) == [("transit-unreachable", SITE.id)]
    assert report.findings[0].status is Status.NOT_OBSERVED
    assert report.findings[0].demanded
    assert why in report.findings[0].found
    assert report.assets[0].provided[Column.IN_TRANSIT] is None
    # What is wrong at the door that answers is told as well, and the gap beside it.
    bad = at("192.0.2.1:443", GOOD | {Fact.REACHABLE: True, Fact.TLS_VERSIONS: ("TLSv1",)})
    report = judged(site(), bad + gaps)
    assert {f.rule.id: f.status for f in report.findings} == {
        "transit-unreachable": Status.NOT_OBSERVED,
        "transit-weak-version": Status.VIOLATED,
    }


def test_nothing_seen_is_nothing_met() -> None:
    """Without a single sighting every criterion is open, and no rank is provided."""
    report = judged(backend(), [])
    assert report.met == 0
    asset = report.assets[0]
    assert asset.provided == dict.fromkeys(Column, None)
    assert not asset.is_met(Column.IN_TRANSIT)
    assert {f.status for f in report.findings} == {Status.NOT_OBSERVED}
    assert {"transit-plaintext", "access-anonymous", "transit-backend-unlocked"} <= {
        f.rule.id for f in report.open_findings
    }


def test_criteria_above_what_is_required_are_not_asked_but_counted() -> None:
    """More than required is provided silently."""
    facts = GOOD | {
        Fact.TLS_VERSIONS: ("TLSv1.3",),
        Fact.TLS_CIPHERS: ("TLS_AES_256_GCM_SHA384",),
        Fact.TLS_CLASSICAL_ACCEPTED: False,
        Fact.TLS_CLIENT_CERTIFICATE: "required",
    }
    assert judged(site(), seen(SITE, facts)).assets[0].provided[Column.IN_TRANSIT] == 3
    assert judged(site(), seen(SITE, GOOD)).findings == ()
    report = judged(site(Protection.of(3, 0, 0)), seen(SITE, GOOD))
    assert {f.rule.id for f in report.open_findings} == {
        "transit-tls-1-2-accepted",
        "transit-classical-accepted",
        "transit-client-unauthenticated",
    }


def test_a_form_that_asks_for_a_password_raises_what_its_page_needs() -> None:
    """The floor holds on a public page, and the finding says why."""
    public = AssetRequirement(SITE, "public", NO_PROTECTION)
    facts = GOOD | {Fact.TLS_VERSIONS: ("TLSv1",)}
    assert judged(public, seen(SITE, facts)).open_findings == ()
    form: dict[Fact, FactValue] = {Fact.FORMS_SENSITIVE: ("password",), Fact.FORMS_PLAIN: ()}
    report = judged(public, seen(SITE, facts | form))
    assert ids(report.open_findings) == [("transit-weak-version", SITE.id)]
    assert "whatever the class of its page" in report.findings[0].required
    assert report.assets[0].required == ENCRYPTED


def test_a_finding_says_which_class_demands_what() -> None:
    """The class, what the page collects, and the guideline's word for the rung."""
    wanted = AssetRequirement(SITE, "public", ENCRYPTED, collects="confidential")
    report = judged(wanted, seen(SITE, GOOD | {Fact.CERTIFICATE_NAME_MATCHES: False}))
    (finding,) = report.findings
    assert finding.required == (
        'the certificate names the host: "public" that collects "confidential" demands '
        "encrypted in transit"
    )
    assert "[[site]]" in finding.fix
    assert finding.demanded


@pytest.mark.parametrize(
    ("said", "fix"),
    [
        (("nginx",), "set `ssl_protocols TLSv1.2 TLSv1.3;` in every server block of the port"),
        (("Apache",), "set `SSLProtocol -all +TLSv1.2 +TLSv1.3`"),
        (("",), "allow TLS 1.2 and TLS 1.3 only, and no older version"),
        (("nginx", "Apache"), "allow TLS 1.2 and TLS 1.3 only, and no older version"),
        ((), "allow TLS 1.2 and TLS 1.3 only, and no older version"),
    ],
)
def test_a_remedy_is_written_for_the_server_that_answers(said: tuple[str, ...], fix: str) -> None:
    """Of a host that nobody configured here, no setting of ours is named."""
    wanted = AssetRequirement(SITE, "confidential", ENCRYPTED, foreign=True)
    sightings = seen(SITE, GOOD | {Fact.TLS_VERSIONS: ("TLSv1", "TLSv1.2")})
    sightings += [one for server in said for one in seen(SITE, {Fact.SERVER: server})]
    (finding,) = judged(wanted, sightings).findings
    assert finding.fix == fix


def test_a_column_that_says_nothing_of_the_asset_is_not_asked() -> None:
    """A table is asked how it rests, not how it travels."""
    wanted = AssetRequirement(CUSTOMERS, "secret", Protection.of(3, 3, 2))
    report = judged(wanted, seen(CUSTOMERS, {Fact.AT_REST_RUNG: 1}))
    assert ids(report.findings) == [("at-rest-unsealed", CUSTOMERS.id)]
    assert report.assets[0].required == Protection.of(0, 0, 2)
    assert report.assets[0].columns == (Column.AT_REST,)


def test_an_unobserved_store_is_one_finding() -> None:
    """The demo's database: one thing to accept, not one for each rung."""
    wanted = AssetRequirement(SHOP, "confidential", Protection.of(2, 2, 2))
    assert ids(judged(wanted, []).findings) == [("at-rest-unobserved", SHOP.id)]


def test_an_asset_asked_about_twice_must_satisfy_both() -> None:
    """The stricter of two requirements decides, whichever comes first."""
    low = AssetRequirement(SITE, "public", NO_PROTECTION)
    for pair in ([low, site()], [site(), low]):
        report = evaluate(pair, [], now=NOW)
        (asset,) = report.assets
        assert asset.required == ENCRYPTED
        assert asset.classification == "confidential"


def test_sightings_of_assets_that_nobody_asked_about_are_not_judged() -> None:
    """Only what is required is judged."""
    other = Asset("site other.example", AssetKind.SITE)
    sightings = [*seen(SITE, GOOD), *seen(other, {Fact.PLAIN_GET: "served"})]
    assert judged(site(), sightings).findings == ()


def test_no_requirement_is_an_empty_report() -> None:
    """Nothing asked, nothing answered."""
    report = evaluate([], seen(SITE, GOOD), now=NOW)
    assert (report.findings, report.met, report.assets) == ((), 0, ())


def _risk(rule: str, asset: str, until: dt.date) -> AcceptedRisk:
    return AcceptedRisk(rule, asset, "the head of IT", "the provider confirms it", until)


TODAY = dt.date(2027, 3, 31)


def test_an_accepted_risk_excuses_its_finding_and_stays_visible() -> None:
    """Rule and asset match: the finding is not open, and who took it on is told."""
    risk = _risk("at-rest-unobserved", SHOP.id, TODAY)
    wanted = AssetRequirement(SHOP, "confidential", Protection.of(0, 0, 2))
    report = judged(wanted, [], risk)
    assert report.open_findings == ()
    assert report.findings[0].accepted is risk
    assert (report.expired, report.unused) == ((), ())
    # It was taken on, which does not make it protected.
    assert report.assets[0].provided[Column.AT_REST] is None


@pytest.mark.parametrize(
    ("rule", "asset"),
    [("at-rest-unsealed", SHOP.id), ("at-rest-unobserved", "database"), ("at-rest-*", SHOP.id)],
)
def test_an_accepted_risk_excuses_nothing_else(rule: str, asset: str) -> None:
    """Another rule, another asset or a wildcard match nothing and are listed as unused."""
    risk = _risk(rule, asset, TODAY)
    wanted = AssetRequirement(SHOP, "confidential", Protection.of(0, 0, 2))
    report = judged(wanted, [], risk)
    assert ids(report.open_findings) == [("at-rest-unobserved", SHOP.id)]
    assert report.unused == (risk,)


@pytest.mark.parametrize(
    ("hour", "day", "expired"), [(0, 31, False), (23, 31, False), (0, 1, True)]
)
def test_an_accepted_risk_ends_with_its_day_in_utc(hour: int, day: int, *, expired: bool) -> None:
    """It holds through its last day; then it excuses nothing and is listed as expired."""
    month = 4 if day == 1 else 3
    now = dt.datetime(2027, month, day, hour, 59, 59, tzinfo=dt.UTC).timestamp()
    risk = _risk("at-rest-unobserved", SHOP.id, TODAY)
    wanted = AssetRequirement(SHOP, "confidential", Protection.of(0, 0, 2))
    report = evaluate([wanted], [], accepted=[risk], now=now)
    assert report.expired == ((risk,) if expired else ())
    assert bool(report.open_findings) is expired
    assert report.unused == ()


def test_of_two_risks_for_one_finding_the_longer_is_named_and_both_are_used() -> None:
    """A renewed acceptance does not leave the old one dangling."""
    short = _risk("at-rest-unobserved", SHOP.id, TODAY)
    long = _risk("at-rest-unobserved", SHOP.id, dt.date(2028, 1, 1))
    wanted = AssetRequirement(SHOP, "confidential", Protection.of(0, 0, 2))
    report = judged(wanted, [], short, long)
    assert report.findings[0].accepted is long
    assert report.unused == ()


def test_the_worst_comes_first() -> None:
    """Findings are ordered by severity, asset and rule."""
    facts = GOOD | {
        Fact.HSTS_SECONDS: 300,
        Fact.COOKIES_INSECURE: ("sid",),
        Fact.PLAIN_POST: "redirect",
        Fact.CERTIFICATE_CHAIN_VALID: False,
    }
    report = judged(site(), seen(SITE, facts))
    assert [(f.severity, f.rule.id) for f in report.findings] == [
        (Severity.ERROR, "transit-untrusted-chain"),
        (Severity.ERROR, "transit-post-accepted"),
        (Severity.WARNING, "transit-insecure-cookie"),
        (Severity.NOTE, "transit-weak-hsts"),
    ]


def test_every_rule_of_the_kind_is_answered() -> None:
    """Whoever looks behind the report finds a verdict for each rule, asked or not."""
    (item,) = judge_all([site(NO_PROTECTION)], [], now=NOW)
    assert "transit-plaintext" in item.verdicts
    assert "transit-plaintext" not in {rule.id for rule in item.asked}
    assert "access-anonymous" not in item.verdicts
    assert item.provided(Column.ACCESS) is None

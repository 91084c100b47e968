"""What holds for every model, every requirement and everything that can be seen."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.classification import Classification, ClassificationModel
from sealgate.policy.declarations import Declaration
from sealgate.policy.evaluate import evaluate, judge_all
from sealgate.policy.finding import Status
from sealgate.policy.inventory import (
    AcceptedRisk,
    Address,
    Door,
    Drop,
    Inspect,
    Inventory,
    Route,
    Site,
    SiteAccess,
    Tunnel,
    Upstream,
    default_inspect,
)
from sealgate.policy.observation import Fact, FactValue, NotObserved, Observation, Vantage
from sealgate.policy.protection import RUNG_NAMES, SENSITIVE_FLOOR, Column, Protection
from sealgate.policy.requirements import (
    AssetRequirement,
    declared,
    required_of_data,
    required_of_route,
)
from sealgate.policy.rules import RULES
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.policy.evaluate import Judged
    from sealgate.policy.finding import Report
    from sealgate.policy.observation import Sighting

NOW = 1_800_000_000.0
DAY = 86400.0
# Every fact with values that different verdicts hang on, the best one first.
VALUES: dict[Fact, tuple[FactValue, ...]] = {
    Fact.REACHABLE: (True, False),
    Fact.SERVER: ("nginx", ""),
    Fact.TLS_VERSIONS: (("TLSv1.3",), ("TLSv1.2", "TLSv1.3"), ("TLSv1", "TLSv1.2"), ()),
    Fact.TLS_CIPHERS: (("TLS_AES_256_GCM_SHA384",), ("TLS_RSA_WITH_NULL_SHA",), ()),
    Fact.TLS_GROUP: ("X25519MLKEM768", "X25519"),
    Fact.TLS_HYBRID_OFFERED: (True, False),
    Fact.TLS_CLASSICAL_ACCEPTED: (False, True),
    Fact.TLS_CLIENT_CERTIFICATE: ("required", "named", "requested", "none"),
    Fact.CERTIFICATE_CHAIN_VALID: (True, False),
    Fact.CERTIFICATE_CHAIN_FAULT: ("", "the root is weak"),
    Fact.CERTIFICATE_NAME_MATCHES: (True, False),
    Fact.CERTIFICATE_NOT_BEFORE: (NOW - 10 * DAY, NOW + DAY),
    Fact.CERTIFICATE_NOT_AFTER: (NOW + 80 * DAY, NOW + DAY, NOW - DAY),
    Fact.CERTIFICATE_KEY: ("ECDSA-256", "RSA-1024"),
    Fact.CERTIFICATE_SIGNATURE: ("sha256", "sha1"),
    Fact.CERTIFICATE_OPERATOR: ("Shop Ltd", ""),
    Fact.CERTIFICATE_PUBLIC: (True, False),
    Fact.CERTIFICATE_UPKEEP: ("", "the authority gives no answer"),
    Fact.CERTIFICATE_PUBLIC: (True, False),
    Fact.SSH_PROTOCOL: ("2.0", "1.99"),
    Fact.SSH_KEX: (
        ("mlkem768x25519-sha256",),
        ("mlkem768x25519-sha256", "curve25519-sha256"),
        ("diffie-hellman-group1-sha1",),
        (),
    ),
    Fact.SSH_CIPHERS: (("aes256-gcm@openssh.com",), ("aes128-ctr",), ("arcfour",), ()),
    Fact.SSH_MACS: (("hmac-sha2-256-etm@openssh.com",), (), ("hmac-md5",)),
    Fact.SSH_HOST_KEY_ALGORITHMS: (("ssh-ed25519",), ("ssh-rsa",), ()),
    Fact.SSH_HOST_KEYS: (("Ed25519",), ("RSA-1024",), ()),
    Fact.SSH_STRICT_KEX: (True, False),
    Fact.SSH_AUTH_METHODS: (("publickey",), ("publickey", "password"), ()),
    Fact.FTP_TLS: ("explicit", "implicit", "none"),
    Fact.FTP_PLAIN_LOGIN: ("refused", "accepted"),
    Fact.FTP_INJECTION: (False, True),
    Fact.FTP_PROT_CLEAR: (False, True),
    Fact.FTP_CCC: (False, True),
    Fact.FTP_DATA_SESSION_REUSE: (True, False),
    Fact.SESSION_RUNG: (3, 2, 0),
    Fact.UPLOADS_STRICTER: ((), ("partners/list.csv",)),
    Fact.PAGE_STORABLE: ((), ("https://shop.example/checkout",)),
    Fact.SCRIPT_POLICY: ("enforced", "reported", "none"),
    Fact.SCRIPTS: ((), ("https://js.pay.example/v1",)),
    Fact.SCRIPTS_UNAPPROVED: ((), ("https://js.pay.example/v1",)),
    Fact.SCRIPTS_CHANGED: ((), ("https://js.pay.example/v1",)),
    Fact.SCRIPTS_UNPINNED: ((), ("https://js.pay.example/v1",)),
    Fact.EGRESS_VERIFIED: (True, False),
    Fact.EGRESS_REFUSED: ((), ("api.pay.example",)),
    Fact.UNCONFIRMED: ((), ("issuer-rules",)),
    Fact.HTTP_STATUS: (200, 401, 403),
    Fact.HSTS_SECONDS: (63072000, 300, 0),
    Fact.PLAIN_GET: ("refused", "redirect", "denied", "served"),
    Fact.PLAIN_POST: ("refused", "redirect", "denied", "served"),
    Fact.PLAIN_PAGES: ((), ("http://shop/",)),
    Fact.PLAIN_FORMS: ((), ("password",)),
    Fact.PLAIN_SIGNATURE: ("valid", "expired"),
    Fact.COOKIES_INSECURE: ((), ("sid",)),
    Fact.COOKIES_SCRIPTABLE: ((), ("sid",)),
    Fact.MIXED_CONTENT: ((), ("http://cdn/x.js",)),
    Fact.FORMS_PLAIN: ((), ("http://shop/login",)),
    Fact.FORMS_SENSITIVE: (("password",), (), ("card",)),
    Fact.CARD_ELSEWHERE: ((), ("card to https://pay.example/",)),
    Fact.FORMS_GET: ((), ("https://shop/login",)),
    Fact.LOCK_STATUS_ANONYMOUS: (403, 401, 404, 200),
    Fact.LOCK_VARIANTS_OPEN: ((), ("/TYPO3/",)),
    Fact.ACCESS_RUNG: (3, 2, 1, 0),
    Fact.UPSTREAM_EXPOSED: ((), ("192.0.2.1:8080",)),
    Fact.UPSTREAM_PROTECTED: (True, False),
    Fact.FILES_IN_WEB_ROOT: ((), (".env",)),
    Fact.LEFTOVERS_SERVED: ((), ("/.env",)),
    Fact.AT_REST_RUNG: (3, 2, 1, 0),
    Fact.KINDS_NEVER_STORED: ((), ("card-verification",), ("password",)),
}
ASSETS = (
    Asset("site shop.example", AssetKind.SITE),
    Asset("route shop.example/typo3", AssetKind.ROUTE, parent="site shop.example"),
    Asset("route shop.example/pay", AssetKind.ROUTE, parent="site shop.example"),
    Asset("file server", AssetKind.FILE_SERVER),
    Asset("drop partners", AssetKind.DROP, parent="file server"),
    Asset("tunnel console", AssetKind.TUNNEL, parent="file server"),
    Asset("sftp://other.example", AssetKind.FILE_SERVER),
    Asset("https://other.example", AssetKind.ENDPOINT),
    Asset("database shop", AssetKind.DATABASE),
    Asset("table customers", AssetKind.TABLE, parent="database shop"),
    Asset("file dump.sql", AssetKind.FILE),
)
# A busy machine is no counterexample.
PATIENT = settings(deadline=None, max_examples=examples(200))
RANKS = {column: st.integers(0, len(names) - 1) for column, names in RUNG_NAMES.items()}
PROTECTIONS = st.builds(Protection, *(RANKS[column] for column in Column))


@st.composite
def models(draw: st.DrawFn) -> ClassificationModel:
    """Draw any valid classification model: one to six classes, never falling."""
    size = draw(st.integers(1, 6))
    columns = [
        sorted(draw(st.lists(RANKS[column], min_size=size, max_size=size))) for column in Column
    ]
    return ClassificationModel(
        tuple(
            Classification(f"class-{i}", f"Class {i}", i, "", "", Protection.of(*ranks))
            for i, ranks in enumerate(zip(*columns, strict=True))
        )
    )


@st.composite
def routes(draw: st.DrawFn) -> Route:
    """Draw any route of any model."""
    classes = draw(models()).classes
    return Route(
        Door(draw(st.sampled_from(["/", "/typo3", "/pay"]))),
        draw(st.sampled_from(classes)),
        draw(st.none() | st.sampled_from(classes)),
        backend=draw(st.booleans()),
        access=draw(st.sampled_from(SiteAccess)),
    )


@st.composite
def requirements(draw: st.DrawFn) -> list[AssetRequirement]:
    """Draw what some of the assets are asked for."""
    chosen = draw(st.lists(st.sampled_from(ASSETS), min_size=1, unique_by=lambda a: a.id))
    return [
        AssetRequirement(
            asset,
            "some-class",
            draw(PROTECTIONS),
            draw(st.none() | st.just("other-class")),
            draw(st.frozensets(st.sampled_from(Declaration))),
        )
        for asset in chosen
    ]


@st.composite
def observations(draw: st.DrawFn) -> Observation:
    """Draw one observation of anything that can be seen."""
    fact = draw(st.sampled_from(Fact))
    asset = draw(st.sampled_from(ASSETS))
    value = draw(st.sampled_from(VALUES[fact]))
    return Observation(asset.id, fact, value, draw(st.sampled_from(Vantage)), "a law")


@st.composite
def worlds(draw: st.DrawFn) -> list[Sighting]:
    """
    Draw what was seen: mostly all of one asset's facts, then more of anything.

    Facts drawn one by one alone would hardly ever fill a rung.
    """
    sightings: list[Sighting] = []
    for asset in draw(st.lists(st.sampled_from(ASSETS), unique_by=lambda a: a.id)):
        for fact in Fact:
            # Most are drawn good, so that rungs are reached at all.
            value = VALUES[fact][draw(st.sampled_from([0] * 15 + [1]))]
            sightings.append(Observation(asset.id, fact, value, Vantage.HOST, "a law"))
    sightings += draw(st.lists(observations(), max_size=4))
    gaps = st.builds(
        NotObserved,
        st.sampled_from([asset.id for asset in ASSETS]),
        st.sampled_from(Fact),
        st.sampled_from(["timed out", "down"]),
        st.sampled_from(Vantage),
    )
    return sightings + draw(st.lists(gaps, max_size=3))


def test_the_values_cover_every_fact() -> None:
    """A new fact without values here would escape the laws."""
    assert set(VALUES) == set(Fact)


@given(PROTECTIONS, PROTECTIONS, PROTECTIONS)
def test_meets_is_a_partial_order(a: Protection, b: Protection, c: Protection) -> None:
    """Reflexive, antisymmetric, transitive."""
    assert a.meets(a)
    assert not (a.meets(b) and b.meets(a)) or a == b
    assert not (a.meets(b) and b.meets(c)) or a.meets(c)


@given(PROTECTIONS, PROTECTIONS, PROTECTIONS)
def test_at_least_is_the_join(a: Protection, b: Protection, c: Protection) -> None:
    """The weakest protection that meets both; order and grouping do not matter."""
    joined = a.at_least(b)
    assert joined.meets(a)
    assert joined.meets(b)
    assert not (c.meets(a) and c.meets(b)) or c.meets(joined)
    assert a.at_least(a) == a
    assert joined == b.at_least(a)
    assert joined.at_least(c) == a.at_least(b.at_least(c))


@given(routes(), models())
def test_a_stricter_class_never_requires_less(route: Route, model: ClassificationModel) -> None:
    """Raising what a route shows or collects never lowers what it must provide."""
    for weaker, stronger in zip(model.classes, model.classes[1:], strict=False):
        shows = required_of_route(dataclasses.replace(route, classification=stronger))
        assert shows.meets(required_of_route(dataclasses.replace(route, classification=weaker)))
        takes = required_of_route(dataclasses.replace(route, collects=stronger))
        assert takes.meets(required_of_route(dataclasses.replace(route, collects=weaker)))
        for sensitive in (False, True):
            low = required_of_data(weaker, sensitive=sensitive)
            assert required_of_data(stronger, sensitive=sensitive).meets(low)


@given(routes())
def test_declaring_more_never_requires_less(route: Route) -> None:
    """A backend, or a route that collects, needs at least what it needed before."""
    plain = dataclasses.replace(route, backend=False, collects=None)
    assert required_of_route(route).meets(required_of_route(plain))


@given(routes())
def test_no_configuration_gets_a_backend_or_a_credential_below_encrypted(route: Route) -> None:
    """Whatever the classes are called and demand: a backend, and a route that asks who you are."""
    required = required_of_route(route)
    if route.backend or route.classification.required.access > 0:
        assert required.in_transit >= SENSITIVE_FLOOR.in_transit


@given(st.lists(routes(), min_size=1, max_size=4), models(), st.booleans())
def test_no_inventory_gets_below_its_floors(
    given_routes: list[Route],
    model: ClassificationModel,
    backend: bool,  # noqa: FBT001  # hypothesis fills positions
) -> None:
    """
    A site's endpoint is asked for no less than its routes, and what people sign in to keeps a floor.

    That is each drop and tunnel, and the server that they are behind.
    """
    first = dataclasses.replace(given_routes[0], backend=backend)
    site = Site(("shop.example",), Upstream("http", "127.0.0.1", 80), (first, *given_routes[1:]))
    drops = tuple(Drop(c.id, c, f"file:{c.id}") for c in model.classes)
    tunnels = tuple(Tunnel(c.id, c, Address("127.0.0.1", 1)) for c in model.classes)
    found = declared(
        Inventory("sealgate.toml", ".sealgate", sites=(site,), drops=drops, tunnels=tunnels)
    )
    kinds = {requirement.asset.kind for requirement in found}
    assert kinds >= {AssetKind.DROP, AssetKind.TUNNEL, AssetKind.FILE_SERVER}
    endpoint = next(r for r in found if r.asset.kind is AssetKind.SITE)
    for requirement in found:
        if requirement.asset.kind is AssetKind.ROUTE:
            assert endpoint.required.in_transit >= requirement.required.in_transit
        if requirement.asset.kind in {AssetKind.DROP, AssetKind.TUNNEL, AssetKind.FILE_SERVER}:
            assert requirement.required.in_transit >= SENSITIVE_FLOOR.in_transit
        if requirement.asset.kind is AssetKind.DROP:
            asked = model.find(requirement.classification)
            assert asked is not None
            assert requirement.required.meets(asked.required)
    if backend:
        assert endpoint.required.in_transit >= SENSITIVE_FLOOR.in_transit


@given(models())
def test_samples_are_read_by_default_where_people_need_no_key(model: ClassificationModel) -> None:
    """Of any model the weaker classes are observed, the stricter ones not, and none is enforced."""
    found = [default_inspect(c) for c in model.classes]
    assert found == [
        Inspect.OBSERVE if c.required.access < 2 else Inspect.OFF for c in model.classes
    ]
    assert found == sorted(found, key=[Inspect.OBSERVE, Inspect.OFF].index)


@given(models())
def test_sensitive_data_is_never_below_its_floor(model: ClassificationModel) -> None:
    """No model makes credentials or medical data travel or rest in clear."""
    for classification in model.classes:
        assert required_of_data(classification, sensitive=True).meets(SENSITIVE_FLOOR)


def _met(judged: Sequence[Judged]) -> set[tuple[str, str]]:
    return {
        (item.requirement.asset.id, rule)
        for item in judged
        for rule, verdict in item.verdicts.items()
        if verdict.status is Status.MET
    }


def _provided(judged: Sequence[Judged]) -> dict[tuple[str, Column], int]:
    # "Not observed" is less than "seen to be nothing": neither meets anything.
    found: dict[tuple[str, Column], int] = {}
    for item in judged:
        for column in Column:
            rank = item.provided(column)
            found[item.requirement.asset.id, column] = -1 if rank is None else rank
    return found


@PATIENT
@given(requirements(), worlds(), st.sampled_from(Fact))
def test_seeing_less_never_meets_more(
    wanted: list[AssetRequirement], world: list[Sighting], blind: Fact
) -> None:
    """
    Taking away all that is known of a fact turns nothing to met and raises no rank.

    Of two readings the worse one counts, so a fact goes as a whole.
    """
    less = [sighting for sighting in world if sighting.fact is not blind]
    before, after = judge_all(wanted, world, now=NOW), judge_all(wanted, less, now=NOW)
    assert _met(after) <= _met(before)
    assert all(_provided(before)[key] >= rank for key, rank in _provided(after).items())


@PATIENT
@given(requirements(), worlds())
def test_no_single_observation_was_in_the_way(
    wanted: list[AssetRequirement], world: list[Sighting]
) -> None:
    """Where every fact has one reading, removing any one observation turns nothing to met."""
    single: dict[Fact, Sighting] = {sighting.fact: sighting for sighting in world}
    kept = list(single.values())
    before = judge_all(wanted, kept, now=NOW)
    # What is seen of anything else changes no verdict, so that it need not be tried.
    looked_at = {w.asset.id for w in wanted} | {w.asset.parent for w in wanted}
    for index in [i for i, sighting in enumerate(kept) if sighting.asset in looked_at]:
        after = judge_all(wanted, kept[:index] + kept[index + 1 :], now=NOW)
        assert _met(after) <= _met(before)
        assert all(_provided(before)[key] >= rank for key, rank in _provided(after).items())


@PATIENT
@given(requirements(), worlds(), observations())
def test_a_second_reading_never_improves(
    wanted: list[AssetRequirement], world: list[Sighting], more: Observation
) -> None:
    """
    Once a fact was seen, another observation of it turns nothing to met and raises no rank.

    Unless it fills a gap, of which this world has none.
    """
    world = [sighting for sighting in world if isinstance(sighting, Observation)]
    inherited = {a.id: a.parent for a in ASSETS}
    known = {(s.asset, s.fact) for s in world if isinstance(s, Observation)}
    touched = [more.asset, *(child for child, parent in inherited.items() if parent == more.asset)]
    if not all((asset, more.fact) in known for asset in touched):
        world = [*world, *(dataclasses.replace(more, asset=asset) for asset in touched)]
    before = judge_all(wanted, world, now=NOW)
    for value in VALUES[more.fact]:
        worse = [*world, dataclasses.replace(more, value=value)]
        after = judge_all(wanted, worse, now=NOW)
        assert _met(after) <= _met(before)
        # A first violation turns "not observed" into "nothing", which is no improvement.
        assert all(max(_provided(before)[key], 0) >= rank for key, rank in _provided(after).items())


@PATIENT
@given(requirements(), worlds(), st.sampled_from(Fact), st.sampled_from(Vantage))
def test_a_gap_never_improves(
    wanted: list[AssetRequirement], world: list[Sighting], fact: Fact, vantage: Vantage
) -> None:
    """Looking in vain, from anywhere, turns nothing to met and raises no rank."""
    gaps = [NotObserved(asset.id, fact, "timed out", vantage) for asset in ASSETS]
    before = judge_all(wanted, world, now=NOW)
    after = judge_all(wanted, [*world, *gaps], now=NOW)
    assert _met(after) <= _met(before)
    assert all(_provided(before)[key] >= rank for key, rank in _provided(after).items())


@PATIENT
@given(requirements(), st.sampled_from(["down", "timed out"]))
def test_not_observed_never_meets(wanted: list[AssetRequirement], reason: str) -> None:
    """Looking in vain at everything proves nothing, and leaves something open where it counts."""
    world = [
        NotObserved(asset.id, fact, reason, Vantage.OUTSIDE) for asset in ASSETS for fact in Fact
    ]
    for sightings in ((), world):
        report = evaluate(wanted, sightings, now=NOW)
        assert report.met == 0
        for asset in report.assets:
            assert all(rank is None for rank in asset.provided.values())
            for column in asset.columns:
                assert asset.is_met(column) is (asset.required.rank(column) == 0)
        _assert_explained(report)


def _assert_explained(report: Report) -> None:
    open_at = {(f.asset.id, f.rule.column) for f in report.findings if f.demanded}
    for asset in report.assets:
        for column in asset.columns:
            told = {(asset.asset.id, column), (asset.asset.parent, column)} & open_at
            assert asset.is_met(column) or told, (asset.asset.id, column)


@PATIENT
@given(requirements(), worlds())
def test_whatever_is_not_met_has_a_finding(
    wanted: list[AssetRequirement], world: list[Sighting]
) -> None:
    """The table and the findings agree: what falls short is told, at the asset or its parent."""
    report = evaluate(wanted, world, now=NOW)
    _assert_explained(report)
    short = {a.asset.id for a in report.assets if not all(a.is_met(c) for c in a.columns)}
    assert not short or report.open_findings
    for finding in report.findings:
        assert finding.status in {Status.VIOLATED, Status.NOT_OBSERVED}


RISKS = st.lists(
    st.builds(
        AcceptedRisk,
        st.sampled_from([rule.id for rule in RULES]),
        st.sampled_from([asset.id for asset in ASSETS]),
        st.just("somebody"),
        st.just("some reason"),
        st.dates(dt.date(2026, 12, 1), dt.date(2027, 3, 1)),
    ),
    max_size=12,
)


@PATIENT
@given(requirements(), worlds(), RISKS)
def test_an_accepted_risk_excuses_its_own_finding_and_nothing_else(
    wanted: list[AssetRequirement], world: list[Sighting], risks: list[AcceptedRisk]
) -> None:
    """With risks accepted the same things are found; only exact, living matches are not open."""
    today = dt.datetime.fromtimestamp(NOW, tz=dt.UTC).date()
    bare, excused = (
        evaluate(wanted, world, now=NOW),
        evaluate(wanted, world, accepted=risks, now=NOW),
    )
    assert excused.assets == bare.assets
    assert excused.met == bare.met
    living = {(risk.rule, risk.asset) for risk in risks if today <= risk.until}
    assert len(excused.findings) == len(bare.findings)
    for with_risk, without in zip(excused.findings, bare.findings, strict=True):
        assert dataclasses.replace(with_risk, accepted=None) == without
        key = (with_risk.rule.id, with_risk.asset.id)
        assert (with_risk.accepted is not None) is (key in living)
    shown = {f.accepted for f in excused.findings} | {*excused.expired, *excused.unused}
    keys = {(risk.rule, risk.asset) for risk in shown if risk}
    assert {(risk.rule, risk.asset) for risk in risks} == keys


@PATIENT
@given(requirements(), worlds(), st.randoms(use_true_random=False))
def test_the_order_of_sightings_does_not_matter(
    wanted: list[AssetRequirement], world: list[Sighting], random: object
) -> None:
    """The same things seen in another order give the same report."""
    shuffled = list(world)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # a random.Random, which ruff would call insecure
    assert evaluate(wanted, shuffled, now=NOW) == evaluate(wanted, world, now=NOW)

"""
Observes the configured sites, or given endpoints, and has the policy judge them.

Nothing is changed: GET requests, TLS hellos, SSH key exchanges, FTP commands up to USER,
and (on what is configured, or when it is asked for) an empty POST over http and sign-ins
that prove nothing. No credential is ever sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.approvals import approved_digests
from sealgate.app.audit_files import (
    file_server_targets,
    file_server_trust,
    look_at_file_server,
    why_unreachable,
)
from sealgate.app.audit_signed import claimed_probe, signature_probes
from sealgate.app.keys import local_authority
from sealgate.app.stores import registered_stores
from sealgate.audit.adapters.certificate import Trust, probe_certificate
from sealgate.audit.adapters.egress import probe_egress
from sealgate.audit.adapters.lock import probe_access, probe_lock
from sealgate.audit.adapters.pages import probe_hsts, probe_pages
from sealgate.audit.adapters.plain import probe_plain
from sealgate.audit.adapters.scripts import PAYMENT_FACTS, probe_scripts
from sealgate.audit.adapters.tls import probe_tls
from sealgate.audit.adapters.upstream import probe_upstream
from sealgate.audit.adapters.web_root import probe_web_root
from sealgate.audit.doors import (
    Doors,
    doors_of,
    is_everywhere,
    is_locked,
    request_for,
    spellings_for,
)
from sealgate.audit.model import Limits, Target
from sealgate.audit.sightings import (
    CERTIFICATE_FACTS,
    PAGE_FACTS,
    TLS_FACTS,
    agreed,
    seen,
    unseen,
)
from sealgate.errors import NothingToLookAtError, UsageError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.confirming import confirmed_observations
from sealgate.policy.evaluate import evaluate
from sealgate.policy.inventory import (
    SiteAccess,
    payment_gateway_asset,
    route_asset,
    site_asset,
)
from sealgate.policy.observation import Fact
from sealgate.policy.protection import SENSITIVE_FLOOR, Column, Protection
from sealgate.policy.requirements import AssetRequirement, declared, required_of_route
from sealgate.policy.routing import serving_route
from sealgate.register.adapters.store import Register

if TYPE_CHECKING:
    from sealgate.audit.targets import Endpoint
    from sealgate.policy.classification import Classification, ClassificationModel
    from sealgate.policy.finding import Report
    from sealgate.policy.inventory import Address, Inventory, PaymentGateway, Route, Site
    from sealgate.policy.observation import FactValue, Sighting

_WORKERS = 4
_LOOPBACK = ("127.0.0.1", "::1")

Probe = Callable[[], list["Sighting"]]


@dataclass(frozen=True, slots=True)
class Job:
    """
    One probe and what to call it while it runs.
    """

    name: str
    run: Probe


@dataclass(frozen=True, slots=True)
class Manner:
    """
    How to look, and when: *now* is in seconds since the epoch.

    *active*: a POST may be sent to endpoints that nobody configured. *ca_files* are
    trusted besides the system's authorities. *resolve* gives addresses for names.
    *addresses* are this host's public ones; ``None`` means that they are found out.
    """

    now: float
    active: bool = False
    ca_files: tuple[str, ...] = ()
    resolve: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] | None = None
    limits: Limits = field(default_factory=Limits)
    progress: Callable[[str], None] = lambda _name: None


@dataclass(frozen=True, slots=True)
class Audit:
    """
    A verdict and the *sightings* that it rests on; *at* is in seconds since the epoch.
    """

    report: Report
    sightings: tuple[Sighting, ...]
    at: float


def audit_sites(
    inventory: Inventory,
    manner: Manner,
    host: Sequence[Sighting] = (),
    register: Register | None = None,
) -> Audit:
    """
    Return the verdict on everything that *inventory* declares, and what was seen.

    *host* is what was seen of the running gateway from its own host, see
    :func:`sealgate.app.audit_host.host_sightings`. The stores that *register* knows are judged too.

    Raises:
        NothingToLookAtError: no site or drop is declared, and no store is known.
        UsageError: a CA file cannot be used.
        SourceError: the register cannot be read.
    """
    stores, at_rest = registered_stores(inventory, register) if register else ((), ())
    requirements = (*declared(inventory), *stores)
    if not requirements:
        raise NothingToLookAtError(
            f'"{inventory.source}" declares no site', hint="add a [[site]], or give a URL"
        )
    approved = {
        route_asset(site, route).id: approved_digests(register, route_asset(site, route).id)
        for site in inventory.sites
        for route in site.routes
        if route.payment and register is not None
    }
    jobs = [
        job for site in inventory.sites for job in _site_jobs(inventory, site, manner, approved)
    ]
    jobs += [_payment_gateway_job(gateway, manner) for gateway in inventory.payment_gateways]
    servers = file_server_targets(inventory, manner)
    if servers:
        whom = file_server_trust(inventory, manner)
        jobs += [_file_server_job(target, whom, manner, active=True) for target in servers]
    confirmed = confirmed_observations(inventory, now=manner.now)
    sightings = (*agreed(_run(jobs, manner)), *host, *at_rest, *confirmed)
    report = evaluate(requirements, sightings, accepted=inventory.accepted, now=manner.now)
    return Audit(report, sightings, manner.now)


def audit_endpoints(
    endpoints: Sequence[Endpoint],
    manner: Manner,
    *,
    class_id: str | None = None,
    inventory: Inventory | None = None,
) -> Audit:
    """
    Return the verdict on URLs that nobody configured, and what was seen of them.

    They are held to what *class_id* demands in transit; without one to the weakest
    class that demands encryption, because https promises that. *inventory* brings its
    own classes and accepted risks.

    Raises:
        NothingToLookAtError: there is no endpoint.
        UsageError: no such class, or a CA file cannot be used.
    """
    if not endpoints:
        raise NothingToLookAtError("there is no target", hint="sealgate audit https://shop.example")
    classification = class_called(class_id, inventory.model if inventory else DEFAULT_MODEL)
    required = Protection(classification.required.in_transit, 0, 0)
    trust = Trust(manner.ca_files)
    requirements = [
        AssetRequirement(
            endpoint.asset, classification.id, required, declarations=endpoint.declarations
        )
        for endpoint in endpoints
    ]
    targets = dict.fromkeys(endpoint.target(manner.resolve) for endpoint in endpoints)
    jobs = [job for target in targets for job in _endpoint_jobs(target, trust, manner)]
    sightings = agreed(_run(jobs, manner))
    accepted = inventory.accepted if inventory else ()
    report = evaluate(requirements, sightings, accepted=accepted, now=manner.now)
    return Audit(report, sightings, manner.now)


def record(register: Register, audit: Audit) -> int:
    """
    Keep *audit* in *register*; return its number there.

    Raises:
        SourceError: the register cannot be written.
    """
    vantages = sorted({sighting.vantage.value for sighting in audit.sightings})
    return register.record_audit(
        audit.report, at=audit.at, vantage=" and ".join(vantages), sightings=audit.sightings
    )


def trusted_for(inventory: Inventory, site: Site, manner: Manner) -> Trust:
    """
    Return whom the certificate of *site* may come from, besides the system's authorities.

    The local authority is trusted for the sites that it issues for, and for no other.

    Raises:
        UsageError: a CA file cannot be used.
    """
    path = Path(local_authority(inventory).server_path)
    issues = (site.tls or inventory.tls).is_local
    return Trust((*((str(path),) if issues and path.is_file() else ()), *manner.ca_files))


def class_called(class_id: str | None, model: ClassificationModel) -> Classification:
    """
    Return the class that endpoints are held to.

    Raises:
        UsageError: *model* has no class *class_id*.
    """
    if class_id is None:
        floor = SENSITIVE_FLOOR.rank(Column.IN_TRANSIT)
        promising = [c for c in model.classes if c.required.in_transit >= floor]
        return promising[0] if promising else model.strictest
    found = model.find(class_id)
    if found is None:
        known = ", ".join(c.id for c in model.classes)
        message = f'class "{class_id}" does not exist; there are {known}'
        raise UsageError(message, hint="sealgate classes")
    return found


def _run(jobs: Sequence[Job], manner: Manner) -> list[Sighting]:
    def run(job: Job) -> list[Sighting]:
        manner.progress(job.name)
        return job.run()

    with ThreadPoolExecutor(_WORKERS) as pool:
        return [sighting for found in pool.map(run, jobs) for sighting in found]


def _file_server_job(target: Target, trust: Trust, manner: Manner, *, active: bool) -> Job:
    return Job(target.origin, lambda: look_at_file_server(target, trust, manner, active=active))


def _endpoint_jobs(target: Target, trust: Trust, manner: Manner) -> list[Job]:
    if target.scheme != "https":
        return [_file_server_job(target, trust, manner, active=manner.active)]
    why_not = why_unreachable(target, manner.limits)
    facts = (*TLS_FACTS, *CERTIFICATE_FACTS, *PAGE_FACTS, Fact.HSTS_SECONDS)
    if why_not:
        gaps = [*_reached(target, why_not), *unseen(target.asset, facts, why_not)]
        return [_told(target, gaps), _plain_job(target, manner, active=manner.active)]
    return [
        *_channel_jobs(target, trust, manner),
        Job(f"pages of {target.asset}", lambda: probe_pages(target, manner.limits)),
        _plain_job(target, manner, active=manner.active),
        Job(*claimed_probe(target, manner.limits)),
    ]


def _payment_gateway_job(gateway: PaymentGateway, manner: Manner) -> Job:
    asset = payment_gateway_asset(gateway).id
    return Job(
        f"hosts of {asset}",
        lambda: probe_egress(asset, gateway.hosts, manner.now, manner.limits, manner.resolve),
    )


def _site_jobs(
    inventory: Inventory,
    site: Site,
    manner: Manner,
    approved: Mapping[str, Mapping[str, frozenset[str]]],
) -> list[Job]:
    trust = trusted_for(inventory, site, manner)
    doors = doors_of(inventory, site, way_in(inventory, manner))
    why_not = {target: why_unreachable(target, manner.limits) for target in doors.secure}
    asset = site_asset(site).id
    jobs: list[Job] = []
    for target in doors.secure:
        if reason := why_not[target]:
            facts = (*TLS_FACTS, *CERTIFICATE_FACTS, Fact.HSTS_SECONDS)
            jobs.append(_told(target, [*_reached(target, reason), *unseen(asset, facts, reason)]))
        else:
            jobs += _channel_jobs(target, trust, manner)
    jobs += [_plain_job(target, manner, active=True) for target in doors.plain]
    jobs += [Job(*probe) for probe in signature_probes(site, doors, manner.limits)]
    first = doors.secure[0]
    for route in site.routes:
        jobs += _route_jobs(site, route, doors, why_not[first], manner)
        if route.payment:
            jobs.append(_payment_job(site, route, doors, why_not[first], manner, approved))
    jobs.append(
        Job(
            f"what is behind {asset}",
            lambda: probe_upstream(
                asset, site.upstream, manner.now, manner.limits, manner.addresses
            ),
        )
    )
    if site.web_root is not None:
        folder = site.web_root
        jobs.append(Job(f"web root of {asset}", lambda: probe_web_root(asset, folder)))
    return jobs


def _channel_jobs(target: Target, trust: Trust, manner: Manner) -> list[Job]:
    limits = manner.limits
    return [
        _told(target, _reached(target, None)),
        Job(f"TLS of {target.origin}", lambda: probe_tls(target, limits)),
        Job(
            f"certificate of {target.origin}",
            lambda: probe_certificate(target, trust, manner.now, limits),
        ),
        Job(f"HSTS of {target.origin}", lambda: probe_hsts(target, limits)),
    ]


def _route_jobs(
    site: Site, route: Route, doors: Doors, why_not: str | None, manner: Manner
) -> list[Job]:
    asset = route_asset(site, route).id
    here = replace(doors.secure[0], asset=asset, path=request_for(route.door))
    plain = [replace(door, asset=asset, path=here.path) for door in doors.plain[:1]]
    locked = is_locked(route)
    asked_here = required_of_route(route).access > 0 and route.access is not SiteAccess.SITE
    jobs = [_plain_job(target, manner, active=True) for target in plain]
    if why_not:
        facts = [*PAGE_FACTS]
        if locked or route.backend:
            facts += [Fact.LOCK_STATUS_ANONYMOUS, Fact.LOCK_VARIANTS_OPEN]
        if asked_here:
            facts.append(Fact.ACCESS_RUNG)
        return [*jobs, _told(here, unseen(asset, facts, why_not))]
    if asked_here:
        jobs.append(Job(f"access of {asset}", lambda: probe_access(here, manner.limits)))

    def belongs(path: str) -> bool:
        return serving_route(site.routes, path) == route

    jobs.append(
        Job(
            f"pages of {asset}",
            lambda: probe_pages(
                here, manner.limits, rules=site.cookies, belongs=belongs, locked=locked
            ),
        )
    )
    if locked or route.backend:
        others = spellings_for(route.door)
        at = [replace(here, plain_port=door.plain_port) for door in plain] or [here]
        jobs.append(
            Job(
                f"lock of {asset}",
                lambda: probe_lock(at[0], others, manner.limits, locked=locked),
            )
        )
    return jobs


def _payment_job(  # as many as the jobs of a route have
    site: Site,
    route: Route,
    doors: Doors,
    why_not: str | None,
    manner: Manner,
    approved: Mapping[str, Mapping[str, frozenset[str]]],
) -> Job:
    asset = route_asset(site, route).id
    here = replace(doors.secure[0], asset=asset, path=request_for(route.door))
    if why_not:
        return _told(here, unseen(asset, PAYMENT_FACTS, why_not))

    def belongs(path: str) -> bool:
        return serving_route(site.routes, path) == route

    return Job(
        f"scripts of {asset}",
        lambda: probe_scripts(here, manner.limits, approved=approved.get(asset), belongs=belongs),
    )


def _plain_job(target: Target, manner: Manner, *, active: bool) -> Job:
    return Job(
        f"{target.plain_origin}{target.path}",
        lambda: probe_plain(target, manner.limits, active=active),
    )


def _told(target: Target, sightings: list[Sighting]) -> Job:
    return Job(target.asset, lambda: sightings)


def _reached(target: Target, why_not: str | None) -> list[Sighting]:
    values: dict[Fact, FactValue] = {Fact.REACHABLE: why_not is None}
    return seen(target.asset, values, f"a connection to {target.where}")


def way_in(inventory: Inventory, manner: Manner) -> Callable[[Address, str], str]:
    """
    Return which address to ask for a listener and a domain.

    A listener on one address is asked there, with the domain as SNI and Host. One on
    every address is asked on loopback when something listens there, since the
    configuration is of this host; else where the domain leads.
    """
    everywhere = [address for address in inventory.listen.https if is_everywhere(address)]
    home = next(
        (
            loopback
            for address in everywhere
            for loopback in _LOOPBACK
            if why_unreachable(Target("", loopback, loopback, address.port), manner.limits) is None
        ),
        None,
    )

    def reach(address: Address, domain: str) -> str:
        if domain in manner.resolve:
            return manner.resolve[domain]
        if not is_everywhere(address):
            return address.host
        return home or domain

    return reach

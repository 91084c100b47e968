"""The single looks that an audit is made of: which probe asks what, and where."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.app.audit_files import look_at_file_server, why_unreachable
from sealgate.app.audit_signed import claimed_probe, signature_probes
from sealgate.app.audit_ways import Way
from sealgate.app.keys import local_authority
from sealgate.audit.adapters.beside import run_beside
from sealgate.audit.adapters.certificate import Trust, probe_certificate
from sealgate.audit.adapters.egress import probe_egress
from sealgate.audit.adapters.leftovers import LEFTOVER_FACTS, probe_leftovers
from sealgate.audit.adapters.lock import (
    CONDITION_FACTS,
    probe_access,
    probe_conditions,
    probe_lock,
)
from sealgate.audit.adapters.pages import look_at_pages, probe_hsts
from sealgate.audit.adapters.plain import probe_led, probe_plain
from sealgate.audit.adapters.scripts import PAYMENT_FACTS, probe_scripts
from sealgate.audit.adapters.software import probe_software
from sealgate.audit.adapters.tls import probe_tls
from sealgate.audit.adapters.upstream import probe_upstream
from sealgate.audit.adapters.web_root import probe_web_root
from sealgate.audit.doors import (
    Doors,
    asks_who,
    below,
    can_be_asked,
    is_everywhere,
    is_locked,
    request_for,
    spellings_for,
)
from sealgate.audit.model import Target
from sealgate.audit.requests import requests_for, untried
from sealgate.audit.sightings import (
    CERTIFICATE_FACTS,
    FILE_SERVER_FACTS,
    PAGE_FACTS,
    TLS_FACTS,
    seen,
    unseen,
)
from sealgate.errors import PeerError, SealgateError
from sealgate.policy.assets import payment_gateway_asset, route_asset, site_asset
from sealgate.policy.observation import Fact
from sealgate.policy.routing import serving_route
from sealgate.protocols.table import server_at

if TYPE_CHECKING:
    from sealgate.app.audit_options import AuditOptions
    from sealgate.policy.inventory import (
        Address,
        CookieRule,
        Inventory,
        PaymentGateway,
        Route,
        Site,
    )
    from sealgate.policy.observation import FactValue, Sighting

_LOG = logging.getLogger("sealgate.audit")
# How many looks are at work at once, for each host and in all.
_WORKERS = 4
_MOST_WORKERS = 32
# What is looked for at a port that speaks TLS, and at the one that should not.
CHANNEL_FACTS = (*TLS_FACTS, *CERTIFICATE_FACTS, Fact.HSTS_SECONDS)
_PLAIN_FACTS = (Fact.PLAIN_GET, Fact.PLAIN_POST)
_LOOPBACK = ("127.0.0.1", "::1")

Probe = Callable[[], list["Sighting"]]


INTERRUPTED = "the audit was interrupted"


@dataclass(frozen=True, slots=True)
class Job:
    """
    One probe and what to call it while it runs.

    It looks for *facts* of *asset*, at a *door* ("" where there is one).
    """

    name: str
    run: Probe
    asset: str
    facts: tuple[Fact, ...]
    door: str = ""


@dataclass(frozen=True, slots=True)
class Looks:
    """What was seen; with *interrupted*, what was left is told as not observed."""

    sightings: tuple[Sighting, ...]
    interrupted: bool = False


def trusted_for(inventory: Inventory, site: Site, options: AuditOptions) -> Trust:
    """
    Return whom the certificate of *site* may come from, besides the system's authorities.

    The local authority is trusted for the sites that it issues for, and for no other.

    Raises:
        UsageError: a CA file cannot be used.
    """
    path = Path(local_authority(inventory).server_path)
    issues = (site.tls or inventory.tls).is_local
    return Trust((*((str(path),) if issues and path.is_file() else ()), *options.ca_files))


def run_jobs(jobs: Sequence[Job], options: AuditOptions) -> Looks:
    """
    Return what every one of *jobs* saw, in their order; some run beside each other.

    Ctrl-C ends the wait at once: what had not ended by then is a gap. So is what a job was
    to see that failed, and the others go on.

    Raises:
        SealgateError: what a job needs of us, as a file, cannot be used.
    """

    def run(job: Job) -> list[Sighting]:
        options.progress(job.name)
        return _seen_by(job)

    found: dict[int, list[Sighting]] = {}
    hosts = len({job.door or job.asset for job in jobs})
    workers = min(_WORKERS * hosts, _MOST_WORKERS)
    interrupted = False
    try:
        # Pair by pair, so that what has ended by then is there when it is left.
        found.update(run_beside([partial(run, job) for job in jobs], workers))
    except KeyboardInterrupt:
        interrupted = True
    told = [
        _at_its_door(job, sighting)
        for index, job in enumerate(jobs)
        for sighting in found.get(index, unseen(job.asset, job.facts, INTERRUPTED))
    ]
    return Looks(tuple(told), interrupted)


def _seen_by(job: Job) -> list[Sighting]:
    try:
        return job.run()
    except PeerError as error:
        return unseen(job.asset, job.facts, error.message)
    except SealgateError:
        raise
    except Exception as error:  # noqa: BLE001  # one hostile answer must not end the audit of all
        # Where it was, but not what it says: that may be data.
        at, kind = traceback.extract_tb(error.__traceback__)[-1], type(error).__name__
        _LOG.warning("%s in %s:%s: %s", job.name, Path(at.filename).name, at.lineno, kind)
        reason = f"what was answered led to a fault of the audit itself ({kind})"
        return unseen(job.asset, job.facts, reason)


def _at_its_door(job: Job, sighting: Sighting) -> Sighting:
    doors = [door for door in (job.door, sighting.door) if door]
    return replace(sighting, door=", ".join(doors)) if job.door else sighting


def interrupted_before(targets: Iterable[Target]) -> Looks:
    """Return what is known of *targets* when it is not even known where they are."""
    gaps = [
        gap
        for target in targets
        for gap in unseen(target.asset, (Fact.REACHABLE, *_facts_of(target)), INTERRUPTED)
    ]
    return Looks(tuple(gaps), interrupted=True)


def _facts_of(target: Target) -> tuple[Fact, ...]:
    if target.scheme == "https":
        return (*CHANNEL_FACTS, *PAGE_FACTS, *_PLAIN_FACTS)
    return FILE_SERVER_FACTS[server_at(target.scheme).speaks]


def file_server_job(way: Way, trust: Trust, options: AuditOptions, *, active: bool) -> Job:
    """Return the look at one file server."""
    target, facts = way.target, _facts_of(way.target)
    if way.why_not:
        return _unreached(way, facts)
    return Job(
        target.origin,
        lambda: [
            *_reached(target),
            *look_at_file_server(target, trust, options, active=active),
        ],
        target.asset,
        (Fact.REACHABLE, *facts),
        way.door,
    )


def endpoint_jobs(way: Way, trust: Trust, options: AuditOptions) -> list[Job]:
    """Return the looks at one address of a URL that nobody configured."""
    target, active = way.target, options.active
    if target.scheme != "https":
        return [file_server_job(way, trust, options, active=active)]
    if way.why_not:
        facts = (*CHANNEL_FACTS, *PAGE_FACTS)
        return [_unreached(way, facts), _plain_job(way, options, active=active)]
    plain = [] if way.plain_why_not else [target]
    jobs = [
        *_channel_jobs(way, trust, options),
        Job(
            f"pages of {target.asset}",
            lambda: _look_both_ways(target, plain, options, active=active),
            target.asset,
            (*PAGE_FACTS, *(_PLAIN_FACTS if plain else ())),
            way.door,
        ),
        Job(
            f"software of {target.origin}",
            lambda: probe_software(target, options.limits),
            target.asset,
            (),
            way.door,
        ),
        # Whoever looks after the server takes these questions for an attack.
        *([_leftovers_job(way, options)] if active else []),
    ]
    if way.plain_why_not:
        return [*jobs, _plain_job(way, options, active=active)]
    signed = claimed_probe(target, options.limits)
    return [*jobs, Job(*signed, target.asset, (), way.door)]


def payment_gateway_job(gateway: PaymentGateway, options: AuditOptions) -> Job:
    """Return the look at the hosts of *gateway*."""
    asset = payment_gateway_asset(gateway).id
    return Job(
        f"hosts of {asset}",
        lambda: probe_egress(asset, gateway.hosts, options.now, options.limits, options.resolve),
        asset,
        (Fact.EGRESS_REFUSED,),
    )


def site_jobs(
    inventory: Inventory,
    site: Site,
    ways: Mapping[Target, tuple[Way, ...]],
    doors: Doors,
    options: AuditOptions,
    approved: Mapping[str, Mapping[str, frozenset[str]]],
) -> list[Job]:
    """
    Return the looks at *site*, whose *doors* are reached by *ways*.

    *approved* are digests of scripts, by route and name.
    """
    trust = trusted_for(inventory, site, options)
    asset = site_asset(site).id
    secure = [way for target in doors.secure for way in ways[target]]
    plain = [way for target in doors.plain for way in ways[target]]
    jobs: list[Job] = []
    for way in secure:
        if way.why_not:
            jobs.append(_unreached(way, CHANNEL_FACTS))
        else:
            jobs += _channel_jobs(way, trust, options)
    jobs += [_plain_job(way, options, active=True) for way in plain]
    # Pages and locks are looked at wherever somebody answers: another address, another server.
    reached = [way for way in secure if not way.why_not] or secure[:1]
    in_clear = tuple(way.target for way in plain)
    jobs += [_leftovers_job(way, options) for way in reached]
    doors_reached = Doors(tuple(way.target for way in reached), in_clear)
    jobs += [
        Job(*probe, asset, (Fact.PLAIN_SIGNATURE,))
        for probe in signature_probes(site, doors_reached, options.limits)
    ]
    for route, (index, way) in product(site.routes, enumerate(reached)):
        # What is asked in clear is asked once, at each plain door.
        here = _route_jobs(
            inventory, site, route, way, () if index else in_clear or (way.target,), options
        )
        if route.payment:
            here.append(_payment_job(site, route, way, options, approved))
        jobs += [replace(job, door=way.door) for job in here]
    jobs.append(
        Job(
            f"what is behind {asset}",
            lambda: probe_upstream(
                asset, site.upstream, options.now, options.limits, options.addresses
            ),
            asset,
            (Fact.UPSTREAM_EXPOSED, Fact.UPSTREAM_PROTECTED),
        )
    )
    if site.web_root is not None:
        folder = site.web_root
        facts = (Fact.FILES_IN_WEB_ROOT,)
        jobs.append(
            Job(f"web root of {asset}", lambda: probe_web_root(asset, folder), asset, facts)
        )
    return jobs


def _leftovers_job(way: Way, options: AuditOptions) -> Job:
    target, facts = way.target, tuple(LEFTOVER_FACTS)
    if way.why_not:
        return _told(target, unseen(target.asset, facts, way.why_not), facts, way.door)
    look = partial(probe_leftovers, target, options.limits)
    return Job(f"leftovers at {target.origin}", look, target.asset, facts, way.door)


def _channel_jobs(way: Way, trust: Trust, options: AuditOptions) -> list[Job]:
    target, limits, asset, door = way.target, options.limits, way.target.asset, way.door
    return [
        _told(target, _reached(target), (Fact.REACHABLE,), door),
        Job(f"TLS of {target.origin}", lambda: probe_tls(target, limits), asset, TLS_FACTS, door),
        Job(
            f"certificate of {target.origin}",
            lambda: probe_certificate(target, trust, options.now, limits),
            asset,
            CERTIFICATE_FACTS,
            door,
        ),
        Job(
            f"HSTS of {target.origin}",
            lambda: probe_hsts(target, limits),
            asset,
            (Fact.HSTS_SECONDS,),
            door,
        ),
    ]


def _route_jobs(
    inventory: Inventory,
    site: Site,
    route: Route,
    way: Way,
    in_clear: Sequence[Target],
    options: AuditOptions,
) -> list[Job]:
    asset, why_not = route_asset(site, route).id, way.why_not
    here = replace(way.target, asset=asset, path=request_for(route.door))
    plain = [replace(door, asset=asset, path=here.path) for door in in_clear]
    locked = is_locked(route)
    asked_here = asks_who(route)
    jobs: list[Job] = []
    if why_not is None and route.door.conditional and (locked or route.backend):
        jobs.append(_conditions_job(site, here, plain, route, options))
    if why_not is None and not can_be_asked(route.door):
        return [*jobs, _unread(asset, here, route, tried=bool(jobs))]
    if why_not:
        jobs += [_plain_job(Way(target), options, active=True) for target in plain]
        facts = [*PAGE_FACTS]
        if locked or route.backend:
            facts += [Fact.LOCK_STATUS_ANONYMOUS, Fact.LOCK_VARIANTS_OPEN]
        if asked_here:
            facts.append(Fact.ACCESS_RUNG)
        return [*jobs, _told(here, unseen(asset, facts, why_not), facts)]
    if asked_here:
        look = partial(probe_access, here, options.limits)
        jobs.append(Job(f"access of {asset}", look, asset, (Fact.ACCESS_RUNG,)))

    def belongs(path: str) -> bool:
        return serving_route(site.routes, path) == route

    jobs.append(
        Job(
            f"pages of {asset}",
            lambda: _look_both_ways(
                here,
                plain,
                options,
                active=True,
                rules=site.cookies,
                belongs=belongs,
                locked=locked,
                payees=_payees(inventory, route),
            ),
            asset,
            (*PAGE_FACTS, *(_PLAIN_FACTS if plain else ())),
        )
    )
    if locked or route.backend:
        others, deeper = spellings_for(route, site.routes), below(route.door)
        jobs.append(
            Job(
                f"lock of {asset}",
                lambda: probe_lock(
                    here, plain, others, options.limits, locked=locked, deeper=deeper
                ),
                asset,
                (Fact.LOCK_STATUS_ANONYMOUS, Fact.LOCK_VARIANTS_OPEN),
            )
        )
    return jobs


def _conditions_job(
    site: Site, here: Target, plain: Sequence[Target], route: Route, options: AuditOptions
) -> Job:
    facts, left = CONDITION_FACTS, untried(route.door)
    if left:
        reason = f"{', '.join(left)} might change the one path that is meant"
        return _told(here, unseen(here.asset, facts, reason), facts)
    # The header counts where whatever is at the path itself gets it.
    at_path = serving_route(site.routes, urlsplit(here.path).path)
    overrides = route.method_override or at_path.method_override
    requests = requests_for(route.door, overrides=overrides)
    look = partial(probe_conditions, here, plain, requests, options.limits, locked=is_locked(route))
    return Job(f"conditions of {here.asset}", look, here.asset, facts)


def _unread(asset: str, here: Target, route: Route, *, tried: bool) -> Job:
    # A page that nobody can ask for by GET alone.
    why_not = "only requests with a method or a credential mean it, so it has no page to read"
    told = set(CONDITION_FACTS) if tried else set[Fact]()
    facts = [fact for fact in (*PAGE_FACTS, *_PLAIN_FACTS) if fact not in told]
    if asks_who(route):
        facts.append(Fact.ACCESS_RUNG)
    return _told(here, unseen(asset, facts, why_not), facts)


def _look_both_ways(
    secure: Target,
    plain: Sequence[Target],
    options: AuditOptions,
    *,
    active: bool,
    rules: Sequence[CookieRule] = (),
    belongs: Callable[[str], bool] = lambda _path: True,
    locked: bool = False,
    payees: frozenset[str] | None = None,
) -> list[Sighting]:
    """Look at the pages of one place over TLS, and ask for what is known of them over http."""
    looked = look_at_pages(
        secure, options.limits, rules=rules, belongs=belongs, locked=locked, payees=payees
    )
    found = list(looked.sightings)
    for door in plain:
        found += probe_plain(door, options.limits, active=active, pages=looked.paths)
    for url in looked.in_clear:
        found += probe_led(secure, url, options.limits)
    return found


def _payees(inventory: Inventory, route: Route) -> frozenset[str] | None:
    # Whoever may run scripts on the page can read the card anyway.
    if not route.payment:
        return None
    gateways = {host.host for gateway in inventory.payment_gateways for host in gateway.hosts}
    named = {urlsplit(source if "//" in source else f"//{source}") for source in route.scripts}
    return frozenset(gateways | {parts.hostname for parts in named if parts.hostname})


def _payment_job(  # as many as the jobs of a route have
    site: Site,
    route: Route,
    way: Way,
    options: AuditOptions,
    approved: Mapping[str, Mapping[str, frozenset[str]]],
) -> Job:
    asset = route_asset(site, route).id
    here = replace(way.target, asset=asset, path=request_for(route.door))
    if way.why_not:
        return _told(here, unseen(asset, PAYMENT_FACTS, way.why_not), PAYMENT_FACTS)

    def belongs(path: str) -> bool:
        return serving_route(site.routes, path) == route

    return Job(
        f"scripts of {asset}",
        lambda: probe_scripts(here, options.limits, approved=approved.get(asset), belongs=belongs),
        asset,
        tuple(PAYMENT_FACTS),
    )


def _plain_job(way: Way, options: AuditOptions, *, active: bool) -> Job:
    target = way.target
    if way.plain_why_not:
        gaps = unseen(target.asset, _PLAIN_FACTS, way.plain_why_not)
        return _told(target, gaps, _PLAIN_FACTS, way.door)
    return Job(
        f"{target.plain_origin}{target.path}",
        lambda: probe_plain(target, options.limits, active=active),
        target.asset,
        _PLAIN_FACTS,
        way.door,
    )


def _unreached(way: Way, facts: Iterable[Fact]) -> Job:
    missed = (Fact.REACHABLE, *facts)
    gaps = unseen(way.target.asset, missed, way.why_not or "")
    return _told(way.target, gaps, missed, way.door)


def _told(target: Target, sightings: list[Sighting], facts: Iterable[Fact], door: str = "") -> Job:
    return Job(target.asset, lambda: sightings, target.asset, tuple(facts), door)


def _reached(target: Target) -> list[Sighting]:
    values: dict[Fact, FactValue] = {Fact.REACHABLE: True}
    return seen(target.asset, values, f"a connection to {target.where}")


def way_in(inventory: Inventory, options: AuditOptions) -> Callable[[Address, str], str]:
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
            if why_unreachable(Target("", loopback, loopback, address.port), options.limits) is None
        ),
        None,
    )

    def reach(address: Address, domain: str) -> str:
        if domain in options.resolve:
            return options.resolve[domain]
        if not is_everywhere(address):
            return address.host
        return home or domain

    return reach

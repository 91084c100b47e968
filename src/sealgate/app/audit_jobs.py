"""
The single looks that an audit is made of: which probe asks what, and where.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.app.audit_files import look_at_file_server, why_unreachable
from sealgate.app.audit_signed import claimed_probe, signature_probes
from sealgate.app.keys import local_authority
from sealgate.audit.adapters.certificate import Trust, probe_certificate
from sealgate.audit.adapters.egress import probe_egress
from sealgate.audit.adapters.leftovers import LEFTOVER_FACTS, probe_leftovers
from sealgate.audit.adapters.lock import probe_access, probe_lock
from sealgate.audit.adapters.pages import look_at_pages, probe_hsts
from sealgate.audit.adapters.plain import MAX_PAGES, probe_plain
from sealgate.audit.adapters.scripts import PAYMENT_FACTS, probe_scripts
from sealgate.audit.adapters.software import probe_software
from sealgate.audit.adapters.tls import probe_tls
from sealgate.audit.adapters.upstream import probe_upstream
from sealgate.audit.adapters.web_root import probe_web_root
from sealgate.audit.doors import (
    Doors,
    asks_who,
    doors_of,
    is_everywhere,
    is_locked,
    request_for,
    spellings_for,
)
from sealgate.audit.model import Target
from sealgate.audit.sightings import (
    CERTIFICATE_FACTS,
    PAGE_FACTS,
    TLS_FACTS,
    seen,
    unseen,
)
from sealgate.policy.inventory import (
    payment_gateway_asset,
    route_asset,
    site_asset,
)
from sealgate.policy.observation import Fact
from sealgate.policy.routing import serving_route

if TYPE_CHECKING:
    from sealgate.app.audit import Manner
    from sealgate.policy.inventory import (
        Address,
        CookieRule,
        Inventory,
        PaymentGateway,
        Route,
        Site,
    )
    from sealgate.policy.observation import FactValue, Sighting


_WORKERS = 4
_PAGES_OF_OTHERS = 6
_LOOPBACK = ("127.0.0.1", "::1")

Probe = Callable[[], list["Sighting"]]


@dataclass(frozen=True, slots=True)
class Job:
    """
    One probe and what to call it while it runs.
    """

    name: str
    run: Probe


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


def run_jobs(jobs: Sequence[Job], manner: Manner) -> list[Sighting]:
    """
    Return what every one of *jobs* saw, in their order; some run beside each other.
    """

    def run(job: Job) -> list[Sighting]:
        manner.progress(job.name)
        return job.run()

    with ThreadPoolExecutor(_WORKERS) as pool:
        return [sighting for found in pool.map(run, jobs) for sighting in found]


def file_server_job(target: Target, trust: Trust, manner: Manner, *, active: bool) -> Job:
    """
    Return the look at one file server.
    """
    return Job(target.origin, lambda: look_at_file_server(target, trust, manner, active=active))


def endpoint_jobs(target: Target, trust: Trust, manner: Manner) -> list[Job]:
    """
    Return the looks at one URL that nobody configured.
    """
    if target.scheme != "https":
        return [file_server_job(target, trust, manner, active=manner.active)]
    why_not = why_unreachable(target, manner.limits)
    facts = (*TLS_FACTS, *CERTIFICATE_FACTS, *PAGE_FACTS, Fact.HSTS_SECONDS)
    if why_not:
        gaps = [*_reached(target, why_not), *unseen(target.asset, facts, why_not)]
        return [_told(target, gaps), _plain_job(target, manner, active=manner.active)]
    return [
        *_channel_jobs(target, trust, manner),
        Job(
            f"pages of {target.asset}",
            lambda: _look_both_ways(target, [target], manner, active=manner.active),
        ),
        Job(*claimed_probe(target, manner.limits)),
        Job(f"software of {target.origin}", lambda: probe_software(target, manner.limits)),
        # Whoever looks after the server takes these questions for an attack.
        *([_leftovers_job(target, None, manner)] if manner.active else []),
    ]


def payment_gateway_job(gateway: PaymentGateway, manner: Manner) -> Job:
    """
    Return the look at the hosts of *gateway*.
    """
    asset = payment_gateway_asset(gateway).id
    return Job(
        f"hosts of {asset}",
        lambda: probe_egress(asset, gateway.hosts, manner.now, manner.limits, manner.resolve),
    )


def site_jobs(
    inventory: Inventory,
    site: Site,
    manner: Manner,
    approved: Mapping[str, Mapping[str, frozenset[str]]],
) -> list[Job]:
    """
    Return the looks at *site*; *approved* are digests of scripts, by route and name.
    """
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
    jobs.append(_leftovers_job(first, why_not[first], manner))
    for route in site.routes:
        jobs += _route_jobs(inventory, site, route, doors, why_not[first], manner)
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


def _leftovers_job(target: Target, why_not: str | None, manner: Manner) -> Job:
    if why_not:
        return _told(target, unseen(target.asset, LEFTOVER_FACTS, why_not))
    return Job(f"leftovers at {target.origin}", lambda: probe_leftovers(target, manner.limits))


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
    inventory: Inventory,
    site: Site,
    route: Route,
    doors: Doors,
    why_not: str | None,
    manner: Manner,
) -> list[Job]:
    asset = route_asset(site, route).id
    here = replace(doors.secure[0], asset=asset, path=request_for(route.door))
    plain = [replace(door, asset=asset, path=here.path) for door in doors.plain]
    locked = is_locked(route)
    asked_here = asks_who(route)
    jobs: list[Job] = []
    if why_not:
        jobs += [_plain_job(target, manner, active=True) for target in plain]
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
            lambda: _look_both_ways(
                here,
                plain,
                manner,
                active=True,
                rules=site.cookies,
                belongs=belongs,
                locked=locked,
                payees=_payees(inventory, route),
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


def _look_both_ways(
    secure: Target,
    plain: Sequence[Target],
    manner: Manner,
    *,
    active: bool,
    rules: Sequence[CookieRule] = (),
    belongs: Callable[[str], bool] = lambda _path: True,
    locked: bool = False,
    payees: frozenset[str] | None = None,
) -> list[Sighting]:
    """
    Look at the pages of one place over TLS, and ask for what is known of them over http.
    """
    looked = look_at_pages(
        secure, manner.limits, rules=rules, belongs=belongs, locked=locked, payees=payees
    )
    found = list(looked.sightings)
    for index, door in enumerate(plain):
        # The first door is asked for everything; the others for what leads to forms.
        pages = looked.paths[: MAX_PAGES if not index else _PAGES_OF_OTHERS]
        found += probe_plain(door, manner.limits, active=active, pages=pages)
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
    if why_not is not None:
        return unseen(target.asset, (Fact.REACHABLE,), why_not)
    values: dict[Fact, FactValue] = {Fact.REACHABLE: True}
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

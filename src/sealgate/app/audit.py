"""
Observes the configured sites, or given endpoints, and has the policy judge them.

Nothing is changed: GET requests, TLS hellos, SSH key exchanges, FTP commands up to USER,
and (on what is configured, or when it is asked for) an empty POST over http and sign-ins
that prove nothing. No credential is ever sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.app.approvals import approved_digests
from sealgate.app.audit_files import file_server_targets, file_server_trust
from sealgate.app.audit_jobs import (
    endpoint_jobs,
    file_server_job,
    interrupted_before,
    payment_gateway_job,
    run_jobs,
    site_jobs,
    way_in,
)
from sealgate.app.audit_options import AuditOptions
from sealgate.app.audit_ways import find_ways
from sealgate.app.stores import registered_stores
from sealgate.audit.adapters.certificate import Trust
from sealgate.audit.doors import doors_of
from sealgate.audit.sightings import agreed
from sealgate.errors import NothingToLookAtError, UsageError
from sealgate.policy.assets import route_asset
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.confirming import confirmed_observations
from sealgate.policy.evaluate import evaluate
from sealgate.policy.protection import SENSITIVE_FLOOR, Protection
from sealgate.policy.requirements import AssetRequirement, declared
from sealgate.register.adapters.store import Register

if TYPE_CHECKING:
    from sealgate.audit.targets import Endpoint
    from sealgate.policy.classification import Classification, ClassificationModel
    from sealgate.policy.finding import Report
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Sighting


@dataclass(frozen=True, slots=True)
class Audit:
    """
    A verdict and the *sightings* that it rests on; *at* is in seconds since the epoch.

    *interrupted*: somebody did not wait for all looks, and the rest is told as not observed.
    """

    report: Report
    sightings: tuple[Sighting, ...]
    at: float
    interrupted: bool = False


def audit_sites(
    inventory: Inventory,
    options: AuditOptions,
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
    reach = way_in(inventory, options)
    doors = {site.name: doors_of(inventory, site, reach) for site in inventory.sites}
    servers = file_server_targets(inventory, options)
    targets = [t for found in doors.values() for t in (*found.secure, *found.plain)]
    try:
        ways = find_ways([*targets, *servers], options.limits)
    except KeyboardInterrupt:
        looks = interrupted_before([*targets, *servers])
    else:
        jobs = [
            job
            for site in inventory.sites
            for job in site_jobs(inventory, site, ways, doors[site.name], options, approved)
        ]
        jobs += [payment_gateway_job(gateway, options) for gateway in inventory.payment_gateways]
        if servers:
            whom = file_server_trust(inventory, options)
            found = (way for target in servers for way in ways[target])
            jobs += [file_server_job(way, whom, options, active=True) for way in found]
        looks = run_jobs(jobs, options)
    confirmed = confirmed_observations(inventory, now=options.now)
    sightings = (*agreed(looks.sightings), *host, *at_rest, *confirmed)
    report = evaluate(requirements, sightings, accepted=inventory.accepted, now=options.now)
    return Audit(report, sightings, options.now, looks.interrupted)


def audit_endpoints(
    endpoints: Sequence[Endpoint],
    options: AuditOptions,
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
    required = Protection(classification.required.in_transit)
    trust = Trust(options.ca_files)
    requirements = [
        AssetRequirement(
            endpoint.asset,
            classification.id,
            required,
            declarations=endpoint.declarations,
            foreign=True,
        )
        for endpoint in endpoints
    ]
    targets = dict.fromkeys(endpoint.target(options.resolve) for endpoint in endpoints)
    try:
        ways = find_ways(targets, options.limits)
    except KeyboardInterrupt:
        looks = interrupted_before(targets)
    else:
        found = (way for target in targets for way in ways[target])
        looks = run_jobs(
            [job for way in found for job in endpoint_jobs(way, trust, options)], options
        )
    sightings = agreed(looks.sightings)
    accepted = inventory.accepted if inventory else ()
    report = evaluate(requirements, sightings, accepted=accepted, now=options.now)
    return Audit(report, sightings, options.now, looks.interrupted)


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


def class_called(class_id: str | None, model: ClassificationModel) -> Classification:
    """
    Return the class that endpoints are held to.

    Raises:
        UsageError: *model* has no class *class_id*.
    """
    if class_id is None:
        floor = SENSITIVE_FLOOR.in_transit
        promising = [c for c in model.classes if c.required.in_transit >= floor]
        return promising[0] if promising else model.strictest
    found = model.find(class_id)
    if found is None:
        known = ", ".join(c.id for c in model.classes)
        message = f'class "{class_id}" does not exist; there are {known}'
        raise UsageError(message, hint="sealgate classes")
    return found

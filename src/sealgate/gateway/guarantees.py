"""
What the translated configuration guarantees, and what ``serve`` must refuse to start for.

Nothing that is promised may be silently weaker: where a class cannot be kept, the
gateway says what is missing and what to type, and does not start.
"""

from __future__ import annotations

import ipaddress
import shlex
from typing import TYPE_CHECKING

from sealgate.errors import Fault
from sealgate.gateway.model import (
    TLS_1_3_IANA_SUITES,
    TLS_GROUPS,
    TLS_IANA_SUITES,
    Guard,
    asks_for_key,
    guard_at,
    guard_of,
)
from sealgate.policy.assets import payment_gateway_asset, route_asset, site_asset
from sealgate.policy.declarations import Declaration
from sealgate.policy.inventory import Inspect
from sealgate.policy.observation import Fact, Observation, Vantage
from sealgate.policy.protection import AccessRung, TransitRung
from sealgate.policy.requirements import is_highly_encrypted, required_of_route, required_of_site
from sealgate.policy.routing import door_segments

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.gateway.model import Material
    from sealgate.policy.classification import Classification
    from sealgate.policy.inventory import Inventory, Place, Route, Site, Upstream
    from sealgate.policy.observation import FactValue

SEEN_BY = "gateway configuration"
_UNAUTHORIZED, _FORBIDDEN = 401, 403


def refusals(inventory: Inventory, material: Material) -> tuple[Fault, ...]:
    """
    Return everything that ``serve`` must not start with; empty when all can be kept.

    The files that *material* names are not opened: whoever gathered them has checked
    them.
    """
    return (
        *_of_listeners(inventory),
        *(f for site in inventory.sites for f in _of_site(inventory, site, material)),
    )


def _of_listeners(inventory: Inventory) -> Iterator[Fault]:
    top = inventory.tls.place
    if not (inventory.sites or inventory.drops or inventory.tunnels):
        yield _fault(
            inventory, top, "there is no site, no drop and no tunnel to serve", "add a [[site]]"
        )
    if inventory.sites and not inventory.listen.https:
        yield _fault(
            inventory,
            top,
            "https is off, so no site can be served",
            'set https = ":443" under [listen]',
        )
    for network in inventory.listen.trusted_proxies:
        if ipaddress.ip_network(network, strict=False).prefixlen == 0:
            yield _fault(
                inventory,
                top,
                f'trusted_proxies: "{network}" lets everybody choose the address that they '
                "come from",
                "list the balancers' own addresses",
            )


def _of_site(inventory: Inventory, site: Site, material: Material) -> Iterator[Fault]:
    if site.name not in material.certificates:
        yield _fault(
            inventory,
            site.place,
            f'site "{site.name}": there is no server certificate',
            'set certificate = "local-ca" under [tls]',
        )
    if not any(not door_segments(r.door) and not r.door.conditional for r in site.routes):
        yield _fault(
            inventory,
            site.place,
            f'site "{site.name}": no route for "/"',
            'add a [[site.route]] with path = "/"',
        )
    yield from _of_channel(inventory, site)
    told: set[str] = set()
    for route in site.routes:
        for fault in _of_route(inventory, site, route, material):
            said = fault.message.removeprefix(f'"{route_asset(site, route).id}"')
            # The doors of a preset miss what the route that they follow misses: once is enough.
            if route.origin == "declared" or said not in told:
                yield fault
            told.add(said)


def _of_channel(inventory: Inventory, site: Site) -> Iterator[Fault]:
    """Yield what keeps a highly encrypted site from having its channel for itself."""
    highly = [r for r in site.routes if required_of_route(r).in_transit > TransitRung.ENCRYPTED]
    if not highly:
        return
    others = [r for r in site.routes if r not in highly and not r.shut]
    for route in others:
        yield _fault(
            inventory,
            route.place,
            f'"{route_asset(site, route).id}" is {_named(route)}, but "{highly[0].door.path}" on the '
            f"same host is {_named(highly[0])}, which has a host name of its own: there, everybody "
            "shows a client certificate in the handshake",
            f"give one of them another [[site]], with domains of its own, or class = "
            f'"{_strictest(highly[0]).id}"',
        )
    numbers = [domain for domain in site.domains if _is_address(domain)]
    if numbers and not others:
        yield _fault(
            inventory,
            site.place,
            f'site "{site.name}" is {_named(highly[0])}, so clients must ask for it by name (SNI), '
            f'but nobody asks so for the address "{numbers[0]}"',
            'domains = ["vault.example"]',
        )


def _strictest(route: Route) -> Classification:
    collects = route.collects
    if collects is not None and collects.rank > route.classification.rank:
        return collects
    return route.classification


def _named(route: Route) -> str:
    return f'"{_strictest(route).id}"'


def _is_address(domain: str) -> bool:
    try:
        ipaddress.ip_address(domain.strip("[]"))
    except ValueError:
        return False
    return True


def _of_route(
    inventory: Inventory, site: Site, route: Route, material: Material
) -> Iterator[Fault]:
    subject = f'"{route_asset(site, route).id}"'
    required = required_of_route(route)
    # Nothing goes through a shut door, so nothing of it is sent in clear.
    if required.in_transit > TransitRung.UNENCRYPTED and not (
        route.shut or upstream_is_protected(site.upstream)
    ):
        upstream = f"http://{site.upstream.host}:{site.upstream.port}"
        yield _fault(
            inventory,
            route.place,
            f"{subject}: the upstream is {upstream}, but this class is never sent in clear",
            'set upstream = "https://…", or move the site to this machine '
            "(`sealgate explain transit-upstream-plaintext`)",
        )
    yield from _of_inspection(inventory, site, route, subject)
    if route.plain_http and not inventory.listen.http:
        yield _fault(
            inventory,
            route.place,
            f"{subject}: it is to be served over plain HTTP, but http is off",
            'set http = ":80" under [listen], or remove plain_http',
        )
    match guard_at(site, route):
        case Guard.UNBUILT:
            if guard_of(route) is Guard.UNBUILT:
                yield _unbuilt(inventory, route, subject)
        case Guard.LOCKED:
            yield from _of_lock(inventory, site, route, subject, material)
        case Guard.SIGN_IN:
            yield from _of_sign_in(inventory, site, route, subject, material)
        case Guard.OPEN | Guard.SITE:
            pass


def _of_inspection(inventory: Inventory, site: Site, route: Route, subject: str) -> Iterator[Fault]:
    # Which route a request means is told by its path, and a site may read a path otherwise.
    # The usual readings are judged (policy.routing), but not what lies behind a script at "/", nor
    # those of a site's own rules; a class as a whole leaves no way past.
    if route.inspect is Inspect.ENFORCE:
        return
    for other in site.routes:
        same = other.classification == route.classification
        if same and other.inspect is Inspect.ENFORCE:
            yield _fault(
                inventory,
                route.place,
                f'{subject}: bodies of "{route_asset(site, other).id}" are inspected, which is of '
                "the same class; another spelling of its path would lead here, past that",
                'set inspect = "enforce" for every route of that class',
            )
            return


def _of_sign_in(
    inventory: Inventory, site: Site, route: Route, subject: str, material: Material
) -> Iterator[Fault]:
    people = material.sign_in.people if material.sign_in is not None else {}
    # Whom a provider puts into a group is known once they signed in.
    provided = {f"group:{ours}" for p in inventory.identity_providers for _, ours in p.groups}
    nobody = route.admit and not people.get(route_asset(site, route).id)
    if nobody and not provided & set(route.admit):
        yield _fault(
            inventory,
            route.place,
            f"{subject}: nobody is known who may enter ({', '.join(route.admit)})",
            "sealgate user add NAME --group GROUP",
        )
    if not route.admit or required_of_route(route).access < AccessRung.HIGH:
        return
    yield from _of_countries(inventory, subject, material)
    if is_highly_encrypted(site):
        yield from _of_certificates(inventory, site, route, subject, material)


def _unbuilt(inventory: Inventory, route: Route, subject: str) -> Fault:
    return _fault(
        inventory,
        route.place,
        f"{subject}: {_named(route)} goes only where both sides are known by a key, but "
        f'"{route.classification.id}" lets in people without one',
        "give the route a class that demands a key as well, with admit",
    )


def _of_lock(
    inventory: Inventory, site: Site, route: Route, subject: str, material: Material
) -> Iterator[Fault]:
    if not route.admit:
        return  # Nobody may enter, which is no weaker than what the class demands.
    yield from _of_certificates(inventory, site, route, subject, material)
    yield from _of_countries(inventory, subject, material)


def _of_certificates(
    inventory: Inventory, site: Site, route: Route, subject: str, material: Material
) -> Iterator[Fault]:
    if material.client_ca is None:
        yield _fault(
            inventory,
            route.place,
            f"{subject}: there is no authority for client certificates",
            "sealgate key issue NAME",
        )
    if not material.admitted.get(route_asset(site, route).id):
        yield _fault(
            inventory,
            route.place,
            f"{subject}: nobody who may enter ({', '.join(route.admit)}) has a living client "
            "certificate",
            _key_hint(route),
        )


def _key_hint(route: Route) -> str:
    # Somebody who is admitted by name, or else into a group that is.
    users = [who.removeprefix("user:") for who in route.admit if who.startswith("user:")]
    if users:
        return f"sealgate key issue {shlex.quote(users[0])}"
    return f"sealgate key issue NAME --group {route.admit[0].removeprefix('group:')}"


def _of_countries(inventory: Inventory, subject: str, material: Material) -> Iterator[Fault]:
    place = inventory.access.place
    if not inventory.access.countries:
        yield _fault(
            inventory,
            place,
            f"{subject}: no country is allowed",
            'set countries = ["DE"] under [access]',
        )
    if material.geo_database is None:
        yield _fault(
            inventory,
            place,
            f"{subject}: there is no country database",
            'set geo_database = "country.mmdb" under [access]',
        )


def _fault(inventory: Inventory, place: Place, message: str, hint: str) -> Fault:
    return Fault(place.file or inventory.source, place.line, message, hint)


def upstream_is_protected(upstream: Upstream) -> bool:
    """
    Return whether nobody between the gateway and *upstream* can read along.

    That is a Unix socket, this machine's own loopback, or verified TLS. "localhost" is
    always loopback (RFC 6761, 6.3).
    """
    if upstream.scheme in {"unix", "https"}:
        return True
    if upstream.host == "localhost" or upstream.host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(upstream.host).is_loopback
    except ValueError:
        return False


def guaranteed(inventory: Inventory, material: Material, *, now: float) -> tuple[Observation, ...]:
    """
    Return what a gateway that runs the translation enforces, per site and route.

    Nothing is said of certificates (whoever holds the files looks at them) nor of what
    the sites themselves do. *now*, in seconds since the epoch, is accepted so that every
    maker of observations is called alike; nothing here depends on it.
    """
    del now
    found: list[Observation] = []

    def saw(asset: str, fact: Fact, value: FactValue) -> None:
        found.append(Observation(asset, fact, value, Vantage.HOST, SEEN_BY))

    plain = bool(inventory.listen.http)
    for site in inventory.sites:
        name = site_asset(site).id
        highly = is_highly_encrypted(site)
        saw(name, Fact.TLS_VERSIONS, ("TLSv1.3",) if highly else ("TLSv1.2", "TLSv1.3"))
        saw(name, Fact.TLS_CIPHERS, TLS_1_3_IANA_SUITES if highly else TLS_IANA_SUITES)
        saw(name, Fact.TLS_GROUP, TLS_GROUPS[0])
        saw(name, Fact.TLS_HYBRID_OFFERED, value=True)
        saw(name, Fact.TLS_CLASSICAL_ACCEPTED, value=not highly)
        asked = "requested" if material.client_ca and asks_for_key(site) else "none"
        saw(name, Fact.TLS_CLIENT_CERTIFICATE, "required" if highly else asked)
        saw(name, Fact.HSTS_SECONDS, max(0, (site.tls or inventory.tls).hsts_seconds))
        in_clear = plain and Declaration.PLAIN_HTTP in required_of_site(site).declarations
        if in_clear:
            saw(name, Fact.PLAIN_SIGNATURE, "valid")
        redirected = "redirect" if plain else "refused"
        saw(name, Fact.PLAIN_GET, "served" if in_clear else redirected)
        saw(name, Fact.PLAIN_POST, "denied" if plain else "refused")
        saw(name, Fact.COOKIES_INSECURE, ())
        saw(name, Fact.UPSTREAM_PROTECTED, upstream_is_protected(site.upstream))
        for route in site.routes:
            for fact, value in _promised(site, route, plain=plain):
                saw(route_asset(site, route).id, fact, value)
    for gateway in inventory.payment_gateways:
        verified = bool(inventory.listen.egress)
        saw(payment_gateway_asset(gateway).id, Fact.EGRESS_VERIFIED, verified)
    return tuple(found)


def _promised(site: Site, route: Route, *, plain: bool) -> Iterator[tuple[Fact, FactValue]]:
    if route.plain_http and plain:
        yield Fact.PLAIN_GET, "served"
        yield Fact.PLAIN_SIGNATURE, "valid"
    if route.payment:
        yield Fact.PAGE_STORABLE, ()
        yield Fact.SCRIPT_POLICY, "enforced" if route.scripts else "reported"
    match guard_at(site, route):
        case Guard.OPEN:
            yield Fact.ACCESS_RUNG, 0
        case Guard.SIGN_IN:
            yield Fact.ACCESS_RUNG, required_of_route(route).access
            yield Fact.LOCK_STATUS_ANONYMOUS, _UNAUTHORIZED
            yield Fact.LOCK_VARIANTS_OPEN, ()
        case Guard.LOCKED:
            # Whom nobody lets in meets whatever the class asks for.
            yield (
                Fact.ACCESS_RUNG,
                required_of_route(route).access if route.shut else AccessRung.HIGH,
            )
            yield Fact.LOCK_STATUS_ANONYMOUS, _FORBIDDEN
            yield Fact.LOCK_VARIANTS_OPEN, ()
        case Guard.SITE | Guard.UNBUILT:
            pass  # The site asks, or nothing is served: no promise of ours.

"""
The routes of a site, in the order in which they are asked for.

All policy stands here: a route configuration is taken over by connections that are
already open, the filters of a listener are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from sealgate.gateway.model import (
    CERTIFICATE_USER_HEADER,
    CLASS_HEADER,
    CLIENT_CERTIFICATE_HEADER,
    OPENED,
    RUNG_HEADER,
    Guard,
    SiteGuards,
    signs_in,
)
from sealgate.gateway.translate.clients import ClientGroups
from sealgate.gateway.translate.clusters import cluster_name
from sealgate.gateway.translate.fields import field_settings
from sealgate.gateway.translate.glance import (
    Neighbours,
    elsewhere,
    literally,
    read_in_bodies,
    unconcerned,
    without_form,
)
from sealgate.gateway.translate.inspection import inspected
from sealgate.gateway.translate.limits import Rate, body_limit, rate_limit
from sealgate.gateway.translate.locks import lock, opened_at_once
from sealgate.gateway.translate.match_tree import Group, match_tree
from sealgate.gateway.translate.matchers import (
    CERTIFICATE_USER_STATE,
    CLIENTS_FILTER,
    RBAC_FILTER,
)
from sealgate.gateway.translate.own_cookies import stripped, without_own_cookies
from sealgate.gateway.translate.patterns import (
    PRINTABLE,
    doubtful,
    literal_path,
    simple,
)
from sealgate.gateway.translate.payment import payment_headers
from sealgate.gateway.translate.plain_http import key_page, plain_entries
from sealgate.gateway.translate.readings import Places, lua_program
from sealgate.gateway.translate.sign_in import (
    CLIENT_ADDRESS,
    hidden_from_site,
    identity_keys,
    own_pages,
)
from sealgate.gateway.translate.typed import EXTENSIONS, header, typed
from sealgate.policy.assets import route_asset
from sealgate.policy.conditions import MAX_BODY_BYTES, OVERRIDE_HEADERS, reads_bodies
from sealgate.policy.inventory import AcmeChallenge
from sealgate.policy.requirements import is_highly_encrypted, required_of_route
from sealgate.policy.routing import demands_of, is_stricter, specificity

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealgate.gateway.model import JSON, JSONObject, Material
    from sealgate.policy.inventory import Door, Inventory, Route, Site, TLSSettings
    from sealgate.policy.routing import Demands

LUA_FILTER = "envoy.filters.http.lua"
METADATA = "sealgate"
_DISABLED = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
# RFC 8555, 8.3: a token is of the base64url alphabet, and nothing else.
ACME_FOLDER = "/.well-known/acme-challenge/"
ACME_PATH = "/[.]well-known/acme-challenge/[A-Za-z0-9_-]+"
# On the plain port: how a request is framed, when that is not by its length.
FRAMING_HEADER = "x-sealgate-framing"
MISDIRECTED = 421  # RFC 9110, 15.5.20
# RFC 9110, 7.2: a name, and perhaps a port. Envoy takes whatever follows the colon for a
# port, but a site that makes links from "shop.example:@evil.example" sends people there.
_HOST = r"[^:@]*(?::[0-9]*)?"
_READ_METHODS: JSONObject = {
    "name": ":method",
    "string_match": {"safe_regex": {"regex": "GET|HEAD"}},
}


def https_routes(inventory: Inventory, site: Site, material: Material) -> JSONObject:
    """
    Return the route configuration of *site* over TLS.

    A request for another site's name is refused: it would come in under the TLS
    settings of this one.
    """
    context = _Context(
        inventory,
        site,
        material,
        Places(site.routes),
        Neighbours(site.routes),
        SiteGuards.of(site),
        signs_in(site),
        any(route.method_override for route in site.routes),
        ClientGroups.of(site, material),
    )
    groups = context.clients
    # Once for all entries; those that need one not turn it off.
    shared: JSONObject = {
        LUA_FILTER: typed(
            EXTENSIONS + "filters.http.lua.v3.LuaPerRoute",
            source_code={"inline_string": lua_program(site.routes)},
        )
    }
    refused, other = unread(_refusal(400)), unread(_refusal(MISDIRECTED))
    found = [_alone(unread(_odd_host())), *_site_routes(context)]
    if groups.of_client:
        shared[CLIENTS_FILTER] = groups.table()
        refused, other = _without_clients(refused), _without_clients(other)
        found = [Group(one.match, [*map(_without_clients, one.entries)]) for one in found]
    return {
        "name": https_name(site),
        "request_headers_to_add": [
            header("x-forwarded-for", CLIENT_ADDRESS),
        ],
        "typed_per_filter_config": shared,
        **_strict_transport(site.tls or inventory.tls),
        "virtual_hosts": [
            {
                "name": site.name,
                # The star stands for one character or more; a port may be empty (RFC 3986, 3.2.3).
                "domains": [f"{domain}{end}" for domain in site.domains for end in ("", ":", ":*")],
                "matcher": match_tree(found, refused),
            },
            {"name": "other sites", "domains": ["*"], "routes": [other]},
        ],
    }


@dataclass(frozen=True, slots=True)
class _Context:
    """One site to be translated, and what is known of its routes."""

    inventory: Inventory
    site: Site
    material: Material
    places: Places
    neighbours: Neighbours
    guards: SiteGuards
    signs_in: bool
    takes_overrides: bool
    clients: ClientGroups


def unread(entry: JSONObject) -> JSONObject:
    """Return *entry*, whose requests have one reading only, or mean nothing to any site."""
    return _without(LUA_FILTER, entry)


def _without_clients(entry: JSONObject) -> JSONObject:
    """Return *entry*, whose clients are looked up only where a lock asks for their group."""
    filters = entry.get("typed_per_filter_config")
    locked = isinstance(filters, dict) and RBAC_FILTER in filters
    return entry if locked else _without(CLIENTS_FILTER, entry)


def _without(name: str, entry: JSONObject) -> JSONObject:
    filters = entry.get("typed_per_filter_config")
    return {
        **entry,
        "typed_per_filter_config": {
            **(filters if isinstance(filters, dict) else {}),
            name: {"@type": _DISABLED, "disabled": True},
        },
    }


def https_name(site: Site) -> str:
    """Return what the route configuration of *site* over TLS is called."""
    return f"https {site.name}"


def _strict_transport(tls: TLSSettings) -> JSONObject:
    # RFC 6797, 6.1.2: includeSubDomains would speak for hosts that this gateway does not
    # serve. What the site itself sends is replaced: sealgate.toml is what holds.
    name = "strict-transport-security"
    if tls.hsts_seconds <= 0:
        return {"response_headers_to_remove": [name]}
    return {"response_headers_to_add": [header(name, f"max-age={tls.hsts_seconds}")]}


def _alone(entry: JSONObject) -> Group:
    match = entry["match"]
    return Group(match if isinstance(match, dict) else {}, [entry])


def _site_routes(context: _Context) -> Iterator[Group]:
    site, material = context.site, context.material
    by_path = sorted(
        (r for r in site.routes if not r.door.conditional), key=specificity, reverse=True
    )
    if material.sign_in is not None and context.signs_in:
        if site.single_sign_on:
            yield _alone(unread(identity_keys(material.sign_in.identity_key_set)))
        limits = rate_limit(context.inventory.limits, Rate.PAGES)
        yield _alone(unread({**own_pages(site), "typed_per_filter_config": limits}))
    for page in key_page(site, material, _READ_METHODS):
        yield _alone(unread(page))
    for route in by_path:
        match = _path_match(route.door)
        near = _Near(context.neighbours.of(route))
        *quick, last = _served(context, route, route, match, near)
        stricter = [
            one
            for one in near.routes
            if one.door.conditional and one.classification.rank > route.classification.rank
        ]
        by_door = [
            entries
            for door in sorted(stricter, key=lambda r: r.classification.rank, reverse=True)
            for way in literally(door.door)
            for entries in _served(context, door, route, _and(match, *way), near)
        ]
        yield Group(match, [entry for part in (*quick, *by_door, last) for entry in part])


class _Near:
    """The routes that can lie where one serves."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Keep *routes*, and what of them is stricter, for each kind of demands."""
        self.routes = routes
        self._stricter: dict[Demands, list[Route]] = {}

    def stricter_than(self, route: Route) -> list[Route]:
        """Return those that ask for anything that *route* does not give."""
        asked = demands_of(route)
        if asked not in self._stricter:
            self._stricter[asked] = [one for one in self.routes if is_stricter(one, route)]
        return self._stricter[asked]


def _served(
    context: _Context,
    route: Route,
    path_route: Route,
    match: JSONObject,
    near: _Near,
) -> Iterator[list[JSONObject]]:
    """
    Yield *route* for usual requests, for others of one reading, then for those to judge.

    Each as the entries that belong together. *near* is what can lie where *path_route* serves.
    """
    inventory, site, material = context.inventory, context.site, context.material
    guards = context.guards

    def entries(
        match: JSONObject, filters: JSONObject, *, sampled: bool = True, rare: bool = False
    ) -> list[JSONObject]:
        shown = _signed_in(context, route, _to_site(site, route, match, filters), rare=rare)
        return [
            e for entry in shown for e in inspected(entry, site, route, material, sampled=sampled)
        ]

    limits = {**_limits(context, route, path_route), **field_settings(route)}
    filters = {**limits, **lock(site, guards, route, inventory.access, material, context.clients)}
    if route.shut:
        # Everybody is refused here, so how a request may be read says nothing.
        yield [unread(one) for one in entries(match, filters, sampled=False, rare=True)]
        return
    at_once = opened_at_once(site, guards, route, inventory.access, material)
    # What an entry of a lock holds is read anew with every change; so there is one for all cookies.
    # Who is let in at once does not come there.
    rare = guards.at(route) is Guard.LOCKED

    def guarded(match: JSONObject, *, sampled: bool) -> list[JSONObject]:
        if at_once is None:
            return [unread(one) for one in entries(match, filters, sampled=sampled, rare=rare)]
        opened = entries({**_and(match), "filter_state": [at_once]}, limits, sampled=sampled)
        return [unread({**entry, "stat_prefix": OPENED}) for entry in opened]

    stricter = near.stricter_than(route)
    doors = [r.door for r in stricter if r.door.conditional]
    # A door with conditions is rare, and would cost whoever passes it one more expression.
    if not route.door.conditional:
        apart = unconcerned(doors, route)
        # Ways to see that no body tells anything; one, to look at nothing, where none is read.
        formless = without_form(doors, path_route) if read_in_bodies(doors) else [[]]
        usual = simple(route, near.routes, path_route=path_route)
        if usual is not None:
            quick = _and(match, _target_header(usual), *apart, *formless[0])
            yield guarded(quick, sampled=True)
        doubt = doubtful(route, near.routes, path_route=path_route)
        plain = _and(match, _target_header(PRINTABLE), _target_header(doubt, inverted=True), *apart)
        # Of usual requests there are enough; each entry that takes samples costs everybody.
        for way in formless:
            yield guarded(_and(plain, *way), sampled=usual is None)

    def judged(match: JSONObject, *, reads: bool = False) -> list[JSONObject]:
        held = _held(route, path_route) if reads else {}
        # What needs a program is rare, and so is who comes to a table beside what opens at once.
        found = entries(match, {**filters, **held}, sampled=False, rare=True)
        return [_read(entry, context.places.of(route, reads=reads)) for entry in found]

    if not any(map(reads_bodies, doors)):
        yield judged(match)
        return
    unread_ways = _unread(context, path_route, stricter)
    without = [entry for way in unread_ways for entry in judged({**_and(match, *way[0]), **way[1]})]
    yield [*without, *judged(match, reads=True)]


def _read(entry: JSONObject, place: JSONObject) -> JSONObject:
    """Return *entry*, whose requests the program of the site judges, and is told *place*."""
    metadata = entry["metadata"]
    known = metadata.get("filter_metadata") if isinstance(metadata, dict) else None
    told = {**(known if isinstance(known, dict) else {}), LUA_FILTER: place}
    return {**entry, "metadata": {"filter_metadata": told}}


def _signed_in(
    context: _Context, route: Route, entry: JSONObject, *, rare: bool
) -> list[JSONObject]:
    if told := _told(context, route):
        entry["request_headers_to_add"] = told
    signing = context.material.sign_in is not None and context.signs_in
    signed = signing and context.guards.at(route) is Guard.SIGN_IN
    hidden = [*(hidden_from_site(context.guards) if signed else []), *_overrides(context, route)]
    if hidden:
        entry["request_headers_to_remove"] = hidden
    if not signing:
        return [entry]
    match = entry["match"]
    entry["match"] = _and(match if isinstance(match, dict) else {})
    return [stripped(entry)] if rare else list(without_own_cookies(entry, signed=signed))


def _unread(
    context: _Context, path_route: Route, stricter: Sequence[Route]
) -> list[tuple[list[JSONObject], JSONObject]]:
    """Return the ways to see that no body need be read: header matchers, and what else matches."""
    doors = [r.door for r in stricter if r.door.conditional]
    ways: list[tuple[list[JSONObject], JSONObject]] = [
        (way, {}) for way in without_form(doors, path_route)
    ]
    if (away := elsewhere(doors, path_route)) is not None:
        ways.append((away, {}))
    if (known := _opened_at_all(context, stricter)) is not None:
        ways.append(([], {"filter_state": [known]}))
    return ways


def _opened_at_all(context: _Context, stricter: Sequence[Route]) -> JSONObject | None:
    """Return what matches connections that may enter all of *stricter*: their bodies tell nothing."""
    routes = [r for r in stricter if r.door.conditional and reads_bodies(r.door)]
    opened = [
        opened_at_once(
            context.site, context.guards, route, context.inventory.access, context.material
        )
        for route in routes
    ]
    # Where the lists differ, nobody is known to be on all of them.
    return opened[0] if opened and all(one == opened[0] for one in opened) else None


def _held(route: Route, path_route: Route) -> JSONObject:
    most = route.max_body_bytes if route.max_body_bytes is not None else path_route.max_body_bytes
    return body_limit(MAX_BODY_BYTES if most is None else min(most, MAX_BODY_BYTES))


def _overrides(context: _Context, route: Route) -> list[JSON]:
    # Where no route of a site lets them pass, they are dropped before anything reads them.
    dropped = context.takes_overrides and not route.method_override
    return list(OVERRIDE_HEADERS) if dropped else []


def _told(context: _Context, route: Route) -> list[JSON]:
    """Return the headers by which the site learns who is there; no client can send these."""
    of_class = header(CLASS_HEADER, route.classification.id)
    match context.guards.at(route):
        case Guard.SIGN_IN:
            # Name and rung come out of the session (:mod:`~.sign_in`).
            return [of_class]
        case Guard.LOCKED:
            # Only certificates that were issued here get so far, so their URI can be believed.
            # Each header costs a request 1.3 %, and the log needs these two (ADR 24).
            uri = f"%FILTER_STATE({CERTIFICATE_USER_STATE}:PLAIN)%"
            who: list[JSON] = [
                header(CERTIFICATE_USER_HEADER, uri),
                header(CLIENT_CERTIFICATE_HEADER, f"URI={uri}"),
            ]
            if not context.site.single_sign_on:
                return who
            return [*who, of_class, header(RUNG_HEADER, str(required_of_route(route).access))]
        case _:
            return []


def _limits(context: _Context, route: Route, path_route: Route) -> JSONObject:
    signed = context.guards.at(route) is Guard.SIGN_IN
    filters = rate_limit(context.inventory.limits, Rate.SESSIONS if signed else Rate.REQUESTS)
    # A parameter opens a door of its own, but the path says how much may be sent there.
    most = route.max_body_bytes if route.max_body_bytes is not None else path_route.max_body_bytes
    return filters if most is None else {**filters, **body_limit(most)}


def _path_match(door: Door) -> JSONObject:
    if "*" in door.path:
        return {
            "safe_regex": {"regex": literal_path(door)},
            "headers": [_rare(door.path)],
        }
    if door.exact:
        return {"path": door.path}
    return {"prefix": "/"} if door.path == "/" else {"path_separated_prefix": door.path}


def _rare(path: str) -> JSONObject:
    """Return the cheapest question that turns most requests away which lie elsewhere than *path*."""
    first, *more = path.split("*")
    if first != "/":
        return _begins(first)
    longest = max(more, key=len)
    return {"name": ":path", "string_match": {"contains": longest}} if longest else _begins(first)


def _and(match: JSONObject, *headers: JSONObject) -> JSONObject:
    already = match.get("headers", [])
    return {**match, "headers": [*(already if isinstance(already, list) else []), *headers]}


def _begins(path: str) -> JSONObject:
    return {"name": ":path", "string_match": {"prefix": path}}


def _target_header(regex: str, *, inverted: bool = False) -> JSONObject:
    matcher: JSONObject = {"name": ":path", "string_match": {"safe_regex": {"regex": regex}}}
    return {**matcher, "invert_match": True} if inverted else matcher


def _to_site(site: Site, route: Route, match: JSONObject, filters: JSONObject) -> JSONObject:
    asset = route_asset(site, route)
    entry: JSONObject = {
        # As it stands in the log.
        "name": f"{asset.id}, {route.classification.name}, access {_access(route)}",
        "match": match,
        "metadata": {
            "filter_metadata": {
                METADATA: {
                    "asset": asset.id,
                    "class": route.classification.name,
                    "class_html": escape(route.classification.name),
                }
            }
        },
        # No limit for a whole answer: downloads and event streams may take hours. Slow
        # clients are held by the limits of the connection.
        "route": {"cluster": cluster_name(site), "timeout": "0s"},
    }
    if filters:
        entry["typed_per_filter_config"] = filters
    if headers := payment_headers(route):
        entry["response_headers_to_add"] = headers
    return entry


def _access(route: Route) -> str:
    return required_of_route(route).access.word


def http_routes(inventory: Inventory, material: Material) -> JSONObject:
    """
    Return the route configuration of port 80, which serves no content but what is signed.

    GET and HEAD are sent to https; anything else is refused, for its body has already
    crossed in clear (RFC 9110, 15.4.9: 308 would only repeat it). ACME challenges are
    the one exception (RFC 8555, 8.3): they come over http, carry nothing secret, and
    reach the site without cookies or credentials. Only the bare challenge does, without
    query and body: on any path, a parameter may open a door of the site. Those that an
    authority was asked for by ourselves are answered here.
    """
    hosts: list[JSON] = [
        {
            "name": site.name,
            "domains": list(site.domains),
            "routes": _plain(inventory, site, material),
        }
        for site in inventory.sites
    ]
    hosts.append({"name": "other sites", "domains": ["*"], "routes": [_refusal(MISDIRECTED)]})
    return {
        "name": "http",
        "ignore_port_in_host_matching": True,
        "request_headers_to_add": [
            header("x-forwarded-for", CLIENT_ADDRESS),
        ],
        "virtual_hosts": hosts,
    }


def _plain(inventory: Inventory, site: Site, material: Material) -> list[JSON]:
    bare: list[JSON] = [
        _READ_METHODS,
        _target_header(ACME_PATH),
        {"name": "content-length", "present_match": True, "invert_match": True},
        {"name": FRAMING_HEADER, "present_match": True, "invert_match": True},
    ]
    challenge: JSONObject = {
        "match": {"safe_regex": {"regex": ACME_PATH}, "headers": bare},
        "route": {"cluster": cluster_name(site), "timeout": "15s"},
        "request_headers_to_remove": ["cookie", "authorization"],
        "response_headers_to_remove": ["set-cookie"],
    }
    proofs: list[JSON] = [
        {
            "match": {"path": f"{ACME_FOLDER}{proof.token}", "headers": [_READ_METHODS]},
            "direct_response": {"status": 200, "body": {"inline_string": proof.answer}},
        }
        for proof in material.proofs
        if proof.challenge is AcmeChallenge.HTTP_01 and proof.domain in site.domains
    ]
    entries: list[JSON] = [_odd_host(), *proofs]
    if not is_highly_encrypted(site):
        # Nothing that such a site says goes out in clear, not even this.
        entries.append(challenge)
    otherwise: JSONObject = {"direct_response": {"status": 403}}
    if inventory.listen.https:
        otherwise = {
            "redirect": {
                "https_redirect": True,
                "port_redirect": inventory.listen.https[0].port,
                "response_code": "PERMANENT_REDIRECT",
            }
        }
    reads = [matcher for matcher in bare if matcher != _target_header(ACME_PATH)]
    entries += plain_entries(
        site,
        material,
        at=_path_match,
        bare=reads,
        otherwise=otherwise,
        filters=rate_limit(inventory.limits, Rate.REQUESTS),
    )
    if inventory.listen.https:
        entries.append({"match": {"prefix": "/", "headers": [_READ_METHODS]}, **otherwise})
    entries.append(_refusal(403))
    return entries


def _odd_host() -> JSONObject:
    # Envoy takes whatever follows the colon for a port. On the plain port, the first
    # condition spares everybody on the usual port the second one.
    matchers: list[JSON] = [
        {"name": ":authority", "string_match": {"contains": ":"}},
        {
            "name": ":authority",
            "string_match": {"safe_regex": {"regex": _HOST}},
            "invert_match": True,
        },
    ]
    return {
        "match": {"prefix": "", "headers": matchers},
        "direct_response": {"status": MISDIRECTED},
    }


def _refusal(status: int) -> JSONObject:
    # The page comes from the listener's local replies; an empty prefix matches "*" too.
    return {"match": {"prefix": ""}, "direct_response": {"status": status}}

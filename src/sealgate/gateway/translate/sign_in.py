"""
Signed-in requests, verified by Envoy itself: no Python runs for them.

The session is a signed token in a cookie. ``jwt_authn`` verifies it (with a cache) and writes
who it is into headers that no client can set; a matcher in the route decides by them. What
it does not admit, for whatever reason, goes to the sign-in service (``ext_authz``), which
makes a stale token anew or answers what is missing. It fails closed: the service is asked
unless the matcher said yes, and while it does not answer nobody else comes in. No cookie of
ours reaches the site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import (
    ADDRESS_HEADER,
    ASSET_HEADER,
    CERTIFICATE_HEADER,
    CHECK_PATH,
    COUNTRY_HEADER,
    GRANT_HEADER,
    IDENTITY_HEADER,
    IDENTITY_KEYS_PATH,
    KEY_HEADER,
    OWN_PATH,
    RUNG_HEADER,
    SESSION_COOKIE,
    SITE_HEADER,
    USER_HEADER,
    needs_grants,
)
from sealgate.gateway.translate.matchers import (
    COUNTRY_STATE,
    FINGERPRINT_STATE,
    NOT_SIGNED_IN,
    RBAC_FILTER,
    by_client_and_country,
    by_country,
    by_grant,
    by_key,
    by_person,
    by_rung,
    by_user,
    consulted,
    deny,
    inside,
    passes_by,
)
from sealgate.gateway.translate.own_cookies import (
    LONE_SESSION_FILTER,
    SESSION_FILTER,
    strip_filters,
)
from sealgate.gateway.translate.typed import EXTENSIONS, extension, header, typed
from sealgate.policy.assets import route_asset
from sealgate.policy.protection import AccessRung
from sealgate.policy.requirements import required_of_route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.gateway.model import JSON, JSONObject, Material, SignInMaterial, SiteGuards
    from sealgate.gateway.translate.clients import ClientGroups
    from sealgate.policy.inventory import AccessSettings, Route, Site

CLUSTER = "sign-in"
ROUTE_NAME = "sign-in"
KEYS_ROUTE_NAME = "identity keys"
ASK_FILTER = "envoy.filters.http.ext_authz"
# The same, where the session alone decides.
ASK_STRANGERS_FILTER = "sealgate.ask-strangers"
ASK_SECONDS = 5
PAGE_SECONDS = 30
UNAVAILABLE = 503  # RFC 9110, 15.6.4
# Verified tokens that each of Envoy's threads remembers, once for requests with other cookies and
# once for those without: of that many people per minute. One takes
# 10 KiB (measured); whoever is forgotten is verified again, which takes 80 us.
REMEMBERED_TOKENS = 1000
_REQUIREMENT = "session"
CLIENT_ADDRESS = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"


def session_filters(
    site: Site,
    guards: SiteGuards,
    route: Route,
    access: AccessSettings,
    material: Material,
    clients: ClientGroups,
) -> JSONObject:
    """Return the per-route settings of a *route* that is entered by signing in."""
    rung = required_of_route(route).access
    verify: JSONObject = {
        SESSION_FILTER: typed(
            EXTENSIONS + "filters.http.jwt_authn.v3.PerRouteConfig", requirement_name=_REQUIREMENT
        ),
    }
    if rung < AccessRung.HIGH:
        return {
            **verify,
            ASK_STRANGERS_FILTER: typed(
                EXTENSIONS + "common.matching.v3.ExtensionWithMatcherPerRoute",
                xds_matcher=_low(site, guards, route, material),
            ),
        }
    if rung >= AccessRung.VERY_HIGH:
        decision = _very_high(site, guards, route, access, material)
    else:
        groups = clients.of_lock.get(route_asset(site, route).id, ())
        decision = _high(site, guards, route, access, material, groups)
    return {
        **verify,
        RBAC_FILTER: consulted(decision),
        ASK_FILTER: typed(
            EXTENSIONS + "filters.http.ext_authz.v3.ExtAuthzPerRoute", check_settings={}
        ),
    }


def _low(site: Site, guards: SiteGuards, route: Route, material: Material) -> JSONObject:
    """
    Return the matcher of sessions for which the service is not asked, on a route of rung 1.

    Nothing but the session is looked at, so this needs no verdict of another filter, whose
    metadata cost a request 4 % (ADR 19).
    """
    people = material.sign_in.people if material.sign_in is not None else {}
    names = people.get(route_asset(site, route).id, ()) if route.admit else None
    # What is bound to a certificate is worth less without it; the service makes another.
    return passes_by(AccessRung.LOW, names, bound=guards.needs_grants)


def _high(
    site: Site,
    guards: SiteGuards,
    route: Route,
    access: AccessSettings,
    material: Material,
    groups: Sequence[str],
) -> JSONObject:
    asset = route_asset(site, route).id
    people = material.sign_in.people if material.sign_in is not None else {}
    enough = inside(by_country(access.countries))
    who = inside(by_user(people.get(asset, ()), enough))
    # What is bound to a certificate is worth less without it; the service makes another.
    top = inside(by_key((), who, alone=True)) if guards.needs_grants else None
    certificate = None
    if groups:
        # A certificate alone is a key, too. Beside a session it is none: the site is told whose
        # session it is, and that person may have proven no more than a password.
        nobody = deny(NOT_SIGNED_IN)
        certificate = inside(by_client_and_country(groups, access.countries, nobody, nobody))
    return by_rung(AccessRung.HIGH, who, top, certificate)


def _very_high(
    site: Site, guards: SiteGuards, route: Route, access: AccessSettings, material: Material
) -> JSONObject:
    """
    Return the matcher for rung 3: the token tells of the factors, the table of the grants.

    So a grant that ends is out of the table at once, and its token ends by itself soon.
    """
    asset = route_asset(site, route).id
    each: dict[str, JSONObject] = {}
    if material.sign_in is not None:
        admitted = frozenset(material.sign_in.people.get(asset, ()))
        country = inside(by_country(access.countries))
        for name, fingerprints in material.sign_in.granted.get(asset, {}).items():
            if name in admitted:
                alone = not guards.highly_encrypted
                each[name] = inside(by_key(fingerprints, country, alone=alone))
    return by_rung(AccessRung.VERY_HIGH, inside(by_grant(asset, inside(by_person(each)))))


def before_lock(site: Site, sign_in: SignInMaterial) -> list[JSON]:
    """Return the filters that verify a session; off unless a route turns them on."""
    named = f"{SESSION_COOKIE}="
    # The second looks for the name anywhere, and takes all that is behind it: routes turn it on only
    # where the header begins so, and has no other cookie (:mod:`.own_cookies`).
    return [
        _verifying(SESSION_FILTER, site, sign_in, from_cookies=[SESSION_COOKIE]),
        _verifying(
            LONE_SESSION_FILTER,
            site,
            sign_in,
            from_headers=[{"name": "cookie", "value_prefix": named}],
        ),
    ]


def _verifying(name: str, site: Site, sign_in: SignInMaterial, **place: JSON) -> JSONObject:
    provider: JSONObject = {
        "issuer": sign_in.issuer,
        "audiences": [site.name],
        "local_jwks": {"inline_string": sign_in.key_set},
        **place,
        "forward": True,
        # The default is a minute, which would double the life of a token. 0 means default.
        "clock_skew_seconds": 1,
        "jwt_cache_config": {"jwt_cache_size": REMEMBERED_TOKENS},
        "claim_to_headers": [
            {"header_name": name, "claim_name": claim} for name, claim in _claims(site).items()
        ],
    }
    either: list[JSON] = [{"provider_name": "session"}, {"allow_missing_or_failed": {}}]
    verify = extension(
        name,
        EXTENSIONS + "filters.http.jwt_authn.v3.JwtAuthentication",
        providers={"session": provider},
        requirement_map={_REQUIREMENT: {"requires_any": {"requirements": either}}},
    )
    return {**verify, "disabled": True}


def _claims(site: Site) -> dict[str, str]:
    claims = {USER_HEADER: "sub", RUNG_HEADER: "rung"}
    if site.single_sign_on:
        claims[IDENTITY_HEADER] = "identity"
    if needs_grants(site):
        claims |= {GRANT_HEADER: "asset", KEY_HEADER: "certificate"}
    return claims


def after_lock(site: Site) -> list[JSON]:
    """Return the filters that ask the service, and that take our cookies away."""
    told = {
        ASSET_HEADER: "%METADATA(ROUTE:sealgate:asset)%",
        SITE_HEADER: site.name,
        **_facts(),
    }
    ask = typed(
        EXTENSIONS + "filters.http.ext_authz.v3.ExtAuthz",
        transport_api_version="V3",
        failure_mode_allow=False,
        status_on_error={"code": UNAVAILABLE},
        http_service={
            "server_uri": {
                "uri": "http://sign-in",
                "cluster": CLUSTER,
                "timeout": f"{ASK_SECONDS}s",
            },
            "path_prefix": CHECK_PATH,
            "authorization_request": {
                "headers_to_add": [{"key": name, "value": value} for name, value in told.items()]
            },
            "authorization_response": {
                "allowed_upstream_headers": _names(*_claims(site)),
                "allowed_client_headers_on_success": _names("set-cookie"),
            },
        },
        allowed_headers=_names("cookie", "accept", "accept-language"),
        disallowed_headers=_names("authorization"),
    )
    unless_allowed: JSONObject = {
        "filter": RBAC_FILTER,
        "path": [{"key": "shadow_engine_result"}],
        "value": {"string_match": {"exact": "allowed"}},
        "invert": True,
    }
    # Routes say who passes by; without their word everybody is asked.
    strangers = extension(
        ASK_STRANGERS_FILTER,
        EXTENSIONS + "common.matching.v3.ExtensionWithMatcher",
        extension_config={"name": ASK_FILTER, "typed_config": ask},
        xds_matcher=passes_by(AccessRung.LOW, (), bound=False),
    )
    verdict: JSONObject = {
        "name": ASK_FILTER,
        "typed_config": {**ask, "filter_enabled_metadata": unless_allowed},
    }
    return [{**verdict, "disabled": True}, {**strangers, "disabled": True}, *strip_filters()]


def _names(*names: str) -> JSONObject:
    return {"patterns": [{"exact": name} for name in names]}


def _facts() -> dict[str, str]:
    return {
        ADDRESS_HEADER: CLIENT_ADDRESS,
        COUNTRY_HEADER: f"%FILTER_STATE({COUNTRY_STATE}:PLAIN)%",
        CERTIFICATE_HEADER: f"%FILTER_STATE({FINGERPRINT_STATE}:PLAIN)%",
    }


def own_pages(site: Site) -> JSONObject:
    """Return the route of the pages on which people sign in."""
    told = {SITE_HEADER: site.name, **_facts()}
    return {
        "name": ROUTE_NAME,
        "match": {"path_separated_prefix": OWN_PATH},
        "request_headers_to_add": [header(name, value) for name, value in told.items()],
        "route": {"cluster": CLUSTER, "timeout": f"{PAGE_SECONDS}s"},
    }


def hidden_from_site(guards: SiteGuards) -> list[JSON]:
    """Return the headers that only the gateway's own tables read."""
    return [GRANT_HEADER, KEY_HEADER] if guards.needs_grants else []


def identity_keys(key_set: str) -> JSONObject:
    """Return the route at which a site finds the keys that verify what it is told."""
    return {
        "name": KEYS_ROUTE_NAME,
        "match": {"path": IDENTITY_KEYS_PATH},
        "direct_response": {"status": 200, "body": {"inline_string": key_set}},
        # RFC 7517, 8.5.1. A new key is told five minutes before anything is signed with it.
        "response_headers_to_add": [header("cache-control", "public, max-age=120")],
    }


def service_cluster(sign_in: SignInMaterial) -> JSONObject:
    """Return the sign-in service as Envoy reaches it."""
    endpoint: JSONObject = {"endpoint": {"address": {"pipe": {"path": sign_in.socket}}}}
    return {
        "name": CLUSTER,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": CLUSTER, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }

"""Fields that do not pass: trailers of requests, and what tells caches to keep a payment page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.translate.typed import EXTENSIONS, extension, typed

if TYPE_CHECKING:
    from sealgate.gateway.model import JSON, JSONObject
    from sealgate.policy.inventory import Route

# What only a proxy may tell a site; a client's own is dropped before anything reads it, and
# so is every name with an underscore, by the codec. "-ip" is X-Real-IP, X-Client-IP,
# True-Client-IP, CF-Connecting-IP. PHP reads a dot in a name as an underscore: "X.Real.IP"
# would be X-Real-IP to it. One expression costs half of what a list of names costs (ADR 3).
FORGEABLE = (
    "x-forwarded.*|x-(?:original|envoy|sealgate)-.*|.*-ip|.*[.].*"
    "|forwarded|proxy|x-rewrite-url|front-end-https"
)
# What names another method than the one that was sent: only where a route takes it.
OVERRIDES = "x-http-method(?:-override)?|x-method-override"
# RFC 9110, 6.5.1: framing, routing, authentication, modifiers and the form of the content are
# never told in a trailer.
_NO_TRAILERS = (
    "(?:proxy-)?authorization|cookie|host|content-(?:length|type|encoding|range)"
    "|transfer-encoding|te|trailer|connection|upgrade|expect|max-forwards|cache-control|range|if-.*"
    "|x-(?:http-)?method.*"
)
# RFC 9213, 2.1 lets everybody make a field of this kind; the others are older, and of one vendor.
_FOR_CACHES = (
    ".+-cache-control|surrogate-.*|edge-control|edge-cache-tag|cache-tags?|x-cache-tags"
    "|expires|pragma|age|x-accel-expires|x-litespeed-.*"
)
DROP_FILTER = "sealgate.no-trailers"
FIELDS_FILTER = "sealgate.fields"
_ENABLED = "type.googleapis.com/envoy.config.route.v3.FilterConfig"


def field_filters() -> list[JSON]:
    """Return the filter that drops trailers of requests, and one that is off unless a route turns it on."""
    message = EXTENSIONS + "filters.http.header_mutation.v3.HeaderMutation"
    every: list[JSON] = [_without(".*")]
    return [
        extension(DROP_FILTER, message, mutations={"request_trailers_mutations": every}),
        {**extension(FIELDS_FILTER, message, mutations={}), "disabled": True},
    ]


def field_settings(route: Route) -> JSONObject:
    """
    Return the settings of *route*; empty where it does as all do.

    Where trailers of requests pass, names that only the gateway may use do not, nor what
    nobody may say in a trailer.
    """
    mutations: JSONObject = {}
    settings: JSONObject = {}
    if route.request_trailers:
        settings[DROP_FILTER] = {"@type": _ENABLED, "disabled": True}
        kept_back = f"{FORGEABLE}|.*_.*|{_NO_TRAILERS}"
        mutations["request_trailers_mutations"] = [_without(kept_back)]
    if route.payment:
        mutations["response_mutations"] = [_without(_FOR_CACHES)]
    if mutations:
        own = typed(
            EXTENSIONS + "filters.http.header_mutation.v3.HeaderMutationPerRoute",
            mutations=mutations,
        )
        settings[FIELDS_FILTER] = {"@type": _ENABLED, "config": own}
    return settings


def _without(names: str) -> JSONObject:
    return {"remove_on_match": {"key_matcher": {"safe_regex": {"regex": names}}}}

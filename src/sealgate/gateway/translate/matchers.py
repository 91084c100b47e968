"""
The tables by which Envoy's RBAC filter decides: who, from where, with how much proven.

Each is a lookup in a table of a route, or of its configuration. What is absent finds nothing in it
and is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import GRANT_HEADER, KEY_HEADER, RUNG_HEADER, USER_HEADER
from sealgate.gateway.translate.typed import EXTENSIONS, extension, typed
from sealgate.policy.protection import AccessRung

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealgate.gateway.model import JSON, JSONObject

RBAC_FILTER = "envoy.filters.http.rbac"
# Notes which group a client is of, before the locks (:mod:`.clients`).
CLIENTS_FILTER = "sealgate.clients"
CLIENTS_PREFIX = "clients_"
# What is noted of who shows no certificate, or one that opens nothing here. Groups are numbers.
NO_CLIENT = "none"
OTHER_CLIENT = "other"
# Set at the handshake, read by every lock; no client can write there.
FINGERPRINT_STATE = "sealgate.client"
COUNTRY_STATE = "sealgate.country"
# Both in one, so that a route can ask for them by one expression.
KEY_AND_COUNTRY_STATE = "sealgate.key-and-country"
# The URI in the client's certificate, whoever signed it: nobody is admitted by it.
CERTIFICATE_USER_STATE = "sealgate.certificate-user"
# How Envoy writes a fingerprint or a country that is not there.
_ABSENT = "-"
# As the service writes into a token that it is bound to no certificate.
_NO_KEY = "none"
_SKIP = EXTENSIONS + "filters.common.matcher.action.v3.SkipFilter"

NO_CERTIFICATE = "no-certificate"
NOT_ADMITTED = "not-admitted"
NOBODY_ADMITTED = "nobody-admitted"
OTHER_COUNTRY = "other-country"
UNKNOWN_COUNTRY = "unknown-country"
UNBUILT = "unbuilt"
NOT_SIGNED_IN = "not-signed-in"


def by_fingerprint(
    each: Mapping[str, JSONObject], otherwise: JSONObject, nothing: JSONObject
) -> JSONObject:
    """Return the matcher that does what stands in *each* for a certificate, *nothing* for none."""
    table: JSONObject = {_ABSENT: nothing}
    table |= {one: each[one] for one in sorted(each)}
    return _table(_connection_input(FINGERPRINT_STATE), table, otherwise)


def by_country(countries: Iterable[str]) -> JSONObject:
    """Return the matcher that lets in from *countries*."""
    table: JSONObject = {_ABSENT: deny(UNKNOWN_COUNTRY)}
    table |= {code: allow() for code in sorted(countries)}
    return _table(_connection_input(COUNTRY_STATE), table, deny(OTHER_COUNTRY))


def by_client_and_country(
    groups: Iterable[str], countries: Iterable[str], otherwise: JSONObject, nothing: JSONObject
) -> JSONObject:
    """
    Return the matcher that lets in clients of these *groups* from *countries*.

    *otherwise* is for other certificates, *nothing* for none, wherever they come from.
    """
    cases: list[JSON] = [_client_case({"exact": NO_CLIENT}, nothing)]
    if any_of := "|".join(sorted(groups)):
        admitted = inside(by_country(countries))
        cases.insert(0, _client_case({"safe_regex": {"regex": any_of}}, admitted))
    return {"matcher_list": {"matchers": cases}, "on_no_match": otherwise}


def by_rung(
    least: AccessRung,
    then: JSONObject,
    top: JSONObject | None = None,
    nobody: JSONObject | None = None,
) -> JSONObject:
    """
    Return the matcher that does *then* for sessions that are worth *least* or more.

    *top* is what is done instead for those that are worth the most, *nobody* where there is
    no session at all.
    """
    told: JSONObject = {
        str(rung.value): then if rung >= least else deny(NOT_SIGNED_IN)
        for rung in AccessRung
        if rung > AccessRung.NONE
    }
    if top is not None:
        told[str(AccessRung.VERY_HIGH.value)] = top
    return _table(_header_input(RUNG_HEADER), told, nobody or deny(NOT_SIGNED_IN))


def by_user(names: Iterable[str], then: JSONObject) -> JSONObject:
    """Return the matcher that does *then* for the people *names*."""
    return by_person(dict.fromkeys(names, then))


def by_person(each: Mapping[str, JSONObject]) -> JSONObject:
    """Return the matcher that does for everybody what stands in *each* under their name."""
    table: JSONObject = {name: each[name] for name in sorted(each)}
    if not table:
        return {"on_no_match": deny(NOT_ADMITTED)}
    return _table(_header_input(USER_HEADER), table, deny(NOT_ADMITTED))


def by_grant(asset: str, then: JSONObject) -> JSONObject:
    """Return the matcher that does *then* for sessions that rest on a grant for *asset*."""
    return _table(_header_input(GRANT_HEADER), {asset: then}, deny(NOT_SIGNED_IN))


def by_key(fingerprints: Iterable[str], then: JSONObject, *, alone: bool) -> JSONObject:
    """
    Return the matcher that does *then* where the connection shows what the session is bound to.

    Only certificates of these *fingerprints* count. *alone*: a session that is bound to none
    counts as well (its key was a passkey).
    """
    table: JSONObject = {_NO_KEY: then} if alone else {}
    for one in sorted(fingerprints):
        shown = by_fingerprint({one: then}, deny(NOT_ADMITTED), deny(NO_CERTIFICATE))
        table[one] = inside(shown)
    if not table:
        return refuse(NOT_ADMITTED)
    return _table(_header_input(KEY_HEADER), table, deny(NOT_SIGNED_IN))


def passes_by(least: AccessRung, names: Iterable[str] | None, *, bound: bool) -> JSONObject:
    """
    Return the matcher that leaves a filter out for sessions that are worth *least* or more.

    *names*: only of these people; ``None``: of anybody. *bound*: where a session that is worth
    the most may be bound to a certificate, only one that is not. Whoever nothing matches, for
    whatever reason, does not pass by.
    """
    then: JSONObject = {"action": extension("pass by", _SKIP)}
    if names is not None:
        table: JSONObject = dict.fromkeys(sorted(names), then)
        if not table:
            # Envoy takes no empty table, and a rung is a number.
            return _table(_header_input(RUNG_HEADER), {"nobody": then})
        then = inside(_table(_header_input(USER_HEADER), table))
    told: JSONObject = {str(rung.value): then for rung in AccessRung if rung >= least}
    if bound:
        told[str(AccessRung.VERY_HIGH.value)] = inside(
            _table(_header_input(KEY_HEADER), {_NO_KEY: then})
        )
    return _table(_header_input(RUNG_HEADER), told)


def inside(matcher: JSONObject) -> JSONObject:
    """Return *matcher* as what is done next."""
    return {"matcher": matcher}


def deny(reason: str) -> JSONObject:
    """Return a refusal, from whose *reason* the page is chosen."""
    return _action(reason, "DENY")


def allow() -> JSONObject:
    """Return the admission."""
    return _action("admitted", "ALLOW")


def group(name: str) -> JSONObject:
    """Return the note that a client is of the group *name*."""
    return _action(name, "ALLOW")


def refuse(reason: str) -> JSONObject:
    """Return the matcher that refuses everybody."""
    return {"on_no_match": deny(reason)}


def enforced(matcher: JSONObject) -> JSONObject:
    """Return the setting of a route whose *matcher* has the last word."""
    return _per_route(matcher=matcher)


def consulted(matcher: JSONObject) -> JSONObject:
    """
    Return the setting of a route whose *matcher* says only whether the service is asked.

    A result that is enforced, and lets everybody on to the service, marks the request for the
    access log.
    """
    return _per_route(shadow_matcher=matcher, matcher={"on_no_match": allow()})


def _per_route(**rbac: JSONObject) -> JSONObject:
    return typed(EXTENSIONS + "filters.http.rbac.v3.RBACPerRoute", rbac={**rbac})


def _table(
    source: JSONObject, table: JSONObject, otherwise: JSONObject | None = None
) -> JSONObject:
    tree: JSONObject = {"matcher_tree": {"input": source, "exact_match_map": {"map": table}}}
    return tree if otherwise is None else {**tree, "on_no_match": otherwise}


def _client_case(fits: JSONObject, then: JSONObject) -> JSONObject:
    note = extension(
        "clients",
        EXTENSIONS + "matching.common_inputs.network.v3.DynamicMetadataInput",
        filter=RBAC_FILTER,
        path=[{"key": f"{CLIENTS_PREFIX}shadow_effective_policy_id"}],
    )
    named = extension(
        "group",
        EXTENSIONS + "matching.input_matchers.metadata.v3.Metadata",
        value={"string_match": fits},
    )
    predicate: JSONObject = {"input": note, "custom_match": named}
    return {"predicate": {"single_predicate": predicate}, "on_match": then}


def _connection_input(state: str) -> JSONObject:
    return extension(
        state, EXTENSIONS + "matching.common_inputs.network.v3.FilterStateInput", key=state
    )


def _header_input(name: str) -> JSONObject:
    return extension(name, "envoy.type.matcher.v3.HttpRequestHeaderMatchInput", header_name=name)


def _action(name: str, action: str) -> JSONObject:
    return {"action": extension("action", "envoy.config.rbac.v3.Action", name=name, action=action)}

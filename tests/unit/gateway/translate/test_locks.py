from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from sealgate.gateway.model import Material, SiteGuards
from sealgate.gateway.translate.clients import ClientGroups
from sealgate.gateway.translate.locks import MOST_IN_EXPRESSION, lock, opened_at_once
from sealgate.gateway.translate.matchers import RBAC_FILTER
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import AccessSettings, Door, Route, Site, SiteAccess, Upstream

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
FIRST, SECOND = "aa" * 32, "bb" * 32
DOOR = Door("/typo3")
SITE = Site(("shop.example",), Upstream("http", "127.0.0.1", 1), ())
GUARDS = SiteGuards(highly_encrypted=False, needs_grants=False)
ACCESS = AccessSettings(("NO", "DE"), "c.mmdb")


def material(*fingerprints: str) -> Material:
    """Return material that admits *fingerprints* to the door."""
    return Material("/x", {}, "/ca", {"route shop.example/typo3": fingerprints}, "/c.mmdb")


def locked(route: Route, access: AccessSettings, given: Material) -> Any:
    """Return the settings of the lock of *route*."""
    site = replace(SITE, routes=(route,))
    return lock(site, GUARDS, route, access, given, ClientGroups.of(site, given))


def actions(settings: object) -> list[tuple[str, str]]:
    """Return every decision in *settings*, in order: policy name and action."""
    if isinstance(settings, dict):
        if settings.get("@type", "").endswith("rbac.v3.Action"):
            return [(settings["name"], settings["action"])]
        return [a for value in settings.values() for a in actions(value)]
    if isinstance(settings, list):
        return [a for value in settings for a in actions(value)]
    return []


def test_open_routes_have_no_filter() -> None:
    """Where the gateway asks for nothing, nothing runs."""
    for route in (Route(DOOR, PUBLIC), Route(DOOR, RESTRICTED, access=SiteAccess.SITE)):
        assert locked(route, ACCESS, material(FIRST)) == {}


def test_unbuilt_route_refuses_everybody() -> None:
    """A class that cannot be kept lets nobody in, admitted or not."""
    for route in (Route(DOOR, SECRET, admit=("user:a",)), Route(DOOR, RESTRICTED)):
        assert actions(locked(route, ACCESS, material(FIRST))) == [("unbuilt", "DENY")]


def test_nobody_admitted_refuses_everybody() -> None:
    """Without a list, or without a living certificate, there is no way in."""
    listed = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    nobody = [("nobody-admitted", "DENY")]
    assert actions(locked(listed, ACCESS, material())) == nobody
    assert actions(locked(Route(DOOR, CONFIDENTIAL), ACCESS, material(FIRST))) == nobody


def decided(matcher: Any, **connection: str) -> tuple[str, str]:
    """
    Return what *matcher* decides about a *connection* with such "client", "country" and "group".

    Reads it as the protocol defines it (xds.type.matcher.v3.Matcher); each may be absent.
    """

    def value(source: Any) -> str | None:
        asked = source["typed_config"]
        if "path" in asked:
            assert asked["filter"] == RBAC_FILTER
            assert asked["path"] == [{"key": "clients_shadow_effective_policy_id"}]
            return connection.get("group")
        return connection.get(asked["key"].removeprefix("sealgate."))

    found = None
    if "matcher_list" in matcher:
        for case in matcher["matcher_list"]["matchers"]:
            asked = case["predicate"]["single_predicate"]
            given = value(asked["input"])
            fits = asked["custom_match"]["typed_config"]["value"]["string_match"]
            expression = fits.get("safe_regex", {}).get("regex", re.escape(fits.get("exact", "")))
            if given is not None and re.fullmatch(expression, given):
                found = case["on_match"]
                break
    else:
        tree = matcher["matcher_tree"]
        found = tree["exact_match_map"]["map"].get(value(tree["input"]))
    found = found or matcher["on_no_match"]
    if "matcher" in found:
        return decided(found["matcher"], **connection)
    [decision] = actions(found)
    return decision


def group_of(clients: ClientGroups, **connection: str) -> str:
    """Return what is noted of a *connection* before the locks."""
    rbac: Any = clients.table()["rbac"]
    assert set(rbac) == {"shadow_rules_stat_prefix", "shadow_matcher"}
    return decided(rbac["shadow_matcher"], **connection)[0]


@pytest.mark.parametrize(
    ("connection", "decision"),
    [
        ({"client": FIRST, "country": "DE"}, ("admitted", "ALLOW")),
        ({"client": SECOND, "country": "NO"}, ("admitted", "ALLOW")),
        ({"client": FIRST, "country": "FR"}, ("other-country", "DENY")),
        ({"client": FIRST, "country": "DENO"}, ("other-country", "DENY")),
        ({"client": FIRST, "country": "de"}, ("other-country", "DENY")),
        ({"client": FIRST, "country": ""}, ("other-country", "DENY")),
        ({"client": FIRST, "country": "-"}, ("unknown-country", "DENY")),
        ({"client": FIRST}, ("other-country", "DENY")),
        ({"client": "cc" * 32, "country": "DE"}, ("not-admitted", "DENY")),
        ({"client": "cc" * 32, "country": "FR"}, ("not-admitted", "DENY")),
        ({"client": "cc" * 32, "country": "-"}, ("not-admitted", "DENY")),
        ({"client": FIRST + SECOND, "country": "DE"}, ("not-admitted", "DENY")),
        ({"client": "", "country": "DE"}, ("not-admitted", "DENY")),
        ({"client": "-", "country": "DE"}, ("no-certificate", "DENY")),
        ({"client": "-", "country": "FR"}, ("no-certificate", "DENY")),
        ({"client": "-", "country": "-"}, ("no-certificate", "DENY")),
        ({"country": "DE"}, ("not-admitted", "DENY")),
        ({}, ("not-admitted", "DENY")),
    ],
)
def test_admitted_needs_certificate_and_country(
    connection: dict[str, str], decision: tuple[str, str]
) -> None:
    """Only a certificate that is listed, from a country that is listed, comes in."""
    route = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    both = material(SECOND, FIRST)
    settings = locked(route, ACCESS, both)
    noted = group_of(ClientGroups.of(replace(SITE, routes=(route,)), both), **connection)
    matcher = settings[RBAC_FILTER]["rbac"]["matcher"]
    assert decided(matcher, **connection, group=noted) == decision


@pytest.mark.parametrize("group", ["", "-", "none", "other", "11", "2", FIRST])
def test_a_client_of_another_group_is_refused(group: str) -> None:
    """So is whoever was never looked up: the note is absent."""
    route = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    matcher = locked(route, ACCESS, material(FIRST))[RBAC_FILTER]["rbac"]["matcher"]
    assert decided(matcher, country="DE", group="1") == ("admitted", "ALLOW")
    assert decided(matcher, country="DE", group=group)[1] == "DENY"
    assert decided(matcher, country="DE") == ("not-admitted", "DENY")


def test_without_countries_nobody_is_let_in() -> None:
    """Where no country is allowed, the lock stays shut."""
    route = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    settings = locked(route, AccessSettings(), material(FIRST))
    assert "ALLOW" not in json.dumps(settings)


def test_what_is_opened_at_once_is_what_the_table_admits() -> None:
    """The expression says the same as the table, and nothing that is absent fits it."""
    route = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    matcher: Any = opened_at_once(SITE, GUARDS, route, ACCESS, material(SECOND, FIRST))
    assert matcher["key"] == "sealgate.key-and-country"
    expression = matcher["string_match"]["safe_regex"]["regex"]
    opened = {
        (key, country)
        for key in (FIRST, SECOND, "cc" * 32, FIRST + SECOND, "-", "")
        for country in ("DE", "NO", "FR", "DENO", "de", "-", "")
        if re.fullmatch(expression, f"{key} {country}")
    }
    assert opened == {(key, country) for key in (FIRST, SECOND) for country in ("DE", "NO")}


def test_only_a_lock_that_a_certificate_opens_is_opened_at_once() -> None:
    """Where nobody is admitted, from nowhere, or by something else, only the filter decides."""
    locked = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    many = tuple(f"{number:064x}" for number in range(MOST_IN_EXPRESSION + 1))
    for route, access, admitting in (
        (Route(DOOR, PUBLIC, admit=("user:a",)), ACCESS, material(FIRST)),
        (Route(DOOR, RESTRICTED, admit=("user:a",)), ACCESS, material(FIRST)),
        (Route(DOOR, SECRET, admit=("user:a",)), ACCESS, material(FIRST)),
        (Route(DOOR, CONFIDENTIAL), ACCESS, material(FIRST)),
        (locked, ACCESS, material()),
        (locked, AccessSettings((), "c.mmdb"), material(FIRST)),
        (locked, ACCESS, material(*many)),
    ):
        assert opened_at_once(SITE, GUARDS, route, access, admitting) is None
    assert opened_at_once(SITE, GUARDS, locked, ACCESS, material(*many[1:])) is not None

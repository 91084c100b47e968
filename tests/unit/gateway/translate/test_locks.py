from __future__ import annotations

import json
import re
from typing import Any

from sealgate.gateway.model import Material
from sealgate.gateway.translate.locks import MOST_IN_EXPRESSION, lock, opened_at_once
from sealgate.gateway.translate.matchers import RBAC_FILTER
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import AccessSettings, Door, Route, Site, SiteAccess, Upstream

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
FIRST, SECOND = "aa" * 32, "bb" * 32
DOOR = Door("/typo3")
SITE = Site(("shop.example",), Upstream("http", "127.0.0.1", 1), ())
ACCESS = AccessSettings(("NO", "DE"), "c.mmdb")


def material(*fingerprints: str) -> Material:
    """
    Return material that admits *fingerprints* to the door.
    """
    return Material("/x", {}, "/ca", {"route shop.example/typo3": fingerprints}, "/c.mmdb")


def actions(settings: object) -> list[tuple[str, str]]:
    """
    Return every decision in *settings*, in order: policy name and action.
    """
    if isinstance(settings, dict):
        if settings.get("@type", "").endswith("rbac.v3.Action"):
            return [(settings["name"], settings["action"])]
        return [a for value in settings.values() for a in actions(value)]
    if isinstance(settings, list):
        return [a for value in settings for a in actions(value)]
    return []


def test_open_routes_have_no_filter() -> None:
    """
    Where the gateway asks for nothing, nothing runs.
    """
    for route in (Route(DOOR, PUBLIC), Route(DOOR, RESTRICTED, access=SiteAccess.SITE)):
        assert lock(SITE, route, ACCESS, material(FIRST)) == {}


def test_unbuilt_route_refuses_everybody() -> None:
    """
    A class that cannot be kept lets nobody in, admitted or not.
    """
    for route in (Route(DOOR, SECRET, admit=("user:a",)), Route(DOOR, RESTRICTED)):
        assert actions(lock(SITE, route, ACCESS, material(FIRST))) == [("unbuilt", "DENY")]


def test_nobody_admitted_refuses_everybody() -> None:
    """
    Without a list, or without a living certificate, there is no way in.
    """
    listed = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    nobody = [("nobody-admitted", "DENY")]
    assert actions(lock(SITE, listed, ACCESS, material())) == nobody
    assert actions(lock(SITE, Route(DOOR, CONFIDENTIAL), ACCESS, material(FIRST))) == nobody


def test_admitted_needs_certificate_and_country() -> None:
    """
    The only ways to ALLOW lie behind an admitted fingerprint and an allowed country.
    """
    route = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    settings: Any = lock(SITE, route, ACCESS, material(SECOND, FIRST))
    matcher = settings[RBAC_FILTER]["rbac"]["matcher"]
    table = matcher["matcher_tree"]["exact_match_map"]["map"]
    assert list(table) == ["-", FIRST, SECOND]
    assert actions(table["-"]) == [("no-certificate", "DENY")]
    assert actions(matcher["on_no_match"]) == [("not-admitted", "DENY")]
    by_country = table[FIRST]["matcher"]
    countries = by_country["matcher_tree"]["exact_match_map"]["map"]
    assert list(countries) == ["-", "DE", "NO"]
    assert actions(countries["-"]) == [("unknown-country", "DENY")]
    assert actions(countries["DE"]) == actions(countries["NO"]) == [("admitted", "ALLOW")]
    assert actions(by_country["on_no_match"]) == [("other-country", "DENY")]


def test_without_countries_nobody_is_let_in() -> None:
    """
    Where no country is allowed, the lock stays shut.
    """
    route = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    settings = lock(SITE, route, AccessSettings(), material(FIRST))
    assert "ALLOW" not in json.dumps(settings)


def test_what_is_opened_at_once_is_what_the_table_admits() -> None:
    """
    The expression says the same as the table, and nothing that is absent fits it.
    """
    route = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    matcher: Any = opened_at_once(SITE, route, ACCESS, material(SECOND, FIRST))
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
    """
    Where nobody is admitted, from nowhere, or by something else, only the filter decides.
    """
    locked = Route(DOOR, CONFIDENTIAL, admit=("user:a",))
    many = tuple(f"{number:064x}" for number in range(MOST_IN_EXPRESSION + 1))
    for route, access, given in (
        (Route(DOOR, PUBLIC, admit=("user:a",)), ACCESS, material(FIRST)),
        (Route(DOOR, RESTRICTED, admit=("user:a",)), ACCESS, material(FIRST)),
        (Route(DOOR, SECRET, admit=("user:a",)), ACCESS, material(FIRST)),
        (Route(DOOR, CONFIDENTIAL), ACCESS, material(FIRST)),
        (locked, ACCESS, material()),
        (locked, AccessSettings((), "c.mmdb"), material(FIRST)),
        (locked, ACCESS, material(*many)),
    ):
        assert opened_at_once(SITE, route, access, given) is None
    assert opened_at_once(SITE, locked, ACCESS, material(*many[1:])) is not None

"""Where the doors of a configured site are."""

from __future__ import annotations

import pytest

from sealgate.audit.doors import (
    asks_who,
    below,
    doors_of,
    is_everywhere,
    is_locked,
    request_for,
    spellings_for,
)
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    Address,
    Door,
    Inventory,
    Listen,
    Route,
    Site,
    SiteAccess,
    Upstream,
)

PUBLIC, RESTRICTED, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
SITE = Site(
    ("shop.example", "www.shop.example"),
    Upstream("http", "127.0.0.1", 8080),
    (Route(Door("/"), PUBLIC),),
)


def inventory(listen: Listen) -> Inventory:
    """Return one site behind *listen*."""
    return Inventory("sealgate.toml", ".sealgate", listen=listen, sites=(SITE,))


def reach(address: Address, domain: str) -> str:
    """Tell both, so that a test sees what was asked."""
    return f"{address.host} for {domain}"


def test_every_name_at_every_listener() -> None:
    """Each name is asked at each TLS listener and, apart, at each plain one."""
    listen = Listen((Address("192.0.2.1", 443), Address("::", 8443)), (Address("::", 8080),))
    doors = doors_of(inventory(listen), SITE, reach)
    assert [(t.server_name, t.address, t.port) for t in doors.secure] == [
        ("shop.example", "192.0.2.1 for shop.example", 443),
        ("shop.example", ":: for shop.example", 8443),
        ("www.shop.example", "192.0.2.1 for www.shop.example", 443),
        ("www.shop.example", ":: for www.shop.example", 8443),
    ]
    assert [(t.server_name, t.plain_port) for t in doors.plain] == [
        ("shop.example", 8080),
        ("www.shop.example", 8080),
    ]
    assert {t.asset for t in (*doors.secure, *doors.plain)} == {"site shop.example"}


@pytest.mark.parametrize(("https", "http"), [(443, 80), (8443, 8443)])
def test_a_shut_plain_door_is_looked_at(https: int, http: int) -> None:
    """With ``http = "off"`` something else may still listen there."""
    doors = doors_of(inventory(Listen((Address("::", https),), ())), SITE, reach)
    assert {t.plain_port for t in doors.plain} == {http}


@pytest.mark.parametrize(
    ("door", "expected"),
    [
        (Door("/"), "/"),
        (Door("/typo3"), "/typo3"),
        (Door("/a/*/b"), "/a/x/b"),
        (Door("/", query="__typo3_install"), "/?__typo3_install"),
        (Door("/blog", query="rest_route", query_value="/wp"), "/blog/?rest_route=/wp"),
    ],
)
def test_what_is_asked_for(door: Door, expected: str) -> None:
    """A door becomes a request target, and its spellings others than that."""
    assert request_for(door) == expected
    route = Route(door, CONFIDENTIAL)
    assert expected not in spellings_for(route, (Route(Door("/"), PUBLIC), route))


@pytest.mark.parametrize(
    ("locked", "weaker", "expected"),
    [
        (Door("/admin.php"), "/*/pub", "/admin.php/pub"),
        (Door("/admin.php", exact=True), "/*/pub", "/admin.php/pub"),
        (Door("/ADMIN.PHP"), "/*/*/pub", "/ADMIN.PHP/x/pub"),
        (Door("/cms/admin.php"), "/*/*/pub*", "/cms/admin.php/pubx"),
        (Door("/*/admin.php"), "/*/adm*/pub", "/x/admin.php/pub"),
        (Door("/admin.php", exact=True), "/", "/admin.php/x"),
        (Door("/admin"), "/*/*/pub", "/index.php/admin/pub"),
        (Door("/admin"), "/i*/admin/pub", "/index.php/admin/pub"),
        (Door("/cms/admin.php"), "/CMS/Adm*/pub", "/CMS/Admin.php/pub"),
    ],
)
def test_a_weaker_route_of_any_folder_is_tried(locked: Door, weaker: str, expected: str) -> None:
    """What lies at a weaker route by path, and is a locked script to the server, is asked for."""
    route = Route(locked, CONFIDENTIAL)
    assert expected in spellings_for(
        route, (Route(Door("/"), PUBLIC), Route(Door(weaker), PUBLIC), route)
    )


@pytest.mark.parametrize(
    ("locked", "weaker"),
    [
        ("/admin.php", "/admin.php/pub"),
        ("/admin", "/*/pub"),
        ("/admin", "/index.php/admin/pub"),
        ("/admin", "/*/users/pub"),
        ("/admin.php", "/*"),
    ],
)
def test_what_a_weaker_route_may_serve_is_not_asked_for(locked: str, weaker: str) -> None:
    """A route that writes the script out, or is no script's, serves what it says."""
    front, route = Route(Door("/"), PUBLIC), Route(Door(locked), CONFIDENTIAL)
    with_weaker = spellings_for(route, (front, Route(Door(weaker), PUBLIC), route))
    assert with_weaker == spellings_for(route, (front, route))


def test_a_locked_route_of_any_folder_adds_nothing() -> None:
    """Only what is weaker could let anybody in."""
    front, route = Route(Door("/"), PUBLIC), Route(Door("/admin.php"), CONFIDENTIAL)
    other = Route(Door("/*/pub"), CONFIDENTIAL)
    assert spellings_for(route, (front, other, route)) == spellings_for(route, (front, route))


@pytest.mark.parametrize(
    ("door", "expected"),
    [
        (Door("/typo3"), "/typo3/sealgate-audit-asks-for-nothing"),
        (Door("/*/a*"), "/x/ax/sealgate-audit-asks-for-nothing"),
        (Door("/"), "/sealgate-audit-asks-for-nothing"),
        *((Door("/wp-login.php"), None), (Door("/a", exact=True), None)),
        (Door("/", query="author"), None),
    ],
)
def test_what_is_asked_for_below(door: Door, expected: str | None) -> None:
    """Files, exact doors and parameters have nothing below."""
    assert below(door) == expected


def test_locked_and_everywhere() -> None:
    """A key is asked for from "high" access on; "::" is every address."""
    assert is_locked(Route(Door("/x"), CONFIDENTIAL))
    assert not is_locked(Route(Door("/x"), RESTRICTED, backend=True))
    assert asks_who(Route(Door("/x"), RESTRICTED))
    assert not asks_who(Route(Door("/x"), RESTRICTED, access=SiteAccess.SITE))
    assert not asks_who(Route(Door("/x"), PUBLIC))
    assert is_everywhere(Address("::", 1))
    assert not is_everywhere(Address("127.0.0.1", 1))

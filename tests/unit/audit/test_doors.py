"""
Where the doors of a configured site are.
"""

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
    """
    Return one site behind *listen*.
    """
    return Inventory("sealgate.toml", ".sealgate", listen=listen, sites=(SITE,))


def reach(address: Address, domain: str) -> str:
    """
    Tell both, so that a test sees what was asked.
    """
    return f"{address.host} for {domain}"


def test_every_name_at_every_listener() -> None:
    """
    Each name is asked at each TLS listener and, apart, at each plain one.
    """
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
    """
    With ``http = "off"`` something else may still listen there.
    """
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
    """
    A door becomes a request target, and its spellings others than that.
    """
    assert request_for(door) == expected
    assert expected not in spellings_for(door)


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
    """
    Files, exact doors and parameters have nothing below.
    """
    assert below(door) == expected


def test_locked_and_everywhere() -> None:
    """
    A key is asked for from "high" access on; "::" is every address.
    """
    assert is_locked(Route(Door("/x"), CONFIDENTIAL))
    assert not is_locked(Route(Door("/x"), RESTRICTED, backend=True))
    assert asks_who(Route(Door("/x"), RESTRICTED))
    assert not asks_who(Route(Door("/x"), RESTRICTED, access=SiteAccess.SITE))
    assert not asks_who(Route(Door("/x"), PUBLIC))
    assert is_everywhere(Address("::", 1))
    assert not is_everywhere(Address("127.0.0.1", 1))

"""Samples are read by default where people come without a key, as far as that can be had."""

from __future__ import annotations

import sys

import pytest

from sealgate.config.parse import parse
from sealgate.policy.inventory import Inspect, Inventory
from sealgate.serve.relay_policies import (
    as_far_as_possible,
    inspection_faults,
    inspection_remarks,
    policies,
    relay_sockets,
)

ACCESS = '[access]\ncountries = ["DE"]\ngeo_database = "country.mmdb"\n'
SITE = '[[site]]\ndomains = ["shop.example"]\nupstream = "http://127.0.0.1:8080"\npreset = "none"\n'
ROUTES = {
    "/": 'class = "public"',
    "/off": 'class = "public"\ninspect = "off"',
    "/account": 'class = "restricted"\naccess = "site"',
    "/staff": 'class = "confidential"\nadmit = ["user:anna"]',
    "/staff/asked": 'class = "confidential"\nadmit = ["user:anna"]\ninspect = "observe"',
}
NO_SAMPLE = (
    "no sample of answers is looked into on 2 routes, as would be the default: "
    '"isal" is not installed: pip install "sealgate[inspect]"'
)


def _inventory(*paths: str, folder: str = "/etc/sealgate") -> Inventory:
    routes = (f'[[site.route]]\npath = "{path}"\n{ROUTES[path]}\n' for path in paths)
    return parse(ACCESS + SITE + "".join(routes), "sealgate.toml", folder=folder)


def _inspects(inventory: Inventory) -> dict[str, Inspect]:
    return {r.door.path: r.inspect for s in inventory.sites for r in s.routes}


def test_public_and_restricted_routes_are_observed_unless_they_say_otherwise() -> None:
    """Stricter ones are not, unless they ask for it."""
    inventory = _inventory(*ROUTES)
    assert _inspects(inventory) == {
        "/": Inspect.OBSERVE,
        "/off": Inspect.OFF,
        "/account": Inspect.OBSERVE,
        "/staff": Inspect.OFF,
        "/staff/asked": Inspect.OBSERVE,
    }
    assert as_far_as_possible(inventory) == inventory
    assert inspection_remarks(inventory) == ()
    assert set(relay_sockets(inventory)) == {
        "route shop.example/",
        "route shop.example/account",
        "route shop.example/staff/asked",
    }
    assert not inspection_faults(inventory)


def test_without_a_library_the_default_is_left_out_and_a_wish_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What nobody asked for keeps nobody from serving."""
    monkeypatch.setitem(sys.modules, "isal", None)
    inventory = as_far_as_possible(_inventory("/", "/off", "/account", "/staff"))
    assert set(_inspects(inventory).values()) == {Inspect.OFF}
    assert not inspection_faults(inventory)
    assert inspection_remarks(inventory) == (NO_SAMPLE,)
    asked = as_far_as_possible(_inventory(*ROUTES))
    assert _inspects(asked)["/staff/asked"] is Inspect.OBSERVE
    (fault,) = inspection_faults(asked)
    assert fault.message == 'bodies cannot be inspected: "isal" is not installed'
    assert fault.hint == 'pip install "sealgate[inspect]"'


def test_path_that_is_too_long_for_sockets_is_the_same() -> None:
    """A deep state folder served before there was this default, and serves on."""
    deep = as_far_as_possible(_inventory("/", folder="/" + "d" * 90))
    assert not policies(deep)
    assert not inspection_faults(deep)
    (remark,) = inspection_remarks(deep)
    assert "too long a path for sockets" in remark


def test_class_that_nothing_is_above_has_no_sample() -> None:
    """A relay that looks for nothing would be one for nothing."""
    one = (
        '[[class]]\nid = "all"\nin_transit = "encrypted"\naccess = "none"\nat_rest = "encrypted"\n'
    )
    text = SITE + '[[site.route]]\npath = "/"\nclass = "all"\n' + one
    inventory = parse(text, "sealgate.toml", folder="/etc/sealgate")
    assert _inspects(inventory) == {"/": Inspect.OBSERVE}
    assert policies(inventory) == {}

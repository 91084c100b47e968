"""The configuration that init writes: it loads, it serves, and its comments do too."""

from __future__ import annotations

import re

import pytest

from sealgate.config.parse import parse
from sealgate.config.presets import PRESETS, Preset
from sealgate.config.template import render_template
from sealgate.policy.inventory import Limits, Route
from sealgate.policy.routing import serving_route

every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())


def uncommented(text: str) -> str:
    """Return *text* with its settings turned on: lines of ``#`` and no space."""
    return re.sub(r"^#(?=[^ ])", "", text, flags=re.MULTILINE)


def routes_of(text: str) -> tuple[Route, ...]:
    """Return the routes of the one site in *text*."""
    (site,) = parse(text, "sealgate.toml").sites
    return site.routes


@every_preset
def test_the_template_loads_and_serves_the_public_pages(preset: Preset) -> None:
    """Without an edit there is one public site, short HSTS and nothing that needs an answer."""
    text = render_template(preset, "shop.example")

    inventory = parse(text, "sealgate.toml")

    assert inventory.tls.hsts_seconds == 300
    assert inventory.limits == Limits()
    # What its remarks say holds without a setting.
    assert '#max_body = "20 MiB"              # 1 GiB without it' in text
    assert (Limits().max_body_bytes, Limits().request_seconds) == (2**30, 0)
    assert Limits().requests_per_second == 0
    assert inventory.sites[0].domains == ("shop.example",)
    assert serving_route(inventory.sites[0].routes, "/about").classification.id == "public"


@every_preset
def test_the_doors_of_the_template_are_shut(preset: Preset) -> None:
    """Until somebody is admitted, every door of the preset refuses everybody."""
    routes = routes_of(render_template(preset))

    assert [route.door for route in routes if route.shut] == list(preset.doors)
    assert all(route.shut or route.classification.id == "public" for route in routes)


@every_preset
def test_the_comments_of_the_template_load_too(preset: Preset) -> None:
    """With every # taken off, the backend admits the editors, at each of its doors."""
    text = uncommented(render_template(preset))

    inventory = parse(text, "sealgate.toml")
    (site,) = inventory.sites
    backends = [route for route in site.routes if route.backend]
    assert backends
    assert all(route.admit == ("group:editors",) for route in backends)
    assert {door.path for door in preset.doors} <= {route.door.path for route in backends}
    assert inventory.access.countries == ("DE",)
    assert inventory.accepted
    assert [drop.name for drop in inventory.drops] == ["partners"]
    assert inventory.operator.name
    assert inventory.limits == Limits(20 * 2**20, 120, 50)


@every_preset
def test_the_third_step_counts_the_lines_below_it(preset: Preset) -> None:
    """The comment says how many lines to turn on, and means it."""
    block = render_template(preset).partition("3. get a")[2].partition("# A risk")[0]

    lines = len(re.findall(r"^#[^ ]", block, flags=re.MULTILINE))
    assert f"the {dict(zip((8, 9), ('eight', 'nine'), strict=True))[lines]} lines below" in block

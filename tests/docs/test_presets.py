"""The page about presets tells what the presets are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealgate.config.parse import parse
from sealgate.config.presets import PRESETS
from sealgate.config.presets.model import UNTRIED
from sealgate.policy.conditions import Request
from sealgate.policy.routing import RouteRefusal, judge

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.config.presets import Preset

PAGE = Path(__file__).parents[2] / "docs/howto/presets.md"
SITE = """\
[access]
countries = ["DE"]
geo_database = "country.mmdb"
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
preset = "wordpress"
[[site.route]]
path = "/"
class = "public"
"""
EXAMPLES = {
    "/wp-admin": Request("/wp-admin/"),
    "/blog/wp-admin": Request("/blog/wp-admin/"),
    "/xmlrpc.php": Request("/xmlrpc.php"),
    "author": Request("/?author=1"),
    "/wp-login.php": Request("/", headers=(("cookie", "wordpress_logged_in_0=x"),)),
}


def row(preset: Preset) -> str:
    """Return the row of the table that is true of *preset*."""
    tried = "no" if UNTRIED in preset.limits else "yes" if preset.doors else "-"
    cells = (
        [door.path for door in preset.doors if not door.conditional],
        [str(door).replace("|", ", ") for door in preset.doors if door.conditional],
        [door.path for door in preset.holes],
    )
    return f"| `{preset.name}` | {tried} | {' | '.join(map(listed, cells))} |"


def listed(items: Iterable[str]) -> str:
    """Return each of *items* once, as code."""
    return ", ".join(f"`{item}`" for item in dict.fromkeys(items)) or "nothing"


def test_the_table_is_that_of_the_presets() -> None:
    """Each preset has its row, and no row is of anything else."""
    rows = re.findall(r"^\| `.*$", PAGE.read_text(), re.MULTILINE)
    assert rows == [row(preset) for preset in PRESETS.values()]


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_opens_its_door(name: str) -> None:
    """Without the example the door is shut, with it the request has a route of its own."""
    blocks = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == len(EXAMPLES)
    (block,) = [b for b in blocks if re.search(rf'^(?:path|query) = "{name}"', b, re.MULTILINE)]
    for text, opens in ((SITE, False), (SITE + block, True)):
        (site,) = parse(text, "sealgate.toml").sites
        judged = judge(site.routes, EXAMPLES[name])
        is_open = not isinstance(judged, RouteRefusal) and not judged.shut
        assert is_open is opens, judged

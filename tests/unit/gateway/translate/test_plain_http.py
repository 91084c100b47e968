from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.config.parse import parse
from sealgate.gateway.model import CertificateFiles, Material
from sealgate.gateway.translate import translate
from sealgate.gateway.translate.inspection import needs_back
from sealgate.policy.assets import route_asset
from sealgate.policy.routing import could_be_read_as, is_plain, matches, readings
from sealgate.signing.model import DIRECTORY_PATH

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory

SHOP = """
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path = "/"
class = "public"
[[site.route]]
path = "/pub"
class = "public"
plain_http = true
[[site.route]]
path = "/pub/Upload"
class = "public"
collects = "confidential"
[[site.route]]
path = "/pub/*/form"
class = "public"
[[site.route]]
path = "/pub/open/deep"
class = "public"
plain_http = true
"""
MIRROR = """
[[site]]
domains = ["mirror.example"]
upstream = "https://10.0.0.7"
[[site.route]]
path = "/"
class = "public"
plain_http = true
"""


def translated(text: str, *, signers: bool = True) -> tuple[Inventory, dict[str, Any]]:
    """Return the inventory of *text* and Envoy's files for it."""
    inventory = parse(text, "sealgate.toml", folder="/etc/sealgate")
    sockets = {
        route_asset(site, route).id: "/run/signer.sock"
        for site in inventory.sites
        for route in site.routes
        if route.plain_http and signers
    }
    material = Material(
        "/run/envoy",
        {site.name: CertificateFiles("/c", "/k") for site in inventory.sites},
        signers=sockets,
        key_lists={site.name: '{"keys":[]}' for site in inventory.sites},
    )
    return inventory, dict(translate(inventory, material).files)


def plain_routes(files: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of the first site on the plain port."""
    entries: list[dict[str, Any]] = files["rds-http.json"]["resources"][0]["virtual_hosts"][0][
        "routes"
    ]
    return entries


def taken(entries: list[dict[str, Any]], target: str) -> dict[str, Any]:
    """Return the entry that a plain GET for *target* finds, as Envoy would."""
    path = target.partition("?")[0]
    for entry in entries:
        match = entry["match"]
        if "path_separated_prefix" in match:
            prefix = match["path_separated_prefix"]
            fits = path == prefix or path.startswith(prefix + "/")
        elif "prefix" in match:
            fits = path.startswith(match["prefix"])
        else:
            fits = re.fullmatch(match["safe_regex"]["regex"], path) is not None
        if fits and all(_asks(header, target) for header in match.get("headers", [])):
            return entry
    raise AssertionError(target)


def _asks(header: dict[str, Any], target: str) -> bool:
    values = {":method": "GET", ":path": target, ":authority": "shop.example"}
    value = values.get(header["name"])
    if "present_match" in header:
        found = value is not None
    elif value is None:
        found = False
    elif "safe_regex" in header["string_match"]:
        found = re.fullmatch(header["string_match"]["safe_regex"]["regex"], value) is not None
    elif "contains" in header["string_match"]:
        found = header["string_match"]["contains"] in value
    else:
        found = value.startswith(header["string_match"]["prefix"])
    return found is not header.get("invert_match", False)


ROUTES, FILES = translated(SHOP)
ENTRIES = plain_routes(FILES)
_PIECES = st.sampled_from(
    [
        "pub",
        "PUB",
        "upload",
        "Upload",
        "UPLOAD",
        "open",
        "deep",
        "form",
        "x",
        "..",
        ".",
        "",
        "%75pload",
        "%2e%2e",
        "up;x",
        "upload.",
        "index.php",
        "%2f",
        "\\",
        "a b",
        "%5c..%5c",
        "é",
    ]
)


@settings(deadline=None)
@given(st.lists(_PIECES, max_size=6), st.sampled_from(["", "?a=b", "?/../upload", "?x=%2f"]))
def test_nothing_of_another_route_is_served_in_clear(pieces: list[str], query: str) -> None:
    """Whatever a server might make of a path: what is served lies at a route that is, by every reading."""
    path = "/" + "/".join(pieces)
    entry = taken(ENTRIES, path + query)
    if "route" not in entry:
        return
    routes = ROUTES.sites[0].routes
    others = [r.door for r in routes if not r.plain_http and r.door.path != "/"]
    assert path.startswith("/pub")
    assert is_plain(path)
    for reading in readings(path, 4):
        deepest = ("pub", "open", "deep")
        if reading[:3] != deepest:
            assert not [d for d in others if matches(d, reading, folded=True)], reading
    assert path.startswith("/pub/open/deep") or not any(could_be_read_as(d, path) for d in others)


@pytest.mark.parametrize(
    ("target", "served"),
    [
        ("/pub", True),
        ("/pub/a/b.deb?x=1", True),
        ("/pub/libstdc++6_14~rc_amd64.deb", True),
        ("/pub/Upload", False),
        ("/pub/upload/x", False),
        ("/pub/x/form", False),
        ("/pub/open/deep/x", True),
        ("/pub/a%20b", False),
        ("/public", False),
        ("/", False),
    ],
)
def test_what_is_served_and_what_is_redirected(target: str, served: bool) -> None:  # noqa: FBT001  # a table
    """As a table written by hand; where other routes are, what is doubtful goes on with https."""
    entry = taken(ENTRIES, target)
    assert ("route" in entry) is served
    assert ("redirect" in entry) is not served


def test_a_site_that_is_served_in_clear_as_a_whole_still_doubts() -> None:
    """What is not spelled plainly is judged over TLS, for it may hold what no route serves."""
    _, files = translated(MIRROR)
    assert "route" in taken(plain_routes(files), "/pool/libstdc++6.deb")
    assert "redirect" in taken(plain_routes(files), "/pool/libstdc%2b%2b6.deb")


def test_without_a_signer_there_is_a_refusal() -> None:
    """And no cluster of the site is named on the plain port but for ACME challenges."""
    _, files = translated(SHOP, signers=False)
    assert taken(plain_routes(files), "/pub/a")["direct_response"] == {"status": 503}
    routed = [e for e in plain_routes(files) if "route" in e]
    assert ["acme" in e["match"]["safe_regex"]["regex"] for e in routed] == [True]


def test_a_site_without_plain_routes_is_as_before() -> None:
    """It publishes no keys, and nothing but a challenge reaches it in clear."""
    text = SHOP.replace("plain_http = true", "")
    _, files = translated(text)
    assert [e for e in plain_routes(files) if "route" in e][1:] == []
    assert DIRECTORY_PATH not in str(files)
    assert DIRECTORY_PATH in str(FILES)


def test_a_site_over_tls_is_reached_through_the_gateway() -> None:
    """The signer speaks no TLS: Envoy verifies the site for it."""
    inventory, files = translated(MIRROR)
    assert needs_back(inventory.sites[0])
    assert "back mirror.example" in str(files["lds.json"])


def test_who_asks_too_often_is_told_so_in_clear_too() -> None:
    """The limit that holds over TLS holds there; a port that only redirects needs none."""
    _, files = translated("[limits]\nrequests_per_second = 5\n" + SHOP)
    entry = taken(plain_routes(files), "/pub/a")
    assert list(entry["typed_per_filter_config"]) == ["sealgate.rate.requests"]
    plain = files["lds.json"]["resources"][-1]
    assert "sealgate.rate.requests" in str(plain)
    _, files = translated(
        "[limits]\nrequests_per_second = 5\n" + SHOP.replace("plain_http = true", "")
    )
    assert "sealgate.rate.requests" not in str(files["rds-http.json"])

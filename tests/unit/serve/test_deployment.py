"""What will run is decided once, from what is declared and what was seen of the host."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealgate.config.parse import parse
from sealgate.errors import ConfigError
from sealgate.gateway.model import CertificateFiles
from sealgate.protocols.table import SERVERS
from sealgate.serve.deployment import Deployment, plan
from sealgate.serve.facts import Admissions, Certificates, Facts, SessionKeys

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.policy.inventory import Inventory

TEXT = """\
[listen]
https = "127.0.0.1:8443"
sftp = "127.0.0.1:2022"
ftps = "127.0.0.1:2021"
ftps_domain = "files.example"
metrics = "127.0.0.1:9090"
[operator]
name = "Shop Ltd"
country = "DE"
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
preset = "none"
[[site.route]]
path = "/"
class = "public"
[[site.route]]
path = "/account"
class = "restricted"
inspect = "enforce"
[[drop]]
name = "in"
class = "restricted"
store = "file:in"
admit = ["user:a"]
"""
FACTS = Facts(
    now=1_800_000_000.0,
    certificates=Certificates({"shop.example": CertificateFiles("/c.pem", "/k.pem")}, {}),
    countries=None,
    admissions=Admissions(),
    client_ca="/ca.pem",
    sessions=SessionKeys('{"keys": []}', "issuer"),
    apart={"in": None},
)


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return what :data:`TEXT` declares."""
    return parse(TEXT, "sealgate.toml", folder=str(tmp_path))


def test_everything_that_runs_is_in_it(inventory: Inventory) -> None:
    """Envoy's files, relays, the sign-in service, file servers, the door of monitoring."""
    one = plan(inventory, FACTS)
    one.check()
    assert one.envoy is not None
    assert {"bootstrap.json", "lds.json", "cds.json"} <= set(one.envoy.files)
    assert [policy.asset for policy in one.relays.values()] == ["route shop.example/account"]
    assert [policy.asset for policy in one.samples.values()] == ["route shop.example/"]
    assert one.sign_in is not None
    assert not one.sign_in.opens_codes
    assert [server.kind for server in one.file_servers] == list(SERVERS)
    assert one.metrics == inventory.listen.metrics


def test_it_is_a_value(inventory: Inventory) -> None:
    """The same facts give the same, and nothing of it is open or alive."""
    one = plan(inventory, FACTS)
    assert plan(inventory, FACTS) == one
    copied: Deployment = pickle.loads(pickle.dumps(one))  # noqa: S301  # made a line before
    assert copied == one


def test_what_stands_against_serving_is_told_once_and_nothing_is_translated(
    inventory: Inventory,
) -> None:
    """Each reason of the host and of the configuration, in one go."""
    bare = plan(replace(inventory, sites=(replace(inventory.sites[0], routes=()),)), FACTS)
    (missing,) = bare.refusals
    assert "no route" in missing.message
    twice = plan(inventory, replace(FACTS, faults=(missing, missing)))
    assert twice.refusals == (missing,)
    assert twice.envoy is None
    with pytest.raises(ConfigError, match="cannot be served as it promises") as caught:
        twice.check()
    assert caught.value.faults == (missing,)


def test_without_a_site_there_is_no_envoy(inventory: Inventory) -> None:
    """Files alone are served by their servers alone."""
    one = plan(replace(inventory, sites=()), replace(FACTS, sessions=None))
    assert not one.refusals
    assert (one.envoy, one.sign_in, dict(one.relays)) == (None, None, {})
    assert one.file_servers


def test_in_brief_it_names_each_service_once(inventory: Inventory) -> None:
    """With what it serves, and where others reach it."""
    assert [
        (one.name, len(one.addresses), one.serves) for one in plan(inventory, FACTS).services
    ] == [
        ("envoy", 2, ("shop.example",)),
        ("relay", 0, ("route shop.example/account",)),
        ("relay of samples", 0, ("route shop.example/",)),
        ("sign-in service", 0, ("shop.example",)),
        ("sftp server", 1, ("in",)),
        ("ftps server", 1, ("in",)),
        ("monitoring", 1, ()),
    ]

"""The table of protocols: names are unique, each is reached, and none is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sealgate.app.extras import TESTED
from sealgate.audit.adapters.software import WAYS
from sealgate.audit.model import DEFAULT_PORTS
from sealgate.config.schema import SECTIONS
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Address, Drop, Inventory, Listen, Tunnel
from sealgate.protocols.model import ServerKind
from sealgate.protocols.table import PROTOCOLS, SERVERS, server_at, servers_of
from tests.listening import file_listeners

PUBLIC = DEFAULT_MODEL.classes[0]
DROP = Drop("in", PUBLIC, "file:/in")
TUNNEL = Tunnel("db", PUBLIC, Address("127.0.0.1", 5432))
BOTH = Listen(files=file_listeners(ftps=(Address("::", 21),)))


def test_names_are_unique() -> None:
    """The register, settings and URLs each tell protocols and servers apart."""
    settings = [one.name for kind in SERVERS for one in kind.listens]
    schemes = [scheme for kind in SERVERS for scheme in kind.schemes]
    names = [protocol.name for protocol in PROTOCOLS]
    for some in (settings, schemes, names):
        assert len(some) == len(set(some))


@pytest.mark.parametrize("kind", SERVERS, ids=lambda kind: kind.name)
def test_each_server_is_reached(kind: ServerKind) -> None:
    """Its settings are documented, and an audit finds the way back to it."""
    documented = {
        one.key for section in SECTIONS if section.name == "listen" for one in section.settings
    }
    for one in kind.listens:
        assert one.name in documented
        assert server_at(one.scheme) is kind
    # Of a scheme without a port nothing is looked at; without a way, fixes name no server.
    assert kind.schemes <= DEFAULT_PORTS.keys() & WAYS.keys()
    assert set(kind.tested) <= set(TESTED)


@pytest.mark.parametrize(
    ("inventory", "names"),
    [
        (Inventory("s", ".", listen=BOTH), []),
        (Inventory("s", ".", listen=BOTH, tunnels=(TUNNEL,)), ["sftp"]),
        (Inventory("s", ".", listen=BOTH, drops=(DROP,)), ["sftp", "ftps"]),
        (Inventory("s", ".", listen=Listen(files=file_listeners()), drops=(DROP,)), ["sftp"]),
        (Inventory("s", ".", listen=Listen(files=file_listeners(sftp=())), drops=(DROP,)), []),
    ],
)
def test_what_is_opened(inventory: Inventory, names: list[str]) -> None:
    """A server opens where it is told to listen and has something behind it."""
    assert [kind.name for kind in servers_of(inventory)] == names


def test_nothing_is_loaded_before_it_is_used() -> None:
    """Who only plans needs no library of a server."""
    libraries = {name for kind in SERVERS for name in kind.libraries} | {"OpenSSL"}
    code = f"import sys, sealgate.protocols.table; print({libraries!r} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"

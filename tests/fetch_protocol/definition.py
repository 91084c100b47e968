"""What the table knows of it; judged, probed and promised as the SSH connection that it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.audit.model import Opening
from sealgate.policy.declarations import Declaration
from sealgate.policy.observation import Fact
from sealgate.protocols.model import FileProtocol, ListenSetting, Method, ServerKind
from sealgate.protocols.ssh.definition import probe
from sealgate.protocols.ssh.guarantees import offers as offers_of_ssh
from sealgate.protocols.ssh.transit import below, rung

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import FactValue
    from sealgate.protocols.model import Host

FETCH = FileProtocol("fetch", "fetch", Method.PUBLIC_KEY, rung, below)
KEX, CIPHER = "curve25519-sha256", "aes256-gcm@openssh.com"


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """The file with the host key."""

    host_key: str


def configure(_inventory: Inventory, host: Host) -> FetchSettings:
    """Return how the server is to behave."""
    from sealgate.protocols.ssh.host_keys import host_keys  # noqa: PLC0415

    [path] = host_keys(str(Path(host.state_folder, "ssh")))
    return FetchSettings(path)


def offers(inventory: Inventory) -> Mapping[Fact, FactValue]:
    """Return what it shows to a stranger."""
    return {**offers_of_ssh(inventory), Fact.SSH_KEX: (KEX,), Fact.SSH_CIPHERS: (CIPHER,)}


def describe(inventory: Inventory) -> Iterator[str]:
    """Yield what is reached, and where."""
    yield f"fetch on {', '.join(one.text for one in inventory.listen.at('fetch'))}"


SERVER = ServerKind(
    protocols=(FETCH,),
    listens=(ListenSetting("fetch", "fetch", Opening.DIRECT, "Where files are fetched."),),
    schemes=frozenset(["fetch"]),
    speaks=Declaration.SSH,
    probe=probe,
    describe=describe,
    libraries=("asyncssh",),
    tested=(),
    most_processes=1,
    offers=offers,
    configure=configure,
    server="tests.fetch_protocol.server",
)

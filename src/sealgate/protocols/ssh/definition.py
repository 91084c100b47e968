"""The SSH server as :mod:`sealgate.protocols.table` knows it; its libraries are loaded where used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.audit.model import Opening
from sealgate.policy.declarations import Declaration
from sealgate.policy.inventory import Address
from sealgate.protocols.model import ListenSetting, ServerKind
from sealgate.protocols.ssh.guarantees import offers, older_algorithms
from sealgate.protocols.ssh.settings import SSHSettings
from sealgate.protocols.ssh.transit import SCP, SFTP, TUNNEL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.audit.adapters.certificate import Trust
    from sealgate.audit.model import Limits, Target
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Sighting
    from sealgate.protocols.model import Host

FOLDER = "ssh"
# More processes than this would each hold tables of their own for little.
MAX_PROCESSES = 4


def configure(inventory: Inventory, host: Host) -> SSHSettings:
    """
    Return how the server of *inventory* is to behave; its host key is made where missing.

    Raises:
        SourceError: the host key cannot be read or made.
    """
    from sealgate.protocols.ssh.host_keys import host_keys  # noqa: PLC0415

    return SSHSettings(
        host_keys(str(Path(host.state_folder, FOLDER))),
        trusted_proxies=inventory.listen.trusted_proxies,
        older=older_algorithms(inventory),
    )


def describe(inventory: Inventory) -> Iterator[str]:
    """Yield what is reached, and where."""
    files, tunnels = (SFTP.title, SCP.title), (TUNNEL.title,)
    what = [", ".join(files)] if inventory.drops else []
    what += tunnels if inventory.tunnels else ()
    where = ", ".join(one.text for one in inventory.listen.at("sftp"))
    yield f"sftp on {where}: {' and '.join(what)}"


def probe(
    target: Target,
    _trust: Trust,
    limits: Limits,
    _now: float,
    active: bool,  # noqa: FBT001  # one signature for all kinds
) -> list[Sighting]:
    """Return what *target* shows to a stranger."""
    from sealgate.audit.adapters.ssh import probe_ssh  # noqa: PLC0415

    return probe_ssh(target, limits, active=active)


SERVER = ServerKind(
    protocols=(SFTP, SCP, TUNNEL),
    listens=(
        ListenSetting(
            "sftp",
            "sftp",
            Opening.DIRECT,
            "Where SFTP, SCP and tunnels are served; opens only when there is a `[[drop]]` or "
            'a `[[tunnel]]`. `"off"` opens no such port.',
            (Address("::", 2022),),
        ),
    ),
    schemes=frozenset(["ssh", "sftp"]),
    speaks=Declaration.SSH,
    probe=probe,
    describe=describe,
    libraries=("asyncssh", "uvloop"),
    tested=("asyncssh",),
    most_processes=MAX_PROCESSES,
    offers=offers,
    configure=configure,
    server="sealgate.protocols.ssh.server",
)

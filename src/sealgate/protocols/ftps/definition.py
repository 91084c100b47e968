"""The FTPS server as :mod:`sealgate.protocols.table` knows it; its libraries are loaded where used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.audit.model import Opening
from sealgate.policy.declarations import Declaration
from sealgate.policy.inventory import PassivePorts
from sealgate.protocols.ftps.guarantees import offers
from sealgate.protocols.ftps.transit import FTPS
from sealgate.protocols.model import ListenSetting, ServerKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.audit.adapters.certificate import Trust
    from sealgate.audit.model import Limits, Target
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Sighting
    from sealgate.protocols.ftps.settings import FTPSSettings
    from sealgate.protocols.model import Host

FOLDER = "ftps"


def configure(inventory: Inventory, host: Host) -> FTPSSettings:
    """
    Return how the server of *inventory* is to behave.

    Raises:
        ConfigError: there is no certificate for its name.
        SourceError: certificate or authority cannot be read or written.
    """
    from sealgate.protocols.ftps.settings import FTPSSettings  # noqa: PLC0415
    from sealgate.protocols.ftps.tls import TLSFiles  # noqa: PLC0415

    both = host.certificate(inventory.listen.ftps_domain, FOLDER)
    return FTPSSettings(
        TLSFiles(both, both, host.client_authority()),
        inventory.listen.ftps_passive or PassivePorts(),
        trusted_proxies=inventory.listen.trusted_proxies,
    )


def certified(inventory: Inventory) -> str:
    """Return the name that clients call, which the certificate must bear."""
    return inventory.listen.ftps_domain


def describe(inventory: Inventory) -> Iterator[str]:
    """Yield what is reached, and where."""
    listen = inventory.listen
    begins = {"ftps": "explicit TLS (AUTH TLS)", "ftps_implicit": "TLS from the first byte"}
    for setting, how in begins.items():
        if addresses := listen.at(setting):
            where = ", ".join(one.text for one in addresses)
            yield f"ftps on {where}: {how}, as {listen.ftps_domain}"
    ports = listen.ftps_passive or PassivePorts()
    told = f", told as {ports.address}" if ports.address else ""
    yield f"ftps data connections on ports {ports.first}-{ports.last}{told}"


def probe(
    target: Target,
    trust: Trust,
    limits: Limits,
    now: float,
    active: bool,  # noqa: FBT001  # one signature for all kinds
) -> list[Sighting]:
    """Return what *target* shows to a stranger."""
    from sealgate.audit.adapters.ftp import probe_ftp  # noqa: PLC0415

    return probe_ftp(target, trust, now, limits, active=active)


SERVER = ServerKind(
    protocols=(FTPS,),
    listens=(
        ListenSetting(
            "ftps",
            "ftps",
            Opening.FTP,
            "Where FTPS with explicit TLS (AUTH TLS) is served to drops, usually "
            '`":21"`. Plain FTP does not exist: USER is refused before TLS.',
        ),
        ListenSetting(
            "ftps_implicit",
            "ftps",
            Opening.DIRECT,
            'Where FTPS with TLS from the first byte is served to drops, usually `":990"`.',
        ),
    ),
    schemes=frozenset(["ftp", "ftps"]),
    speaks=Declaration.FTP,
    probe=probe,
    describe=describe,
    libraries=("asyncssh", "uvloop", "pyftpdlib"),
    tested=("asyncssh", "pyftpdlib", "pyopenssl"),
    # Passive ports are of one process.
    most_processes=1,
    offers=offers,
    configure=configure,
    server="sealgate.protocols.ftps.server",
    certified=certified,
)

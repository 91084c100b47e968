"""
Observes file servers: those of the configuration, and those that were given as a URL.

Sealgate signs in nowhere. What the servers show to a stranger is looked at from outside;
what a live connection must be worth for each drop and tunnel, only its own host can tell.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.keys import local_authority
from sealgate.audit.adapters.certificate import Trust
from sealgate.audit.adapters.software import probe_software
from sealgate.audit.adapters.wire import UnreachableError, Wire
from sealgate.audit.doors import is_everywhere
from sealgate.audit.model import Target
from sealgate.policy.assets import file_server_asset
from sealgate.protocols.table import SERVERS, server_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.app.audit_options import AuditOptions
    from sealgate.audit.model import Limits
    from sealgate.policy.inventory import Address, Inventory
    from sealgate.policy.observation import Sighting

_LOOPBACK = ("127.0.0.1", "::1")


def file_server_targets(inventory: Inventory, options: AuditOptions) -> tuple[Target, ...]:
    """
    Return where the file servers of *inventory* listen; none without a drop or tunnel.

    A listener on every address is asked on loopback when something listens there.
    """
    if not inventory.drops and not inventory.tunnels:
        return ()
    return tuple(_targets(inventory, options))


def _targets(inventory: Inventory, options: AuditOptions) -> Iterator[Target]:
    asset, listen = file_server_asset(inventory).id, inventory.listen
    for kind in SERVERS:
        # One without a certificate is at the same host.
        name = kind.certified(inventory) or listen.ftps_domain or None
        for setting in kind.listens:
            for address in listen.at(setting.name):
                where = _reached_at(address, name, options)
                yield Target(
                    asset,
                    name or where,
                    where,
                    address.port,
                    scheme=setting.scheme,
                    opening=setting.opening,
                )


def _reached_at(address: Address, name: str | None, options: AuditOptions) -> str:
    if name is not None and name in options.resolve:
        return options.resolve[name]
    if not is_everywhere(address):
        return address.host
    for loopback in _LOOPBACK:
        if why_unreachable(Target("", loopback, loopback, address.port), options.limits) is None:
            return loopback
    return name or _LOOPBACK[0]


def file_server_trust(inventory: Inventory, options: AuditOptions) -> Trust:
    """
    Return whom the certificate of the FTPS server may come from.

    Raises:
        UsageError: a CA file cannot be used.
    """
    path = Path(local_authority(inventory).server_path)
    own = inventory.tls.is_local and path.is_file()
    return Trust((*((str(path),) if own else ()), *options.ca_files))


def look_at_file_server(
    target: Target, trust: Trust, options: AuditOptions, *, active: bool
) -> list[Sighting]:
    """Observe one file server from outside, where somebody answers."""
    named = probe_software(target, options.limits)
    probe = server_at(target.scheme).probe
    return [*named, *probe(target, trust, options.limits, options.now, active)]


def why_unreachable(target: Target, limits: Limits) -> str | None:
    """Return why there is no connection to *target*, ``None`` when there is one."""
    try:
        with Wire.connect(target.address, target.port, limits):
            return None
    except UnreachableError as error:
        return f"{target.where}: {error.message}"

"""What a person does about certificates that are fetched: look, have one renewed, revoke one."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.certificates import (
    acme_folder,
    fetched_sites,
    kept_certificate,
    missing_library,
    upkeep_complaint,
)
from sealgate.errors import ConfigError, UsageError
from sealgate.gateway.adapters.acme_state import UpkeepFile

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory, Site


@dataclass(frozen=True, slots=True)
class CertificateLine:
    """
    One certificate that is fetched. *ends* and *renews* are ``None`` before the first.

    *complaint* tells what is wrong with it, "" if nothing.
    """

    site: str
    ends: dt.datetime | None
    renews: dt.datetime | None
    complaint: str


def list_certificates(inventory: Inventory, now: float) -> tuple[CertificateLine, ...]:
    """Return every certificate that is fetched from an authority."""
    return tuple(_line(inventory, site, now) for site in fetched_sites(inventory))


def renew_certificate(inventory: Inventory, site: str) -> None:
    """
    Have the running gateway, or the next one, fetch a new certificate for *site* now.

    Raises:
        UsageError: its certificate is not fetched from an authority.
        GatewayError: the state folder cannot be written.
    """
    UpkeepFile(acme_folder(inventory), _found(inventory, site).name).wish()


def revoke_certificate(inventory: Inventory, site: str, *, key_compromised: bool) -> None:
    """
    Have the certificate of *site* revoked by its authority, and a new one fetched.

    It is shown until the new one is there.

    Raises:
        UsageError: there is none.
        ConfigError: the library is missing.
        GatewayError: the authority refused, or the state folder cannot be written.
    """
    found = _found(inventory, site)
    faults = missing_library(inventory)
    if faults:
        raise ConfigError(faults[0].message, faults=faults)
    kept = kept_certificate(inventory, found.name)
    if kept is None:
        raise UsageError(
            f'no certificate was fetched for "{found.name}" yet', hint="sealgate certificate list"
        )
    from sealgate.gateway.adapters.acme import AcmeAuthority  # noqa: PLC0415  # an extra

    chain = Path(kept.chain).read_bytes()
    AcmeAuthority(inventory.acme, acme_folder(inventory)).revoke(
        chain, key_compromised=key_compromised
    )
    renew_certificate(inventory, found.name)


def _line(inventory: Inventory, site: Site, now: float) -> CertificateLine:
    kept = kept_certificate(inventory, site.name)
    upkeep = UpkeepFile(acme_folder(inventory), site.name).read()
    return CertificateLine(
        site.name,
        dt.datetime.fromtimestamp(kept.not_after, tz=dt.UTC) if kept else None,
        dt.datetime.fromtimestamp(upkeep.renew_at, tz=dt.UTC) if kept and upkeep.renew_at else None,
        upkeep_complaint(inventory, site, now=now),
    )


def _found(inventory: Inventory, name: str) -> Site:
    sites = fetched_sites(inventory)
    for site in sites:
        if name in site.domains:
            return site
    known = ", ".join(site.name for site in sites) or "none"
    raise UsageError(
        f'the certificate of "{name}" is not fetched from an authority; those that are: {known}',
        hint='certificate = "acme" in [tls] has it fetched',
    )

"""What a gateway serves at one time, gathered whole or refused with everything against it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.app.decided import weaker_than_decided
from sealgate.app.extras import missing_extras
from sealgate.errors import ConfigError
from sealgate.gateway.adapters.doors import answers
from sealgate.gateway.model import CertificateFiles
from sealgate.gateway.promise import refusals
from sealgate.policy.inventory import Inventory
from sealgate.serve.material import (
    Admissions,
    Certificates,
    gather_admissions,
    gather_certificates,
    gather_countries,
    make_material,
)
from sealgate.serve.relay_policies import inspection_remarks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.errors import Fault
    from sealgate.gateway.model import Material, Proof

_REFUSED = CertificateFiles("", "")

Check = Callable[[Inventory, Certificates, str | None], None]


@dataclass(slots=True)
class Parts:
    """What is served: the configuration, and what it draws on."""

    inventory: Inventory
    certificates: Certificates
    countries: str | None
    admissions: Admissions

    def material(self, now: float, proofs: tuple[Proof, ...]) -> Material:
        """Return what a translation needs of it; *proofs* are what an ACME authority asks for."""
        return dataclasses.replace(
            make_material(
                self.inventory, self.certificates, self.countries, self.admissions, now=now
            ),
            proofs=proofs,
        )


def gather_parts(
    inventory: Inventory, *, now: float, proofs: tuple[Proof, ...], check: Check
) -> tuple[Parts, Material]:
    """
    Return what *inventory* serves. *check* raises what stands against what is beside the sites.

    Raises:
        ConfigError: with everything that is missing for a promise to be kept.
        SourceError: the state folder cannot be used.
    """
    faults: list[Fault] = []
    certificates, countries = Certificates({}, {}), None
    with _collected(faults):
        certificates = gather_certificates(inventory, now=now)
    with _collected(faults):
        countries = gather_countries(inventory)
    parts = Parts(inventory, certificates, countries, gather_admissions(inventory, now=now))
    material = parts.material(now, proofs)
    faults += weaker_than_decided(inventory)
    # What was refused above is not refused again for being absent.
    sites = {site.name: _REFUSED for site in inventory.sites}
    database = inventory.access.geo_database
    faults += refusals(
        inventory,
        dataclasses.replace(
            material, certificates={**sites, **material.certificates}, geo_database=database
        ),
    )
    faults += missing_extras(inventory)
    with _collected(faults):
        check(inventory, certificates, countries)
    if faults:
        raise ConfigError(f'"{inventory.source}" cannot be served as it promises', faults=faults)
    return parts, material


@contextlib.contextmanager
def _collected(faults: list[Fault]) -> Iterator[None]:
    # Every fault in one go, so that nobody has to start again for each.
    try:
        yield
    except ConfigError as error:
        told = {str(fault) for fault in faults}
        faults += [fault for fault in error.faults if str(fault) not in told]


def remarks_on(parts: Parts) -> tuple[str, ...]:
    """Return what a person should know of what is served from *parts*."""
    return (
        *parts.certificates.remarks,
        *silent_upstreams(parts.inventory),
        *inspection_remarks(parts.inventory),
    )


def silent_upstreams(inventory: Inventory) -> tuple[str, ...]:
    """Return a remark for each site that does not answer now."""
    return tuple(
        f'the site behind "{site.name}" does not answer; visitors see a page that says so'
        for site in inventory.sites
        if not answers(site.upstream)
    )


def called(file: str) -> str:
    """Return what a person calls the part of the configuration that Envoy reads from *file*."""
    stem = file.removesuffix(".json")
    match stem.partition("-"):
        case ("cds", _, _):
            return "upstreams"
        case ("lds", _, _):
            return "listeners"
        case ("sds", _, site):
            return f'certificate of "{site}"'
        case ("rds", _, "http"):
            return "redirects"
        case ("rds", _, "egress"):
            return "the way out to payment gateways"
        case (_, _, site):
            return f'routes of "{site.removeprefix("https-")}"'

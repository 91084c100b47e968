"""
The certificates that are fetched from an authority: which, what is shown, what is wrong.

Fetching is :mod:`sealgate.serve.certificate_keeper`'s part.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509

from sealgate.errors import Fault
from sealgate.gateway.adapters.acme_certificates import stand_in
from sealgate.gateway.adapters.acme_state import ACME_FOLDER, UpkeepFile
from sealgate.gateway.model import CertificateFiles
from sealgate.gateway.renewal import Life, complaint
from sealgate.identity.adapters.certificate_versions import CertificateVersions, KeptCertificate
from sealgate.policy.assets import site_asset
from sealgate.policy.names import covered
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory, Site
    from sealgate.policy.observation import Sighting

INSTALL_HINT = 'pip install "sealgate[acme]"'
SEEN_BY = "upkeep of certificates"
_CERTIFICATES, _STAND_INS = "certificates", "stand-ins"


def fetched_sites(inventory: Inventory) -> tuple[Site, ...]:
    """Return the sites whose certificates are fetched from an authority."""
    return tuple(site for site in inventory.sites if (site.tls or inventory.tls).acme)


def missing_library(inventory: Inventory) -> tuple[Fault, ...]:
    """Return the fault that certificates cannot be fetched, when the extra is missing."""
    sites = fetched_sites(inventory)
    if not sites or importlib.util.find_spec("acme") is not None:
        return ()
    place = (sites[0].tls or inventory.tls).place
    return (
        Fault(
            place.file or inventory.source,
            place.line,
            'certificate = "acme" needs the library acme, which is not installed',
            INSTALL_HINT,
        ),
    )


def acme_folder(inventory: Inventory) -> str:
    """Return the folder for everything about fetched certificates."""
    return str(Path(inventory.state_folder, ACME_FOLDER))


def kept_certificate(inventory: Inventory, site: str) -> KeptCertificate | None:
    """Return the certificate that was fetched for *site* last, ``None`` when there is none."""
    return fetched_versions(inventory).current(site)


def fetched_versions(inventory: Inventory) -> CertificateVersions:
    """Return where the certificates that were fetched are kept."""
    return CertificateVersions(str(Path(acme_folder(inventory), _CERTIFICATES)))


def certificate_to_serve(
    inventory: Inventory, site: Site, *, now: float
) -> tuple[CertificateFiles, float | None]:
    """
    Return what to show for *site*, and when it ends, ``None`` for a stand-in.

    Raises:
        SourceError: the state folder cannot be written.
    """
    kept = kept_certificate(inventory, site.name)
    if kept is not None:
        return CertificateFiles(kept.chain, kept.key), kept.not_after
    versions = CertificateVersions(str(Path(acme_folder(inventory), _STAND_INS)))
    kept = versions.current(site.name)
    if kept is None or not names_all(kept, site) or now > kept.not_after:
        kept = versions.keep(site.name, *stand_in(site.domains, now=now))
    return CertificateFiles(kept.chain, kept.key), None


def has_failed(inventory: Inventory, site: str) -> bool:
    """Return whether the authority was asked in vain for the certificate of *site*."""
    return UpkeepFile(acme_folder(inventory), site).read().failures > 0


def upkeep_complaint(inventory: Inventory, site: Site, *, now: float) -> str:
    """Return what is wrong with the certificate of *site* that is fetched, "" if nothing."""
    upkeep = UpkeepFile(acme_folder(inventory), site.name).read()
    kept = kept_certificate(inventory, site.name)
    life = Life(kept.not_before, kept.not_after) if kept else None
    return complaint(now, life, upkeep.failures, upkeep.last_error, shown=upkeep.shown)


def upkeep_sightings(inventory: Inventory, *, now: float) -> tuple[Sighting, ...]:
    """Return how the certificates that are fetched are kept, as this host sees it."""
    return tuple(_upkeep_sighting(inventory, site, now=now) for site in fetched_sites(inventory))


def _upkeep_sighting(inventory: Inventory, site: Site, *, now: float) -> Sighting:
    asset, fact = site_asset(site).id, Fact.CERTIFICATE_UPKEEP
    wrong = upkeep_complaint(inventory, site, now=now)
    kept = kept_certificate(inventory, site.name)
    known = UpkeepFile(acme_folder(inventory), site.name).read().fingerprint
    if not wrong and (kept is None or known != kept.fingerprint):
        # That nothing is known to have failed says nothing then.
        reason = f'nothing can be read of how the certificate of "{site.name}" is kept'
        return NotObserved(asset, fact, reason, Vantage.HOST)
    return Observation(asset, fact, wrong, Vantage.HOST, SEEN_BY)


def names_all(kept: KeptCertificate, site: Site) -> bool:
    """Return whether *kept* is for every domain of *site*."""
    try:
        leaf = x509.load_pem_x509_certificate(Path(kept.chain).read_bytes())
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, x509.ExtensionNotFound):
        return False
    dns_names = names.get_values_for_type(x509.DNSName)
    return all(covered(domain, dns_names, ()) for domain in site.domains)

"""
Observes this host for a plan: certificates, the country file, who is admitted, public keys.

Each part is observed by itself, because each changes by itself: a renewed certificate
that is broken must not keep a revocation from being taken over. To observe is to make what
an installation makes for itself (its authority, keys, copies of what was checked), where it
is missing; :mod:`sealgate.serve.expected` observes without making anything.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.apart import seen_apart
from sealgate.app.certificates import certificate_to_serve, fetched_sites, missing_library
from sealgate.app.decided import weaker_than_decided
from sealgate.app.extras import missing_extras
from sealgate.app.keys import CERTIFICATES_FOLDER, local_authority
from sealgate.app.trust import local_sites
from sealgate.app.users import open_identities
from sealgate.config.load import country_database_fault
from sealgate.errors import ConfigError, Fault, SourceError
from sealgate.files import private_folder, write_durably
from sealgate.gateway.model import CertificateFiles, needs_grants
from sealgate.identity.adapters.authority import Made
from sealgate.identity.adapters.certificate_versions import CertificateVersions
from sealgate.identity.adapters.own_certificate import check_own_certificate
from sealgate.identity.model import admitted, next_change
from sealgate.policy.assets import route_asset
from sealgate.serve.facts import Admissions, Certificates, Facts, SessionKeys
from sealgate.serve.relay_policies import inspection_faults
from sealgate.serve.sign_in_material import provider_faults, wants_sign_in
from sealgate.serve.signer_policies import key_lists, signing_keys

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.gateway.model import Proof
    from sealgate.identity.grants import Grant
    from sealgate.identity.model import ClientCertificate, Identity
    from sealgate.policy.inventory import Inventory

_COUNTRIES_FOLDER = "countries"
_MAX_DATABASE_BYTES = 1 << 30
_NAME_DIGITS = 16


def observe(inventory: Inventory, *, now: float, proofs: tuple[Proof, ...] = ()) -> Facts:
    """
    Return what a plan for *inventory* needs; what stands against serving is among it.

    Raises:
        SourceError: the state folder, or the database of identities, cannot be used.
    """
    faults: list[Fault] = []
    # What is refused here is not refused again for being absent.
    nowhere = CertificateFiles("", "")
    certificates = Certificates({site.name: nowhere for site in inventory.sites}, {})
    countries = inventory.access.geo_database
    with _collected(faults):
        certificates = gather_certificates(inventory, now=now)
    with _collected(faults):
        countries = gather_countries(inventory)
    faults += host_faults(inventory)
    admissions = gather_admissions(inventory, now=now)
    bare = Facts(now, certificates, countries, admissions, proofs=proofs, faults=tuple(faults))
    # Where nothing is served, nothing is made.
    facts = without_keys(bare, inventory) if faults else with_keys(bare, inventory, now=now)
    return replace(facts, apart=seen_apart(inventory))


def with_keys(facts: Facts, inventory: Inventory, *, now: float) -> Facts:
    """
    Return *facts* with the public keys of *now*; keys are made where it is time for them.

    Raises:
        SourceError: the folder of the authority, or of keys, cannot be used.
    """
    return replace(
        facts,
        now=now,
        client_ca=local_authority(inventory).client(now).path,
        sessions=_session_keys(inventory, now),
        signatures=key_lists(signing_keys(inventory, now=now)),
    )


def without_keys(facts: Facts, inventory: Inventory) -> Facts:
    """Return *facts* with what keys there will be; none is made or read for it."""
    return replace(
        facts,
        client_ca=local_authority(inventory).client_path,
        sessions=SessionKeys() if wants_sign_in(inventory) else None,
    )


def host_faults(inventory: Inventory) -> tuple[Fault, ...]:
    """
    Return what this host lacks for *inventory*, or holds against it; nothing is made.

    Raises:
        SourceError: the register is there, but cannot be read.
    """
    return (
        *weaker_than_decided(inventory),
        *missing_extras(inventory),
        *provider_faults(inventory),
        *inspection_faults(inventory),
    )


def gather_certificates(inventory: Inventory, *, now: float) -> Certificates:
    """
    Return a checked certificate for each site; the local authority issues where due.

    Given ones are copied, so that exactly what was checked is served, chain and key of
    one moment.

    Raises:
        ConfigError: with every fault of every given certificate.
        SourceError: the authority or its folder cannot be used.
    """
    local = local_sites(inventory)
    files: dict[str, CertificateFiles] = {}
    ends: dict[str, float] = {}
    remarks: list[str] = []
    due = math.inf
    if local:
        issued = local_authority(inventory).server_certificates(local, now)
        due = issued.renew_at
        for name, kept in issued.certificates.items():
            files[name] = CertificateFiles(kept.chain, kept.key)
            ends[name] = kept.not_after
        if issued.authority.made is Made.REPLACED:
            remarks.append(
                f"the local CA was replaced, because {issued.authority.reason}: have every"
                " machine trust the new one (sealgate trust)"
            )
    versions = CertificateVersions(str(Path(inventory.state_folder, CERTIFICATES_FOLDER)))
    faults: list[Fault] = [*missing_library(inventory)]
    for site in fetched_sites(inventory):
        files[site.name], end = certificate_to_serve(inventory, site, now=now)
        if end is not None:
            ends[site.name] = end
        else:
            remarks.append(
                f'the certificate of "{site.name}" is fetched from {inventory.acme.directory}; until'
                " it is there, visitors are shown one that their browsers refuse"
            )
    watched: list[str] = []
    for site in inventory.sites:
        tls = site.tls or inventory.tls
        if tls.chain is None or tls.key is None:
            continue
        watched += [tls.chain, tls.key]
        try:
            given = check_own_certificate(
                tls.chain, tls.key, site.domains, now=now, place=tls.place
            )
        except ConfigError as error:
            faults += error.faults
            continue
        kept = versions.keep(site.name, given.chain, given.key)
        files[site.name] = CertificateFiles(kept.chain, kept.key)
        ends[site.name] = given.not_after
        remarks += [complaint.message for complaint in given.warnings]
    if faults:
        raise ConfigError("a certificate cannot be served", faults=_once(faults))
    return Certificates(files, ends, due, tuple(watched), tuple(dict.fromkeys(remarks)))


def gather_countries(inventory: Inventory) -> str | None:
    """
    Return the path of a checked copy of the country file, ``None`` where there is none.

    Envoy reads the copy and follows when it is replaced, so a damaged file that is put
    in the original's place never reaches it.

    Raises:
        ConfigError: it is no country file.
        SourceError: it cannot be read.
    """
    source = inventory.access.geo_database
    if source is None:
        return None
    # The name follows the source, so that another source is another file for Envoy.
    name = hashlib.sha256(source.encode()).hexdigest()[:_NAME_DIGITS]
    folder = Path(inventory.state_folder, _COUNTRIES_FOLDER)
    private_folder(folder)
    copy, trial = folder / f"{name}.mmdb", folder / f"{name}.trial"
    try:
        with Path(source).open("rb") as file:
            data = file.read(_MAX_DATABASE_BYTES)
    except OSError as error:
        raise SourceError(
            f'country database "{source}" cannot be read: {error.strerror}'
        ) from error
    if not copy.exists() or copy.read_bytes() != data:
        write_durably(trial, data)
        fault = country_database_fault(str(trial))
        if fault is not None:
            trial.unlink(missing_ok=True)
            place = inventory.access.place
            message = f'geo_database "{source}" {fault}'
            hint = "docs/howto/country-database.md tells where to get one"
            raise ConfigError(
                message, faults=[Fault(place.file or inventory.source, place.line, message, hint)]
            )
        trial.replace(copy)
    return str(copy)


def gather_admissions(inventory: Inventory, *, now: float) -> Admissions:
    """
    Return who may enter each locked route at the moment *now*.

    Raises:
        SourceError: the database of identities cannot be read.
    """
    if not any(route.admit for site in inventory.sites for route in site.routes):
        return Admissions()
    with open_identities(inventory) as store:
        identities, certificates = store.everything()
        granted = any(needs_grants(site) for site in inventory.sites)
        grants = store.grants.all_running(now=now) if granted else ()
    return _admissions(inventory, identities, certificates, grants, now)


def aged(inventory: Inventory, admissions: Admissions, *, now: float) -> Admissions:
    """
    Return *admissions* as of *now*, without a look into the database.

    Certificates and grants that ended since admit no more; changes since are not seen.
    """
    return _admissions(
        inventory, admissions.identities, admissions.certificates, admissions.grants, now
    )


def _admissions(
    inventory: Inventory,
    identities: tuple[Identity, ...],
    certificates: tuple[ClientCertificate, ...],
    grants: tuple[Grant, ...],
    now: float,
) -> Admissions:
    change = next_change(certificates, now)
    running = tuple(grant for grant in grants if grant.is_running(now))
    ends = [grant.ends_at for grant in running if grant.ends_at is not None]
    return Admissions(
        {
            route_asset(site, route).id: admitted(identities, certificates, route.admit, now)
            for site in inventory.sites
            for route in site.routes
            if route.admit
        },
        min([math.inf if change is None else change, *ends]),
        identities,
        certificates,
        running,
    )


def _session_keys(inventory: Inventory, now: float) -> SessionKeys | None:
    if not wants_sign_in(inventory):
        return None
    from sealgate.identity.adapters.token_keys import (  # noqa: PLC0415  # an extra
        IDENTITIES_FOLDER,
        TokenKeys,
    )
    from sealgate.identity.tokens import ISSUER, key_set  # noqa: PLC0415  # as above

    told = ""
    if any(site.single_sign_on for site in inventory.sites):
        told = key_set(TokenKeys(inventory.state_folder, IDENTITIES_FOLDER).keys(now))
    return SessionKeys(key_set(TokenKeys(inventory.state_folder).keys(now)), ISSUER, told)


@contextlib.contextmanager
def _collected(faults: list[Fault]) -> Iterator[None]:
    # Every fault in one go, so that nobody has to start again for each.
    try:
        yield
    except ConfigError as error:
        faults += error.faults


def _once(faults: list[Fault]) -> list[Fault]:
    # Sites that share one certificate share its faults.
    return list({str(fault): fault for fault in faults}.values())

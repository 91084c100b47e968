"""
What a gateway will show of its certificates, told before it runs.

A given certificate is read and judged as it lies there. Of the local authority, which
issues when the gateway starts, it is told what it will issue. Nothing is made here.
"""

from __future__ import annotations

import datetime as dt
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from sealgate.app.apart import seen_apart
from sealgate.app.certificates import has_failed, kept_certificate, missing_library
from sealgate.app.keyring import why_no_new_keys
from sealgate.app.remains import lost
from sealgate.app.state import has_people
from sealgate.errors import Fault, GatewayError
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.model import SYSTEM_ROOTS, CertificateFiles
from sealgate.identity.adapters.authority import SERVER_DAYS
from sealgate.identity.adapters.own_certificate import look_at_own_certificate
from sealgate.policy.assets import file_server_asset, site_asset
from sealgate.policy.names import covered
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage
from sealgate.protocols.table import servers_of
from sealgate.serve.facts import Admissions, Certificates, Facts
from sealgate.serve.observe import gather_admissions, host_faults, without_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealgate.identity.adapters.own_certificate import OwnCertificate
    from sealgate.policy.inventory import Inventory, TLSSettings
    from sealgate.policy.observation import FactValue, Sighting

SEEN_BY = "certificate files"
_DAY = 86_400.0
# What public authorities issue for now, when they were not asked yet.
_USUAL_DAYS = 90


@dataclass(frozen=True, slots=True)
class ExpectedCertificate:
    """
    The certificate of one site, or of FTPS (*site* is then its asset's id).

    *files* are ``None`` when it cannot be served. *faults* say why not; *remarks* are what a person should know anyway.
    """

    site: str
    files: CertificateFiles | None
    sightings: tuple[Sighting, ...]
    faults: tuple[Fault, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Shown:
    asset: str
    name: str
    domains: tuple[str, ...]
    tls: TLSSettings


def expected_certificates(inventory: Inventory, now: float) -> tuple[ExpectedCertificate, ...]:
    """
    Return what each site of *inventory*, and FTPS, will show; *now* in seconds since the epoch.

    The certificate of FTPS is that of ``[tls]``, for the name in ``ftps_domain``.
    """
    shown = [
        _Shown(site_asset(site).id, site.name, site.domains, site.tls or inventory.tls)
        for site in inventory.sites
    ]
    asset = file_server_asset(inventory).id
    names = [kind.certified(inventory) for kind in servers_of(inventory)]
    shown += [_Shown(asset, asset, (name,), inventory.tls) for name in names if name]
    return tuple(_expect(inventory, one, now) for one in shown)


def expected_facts(
    inventory: Inventory, certificates: Iterable[ExpectedCertificate], now: float
) -> Facts:
    """
    Return what a plan for *inventory* needs, with the *certificates* that will be shown.

    Nothing is made or written: where no database of identities is yet, nobody is in it.

    Raises:
        SourceError: the database of identities is there, but cannot be read.
    """
    certificates = tuple(certificates)
    files = {
        # A certificate with faults is refused for these, not for being absent as well.
        item.site: item.files or CertificateFiles("", "")
        for item in certificates
        if item.files or item.faults
    }
    return without_keys(
        Facts(
            now,
            Certificates(files, {}),
            inventory.access.geo_database,
            gather_admissions(inventory, now=now) if has_people(inventory) else Admissions(),
            apart=seen_apart(inventory),
            faults=(
                *lost(inventory),
                *why_no_new_keys(inventory),
                *_without_envoy(inventory),
                *(fault for item in certificates for fault in item.faults),
                *host_faults(inventory),
            ),
        ),
        inventory,
    )


def _without_envoy(inventory: Inventory) -> Iterator[Fault]:
    # Where only files are served there is no gateway.
    if inventory.sites:
        try:
            find_envoy(inventory.envoy)
        except GatewayError as error:
            yield Fault(inventory.source, 1, error.message, error.hint)


def _expect(inventory: Inventory, shown: _Shown, now: float) -> ExpectedCertificate:
    tls = shown.tls
    if tls.acme:
        return _fetched(inventory, shown, now)
    if tls.chain is None or tls.key is None:
        return _local(inventory, shown, now)
    return _given(shown, tls.chain, tls.key, now)


def _fetched(inventory: Inventory, shown: _Shown, now: float) -> ExpectedCertificate:
    site = next((s for s in inventory.sites if shown.domains[0] in s.domains), None)
    name = site.name if site else shown.domains[0]
    kept = kept_certificate(inventory, name)
    missing = missing_library(inventory)
    if kept is not None:
        found = _given(shown, kept.chain, kept.key, now)
        # What the authority issued is served whatever a look at it says.
        remarks = (*found.remarks, *(fault.message for fault in found.faults))
        files = CertificateFiles(kept.chain, kept.key)
        return ExpectedCertificate(shown.name, files, found.sightings, missing, remarks)
    values: dict[Fact, FactValue] = {
        # It is expected that the authority issues, unless it was asked in vain.
        Fact.CERTIFICATE_CHAIN_VALID: not has_failed(inventory, name),
        Fact.CERTIFICATE_NAME_MATCHES: True,
        Fact.CERTIFICATE_NOT_BEFORE: now,
        Fact.CERTIFICATE_NOT_AFTER: now + _USUAL_DAYS * _DAY,
        Fact.CERTIFICATE_OPERATOR: "",
    }
    remark = f'the certificate of "{name}" is fetched from {inventory.acme.directory} by serve'
    files = CertificateFiles("", "")
    return ExpectedCertificate(shown.name, files, _seen(shown, values.items()), missing, (remark,))


def _local(inventory: Inventory, shown: _Shown, now: float) -> ExpectedCertificate:
    values: dict[Fact, FactValue] = {
        Fact.CERTIFICATE_CHAIN_VALID: True,
        Fact.CERTIFICATE_NAME_MATCHES: True,
        Fact.CERTIFICATE_NOT_BEFORE: now,
        Fact.CERTIFICATE_NOT_AFTER: now + SERVER_DAYS * _DAY,
        Fact.CERTIFICATE_OPERATOR: inventory.operator.name,
        Fact.CERTIFICATE_PUBLIC: False,
    }
    place = f"{inventory.state_folder}/certificates/{shown.domains[0]}"
    files = CertificateFiles(f"{place}.pem", f"{place}.key")
    return ExpectedCertificate(shown.name, files, _seen(shown, values.items()))


def _given(shown: _Shown, chain: str, key: str, now: float) -> ExpectedCertificate:
    found, complaints = look_at_own_certificate(chain, key, shown.domains, now=now)
    place = shown.tls.place
    faults = tuple(
        Fault(place.file, place.line, complaint.message, complaint.hint)
        for complaint in complaints
        if complaint.is_fault
    )
    remarks = tuple(c.message for c in complaints if not c.is_fault)
    if found is None:
        return ExpectedCertificate(shown.name, None, (), faults, remarks)
    leaf, *others = x509.load_pem_x509_certificates(found.chain)
    operator = leaf.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    values: dict[Fact, FactValue] = {
        Fact.CERTIFICATE_NAME_MATCHES: all(
            covered(domain, found.dns_names, found.addresses) for domain in shown.domains
        ),
        Fact.CERTIFICATE_NOT_BEFORE: found.not_before,
        Fact.CERTIFICATE_NOT_AFTER: found.not_after,
        Fact.CERTIFICATE_OPERATOR: str(operator[0].value) if operator else "",
    }
    sightings = (*_seen(shown, values.items()), _chain(shown, leaf, others, found, now))
    files = None if faults else CertificateFiles(chain, key)
    return ExpectedCertificate(shown.name, files, sightings, faults, remarks)


def _chain(
    shown: _Shown,
    leaf: x509.Certificate,
    others: Sequence[x509.Certificate],
    found: OwnCertificate,
    now: float,
) -> Sighting:
    asset, fact = shown.asset, Fact.CERTIFICATE_CHAIN_VALID
    try:
        with warnings.catch_warnings():
            # Some roots that everybody trusts have a serial number that RFC 5280 forbids.
            warnings.simplefilter("ignore")
            roots = x509.load_pem_x509_certificates(Path(SYSTEM_ROOTS).read_bytes())
    except (OSError, ValueError):
        reason = f'the authorities of this machine, "{SYSTEM_ROOTS}", cannot be read'
        return NotObserved(asset, fact, reason, Vantage.HOST)
    # Dates and names are facts of their own: here the chain is built for a name that the
    # certificate has, as of a moment when it was in date.
    name = next((n.replace("*", "www") for n in found.dns_names), None)
    if name is None:
        return NotObserved(asset, fact, "the certificate names no domain", Vantage.HOST)
    moment = min(max(now, found.not_before), found.not_after)
    policy = PolicyBuilder().store(Store(roots)).time(dt.datetime.fromtimestamp(moment, tz=dt.UTC))
    try:
        policy.build_server_verifier(x509.DNSName(name)).verify(leaf, list(others))
    except VerificationError:
        return Observation(asset, fact, value=False, vantage=Vantage.HOST, seen_by=SEEN_BY)
    return Observation(asset, fact, value=True, vantage=Vantage.HOST, seen_by=SEEN_BY)


def _seen(shown: _Shown, values: Iterable[tuple[Fact, FactValue]]) -> tuple[Sighting, ...]:
    return tuple(Observation(shown.asset, fact, v, Vantage.HOST, SEEN_BY) for fact, v in values)

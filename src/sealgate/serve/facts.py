"""What was observed of this host for a plan: certificates, the country file, who is admitted, public keys."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.errors import Fault
    from sealgate.gateway.model import CertificateFiles, Proof
    from sealgate.identity.grants import Grant
    from sealgate.identity.model import ClientCertificate, Identity


@dataclass(frozen=True, slots=True)
class Certificates:
    """
    The server certificates to show, per site.

    *due* is when the local authority must be asked again, in seconds since the epoch.
    *ends* tells per site when its certificate ends. *watched* are given files that
    another program may renew. *remarks* are what a person should know.
    """

    files: Mapping[str, CertificateFiles]
    ends: Mapping[str, float]
    due: float = math.inf
    watched: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Admissions:
    """
    Who may enter locked routes: fingerprints per asset id, true until *due*.

    *identities*, *certificates* and *grants*, of which each runs, are what that follows from.
    """

    fingerprints: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    due: float = math.inf
    identities: tuple[Identity, ...] = ()
    certificates: tuple[ClientCertificate, ...] = ()
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """
    The public keys of what people carry: *key_set* signs sessions, *told* what sites are told.

    Both are JWK Sets (RFC 7517), "" where nothing is to be verified yet; *issuer* is what
    sessions say of themselves.
    """

    key_set: str = ""
    issuer: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """
    What was observed of this host at the moment *now* (seconds since the epoch); no secrets.

    *countries* is a checked country file. *client_ca* is the PEM file of the authority that
    issues client certificates. *sessions* is ``None`` where nobody signs in. *signatures* are
    the public keys of answers over plain HTTP, as a JWK Set, per ``site.name``. *proofs* are
    what an authority of certificates asks for. *apart* says of each drop whose store answers why
    the site's keys are not apart from it, ``None``: they are. *faults* stand against serving.
    """

    now: float
    certificates: Certificates
    countries: str | None
    admissions: Admissions
    client_ca: str | None = None
    sessions: SessionKeys | None = None
    signatures: Mapping[str, str] = field(default_factory=dict)
    proofs: tuple[Proof, ...] = ()
    apart: Mapping[str, str | None] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

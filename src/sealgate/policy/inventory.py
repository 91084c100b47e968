"""
What the organisation declares: sites and their routes, drops, people's risks.

Built by :mod:`sealgate.config` from ``sealgate.toml``; every other room reads it, from here.
Paths are plain strings: the policy does not touch the disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.policy.classification import DEFAULT_MODEL, ClassificationModel
from sealgate.policy.files import (
    Drop,
    KeySettings,
    OnMismatch,
    Tunnel,
)
from sealgate.policy.listening import (
    AcmeChallenge,
    AcmeSettings,
    FileListener,
    Limits,
    Listen,
    PassivePorts,
    TLSSettings,
)
from sealgate.policy.places import (
    Address,
    Place,
)
from sealgate.policy.sites import (
    CookieRule,
    Credential,
    CredentialKind,
    CredentialPart,
    Door,
    Inspect,
    Route,
    Site,
    SiteAccess,
    Upstream,
    default_inspect,
    is_unsampled,
)

if TYPE_CHECKING:
    import datetime as dt


@dataclass(frozen=True, slots=True)
class Operator:
    """Who runs the sites: stands in certificates and on refusal pages."""

    name: str = ""
    country: str = ""
    locality: str = ""


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Geolocation for the rung "high": ISO 3166-1 alpha-2 codes and an mmdb file."""

    countries: tuple[str, ...] = ()
    geo_database: str | None = None
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class PaymentGateway:
    """
    Who takes payments for the sites: *operator* by name, and the *hosts* that it is reached at.

    The hosts are https only; each carries the authorities that it is verified with.
    """

    operator: str
    hosts: tuple[Upstream, ...]
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """
    That somebody looked at what no machine can see: *point* of *asset*, *by* whom, *on* which day.

    How long it holds is told by the point (see :mod:`sealgate.policy.confirming`).
    """

    point: str
    asset: str
    by: str
    on: dt.date
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """
    An OpenID provider of the organisation, through which people may sign in.

    *name* stands in addresses, *label* on the button. *issuer* is compared letter for letter.
    *secret* tells where the client secret is (``file:PATH`` or ``credential:NAME``), never
    what it is. *user_claim* names the account at its first sign-in. *groups* and *roles* map
    names at the provider to ours. *adds_users*: who is not known is added. *counts_as_key*
    are the values of acr (``acr:VALUE``) and amr (``amr:VALUE``) that are worth a key.
    """

    name: str
    label: str
    issuer: str
    client_id: str
    secret: str = field(repr=False)
    ca: str | None = None
    user_claim: str = "sub"
    groups_claim: str = "groups"
    groups: tuple[tuple[str, str], ...] = ()
    roles: tuple[tuple[str, str], ...] = ()
    adds_users: bool = False
    counts_as_key: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class AcceptedRisk:
    """
    A risk that somebody took on: it ends by itself after *until*, and is always shown.

    *rule* and *asset* must match a finding's exactly; there is no wildcard.
    """

    rule: str
    asset: str
    by: str
    reason: str
    until: dt.date
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Inventory:
    """
    Everything that one ``sealgate.toml`` declares.

    *state_folder* is where keys, the register and running state are kept.
    *source* is the configuration file.
    """

    source: str
    state_folder: str
    listen: Listen = field(default=Listen())
    operator: Operator = Operator()
    tls: TLSSettings = field(default=TLSSettings())
    access: AccessSettings = AccessSettings()
    sites: tuple[Site, ...] = ()
    drops: tuple[Drop, ...] = ()
    tunnels: tuple[Tunnel, ...] = ()
    keys: KeySettings = field(default=KeySettings())
    acme: AcmeSettings = field(default=AcmeSettings())
    accepted: tuple[AcceptedRisk, ...] = ()
    model: ClassificationModel = DEFAULT_MODEL
    envoy: str | None = None
    register_url: str | None = None
    payment_gateways: tuple[PaymentGateway, ...] = ()
    confirmed: tuple[Confirmation, ...] = ()
    identity_providers: tuple[IdentityProvider, ...] = ()
    limits: Limits = field(default=Limits())

    @property
    def serves_files(self) -> bool:
        """Return whether there is anything for file servers to serve."""
        return bool(self.drops or self.tunnels)

    def opened(self) -> tuple[FileListener, ...]:
        """Return where files are served: where somebody listens, with something behind it."""
        return tuple(
            one
            for one in self.listen.files
            if one.addresses and (self.drops or (one.has_tunnels and self.tunnels))
        )


__all__ = [
    "AcceptedRisk",
    "AccessSettings",
    "AcmeChallenge",
    "AcmeSettings",
    "Address",
    "Confirmation",
    "CookieRule",
    "Credential",
    "CredentialKind",
    "CredentialPart",
    "Door",
    "Drop",
    "FileListener",
    "IdentityProvider",
    "Inspect",
    "Inventory",
    "KeySettings",
    "Limits",
    "Listen",
    "OnMismatch",
    "Operator",
    "PassivePorts",
    "PaymentGateway",
    "Place",
    "Route",
    "Site",
    "SiteAccess",
    "TLSSettings",
    "Tunnel",
    "Upstream",
    "default_inspect",
    "is_unsampled",
]

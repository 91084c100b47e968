"""
What the organisation declares: sites and their routes, drops, people's risks.

Built by :mod:`sealgate.config` from ``sealgate.toml``; every other room reads it.
Paths are plain strings: the policy does not touch the disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.policy.classification import DEFAULT_MODEL, ClassificationModel

if TYPE_CHECKING:
    import datetime as dt

    from sealgate.policy.classification import Classification


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where a declaration stands, for messages: *line* counts from 1, 0 is unknown.
    """

    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        """
        Return ``file:line``.
        """
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class Address:
    """
    Where a listener binds. *host* is an IP address; "::" means all, IPv4 too.
    """

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class PassivePorts:
    """
    Where FTPS data connections come in.

    *address* is what clients are told, "" means the address that they called. *first* and
    *last* are ports, both included.
    """

    address: str = ""
    first: int = 50000
    last: int = 50100


@dataclass(frozen=True, slots=True)
class Listen:
    """
    The doors of the gateway. ``None``: that door is shut.

    *trusted_proxies* are networks that speak the PROXY protocol to us. *sftp* carries SCP
    and tunnels too; it opens only when there is a drop or a tunnel. *ftps* speaks explicit
    TLS, *ftps_implicit* TLS from the first byte; both open only when there is a drop.
    *ftps_domain* is the name that their clients call and their certificate bears, "" when
    there is neither FTPS nor a site. *egress* is loopback only: what goes out to payment
    gateways comes in there without TLS; it opens only when one is declared. *metrics* is
    loopback only, too: there monitoring asks.
    """

    https: tuple[Address, ...] = (Address("::", 443),)
    http: tuple[Address, ...] = (Address("::", 80),)
    sftp: tuple[Address, ...] = (Address("::", 2022),)
    ftps: tuple[Address, ...] = ()
    ftps_implicit: tuple[Address, ...] = ()
    ftps_passive: PassivePorts | None = None
    ftps_domain: str = ""
    trusted_proxies: tuple[str, ...] = ()
    egress: tuple[Address, ...] = (Address("127.0.0.1", 8444),)
    metrics: tuple[Address, ...] = ()


@dataclass(frozen=True, slots=True)
class Operator:
    """
    Who runs the sites: stands in certificates and on refusal pages.
    """

    name: str = ""
    country: str = ""
    locality: str = ""


@dataclass(frozen=True, slots=True)
class TLSSettings:
    """
    Where server certificates come from, and how long browsers insist on TLS.

    *chain* and *key* are paths of a given certificate. With *acme* an authority is asked
    as :class:`AcmeSettings` say. With none of these the local CA issues.
    """

    chain: str | None = None
    key: str | None = None
    hsts_seconds: int = 300
    place: Place = field(default=Place(), compare=False)
    acme: bool = False

    @property
    def is_local(self) -> bool:
        """
        Return whether the local CA issues.
        """
        return self.chain is None and not self.acme


class AcmeChallenge(StrEnum):
    """
    How an authority is shown who controls a domain.
    """

    HTTP_01 = "http-01"  # RFC 8555, 8.3: a file on port 80
    DNS_01 = "dns-01"  # RFC 8555, 8.4: a TXT record, set by a command
    TLS_ALPN_01 = "tls-alpn-01"  # RFC 8737: a certificate on port 443


@dataclass(frozen=True, slots=True)
class AcmeSettings:
    """
    The authority that certificates are fetched from (RFC 8555).

    *directory* is its URL, *ca* the authorities (PEM) that its own certificate is verified
    with, ``None`` the system's. *contact* is an e-mail address, or "". *dns_hook* is a
    program that sets and removes TXT records.
    """

    directory: str = "https://acme-v02.api.letsencrypt.org/directory"
    contact: str = ""
    challenge: AcmeChallenge = AcmeChallenge.HTTP_01
    dns_hook: str | None = None
    ca: str | None = None
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """
    Geolocation for the rung "high": ISO 3166-1 alpha-2 codes and an mmdb file.
    """

    countries: tuple[str, ...] = ()
    geo_database: str | None = None
    place: Place = field(default=Place(), compare=False)


class SiteAccess(StrEnum):
    """
    Who asks the visitor for credentials on a route of access rung ``low``.
    """

    SEALGATE = "sealgate"  # the gateway itself (comes with identities)
    SITE = "site"  # the site behind; the audit checks that it does


class Inspect(StrEnum):
    """
    Whether bodies of a route are looked into on their way.
    """

    OFF = "off"
    OBSERVE = "observe"  # a sample of answers is read aside; nothing is held back
    ENFORCE = "enforce"  # what is above the route's class is masked, or does not go on


@dataclass(frozen=True, slots=True)
class Door:
    """
    Which requests a route means: a path by whole segments, or a query parameter.

    *path* has no trailing slash (but ``/`` itself). With *exact* only the path
    itself is meant, else everything below it too. ``*`` stands for one segment.
    *query* is the name of a parameter whose presence alone opens the door (TYPO3's
    ``__typo3_install``); such a door holds on every path below *path*. *query_value*
    narrows it to values that begin so (WordPress' ``rest_route=/wp/v2/users``).
    """

    path: str
    exact: bool = False
    query: str | None = None
    query_value: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """
    One part of a site with one class.

    *collects* is the class of what the visitor sends there, when it is stricter
    than what the route shows. *backend* locks the route to TLS before the site sees
    the request. *admit* lists who may enter: ``user:NAME`` or ``group:NAME``.
    *origin* is ``declared`` or the preset that added the route (``preset:typo3``).

    *sign_in*: where the class asks for a key, it may also be a passkey on the gateway's own
    pages; without it, only a client certificate opens the route.

    A preset's door for which the operator has not yet said who may enter is *shut*: it
    admits nobody and is refused to everybody, so that a new site can serve its public
    pages at once. Declared routes are never shut: without *admit* they are a fault.

    *payment* marks a page on which people pay. *scripts* are the sources that scripts may
    come from there (CSP 3, 2.3.1); empty, nobody has said yet. *script_reports* is where
    browsers tell of others: an https address, or a path of the site; "" nowhere.
    """

    door: Door
    classification: Classification
    collects: Classification | None = None
    backend: bool = False
    access: SiteAccess = SiteAccess.SEALGATE
    admit: tuple[str, ...] = ()
    origin: str = "declared"
    place: Place = field(default=Place(), compare=False)
    payment: bool = False
    scripts: tuple[str, ...] = ()
    script_reports: str = ""
    inspect: Inspect = Inspect.OFF
    sign_in: bool = False

    @property
    def shut(self) -> bool:
        """
        Return whether nobody may enter, because a preset locked it and nobody is admitted.
        """
        return self.backend and not self.admit and self.origin != "declared"


@dataclass(frozen=True, slots=True)
class Upstream:
    """
    The site behind: ``http://host:port``, ``https://host:port`` or ``unix:/path``.

    *ca* is the file that an https upstream is verified with, ``None`` the system's.
    """

    scheme: str
    host: str
    port: int
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class CookieRule:
    """
    What a preset knows of one cookie: *name* may end in ``*``.
    """

    name: str
    http_only: bool
    same_site: str | None


@dataclass(frozen=True, slots=True)
class Site:
    """
    One web site: its names, what stands behind, and its routes.

    *routes* always hold one for ``/``. *web_root* is the folder that the site serves
    files from, when the operator told it.
    """

    domains: tuple[str, ...]
    upstream: Upstream
    routes: tuple[Route, ...]
    preset: str = "none"
    cookies: tuple[CookieRule, ...] = ()
    web_root: str | None = None
    tls: TLSSettings | None = None
    place: Place = field(default=Place(), compare=False)

    @property
    def name(self) -> str:
        """
        Return the first domain, which names the site everywhere.
        """
        return self.domains[0]


class OnMismatch(StrEnum):
    """
    What happens to an upload that ``assess`` finds to be of a stricter class than its drop.
    """

    RECORD = "record"  # it stays; the register says so
    QUARANTINE = "quarantine"  # it is kept where only the operator gets at it
    REFUSE = "refuse"  # it is removed, and the client is told


@dataclass(frozen=True, slots=True)
class Drop:
    """
    A folder served over SFTP and FTPS.

    *store* is ``file:FOLDER`` (absolute) or ``s3://BUCKET/PREFIX``. *admit* lists who may
    come in: ``user:NAME`` or ``group:NAME``; *read*, *write*, *listing* and *delete* narrow
    that for one action each, ``None`` means everybody admitted. *file_names* are shell
    patterns of which a name must match one; empty, any name will do. *retention_days*
    after the upload a file is removed. *recipients* are age recipients that every file is
    sealed for; a class that demands "highly encrypted" at rest demands them.
    """

    name: str
    classification: Classification
    store: str
    admit: tuple[str, ...] = ()
    read: tuple[str, ...] | None = None
    write: tuple[str, ...] | None = None
    listing: tuple[str, ...] | None = None
    delete: tuple[str, ...] | None = None
    quota_bytes: int | None = None
    max_file_bytes: int | None = None
    retention_days: int | None = None
    file_names: tuple[str, ...] = ()
    on_mismatch: OnMismatch = OnMismatch.RECORD
    recipients: tuple[str, ...] = ()
    place: Place = field(default=Place(), compare=False)


@dataclass(frozen=True, slots=True)
class Tunnel:
    """
    A service that is reached through SSH (``ssh -L``): *target* as the client names it.
    """

    name: str
    classification: Classification
    target: Address
    admit: tuple[str, ...] = ()
    place: Place = field(default=Place(), compare=False)


class KeyProtection(StrEnum):
    """
    What keeps the site's sealing keys apart from what they seal.
    """

    FILE = "file"  # a readable file: sealed data are worth rung 1 only
    PASSPHRASE = "passphrase"  # noqa: S105  # the name of a way
    CREDENTIAL = "credential"  # systemd credentials
    VAULT = "vault"  # HashiCorp Vault or OpenBao, transit engine
    AWS_KMS = "aws-kms"


@dataclass(frozen=True, slots=True)
class KeySettings:
    """
    How the site's sealing keys are kept.

    *key* names the key inside Vault (``MOUNT/KEY``) or AWS KMS (id, ARN or alias), or the
    systemd credential. *address* is Vault's URL, or an AWS endpoint instead of the usual one.
    *recovery* are age recipients that everything but "highly encrypted" is sealed for as
    well.
    """

    protection: KeyProtection = KeyProtection.FILE
    key: str = ""
    address: str = ""
    recovery: tuple[str, ...] = ()
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
    listen: Listen = Listen()
    operator: Operator = Operator()
    tls: TLSSettings = TLSSettings()
    access: AccessSettings = AccessSettings()
    sites: tuple[Site, ...] = ()
    drops: tuple[Drop, ...] = ()
    tunnels: tuple[Tunnel, ...] = ()
    keys: KeySettings = KeySettings()
    acme: AcmeSettings = AcmeSettings()
    accepted: tuple[AcceptedRisk, ...] = ()
    model: ClassificationModel = DEFAULT_MODEL
    envoy: str | None = None
    register_url: str | None = None
    payment_gateways: tuple[PaymentGateway, ...] = ()
    confirmed: tuple[Confirmation, ...] = ()


class AssetKind(StrEnum):
    """
    What a verdict can be about.
    """

    SITE = "site"
    ROUTE = "route"
    DROP = "drop"
    TUNNEL = "tunnel"
    FILE_SERVER = "file server"  # speaks SSH, FTP or both: ours, or a URL that was given
    PAYMENT_GATEWAY = "payment gateway"  # whom the sites send payments to
    ENDPOINT = "endpoint"  # any other URL given on the command line
    FILE = "file"
    TABLE = "table"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Asset:
    """
    One thing that is protected or not: *id* is unique and readable ("site shop.example").

    *parent* is the asset whose observations hold here too (a route's site).
    """

    id: str
    kind: AssetKind
    parent: str | None = None
    place: Place = field(default=Place(), compare=False)


def site_asset(site: Site) -> Asset:
    """
    Return the asset that stands for *site* as an endpoint.
    """
    return Asset(f"site {site.name}", AssetKind.SITE, place=site.place)


def route_asset(site: Site, route: Route) -> Asset:
    """
    Return the asset that stands for *route* of *site*.
    """
    query = ""
    if route.door.query:
        value = f"={route.door.query_value}" if route.door.query_value else ""
        query = f"?{route.door.query}{value}"
    path = route.door.path.rstrip("/") or "/"
    if query and path == "/":
        path = "/"
    return Asset(
        f"route {site.name}{path}{query}",
        AssetKind.ROUTE,
        parent=f"site {site.name}",
        place=route.place,
    )


# All drops and tunnels are behind the same servers; what these do holds for each.
FILE_SERVER = "file server"


def file_server_asset(inventory: Inventory) -> Asset:
    """
    Return the asset that stands for the SFTP and FTPS servers of *inventory*.
    """
    places = [drop.place for drop in inventory.drops]
    places += [tunnel.place for tunnel in inventory.tunnels]
    return Asset(FILE_SERVER, AssetKind.FILE_SERVER, place=places[0] if places else Place())


def drop_asset(drop: Drop) -> Asset:
    """
    Return the asset that stands for *drop*.
    """
    return Asset(f"drop {drop.name}", AssetKind.DROP, parent=FILE_SERVER, place=drop.place)


def tunnel_asset(tunnel: Tunnel) -> Asset:
    """
    Return the asset that stands for *tunnel*.
    """
    return Asset(f"tunnel {tunnel.name}", AssetKind.TUNNEL, parent=FILE_SERVER, place=tunnel.place)


def payment_gateway_asset(gateway: PaymentGateway) -> Asset:
    """
    Return the asset that stands for *gateway*.
    """
    name = f"payment gateway {gateway.operator}"
    return Asset(name, AssetKind.PAYMENT_GATEWAY, place=gateway.place)

"""What the gateway itself declares: its doors, its limits, and where its certificates come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from sealgate.policy.declarations import Declaration
from sealgate.policy.places import Address, Place


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
class FileListener:
    """
    Where files are served by one *setting* of ``[listen]``, and what is spoken there.

    *has_tunnels*: tunnels are reached there, too.
    """

    setting: str
    speaks: Declaration
    addresses: tuple[Address, ...] = ()
    has_tunnels: bool = False


@dataclass(frozen=True, slots=True)
class Listen:
    """
    The doors of the gateway. ``None``: that door is shut.

    *trusted_proxies* are networks that speak the PROXY protocol to us. *files* open only when
    there is a drop, those with tunnels also when there is a tunnel.
    *ftps_domain* is the name that their clients call and their certificate bears, "" when
    there is neither FTPS nor a site. *egress* is loopback only: what goes out to payment
    gateways comes in there without TLS; it opens only when one is declared. *metrics* is
    loopback only, too: there monitoring asks.
    """

    https: tuple[Address, ...] = (Address("::", 443),)
    http: tuple[Address, ...] = (Address("::", 80),)
    files: tuple[FileListener, ...] = ()
    ftps_passive: PassivePorts | None = None
    ftps_domain: str = ""
    trusted_proxies: tuple[str, ...] = ()
    egress: tuple[Address, ...] = (Address("127.0.0.1", 8444),)
    metrics: tuple[Address, ...] = ()

    def at(self, setting: str) -> tuple[Address, ...]:
        """Return where files are served by *setting*, such as ``sftp``."""
        return next((one.addresses for one in self.files if one.setting == setting), ())


@dataclass(frozen=True, slots=True)
class Limits:
    """
    What one client, or one request, may take of the gateway; 0 means no limit.

    *max_body_bytes* holds for what a request sends, where its route says nothing else.
    *request_seconds* is how long it may take until a request is there as a whole. The rates
    are those of one client address (IPv6: of one /64): *requests_per_second* on every route,
    *session_requests_per_second* instead of it on those where people sign in, and
    *sign_in_per_minute* on the pages on which they do.
    """

    max_body_bytes: int = 2**30
    request_seconds: int = 0
    requests_per_second: int = 0
    session_requests_per_second: int = 100
    sign_in_per_minute: int = 600


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
        """Return whether the local CA issues."""
        return self.chain is None and not self.acme


class AcmeChallenge(StrEnum):
    """How an authority is shown who controls a domain."""

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

"""Reads what was given on the command line: a target's URL, and where to find a host."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.audit.model import (
    DEFAULT_PORTS,
    FTPS_PORT,
    HTTP_PORT,
    HTTPS_PORT,
    Opening,
    Target,
    bracketed,
)
from sealgate.errors import UsageError
from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.declarations import Declaration

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SSH = frozenset(["ssh", "sftp"])
_FTP = frozenset(["ftp", "ftps"])
_KNOWN = frozenset(["https"]) | _SSH | _FTP
_EXAMPLE = "sealgate audit https://shop.example"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """
    A URL that was given: *host* is an A-label or an IP address, *request* has the query.

    Of a file server only the server is meant, so *request* is empty.
    """

    host: str
    port: int
    request: str
    scheme: str = "https"

    @property
    def asset(self) -> Asset:
        """Return the asset that stands for it. Its id has no query: that may carry a value."""
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        path = self.request.partition("?")[0]
        kind = AssetKind.FILE_SERVER if self.is_file_server else AssetKind.ENDPOINT
        return Asset(f"{self.scheme}://{bracketed(self.host)}{port}{path}", kind)

    @property
    def is_file_server(self) -> bool:
        """Return whether it speaks SSH or FTP."""
        return bool(self.declarations)

    @property
    def declarations(self) -> frozenset[Declaration]:
        """Return what the URL says of the protocol."""
        if self.scheme in _SSH:
            return frozenset([Declaration.SSH])
        return frozenset([Declaration.FTP]) if self.scheme in _FTP else frozenset()

    def target(self, resolve: Mapping[str, str]) -> Target:
        """
        Return where to connect to; *resolve* gives addresses for names.

        The plain counterpart of port 443 is port 80. Of any other port it is the same
        one: that is where ``http://host:port/`` leads. FTP begins in clear and goes on
        with AUTH TLS, but on port 990, where TLS begins with the first byte.
        """
        explicit = self.scheme in _FTP and self.port != FTPS_PORT
        return Target(
            self.asset.id,
            self.host,
            resolve.get(self.host, self.host),
            self.port,
            HTTP_PORT if self.port == HTTPS_PORT else self.port,
            self.request,
            self.scheme,
            Opening.FTP if explicit else Opening.DIRECT,
        )


def parse_target(text: str) -> Endpoint:
    """
    Return the endpoint that *text* names.

    Raises:
        UsageError: no URL, an unknown scheme, or credentials in it.
    """
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError(f'target "{_shown(text)}" is no URL', hint=_EXAMPLE) from None
    scheme = parts.scheme.lower()
    if "://" not in text or not scheme:
        message = f'target "{_shown(text)}" is no URL: https://HOST is required'
        bare = re.fullmatch(r"[\w.-]+(?::\d+)?/?", text)
        raise UsageError(message, hint=f"sealgate audit https://{text}" if bare else _EXAMPLE)
    if scheme not in _KNOWN:
        message = (
            f'target "{_shown(text)}": scheme "{scheme}" is unknown; '
            "https, ssh, sftp, ftp or ftps is required"
        )
        hint = f"sealgate audit https://{parts.netloc}" if scheme == "http" else _EXAMPLE
        raise UsageError(message, hint=hint if parts.username is None else _EXAMPLE)
    if parts.username is not None or parts.password is not None:
        message = "the target carries a user name or password; an audit sends none"
        raise UsageError(message, hint="leave it out of the URL")
    if not host or port == 0:
        message = f'target "{_shown(text)}" names no {"host" if not host else "port to ask"}'
        raise UsageError(message, hint=_EXAMPLE)
    if scheme != "https":
        return Endpoint(host_name(host), port or DEFAULT_PORTS[scheme], "", scheme)
    request = parts.path or "/"
    return Endpoint(
        host_name(host), port or HTTPS_PORT, f"{request}?{parts.query}" if parts.query else request
    )


def host_name(text: str) -> str:
    """
    Return *text* as it goes into DNS and SNI: lower case, A-labels, or an IP address.

    Raises:
        UsageError: it can be neither.
    """
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        pass
    try:
        name = text.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if not name or not all(c.isalnum() or c in "-._" for c in name):
        raise UsageError(f'host "{_shown(text)}" is no host name', hint=_EXAMPLE)
    return name


def parse_resolve(items: Iterable[str]) -> dict[str, str]:
    """
    Return the addresses that ``--resolve HOST:ADDRESS`` gives, by host.

    Raises:
        UsageError: an item is not of that form, or its address is no IP address.
    """
    found: dict[str, str] = {}
    for item in items:
        host, _, address = item.partition(":")
        try:
            found[host_name(host)] = str(ipaddress.ip_address(address.strip("[]")))
        except ValueError:
            message = f'--resolve "{_shown(item)}" is not HOST:ADDRESS'
            raise UsageError(message, hint="--resolve shop.example:192.0.2.1") from None
    return found


def _shown(text: str) -> str:
    # What stands before an "@" or behind a "?" may be a secret.
    bare = text.partition("?")[0].partition("#")[0]
    head, at, tail = bare.rpartition("@")
    scheme = head.partition("://")[0] + "://" if "://" in head else ""
    cleaned = f"{scheme}…@{tail}" if at else bare
    return "".join(c if c.isprintable() else "?" for c in cleaned)[:200]

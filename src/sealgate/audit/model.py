"""What an audit looks at, how long it waits, and what an HTTP answer is as a value."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

HTTPS_PORT = 443
HTTP_PORT = 80
SSH_PORT = 22
FTP_PORT = 21
FTPS_PORT = 990
DEFAULT_PORTS = {
    "https": HTTPS_PORT,
    "http": HTTP_PORT,
    "ssh": SSH_PORT,
    "sftp": SSH_PORT,
    "ftp": FTP_PORT,
    "ftps": FTP_PORT,
}


class Opening(StrEnum):
    """What stands between a connection and its TLS handshake."""

    DIRECT = "direct"  # nothing
    FTP = "ftp"  # a greeting and AUTH TLS (RFC 4217, 4)


@dataclass(frozen=True, slots=True)
class Limits:
    """
    How long a probe waits for one connection, and how much it reads of one answer.

    *exchange_seconds* bounds a whole connection, so that a server that sends one byte
    at a time cannot hold an audit.
    """

    connect_seconds: float = 5.0
    exchange_seconds: float = 15.0
    max_body_bytes: int = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """
    One name at one address, and the path that was asked for.

    *asset* is the id that observations are filed under. *server_name* goes into SNI
    and Host; *address* is where the connection really goes, a name or an IP address.
    *plain_port* is where the same site would answer without TLS. *opening* is what a TLS
    client says first.
    """

    asset: str
    server_name: str
    address: str
    port: int = HTTPS_PORT
    plain_port: int = HTTP_PORT
    path: str = "/"
    scheme: str = "https"
    opening: Opening = Opening.DIRECT

    @property
    def origin(self) -> str:
        """Return the origin as a browser would write it: ``https://`` and the host."""
        port = "" if self.port == DEFAULT_PORTS.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{self._host}{port}"

    @property
    def plain_origin(self) -> str:
        """Return the ``http://`` origin as a browser would write it."""
        port = "" if self.plain_port == HTTP_PORT else f":{self.plain_port}"
        return f"http://{self._host}{port}"

    @property
    def where(self) -> str:
        """Return the socket address that is really asked, for people to read."""
        return f"{bracketed(self.address)}:{self.port}"

    @property
    def _host(self) -> str:
        return bracketed(self.server_name)


@dataclass(frozen=True, slots=True)
class Response:
    """
    One HTTP answer. Header names are in lower case.

    *whole* is false when *body* was cut at the limit, or broke off.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool = True

    def header(self, name: str) -> str | None:
        """Return the first value of header *name* (lower case), ``None`` when absent."""
        return next((value for key, value in self.headers if key == name), None)

    def values(self, name: str) -> tuple[str, ...]:
        """Return every value of header *name* (lower case), in order."""
        return tuple(value for key, value in self.headers if key == name)


def bracketed(host: str) -> str:
    """Return *host* as it stands in a URL: an IPv6 address goes into brackets."""
    return f"[{host}]" if ":" in host else host

"""Where a file goes or comes from: a URL, read strictly. Pure."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import unquote, urlsplit

from sealgate.client.sending import ChannelRefusedError
from sealgate.errors import UsageError

PORTS = {"sftp": 22, "ftps": 21, "https": 443}
IMPLICIT_FTPS_PORT = 990
# What must never be used, the rule that says so, and what to use instead.
_IN_CLEAR = {
    "ftp": ("transit-ftp-plaintext", "ftps"),
    "http": ("transit-plaintext", "https"),
}
_EXAMPLE = "a URL such as sftp://partner@files.example/in/"
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Destination:
    """
    A place on another host: *path* is decoded and begins with ``/``.

    A path that ends in ``/`` is a folder. *user* is "" when the URL names nobody.
    """

    scheme: str
    host: str
    port: int
    path: str
    user: str = ""

    @property
    def is_folder(self) -> bool:
        """Return whether files go into it under their own names."""
        return self.path.endswith("/")

    @property
    def is_implicit(self) -> bool:
        """Return whether TLS begins with the first byte instead of AUTH TLS."""
        return self.scheme == "ftps" and self.port == IMPLICIT_FTPS_PORT

    @property
    def name(self) -> str:
        """Return the last segment of the path, "" of a folder."""
        return self.path.rpartition("/")[2]

    @property
    def origin(self) -> str:
        """Return scheme, host and port, without the user."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    def at(self, name: str) -> Self:
        """Return where a file called *name* goes: into the folder, or to the path itself."""
        return replace(self, path=self.path + name) if self.is_folder else self


def parse_destination(text: str) -> Destination:
    """
    Return the place that *text* names.

    Raises:
        ChannelRefusedError: its scheme sends in clear.
        UsageError: it is no URL of a known scheme, or carries a password.
    """
    try:
        parts = urlsplit(text)
        host, port, user, password = parts.hostname, parts.port, parts.username, parts.password
    except ValueError:
        raise UsageError(f"{_named(text)} is no URL", hint=_EXAMPLE) from None
    scheme = parts.scheme.lower()
    if scheme in _IN_CLEAR and "://" in text:
        rule, instead = _IN_CLEAR[scheme]
        message = f"{scheme}:// sends files and passwords in clear, so it is never used"
        raise ChannelRefusedError(rule, message, hint=f"use sftp:// or {instead}://")
    if scheme not in PORTS or "://" not in text:
        message = f"{_named(text)} is no URL of sftp://, ftps:// or https://"
        raise UsageError(message, hint=_EXAMPLE)
    if password is not None:
        message = "the URL carries a password, which everybody on this host can read"
        raise UsageError(message, hint="SEALGATE_PASSWORD_FILE=FILE, or type it when asked")
    if not host or port == 0:
        raise UsageError("the URL names no host or port", hint=_EXAMPLE)
    try:
        path = unquote(parts.path, errors="strict") or "/"
        name = unquote(user or "", errors="strict")
    except UnicodeDecodeError:
        raise UsageError("the URL is not in UTF-8", hint=_EXAMPLE) from None
    if parts.query or parts.fragment or _UNPRINTABLE.search(path + name):
        message = "the URL carries a query, a fragment or control characters"
        raise UsageError(message, hint="leave them out; write %3F for a question mark")
    if any(segment in {".", ".."} for segment in path.split("/")):
        raise UsageError("the path of the URL has . or .. in it", hint="write the path in full")
    return Destination(scheme, _host(host), port or PORTS[scheme], path, name)


def unreached_hint(host: str, port: int) -> str:
    """Return what to type where nobody answers at *host* and *port*."""
    return f"nc -vz {host} {port}, or say where {host} is: --resolve {host}:ADDRESS"


def _named(text: str) -> str:
    # A file name that was given where a URL belongs; in a URL a password may stand.
    is_plain = text.isprintable() and not re.search(r"[:@?]", text)
    return f'"{text}"' if is_plain else "the target"


def _host(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        name = text.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    if not re.fullmatch(r"[a-z0-9._-]+", name):
        raise UsageError("the URL names no host", hint=_EXAMPLE)
    return name

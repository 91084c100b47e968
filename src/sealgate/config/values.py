"""
Single values of ``sealgate.toml``: addresses, names, URLs, paths, and what they must be.

Every reader returns the value in its one canonical form or raises :class:`UnfitError`,
whose message says what is required. Nothing is looked up: no DNS, no files.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

import idna

from sealgate.config.countries import COUNTRIES, NOT_ISO
from sealgate.errors import UsageError
from sealgate.identity.model import checked_group, checked_name
from sealgate.policy.inventory import (
    Address,
    Credential,
    CredentialKind,
    CredentialPart,
    Door,
    Upstream,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_PORT = 65535
# RFC 1035, 2.3.4.
MAX_DOMAIN_CHARACTERS = 253
DEFAULT_PORTS = {"http": 80, "https": 443}

# RFC 3986, 3.3: pchar without "%", ";" and "*", which have more than one reading.
_SEGMENT = re.compile(r"[A-Za-z0-9\-._~!$&'()+,=:@]+")
_QUERY_NAME = re.compile(r"[A-Za-z0-9_\-.~]+")
_QUERY_VALUE = re.compile(r"[A-Za-z0-9_\-.~/:]*")
# RFC 9110, 9.1 and 5.6.2: a method is a token, and those that are registered are in capitals.
_METHOD = re.compile(r"[A-Z][A-Z-]{0,31}")
# RFC 9110, 5.1 and 11.1, and RFC 6265, 4.1.1, without what has more than one reading.
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_SCHEME_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_COOKIE_NAME = re.compile(r"\*?[A-Za-z0-9_-]{1,64}\*?")
# What every request has, or what the gateway reads by a kind of its own.
_NO_CREDENTIALS = frozenset(["authorization", "cookie", "host", "content-length", "content-type"])
_URL = re.compile(r"(?P<scheme>[a-z]+)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_AUTHORITY = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>.*))?")
_CLASS_ID = re.compile(r"[a-z][a-z0-9-]*")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*")


class UnfitError(ValueError):
    """A value is not what it must be; *hint* is what to type."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        """Keep what is required and the hint; the caller adds what was found."""
        super().__init__(message)
        self.hint = hint


def read_address(text: str) -> Address:
    """Return the address that ``":443"``, ``"127.0.0.1:443"`` or ``"[::1]:443"`` means."""
    host, colon, port = text.strip().rpartition(":")
    if not colon:
        message = 'must be ":PORT", "ADDRESS:PORT" or "[IPV6-ADDRESS]:PORT"'
        raise UnfitError(message, f'":{text}"' if text.isdecimal() else 'such as ":443"')
    number = _port(port)
    if not host:
        return Address("::", number)
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        hint = f'"127.0.0.1:{port}"' if host == "localhost" else f'":{port}" for all addresses'
        raise UnfitError("must begin with an IP address of this machine", hint) from None
    if isinstance(address, ipaddress.IPv6Address) and (not bracketed or address.scope_id):
        raise UnfitError("must have an IPv6 address in brackets", 'such as "[::1]:443"')
    if isinstance(address, ipaddress.IPv4Address) and bracketed:
        raise UnfitError("must have an IPv4 address without brackets", f'"{address}:{port}"')
    return Address(str(address), number)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_PORT))):
        raise UnfitError(f"must have a port from 1 to {MAX_PORT}", 'such as ":8443"')
    number = int(text)
    if not 1 <= number <= MAX_PORT:
        raise UnfitError(f"must have a port from 1 to {MAX_PORT}", 'such as ":8443"')
    return number


def read_network(text: str) -> str:
    """Return a network in its canonical form; a single address is a network of one."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        hint = f'"{ipaddress.ip_network(text, strict=False)}"'
    except ValueError:
        hint = 'such as "10.0.0.0/8" or "192.0.2.7"'
    raise UnfitError("must be a network", hint)


def read_country(text: str) -> str:
    """Return an ISO 3166-1 alpha-2 code."""
    if text in COUNTRIES:
        return text
    hint = 'such as "DE"'
    upper = text.strip().upper()
    if upper in COUNTRIES:
        hint = f'"{upper}"'
    elif upper in NOT_ISO:
        hint = f'"{NOT_ISO[upper]}"'
    raise UnfitError("must be a country code of ISO 3166-1 (two capital letters)", hint)


def read_domain(text: str) -> str:
    """Return a domain name in lower case, letters outside ASCII as A-labels (RFC 5891)."""
    if "://" in text:
        raise UnfitError("must be a domain without scheme and path", 'such as "shop.example"')
    if "*" in text:
        raise UnfitError("must be one domain; wildcards are not served", "list each name")
    if _is_ip(text.strip("[]")):
        raise UnfitError("must be a domain name, not an address", 'such as "shop.example"')
    name = text.rstrip(".")
    if name and len(name) <= MAX_DOMAIN_CHARACTERS:
        try:
            encoded = idna.encode(name, uts46=True, std3_rules=True).decode()
        except (idna.IDNAError, UnicodeError):
            encoded = ""
        # A last label of digits would be read as an IPv4 address (RFC 3696, 2).
        if encoded and not encoded.rpartition(".")[2].isdecimal():
            return encoded
    raise UnfitError("must be a domain name", 'such as "shop.example"')


def read_upstream(text: str) -> Upstream:
    """
    Return the site behind from ``http://host:port``, ``https://host:port`` or ``unix:/path``.

    The message never quotes the URL, which may hold a password: the caller must not
    either when :func:`holds_secret` says so.
    """
    required = 'must be "http://HOST:PORT", "https://HOST:PORT" or "unix:/PATH"'
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path.startswith("/") or "\x00" in path or path == "/":
            raise UnfitError("must be unix: and an absolute path", '"unix:/run/site.sock"')
        return Upstream("unix", path, 0)
    url = _URL.fullmatch(text)
    if url is None or url["scheme"] not in DEFAULT_PORTS:
        raise UnfitError(required, 'such as "http://127.0.0.1:8080"')
    if "@" in url["authority"]:
        raise UnfitError(
            f"{required}, without user and password", 'such as "http://127.0.0.1:8080"'
        )
    if url["rest"] not in {"", "/"}:
        raise UnfitError(
            f"{required}: paths are passed on as they come",
            f'"{url["scheme"]}://{url["authority"]}"',
        )
    authority = _AUTHORITY.fullmatch(url["authority"])
    if authority is None:
        raise UnfitError(required, 'such as "http://127.0.0.1:8080"')
    port = DEFAULT_PORTS[url["scheme"]] if authority["port"] is None else _port(authority["port"])
    host = authority["six"] or authority["host"]
    if authority["six"] and not _is_ip(host):
        raise UnfitError("must have an IPv6 address in brackets", 'such as "http://[::1]:8080"')
    return Upstream(url["scheme"], _upstream_host(host), port)


def _upstream_host(host: str) -> str:
    if _is_ip(host):
        return str(ipaddress.ip_address(host))
    try:
        return read_domain(host)
    except UnfitError:
        raise UnfitError("must name a host", 'such as "http://127.0.0.1:8080"') from None


def holds_secret(url: str) -> bool:
    """Return whether *url* may hold a password, so that no message may quote it."""
    return "@" in url


def read_register_url(text: str) -> str:
    """Return *text* when it has the form of a SQLAlchemy URL; messages never quote it."""
    scheme, separator, rest = text.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme) or not rest:
        raise UnfitError("must be a SQLAlchemy URL", 'such as "postgresql+psycopg://host/sealgate"')
    return text


def read_door(path: str, query: str | None, *, exact: bool) -> Door:
    """
    Return the door that a route's path and query mean.

    A slash at the end is dropped. What may be read in more than one way (percent signs,
    semicolons, dot segments, letters outside ASCII) cannot be locked and is refused.
    """
    if not path.startswith("/"):
        hint = f'path = "/{path}"' if _SEGMENT.fullmatch(path) else 'such as path = "/shop"'
        raise UnfitError('must begin with "/"', hint)
    if "?" in path:
        raise UnfitError('must have no "?"', 'put the parameter into query = "NAME"')
    segments = path.split("/")[1:]
    if segments[-1] == "":
        segments.pop()
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise UnfitError(
                'must have no empty, "." or ".." segment', "write the path that is meant"
            )
        if segment != "*" and not _SEGMENT.fullmatch(segment.removesuffix("*")):
            raise UnfitError(
                "must be of letters, digits and -._~!$&'()+,=:@ in ASCII; a segment may be *, or "
                "end in one",
                'name the folder above it, such as path = "/shop"',
            )
    door_path = "/" + "/".join(segments)
    if query is None:
        return Door(door_path, exact)
    name, equals, value = query.partition("=")
    if not _QUERY_NAME.fullmatch(name) or not _QUERY_VALUE.fullmatch(value):
        raise UnfitError("must be NAME or NAME=VALUE, decoded", 'such as query = "__typo3_install"')
    return Door(door_path, exact, name, value if equals and value else None)


def read_method(text: str) -> str:
    """Return the name of a method (RFC 9110, 9.1), which is written in capitals."""
    if _METHOD.fullmatch(text):
        return text
    upper = text.upper()
    raise UnfitError(
        "must be the name of a method, in capitals",
        f'"{upper}"' if _METHOD.fullmatch(upper) else 'such as "POST"',
    )


def read_credential(text: str) -> Credential:
    """
    Return the credential that *text* means: parts such as ``cookie:NAME``, with ``+`` between.

    No part may stand there twice.
    """
    parts = tuple(_credential_part(part.strip()) for part in text.split("+"))
    if len(set(parts)) != len(parts):
        raise UnfitError("must have each part once", f'"{parts[0]}"')
    return Credential(parts)


def _credential_part(text: str) -> CredentialPart:
    kind, colon, name = text.partition(":")
    wanted = _CREDENTIAL_NAMES.get(kind)
    if wanted is None or (not colon and kind != CredentialKind.AUTHORIZATION):
        raise UnfitError(
            'must be "authorization", "authorization:SCHEME", "cookie:NAME", "header:NAME" or '
            '"parameter:NAME", or some of them with "+" between',
            'such as "cookie:session_* + header:x-csrf-token"',
        )
    if colon and not wanted.fullmatch(name):
        raise UnfitError(
            f'must name one {kind}; a "*" may stand only at the ends of a cookie\'s name',
            f'such as "{kind}:{_CREDENTIAL_EXAMPLES[kind]}"',
        )
    if kind in {CredentialKind.AUTHORIZATION, CredentialKind.HEADER}:
        # RFC 9110, 5.1 and 11.1: neither header names nor schemes have a case.
        name = name.lower()
    if kind == CredentialKind.HEADER and name in _NO_CREDENTIALS:
        raise UnfitError("must not be a header that has another meaning", '"authorization"')
    return CredentialPart(CredentialKind(kind), name)


_CREDENTIAL_NAMES = {
    CredentialKind.AUTHORIZATION.value: _SCHEME_NAME,
    CredentialKind.COOKIE.value: _COOKIE_NAME,
    CredentialKind.HEADER.value: _HEADER_NAME,
    CredentialKind.PARAMETER.value: _QUERY_NAME,
}
_CREDENTIAL_EXAMPLES = {
    CredentialKind.AUTHORIZATION.value: "Basic",
    CredentialKind.COOKIE.value: "session_*",
    CredentialKind.HEADER.value: "x-api-key",
    CredentialKind.PARAMETER.value: "_wpnonce",
}


def read_admitted(text: str) -> str:
    """Return ``user:NAME`` or ``group:NAME``, whose names are such as identities may have."""
    kind, colon, name = text.partition(":")
    if not colon or kind not in _NAMES:
        hint = f'"group:{text}"' if _is_group(text) else 'such as "group:editors"'
        raise UnfitError('must be "user:NAME" or "group:NAME"', hint)
    try:
        return f"{kind}:{_NAMES[kind](name)}"
    except UsageError as error:
        message = f"must name a {kind}; {error.message}"
        raise UnfitError(message, f'such as "{kind}:{_EXAMPLES[kind]}"') from None


_NAMES = {"user": checked_name, "group": checked_group}
_EXAMPLES = {"user": "anna", "group": "editors"}


def _is_group(text: str) -> bool:
    try:
        checked_group(text)
    except UsageError:
        return False
    return True


def read_class_id(text: str) -> str:
    """Return the id of a class: small letters, digits and hyphens."""
    if _CLASS_ID.fullmatch(text):
        return text
    raise UnfitError("must be small letters, digits and hyphens", 'such as "confidential"')


def read_rung(text: str, rungs: Iterable[str]) -> int:
    """Return the rank of the rung called *text*."""
    known = list(rungs)
    if text in known:
        return known.index(text)
    names = ", ".join(f'"{rung}"' for rung in known)
    raise UnfitError(f"must be one of {names}", f'"{known[-1]}"')


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

"""
Single values of drops, tunnels and keys: sizes, names, stores, targets, recipients.

As in :mod:`sealgate.config.values` every reader returns the one canonical form or raises
:class:`~sealgate.config.values.UnfitError`. Nothing is looked up: no DNS, no files.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.config.reader import why_no_path
from sealgate.config.values import MAX_PORT, UnfitError, read_domain
from sealgate.errors import SealgateError
from sealgate.policy.files import folder_of
from sealgate.policy.inventory import Address, PassivePorts
from sealgate.storage.adapters.media import read_url
from sealgate.storage.paths import checked_segment

if TYPE_CHECKING:
    from pathlib import PurePath

# The most that a file offset of POSIX holds.
MAX_SIZE_BYTES = 2**63 - 1
# Sixteen thousand data connections at once are beyond any one server.
MAX_PASSIVE_PORTS = 16_384
MIN_PASSIVE_PORT = 1024
# Units of IEC 80000-13 and of SI, so that "10 GB" is what a disk's label means.
UNITS = {
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}

_SIZE = re.compile(r"(?P<number>[0-9]{1,19}) ?(?P<unit>[A-Za-z]*)")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TARGET = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^:\[\]]+)):(?P<port>[0-9]{1,5})")
_PORTS = re.compile(r"(?P<first>[0-9]{1,5})-(?P<last>[0-9]{1,5})")


def read_size(text: str) -> int:
    """Return the bytes that ``"10 GiB"``, ``"500 MB"`` or ``"4096"`` means."""
    found = _SIZE.fullmatch(text.strip())
    unit = found["unit"] or "B" if found else ""
    if found is None or unit not in UNITS:
        near = next((known for known in UNITS if known.lower() == unit.lower()), None)
        hint = f'"{found["number"]} {near}"' if found and near else 'such as "10 GiB"'
        raise UnfitError(f"must be a number and one of {', '.join(UNITS)}", hint)
    size = int(found["number"]) * UNITS[unit]
    if not 0 < size <= MAX_SIZE_BYTES:
        raise UnfitError("must be more than nothing and less than 8 EiB", 'such as "10 GiB"')
    return size


def read_file_name(text: str) -> str:
    """Return the name of a drop or tunnel: one safe name of a folder everywhere."""
    required = "must be letters, digits, dots, hyphens and _ in ASCII, 64 at most"
    if _NAME.fullmatch(text):
        try:
            return checked_segment(text)
        except SealgateError as error:
            raise UnfitError(f"is no safe name: {error.message}", 'such as "partners"') from None
    raise UnfitError(required, 'such as "partners"')


def read_store(text: str, folder: PurePath) -> str:
    """
    Return the one URL of the store that *text* names, in a form of the table of media.

    Messages never quote *text* when it may hold a password; the caller must not either.
    """
    try:
        url = read_url(text, folder)
    except SealgateError as error:
        raise UnfitError(error.message, error.hint) from None
    if (place := folder_of(url)) is not None and (why := why_no_path(place)) is not None:
        raise UnfitError(why, 'such as "file:partners"')
    return url


def read_target(text: str) -> Address:
    """Return the service that ``"127.0.0.1:5432"``, ``"[::1]:5432"`` or ``"db.example:5432"`` names."""
    found = _TARGET.fullmatch(text.strip())
    hint = 'such as "127.0.0.1:5432"'
    if found is None or not 1 <= int(found["port"]) <= MAX_PORT:
        raise UnfitError(f'must be "HOST:PORT" with a port from 1 to {MAX_PORT}', hint)
    port = int(found["port"])
    try:
        return Address(str(ipaddress.ip_address(found["six"] or found["host"])), port)
    except ValueError:
        pass
    if found["six"]:
        raise UnfitError("must have an IPv6 address in brackets", 'such as "[::1]:5432"')
    try:
        return Address(read_domain(found["host"]), port)
    except UnfitError:
        raise UnfitError("must name a host", hint) from None


def read_ports(text: str) -> PassivePorts:
    """Return the ports that ``"50000-50100"`` means, both included; the address is left empty."""
    found = _PORTS.fullmatch(text.strip())
    first, last = (int(found["first"]), int(found["last"])) if found else (0, 0)
    if not MIN_PASSIVE_PORT <= first <= last <= MAX_PORT:
        raise UnfitError(
            f'must be "FIRST-LAST", from {MIN_PASSIVE_PORT} to {MAX_PORT}', '"50000-50100"'
        )
    if last - first >= MAX_PASSIVE_PORTS:
        raise UnfitError(f"must be at most {MAX_PASSIVE_PORTS} ports", '"50000-50100"')
    return PassivePorts("", first, last)


def read_public_address(text: str) -> str:
    """
    Return the IPv4 address that passive FTP tells its clients.

    The 227 answer has room for no other (RFC 959, 5.3.2); EPSV tells no address at all.
    """
    try:
        address = ipaddress.IPv4Address(text.strip())
    except ValueError:
        raise UnfitError("must be an IPv4 address", 'such as "203.0.113.7"') from None
    if address.is_unspecified or address.is_multicast:
        raise UnfitError("must be the address that clients reach", 'such as "203.0.113.7"')
    return str(address)


def read_pattern(text: str) -> str:
    """Return a pattern for the names of files, as a shell reads it."""
    if text.strip() and "/" not in text and text.isprintable():
        return text
    raise UnfitError('must be a pattern for a file\'s name, without "/"', 'such as "*.csv"')


def read_recipient(text: str) -> tuple[str, bool]:
    """
    Return the age recipient *text*, and whether it is post-quantum.

    No message repeats what looks like a secret key.
    """
    # The age format takes 30 ms to load; only configurations that name recipients pay.
    from sealgate.storage.age.keys import parse_recipient  # noqa: PLC0415

    try:
        found = parse_recipient(text)
    except SealgateError as error:
        hint = f"{error.hint or 'age1…'}; a new pair: age-keygen -o key.txt"
        raise UnfitError(f"is no age recipient: {error.message}", hint) from None
    return text.strip(), found.is_post_quantum


def read_vault_address(text: str) -> str:
    """
    Return Vault's URL: https, or http to an address of this machine.

    The token travels there, so that it is never sent in clear over a network.
    """
    hint = 'such as "https://vault.example:8200"'
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UnfitError("must be an https URL", hint) from None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment:
        raise UnfitError("must be an https URL", hint)
    if parts.username is not None or parts.password is not None:
        raise UnfitError("must be an https URL without user and password", hint)
    if parts.scheme == "http" and not _is_loopback(host):
        raise UnfitError("must begin with https, because a token travels there", hint)
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

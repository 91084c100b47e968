"""
The header that a balancer puts before a connection: who is behind it.

HAProxy's PROXY protocol, versions 1 and 2. Strict: what the specification does not write,
nothing here reads. Pure: bytes in, an answer out; whom to believe is the caller's matter.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

# The longest header of version 1, CR LF included (specification, 2.1).
MAX_V1_BYTES = 107
# A header of version 2 may carry as much in its extensions; balancers send less than 1 KiB.
MAX_V2_BYTES = 16 + 2048
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_V1 = re.compile(
    rb"PROXY (TCP4|TCP6) ([0-9a-fA-F.:]{2,39}) ([0-9a-fA-F.:]{2,39}) "
    rb"(0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n"
)
_MAX_PORT = 65535
_FIXED = 16
_PAIR = {0x11: 4, 0x21: 16}  # AF_INET or AF_INET6, over STREAM


class ProxyHeaderError(ValueError):
    """What came is no PROXY header; the connection is to be closed."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """
    A whole header: *peer* is the client, ``None`` when the balancer speaks for itself.

    *size* is how many bytes it took; what follows belongs to the connection.
    """

    peer: tuple[str, int] | None
    size: int


def read_header(data: bytes) -> Proxied | None:
    """
    Return the header at the beginning of *data*, ``None`` while more bytes are needed.

    Raises:
        ProxyHeaderError: it is none, however it would go on.
    """
    if data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)]:
        return _read_v2(data) if len(data) >= _FIXED else None
    if data[:6] == b"PROXY "[: len(data)]:
        return _read_v1(data)
    raise ProxyHeaderError("no PROXY header")


def _read_v1(data: bytes) -> Proxied | None:
    """Return a header of version 1: one line of text."""
    end = data.find(b"\r\n", 0, MAX_V1_BYTES)
    if end < 0:
        if len(data) >= MAX_V1_BYTES:
            raise ProxyHeaderError("PROXY line too long")
        return None
    line = data[: end + 2]
    if line.startswith(b"PROXY UNKNOWN") and line[13:14] in {b" ", b"\r"}:
        return Proxied(None, len(line))
    found = _V1.fullmatch(line)
    if found is None:
        raise ProxyHeaderError("PROXY line not understood")
    family, source, target, source_port, target_port = (
        one.decode("ascii") for one in found.groups()
    )
    version = 4 if family == "TCP4" else 6
    peer = _address(source, version), _port(source_port)
    _address(target, version)
    _port(target_port)
    return Proxied(peer, len(line))


def _read_v2(data: bytes) -> Proxied | None:
    """Return a header of version 2: sixteen fixed bytes, addresses, extensions."""
    version, command = data[12] >> 4, data[12] & 0x0F
    family, length = data[13], int.from_bytes(data[14:16], "big")
    if version != 2 or command > 1:  # noqa: PLR2004  # as the specification numbers them
        raise ProxyHeaderError("PROXY version or command not understood")
    size = _FIXED + length
    if size > MAX_V2_BYTES:
        raise ProxyHeaderError("PROXY header too long")
    if command == 0:  # LOCAL: the balancer's own health check
        return Proxied(None, size) if len(data) >= size else None
    width = _PAIR.get(family)
    if width is None:
        raise ProxyHeaderError("PROXY family not understood, TCP over IPv4 or IPv6 is required")
    if length < 2 * width + 4:
        raise ProxyHeaderError("PROXY addresses cut short")
    if len(data) < size:
        return None
    source = ipaddress.ip_address(data[_FIXED : _FIXED + width])
    ports = _FIXED + 2 * width
    return Proxied((_plain(source), int.from_bytes(data[ports : ports + 2], "big")), size)


def _address(text: str, version: int) -> str:
    """Return *text* in normal form."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise ProxyHeaderError("PROXY address not understood") from error
    if address.version != version:
        raise ProxyHeaderError("PROXY address of the wrong family")
    return _plain(address)


def _plain(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    """Return *address* as text; an IPv4 address that is mapped into IPv6 as IPv4."""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _port(text: str) -> int:
    """Return a port."""
    port = int(text)
    if port > _MAX_PORT:
        raise ProxyHeaderError("PROXY port out of range")
    return port

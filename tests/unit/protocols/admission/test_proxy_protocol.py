"""The PROXY header: what is right is read to the byte, everything else ends the connection."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.protocols.admission.proxy_protocol import (
    MAX_V1_BYTES,
    MAX_V2_BYTES,
    Proxied,
    ProxyHeaderError,
    read_header,
)

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"


def v2(
    source: str, port: int, *, command: int = 0x21, family: int | None = None, extra: bytes = b""
) -> bytes:
    """Return a header of version 2."""
    packed = ipaddress.ip_address(source).packed
    kind = family if family is not None else (0x11 if len(packed) == 4 else 0x21)
    body = packed + packed + port.to_bytes(2, "big") + b"\x00\x16" + extra
    return SIGNATURE + bytes([command, kind]) + len(body).to_bytes(2, "big") + body


GOOD = {
    "v1 over IPv4": (b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 22\r\n", ("192.0.2.1", 56324)),
    "v1 over IPv6": (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 22\r\n", ("2001:db8::1", 1)),
    "v1 mapped": (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 22\r\n", ("192.0.2.1", 1)),
    "v1 unknown": (b"PROXY UNKNOWN\r\n", None),
    "v1 unknown with more": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    "v2 over IPv4": (v2("192.0.2.1", 56324), ("192.0.2.1", 56324)),
    "v2 over IPv6": (v2("2001:db8::1", 7), ("2001:db8::1", 7)),
    "v2 with extensions": (v2("192.0.2.1", 7, extra=b"\x04\x00\x01x"), ("192.0.2.1", 7)),
    "v2 local": (SIGNATURE + b"\x20\x00\x00\x00", None),
}


@pytest.mark.parametrize(("header", "peer"), GOOD.values(), ids=GOOD.keys())
def test_a_header_is_read_to_its_last_byte(header: bytes, peer: tuple[str, int] | None) -> None:
    """However the bytes come, the answer comes with the last one, and what follows is left."""
    for size in range(len(header)):
        assert read_header(header[:size]) is None
    assert read_header(header + b"SSH-2.0-x\r\n") == Proxied(peer, len(header))


BAD = {
    "no header": b"SSH-2.0-OpenSSH\r\n",
    "lower case": b"proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "two blanks": b"PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n",
    "no address": b"PROXY TCP4 999.0.2.1 192.0.2.2 1 2\r\n",
    "wrong family": b"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
    "port too large": b"PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n",
    "port with zero": b"PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n",
    "line without end": b"PROXY TCP4 " + b"1" * MAX_V1_BYTES,
    "UDP": b"PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
    "unknown glued": b"PROXY UNKNOWNX\r\n",
    "v2 version 3": v2("192.0.2.1", 1, command=0x31),
    "v2 command 2": v2("192.0.2.1", 1, command=0x22),
    "v2 datagram": v2("192.0.2.1", 1, family=0x12),
    "v2 unix": v2("192.0.2.1", 1, family=0x31),
    "v2 cut short": SIGNATURE + b"\x21\x11\x00\x04" + b"\xc0\x00\x02\x01",
    "v2 IPv4 length for IPv6": v2("192.0.2.1", 1, family=0x21),
    "v2 too long": SIGNATURE + b"\x21\x11" + MAX_V2_BYTES.to_bytes(2, "big"),
}


@pytest.mark.parametrize("header", BAD.values(), ids=BAD.keys())
def test_what_is_none_is_refused(header: bytes) -> None:
    """One defect each."""
    with pytest.raises(ProxyHeaderError):
        read_header(header)


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=80).map(lambda b: SIGNATURE + b)))
def test_no_bytes_do_anything_but_be_read_refused_or_awaited(data: bytes) -> None:
    """Fuzz: never another error, never more bytes than there are, never waiting for ever."""
    try:
        found = read_header(data)
    except ProxyHeaderError:
        return
    if found is None:
        assert len(data) < MAX_V2_BYTES
    else:
        assert 0 < found.size <= len(data)


@given(st.ip_addresses(), st.integers(0, 65535), st.binary(max_size=30))
def test_both_versions_say_the_same(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int, rest: bytes
) -> None:
    """Law: what a balancer writes in one version or the other is the same client."""
    family = "TCP4" if address.version == 4 else "TCP6"
    line = f"PROXY {family} {address} {address} {port} 22\r\n".encode()
    first, second = read_header(line + rest), read_header(v2(str(address), port) + rest)
    assert first is not None
    assert second is not None
    assert first.peer == second.peer

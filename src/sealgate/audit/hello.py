"""
A ClientHello as bytes, and what a server answers to it. Parsing only, no cryptography.

Which versions, suites and groups a server takes can be seen from the first message it
sends back, so no TLS library is needed: one would only offer what it still implements
itself. In TLS 1.3 no key share is sent; the server then names the group that it wants
in a HelloRetryRequest (RFC 8446, 4.1.4).
"""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING

from sealgate.audit.suites import PSK_SUITES, SSL2_SUITES
from sealgate.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Version(IntEnum):
    """A protocol version by its number on the wire."""

    SSL_3_0 = 0x0300
    TLS_1_0 = 0x0301
    TLS_1_1 = 0x0302
    TLS_1_2 = 0x0303
    TLS_1_3 = 0x0304

    @property
    def label(self) -> str:
        """Return the name that observations use."""
        return _LABELS[self]


_LABELS = {
    Version.SSL_3_0: "SSLv3",
    Version.TLS_1_0: "TLSv1",
    Version.TLS_1_1: "TLSv1.1",
    Version.TLS_1_2: "TLSv1.2",
    Version.TLS_1_3: "TLSv1.3",
}

RANDOM_BYTES = 32
MAX_FLIGHT_BYTES = 256 * 1024

# RFC 8446, 4.1.3: the random of a ServerHello that is a HelloRetryRequest.
_RETRY_RANDOM = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")

_ALERT, _HANDSHAKE = 21, 22
_SERVER_HELLO, _SERVER_KEY_EXCHANGE, _SERVER_HELLO_DONE = 2, 12, 14
_EXT_SERVER_NAME, _EXT_GROUPS, _EXT_POINT_FORMATS, _EXT_SIGNATURES = 0, 10, 11, 13
_EXT_VERSIONS, _EXT_KEY_SHARE, _EXT_RENEGOTIATION = 43, 51, 0xFF01
_WARNING, _CLOSE_NOTIFY = 1, 0
_NAMED_CURVE = 3
_SSL2, _SSL2_SERVER_HELLO = 0x0002, 4
# SSL 2.0 has no record layer of which the first byte would tell it apart.
SSL_2_0_LABEL = "SSLv2"

# Everything that a server may want to sign with, old hashes too: a probe that left
# SHA-1 out would not see a server that has nothing else.
_SIGNATURES = (
    *(0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0804, 0x0805, 0x0806, 0x0809, 0x080A, 0x080B),
    *(0x0401, 0x0501, 0x0601, 0x0303, 0x0301, 0x0203, 0x0201, 0x0402, 0x0502, 0x0602, 0x0202),
)


class MalformedAnswerError(PeerError):
    """What came back is no TLS."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one ClientHello offers: one version, and suites and groups by IANA number."""

    version: Version
    suites: Sequence[int]
    groups: Sequence[int]
    server_name: str


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What the server chose. *group* is ``None`` where this message does not say."""

    version: int
    suite: int
    group: int | None


@dataclass(frozen=True, slots=True)
class Flight:
    """
    What is known of the server's first flight so far.

    *complete*: nothing more can be read in clear. *alert* is the fatal description.
    *group* comes from the key exchange below TLS 1.3, from the hello in TLS 1.3.
    *prime_bits* is how long the prime of a finite-field exchange below TLS 1.3 is.
    """

    hello: ServerHello | None
    alert: int | None
    group: int | None
    complete: bool
    prime_bits: int | None = None


def client_hello(offer: Offer, random: bytes) -> bytes:
    """
    Return the record that makes *offer* (RFC 8446, 4.1.2; RFC 5246, 7.4.1.2).

    *random* is 64 bytes: the client's random and the legacy session id.
    """
    legacy = min(offer.version, Version.TLS_1_2)
    session = random[RANDOM_BYTES:] if offer.version == Version.TLS_1_3 else b""
    # RFC 5746, 3.3: the signalling suite also works where extensions do not.
    suites = [*offer.suites, *(() if offer.version == Version.TLS_1_3 else (0x00FF,))]
    body = b"".join(
        (
            struct.pack(">H", legacy),
            random[:RANDOM_BYTES],
            _vector(1, session),
            _vector(2, _shorts(suites)),
            b"\x01\x00",  # no compression
        )
    )
    if offer.version != Version.SSL_3_0:
        body += _vector(2, b"".join(_extensions(offer)))
    message = b"\x01" + struct.pack(">I", len(body))[1:] + body
    # RFC 8446, 5.1: the record of a first ClientHello may say 0x0301 for old servers.
    record_version = min(offer.version, Version.TLS_1_0)
    return struct.pack(">BHH", _HANDSHAKE, record_version, len(message)) + message


def _extensions(offer: Offer) -> Iterator[bytes]:
    if not _is_address(offer.server_name):
        name = offer.server_name.encode("ascii", "ignore")
        # RFC 6066, 3: host names only, never a literal address.
        yield _extension(_EXT_SERVER_NAME, _vector(2, b"\x00" + _vector(2, name)))
    yield _extension(_EXT_GROUPS, _vector(2, _shorts(offer.groups)))
    if offer.version >= Version.TLS_1_2:
        yield _extension(_EXT_SIGNATURES, _vector(2, _shorts(_SIGNATURES)))
    if offer.version == Version.TLS_1_3:
        yield _extension(_EXT_VERSIONS, _vector(1, _shorts([Version.TLS_1_3])))
        yield _extension(_EXT_KEY_SHARE, _vector(2, b""))
    else:
        yield _extension(_EXT_POINT_FORMATS, _vector(1, b"\x00"))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _extension(kind: int, body: bytes) -> bytes:
    return struct.pack(">H", kind) + _vector(2, body)


def _vector(length_bytes: int, body: bytes) -> bytes:
    return len(body).to_bytes(length_bytes, "big") + body


def _shorts(numbers: Sequence[int]) -> bytes:
    return b"".join(struct.pack(">H", number) for number in numbers)


def parse_flight(data: bytes) -> Flight:
    """
    Return what *data*, the bytes received so far, tells.

    Raises:
        MalformedAnswerError: this is no TLS, whatever may follow.
    """
    handshake = bytearray()
    alert: int | None = None
    encrypted = False
    for kind, fragment in _records(data):
        if kind == _HANDSHAKE:
            handshake += fragment
        elif kind == _ALERT and len(fragment) == 2:  # noqa: PLR2004  # RFC 8446, 6: level and description
            if fragment[0] != _WARNING or fragment[1] == _CLOSE_NOTIFY:
                alert = fragment[1]
                break
            # A warning such as unrecognized_name: the hello still follows.
        else:
            encrypted = True
            break
    told = _told(bytes(handshake))
    return replace(told, alert=alert, complete=told.complete or alert is not None or encrypted)


def _told(handshake: bytes) -> Flight:
    hello: ServerHello | None = None
    group: int | None = None
    bits: int | None = None
    for kind, body in _messages(handshake):
        if kind == _SERVER_HELLO:
            hello = _server_hello(body)
            group = hello.group
            if hello.version == Version.TLS_1_3:
                return Flight(hello, None, group, complete=True)  # the rest is encrypted
        elif hello is None:
            raise MalformedAnswerError(f"the first handshake message is of type {kind}")
        elif kind == _SERVER_KEY_EXCHANGE:
            own = _behind_its_hint(body) if hello.suite in PSK_SUITES else body
            group, bits = _key_exchange_group(own), _prime_bits(own)
        elif kind == _SERVER_HELLO_DONE:
            return Flight(hello, None, group, complete=True, prime_bits=bits)
    return Flight(hello, None, group, complete=False, prime_bits=bits)


def ssl2_hello(challenge: bytes) -> bytes:
    """Return the CLIENT-HELLO of SSL 2.0 that offers all its ciphers; *challenge* is 16 bytes."""
    specs = b"".join(number.to_bytes(3, "big") for number in SSL2_SUITES)
    body = struct.pack(">BHHHH", 1, _SSL2, len(specs), 0, len(challenge)) + specs + challenge
    # The first bit says that there is no padding.
    return struct.pack(">H", 0x8000 | len(body)) + body


def parse_ssl2(data: bytes) -> tuple[int, ...] | None:
    """
    Return the ciphers of a SERVER-HELLO of SSL 2.0 (none is an answer too).

    ``None``: *data* is none, whatever may follow.
    """
    reader = _Reader(data)
    try:
        if reader.number(2) >> 15 != 1 or reader.number(1) != _SSL2_SERVER_HELLO:
            return None
        reader.take(2)  # whether the session is known, and the kind of certificate
        if reader.number(2) != _SSL2:
            return None
        certificate, specs, _connection = reader.number(2), reader.number(2), reader.number(2)
        reader.take(certificate)
        listed = reader.take(specs)
    except MalformedAnswerError:
        return None
    return tuple(int.from_bytes(listed[i : i + 3], "big") for i in range(0, len(listed), 3))


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    # RFC 8446, 5.1. Only whole records are yielded.
    position = 0
    while len(data) - position >= 1:
        kind = data[position]
        if kind not in {20, _ALERT, _HANDSHAKE, 23}:
            raise MalformedAnswerError("the answer is no TLS record")
        if len(data) - position < 3:  # noqa: PLR2004  # type and version
            return
        if data[position + 1] != 3:  # noqa: PLR2004  # every version begins so
            raise MalformedAnswerError("the answer is no TLS record")
        if len(data) - position < 5:  # noqa: PLR2004  # the whole header
            return
        length = int.from_bytes(data[position + 3 : position + 5], "big")
        if len(data) - position - 5 < length:
            return
        yield kind, data[position + 5 : position + 5 + length]
        position += 5 + length


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    # RFC 8446, 4: type, three bytes of length, body. Only whole messages are yielded.
    position = 0
    while len(data) - position >= 4:  # noqa: PLR2004  # the header
        length = int.from_bytes(data[position + 1 : position + 4], "big")
        if length > MAX_FLIGHT_BYTES:
            raise MalformedAnswerError(f"a handshake message of {length} bytes")
        if len(data) - position - 4 < length:
            return
        yield data[position], data[position + 4 : position + 4 + length]
        position += 4 + length


def _server_hello(body: bytes) -> ServerHello:
    reader = _Reader(body)
    version = reader.number(2)
    random = reader.take(RANDOM_BYTES)
    reader.take(reader.number(1))  # the session id
    suite = reader.number(2)
    reader.number(1)  # the compression method
    group: int | None = None
    if reader.left:
        extensions = _Reader(reader.take(reader.number(2)))
        while extensions.left:
            kind = extensions.number(2)
            content = _Reader(extensions.take(extensions.number(2)))
            if kind == _EXT_VERSIONS:
                version = content.number(2)
            elif kind == _EXT_KEY_SHARE:
                # RFC 8446, 4.2.8: in a HelloRetryRequest the group stands alone, in a
                # ServerHello the server's share follows it.
                group = content.number(2)
    if random == _RETRY_RANDOM and version != Version.TLS_1_3:
        raise MalformedAnswerError("a HelloRetryRequest below TLS 1.3")
    return ServerHello(version, suite, group)


def _behind_its_hint(body: bytes) -> bytes:
    # RFC 4279, 3: an identity hint with its length before the exchange's own values.
    return body[2 + int.from_bytes(body[:2], "big") :]


def _key_exchange_group(body: bytes) -> int | None:
    # RFC 8422, 5.4: a named curve; anything else is finite-field Diffie-Hellman.
    return int.from_bytes(body[1:3], "big") if len(body) > 3 and body[0] == _NAMED_CURVE else None  # noqa: PLR2004  # kind and curve


def _prime_bits(body: bytes) -> int | None:
    # RFC 5246, 7.4.3: dh_p with its length before it; a curve begins with its kind (1 to 3).
    reader = _Reader(body)
    try:
        return int.from_bytes(reader.take(reader.number(2)), "big").bit_length()
    except MalformedAnswerError:
        return None


class _Reader:
    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._position

    def take(self, count: int) -> bytes:
        if self.left < count:
            raise MalformedAnswerError("a handshake message ends too early")
        self._position += count
        return self._data[self._position - count : self._position]

    def number(self, count: int) -> int:
        return int.from_bytes(self.take(count), "big")

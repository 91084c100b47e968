"""
What an SSH server says before any key is agreed: its version, its lists, its host keys.

Parsing and building only, no cryptography: RFC 4253, sections 4.2 (identification), 6
(packets), 7.1 (KEXINIT) and 8, RFC 5656, section 4, and RFC 4419, section 3 (the reply
that carries the host key). No signature is checked, because nothing is sent over what is
observed here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from sealgate.errors import PeerError

MAX_IDENTIFICATION_BYTES = 64 * 1024
MAX_LINE_BYTES = 255  # RFC 4253, 4.2, CR and LF included
MAX_PACKET_BYTES = 256 * 1024
COOKIE_BYTES = 16
_MIN_PADDING = 4
_BLOCK = 8

DISCONNECT, IGNORE, UNIMPLEMENTED, DEBUG = 1, 2, 3, 4
KEXINIT = 20
KEX_INIT, KEX_REPLY = 30, 31
GEX_GROUP, GEX_INIT, GEX_REPLY, GEX_REQUEST = 31, 32, 33, 34

_CERTIFIED = "-cert-v01@openssh.com"
STRICT_SERVER = "kex-strict-s-v00@openssh.com"
# Names in the list of key exchanges that are signals and no methods (RFC 8308, 2.1; OpenSSH
# PROTOCOL, 1.10; by the last Dropbear says how a guess of the first packet is judged).
_SIGNALS = frozenset(
    [
        "ext-info-s",
        "ext-info-c",
        STRICT_SERVER,
        "kex-strict-c-v00@openssh.com",
        "kexguess2@matt.ucc.asn.au",
    ]
)


class MalformedSSHError(PeerError):
    """What came back is no SSH, or breaks its framing."""


@dataclass(frozen=True, slots=True)
class Identification:
    """The first line: *protocol* is ``2.0`` or ``1.99``, *software* what it calls itself."""

    protocol: str
    software: str


@dataclass(frozen=True, slots=True)
class KexInit:
    """The lists of one side, in its order. *kex* holds methods only; *strict* is the signal."""

    kex: tuple[str, ...]
    host_keys: tuple[str, ...]
    ciphers_to_server: tuple[str, ...]
    ciphers_to_client: tuple[str, ...]
    macs_to_server: tuple[str, ...]
    macs_to_client: tuple[str, ...]
    compression_to_server: tuple[str, ...]
    compression_to_client: tuple[str, ...]
    strict: bool

    @property
    def ciphers(self) -> tuple[str, ...]:
        """Return every cipher that either direction takes."""
        return _both(self.ciphers_to_server, self.ciphers_to_client)

    @property
    def macs(self) -> tuple[str, ...]:
        """Return every MAC that either direction takes."""
        return _both(self.macs_to_server, self.macs_to_client)


def _both(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def parse_identification(data: bytes) -> tuple[Identification, bytes] | None:
    """
    Return the identification in *data* and what follows it; ``None``: not there yet.

    Lines before it are skipped (RFC 4253, 4.2).

    Raises:
        MalformedSSHError: this is no SSH.
    """
    # By places, for a copy of the rest at each line would take the square of the length.
    start = 0
    while True:
        end = data.find(b"\n", start)
        line = data[start : end if end >= 0 else len(data)]
        if line.startswith(b"SSH-"):
            if end >= 0:
                return _identification(line), data[end + 1 :]
            if len(line) > MAX_LINE_BYTES:
                raise MalformedSSHError("the identification is longer than 255 bytes")
            return None
        if end < 0:
            if len(data) > MAX_IDENTIFICATION_BYTES:
                raise MalformedSSHError("no SSH identification within 64 KiB")
            if b"\0" in data[:64]:
                raise MalformedSSHError("the answer is no SSH")
            return None
        start = end + 1


def _identification(line: bytes) -> Identification:
    text = line.rstrip(b"\r").decode("ascii", "replace")
    parts = text.partition(" ")[0].split("-", 2)
    if len(parts) < 3 or not parts[1]:  # noqa: PLR2004  # SSH, protocol, software
        raise MalformedSSHError("the SSH identification names no version")
    return Identification(parts[1], parts[2])


def parse_packet(data: bytes) -> tuple[bytes, bytes] | None:
    """
    Return the payload of the first unencrypted packet and what follows; ``None``: not yet.

    Raises:
        MalformedSSHError: the lengths contradict each other, or it is too long.
    """
    if len(data) < 5:  # noqa: PLR2004  # both lengths
        return None
    length, padding = struct.unpack_from(">IB", data)
    if length > MAX_PACKET_BYTES:
        raise MalformedSSHError(f"an SSH packet of {length} bytes")
    if length < padding + 2:
        raise MalformedSSHError("an SSH packet without payload")
    if len(data) < 4 + length:
        return None
    return data[5 : 4 + length - padding], data[4 + length :]


def packet(payload: bytes) -> bytes:
    """Return *payload* as an unencrypted packet (RFC 4253, 6), padded with zeros."""
    padding = _BLOCK - (len(payload) + 5) % _BLOCK
    if padding < _MIN_PADDING:
        padding += _BLOCK
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def parse_kexinit(payload: bytes) -> KexInit:
    """
    Return the lists in *payload*.

    Raises:
        MalformedSSHError: it is none, or ends too early.
    """
    reader = _Reader(payload)
    if reader.byte() != KEXINIT:
        raise MalformedSSHError(f"message {payload[0]} came where KEXINIT was due")
    reader.take(COOKIE_BYTES)
    kex = reader.names()
    lists = [reader.names() for _ in range(9)]  # the last two are languages
    reader.byte()  # first_kex_packet_follows
    return KexInit(
        tuple(name for name in kex if name not in _SIGNALS),
        host_keys=lists[0],
        ciphers_to_server=lists[1],
        ciphers_to_client=lists[2],
        macs_to_server=lists[3],
        macs_to_client=lists[4],
        compression_to_server=lists[5],
        compression_to_client=lists[6],
        strict=STRICT_SERVER in kex,
    )


def kexinit(kex: str, host_key: str, server: KexInit, cookie: bytes) -> bytes:
    """
    Return a KEXINIT that takes *kex* and *host_key* alone, and otherwise what *server* has.

    *cookie* is 16 random bytes.
    """
    lists = (
        (kex,),
        (host_key,),
        server.ciphers_to_server,
        server.ciphers_to_client,
        server.macs_to_server,
        server.macs_to_client,
        server.compression_to_server,
        server.compression_to_client,
        (),
        (),
    )
    joined = b"".join(string(",".join(names).encode("ascii", "replace")) for names in lists)
    return bytes([KEXINIT]) + cookie + joined + bytes(5)


def string(data: bytes) -> bytes:
    """Return *data* with its length before it (RFC 4251, 5)."""
    return struct.pack(">I", len(data)) + data


def parse_host_key(payload: bytes) -> str:
    """
    Return the host key in a reply of the key exchange: "Ed25519", "ECDSA-256", "RSA-3072".

    In a certificate the key is the one that it is for (OpenSSH PROTOCOL.certkeys). Of another
    algorithm it is the name on the wire.

    Raises:
        MalformedSSHError: it is no such reply, or ends too early.
    """
    reader = _Reader(payload)
    if (kind := reader.byte()) not in {KEX_REPLY, GEX_REPLY}:
        raise MalformedSSHError(f"message {kind} came where a host key was due")
    blob = _Reader(reader.string())
    name = blob.string().decode("ascii", "replace")
    if name.endswith(_CERTIFIED):
        name = name.removesuffix(_CERTIFIED)
        blob.string()  # the nonce
    match name:
        case "ssh-ed25519":
            return "Ed25519"
        case "ssh-ed448":
            return "Ed448"
        case "ssh-rsa":
            blob.string()  # the exponent
            return f"RSA-{blob.bits()}"
        case "ssh-dss":
            return f"DSA-{blob.bits()}"
        case _ if name.startswith("ecdsa-sha2-nistp"):
            return f"ECDSA-{name.removeprefix('ecdsa-sha2-nistp')}"
        case _:
            return name


def parse_group_bits(payload: bytes) -> int:
    """
    Return how long the prime is that a server gives for a group exchange (RFC 4419, 3).

    Raises:
        MalformedSSHError: it is no such message, or ends too early.
    """
    reader = _Reader(payload)
    if (kind := reader.byte()) != GEX_GROUP:
        raise MalformedSSHError(f"message {kind} came where a group was due")
    return reader.bits()


class _Reader:
    __slots__ = ("_data", "_position")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def take(self, count: int) -> bytes:
        if len(self._data) - self._position < count:
            raise MalformedSSHError("an SSH message ends too early")
        self._position += count
        return self._data[self._position - count : self._position]

    def byte(self) -> int:
        return self.take(1)[0]

    def string(self) -> bytes:
        return self.take(int.from_bytes(self.take(4), "big"))

    def bits(self) -> int:
        # An mpint (RFC 4251, 5) that is never negative here.
        return int.from_bytes(self.string(), "big").bit_length()

    def names(self) -> tuple[str, ...]:
        text = self.string().decode("ascii", "replace")
        return tuple(name for name in text.split(",") if name)

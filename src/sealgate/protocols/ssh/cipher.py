"""AES-GCM for the packets of SSH, one cipher object for each direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncssh
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

if TYPE_CHECKING:
    from sealgate.storage.model import Buffer

LENGTH_BYTES = 4
TAG_BYTES = 16


class GCM:
    """
    AES-GCM as OpenSSH frames it: the length in clear, the counter in the nonce (RFC 5647, 7.1).

    Takes over key and counter of the cipher object that asyncssh made for one direction.
    """

    __slots__ = ("_cipher", "_counter", "_fixed")

    def __init__(self, key: bytes, iv: bytes) -> None:
        """Begin with *iv*, the nonce of the next packet."""
        self._cipher = AESGCM(key)
        self._fixed = iv[:4]
        self._counter = int.from_bytes(iv[4:], "big")

    def _nonce(self) -> bytes:
        nonce = self._fixed + self._counter.to_bytes(8, "big")
        self._counter = (self._counter + 1) & 0xFFFFFFFFFFFFFFFF
        return nonce

    def open(self, packet: Buffer) -> bytes:
        """Return the plain packet in *packet*, which is length, ciphertext and tag."""
        view = memoryview(packet)
        try:
            return self._cipher.decrypt(self._nonce(), view[LENGTH_BYTES:], view[:LENGTH_BYTES])
        except InvalidTag:
            raise asyncssh.MACError("MAC verification failed") from None

    def seal_into(self, plain: Buffer, out: bytearray) -> None:
        """Seal *plain* behind the length that *out* already begins with."""
        view = memoryview(out)
        self._cipher.encrypt_into(self._nonce(), plain, view[:LENGTH_BYTES], view[LENGTH_BYTES:])

    # How asyncssh speaks to a cipher of its own.

    def encrypt_packet(self, _seq: int, header: bytes, packet: bytes) -> tuple[bytes, bytes]:
        """Seal one packet for asyncssh."""
        return header, self._cipher.encrypt(self._nonce(), packet, header)

    def decrypt_header(self, _seq: int, block: bytes, size: int) -> tuple[bytes, bytes]:
        """Return the length, which is not sealed."""
        return block, block[:size]

    def decrypt_packet(
        self, _seq: int, first: bytes, rest: bytes, _size: int, mac: bytes
    ) -> bytes | None:
        """Open one packet for asyncssh."""
        return self.open(first + rest + mac)


class OpenedPacket:
    """Stands in for a cipher: the one packet that asyncssh asks for is open already."""

    __slots__ = ("_plain",)

    def __init__(self, plain: bytes) -> None:
        self._plain = plain

    def decrypt_packet(self, *_: object) -> bytes:
        """Return what was opened."""
        return self._plain

"""
A client that costs little: opens SFTP sessions and holds them.

A whole client takes as much of the processor for one session as the server it asks, and where
both share two cores the rate tells how quick the client is. This one speaks to any server what
OpenSSH's client would, a fixed choice of algorithms (curve25519-sha256, ssh-ed25519, AES-256-GCM,
strict key exchange), with nothing remembered from one connection to the next: versions, key
exchange with the server's signature verified, a try without proof (RFC 4252, 5.2), a question for
the key, its signature, a channel, the subsystem, and SFTP's version. It knows no rekeying and
no flow control: a session that it holds says nothing more.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_ssh_private_key

if TYPE_CHECKING:
    from collections.abc import Generator

_VERSION = b"SSH-2.0-sessions"
_KEX = b"curve25519-sha256"
_CIPHER = b"aes256-gcm@openssh.com"
_HOST_KEY = b"ssh-ed25519"
_BLOCK = 16
_TAG = 16
_WINDOW = 2 * 1024 * 1024
_PACKET = 32 * 1024

# RFC 4250, 4.1.2.
_IGNORE, _DEBUG, _SERVICE, _ACCEPTED, _EXT_INFO = 2, 4, 5, 6, 7
_KEXINIT, _NEWKEYS, _ECDH_INIT, _ECDH_REPLY = 20, 21, 30, 31
_USERAUTH, _FAILURE, _SUCCESS, _BANNER, _PK_OK = 50, 51, 52, 53, 60
_GLOBAL, _OPEN, _OPENED, _ADJUST, _DATA, _REQUEST, _DONE = 80, 90, 91, 93, 94, 98, 99
# What may come at any time and needs no answer.
_ASIDE = frozenset([_IGNORE, _DEBUG, _EXT_INFO, _BANNER, _GLOBAL, _ADJUST])
_SFTP_INIT, _SFTP_VERSION = 1, 2


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _mpint(data: bytes) -> bytes:
    data = data.lstrip(b"\0")
    return _string(b"\0" + data if data and data[0] & 0x80 else data)


def _strings(data: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


class Key:
    """An Ed25519 key in a file of OpenSSH's, without passphrase."""

    def __init__(self, path: str) -> None:
        key = load_ssh_private_key(Path(path).read_bytes(), None)
        assert isinstance(key, Ed25519PrivateKey)
        self.private = key
        self.blob = _string(_HOST_KEY) + _string(key.public_key().public_bytes_raw())


class _Direction:
    """AES-256-GCM as OpenSSH frames it (RFC 5647, 7.1, the length in clear)."""

    def __init__(self, key: bytes, iv: bytes) -> None:
        self._cipher = AESGCM(key)
        self._fixed, self._counter = iv[:4], int.from_bytes(iv[4:], "big")

    def nonce(self) -> bytes:
        nonce = self._fixed + self._counter.to_bytes(8, "big")
        self._counter = (self._counter + 1) & 0xFFFFFFFFFFFFFFFF
        return nonce

    def seal(self, length: bytes, plain: bytes) -> bytes:
        return length + self._cipher.encrypt(self.nonce(), plain, length)

    def open(self, length: bytes, sealed: bytes) -> bytes:
        return self._cipher.decrypt(self.nonce(), sealed, length)


class _Held(asyncio.Protocol):
    """One session of *user* by *key*; *ready* gets a result once SFTP's version has come."""

    def __init__(self, user: str, key: Key, ready: asyncio.Future[None]) -> None:
        self._user = user.encode()
        self._key = key
        self._ready = ready
        self._transport: asyncio.Transport | None = None
        self._came = b""
        self._server = b""
        self._sending: _Direction | None = None
        self._receiving: _Direction | None = None
        self._steps = self._conversation()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none of asyncio's
        next(self._steps)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ready.done():
            self._ready.set_exception(exc or ConnectionError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._came += data
        try:
            if not self._server:
                line, found, rest = self._came.partition(b"\n")
                if not found:
                    return
                self._server, self._came = line.rstrip(b"\r"), rest
                assert self._server.startswith(b"SSH-2.0-"), self._server
                self._steps.send(b"")
            while (packet := self._packet()) is not None:
                if packet[0] not in _ASIDE:
                    self._steps.send(packet)
        except StopIteration:
            if not self._ready.done():
                self._ready.set_result(None)
        except Exception as error:  # noqa: BLE001  # whoever waits is told
            if not self._ready.done():
                self._ready.set_exception(error)
            self.close()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _packet(self) -> bytes | None:
        if len(self._came) < 4:
            return None
        length = int.from_bytes(self._came[:4], "big")
        size = 4 + length + (_TAG if self._receiving else 0)
        if len(self._came) < size:
            return None
        head, body, self._came = self._came[:4], self._came[4:size], self._came[size:]
        plain = self._receiving.open(head, body) if self._receiving else body
        return plain[1 : len(plain) - plain[0]]

    def _send(self, *pieces: bytes) -> None:
        payload = b"".join(pieces)
        head = 0 if self._sending else 4
        block = _BLOCK if self._sending else 8
        padding = -(head + 1 + len(payload)) % block
        padding += block if padding < 4 else 0
        plain = bytes([padding]) + payload + bytes(padding)
        length = len(plain).to_bytes(4, "big")
        assert self._transport is not None
        self._transport.write(
            self._sending.seal(length, plain) if self._sending else length + plain
        )

    def _conversation(self) -> Generator[None, bytes, None]:
        assert self._transport is not None
        self._transport.write(_VERSION + b"\r\n")
        yield
        session = yield from self._exchange_keys()
        yield from self._sign_in(session)
        self._send(bytes([_OPEN]), _string(b"session"), bytes(4), *_numbers(_WINDOW, _PACKET))
        opened = yield from self._expect(_OPENED)
        channel = opened[5:9]
        self._send(bytes([_REQUEST]), channel, _string(b"subsystem"), b"\1", _string(b"sftp"))
        yield from self._expect(_DONE)
        init = _string(bytes([_SFTP_INIT]) + bytes([0, 0, 0, 3]))
        self._send(bytes([_DATA]), channel, _string(init))
        data = yield from self._expect(_DATA)
        assert data[13] == _SFTP_VERSION, data

    def _exchange_keys(self) -> Generator[None, bytes, bytes]:
        names = [_KEX + b",ext-info-c,kex-strict-c-v00@openssh.com", _HOST_KEY]
        names += [_CIPHER] * 2 + [b"hmac-sha2-256-etm@openssh.com"] * 2 + [b"none"] * 2 + [b""] * 2
        ours = bytes([_KEXINIT]) + os.urandom(16) + b"".join(map(_string, names)) + bytes(5)
        self._send(ours)
        theirs = yield from self._expect(_KEXINIT)
        private = X25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        self._send(bytes([_ECDH_INIT]), _string(public))
        reply = yield from self._expect(_ECDH_REPLY)
        host_key, point, signature = _strings(reply[1:])
        shared = _mpint(private.exchange(X25519PublicKey.from_public_bytes(point)))
        hashed = (_VERSION, self._server, ours, theirs, host_key, public, point)
        session = hashlib.sha256(b"".join(map(_string, hashed)) + shared).digest()
        kind, verifying = _strings(host_key)
        assert kind == _HOST_KEY
        Ed25519PublicKey.from_public_bytes(verifying).verify(_strings(signature)[1], session)
        yield from self._expect(_NEWKEYS)
        self._send(bytes([_NEWKEYS]))

        def derived(letter: bytes, size: int) -> bytes:
            return hashlib.sha256(shared + session + letter + session).digest()[:size]

        self._sending = _Direction(derived(b"C", 32), derived(b"A", 12))
        self._receiving = _Direction(derived(b"D", 32), derived(b"B", 12))
        return session

    def _sign_in(self, session: bytes) -> Generator[None, bytes, None]:
        self._send(bytes([_SERVICE]), _string(b"ssh-userauth"))
        yield from self._expect(_ACCEPTED)
        asked = bytes([_USERAUTH]) + _string(self._user) + _string(b"ssh-connection")
        self._send(asked, _string(b"none"))
        yield from self._expect(_FAILURE)
        key = _string(_HOST_KEY) + _string(self._key.blob)
        self._send(asked, _string(b"publickey"), b"\0", key)
        yield from self._expect(_PK_OK)
        proof = asked + _string(b"publickey") + b"\1" + key
        signed = self._key.private.sign(_string(session) + proof)
        self._send(proof, _string(_string(_HOST_KEY) + _string(signed)))
        yield from self._expect(_SUCCESS)

    def _expect(self, kind: int) -> Generator[None, bytes, bytes]:
        packet = yield
        if packet[0] != kind:
            raise ConnectionError(f"{packet!r} came in place of {kind}")
        return packet


def _numbers(*values: int) -> list[bytes]:
    return [value.to_bytes(4, "big") for value in values]


class Sessions:
    """Sessions of *user* by the key in the file *key* with the server at *port*."""

    def __init__(self, port: int, user: str, key: str) -> None:
        self._port = port
        self._user = user
        self._key = Key(key)
        self._held: list[_Held] = []

    async def hold(self, count: int, at_once: int) -> float:
        """Open *count* more, *at_once* at a time, and keep them; return the seconds it took."""
        gate = asyncio.Semaphore(at_once)
        loop = asyncio.get_running_loop()

        async def one() -> None:
            async with gate:
                ready: asyncio.Future[None] = loop.create_future()
                _, session = await loop.create_connection(
                    lambda: _Held(self._user, self._key, ready), "127.0.0.1", self._port
                )
                self._held.append(session)
                await ready

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(count)))
        return time.perf_counter() - began

    def close(self) -> None:
        """Hang up."""
        for one in self._held:
            one.close()
        self._held.clear()

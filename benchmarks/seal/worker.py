"""
One engine at work in a process of its own, timed by itself, so that starting does not count.

``bare``: ``encrypt_into`` in a loop over one buffer. ``engine-seal``, ``engine-open``:
Sealgate's own streams from memory to nowhere. ``random``: reads of 4 KiB anywhere. Each
prints one JSON object of seconds.
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from sealgate.storage.age.file import (  # noqa: E402  # found only once ROOT is on the path
    RandomAccess,
    SealWriter,
    open_stream,
    read_header,
    unlock,
)
from sealgate.storage.age.keys import X25519Identity, parse_identities  # noqa: E402  # as above

CHUNK = 65536
SEALED = CHUNK + 16
BLOCK = 16
READS = 20_000
READ_BYTES = 4096


class Nowhere(io.RawIOBase):
    """Takes everything."""

    def write(self, data: memoryview, /) -> int:  # type: ignore[override]
        """Take *data*."""
        return len(data)


class Again(io.RawIOBase):
    """Gives one sealed file from memory."""

    def __init__(self, data: bytes) -> None:
        """Begin with *data*."""
        self._view = memoryview(data)
        self._at = 0

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        """Fill *buffer*."""
        size = min(len(buffer), len(self._view) - self._at)
        buffer[:size] = self._view[self._at : self._at + size]
        self._at += size
        return size


def timed(work: Callable[[], object]) -> None:
    """Print the seconds that *work* takes: by the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps(spent))


def bare(size: int) -> None:
    """Seal *size* bytes chunk by chunk, with nothing around it."""
    cipher = ChaCha20Poly1305(os.urandom(32))
    plain = memoryview(os.urandom(BLOCK * CHUNK))
    sealed = memoryview(bytearray(BLOCK * SEALED))

    def loop() -> None:
        encrypt = cipher.encrypt_into
        index = 0
        for _ in range(size // (BLOCK * CHUNK)):
            for n in range(BLOCK):
                nonce = index.to_bytes(11, "big") + b"\x00"
                at, to = n * CHUNK, n * SEALED
                encrypt(nonce, plain[at : at + CHUNK], None, sealed[to : to + SEALED])
                index += 1

    timed(loop)


def engine_seal(size: int) -> None:
    """Seal *size* bytes with Sealgate, from memory to nowhere."""
    block = os.urandom(BLOCK * CHUNK)
    recipient = X25519Identity.generate().recipient()

    def loop() -> None:
        with SealWriter(Nowhere(), [recipient]) as writer:
            for _ in range(size // len(block)):
                writer.write(block)

    timed(loop)


def engine_open(size: int) -> None:
    """Open *size* bytes with Sealgate, from memory to nowhere."""
    identity = X25519Identity.generate()
    sealed = io.BytesIO()
    with SealWriter(sealed, [identity.recipient()]) as writer:
        writer.write(os.urandom(size))
    data = sealed.getvalue()
    timed(lambda: [len(b) for b in open_stream(Again(data), [identity]).blocks()])


def random_reads(path: str, identity: str) -> None:
    """Read 4 KiB at places all over the sealed file *path*."""
    with Path(path).open("rb", buffering=0) as file:
        _, header, _ = read_header(file)
        file_key = unlock(header, parse_identities(Path(identity).read_text()))
        descriptor = file.fileno()
        access = RandomAccess(
            lambda at, size: os.pread(descriptor, size, at),
            os.fstat(descriptor).st_size,
            len(header.raw),
            file_key,
        )
        draw = random.Random(1)  # noqa: S311  # the same places each time
        places = [draw.randrange(access.size - READ_BYTES) for _ in range(READS)]

        def loop() -> None:
            for at in places:
                access.read_at(at, READ_BYTES)

        timed(loop)


def main() -> int:
    """Do what the first argument names."""
    what, *rest = sys.argv[1:]
    if what == "bare":
        bare(int(rest[0]))
    elif what == "engine-seal":
        engine_seal(int(rest[0]))
    elif what == "engine-open":
        engine_open(int(rest[0]))
    else:
        random_reads(*rest)
    return 0


if __name__ == "__main__":
    sys.exit(main())

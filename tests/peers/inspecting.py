"""A relay to try: a real process, a site that answers as it is told, and bare sockets."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from sealgate.inspection.adapters.relay_plan import RelayPlan
from sealgate.inspection.adapters.relay_process import RelayProcess
from sealgate.inspection.model import BodyLimits, Policy, RelayUpstream, above
from sealgate.policy.classification import DEFAULT_MODEL
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sealgate.inspection.model import Sighting

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
CARD = b"4111 1111 1111 1111"
IBAN = b"DE89370400440532013000"
KEY = (
    b"-----BEGIN PRIVATE KEY-----\n"
    + b"MIIEvQIBADANBgkqhkiG9w0B" * 8
    + b"\n-----END PRIVATE KEY-----"
)


def noise(size: int) -> bytes:
    """
    Return the same random bytes each time, in which nothing is found.

    In megabytes of ever new ones a short diagnosis code stands now and then.
    """
    return random.Random(2).randbytes(size)  # noqa: S311  # reproducible on purpose


Answer: TypeAlias = "Sequence[bytes | threading.Event]"
"""Pieces to send; at an event the site waits until the test sets it."""


# With whatever trailers follow it.
_LAST_CHUNK = re.compile(rb"(?:\A|\n)0\r\n(?:[^\r\n]+\r\n)*\r\n\Z")


@dataclass
class Site:
    """A site that answers each request with what *answer* makes of it, then perhaps closes."""

    path: str
    answer: Callable[[bytes], Answer]
    closes: bool = False
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    cut: int = 0

    def serve(self, connection: socket.socket) -> None:
        """Answer on *connection* until it ends."""
        self.connections += 1
        with connection, contextlib.suppress(OSError):
            while request := self._read(connection):
                self.requests.append(request)
                for piece in self.answer(request):
                    if isinstance(piece, threading.Event):
                        piece.wait(PATIENCE_SECONDS)
                    else:
                        connection.sendall(piece)
                if self.closes:
                    return

    def _read(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        lower = head.lower()
        if b"transfer-encoding: chunked" in lower:
            while not _LAST_CHUNK.search(body):
                body += self._more(connection)
        elif b"content-length: " in lower:
            length = int(lower.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            while len(body) < length:
                body += self._more(connection)
        return head + b"\r\n\r\n" + body

    def _more(self, connection: socket.socket) -> bytes:
        more = connection.recv(65536)
        if not more:
            self.cut += 1
            raise OSError
        return more


@contextlib.contextmanager
def site(
    folder: Path, answer: Callable[[bytes], Answer], *, closes: bool = False
) -> Iterator[Site]:
    """Run a site on a Unix socket in *folder*."""
    path = str(folder / "site.sock")
    made = Site(path, answer, closes)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        ended = threading.Event()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while not ended.is_set():
                    connection, _ = listener.accept()
                    threading.Thread(target=made.serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield made
        ended.set()
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as bell:
            bell.connect(path)
        thread.join(PATIENCE_SECONDS)


@dataclass
class Relay:
    """A running relay: where it listens, its process, and what it saw."""

    path: str
    process: RelayProcess
    seen: list[tuple[Sighting, int]] = field(default_factory=list)

    def connect(self) -> socket.socket:
        """Return a connection to it."""
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(PATIENCE_SECONDS)
        made.connect(self.path)
        return made

    def ask(self, request: bytes) -> bytes:
        """
        Return everything that comes back until the connection ends or is silent.

        *request* should ask for the end of the connection, or be refused.
        """
        with self.connect() as made:
            made.sendall(request)
            return read_all(made)

    def await_seen(self) -> list[tuple[Sighting, int]]:
        """Return what it saw, once there is something."""

        def has_seen() -> bool:
            self.process.hear()
            return bool(self.seen)

        assert wait_until(has_seen)
        return self.seen


def read_all(connection: socket.socket) -> bytes:
    """Return what *connection* gives until its end, or until it is cut."""
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while more := connection.recv(65536):
            data += more
    return data


def read_answer(connection: socket.socket) -> tuple[bytes, bytes]:
    """Return head and body of one answer with a length."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        assert more, data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(body) < length:
        more = connection.recv(65536)
        assert more, (head, body)
        body += more
    return head, body


@contextlib.contextmanager
def relay(
    folder: Path,
    upstream: str,
    *,
    enforces: bool = True,
    limits: BodyLimits | None = None,
    name: str = "relay.sock",
) -> Iterator[Relay]:
    """Run a relay of one route that is public and takes what is public."""
    path = str(folder / name)
    kinds = above(PUBLIC, DEFAULT_MODEL)
    policy = Policy(
        "route shop.example/",
        enforces,
        RelayUpstream(upstream),
        kinds,
        kinds,
        limits or BodyLimits(),
    )
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(64)
        seen: list[tuple[Sighting, int]] = []
        plan = RelayPlan((policy,), (listener.fileno(),))
        process = RelayProcess(plan, seen.extend)
        try:
            process.await_ready()
            yield Relay(path, process, seen)
        finally:
            process.kill()


def get(target: str = "/", *fields: str, method: str = "GET") -> bytes:
    """Return a request as the gateway sends one."""
    lines = [f"{method} {target} HTTP/1.1", "host: shop.example", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def length_answer(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    """Return an answer whose body is told by its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def chunked_answer(
    *pieces: bytes, trailers: bytes = b"", fields: Sequence[str] = ()
) -> list[bytes]:
    """Return an answer in chunks, one piece for each."""
    lines = ["HTTP/1.1 200 OK", "Transfer-Encoding: chunked", *fields]
    head = ("\r\n".join(lines) + "\r\n\r\n").encode()
    return [head, *(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces), b"0\r\n" + trailers + b"\r\n"]


def unchunked(data: bytes) -> bytes:
    """Return the body in *data*, which must be chunks and a last one."""
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            return body
        body, data = body + data[:length], data[length + 2 :]

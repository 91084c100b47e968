from __future__ import annotations

import contextlib
import hashlib
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters.signed import probe_signature
from sealgate.audit.model import Limits, Target
from sealgate.policy.observation import Fact, NotObserved, Observation
from sealgate.signing.keys import signing_key
from sealgate.signing.model import Answer, Request
from sealgate.signing.sign import Signer
from tests.ports import free_port
from tests.unit.signing import vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SIGNER = Signer(signing_key(vectors.ED25519_PRIVATE, 0.0))


@contextlib.contextmanager
def answering(answer: Callable[[int], bytes]) -> Iterator[Target]:
    """Answer every request in clear, with what *answer* makes of the port; TLS is shut."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(answer(port))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield Target("an asset", "localhost", "127.0.0.1", free_port(), port, "/pub")
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(20)


def plain(_port: int) -> bytes:
    """Return an answer that nobody signed."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def redirect(_port: int) -> bytes:
    """Return a redirect to https."""
    return b"HTTP/1.1 308 Go\r\nLocation: https://localhost/\r\nContent-Length: 0\r\n\r\n"


def signed(port: int) -> bytes:
    """Return an answer that is signed."""
    request = Request("GET", f"localhost:{port}", "/pub")
    head = Answer(200, (("content-length", "2"),))
    fields = SIGNER.fields(request, head, hashlib.sha256(b"ok").digest(), time.time())
    lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in fields), "", ""]
    return "\r\n".join(lines).encode() + b"ok"


@pytest.mark.parametrize(
    ("answer", "declared", "says"),
    [
        (signed, True, "connection refused"),
        (signed, False, "connection refused"),
        (redirect, True, "serves nothing"),
    ],
)
def test_what_cannot_be_told_is_told_as_such(
    answer: Callable[[int], bytes],
    declared: bool,  # noqa: FBT001  # a table
    says: str,
) -> None:
    """Without the keys of the site nothing is verified, whatever it claims."""
    with answering(answer) as target:
        (sighting,) = probe_signature(target, Limits(), declared=declared)
    assert sighting.fact is Fact.PLAIN_SIGNATURE
    assert isinstance(sighting, NotObserved)
    assert says in sighting.reason


def test_what_is_unsigned_is_told_without_a_key() -> None:
    """Nobody needs the keys to see that there is no signature."""
    with answering(plain) as target:
        (sighting,) = probe_signature(target, Limits(), declared=True)
    assert isinstance(sighting, Observation)
    assert sighting.value == "the answer carries no signature"


@pytest.mark.parametrize("answer", [plain, redirect, lambda _port: b""])
def test_who_claims_nothing_is_not_judged(answer: Callable[[int], bytes]) -> None:
    """An endpoint that serves nothing signed is a matter of other rules."""
    with answering(answer) as target:
        assert probe_signature(target, Limits(), declared=False) == []


def test_a_shut_port_is_a_gap_only_where_it_was_declared() -> None:
    """Most hosts have no plain port, and that is well."""
    target = Target("an asset", "localhost", "127.0.0.1", free_port(), free_port(), "/pub")
    assert probe_signature(target, Limits(), declared=False) == []
    (sighting,) = probe_signature(target, Limits(), declared=True)
    assert not isinstance(sighting, Observation)

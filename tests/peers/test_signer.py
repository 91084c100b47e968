"""The process that signs, without a gateway: bare sockets, a site that misbehaves, small limits."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from sealgate.inspection.adapters.signer_plan import SignerPlan, SignerPolicy
from sealgate.inspection.adapters.signer_process import SignerProcess
from sealgate.inspection.model import RelayUpstream
from sealgate.signing.keys import read_keys, signing_key
from sealgate.signing.model import Answer, Request
from sealgate.signing.verify import BodyDigest, verify_head
from tests.peers.inspecting import site
from tests.unit.signing import vectors
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.peers.inspecting import Site

KEY = signing_key(vectors.ED25519_PRIVATE, 0.0)
KEYS = read_keys(vectors.ED25519_PUBLIC)
GET = b"GET /file HTTP/1.1\r\nhost: a.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HOLD, MOST, SPOOL = 1000, 20_000, 30_000


@dataclass
class Signer:
    """A running signer: where it listens, the site behind it, and where it spools."""

    path: str
    site: Site
    process: SignerProcess
    spool: Path

    def ask(self, *requests: bytes) -> list[tuple[int, dict[str, str], bytes]]:
        """Return the answers to *requests*, one after the other on one connection."""
        found = []
        with socket.socket(socket.AF_UNIX) as made:
            made.settimeout(30)
            made.connect(self.path)
            with made.makefile("rb") as answers:
                for request in requests:
                    made.sendall(request)
                    found.append(_read(answers, head=request.startswith(b"HEAD ")))
        return found


def _read(answers: object, *, head: bool) -> tuple[int, dict[str, str], bytes]:
    read = answers.readline  # type: ignore[attr-defined]  # a buffered reader
    status = int(read().split()[1])
    fields: dict[str, str] = {}
    while (line := read().decode("latin-1").rstrip("\r\n")) != "":
        name, _, value = line.partition(": ")
        fields[name] = value
    length = 0 if head or status in {204, 304} else int(fields["content-length"])
    return status, fields, answers.read(length)  # type: ignore[attr-defined]


def verified(answer: tuple[int, dict[str, str], bytes], method: str = "GET") -> bytes:
    """Return the body of a signed *answer*."""
    status, fields, body = answer
    request = Request(method, "a.example", "/file")
    digest = BodyDigest(
        verify_head(request, Answer(status, tuple(fields.items())), KEYS, now=time.time())
    )
    digest.update(body)
    digest.check()
    return body


@contextlib.contextmanager
def signing(
    folder: Path,
    answer: Callable[[bytes], Sequence[bytes | threading.Event]],
    *,
    closes: bool = False,
) -> Iterator[Signer]:
    """Run a signer in front of a site that answers as *answer* says."""
    path, spool = str(folder / "signer.sock"), folder / "spool"
    spool.mkdir()
    with socket.socket(socket.AF_UNIX) as listener, site(folder, answer, closes=closes) as behind:
        listener.bind(path)
        listener.listen(16)
        policy = SignerPolicy("route a/", RelayUpstream(behind.path), str(spool), HOLD, MOST, SPOOL)
        process = SignerProcess(SignerPlan((policy,), (listener.fileno(),), ((KEY,),)))
        try:
            process.await_ready()
            yield Signer(path, behind, process, spool)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    """Run one signer for the tests that neither end it nor give it keys."""
    with signing(tmp_path_factory.mktemp("signer"), lambda _: [OK]) as signer:
        yield signer


@pytest.fixture
def signer(running: Signer) -> Signer:
    """Forget what the site heard before."""
    running.site.requests.clear()
    running.site.connections = 0
    running.site.answer, running.site.closes = (lambda _: [OK]), False
    return running


def chunked(body: bytes, size: int) -> bytes:
    """Return *body* in chunks."""
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"


def long(body: bytes) -> bytes:
    """Return an answer of *body*."""
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize("size", [0, 1, HOLD, HOLD + 1, MOST])
@pytest.mark.parametrize("how", ["length", "chunks", "close"])
def test_a_body_is_signed_however_it_came(signer: Signer, size: int, how: str) -> None:
    """In memory or spooled, in one piece or many, whatever ended it; nothing has a name."""
    body = bytes(i % 251 for i in range(size))
    heads = {
        "length": b"content-length: %d\r\n" % size,
        "chunks": b"transfer-encoding: chunked\r\n",
        "close": b"connection: close\r\n",
    }
    sent = chunked(body, 700) if how == "chunks" else body
    answer = b"HTTP/1.1 200 OK\r\n" + heads[how] + b"\r\n" + sent
    signer.site.answer, signer.site.closes = (lambda _: [answer]), how == "close"
    (got,) = signer.ask(GET)
    assert verified(got) == body
    assert list(signer.spool.iterdir()) == []


def test_one_connection_answers_one_after_the_other(signer: Signer) -> None:
    """The connection to the site is used again, and made anew when the site ended it."""
    assert [verified(got) for got in signer.ask(GET, GET, GET)] == [b"ok"] * 3
    assert signer.site.connections == 1
    signer.site.closes = True
    assert [verified(got) for got in signer.ask(GET, GET, GET)] == [b"ok"] * 3
    assert signer.site.connections == 4


def test_head_tells_the_length_that_get_would_have(signer: Signer) -> None:
    """And signs the digest of nothing."""
    signer.site.answer = lambda _: [b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"]
    (got,) = signer.ask(GET.replace(b"GET", b"HEAD"))
    assert verified(got, "HEAD") == b""
    assert got[1]["content-length"] == "7"


def test_interim_answers_are_passed_over(signer: Signer) -> None:
    """RFC 9110, 15.2: they are no answer yet."""
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
    signer.site.answer = lambda _: [hints + hints, OK]
    (got,) = signer.ask(GET)
    assert verified(got) == b"ok"
    assert "link" not in got[1]


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        (long(b"x" * (MOST + 1)), 503, "larger than what can be signed"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort", 502, "cannot be read"),
        (b"", 502, "broke off"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nok", 502, "cannot be"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\nok",
            502,
            "be",
        ),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokx", 502, "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nx: a\r\n folded\r\ncontent-length: 0\r\n\r\n", 502, "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000, 502, "cannot be read"),
        (b"SSH-2.0-x\r\n\r\n", 502, "cannot be read"),
        (b"HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", 502, "switched"),
        (b"HTTP/1.1 206 Part\r\ncontent-length: 1\r\n\r\no", 502, "a part"),
        (
            b"HTTP/1.1 401 Who\r\nwww-authenticate: Basic\r\ncontent-length: 0\r\n\r\n",
            403,
            "password",
        ),
    ],
)
def test_what_cannot_be_signed_does_not_go_on(
    signer: Signer, answer: bytes, status: int, says: str
) -> None:
    """Nothing of the site's answer is in the refusal, which is not signed."""
    signer.site.answer, signer.site.closes = (lambda _: [answer]), True
    ((got, fields, body),) = signer.ask(GET)
    assert (got, "signature" in fields) == (status, False)
    assert says in body.decode()
    assert b"xxx" not in body
    assert "www-authenticate" not in fields
    assert list(signer.spool.iterdir()) == []


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET.replace(b"GET", b"POST"), 403),
        (GET.replace(b"\r\n\r\n", b"\r\ncontent-length: 1\r\n\r\nx"), 403),
        (GET.replace(b"\r\n\r\n", b"\r\nupgrade: websocket\r\n\r\n"), 403),
        (GET.replace(b"\r\n\r\n", b"\r\nAuthorization: Basic eDp5\r\n\r\n"), 403),
        (GET.replace(b"host: ", b"host : "), 400),
        (GET.replace(b"/file", b"http://b.example/"), 400),
        (GET.replace(b"/file", b"/%zz"), 400),
        (GET.replace(b"a.example", b"a.example/x"), 400),
        (GET.replace(b"host: a.example\r\n", b""), 400),
    ],
)
def test_what_is_asked_wrongly_is_refused(signer: Signer, request_: bytes, status: int) -> None:
    """Other methods, bodies, credentials, and hosts or targets that mean something else."""
    ((got, fields, _),) = signer.ask(request_)
    assert (got, "signature" in fields) == (status, False)


def test_the_site_hears_only_what_everybody_says(signer: Signer) -> None:
    """The request that reaches it, as written by hand."""
    asked = GET.replace(
        b"\r\n\r\n",
        b"\r\ncookie: sid=1\r\nx-token: t\r\nrange: bytes=0-1\r\naccept: */*\r\nte: trailers\r\n\r\n",
    )
    signer.ask(asked)
    assert signer.site.requests == [b"GET /file HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\n\r\n"]


def test_new_keys_count_from_the_next_answer_on(tmp_path: Path) -> None:
    """The one that has begun signs; one that begins later does not yet."""
    other = vectors.ED25519_PRIVATE.replace(b"IJ+D", b"IJ+E")
    now = time.time()
    new = signing_key(other, now - 1)
    with signing(tmp_path, lambda _: [OK]) as signer:
        before = signer.ask(GET)[0][1]["signature-input"]
        signer.process.renew(((KEY, signing_key(other, now + 3600)),))
        waiting = signer.ask(GET)[0][1]["signature-input"]
        signer.process.renew(((KEY, new),))
        after = signer.ask(GET)[0][1]["signature-input"]
    named = [re.findall('keyid="([^"]*)"', text) for text in (before, waiting, after)]
    assert named == [[KEY.kid], [KEY.kid], [new.kid]]


def _refuses(path: str) -> bool:
    # Nobody takes the connection any more: the one that is handed it is not read from.
    with socket.socket(socket.AF_UNIX) as made:
        made.settimeout(0.2)
        made.connect(path)
        made.sendall(GET.replace(b"GET", b"PUT"))
        try:
            return made.recv(1) == b""
        except TimeoutError:
            return True


def test_it_lets_what_it_began_end_and_takes_nothing_more(tmp_path: Path) -> None:
    """As when a reload replaces it."""
    gate = threading.Event()
    with signing(tmp_path, lambda _: [long(b"z" * HOLD)[:-1], gate, b"z"]) as signer:
        with socket.socket(socket.AF_UNIX) as made:
            made.settimeout(30)
            made.connect(signer.path)
            made.sendall(GET)
            assert wait_until(lambda: signer.site.requests)
            signer.process.request_stop(30)
            assert wait_until(lambda: _refuses(signer.path))
            gate.set()
            with made.makefile("rb") as answers:
                assert verified(_read(answers, head=False)) == b"z" * HOLD
        assert signer.process.await_end(time.monotonic() + 30)

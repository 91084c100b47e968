from __future__ import annotations

import contextlib
import hashlib
import json
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.app.verifying import is_url, parse_address
from sealgate.cli import run
from sealgate.errors import ExitCode, UsageError
from sealgate.signing.keys import signing_key
from sealgate.signing.model import Answer, Request
from sealgate.signing.sign import Signer
from tests.unit.signing import vectors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SIGNER = Signer(signing_key(vectors.ED25519_PRIVATE, 0.0))
BODY = b"open data\n" * 50_000
Craft = "Callable[[str, str], bytes]"


def wire(
    authority: str, target: str, *, body: bytes = BODY, status: int = 200, ago: float = 0.0
) -> bytes:
    """Return a whole signed answer."""
    fields = (("content-type", "text/plain"), ("content-length", str(len(body))))
    request = Request("GET", authority, target)
    digest = hashlib.sha256(body).digest()
    sent = SIGNER.fields(request, Answer(status, fields), digest, time.time() - ago)
    lines = [f"HTTP/1.1 {status} Told", *(f"{name}: {value}" for name, value in sent)]
    return "\r\n".join([*lines, "", ""]).encode() + body


@contextlib.contextmanager
def serving(craft: Callable[[str, str], bytes]) -> Iterator[str]:
    """Answer each request (authority and target) as *craft* says; give the authority."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        authority = f"127.0.0.1:{listener.getsockname()[1]}"

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        head = b""
                        while b"\r\n\r\n" not in head:
                            head += connection.recv(65536)
                        target = head.split(b" ")[1].decode()
                        connection.sendall(craft(authority, target))

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield authority
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(20)


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Pin the key, in a folder without a configuration."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site.pem").write_bytes(b"# mirror\n" + vectors.ED25519_PUBLIC)
    return "site.pem"


def verify(authority: str, *options: str, keys: str, path: str = "/data.txt?v=1") -> int:
    """Run the command on one URL."""
    return run(["verify", f"http://{authority}{path}", "--key", keys, *options])


def test_what_is_verified_is_written(
    tmp_path: Path, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The body whole, and who signed it until when."""
    with serving(wire) as authority:
        assert verify(authority, "-o", "out.txt", keys=keys) == ExitCode.OK
    assert (tmp_path / "out.txt").read_bytes() == BODY
    said = capsys.readouterr().out
    assert f'verified, {len(BODY)} bytes, written to "out.txt"' in said
    assert f"signed by key {SIGNER.kid} (ed25519), known from site.pem" in said
    assert "?v=1" not in said


def test_json_tells_the_same(keys: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One document, of a schema with a version."""
    with serving(wire) as authority:
        assert verify(authority, "--format", "json", keys=keys) == ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "sealgate/verify-url/1"
    (one,) = told["verified"]
    assert (one["key"], one["bytes"], one["algorithm"]) == (SIGNER.kid, len(BODY), "ed25519")
    assert '"@path";req' in one["covered"]


def _flipped(authority: str, target: str) -> bytes:
    return wire(authority, target)[:-1] + b"!"


def _longer(authority: str, target: str) -> bytes:
    whole = wire(authority, target)
    return whole.replace(
        b"content-length: 500000\r\n", b"transfer-encoding: chunked\r\ncontent-length: 500000\r\n"
    ).replace(BODY, b"7a121\r\n" + BODY + b"!\r\n0\r\n\r\n")


def _retyped(authority: str, target: str) -> bytes:
    return wire(authority, target).replace(b"text/plain", b"text/html ")


def _unsigned(authority: str, target: str) -> bytes:
    del authority, target
    return b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def _of_another_path(authority: str, target: str) -> bytes:
    del target
    return wire(authority, "/older.txt")


def _stale(authority: str, target: str) -> bytes:
    return wire(authority, target, ago=3600)


def _after_interims(authority: str, target: str) -> bytes:
    return b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000 + wire(authority, target)


def _before_trailers(authority: str, target: str) -> bytes:
    request = Request("GET", authority, target)
    fields = (("content-type", "text/plain"),)
    sent = SIGNER.fields(request, Answer(200, fields), hashlib.sha256(b"x").digest(), time.time())
    lines = [f"{name}: {value}" for name, value in (*sent, ("transfer-encoding", "chunked"))]
    head = "\r\n".join(["HTTP/1.1 200 Told", *lines, "", ""]).encode()
    return head + b"1\r\nx\r\n0\r\n" + b"a: b\r\n" * 1_000_000 + b"\r\n"


@pytest.mark.parametrize(
    ("craft", "told"),
    [
        (_after_interims, "the answer does not begin"),
        (_before_trailers, "the answer does not end"),
    ],
)
def test_nobody_is_listened_to_for_ever(
    craft: Callable[[str, str], bytes], told: str, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is passed over has an end, wherever it stands: a server that lies could go on and on."""
    with serving(craft) as authority:
        assert verify(authority, "-o", "out.txt", keys=keys) == ExitCode.FAILED
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("craft", "message"),
    [
        (_flipped, "the body is not the one that was signed"),
        (_longer, "more than the 500000 bytes came"),
        (_retyped, "the signature does not fit"),
        (_unsigned, "the answer carries no signature"),
        (_of_another_path, "made for another address"),
        (_stale, "this is an old answer"),
    ],
)
def test_what_is_not_verified_is_not_written(
    craft: Callable[[str, str], bytes],
    message: str,
    tmp_path: Path,
    keys: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 10, nothing new beside OUT, and what was at OUT before stays."""
    (tmp_path / "out.txt").write_text("as it was")
    with serving(craft) as authority:
        assert verify(authority, "-o", "out.txt", keys=keys) == ExitCode.FINDINGS
    assert message in capsys.readouterr().err
    assert (tmp_path / "out.txt").read_text() == "as it was"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.txt", "site.pem"]


def test_another_key_is_unknown(
    tmp_path: Path, keys: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only pinned keys count; which one it was is told."""
    del keys
    (tmp_path / "other.pem").write_bytes(vectors.P256_PUBLIC)
    with serving(wire) as authority:
        assert verify(authority, keys="other.pem") == ExitCode.FINDINGS
    assert f'by key "{SIGNER.kid}", which is not among the keys' in capsys.readouterr().err


@pytest.mark.parametrize(
    ("craft", "message"),
    [
        (lambda a, t: wire(a, t)[:-7], "7 bytes are missing"),
        (lambda a, t: wire(a, t, status=404), "is answered 404, and that is signed"),
        (lambda _a, _t: b"SSH-2.0-x\r\n", "no HTTP"),
        (lambda _a, _t: b"", "no HTTP"),
    ],
)
def test_no_verdict_on_half_an_answer(
    craft: Callable[[str, str], bytes],
    message: str,
    tmp_path: Path,
    keys: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 1: that it broke off, or is another status, is no finding."""
    with serving(craft) as authority:
        assert verify(authority, "-o", "out.txt", keys=keys) == ExitCode.FAILED
    assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["site.pem"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["http://u:secret@127.0.0.1/"], "holds a user or a password"),
        (["http://127.0.0.1:99999/"], "cannot be read"),
        (["http:///x"], "only http:// and https://"),
        (["http://127.0.0.1/", "drop"], "drops and URLs are verified apart"),
        (["http://127.0.0.1/", "--full"], "--full is for drops"),
        (["http://127.0.0.1/", "--accept"], "--accept is for drops"),
        (["http://127.0.0.1/", "http://127.0.0.1/b", "-o", "x"], "-o takes what one URL gives"),
        (["drop", "-o", "x"], "are for a URL"),
        (["http://127.0.0.1/", "--key", "http://127.0.0.1/keys"], "comes over https"),
        (["http://127.0.0.1/", "--key", "notes.txt"], '"notes.txt" cannot be used: it is neither'),
        (["http://127.0.0.1/", "--key", "private.pem"], "it holds a private key"),
    ],
)
def test_what_cannot_be_asked(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    keys: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2 before anything is fetched, and no secret is repeated."""
    del keys
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "private.pem").write_bytes(vectors.ED25519_PRIVATE)
    assert run(["verify", *arguments]) == ExitCode.USAGE
    said = capsys.readouterr().err
    assert message in said
    assert "secret" not in said
    assert "MC4CAQAw" not in said


@pytest.mark.parametrize(
    ("url", "authority", "target"),
    [
        ("http://a.example", "a.example", "/"),
        ("http://A.example:80/x?", "a.example", "/x"),
        ("https://a.example:443/x%2Fy?a=b c#top", "a.example", "/x%2Fy?a=b%20c"),
        ("http://a.example:8080/ü", "a.example:8080", "/%C3%BC"),
        ("http://bücher.example/", "xn--bcher-kva.example", "/"),
        ("http://[::1]:80/", "[::1]", "/"),
    ],
)
def test_a_url_is_taken_apart_as_it_is_asked(url: str, authority: str, target: str) -> None:
    """Host and request target, as they go over the wire."""
    found = parse_address(url)
    assert (found.authority, found.target) == (authority, target)


@given(st.text(max_size=40), st.sampled_from(["http://", "https://", "", "HTTP://a"]))
def test_no_url_makes_it_fail(text: str, scheme: str) -> None:
    """It is taken apart or refused, and what goes over the wire is one line of ASCII."""
    try:
        found = parse_address(scheme + text)
    except UsageError:
        return
    asked = f"{found.authority} {found.target}"
    assert asked.isascii()
    assert asked.isprintable()
    assert asked.count(" ") == 1


def test_no_drop_is_taken_for_a_url() -> None:
    """Nor a URL of another kind for one that can be verified."""
    assert [is_url(text) for text in ("HTTP://a", "https://a", "partners", "ftp://a")] == [
        True,
        True,
        False,
        False,
    ]
    with pytest.raises(UsageError):
        parse_address("ftp://a/")

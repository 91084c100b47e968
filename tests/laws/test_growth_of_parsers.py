"""
Whatever takes strangers' bytes apart takes time in proportion to their length, loops included.

Each parser is given texts of one piece repeated, inside and outside of what leads to it. Processor
time of this thread is what counts, of a text and of one four times as long: 4 where time grows
with the length, 16 where it grows with its square. What is too quick to tell is made longer first.
"""

from __future__ import annotations

import contextlib
import gc
import time
from typing import TYPE_CHECKING

import pytest

from sealgate.assess.adapters.json_cells import JsonCells
from sealgate.assess.adapters.json_values import JsonValues
from sealgate.audit.answers import cookies, hsts_seconds
from sealgate.audit.css import read_css
from sealgate.audit.ftp import parse_reply
from sealgate.audit.http2 import AnswerFrames
from sealgate.audit.markup import read_markup
from sealgate.audit.model import Response
from sealgate.audit.page import read_page, refresh_goal
from sealgate.audit.reading import AnswerReader
from sealgate.audit.scripts import read_scripts
from sealgate.audit.ssh import parse_identification
from sealgate.detect.escapes import read_signs
from sealgate.detect.scanner import Scanner
from sealgate.detect.written import as_read, unescaped
from sealgate.errors import SealgateError
from sealgate.identity.ssh_keys import read_ssh_key
from sealgate.inspection.content_type import media_type
from sealgate.inspection.framing import read_answer, read_request
from sealgate.inspection.framing_bodies import ChunkReader
from sealgate.inspection.model import BodyRefusedError
from sealgate.policy.conditions import pairs
from sealgate.protocols.admission.proxy_protocol import read_header
from sealgate.protocols.lines import sentence
from sealgate.signin.journey import safe_path
from sealgate.storage.age.header import parse_header
from sealgate.storage.paths import resolve

if TYPE_CHECKING:
    from collections.abc import Callable

# Where time grows with the length it is 4; processors share caches with others, so more is let pass.
MOST_GROWTH = 9.0
# Enough to be told from what a call costs by itself, and the longest text that is tried.
_TELLING_SECONDS, _MOST_BYTES = 0.003, 1 << 15
_TRIES = 3

_SIGNS = [
    "a",
    "1",
    " ",
    "\t",
    "\r",
    "\n",
    "\r\n",
    *"!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~",
    "\x00",
    "\xc3",
    "\xff",
]
_WORDS = [
    "a b",
    "a,",
    "a;",
    "a=b&",
    "a=b;",
    "%41",
    "%25",
    "..",
    "/a",
    "//",
    "\\u0041",
    "&#65;",
    "&#",
    '\\"',
    "\xc2\xa0",
]
_LINES = [
    "a: b\r\n",
    "a:\r\n",
    "accept: a\r\n",
    "cookie: a=b\r\n",
    "connection: a\r\n",
    "220-a\r\n",
    "0\r\n",
    "1\r\na\r\n",
]
_MARKUP = [
    "<a",
    "<a>",
    "<!--",
    "<!",
    "<a b=",
    "<a b='",
    '<a href="/x">',
    "</a>",
    "<script>",
    "<script src=x></script>",
    "<style>",
    "<form>",
    "<input name=x>",
    "<label>a",
    "<p style='a:url(b)'>",
    "url(",
    "@import 'a';",
    "/*",
    "a{b:url(c)}",
    "<svg>",
    "<base href=/>",
]
_NUMBERS = [
    "4111 1111 ",
    "4111111111111111 ",
    "4111-",
    "12/28 ",
    "DE89 ",
    "eyJ",
    "AKIA",
    "-----BEGIN ",
    "a@b.c ",
    "Weg 1 ",
    "+49 ",
]
PIECES = [*_SIGNS, *_WORDS, *_LINES, *_MARKUP, *_NUMBERS]


def _chunks(data: bytes) -> None:
    ChunkReader().feed(data)


def _answer(data: bytes) -> None:
    AnswerReader("GET", 1 << 20).feed(data)


def _frames(data: bytes) -> None:
    AnswerFrames().feed(data, 1 << 20)


def _json(text: str) -> None:
    JsonValues(JsonCells()).feed(text)


def _response(text: str) -> Response:
    return Response(200, (("set-cookie", text), ("strict-transport-security", text)), b"")


_SCANNER = Scanner()
# What leads to the pieces, what takes the text, and what follows them.
PARSERS: dict[str, tuple[bytes, Callable[[bytes], object], bytes]] = {
    "a request": (b"GET / HTTP/1.1\r\n", read_request, b"\r\n\r\n"),
    "a field": (b"GET / HTTP/1.1\r\naccept: a", read_request, b"b\r\n\r\n"),
    "an answer": (b"HTTP/1.1 200 OK\r\n", lambda d: read_answer(d, b"GET"), b"\r\n\r\n"),
    "chunks": (b"", _chunks, b""),
    "a media type": (b"text/html;", media_type.__wrapped__, b""),
    "a page": (b"<p>", lambda d: read_page(d.decode("latin-1"), "https://a.example/"), b""),
    "markup": (b"", lambda d: list(read_markup(d.decode("latin-1"))), b""),
    "scripts": (
        b"<script>",
        lambda d: read_scripts(d.decode("latin-1"), "https://a.example/"),
        b"",
    ),
    "a sheet": (b"", lambda d: read_css(d.decode("latin-1")), b""),
    "a refresh": (b"1;", lambda d: refresh_goal(d.decode("latin-1")), b""),
    "cookies": (b"a=", lambda d: cookies(_response(d.decode("latin-1"))), b""),
    "hsts": (b"max-age=", lambda d: hsts_seconds(_response(d.decode("latin-1"))), b""),
    "what a server says": (b"HTTP/1.1 200 OK\r\n", _answer, b""),
    "chunks that a server says": (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
        _answer,
        b"",
    ),
    "frames": (b"\0\0\0\4\0\0\0\0\0", _frames, b""),
    "a reply of FTP": (b"220-", parse_reply, b""),
    "a greeting of SSH": (b"", parse_identification, b""),
    "a key of SSH": (b"ssh-rsa ", lambda d: read_ssh_key(d, "a", 0.0), b""),
    "a form": (b"", lambda d: pairs(d.decode("latin-1")), b""),
    "a place to return to": (b"/", lambda d: safe_path(d.decode("latin-1")), b""),
    "a header of age": (b"age-encryption.org/v1\n-> ", parse_header, b""),
    "a path": (b"/", resolve, b""),
    "a header of PROXY": (b"PROXY ", read_header, b""),
    "a sentence": (b"", lambda d: sentence(d.decode("latin-1")), b""),
    "signs": (b"", read_signs, b""),
    "what is written": (b"", as_read, b""),
    "escapes": (b"", unescaped, b""),
    "a text": (b"", _SCANNER.scan, b""),
    "JSON": (b"[", lambda d: _json(d.decode("latin-1")), b""),
}


def _seconds(parser: Callable[[bytes], object], text: bytes) -> float:
    # The collector walks all that other tests left, which says nothing of a parser.
    gc.disable()
    try:
        began = time.thread_time()
        with contextlib.suppress(SealgateError, BodyRefusedError, ValueError):
            parser(text)
        return time.thread_time() - began
    finally:
        gc.enable()


@pytest.mark.parametrize("name", PARSERS)
def test_time_grows_with_the_text_and_not_with_its_square(name: str) -> None:
    """No piece, repeated, makes a parser take sixteen times as long for four times the text."""
    lead, parser, end = PARSERS[name]
    faults = []
    for piece in PIECES:

        def text(size: int, piece: bytes = piece.encode("latin-1")) -> bytes:
            return lead + piece * (size // len(piece)) + end

        size = 1 << 12
        while (took := _seconds(parser, text(size))) < _TELLING_SECONDS and size < _MOST_BYTES:
            size *= 4
        if took < _TELLING_SECONDS:
            continue
        # A processor that others use, too, is slower now and then: what is linear is so at last.
        for _ in range(_TRIES):
            growth = _seconds(parser, text(4 * size)) / _seconds(parser, text(size))
            if growth <= MOST_GROWTH:
                break
        if growth > MOST_GROWTH:
            faults.append(f"{piece!r}: {growth:.1f} at {size}, {took:.3f} s")
    assert not faults, f"{name}: {faults}"

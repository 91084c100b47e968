"""
Rows of the matrix about what is served in clear, and about what pages load and where they send.

Most servers here are scripted, because no program sends what they send. TLS and plain HTTP share
a port, as ``http://host:port/`` leads there. What a browser shows is asked of Chromium.
"""

from __future__ import annotations

import base64
import gzip
import socket
import ssl
import subprocess
import threading
import zlib
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tests.peers.audited import apache_command
from tests.peers.browsed import Browser, browsing
from tests.peers.certified import Made, Wish, made
from tests.peers.matrix import HOST, Row, Yard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.audited import Files

SERVED = frozenset(["transit-plaintext"])
FORM = frozenset(["transit-form-plaintext"])
BOTH = SERVED | FORM
MIXED = frozenset(["transit-mixed-content"])
COOKIE = frozenset(["transit-insecure-cookie"])
ELSEWHERE = frozenset(["payment-elsewhere"])
SOUND: frozenset[str] = frozenset()
MIXED_CLAUSE = "W3C Mixed Content, 4.1: what a page over TLS fetches over http"
LOGIN = (
    "<!DOCTYPE html><title>in</title><form method=post action=/login><input name=user>"
    "<input type=password name=pass><button>Sign in</button></form>"
)
HOME = "<!DOCTYPE html><title>shop</title><h1>Welcome</h1><a href=/login>Sign in</a>"
_HSTS = "Strict-Transport-Security: max-age=63072000"
_EACH = "RFC 6797, 7.2: every request over http is redirected"
_LONG = HOME + "<p>" + "news " * 99


def page(body: bytes | str, *fields: str, status: str = "HTTP/1.1 200 OK") -> bytes:
    """Return an answer with *body*; it is HTML unless a field says otherwise."""
    content = body.encode() if isinstance(body, str) else body
    named = any(line.lower().startswith("content-type") for line in fields)
    lines = [status, *fields, *([] if named else ["Content-Type: text/html; charset=utf-8"])]
    lines += [f"Content-Length: {len(content)}", "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + content


def to_tls(path: str, port: int, *fields: str, status: str = "HTTP/1.1 301 Moved") -> bytes:
    """Return a redirect to https."""
    return page("moved", f"Location: https://{HOST}:{port}{path}", *fields, status=status)


@dataclass
class Window:
    """One Chromium for all rows; each row has a host of its own there, on port 80."""

    yard: Yard
    ports: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _browser: Browser | None = None

    def name(self, port: int) -> str:
        """Return the host that stands for *port*."""
        host = f"row{port}.test"
        self.ports[host] = port
        return host

    def shows(self, host: str, path: str, css: str) -> bool:
        """Return whether the page in clear at *path* has what *css* selects."""
        with self._lock:
            if self._browser is None:
                self._browser = self.yard.open(browsing(self.yard.folder, mapped=self.ports))
            # What was shown before must not be taken for what is shown now.
            self._browser.open("about:blank")
            # Where it shows nothing at all, the driver says so.
            with suppress(OSError):
                self._browser.open(f"http://{host}{path}")
            return bool(self._browser.run(f"return document.querySelectorAll('{css}').length > 0"))


def curl(port: int, path: str, *options: str) -> bytes:
    """Return what curl gets in clear: head and body."""
    command = ["curl", "--silent", "--include", "--max-time", "20", "--http0.9", *options]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{path}"], capture_output=True, check=False
    )
    return done.stdout


@dataclass(frozen=True)
class Site:
    """
    A scripted server: what it answers over TLS by path, and in clear by path.

    Without a path of its own a request over TLS gets 404, and one in clear ``""``.
    """

    secure: dict[str, bytes]
    clear: dict[str, bytes]
    files: Files

    def __call__(self, peer: socket.socket) -> None:
        """Answer one connection."""
        if peer.recv(1, socket.MSG_PEEK) != b"\x16":
            self._answer(peer, self.clear)
            # What is not read makes the kernel reset what was sent.
            peer.shutdown(socket.SHUT_WR)
            while peer.recv(65536):
                pass
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
        context.load_cert_chain(self.files.chain, self.files.key)
        with context.wrap_socket(peer, server_side=True) as secure:
            self._answer(secure, self.secure)
            with suppress(OSError):
                secure.unwrap()

    @staticmethod
    def _answer(peer: socket.socket, answers: dict[str, bytes]) -> None:
        data = b""
        while b"\r\n\r\n" not in data and (chunk := peer.recv(65536)):
            data += chunk
        if not data:
            return
        path = data.split(b" ")[1].decode("latin-1") if data.count(b" ") > 1 else ""
        peer.sendall(answers.get(path, answers.get("", page("no", status="HTTP/1.1 404 No"))))


def secure(body: str, *fields: str) -> bytes:
    """Return a page over TLS, with HSTS."""
    return page(body, _HSTS, *fields)


_AS_XHTML = "Content-Type: application/xhtml+xml"
_XHTML = (
    "<html xmlns='http://www.w3.org/1999/xhtml'><head>{}</head><body>"
    "<form method='post' action='/login'><input type='password' name='pass'/></form></body></html>"
)
_FIELD = b"Content-Type: text/html\r\nConnection: close\r\n"
_FORM = LOGIN.encode()
_UTF16 = LOGIN.encode("utf-16-le")
# What is served in clear at /login: the form is shown, however it is framed.
SHOWN: dict[str, bytes] = {
    "as usual": page(LOGIN),
    "a header line of 70 kB": page(LOGIN, "X-Long: " + "x" * 70_000),
    "120 headers": page(LOGIN, *(f"X-Field-{n}: {n}" for n in range(120))),
    "HTTP/0.9": _FORM,
    "lines that end in LF": b"HTTP/1.1 200 OK\nContent-Type: text/html\n\n" + _FORM,
    "a folded line": b"HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\n" + _FIELD + b"\r\n" + _FORM,
    "blank lines first": b"\r\n\r\n" + page(LOGIN),
    "early hints first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + page(LOGIN),
    "two interim answers first": b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + page(LOGIN),
    "a status that is none": page(LOGIN, status="HTTP/1.1 abc"),
    "no status": page(LOGIN, status="HTTP/1.1"),
    "gzip that nobody asked for": page(gzip.compress(_FORM), "Content-Encoding: gzip"),
    "deflate": page(zlib.compress(_FORM), "Content-Encoding: deflate"),
    "UTF-16 with a mark": page(b"\xff\xfe" + _UTF16, "Content-Type: text/html"),
    "UTF-16 that is declared": page(_UTF16, "Content-Type: text/html; charset=utf-16le"),
    "no type at all": b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + _FORM,
    "401 with a form": page(LOGIN, status="HTTP/1.1 401 Unauthorized"),
    "403 with a form": page(LOGIN, status="HTTP/1.1 403 Forbidden"),
    "404 with a form": page(LOGIN, status="HTTP/1.1 404 Not Found"),
    "404 with a form in gzip": page(
        gzip.compress(_FORM), "Content-Encoding: gzip", status="HTTP/1.1 404 Not Found"
    ),
    "404 with a form in UTF-16": page(
        b"\xfe\xff" + LOGIN.encode("utf-16-be"),
        "Content-Type: text/html",
        status="HTTP/1.1 404 Not Found",
    ),
    "426 with a form": page(LOGIN, status="HTTP/1.1 426 Upgrade Required"),
    "XHTML behind an empty script": page(_XHTML.format("<script/>"), _AS_XHTML),
    "404 in XHTML behind an empty title": page(
        _XHTML.format("<title/>"), _AS_XHTML, status="HTTP/1.1 404 Not Found"
    ),
    "403 behind an empty script in SVG": page(
        f"<svg><script/></svg>{LOGIN}", status="HTTP/1.1 403 Forbidden"
    ),
    "404 behind a section in SVG": page(
        f"<svg><![CDATA[><!--]]></svg>{LOGIN}", status="HTTP/1.1 404 Not Found"
    ),
    "429 with a form": page(LOGIN, status="HTTP/1.1 429 Too Many Requests"),
    "503 with a form": page(LOGIN, status="HTTP/1.1 503 Unavailable"),
    "300 with a form": page(
        LOGIN, f"Location: https://{HOST}/login", status="HTTP/1.1 300 Multiple Choices"
    ),
    "302 to nowhere": page(LOGIN, status="HTTP/1.1 302 Found"),
}
BROKEN_OFF: dict[str, bytes] = {
    "a length that is too large": b"HTTP/1.1 200 OK\r\n"
    + _FIELD
    + b"Content-Length: 9999\r\n\r\n"
    + _FORM,
    "chunks that break off": b"HTTP/1.1 200 OK\r\n"
    + _FIELD
    + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\nzz" % (len(_FORM), _FORM),
}
# Refusals of the moment.
FOR_NOW = {
    "408 Request Timeout": "RFC 9110, 15.5.9: the client may repeat the request",
    "425 Too Early": "RFC 8470, 5.2: the client may repeat the request",
    "429 Too Many Requests": "RFC 6585, 4: it was refused for how often it was asked",
}
_ON = page(LOGIN)
# What leads in clear to a form.
LEADING: dict[str, bytes] = {
    "a redirect in clear": page("", "Location: /in", status="HTTP/1.1 302 Found"),
    "404 that refreshes": page(
        "<meta http-equiv=refresh content='0; url=/in'>", status="HTTP/1.1 404 Not Found"
    ),
    "403 with a Refresh field": page("no", "Refresh: 0;url=/in", status="HTTP/1.1 403 Forbidden"),
    "404 with a script that goes on": page(
        "<script>location.href = '/in'</script>", status="HTTP/1.1 404 Not Found"
    ),
}
_MOVED = {"": page("", f"Location: https://{HOST}/", status="HTTP/1.1 301 Moved")}
REDIRECTING: dict[str, bytes] = {
    "a redirect with a long head": to_tls("/login", 443, "X-Long: " + "x" * 70_000),
    "a redirect behind early hints": b"HTTP/1.1 103 Hints\r\n\r\n" + to_tls("/login", 443),
    "a redirect in capitals": page(
        LOGIN, f"LOCATION: HTTPS://{HOST}/login", status="HTTP/1.0 302 Found"
    ),
    "a redirect with 307": to_tls("/login", 443, status="HTTP/1.1 307 Moved"),
    "a redirect with 303": to_tls("/login", 443, status="HTTP/1.1 303 See Other"),
    "a redirect in chunks": (
        f"HTTP/1.1 301 x\r\nLocation: https://{HOST}/\r\nTransfer-Encoding: chunked\r\n\r\n"
        "2\r\nok\r\n0\r\n\r\n"
    ).encode(),
    "a redirect in LF lines": f"HTTP/1.1 308 x\nLocation:\n https://{HOST}/\n\n".encode(),
}
# What no browser shows, or what is a refusal.
REFUSING: dict[str, bytes] = {
    "403": page("<h1>Forbidden</h1>", status="HTTP/1.1 403 Forbidden"),
    "404": page("<h1>Not found</h1>", status="HTTP/1.1 404 Not Found"),
    "410 in gzip": page(
        gzip.compress(b"<h1>Gone</h1>"), "Content-Encoding: gzip", status="HTTP/1.1 410 Gone"
    ),
    "426": page("TLS, please", "Upgrade: TLS/1.2", status="HTTP/1.1 426 Upgrade Required"),
    "403 with a search box": page(
        "<form action=/search><input name=q></form>", status="HTTP/1.1 403 Forbidden"
    ),
    "404 without a body": b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    "403 with a long head": page("no", "X-Long: " + "x" * 70_000, status="HTTP/1.1 403 Forbidden"),
    "404 in LF lines": b"HTTP/1.1 404 Not Found\nContent-Type: text/html\n\n<p>no</p>",
    "400": page("<h1>Bad request</h1>", status="HTTP/1.1 400 Bad Request"),
    "405": page("no", "Allow: OPTIONS", status="HTTP/1.1 405 Method Not Allowed"),
    "421": page("<p>another host</p>", status="HTTP/1.1 421 Misdirected Request"),
    "404 of many words": page(
        "<title>lost</title>" + "<p>nothing of that name is here " * 50,
        status="HTTP/1.1 404 Not Found",
    ),
    "403 with a link to TLS": page(
        f"<a href='https://{HOST}/login'>Sign in</a>", status="HTTP/1.1 403 Forbidden"
    ),
    "404 as text": page(LOGIN, "Content-Type: text/plain", status="HTTP/1.1 404 Not Found"),
    "451": page("<p>not here</p>", status="HTTP/1.1 451 Unavailable"),
    "404 that leads to TLS": page(
        f"<meta http-equiv=refresh content='0; url=https://{HOST}/'>",
        status="HTTP/1.1 404 Not Found",
    ),
    "an alert of TLS": b"\x15\x03\x01\x00\x02\x02\x0a",
    "nothing": b"",
}


def _page_rows() -> Iterator[tuple[str, frozenset[str], dict[str, bytes], str]]:
    """Yield pages over TLS whose http redirects: name, what is broken, answers, clause."""

    def row(
        name: str, broken: frozenset[str], body: str, clause: str = MIXED_CLAUSE, **more: str
    ) -> tuple[str, frozenset[str], dict[str, bytes], str]:
        answers = {"/": secure(body)}
        for where, text in more.items():
            kind = "text/css" if where.endswith("css") else "text/html"
            answers[f"/{where.replace('_', '.')}"] = secure(text, f"Content-Type: {kind}")
        return name, broken, answers, clause

    yield row("a style with url()", MIXED, "<p style='background: url(http://a.test/i.png)'>x")
    yield row("a style sheet in the page", MIXED, "<style>@import 'http://a.test/s.css';</style>")
    yield row(
        "a linked sheet that imports",
        MIXED,
        "<link rel=stylesheet href=/s.css>",
        s_css="@import url(t.css);",
        t_css="b { background: URL( 'http://a.test/i.png' ) }",
    )
    yield row("srcset", MIXED, "<img src=/a.png srcset='/b.png 1x, http://a.test/c.png 2x'>")
    yield row("a picture", MIXED, "<picture><source srcset=http://a.test/c><img src=/a></picture>")
    yield row("a base in clear", MIXED, "<base href=http://a.test/><img src=i.png>")
    yield row("an image in SVG", MIXED, "<svg><image xlink:href=http://a.test/i /></svg>")
    yield row("a preloaded font", MIXED, "<link rel=preload as=font href=http://a.test/f>")
    yield row("an object", MIXED, "<object data=http://a.test/o></object>")
    yield row("a poster", MIXED, "<video poster=http://a.test/p></video>")
    yield row("a frame in an attribute", MIXED, '<iframe srcdoc="<img src=http://a.test/i>">')
    form = "DESIGN, floors: data about people is not sent in clear"
    yield row(
        "name and birthday in German",
        FORM,
        "<form method=post action=http://a.test/><label for=a>Nachname</label><input id=a name=f1>"
        "<label>Geburtsdatum <input name=f2></label></form>",
        form,
    )
    yield row(
        "an address by a button",
        FORM,
        "<form method=post action=/><input name=street_address>"
        "<button formaction=http://a.test/></button></form>",
        form,
    )
    yield row(
        "a relative action under a base",
        FORM,
        "<base href=http://a.test/><form method=post action=to><input autocomplete=bday>",
        form,
    )
    yield row(
        "a form in Spanish behind a link",
        FORM,
        "<a href=/contacto>Contacto</a>",
        form,
        contacto="<form method=post action=http://a.test/><input placeholder=Apellidos></form>",
    )
    secret = "<form method=post action=http://a.test/><input type=password></form>"
    in_clear = "DESIGN, floors: credentials are not sent in clear, in whatever frame"
    yield row("a form in a frame", FORM, "<iframe src=/in></iframe>", in_clear, **{"in": secret})
    yield row(
        "a form in a frame of a frame",
        FORM,
        "<iframe src='/a?b=1'></iframe>",
        in_clear,
        **{"a?b=1": "<iframe src=/in></iframe>", "in": secret},
    )
    yield row(
        "a form in the last of many frames",
        FORM,
        "<iframe srcdoc=x></iframe>" * 40 + f"<iframe srcdoc='{secret}'></iframe>",
        in_clear,
    )
    packed = base64.b64encode(secret.encode()).decode()
    yield row("a form in data", FORM, f"<iframe src='data:text/html,{secret}'></iframe>", in_clear)
    yield row(
        "a form in packed data",
        FORM,
        f"<object data='data:text/html;base64,{packed}'></object>",
        in_clear,
    )
    card = "<input name=cardnumber autocomplete=cc-number>"
    paying = "PCI DSS 4.0.1, 12.8.1: who gets account data is known"
    yield row(
        "a card form of another host",
        ELSEWHERE,
        f"<form method=post action=https://pay.test/in>{card}</form>",
        paying,
    )
    yield row(
        "a frame of another host beside a card",
        ELSEWHERE,
        f"<form method=post action=/in>{card}</form><iframe src=https://skim.test/></iframe>",
        paying,
    )
    for name, body in {
        "a card form of its own": f"<form method=post action=/in>{card}</form>",
        "names over TLS": "<form method=post action=/to><input name=last_name></form>",
        "a name space and a comment": (
            "<style>@namespace url(http://www.w3.org/1999/xhtml); /* url(http://a.test/) */"
            " p { content: 'url(http://a.test/)' }</style>"
        ),
        "links in clear": f"<a href=http://{HOST}/>here</a><link rel=canonical href=http://a/>",
        "parts of its own": "<img srcset='/a 1x, //b.test/c 2x'><link rel=stylesheet href=/s.css>",
        "a frame of another host without a card": "<iframe src=https://map.test/></iframe>",
        "a card beside a frame of its own": (
            f"<form method=post action=/in>{card}</form><iframe src=/news></iframe>"
        ),
        "a sheet of data": "<style>p { background: url(data:image/png;base64,AAAA) }</style>",
        "a newsletter over TLS": "<form method=post action=//n.test/><input type=email></form>",
        "an address in a script": "<script>var x = 'http://a.test/x.js';</script>",
        "a base of its own": "<base href=/a/><img src=i.png><form method=post action=b>",
        "a refresh of its own": "<meta http-equiv=refresh content='9; url=/'><p>soon",
        "a message over TLS": "<form method=post action=/m><textarea name=message></textarea>",
        "an address in a text": "<textarea><img src=http://a.test/i></textarea><!-- http://a/ -->",
        "a search box": "<form action=/search><input name=q placeholder=Search></form>",
    }.items():
        yield row(name, SOUND, body)


@dataclass(frozen=True)
class _Rows:
    """Makes rows of scripted servers."""

    yard: Yard
    files: Files
    window: Window

    def scripted(self, over_tls: dict[str, bytes], in_clear: dict[str, bytes]) -> int:
        """Add a server; return its port."""
        return self.yard.scripted(Site(over_tls, in_clear, self.files))

    def clear(  # as many as a row has
        self,
        name: str,
        broken: frozenset[str],
        in_clear: dict[str, bytes],
        sign: bytes = b"",
        *options: str,
        path: str = "/login",
        backed: str = "",
        unseen: frozenset[str] = frozenset(),
    ) -> Row:
        """Return a row about what is answered in clear; curl sees *sign* there."""
        over_tls = {"/": secure(HOME), "/login": secure(LOGIN), "/long": secure(_LONG)}
        over_tls["/frame"] = secure("<p>nothing")
        over_tls["/framing"] = secure("<iframe src=/frame></iframe>")
        over_tls["/linking"] = secure(f"<a href=http://{HOST}/frame>prices</a>")
        over_tls["/leading"] = page(
            "", _HSTS, f"Location: http://{HOST}/frame", status="HTTP/1.1 302 Found"
        )
        port = self.scripted(over_tls, in_clear)
        asked = "/login" if path == "/" else path
        return Row(
            f"in clear: {name}",
            f"https://{HOST}:{port}{path}",
            broken,
            backed,
            (lambda: sign in curl(port, asked, *options).lower()) if sign else None,
            unseen,
            active=False,
        )

    def form(self, name: str, broken: frozenset[str], in_clear: dict[str, bytes]) -> Row:
        """Return a row about a login page, which Chromium shows in clear when it is broken."""
        port = self.scripted({"/": secure(HOME), "/login": secure(LOGIN)}, in_clear)
        host = self.window.name(port)

        def agrees() -> bool:
            return self.window.shows(host, "/login", "input[type=password]") is bool(broken)

        url = f"https://{HOST}:{port}/login"
        return Row(f"in clear: {name}", url, broken, second=agrees, active=False)


def page_rows(yard: Yard, root: Made) -> Iterator[Row]:
    """Yield the rows; *root* is the authority that the audit trusts."""
    files = made(Wish(names=(HOST,)), root).written(yard.folder, "pages")
    rows = _Rows(yard, files, Window(yard))
    yield from _form_rows(rows)
    yield from _clear_rows(rows)
    for name, broken, answers, clause in _page_rows():
        port = rows.scripted(answers, _MOVED)
        yield Row(f"page: {name}", f"https://{HOST}:{port}/", broken, clause, active=False)
    yield from _led_rows(rows)
    yield from _real_rows(yard, files)


def _led_rows(rows: _Rows) -> Iterator[Row]:
    """Yield pages over TLS that lead browsers to another place in clear, which curl asks."""
    shows, moves = rows.scripted({}, {"": _ON}), rows.scripted({}, _MOVED)
    for name, host in {"another port": HOST, "another host": "127.0.0.1"}.items():
        for broken, port in ((BOTH, shows), (SOUND, moves)):
            goal = f"http://{host}:{port}/shown"
            sign = b"password" if broken else b"location: https://"
            for how, answer in {
                "redirect": page("", _HSTS, f"Location: {goal}", status="HTTP/1.1 302 Found"),
                "Refresh field": secure("<p>soon", f"Refresh: 0; url={goal}"),
                "refresh in the page": secure(f"<meta http-equiv=refresh content='0;{goal}'>"),
            }.items():
                own = rows.scripted({"/": answer}, _MOVED)
                yield Row(
                    f"a {how} to {name} in clear, which {'shows' if broken else 'leads on'}",
                    f"https://{HOST}:{own}/",
                    broken,
                    second=partial(_says, port, sign),
                    active=False,
                )


def _says(port: int, sign: bytes) -> bool:
    return sign in curl(port, "/shown").lower()


def _form_rows(rows: _Rows) -> Iterator[Row]:
    for name, answer in SHOWN.items():
        yield rows.form(name, BOTH, {"/login": answer})
    for name, answer in LEADING.items():
        yield rows.form(name, BOTH, {"/login": answer, "/in": _ON})
    for name, answer in REFUSING.items():
        yield rows.form(name, SOUND, {"": answer})
    for name, answer in REDIRECTING.items():
        yield rows.form(name, SOUND, {"": answer})


def _clear_rows(rows: _Rows) -> Iterator[Row]:
    # Chromium shows an error when a page breaks off so; other clients show what came.
    for name, answer in BROKEN_OFF.items():
        yield rows.clear(name, BOTH, {"/login": answer}, b"password")
    icy = b"ICY 200 OK\r\nContent-Type: text/html\r\n\r\n" + _FORM
    yield rows.clear("ICY", BOTH, {"": icy}, b"password")
    known = "--http2-prior-knowledge"
    yield rows.clear("HTTP/2 with prior knowledge", BOTH, {"": _H2}, b"password", known)
    yield rows.clear("all redirected", SOUND, _MOVED, b"location: https://")
    beside = {"/": to_tls("/", 443), "/login": _ON}
    yield rows.clear("a login page beside a redirect", BOTH, beside, b"password", path="/")
    framed = {"/": to_tls("/", 443), "/frame": _ON}
    yield rows.clear(
        "a framed login page beside a redirect", BOTH, framed, path="/framing", backed=_EACH
    )
    yield rows.clear("a link in clear", BOTH, framed, path="/linking", backed=_EACH)
    yield rows.clear("TLS that leads to http", BOTH, framed, path="/leading", backed=_EACH)
    twice = page(
        LOGIN, f"Location: https://{HOST}/", "Location: /frame", status="HTTP/1.1 302 Found"
    )
    yield rows.clear(
        "two places to go to",
        SERVED,
        {"": twice},
        backed="RFC 9110, 10.2.2: Location is one; what is not understood is served",
    )
    yield rows.clear(
        "404 for the page that TLS shows",
        SERVED,
        {"": page(_LONG, status="HTTP/1.1 404 Not Found")},
        path="/long",
        backed="RFC 9110, 15.5: a browser shows the content of an error",
    )
    yield rows.clear(
        "a page that refreshes to TLS",
        SERVED,
        {"": page(f"<meta http-equiv=refresh content='0;url=https://{HOST}/'>")},
        backed="RFC 6797, 7.2: a redirect is 301 or the like, and carries no content",
    )
    for status, clause in FOR_NOW.items():
        yield rows.clear(
            f"{status}, which may be answered otherwise later",
            SOUND,
            {"": page("<p>not now", status=f"HTTP/1.1 {status}")},
            path="/",
            backed=clause,
            unseen=SERVED | FORM,
        )
    bare = to_tls("/login", 443, "Set-Cookie: 5d41402abc4b2a76")
    yield rows.clear("a cookie without a name", COOKIE, {"": bare}, b"cookie: 5d4")
    session = to_tls("/login", 443, "Set-Cookie: sid=1; Secure; HttpOnly")
    yield rows.clear("a session cookie on the redirect", COOKIE, {"": session}, b"cookie: sid")
    other = to_tls("/login", 443, "Set-Cookie: lang=de")
    yield rows.clear("a cookie without Secure there", COOKIE, {"": other}, b"cookie: lang")


# Settings and an answer on stream 1, at once: status 200 (RFC 7541, A: 8), and the form.
_H2 = (
    bytes.fromhex("000000040000000000")
    + bytes.fromhex("000001010400000001")
    + b"\x88"
    + len(_FORM).to_bytes(3)
    + bytes.fromhex("000100000001")
    + _FORM
)


def _real_rows(yard: Yard, files: Files) -> Iterator[Row]:
    """Yield rows of nginx and Apache, asked over http on their port for TLS."""

    def nginx_row(name: str, broken: frozenset[str], more: str, sign: bytes, *options: str) -> Row:
        port = yard.nginx(
            lambda port: (
                f"""
            server {{
                listen 127.0.0.1:{port} ssl; server_name {HOST};
                ssl_certificate {files.chain}; ssl_certificate_key {files.key};
                ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
                add_header Strict-Transport-Security "max-age=63072000" always;
                location / {{ return 200 "<p>welcome</p>"; }}
                {more}
            }}
            """
            )
        )
        url = f"https://{HOST}:{port}/"
        return Row(
            f"nginx: {name}",
            url,
            broken,
            second=lambda: sign in curl(port, "/", *options),
            active=False,
        )

    for refusal in ("403", "444"):
        yield nginx_row(
            f"{refusal} for all but browsers",
            SERVED,
            "error_page 497 =200 /all; location = /all { "
            f'if ($http_user_agent !~ Mozilla) {{ return {refusal}; }} return 200 "welcome"; }}',
            b"welcome",
            "--user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        )
    yield nginx_row("http on the port for TLS", SOUND, "", b"400 Bad Request")
    yield nginx_row(
        "497 led to TLS",
        SOUND,
        "error_page 497 =308 https://$host:$server_port$request_uri;",
        b"308 Permanent",
    )
    yield nginx_row(
        "497 hung up on", SOUND, "error_page 497 = @no; location @no { return 444; }", b""
    )
    yield nginx_row(
        "497 answered with the site",
        SERVED,
        'error_page 497 =200 /all; location = /all { return 200 "<p>welcome</p>"; }',
        b"welcome",
    )

    def apache(name: str, broken: frozenset[str], more: str, sign: bytes) -> Row:
        port = yard.process(partial(apache_command, yard.folder, files, more))
        url = f"https://{HOST}:{port}/"
        return Row(
            f"Apache: {name}", url, broken, second=lambda: sign in curl(port, "/"), active=False
        )

    yield apache("http on the port for TLS", SOUND, "", b"400 Bad Request")
    yield apache(
        "a login form for 400",
        SERVED | FORM,
        f"ErrorDocument 400 '{LOGIN}'",
        b"password",
    )


__all__ = ["page_rows"]

"""Ways to a CMS' back door: what is sent, and what the bare CMS then answers."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import TYPE_CHECKING, Protocol

from tests.peers.php_served import MARK
from tests.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "x7MA4YWx"


class Site(Protocol):
    """A site that tells which requests came to its programs."""

    @property
    def arrivals(self) -> list[str]:
        """Return the marks of these requests, in order."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What comes with a request: its body, and what the client says that it is."""

    body: str = ""
    kind: str = ""


NOTHING = Sent()


@dataclass(frozen=True, slots=True)
class Way:
    """
    One request that reaches a back door of the bare CMS.

    *proof* is what its answer holds then and only then. *target*, *sent*, the values of
    *headers* and *proof* may hold ``{names}``, which a test fills in. *method* is POST where
    something is sent and nothing else is said.
    """

    name: str
    target: str
    proof: str
    sent: Sent = NOTHING
    headers: tuple[tuple[str, str], ...] = ()
    method: str = ""


@dataclass(frozen=True, slots=True)
class Told:
    """An answer: its status, and all of it (head and body) as text."""

    status: int
    text: str


@dataclass(frozen=True, slots=True)
class Stand:
    """
    Where a request is sent from and to: the bare CMS, or the gateway before it.

    *tls* is ``None`` for the bare one. *comes_from* is the client's address.
    """

    port: int
    host: str
    tls: ssl.SSLContext | None = None
    comes_from: str = "127.0.0.1"


def form(body: str) -> Sent:
    """Return *body* as a form."""
    return Sent(body, FORM)


def as_json(body: str) -> Sent:
    """Return *body* as JSON."""
    return Sent(body, "application/json")


def multipart(**fields: str) -> Sent:
    """Return *fields* as a multipart form."""
    parts = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    body = "".join(parts) + f"--{BOUNDARY}--\r\n"
    return Sent(body, f"multipart/form-data; boundary={BOUNDARY}")


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return *text* with its ``{names}`` replaced; other braces stay."""
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def send(
    way: Way,
    stand: Stand,
    values: Mapping[str, str],
    more: tuple[tuple[str, str], ...] = (),
) -> Told:
    """Send *way* once, its target as it is, with *more* headers; return the answer."""
    connection: HTTPConnection
    address = (stand.comes_from, 0)
    if stand.tls is None:
        connection = HTTPConnection("127.0.0.1", stand.port, PATIENCE_SECONDS, address)
    else:
        connection = HTTPSConnection(
            "localhost",
            stand.port,
            timeout=PATIENCE_SECONDS,
            source_address=address,
            context=stand.tls,
        )
    body = filled(way.sent.body, values).encode()
    method = way.method or ("POST" if way.sent is not NOTHING else "GET")
    sent = [("Host", stand.host), (MARK, way.name.replace(" ", "-")), *more]
    if stand.tls is None:
        sent += [("X-Forwarded-Proto", "https"), ("X-Forwarded-For", stand.comes_from)]
    if way.sent.kind:
        sent += [("Content-Type", way.sent.kind)]
    if method not in {"GET", "HEAD"}:
        sent += [("Content-Length", str(len(body)))]
    try:
        target = filled(way.target, values)
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in (*sent, *way.headers):
            connection.putheader(name, filled(value, values))
        connection.endheaders(body)
        answer = connection.getresponse()
        head = "".join(f"{name}: {value}\n" for name, value in answer.getheaders())
        return Told(answer.status, f"{head}\n{answer.read().decode('utf-8', 'replace')}")
    finally:
        connection.close()


def not_working(
    ways: Iterable[Way], stand: Stand, fill: Callable[[Way], Mapping[str, str]]
) -> list[str]:
    """Return the names of those *ways* that do not reach their door on the bare CMS."""
    found = []
    for way in ways:
        values = fill(way)
        told = send(way, stand, values)
        if filled(way.proof, values) not in told.text:
            found.append(f"{way.name}: {told.status}")
    return found


def arrived(
    ways: Iterable[Way], stand: Stand, site: Site, fill: Callable[[Way], Mapping[str, str]]
) -> list[str]:
    """
    Return the names of those *ways* that came through the gateway to a script of *site*.

    A script is not told apart from what it does: a request that came to any has arrived.
    """
    found = []
    for way in ways:
        values = fill(way)
        before = len(site.arrivals)
        told = send(way, stand, values)
        if filled(way.proof, values) in told.text or len(site.arrivals) > before:
            found.append(f"{way.name}: {told.status}")
    return found

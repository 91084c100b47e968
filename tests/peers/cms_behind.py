"""
A CMS behind the gateway and its preset, and who comes to it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from tests.peers.cms_ways import Stand
from tests.peers.gatewayed import ALLOWED, write_countries
from tests.peers.signed import SignedPlace
from tests.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.browsed import Browser


@contextmanager
def served_behind(
    folder: Path, ports: tuple[int, int], preset: str, backend: str, *passkeys: str
) -> Iterator[SignedPlace]:
    """
    Serve the site at the first of *ports* through the gateway at the second.

    Only *backend* is declared, the rest is the *preset*'s. The editor "alice" has a certificate;
    *passkeys* are editors who will sign in on the gateway.
    """
    place = SignedPlace(folder, *ports, routes=backend)
    place.declare()
    text = place.config.read_text()
    place.config.write_text(text.replace("[[site]]", f'[[site]]\npreset = "{preset}"', 1))
    write_countries(place.folder / "country.mmdb")
    place.issue("alice", "--group", "editors")
    for name in passkeys:
        place.add(name, ["editors"], password=False)
    with place.serving():
        yield place


def through(place: SignedPlace, key: str | None = None, comes_from: str = ALLOWED) -> Stand:
    """
    Return where the gateway is asked by a stranger, or by who holds *key*.
    """
    return Stand(place.https, f"localhost:{place.https}", place.trust(key=key), comes_from)


def client(place: SignedPlace, key: str | None = None, comes_from: str = ALLOWED) -> httpx.Client:
    """
    Return a browser's worth of HTTP for a stranger, or for who holds *key*.
    """
    transport = httpx.HTTPTransport(verify=place.trust(key=key), local_address=comes_from)
    return httpx.Client(
        base_url=place.url, transport=transport, follow_redirects=True, timeout=PATIENCE_SECONDS
    )


def sign_in_by_passkey(browser: Browser, place: SignedPlace, name: str, page: str) -> None:
    """
    Have *name* enrol a passkey, and come to *page* by it, as whoever has no certificate does.
    """
    browser.add_authenticator()
    with place.people() as people:
        code = people.make_enrolment(name, by="test", now=time.time())
    browser.open(f"{place.url}/.sealgate/passkey/new")
    browser.type("#enrolment", code)
    browser.type("#label", "laptop")
    browser.click("#register button")
    browser.await_text("is registered")
    browser.open(f"{place.url}{page}")
    browser.click("#passkey button")
    browser.await_url(f"{place.url}{page}")

"""A CMS behind the gateway and its preset, and who comes to it."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx

from tests.peers.audited import Authority, nginx
from tests.peers.cms_ways import Stand
from tests.peers.gatewayed import ALLOWED, write_countries
from tests.peers.signed import SignedPlace
from tests.ports import free_port
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
    _declare(place, preset)
    write_countries(place.folder / "country.mmdb")
    place.issue("alice", "--group", "editors")
    for name in passkeys:
        place.add(name, ["editors"], password=False)
    with place.serving():
        yield place


def _declare(place: SignedPlace, preset: str) -> None:
    place.declare()
    text = place.config.read_text()
    place.config.write_text(text.replace("[[site]]", f'[[site]]\npreset = "{preset}"', 1))


@contextmanager
def served_bare(
    folder: Path, ports: tuple[int, int], preset: str, backend: str
) -> Iterator[tuple[SignedPlace, Path]]:
    """
    Serve the site at the first of *ports* by a plain nginx on TLS, which locks nothing.

    The site takes it for the gateway at the second of *ports*. What is declared is as for
    :func:`served_behind`; given are that, and whom the certificate comes from.
    """
    cms, known_as = ports
    place = SignedPlace(folder, cms, free_port(), free_port(), routes=backend)
    _declare(place, preset)
    authority = Authority(folder)
    files = authority.issue("localhost")
    here = f"https://localhost:{place.https}"
    servers = f"""
    server {{
        listen 127.0.0.1:{place.https} ssl;
        server_name localhost;
        ssl_certificate {files.chain}; ssl_certificate_key {files.key};
        ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
        add_header Strict-Transport-Security "max-age=63072000" always;
        location / {{
            proxy_pass http://127.0.0.1:{cms};
            proxy_set_header Host localhost:{known_as};
            proxy_set_header X-Forwarded-Proto https;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_redirect https://localhost:{known_as}/ {here}/;
        }}
    }}
    server {{
        listen 127.0.0.1:{place.http};
        location / {{ return 308 {here}$request_uri; }}
    }}
    """
    with nginx(folder / "front", servers, place.https, place.http):
        yield place, authority.path


def verdicts(place: SignedPlace, authority: Path, rule: str) -> dict[str, str]:
    """Return what an audit of *place* says by *rule* of each locked route: "met" if nothing else."""
    report = place.folder / "audit.json"
    words = ("--format", "json", "--output", str(report), "--ca", str(authority))
    done = place.sealgate("audit", *words)
    assert report.exists(), done.stderr
    told = json.loads(report.read_text())
    found = {f["asset"]: f["status"] for f in told["findings"] if f["rule"] == rule}
    locked = [
        one["id"] for one in told["assets"] if one["columns"].get("access", {}).get("required")
    ]
    return {asset: found.get(asset, "met") for asset in locked}


def through(place: SignedPlace, key: str | None = None, comes_from: str = ALLOWED) -> Stand:
    """Return where the gateway is asked by a stranger, or by who holds *key*."""
    return Stand(place.https, f"localhost:{place.https}", place.trust(key=key), comes_from)


def client(place: SignedPlace, key: str | None = None, comes_from: str = ALLOWED) -> httpx.Client:
    """Return a browser's worth of HTTP for a stranger, or for who holds *key*."""
    transport = httpx.HTTPTransport(verify=place.trust(key=key), local_address=comes_from)
    return httpx.Client(
        base_url=place.url, transport=transport, follow_redirects=True, timeout=PATIENCE_SECONDS
    )


def sign_in_by_passkey(browser: Browser, place: SignedPlace, name: str, page: str) -> None:
    """Have *name* enrol a passkey, and come to *page* by it, as whoever has no certificate does."""
    browser.add_authenticator()
    with place.people() as people:
        code = people.second_factors.make_enrolment(name, by="test", now=time.time())
    browser.open(f"{place.url}/.sealgate/passkey/new")
    browser.type("#enrolment", code)
    browser.type("#label", "laptop")
    browser.click("#register button")
    browser.await_text("is registered")
    browser.open(f"{place.url}{page}")
    browser.click("#passkey button")
    browser.await_url(f"{place.url}{page}")

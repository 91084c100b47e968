"""What init writes is served by the real Envoy at once: pages public, doors shut, holes open."""

from __future__ import annotations

import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from sealgate.app.init import begin
from sealgate.app.keys import local_authority
from sealgate.audit.requests import requests_for
from sealgate.config.load import load
from sealgate.config.presets import PRESETS, Preset
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.envoy import Envoy
from sealgate.gateway.guarantees import refusals
from sealgate.gateway.model import CertificateFiles, Material
from sealgate.gateway.translate import translate
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Door


class Pages(BaseHTTPRequestHandler):
    """A site that answers everything and sets the session cookie it is asked for."""

    def do_GET(self) -> None:
        """Answer with a page."""
        self.send_response(200)
        self.send_header("Set-Cookie", f"{self.headers.get('x-cookie', 'a')}=1; Path=/")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name
        """Say nothing."""


@pytest.fixture
def upstream() -> Iterator[int]:
    """Run the site and return its port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def target_of(door: Door) -> str:
    """Return a request target that *door* means."""
    path = door.path.replace("*", "core") + ("" if door.exact or door.query else "/x")
    query = "" if door.query is None else f"?{door.query}={door.query_value or ''}"
    return path + query


def served(config: str, folder: Path) -> tuple[Envoy, str, str]:
    """Serve *config* and return the running Envoy, its URL and its authority."""
    now = time.time()
    inventory = load(config)
    local = local_authority(inventory)
    sites = {site.name: site.domains for site in inventory.sites}
    issued = local.server_certificates(sites, now)
    material = Material(
        folder=str(folder),
        certificates={
            name: CertificateFiles(kept.chain, kept.key)
            for name, kept in issued.certificates.items()
        },
        client_ca=local.client_path,
    )
    assert refusals(inventory, material) == ()
    folder.mkdir(mode=0o700)
    envoy = Envoy(find_envoy(), str(folder), workers=1)
    envoy.start(translate(inventory, material))
    port = inventory.listen.https[0].port
    return envoy, f"https://localhost:{port}", issued.authority.path


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_what_init_writes_serves_at_once(preset: Preset, upstream: int, tmp_path: Path) -> None:
    """Only ports are changed: pages and holes answer 200, every door 403, cookies are mended."""
    begun = begin(str(tmp_path), preset=preset.name, domain=None, now=time.time())
    config = Path(begun.config)
    text = config.read_text(encoding="utf-8")
    text = text.replace('":443"', f'"127.0.0.1:{free_port()}"')
    text = text.replace('":80"', f'"127.0.0.1:{free_port()}"').replace(":8080", f":{upstream}")
    config.write_text(text, encoding="utf-8")
    envoy, url, authority = served(str(config), tmp_path / "envoy")
    try:
        trust = ssl.create_default_context(cafile=authority)
        with httpx.Client(verify=trust, base_url=url, trust_env=False) as client:
            assert client.get("/").status_code == 200
            assert client.get("/about/us.html").status_code == 200
            for hole in preset.holes:
                assert client.get(target_of(hole)).status_code == 200
            for door in preset.doors:
                for told, asked in requests_for(door, overrides=preset.method_override).items():
                    answer = client.request(
                        asked.method,
                        asked.target,
                        headers=list(asked.headers),
                        content=asked.body or b"",
                    )
                    assert answer.status_code == 403, f"{door} {told}"
            for cookie in preset.cookies:
                name = cookie.name.replace("*", "x")
                # Whoever brings a session of the site back is no stranger any more.
                client.cookies.clear()
                (sent,) = client.get("/", headers={"x-cookie": name}).headers.get_list("set-cookie")
                assert "secure" in sent.lower()
                assert ("httponly" in sent.lower()) is cookie.http_only
                assert f"samesite={cookie.same_site}".lower() in sent.lower()
    finally:
        envoy.kill()

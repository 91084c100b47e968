"""A gateway with two presets, to be attacked: what is sent, and what reached the site."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.config.load import load
from sealgate.policy.assets import route_asset
from tests.peers.gatewayed import (
    ALLOWED,
    EchoSite,
    Gateway,
    Keys,
    Pair,
    echo_site,
    gateway,
    write_countries,
)
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TYPO3, WORDPRESS = "shop.example", "blog.example"
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")


@dataclass(frozen=True)
class World:
    """A gateway with a TYPO3 and a WordPress preset, and the one person who may enter."""

    gateway: Gateway
    site: EchoSite
    alice: Pair

    def reached(self) -> list[tuple[str, str]]:
        """Return method and target of what reached the site since the last call."""
        found = [(told.method, told.target) for told in self.site.requests]
        self.site.requests.clear()
        return found

    def raw(self, *pieces: bytes, plain: bool = False, name: str = TYPO3) -> bytes:
        """Return all that comes back for *pieces*, sent as they are on one connection."""
        port = self.gateway.plain_port if plain else self.gateway.port
        with contextlib.ExitStack() as held:
            channel = held.enter_context(socket.create_connection((ALLOWED, port), 5))
            if not plain:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
                channel = held.enter_context(context.wrap_socket(channel, server_hostname=name))
            answer = b""
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                for piece in pieces:
                    channel.sendall(piece)
            channel.settimeout(0.3)
            with contextlib.suppress(OSError):
                while data := channel.recv(65536):
                    answer += data
        return answer


@contextlib.contextmanager
def attacked(folder: Path, run_folder: Path) -> Iterator[World]:
    """Run the gateway until the block ends."""
    keys = Keys(folder)
    alice = keys.client("alice", "alice")
    database = write_countries(folder / "country.mmdb")
    with echo_site() as site:
        sites = "".join(
            f'[[site]]\ndomains = ["{name}"]\nupstream = "http://{ALLOWED}:{site.port}"\n'
            f'preset = "{preset}"\n[[site.route]]\npath = "/"\nclass = "public"\n'
            f'[[site.route]]\npath = "{door}"\nclass = "confidential"\nbackend = true\n'
            'admit = ["user:alice"]\n'
            for name, preset, door in (
                (TYPO3, "typo3", "/typo3"),
                (WORDPRESS, "wordpress", "/wp-admin"),
            )
        )
        config = folder / "sealgate.toml"
        config.write_text(
            f'[listen]\nhttps = "{ALLOWED}:{free_port()}"\nhttp = "{ALLOWED}:{free_port()}"\n'
            f'[access]\ncountries = ["DE"]\ngeo_database = "{database}"\n{sites}'
        )
        inventory = load(str(config))
        locked = [(one, r) for one in inventory.sites for r in one.routes if r.admit]
        assert len(locked) > 2
        with gateway(
            inventory,
            run_folder,
            {TYPO3: keys.server(TYPO3), WORDPRESS: keys.server(WORDPRESS)},
            client_ca=str(keys.authority.chain),
            admitted={route_asset(one, r).id: (alice.fingerprint,) for one, r in locked},
            geo_database=str(database),
        ) as running:
            yield World(running, site, alice)


def request(target: str | bytes, *headers: str, method: str = "GET", host: str = TYPO3) -> bytes:
    """Return the bytes of a request."""
    raw = target if isinstance(target, bytes) else target.encode()
    lines = [f"Host: {host}", *headers]
    head = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
    return method.encode() + b" " + raw + b" HTTP/1.1\r\n" + head + b"\r\n"


def statuses(answer: bytes) -> list[int]:
    """Return the status of each answer in *answer*."""
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] (\d{3}) ", answer)]

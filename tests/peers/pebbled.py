"""Pebble, an ACME authority for tests, and a name server that answers it, on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.peers.served import given_certificate
from tests.ports import free_port, listens
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pebble:
    """
    A running authority: its *directory*, and *ca*, which vouches for that door alone.

    It looks at *http_port* and *tls_port* of loopback for proofs.
    """

    directory: str
    ca: Path
    management: str
    dns: str
    log: Path
    http_port: int
    tls_port: int

    def root(self) -> str:
        """Return the root (PEM) that its certificates lead to."""
        return self._asked("/roots/0").decode("ascii")

    def is_revoked(self, chain: bytes) -> bool:
        """Return whether it says that the first certificate of *chain* is revoked."""
        from cryptography import x509  # noqa: PLC0415

        serial = x509.load_pem_x509_certificate(chain).serial_number
        told = json.loads(self._asked(f"/cert-status-by-serial/{serial:x}"))
        return bool(told["Status"] == "Revoked")

    def orders(self) -> int:
        """Return how many orders it was asked for."""
        return self.log.read_text().count("POST /order-plz")

    def answer_txt(self, name: str, value: str | None) -> None:
        """Have the name server answer *value* for *name*, or nothing."""
        what = "clear-txt" if value is None else "set-txt"
        content = {"host": name} if value is None else {"host": name, "value": value}
        request = urllib.request.Request(f"{self.dns}/{what}", json.dumps(content).encode())  # noqa: S310  # loopback
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS):  # noqa: S310
            pass

    def _asked(self, path: str) -> bytes:
        context = ssl.create_default_context(cafile=str(self.ca))
        url, patience = self.management + path, PATIENCE_SECONDS
        with urllib.request.urlopen(url, timeout=patience, context=context) as answer:  # noqa: S310
            return bytes(answer.read())


@contextlib.contextmanager
def pebble_running(
    folder: Path,
    *,
    http_port: int,
    tls_port: int,
    life_seconds: int = 7_776_000,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Pebble]:
    """Run Pebble in *folder*; its certificates live *life_seconds*."""
    assert shutil.which("pebble"), "pebble is not installed (packages-debian.txt)"
    folder.mkdir(exist_ok=True)
    given_certificate(folder, "door", domain="localhost")
    acme, management, dns, dns_management = (free_port() for _ in range(4))
    config = {
        "pebble": {
            "listenAddress": f"127.0.0.1:{acme}",
            "managementListenAddress": f"127.0.0.1:{management}",
            "certificate": str(folder / "door.pem"),
            "privateKey": str(folder / "door.key"),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": False,
            "retryAfter": {"authz": 1, "order": 1},
            "certificateValidityPeriod": life_seconds,
        }
    }
    (folder / "pebble.json").write_text(json.dumps(config))
    names = [
        *("pebble-challtestsrv", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""),
        *("-dns01", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{dns_management}"),
        *("-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""),
    ]
    authority = ["pebble", "-config", str(folder / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}"]
    environment = {
        "PATH": os.environ["PATH"],
        "PEBBLE_VA_NOSLEEP": "1",
        "PEBBLE_WFE_NONCEREJECT": "0",
        **(settings or {}),
    }
    with (folder / "pebble.log").open("wb") as log, (folder / "names.log").open("wb") as names_log:
        servers = [
            subprocess.Popen(names, stdout=names_log, stderr=subprocess.STDOUT, env=environment),
            subprocess.Popen(authority, stdout=log, stderr=subprocess.STDOUT, env=environment),
        ]
        try:
            for port in (acme, management, dns_management):
                assert wait_until(partial(listens, port)), (folder / "pebble.log").read_text() + (
                    folder / "names.log"
                ).read_text()
            yield Pebble(
                f"https://localhost:{acme}/dir",
                folder / "door.pem",
                f"https://localhost:{management}",
                f"http://127.0.0.1:{dns_management}",
                folder / "pebble.log",
                http_port,
                tls_port,
            )
        finally:
            for server in servers:
                server.terminate()
                server.wait()

"""
OpenID providers of two makes, run on loopback over TLS.

A certified one (npm ``oidc-provider``, pinned by hash), and Django OAuth Toolkit, which other
people wrote in another language.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from joserfc.jwk import RSAKey

from tests.peers.npm_peers import installed
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DJANGO = Path(__file__).with_name("django_provider") / "peer.py"
CLIENT, SECRET = "seal gate", "a:secret+of/the&tests%41"
LOGIN_PASSWORD = "a password at the provider"


def rsa_key(name: str, bits: int = 2048) -> dict[str, Any]:
    """Return a new private key as a JWK."""
    key: dict[str, Any] = {**RSAKey.generate_key(bits).as_dict(private=True)}
    return {**key, "kid": name, "use": "sig", "alg": "RS256"}


def public(key: Mapping[str, Any]) -> dict[str, Any]:
    """Return the public half of a JWK."""
    return {name: key[name] for name in ("kty", "n", "e", "kid", "use", "alg") if name in key}


@dataclass
class Provider:
    """A running provider: its *issuer*, the *ca* that vouches for it, and its signing *key*."""

    issuer: str
    ca: Path
    secret_file: Path
    key: dict[str, Any]
    process: subprocess.Popen[str] = field(repr=False)

    def change(self, changes: Mapping[str, Any]) -> list[str]:
        """Have it answer otherwise, by path, from now on; return what it was asked until now."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"change": changes}) + "\n")
        self.process.stdin.flush()
        asked: list[str] = json.loads(self.process.stdout.readline())["asked"]
        return asked


def certified(folder: Path, host: str) -> tuple[Path, Path, Path]:
    """Return an authority and a certificate of it for the address *host*, and its key."""
    ca, chain, key = (folder / f"provider-{name}.pem" for name in ("ca", "chain", "key"))
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    new += ["-nodes", "-days", "2"]
    made = folder / "provider-ca-key.pem"
    usage = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign"]
    subprocess.run(
        [*new, *usage, "-subj", "/CN=Provider CA", "-keyout", str(made), "-out", str(ca)],
        check=True,
        capture_output=True,
    )
    leaf = ["-CA", str(ca), "-CAkey", str(made), "-addext", f"subjectAltName=IP:{host}"]
    leaf += ["-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(
        [*new, *leaf, "-subj", "/CN=provider", "-keyout", str(key), "-out", str(chain)],
        check=True,
        capture_output=True,
    )
    return ca, chain, key


@contextlib.contextmanager
def providing(
    folder: Path,
    accounts: Mapping[str, Mapping[str, Any]],
    callbacks: list[str],
    home: str,
    *,
    django: bool = False,
) -> Iterator[Provider]:
    """
    Run a provider that knows *accounts* and sends people back to *callbacks*.

    With *django* it is the other one, whose answers cannot be changed.
    """
    if django:
        command, path = [sys.executable, "-W", "ignore", str(DJANGO)], "/o"
    else:
        command, path = ["node", str(installed("oidc_provider") / "peer.mjs")], ""
    port = free_port()
    ca, chain, key = certified(folder, "127.0.0.1")
    signing = rsa_key("first")
    issuer = f"https://127.0.0.1:{port}{path}"
    settings = {
        "issuer": issuer,
        "port": port,
        "chain": str(chain),
        "key": str(key),
        "keys": [signing],
        "accounts": accounts,
        "password": LOGIN_PASSWORD,
        "clients": [
            {
                "client_id": CLIENT,
                "client_secret": SECRET,
                "redirect_uris": callbacks,
                "post_logout_redirect_uris": [home],
            }
        ],
    }
    told = folder / "provider.json"
    told.write_text(json.dumps(settings))
    secret = folder / "provider-secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    log = folder / "provider.log"
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*command, str(told)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        assert process.stdin is not None
        first = process.stdout.readline()
        assert first == "ready\n", log.read_text()
        yield Provider(issuer, ca, secret, signing, process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()

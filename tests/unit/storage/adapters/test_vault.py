"""
Vault as a key service, when it refuses, is down, or is not Vault at all.

What it does when all is well is held against a real OpenBao (tests/peers/test_keys_vault.py).
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sealgate.errors import ConfigError, PeerError, SourceError
from sealgate.storage.adapters import vault
from sealgate.storage.adapters.keystore_envelope import ServiceProtector
from sealgate.storage.adapters.vault import Vault
from tests.ports import free_port

TOKEN = {"VAULT_TOKEN": "hvs.token"}


@dataclass
class StandIn:
    """A server that answers everything with *status* and *body*, and keeps what it was asked."""

    address: str
    status: int = 200
    body: bytes = b"{}"
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """Return a running server."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            known.asked.append((self.path, dict(self.headers), self.rfile.read(size)))
            self.send_response(known.status)
            self.send_header("Location", "http://192.0.2.1/steal")
            self.send_header("Content-Length", str(len(known.body)))
            self.end_headers()
            self.wfile.write(known.body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        known = StandIn(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield known
        server.shutdown()
        thread.join()


def test_it_asks_as_the_transit_engine_wants_it(stand_in: StandIn) -> None:
    """The mount and the key in the path, the token and the namespace in headers, base64 inside."""
    stand_in.body = b'{"data": {"ciphertext": "vault:v1:abc"}}'
    environment = {**TOKEN, "VAULT_NAMESPACE": "team"}
    service = Vault(stand_in.address + "/base/", "some/transit/the key", environment)
    assert service.encrypt(b"\xff\x00") == "vault:v1:abc"
    ((path, headers, body),) = stand_in.asked
    assert path == "/base/v1/some/transit/encrypt/the%20key"
    assert (headers["X-Vault-Token"], headers["X-Vault-Namespace"]) == ("hvs.token", "team")
    assert json.loads(body) == {"plaintext": "/wA="}
    stand_in.body = b'{"data": {"plaintext": "/wA="}}'
    assert Vault(stand_in.address, "sealgate", TOKEN).decrypt("vault:v1:abc") == b"\xff\x00"
    assert stand_in.asked[1][0] == "/v1/transit/decrypt/sealgate"


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (403, b'{"errors":["permission denied"]}', "the token may not use the key"),
        (404, b'{"errors":["no handler for route"]}', "does not know the key"),
        (400, b'{"errors":["encryption key not found"]}', "does not know the key"),
        (503, b'{"errors":["Vault is sealed"]}', "sealed or not ready"),
        (500, b'{"errors":["1 error: \\"secret words\\""]}', "it answered 500"),
        (502, b"<html>bad gateway</html>", "it answered 502"),
        (500, b'{"errors":5}', "it answered 500"),
        (500, b"[" * 100_000, "it answered 500"),
        (307, b"", "follows no redirect"),
        (200, b"<html>hello</html>", "not of the transit engine"),
        (200, b"[]", "not of the transit engine"),
        (200, b'{"data": null}', "not of the transit engine"),
        (200, b'{"data": {"plaintext": "!!"}}', "not of the transit engine"),
        (200, b'{"data": {"plaintext": 7}}', "not of the transit engine"),
        (200, b"x" * ((1 << 20) + 1), "not of the transit engine"),
    ],
)
def test_a_refusal_is_told_and_nothing_is_let_through(
    stand_in: StandIn, status: int, body: bytes, told: str
) -> None:
    """Each way to say no becomes one error; what Vault says itself is not repeated."""
    stand_in.status, stand_in.body = status, body
    with pytest.raises(PeerError, match=told) as caught:
        Vault(stand_in.address, "sealgate", TOKEN).decrypt("vault:v1:abc")
    assert "secret words" not in caught.value.message
    assert TOKEN["VAULT_TOKEN"] not in caught.value.message + (caught.value.hint or "")
    assert len(stand_in.asked) == 1


def test_it_may_be_down() -> None:
    """Nobody listens: the reason and what to try."""
    port = free_port()
    with pytest.raises(PeerError, match="does not answer: Connection refused") as caught:
        Vault(f"http://127.0.0.1:{port}", "sealgate", TOKEN).encrypt(b"x")
    assert caught.value.exit_code == 1


def test_it_may_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody listens and never answers: an error after the time that is allowed."""
    monkeypatch.setattr(vault, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(PeerError, match="does not answer: nothing within"):
            Vault(address, "sealgate", TOKEN).encrypt(b"x")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("http://vault.example:8200", "would send the token unencrypted"),
        ("http://192.0.2.1", "would send the token unencrypted"),
        ("http://localhost:8200", "would send the token unencrypted"),
        ("ftp://vault.example", "is no https URL"),
        ("vault.example:8200", "is no https URL"),
        ("https://", "is no https URL"),
        ("https://anna:secretword@vault.example", "is no https URL"),
        ("https://vault.example:port", "is no https URL"),
        ("", "is no https URL"),
    ],
)
def test_a_bad_address_is_refused_before_a_token_is_sent(address: str, told: str) -> None:
    """Credentials never travel in clear, and no address with a password in it is repeated."""
    with pytest.raises(ConfigError, match=told) as caught:
        Vault(address, "sealgate", TOKEN)
    assert "secretword" not in caught.value.message


@pytest.mark.parametrize("key", ["", "transit/"])
def test_a_key_must_be_named(key: str) -> None:
    """A mount alone is no key."""
    with pytest.raises(ConfigError, match="names no key"):
        Vault("https://vault.example", key, TOKEN)


def test_the_token_may_be_in_a_file(stand_in: StandIn, tmp_path: Path) -> None:
    """As an agent writes it; without one, or with one that is none, nothing is sent."""
    stand_in.body = b'{"data": {"ciphertext": "vault:v1:abc"}}'
    (tmp_path / "token").write_text("hvs.from-file\n")
    named = {"SEALGATE_VAULT_TOKEN_FILE": str(tmp_path / "token")}
    Vault(stand_in.address, "sealgate", named).encrypt(b"x")
    assert stand_in.asked[0][1]["X-Vault-Token"] == "hvs.from-file"
    for environment in (
        {},
        {"SEALGATE_VAULT_TOKEN_FILE": str(tmp_path / "gone")},
        {"VAULT_TOKEN": "two\r\nX-Other: lines"},
        {"VAULT_TOKEN": "t\u00f6ken"},
    ):
        with pytest.raises(SourceError, match="token"):
            Vault(stand_in.address, "sealgate", environment).encrypt(b"x")
    assert len(stand_in.asked) == 1


def test_an_authority_must_be_there(tmp_path: Path) -> None:
    """A file that is none of certificates stops before anything is sent."""
    (tmp_path / "ca.pem").write_text("no certificate")
    for path in (tmp_path / "ca.pem", tmp_path / "gone.pem"):
        environment = {**TOKEN, "VAULT_CACERT": str(path)}
        with pytest.raises(SourceError, match=r"authority .* cannot be read"):
            Vault("https://127.0.0.1:1", "sealgate", environment).encrypt(b"x")


class Rot:
    """A key service that turns bytes around."""

    name = "a test"

    def encrypt(self, content: bytes) -> str:
        """Return *content* reversed, in hex."""
        self.seen = content
        return content[::-1].hex()

    def decrypt(self, encrypted: str) -> bytes:
        """Return what was encrypted."""
        return bytes.fromhex(encrypted)[::-1]


def test_the_service_sees_no_content() -> None:
    """Only an identity that is made for this one envelope goes there, little enough for AWS KMS."""
    service = Rot()
    protector = ServiceProtector(service)
    content = b"AGE-SECRET-KEY of the site" * 1000
    wrapped = protector.wrap(content)
    assert protector.unwrap(wrapped) == content
    assert len(service.seen) < 4096
    assert b"of the site" not in service.seen
    assert protector.wrap(content) != wrapped


@pytest.mark.parametrize("wrapped", [b"", b"{}", b"[]", b'{"identity": "00", "sealed": "x"}'])
def test_a_damaged_envelope_is_told(wrapped: bytes) -> None:
    """Neither a traceback nor a wrong content."""
    with pytest.raises(SourceError):
        ServiceProtector(Rot()).unwrap(wrapped)

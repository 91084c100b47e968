"""
The transit engine of HashiCorp Vault or OpenBao as a key service, over HTTPS.

Speaks ``POST /v1/MOUNT/encrypt/KEY`` and ``…/decrypt/KEY`` (API of the transit engine).
The token comes from the environment, as for their own programs. No redirect and no proxy
is followed: a token goes to the address that is configured and nowhere else.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import ipaddress
import json
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from sealgate.errors import ConfigError, PeerError, SourceError
from sealgate.storage.adapters.keystore_envelope import ServiceProtector
from sealgate.storage.keyring import Detail, KeyProtection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealgate.policy.inventory import KeySettings

DEFAULT_MOUNT = "transit"
DEFAULT_PORT = 8200
TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 1 << 20
MAX_TOKEN_BYTES = 1 << 16
# The first that is set counts; OpenBao reads its own names first, then Vault's.
TOKENS = ("BAO_TOKEN", "VAULT_TOKEN")
TOKEN_FILES = ("SEALGATE_VAULT_TOKEN_FILE",)
AUTHORITIES = ("BAO_CACERT", "VAULT_CACERT")
NAMESPACES = ("BAO_NAMESPACE", "VAULT_NAMESPACE")


class Vault:
    """
    The key *key* (``MOUNT/KEY``, or ``KEY`` in the mount "transit") at *address*.

    Raises:
        ConfigError: the address is no https URL (http only to this host), or there is no key.
    """

    def __init__(self, address: str, key: str, environment: Mapping[str, str] = os.environ) -> None:
        self._environment = environment
        self._scheme, self._host, self._port, self._base = _split(address)
        mount, _, name = key.rpartition("/")
        if not name:
            raise ConfigError(
                "[keys] names no key in Vault",
                hint='key = "transit/sealgate" under [keys]',
            )
        self._mount, self._key = mount.strip("/") or DEFAULT_MOUNT, name
        self.name = f'Vault at "{self._host}:{self._port}"'

    def encrypt(self, content: bytes) -> str:
        """Return *content* as Vault's own text, ``vault:v1:…``."""
        data = self._ask("encrypt", {"plaintext": base64.b64encode(content).decode("ascii")})
        found = data.get("ciphertext")
        if not isinstance(found, str):
            raise self._strange()
        return found

    def decrypt(self, encrypted: str) -> bytes:
        """Return what Vault encrypted."""
        try:
            return base64.b64decode(
                self._ask("decrypt", {"ciphertext": encrypted})["plaintext"], validate=True
            )
        except (KeyError, TypeError, binascii.Error) as error:
            raise self._strange() from error

    def _ask(self, verb: str, question: Mapping[str, str]) -> dict[str, Any]:
        path = f"{self._base}/v1/{quote(self._mount)}/{verb}/{quote(self._key, safe='')}"
        status, body = self._post(path, json.dumps(question))
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError):
            answer = {}
        if not isinstance(answer, dict):
            raise self._strange()
        if status != http.HTTPStatus.OK:
            raise self._refusal(status, answer)
        data = answer.get("data")
        if not isinstance(data, dict):
            raise self._strange()
        return data

    def _post(self, path: str, body: str) -> tuple[int, bytes]:
        headers = {"X-Vault-Token": self._token(), "Content-Type": "application/json"}
        if namespace := self._first(NAMESPACES):
            headers["X-Vault-Namespace"] = namespace
        connection = self._connection()
        try:
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            content = answer.read(MAX_ANSWER_BYTES + 1)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise PeerError(
                f"{self.name} does not answer: {_reason(error)}",
                hint=f"curl {self._scheme}://{self._host}:{self._port}/v1/sys/health",
            ) from error
        finally:
            connection.close()
        if len(content) > MAX_ANSWER_BYTES:
            raise self._strange()
        return answer.status, content

    def _connection(self) -> http.client.HTTPConnection:
        if self._scheme == "http":
            return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)
        authority = self._first(AUTHORITIES)
        try:
            context = ssl.create_default_context(cafile=authority)
        except OSError as error:
            told = error.strerror or "no certificate in PEM"
            message = f'authority "{authority}" for {self.name} cannot be read: {told}'
            raise SourceError(message, hint="set VAULT_CACERT to a PEM file") from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=TIMEOUT_SECONDS, context=context
        )

    def _token(self) -> str:
        token = self._first(TOKENS)
        if not token and (file := self._first(TOKEN_FILES)):
            try:
                with Path(file).open(encoding="ascii") as opened:
                    token = opened.read(MAX_TOKEN_BYTES).strip()
            except (OSError, ValueError) as error:
                told = error.strerror if isinstance(error, OSError) else "not ASCII"
                message = f'token file "{file}" for {self.name} cannot be read: {told}'
                raise SourceError(message, hint=f"ls -l '{file}'") from error
        if not token or not token.isascii() or not token.isprintable():
            raise SourceError(
                f"there is no token for {self.name}",
                hint=f"set {TOKENS[-1]}, or {TOKEN_FILES[0]} to a file that holds one",
            )
        return token

    def _first(self, names: tuple[str, ...]) -> str | None:
        return next((value for name in names if (value := self._environment.get(name))), None)

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> PeerError:
        # What it says may repeat what it was given, so only the known cases are told.
        errors = str(answer.get("errors"))
        told, hint = f"it answered {status}", "see its own log"
        key = f"{self._mount}/{self._key}"
        if status == http.HTTPStatus.FORBIDDEN:
            told = f'the token may not use the key "{key}", or has ended'
            hint = f'its policy needs: path "{self._mount}/+/{self._key}" update'
        elif status == http.HTTPStatus.SERVICE_UNAVAILABLE or "sealed" in errors.lower():
            told, hint = "it is sealed or not ready", "unseal it"
        elif status in {http.HTTPStatus.NOT_FOUND, http.HTTPStatus.BAD_REQUEST}:
            told = f'it does not know the key "{key}", or that key did not seal this'
            hint = f"vault read {self._mount}/keys/{self._key}"
        elif http.HTTPStatus.MULTIPLE_CHOICES <= status < http.HTTPStatus.BAD_REQUEST:
            told = f"it answered {status}, and a token follows no redirect"
            hint = "set address to the active node"
        return PeerError(f"{self.name} refused: {told}", hint=hint)

    def _strange(self) -> PeerError:
        return PeerError(
            f"{self.name} answered something that is not of the transit engine",
            hint="see whether address in [keys] is Vault's",
        )


def _split(address: str) -> tuple[str, str, int, str]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        parts, host, port = urlsplit(""), "", None
    hint = 'address = "https://vault.example:8200" under [keys]'
    if parts.scheme not in {"http", "https"} or not host or parts.username or parts.query:
        raise ConfigError("Vault's address is no https URL", hint=hint)
    if parts.scheme == "http" and not _is_this_host(host):
        # Credentials never travel below "encrypted"; on loopback they do not travel.
        message = f'Vault\'s address at "{host}" would send the token unencrypted'
        raise ConfigError(message, hint=hint)
    return parts.scheme, host, port or DEFAULT_PORT, parts.path.rstrip("/")


def _is_this_host(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return f"nothing within {TIMEOUT_SECONDS:.0f} seconds"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__


def _open(settings: KeySettings, _ask: Callable[[], str] | None) -> ServiceProtector:
    return ServiceProtector(Vault(settings.address, settings.key))


PROTECTION = KeyProtection(
    "vault",
    _open,
    key=Detail("transit/sealgate", "the name of a key"),
    address=Detail("https://vault.example:8200", "Vault's address"),
    beside=TOKEN_FILES,
    instead=TOKENS,
)

"""A software authenticator: real WebAuthn answers, and any part of them made wrong."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

USER_PRESENT, USER_VERIFIED, BACKUP_ELIGIBLE, BACKED_UP, ATTESTED = 1, 4, 8, 16, 64


def b64(raw: bytes) -> str:
    """Return *raw* in base64url."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Return what *text* stands for."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """
    One credential on one device, with a P-256 key (COSE ES256).

    Attributes may be set to lie: *flags*, *count*, *rp_id*, *origin*, members of *client*.
    """

    rp_id: str = "shop.example"
    origin: str = "https://shop.example"
    flags: int = USER_PRESENT | USER_VERIFIED
    count: int = 0
    handle: bytes | None = None
    client: dict[str, Any] = field(default_factory=dict)
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def register(self, challenge: bytes, kind: str = "webauthn.create") -> dict[str, Any]:
        """Return what ``navigator.credentials.create`` gives, with attestation "none"."""
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32), -3: numbers.y.to_bytes(32)}
        credential = bytes(16) + len(self.id).to_bytes(2) + self.id + cbor2.dumps(cose)
        data = self._data(self.flags | ATTESTED) + credential
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client(kind, challenge)
        return self._credential(
            {"clientDataJSON": b64(client), "attestationObject": b64(attestation)}
        )

    def sign(self, challenge: bytes, kind: str = "webauthn.get") -> dict[str, Any]:
        """Return what ``navigator.credentials.get`` gives."""
        data, client = self._data(self.flags), self._client(kind, challenge)
        told = data + hashlib.sha256(client).digest()
        response = {
            "clientDataJSON": b64(client),
            "authenticatorData": b64(data),
            "signature": b64(self.key.sign(told, ec.ECDSA(hashes.SHA256()))),
        }
        if self.handle is not None:
            response["userHandle"] = b64(self.handle)
        return self._credential(response)

    def _data(self, flags: int) -> bytes:
        return (
            hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)
        )

    def _client(self, kind: str, challenge: bytes) -> bytes:
        told = {"type": kind, "challenge": b64(challenge), "origin": self.origin}
        return json.dumps(told | {"crossOrigin": False} | self.client).encode()

    def _credential(self, response: dict[str, str]) -> dict[str, Any]:
        return {
            "id": b64(self.id),
            "rawId": b64(self.id),
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }

"""
A key file behind a key service: the content sealed by age, its identity by the service.

Key services encrypt little at a time (AWS KMS: 4096 bytes). So the content is sealed for
an age identity that is made for it, and only that identity goes to the service. The
service never sees a key of the site, and what lies on disk opens only through it.
"""

from __future__ import annotations

import json
from typing import Protocol

from sealgate.errors import SourceError
from sealgate.storage.adapters.keystore_seal import (
    new_identity,
    open_small,
    read_identities,
    seal_small,
)


class KeyService(Protocol):
    """A service that encrypts and decrypts a few bytes with a key that never leaves it."""

    @property
    def name(self) -> str:
        """Return how messages call it."""

    def encrypt(self, content: bytes) -> str:
        """
        Return *content* encrypted, as text.

        Raises:
            PeerError: it does not answer, or refuses.
        """

    def decrypt(self, encrypted: str) -> bytes:
        """
        Return what was encrypted.

        Raises:
            PeerError: it does not answer, or refuses.
        """


class ServiceProtector:
    """Protects a key file by a *service*."""

    def __init__(self, service: KeyService) -> None:
        self._service = service

    def wrap(self, content: bytes) -> bytes:
        """Return *content* sealed for a new identity, and that encrypted by the service."""
        identity = new_identity()
        envelope = {
            "identity": self._service.encrypt(identity.secret_text().encode()),
            "sealed": seal_small(content, [identity.recipient()], armor=True).decode("ascii"),
        }
        return json.dumps(envelope).encode()

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return what was wrapped."""
        try:
            envelope = json.loads(wrapped)
            encrypted, sealed = str(envelope["identity"]), str(envelope["sealed"])
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError(
                "the key file is damaged: what a key service sealed cannot be read",
                hint="restore it from a backup",
            ) from error
        told = f"what {self._service.name} gave back"
        identities = read_identities(self._service.decrypt(encrypted), told)
        return open_small(sealed.encode(), identities, self._service.name)

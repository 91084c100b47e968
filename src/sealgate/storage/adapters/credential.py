"""
The keyring opened by a systemd credential: an age identity that only the unit is given.

systemd decrypts it (with the TPM or the host's key) into a folder in memory that belongs
to the service alone, and names that folder in ``CREDENTIALS_DIRECTORY`` (systemd.exec(5)).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import SourceError
from sealgate.storage.adapters.keystore_seal import open_small, read_identities, seal_small
from sealgate.storage.keyring import Detail, KeyProtection

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealgate.policy.inventory import KeySettings
    from sealgate.storage.age.keys import X25519Identity

CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"
DEFAULT_NAME = "sealgate-keys"
MAX_CREDENTIAL_BYTES = 1 << 20


class CredentialProtector:
    """Seals the key file for the age identity in the credential *name*."""

    def __init__(self, name: str, environment: Mapping[str, str] = os.environ) -> None:
        self._name = name or DEFAULT_NAME
        self._environment = environment

    def wrap(self, content: bytes) -> bytes:
        """Return *content* sealed for the credential's identity."""
        return seal_small(content, [self._identity().recipient()])

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return what was sealed for the credential's identity."""
        return open_small(wrapped, [self._identity()], f'the credential "{self._name}"')

    def _identity(self) -> X25519Identity:
        folder = self._environment.get(CREDENTIALS_DIRECTORY)
        hint = f"LoadCredentialEncrypted={self._name} in the unit; docs/howto/site-keys.md"
        if not folder:
            raise SourceError(
                f'credential "{self._name}" cannot be read: {CREDENTIALS_DIRECTORY} is not set, '
                "so systemd gave this process no credentials",
                hint=hint,
            )
        if not self._name or Path(self._name).name != self._name:
            raise SourceError(f'credential "{self._name}" is no name of a file', hint=hint)
        try:
            with (Path(folder) / self._name).open("rb") as file:
                content = file.read(MAX_CREDENTIAL_BYTES)
        except OSError as error:
            told = error.strerror or type(error).__name__
            message = f'credential "{self._name}" cannot be read: {told}'
            raise SourceError(message, hint=hint) from error
        return read_identities(content, f'credential "{self._name}"')[0]


def _open(settings: KeySettings, _ask: Callable[[], str] | None) -> CredentialProtector:
    return CredentialProtector(settings.key)


def _why_no_key(key: str) -> str | None:
    return "is no name of a credential" if "/" in key or key in {".", ".."} else None


PROTECTION = KeyProtection(
    "credential",
    _open,
    key=Detail(DEFAULT_NAME),
    why_no_key=_why_no_key,
    beside=(CREDENTIALS_DIRECTORY,),
)

"""What keeps the key file closed, by ``protection`` under ``[keys]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.errors import SourceError, UsageError
from sealgate.policy.inventory import KeyProtection
from sealgate.storage.adapters.aws_kms import AWSKMS
from sealgate.storage.adapters.credential import CredentialProtector
from sealgate.storage.adapters.keystore_envelope import ServiceProtector
from sealgate.storage.adapters.keystore_seal import open_with_passphrase, seal_with_passphrase
from sealgate.storage.adapters.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import KeySettings
    from sealgate.storage.keyring import KeyProtector

# NIST SP 800-63B-4, 3.1.1.2, asks 15 of a password that is the only factor; scrypt with
# 2^18 rounds stands between a stolen file and its guesses here, so the same is asked.
LEAST_PASSPHRASE_CHARACTERS = 15


class FileProtector:
    """No protection but the file's mode: whoever reads the disk has the keys."""

    is_apart = False

    def wrap(self, content: bytes) -> bytes:
        """Return *content* as it is."""
        return content

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return *wrapped* as it is."""
        return wrapped


class PassphraseProtector:
    """Seals the key file with a passphrase (age, scrypt), which is asked for once."""

    is_apart = True

    def __init__(self, ask: Callable[[], str]) -> None:
        self._ask = ask
        self._given: str | None = None

    def wrap(self, content: bytes) -> bytes:
        """
        Return *content* sealed with the passphrase.

        Raises:
            UsageError: the passphrase is too short.
        """
        passphrase = self._passphrase()
        if len(passphrase) < LEAST_PASSPHRASE_CHARACTERS:
            self._given = None
            raise UsageError(
                f"the passphrase has {len(passphrase)} characters, "
                f"but at least {LEAST_PASSPHRASE_CHARACTERS} are required",
                hint="five words from a list are easy to keep and hard to guess",
            )
        return seal_with_passphrase(content, passphrase)

    def unwrap(self, wrapped: bytes) -> bytes:
        """
        Return what was sealed.

        Raises:
            SourceError: the passphrase is wrong, or the file is damaged.
        """
        content = open_with_passphrase(wrapped, self._passphrase())
        if content is None:
            self._given = None
            raise SourceError(
                "the passphrase of the site keys is wrong",
                hint="try again; without it, only a recovery identity opens what was sealed",
            )
        return content

    def _passphrase(self) -> str:
        if self._given is None:
            self._given = self._ask()
        return self._given


def protector_for(settings: KeySettings, passphrase: Callable[[], str] | None) -> KeyProtector:
    """
    Return what *settings* ask for; *passphrase* asks a person, ``None`` when nobody can.

    Raises:
        ConfigError: the settings lack what that protection needs.
        SourceError: a passphrase is needed, and nobody can be asked.
    """
    match settings.protection:
        case KeyProtection.FILE:
            return FileProtector()
        case KeyProtection.PASSPHRASE:
            if passphrase is None:
                raise SourceError(
                    "the site keys need their passphrase, and there is nobody to ask",
                    hint="set SEALGATE_KEY_PASSPHRASE_FILE to a file that holds it",
                )
            return PassphraseProtector(passphrase)
        case KeyProtection.CREDENTIAL:
            return CredentialProtector(settings.key)
        case KeyProtection.VAULT:
            return ServiceProtector(Vault(settings.address, settings.key))
        case KeyProtection.AWS_KMS:
            return ServiceProtector(AWSKMS(settings.key, settings.address))

"""
What can keep the key file closed, one line each; ``protection`` under ``[keys]`` chooses.

A file that is readable and a passphrase stand here, every other in a file of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.errors import SourceError, UsageError
from sealgate.policy.files import UNPROTECTED
from sealgate.storage.adapters import aws_kms, credential, vault
from sealgate.storage.adapters.keystore_seal import open_with_passphrase, seal_with_passphrase
from sealgate.storage.keyring import KeyProtection

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import KeySettings
    from sealgate.storage.keyring import KeyProtector

# NIST SP 800-63B-4, 3.1.1.2, asks 15 of a password that is the only factor; scrypt with
# 2^18 rounds stands between a stolen file and its guesses here, so the same is asked.
LEAST_PASSPHRASE_CHARACTERS = 15
# A file that holds the passphrase, for a service and for scripts.
PASSPHRASE_FILE = "SEALGATE_KEY_PASSPHRASE_FILE"  # noqa: S105  # the name of a variable


class FileProtector:
    """No protection but the file's mode: whoever reads the disk has the keys."""

    def wrap(self, content: bytes) -> bytes:
        """Return *content* as it is."""
        return content

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return *wrapped* as it is."""
        return wrapped


class PassphraseProtector:
    """Seals the key file with a passphrase (age, scrypt), which is asked for once."""

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


def _open_passphrase(_: KeySettings, ask: Callable[[], str] | None) -> PassphraseProtector:
    if ask is None:
        raise SourceError(
            "the site keys need their passphrase, and there is nobody to ask",
            hint=f"set {PASSPHRASE_FILE} to a file that holds it",
        )
    return PassphraseProtector(ask)


FILE = KeyProtection(UNPROTECTED, lambda _settings, _ask: FileProtector(), is_apart=False)
PASSPHRASE = KeyProtection("passphrase", _open_passphrase, beside=(PASSPHRASE_FILE,))
PROTECTIONS: tuple[KeyProtection, ...] = (
    FILE,
    PASSPHRASE,
    credential.PROTECTION,
    vault.PROTECTION,
    aws_kms.PROTECTION,
)


def protection_of(name: str) -> KeyProtection:
    """
    Return the protection that is called *name*.

    Raises:
        ValueError: there is none.
    """
    for protection in PROTECTIONS:
        if protection.name == name:
            return protection
    raise ValueError(f'"{name}" is no protection')


def protector_for(settings: KeySettings, passphrase: Callable[[], str] | None) -> KeyProtector:
    """
    Return what *settings* ask for; *passphrase* asks a person, ``None`` when nobody can.

    Raises:
        ConfigError: the settings lack what that protection needs.
        SourceError: a passphrase is needed, and nobody can be asked.
    """
    return protection_of(settings.protection).open(settings, passphrase)

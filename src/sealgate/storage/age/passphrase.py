"""The recipient type scrypt: a file sealed with a passphrase (c2sp.org/age, RFC 7914)."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from sealgate.storage.age.encoding import encode_base64
from sealgate.storage.age.errors import AgeError, HeaderError
from sealgate.storage.age.header import Stanza
from sealgate.storage.age.wrapping import (
    check_stanza,
    decode_argument,
    open_file_key,
    seal_file_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TYPE = "scrypt"
# The work is 2 to the power of this; 18 takes 256 MiB and about a second.
WORK_FACTOR = 18
# Beyond it a hostile file would take the memory of the whole host: 20 takes 1 GiB.
MAX_WORK_FACTOR = 20

_LABEL = b"age-encryption.org/v1/scrypt"
_SALT_BYTES = 16
_DECIMAL = re.compile(r"[1-9][0-9]?", re.ASCII)


class PassphraseRecipient:
    """Whoever knows a passphrase. It is the only recipient of its file."""

    __slots__ = ("_passphrase", "_work_factor")

    # A symmetric key of that strength is not what a quantum computer breaks.
    is_post_quantum = True
    is_alone = True

    def __init__(self, passphrase: str, *, work_factor: int = WORK_FACTOR) -> None:
        """
        Take the passphrase; the work is 2 to the power of *work_factor*.

        Raises:
            ValueError: the passphrase is empty, or the factor not in 1 to 20.
        """
        if not passphrase or not 1 <= work_factor <= MAX_WORK_FACTOR:
            raise ValueError("a passphrase must not be empty, nor the work too much")
        self._passphrase = passphrase.encode()
        self._work_factor = work_factor

    def __str__(self) -> str:
        """Return what it is, not the passphrase."""
        return "a passphrase"

    def wrap(self, file_key: bytes) -> tuple[Stanza, ...]:
        """Return one stanza with a salt of its own."""
        salt = secrets.token_bytes(_SALT_BYTES)
        wrap_key = _stretch(self._passphrase, salt, self._work_factor)
        arguments = (encode_base64(salt), str(self._work_factor))
        return (Stanza(TYPE, arguments, seal_file_key(wrap_key, file_key)),)


class PassphraseIdentity:
    """A passphrase that somebody gave, or is asked for when a file needs it."""

    __slots__ = ("_ask", "_max_work_factor")

    def __init__(
        self, passphrase: str | Callable[[], str], *, max_work_factor: int = MAX_WORK_FACTOR
    ) -> None:
        """Take the passphrase; files that ask for more than *max_work_factor* are refused."""
        self._ask = passphrase if callable(passphrase) else lambda: passphrase
        self._max_work_factor = max_work_factor

    def recipient(self) -> PassphraseRecipient:
        """Return the side that seals."""
        return PassphraseRecipient(self._ask())

    def unwrap(self, stanzas: Sequence[Stanza]) -> bytes | None:
        """
        Return the file key when the passphrase is the right one, else ``None``.

        Raises:
            HeaderError: the stanza breaks the format, stands beside another, or asks for too
                much work.
        """
        if not any(stanza.type == TYPE for stanza in stanzas):
            return None
        if len(stanzas) != 1:
            raise HeaderError("a passphrase is not the file's only recipient")
        (stanza,) = stanzas
        check_stanza(stanza, 2)
        salt = decode_argument(stanza, 0, _SALT_BYTES)
        if not _DECIMAL.fullmatch(stanza.args[1]):
            raise HeaderError("the work factor of the passphrase is no number in range")
        work_factor = int(stanza.args[1])
        if work_factor > self._max_work_factor:
            raise HeaderError(
                f"the passphrase asks for a work factor of {work_factor}, "
                f"at most {self._max_work_factor} is allowed"
            )
        return open_file_key(_stretch(self._ask().encode(), salt, work_factor), stanza.body)


def _stretch(passphrase: bytes, salt: bytes, work_factor: int) -> bytes:
    try:
        return Scrypt(salt=_LABEL + salt, length=32, n=1 << work_factor, r=8, p=1).derive(
            passphrase
        )
    except MemoryError:
        needed = (1 << work_factor) * 8 * 128 >> 20
        raise AgeError(f"the passphrase needs {needed} MiB of memory to be checked") from None

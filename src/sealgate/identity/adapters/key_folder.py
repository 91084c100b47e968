"""
Keeps private keys as files of one folder, each named by its moment and its thumbprint.

Unencrypted files of mode 0600 in a folder of mode 0700: whoever has the folder can sign as its
owner. A key is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealgate.errors import SourceError, UsageError
from sealgate.files import write_durably

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

_NAME = re.compile(r"(\d{1,15})-([A-Za-z0-9_-]{43})\.pem")


class Named(Protocol):
    """A key that has a thumbprint (RFC 7638)."""

    @property
    def kid(self) -> str:
        """Return the thumbprint."""
        ...


K = TypeVar("K", bound=Named)


class KeyFolder(Generic[K]):
    """
    The keys in *folder*: *made_of* gives one of its PEM text and its moment, *moment* that.

    *damaged* is the error to raise for a key that is not what its name says. The caller
    makes the folder, and locks it to change anything.
    """

    def __init__(
        self,
        folder: Path,
        made_of: Callable[[bytes, float], K],
        moment: Callable[[K], float],
        damaged: Callable[[], SourceError],
    ) -> None:
        self._folder = folder
        self._made_of = made_of
        self._moment = moment
        self._damaged = damaged

    def read(self) -> tuple[K, ...]:
        """
        Return the keys, the first by its moment first.

        Raises:
            SourceError: the folder cannot be read, or a key in it is damaged.
        """
        try:
            files = [(path, _NAME.fullmatch(path.name)) for path in self._folder.glob("*.pem")]
            found = [self._named(path, match) for path, match in files if match]
        except OSError as error:
            message = f'"{self._folder}" cannot be read: {error.strerror}'
            raise SourceError(message, hint=f"ls -ld '{self._folder}'") from error
        except UsageError as error:
            raise self._damaged() from error
        return tuple(sorted(found, key=self._moment))

    def keep(self, private: PrivateKeyTypes, moment: float) -> K:
        """
        Return *private* as the key of *moment*, once it is on the disk.

        Raises:
            SourceError: the folder cannot be written.
        """
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        key = self._made_of(pem, float(int(moment)))
        write_durably(self._folder / self._name(key), pem, 0o600)
        return key

    def remove(self, keys: Iterable[K]) -> None:
        """Remove *keys*, as far as that can be done."""
        for key in keys:
            with contextlib.suppress(OSError):
                (self._folder / self._name(key)).unlink()

    def _named(self, path: Path, name: re.Match[str]) -> K:
        key = self._made_of(path.read_bytes(), float(name[1]))
        if key.kid != name[2]:
            raise UsageError(f'"{path}" has the name of another key')
        return key

    def _name(self, key: K) -> str:
        return f"{int(self._moment(key))}-{key.kid}.pem"

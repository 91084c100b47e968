"""
Keeps the keys that answers over plain HTTP are signed with: ``signing/SITE/*.pem`` in the state folder.

Unencrypted files of mode 0600 in folders of mode 0700, as the keys of sessions are: whoever
has the folder can speak for the site. A key is there whole or not at all, and its name tells
from when on it signs and its thumbprint. Keys are never replaced by time alone: devices pin
them, so a person decides when (:meth:`SigningKeys.rotate`).
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealgate.errors import SourceError, UsageError
from sealgate.identity.adapters.durable import locked, private_folder, write_durably
from sealgate.signing.keys import SigningKey, current_key, kept_keys, signing_key

if TYPE_CHECKING:
    from collections.abc import Iterable

SIGNING_FOLDER = "signing"
_NAME = re.compile(r"(\d{1,15})-([A-Za-z0-9_-]{43})\.pem")


class SigningKeys:
    """
    The keys of *site* (its first domain) below *state_folder*; several processes may look.
    """

    def __init__(self, state_folder: str, site: str) -> None:
        self._folder = Path(state_folder).absolute() / SIGNING_FOLDER / site

    def held(self) -> tuple[SigningKey, ...]:
        """
        Return the keys that are there, the first to begin first; nothing is changed.

        Raises:
            SourceError: the folder cannot be read, or a key in it is damaged.
        """
        return self._read() if self._folder.exists() else ()

    def keys(self, now: float) -> tuple[SigningKey, ...]:
        """
        Return the keys that count at *now*; the first one is made, old ones are removed.

        Raises:
            SourceError: the folder cannot be used, or a key in it is damaged.
        """
        private_folder(self._folder.parent)
        private_folder(self._folder)
        with locked(self._folder):
            held = self._read() or (self._make(now),)
            kept = kept_keys(held, now)
            self._remove(key for key in held if key not in kept)
        return kept

    def rotate(self, now: float, *, after_seconds: float) -> SigningKey:
        """
        Make the next key, which signs after *after_seconds* and is published at once.

        With 0 it signs from now on and the keys before it are gone: for one that became known.

        Raises:
            UsageError: a next key waits already.
            SourceError: the folder cannot be used, or a key in it is damaged.
        """
        self.keys(now)
        with locked(self._folder):
            held = self._read()
            if not after_seconds:
                made = self._make(now)
                self._remove(key for key in held if key.kid != made.kid)
                return made
            if any(key.begins_at > now for key in held if key != current_key(held, now)):
                raise UsageError(
                    "a next key is published already, and signs later",
                    hint="sealgate keys signing lists it; --after 0 replaces all at once",
                )
            return self._make(now + after_seconds)

    def _read(self) -> tuple[SigningKey, ...]:
        try:
            files = [(path, _NAME.fullmatch(path.name)) for path in self._folder.glob("*.pem")]
            found = [_named(path, match) for path, match in files if match]
        except OSError as error:
            message = f'"{self._folder}" cannot be read: {error.strerror}'
            raise SourceError(message, hint=f"ls -ld '{self._folder}'") from error
        except UsageError as error:
            message = f'a key in "{self._folder}" is damaged'
            raise SourceError(message, hint="put it back from a backup, or remove it") from error
        return tuple(sorted(found, key=lambda key: key.begins_at))

    def _make(self, begins_at: float) -> SigningKey:
        private = Ed25519PrivateKey.generate()
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        key = signing_key(pem, float(int(begins_at)))
        write_durably(self._folder / _name(key), pem, 0o600)
        return key

    def _remove(self, keys: Iterable[SigningKey]) -> None:
        for key in keys:
            with contextlib.suppress(OSError):
                (self._folder / _name(key)).unlink()


def _named(path: Path, name: re.Match[str]) -> SigningKey:
    key = signing_key(path.read_bytes(), float(name[1]))
    if key.kid != name[2]:
        raise UsageError(f'"{path}" has the name of another key')
    return key


def _name(key: SigningKey) -> str:
    return f"{int(key.begins_at)}-{key.kid}.pem"

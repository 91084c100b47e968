"""
Keeps the keys that answers over plain HTTP are signed with: ``signing/SITE/*.pem`` in the state folder.

Unencrypted, as the keys of sessions are (:mod:`sealgate.identity.adapters.key_folder`): whoever has
the folder can speak for the site. A key's name tells from when on it signs. Keys are never replaced
by time alone: devices pin them, so a person decides when (:meth:`SigningKeys.rotate`).
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealgate.errors import SourceError, UsageError
from sealgate.files import locked, private_folder
from sealgate.identity.adapters.key_folder import KeyFolder
from sealgate.signing.keys import SigningKey, current_key, kept_keys, signing_key

SIGNING_FOLDER = "signing"


class SigningKeys:
    """The keys of *site* (its first domain) below *state_folder*; several processes may look."""

    def __init__(self, state_folder: str, site: str) -> None:
        self._folder = Path(state_folder).absolute() / SIGNING_FOLDER / site
        self._held = KeyFolder(
            self._folder, signing_key, lambda key: key.begins_at, lambda: _damaged(self._folder)
        )

    def held(self) -> tuple[SigningKey, ...]:
        """
        Return the keys that are there, the first to begin first; nothing is changed.

        Raises:
            SourceError: the folder cannot be read, or a key in it is damaged.
        """
        return self._held.read() if self._folder.exists() else ()

    def keys(self, now: float) -> tuple[SigningKey, ...]:
        """
        Return the keys that count at *now*; the first one is made, old ones are removed.

        Raises:
            SourceError: the folder cannot be used, or a key in it is damaged.
        """
        private_folder(self._folder.parent)
        private_folder(self._folder)
        with locked(self._folder):
            held = self._held.read() or (self._make(now),)
            kept = kept_keys(held, now)
            self._held.remove(key for key in held if key not in kept)
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
            held = self._held.read()
            if not after_seconds:
                made = self._make(now)
                self._held.remove(key for key in held if key.kid != made.kid)
                return made
            if any(key.begins_at > now for key in held if key != current_key(held, now)):
                raise UsageError(
                    "a next key is published already, and signs later",
                    hint="sealgate keys signing lists it; --after 0 replaces all at once",
                )
            return self._make(now + after_seconds)

    def _make(self, begins_at: float) -> SigningKey:
        return self._held.keep(Ed25519PrivateKey.generate(), begins_at)


def _damaged(folder: Path) -> SourceError:
    message = f'a key in "{folder}" is damaged'
    return SourceError(message, hint="put it back from a backup, or remove it")

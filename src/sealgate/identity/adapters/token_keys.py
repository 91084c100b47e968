"""
Keeps the keys that sign sessions, and what sites are told: in the state folder, by their age.

Unencrypted, as the authorities' keys are (:mod:`sealgate.identity.adapters.key_folder`): whoever
has the folder can let anybody in. A key's name tells when it was made.
"""

from __future__ import annotations

import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from sealgate.errors import SourceError
from sealgate.files import locked, private_folder
from sealgate.identity.adapters.key_folder import KeyFolder
from sealgate.identity.tokens import TokenKey, is_due, kept_keys, token_key

SESSIONS_FOLDER = "sessions"
# What is signed with these opens nothing at the gateway (sealgate.identity.assertions).
IDENTITIES_FOLDER = "identities"
# New signing keys are announced for minutes before they sign, so this is often enough.
_REMEMBERED_SECONDS = 30.0


class TokenKeys:
    """The signing keys in *folder* below *state_folder*; several processes may look after them."""

    def __init__(self, state_folder: str, folder: str = SESSIONS_FOLDER) -> None:
        self._folder = Path(state_folder).absolute() / folder
        self._held = KeyFolder(
            self._folder, token_key, lambda key: key.made_at, lambda: _damaged(self._folder)
        )

    def keys(self, now: float) -> tuple[TokenKey, ...]:
        """
        Return the keys that tokens in date are signed with, the newest last.

        A new one is made when it is time, and old ones are removed. Call it at the start
        and every few minutes, and have the gateway know :func:`~.tokens.key_set` of it.

        Raises:
            SourceError: the folder cannot be used, or a key in it is damaged.
        """
        private_folder(self._folder)
        with locked(self._folder):
            held = self._held.read()
            if is_due(held, now):
                held = (*held, self._held.keep(ec.generate_private_key(ec.SECP256R1()), now))
            kept = kept_keys(held, now)
            self._held.remove(key for key in held if key not in kept)
        return kept


class RememberedKeys:
    """The keys of *kept*, read anew now and then; any thread may ask."""

    def __init__(self, kept: TokenKeys) -> None:
        self._kept = kept
        self._keys: tuple[TokenKey, ...] = ()
        self._at = float("-inf")
        self._lock = threading.Lock()

    def keys(self, now: float) -> tuple[TokenKey, ...]:
        """
        Return the keys as they were half a minute ago, at the most.

        Raises:
            SourceError: the folder cannot be used, or a key in it is damaged.
        """
        with self._lock:
            if not self._at <= now < self._at + _REMEMBERED_SECONDS:
                self._keys = self._kept.keys(now)
                self._at = now
            return self._keys


def _damaged(folder: Path) -> SourceError:
    return SourceError(
        f'a key of sessions in "{folder}" is damaged',
        hint=f"rm '{folder}'/*.pem ends every session, and new keys are made",
    )

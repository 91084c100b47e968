"""
Keeps the keys that sign sessions, and what sites are told: in the state folder, by their age.

Unencrypted files of mode 0600 in a folder of mode 0700, as the authorities' keys are:
whoever has the folder can let anybody in. A key is there whole or not at all, and its name
tells when it was made and its thumbprint.
"""

from __future__ import annotations

import contextlib
import re
import threading
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealgate.errors import SourceError, UsageError
from sealgate.identity.adapters.durable import locked, private_folder, write_durably
from sealgate.identity.tokens import TokenKey, is_due, kept_keys, token_key

SESSIONS_FOLDER = "sessions"
# What is signed with these opens nothing at the gateway (sealgate.identity.assertions).
IDENTITIES_FOLDER = "identities"
# New signing keys are announced for minutes before they sign, so this is often enough.
_REMEMBERED_SECONDS = 30.0
_NAME = re.compile(r"(\d{1,15})-([A-Za-z0-9_-]{43})\.pem")


class TokenKeys:
    """
    The signing keys in *folder* below *state_folder*; several processes may look after them.
    """

    def __init__(self, state_folder: str, folder: str = SESSIONS_FOLDER) -> None:
        self._folder = Path(state_folder).absolute() / folder

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
            held = self._read()
            if is_due(held, now):
                held = (*held, self._make(now))
            kept = kept_keys(held, now)
            for key in held:
                if key not in kept:
                    with contextlib.suppress(OSError):
                        (self._folder / _name(key)).unlink()
        return kept

    def _read(self) -> tuple[TokenKey, ...]:
        try:
            files = [(path, _NAME.fullmatch(path.name)) for path in self._folder.glob("*.pem")]
            found = [_named(path, match) for path, match in files if match]
        except OSError as error:
            message = f'"{self._folder}" cannot be read: {error.strerror}'
            raise SourceError(message, hint=f"ls -ld '{self._folder}'") from error
        except UsageError as error:
            raise _damaged(self._folder) from error
        return tuple(sorted(found, key=lambda key: key.made_at))

    def _make(self, now: float) -> TokenKey:
        private = ec.generate_private_key(ec.SECP256R1())
        pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        key = token_key(pem, float(int(now)))
        write_durably(self._folder / _name(key), pem, 0o600)
        return key


class RememberedKeys:
    """
    The keys of *kept*, read anew now and then; any thread may ask.
    """

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


def _named(path: Path, name: re.Match[str]) -> TokenKey:
    key = token_key(path.read_bytes(), float(name[1]))
    if key.kid != name[2]:
        raise UsageError(f'"{path}" has the name of another key')
    return key


def _name(key: TokenKey) -> str:
    return f"{int(key.made_at)}-{key.kid}.pem"


def _damaged(folder: Path) -> SourceError:
    return SourceError(
        f'a key of sessions in "{folder}" is damaged',
        hint=f"rm '{folder}'/*.pem ends every session, and new keys are made",
    )

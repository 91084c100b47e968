"""
The key that seals who may come in: a file of the state folder, made when the first rows are.

Unencrypted, as the keys of sessions are (:mod:`sealgate.identity.adapters.key_folder`): whoever
has the folder can write what counts. It holds against who can write the database and nothing
else. Beside it lies the last entry of the trail that this host wrote.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import SourceError
from sealgate.files import (
    locked,
    private_folder,
    sync_folder,
    write_durably,
)
from sealgate.identity.adapters.sealed_rows import KEY_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

KEY_NAME = "register.key"
HEAD_NAME = "register.head"
# The key while the rows of before are sealed with it.
_COMING = "register.key.coming"


class RowKey:
    """The key in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    def obtain(self, is_sealed: Callable[[], bool | None], seal: Callable[[bytes], None]) -> bytes:
        """
        Return the key; without one, make it, and have *seal* seal with it what is there.

        *is_sealed* tells whether the rows of the database are sealed already, ``None`` where
        there are no tables yet.

        Raises:
            SourceError: the rows are sealed and their key is not here, or there is a key and
                the rows are not sealed any more, or gone; or the folder cannot be used.
        """
        held = self._read(KEY_NAME)
        if held is not None and is_sealed():
            return held
        with locked(private_folder(self._folder)):
            held, sealed = self._read(KEY_NAME), is_sealed()
            if held is not None:
                if sealed is False:
                    raise self._unsealed()
                if sealed is None:
                    self._require_first()
                    seal(held)
                return held
            coming = self._read(_COMING)
            if sealed and coming is None:
                raise self._absent()
            if coming is None:
                self._require_first()
                coming = secrets.token_bytes(KEY_BYTES)
                write_durably(self._folder / _COMING, coming.hex().encode(), 0o600)
            if not sealed:
                seal(coming)
            self._settle()
            return coming

    def head(self) -> tuple[int, str] | None:
        """
        Return number and digest of the last entry of the trail that was written here.

        Raises:
            SourceError: what was written cannot be read.
        """
        held = self._content(HEAD_NAME)
        if held is None:
            return None
        try:
            number, digest = json.loads(held)
            return int(number), str(digest)
        except (ValueError, TypeError):
            return None

    def note_head(self, number: int, digest: str) -> None:
        """
        Keep that the trail came to its entry *number*.

        Raises:
            SourceError: the folder cannot be written.
        """
        held = self.head()
        if held is None or held[0] < number:
            text = json.dumps([number, digest])
            write_durably(self._folder / HEAD_NAME, text.encode("ascii"), 0o600)

    def _content(self, name: str) -> str | None:
        path = self._folder / name
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            told = error.strerror if isinstance(error, OSError) else "it is no text of ours"
            raise SourceError(f'"{path}" cannot be read: {told}', hint=f"ls -l '{path}'") from error

    def _read(self, name: str) -> bytes | None:
        path, text = self._folder / name, self._content(name)
        if text is None:
            return None
        with contextlib.suppress(ValueError):
            key = bytes.fromhex(text.strip())
            if len(key) == KEY_BYTES:
                return key
        raise SourceError(f'"{path}" holds no key', hint="restore it from a backup")

    def _settle(self) -> None:
        try:
            (self._folder / _COMING).replace(self._folder / KEY_NAME)
            sync_folder(self._folder)
        except OSError as error:
            raise SourceError(
                f'"{self._folder}" cannot be written: {error.strerror}',
                hint=f"ls -ld '{self._folder}'",
            ) from error

    def _require_first(self) -> None:
        written = self._folder / HEAD_NAME
        if self._content(HEAD_NAME) is not None:
            raise SourceError(
                "the database holds no sealed users and keys, though this host wrote some",
                hint=f"restore the database; to begin with an empty one: rm '{written}'",
            )

    def _absent(self) -> SourceError:
        return SourceError(
            f'users and keys in the database are sealed, but their key "{self._folder / KEY_NAME}" '
            "is not here",
            hint="copy register.key from the host that made it, or from a backup",
        )

    def _unsealed(self) -> SourceError:
        return SourceError(
            f'there is a key "{self._folder / KEY_NAME}", but users and keys in the database are '
            "not sealed, as before it was made",
            hint="restore the database; if it is right, remove register.key to seal what is there",
        )

"""A drop with its open store, and the rules that the drop itself makes."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING

from sealgate.policy.inventory import OnMismatch
from sealgate.protocols.model import TransferError
from sealgate.protocols.session.temporary_names import final_name
from sealgate.storage.model import StorageError, Trouble
from sealgate.storage.paths import RESERVED_PREFIX, collision_key

if TYPE_CHECKING:
    from sealgate.policy.inventory import Drop
    from sealgate.storage.model import Store, StorePath

# Uploads that are looked at before they are acknowledged lie in the first until then;
# what did not pass lies in the second. No client can name them (storage/paths.py).
INCOMING = f"{RESERVED_PREFIX}-incoming"
QUARANTINE = f"{RESERVED_PREFIX}-quarantine"
SEALED_ENDING = ".age"
# Of a folder with more names, only so many are compared.
_MAX_SIBLINGS = 10_000


@dataclass(frozen=True, slots=True)
class OpenDrop:
    """
    One drop at work.

    *is_strictest*: its class is the strictest of the model, so that no upload can be of a
    stricter one, and none is looked at.
    """

    drop: Drop
    store: Store
    is_strictest: bool = False

    @property
    def name(self) -> str:
        """Return the name of the folder that clients see."""
        return self.drop.name

    @property
    def inspects_first(self) -> bool:
        """Return whether uploads are looked at before they are acknowledged."""
        return self.drop.on_mismatch is not OnMismatch.RECORD and not self.is_strictest

    @property
    def is_sealed_elsewhere(self) -> bool:
        """Return whether this host cannot open what lies here, and delivers it sealed."""
        return not self.store.rung.stored.opens_here

    def check_name(self, name: str) -> None:
        """
        Return if a file of this drop may be called *name*.

        Raises:
            TransferError: BAD_NAME.
        """
        patterns = self.drop.file_names
        judged = final_name(name)
        if patterns and not any(fnmatchcase(judged, pattern) for pattern in patterns):
            raise TransferError(
                Trouble.BAD_NAME,
                f"files of this drop are called {' or '.join(patterns)}",
            )

    def make_hidden(self, folder: str) -> None:
        """
        Make one of the folders that no client sees, if it is not there.

        Raises:
            StorageError: it cannot be made.
        """
        try:
            self.store.make_folder((folder,))
        except StorageError as error:
            if error.trouble is not Trouble.EXISTS:
                raise


class Siblings:
    """
    The names in the folders of one session, to tell collisions without a look at each.

    A folder is read once; what the session itself does is followed. Changes of others
    are not, so this keeps accidents off a client, and nobody out.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[str, StorePath], dict[str, str]] = {}

    def check(self, drop: OpenDrop, path: StorePath) -> None:
        """
        Return if no other name beside *path* is the same file for some client.

        Raises:
            TransferError: BAD_NAME.
            StorageError: the folder cannot be read; NOT_FOUND.
        """
        names = self._names(drop, path[:-1])
        other = names.get(collision_key(path[-1]))
        if other is not None and other != path[-1]:
            raise TransferError(
                Trouble.BAD_NAME,
                "there is a file here whose name differs only in case or spelling",
            )

    def added(self, drop: OpenDrop, path: StorePath) -> None:
        """Note that *path* is there."""
        names = self._known.get((drop.name, path[:-1]))
        if names is not None and len(names) < _MAX_SIBLINGS:
            names.setdefault(collision_key(path[-1]), path[-1])

    def removed(self, drop: OpenDrop, path: StorePath) -> None:
        """Note that *path*, and all below it, is there no more."""
        names = self._known.get((drop.name, path[:-1]))
        if names is not None and names.get(collision_key(path[-1])) == path[-1]:
            del names[collision_key(path[-1])]
        for key in [k for k in self._known if k[0] == drop.name and k[1][: len(path)] == path]:
            del self._known[key]

    def _names(self, drop: OpenDrop, folder: StorePath) -> dict[str, str]:
        key = (drop.name, folder)
        names = self._known.get(key)
        if names is None:
            listed = islice(drop.store.list(folder), _MAX_SIBLINGS)
            names = {collision_key(entry.path[-1]): entry.path[-1] for entry in listed}
            self._known[key] = names
        return names


def close_quietly(drop: OpenDrop) -> None:
    """Let go of the store of *drop*, whatever it says."""
    with contextlib.suppress(StorageError):
        drop.store.close()

"""
The store of a drop that is fenced off: nothing is given out, nothing is taken.

It stands where a damaged store would, so that its drop is refused with a reason and not
taken for an empty or a removed one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from sealgate.policy.protection import StorageRung
from sealgate.storage.model import Entry, StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.storage.model import Space, StorePath, StoreReader, StoreWriter


class FencedStore:
    """
    A :class:`~sealgate.storage.model.Store` that refuses everything, because of *reason*.

    *rung* is what its files are to have; none of them is reached.
    """

    is_remote = False

    def __init__(self, rung: StorageRung, reason: str) -> None:
        self._rung = rung
        self.reason = reason

    @property
    def rung(self) -> StorageRung:
        """Return how it is to keep bytes."""
        return self._rung

    def stat(self, path: StorePath) -> Entry:
        """Return the root alone, which is there in any case."""
        if path:
            self._refuse()
        return Entry((), is_folder=True, size=0, modified_at=0.0)

    def list(self, path: StorePath) -> Iterator[Entry]:  # noqa: ARG002  # every place is refused
        """Refuse: an empty list would tell that files are gone."""
        self._refuse()

    def open_read(self, path: StorePath) -> StoreReader:  # noqa: ARG002  # every place is refused
        """Refuse."""
        self._refuse()

    def open_raw(self, path: StorePath) -> StoreReader:  # noqa: ARG002  # every place is refused
        """Refuse."""
        self._refuse()

    def open_write(
        self,
        path: StorePath,  # noqa: ARG002  # every place is refused
        *,
        owner: str,  # noqa: ARG002  # whoever it is
        resume: bool = False,  # noqa: ARG002  # nothing is begun
        allow: Callable[[Entry | None], None] | None = None,  # noqa: ARG002  # nobody knows what is there
        meant_for: StorePath | None = None,  # noqa: ARG002  # nothing is begun
    ) -> StoreWriter:
        """Refuse."""
        self._refuse()

    def rename(self, old: StorePath, new: StorePath, *, replace: bool) -> None:  # noqa: ARG002  # every place is refused
        """Refuse."""
        self._refuse()

    def remove(self, path: StorePath) -> None:  # noqa: ARG002  # every place is refused
        """Refuse."""
        self._refuse()

    def make_folder(self, path: StorePath) -> None:  # noqa: ARG002  # every place is refused
        """Refuse."""
        self._refuse()

    def remove_folder(self, path: StorePath) -> None:  # noqa: ARG002  # every place is refused
        """Refuse."""
        self._refuse()

    def set_modified(self, path: StorePath, modified_at: float) -> None:  # noqa: ARG002  # every place is refused
        """Refuse."""
        self._refuse()

    def space(self) -> Space:
        """Refuse."""
        self._refuse()

    def close(self) -> None:
        """Let go of nothing."""

    def _refuse(self) -> NoReturn:
        raise StorageError(Trouble.TAMPERED, self.reason, hint="sealgate verify")

"""
The anchor: what shows that all records of a store were put back to an older state.

It lies apart from the store and says which change came last, with a MAC. It is written
after the change is durable and need not reach the disk at once: it may say less than is
true, never more. So a store that is behind its anchor was rolled back.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import struct
from typing import TYPE_CHECKING

from sealgate.files import sync_folder
from sealgate.storage.adapters.medium import failed
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.storage.record import Vouching

# What the name of its file ends in, behind a dot.
ENDING = "anchor"
ID_BYTES = 16
_FORM = struct.Struct(f">{ID_BYTES}sq32s")


class Anchor:
    """
    The anchor of the store *name* in the file *path*, made when it is first raised.

    One that *is_known* was raised before: empty or gone, it vouches for nothing.
    """

    def __init__(self, path: Path, name: str, *, is_known: bool = False) -> None:
        self.path = path
        self.name = name
        self.is_known = is_known
        self._descriptor = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
            if os.geteuid() == 0 and not self._content():
                # What root's commands make, the service must write.
                owner = path.parent.stat()
                os.fchown(self._descriptor, owner.st_uid, owner.st_gid)
        except OSError as error:
            raise failed(f'anchor "{path}"', error) from error

    @property
    def is_used(self) -> bool:
        """Return whether the store was at work before, as far as is known here."""
        return self.is_known or bool(self._content())

    @property
    def hint(self) -> str:
        """Return what to type to have the store as it is now."""
        return f"to have it as it is now: sealgate verify {self.name} --accept"

    def seq(self, vouching: Vouching, store_id: bytes) -> int:
        """
        Return the last change that it knows of; 0 while it is empty.

        Raises:
            StorageError: TAMPERED: it belongs to another store, was not written by us, or was lost.
        """
        content = self._content()
        if not content and not self.is_known:
            return 0
        seq = _said(content, vouching, store_id)
        if seq is not None:
            return seq
        told = "does not belong to its records" if content else "was lost"
        raise StorageError(
            Trouble.TAMPERED,
            f'the anchor of store "{self.name}" {told}: whether it is the newest cannot be told',
            hint=f"restore '{self.path}' from a backup; {self.hint}",
        )

    def raise_to(self, vouching: Vouching, store_id: bytes, seq: int) -> None:
        """
        Say that change *seq* was made; never lowers it. A failure is no fault of the change.

        One that is known and was changed from outside stays so: it is missed when it is compared.
        """
        content = self._content()
        said = _said(content, vouching, store_id)
        if self.is_known if said is None else seq <= said:
            return
        # One write of 56 bytes at the beginning of a page is seen whole or not at all.
        with contextlib.suppress(OSError):
            form = _FORM.pack(store_id, seq, vouching.anchor_mac(store_id, seq))
            os.pwrite(self._descriptor, form, 0)
            if not content:
                # It is missed from now on: the first one outlives a power cut.
                os.fsync(self._descriptor)
                sync_folder(self.path.parent)

    def forget(self) -> bytes:
        """
        Have it say nothing; return what it said, whoever wrote that.

        Raises:
            StorageError: it cannot be written.
        """
        content = self._content()
        try:
            os.ftruncate(self._descriptor, 0)
        except OSError as error:
            raise failed(f'anchor "{self.path}"', error) from error
        return content

    def put_back(self, content: bytes) -> None:
        """Have it say *content* again, what :meth:`forget` returned."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, content, 0)

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _content(self) -> bytes:
        # One byte more, so that what is longer is none of ours.
        return os.pread(self._descriptor, _FORM.size + 1, 0)


def _said(content: bytes, vouching: Vouching, store_id: bytes) -> int | None:
    """Return the last change that *content* knows of, ``None`` when we did not write it."""
    if len(content) != _FORM.size:
        return None
    whose, seq, mac = _FORM.unpack(content)
    is_ours = whose == store_id and hmac.compare_digest(mac, vouching.anchor_mac(whose, seq))
    return int(seq) if is_ours else None

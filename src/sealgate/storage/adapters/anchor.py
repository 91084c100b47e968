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
    The anchor in the file *path*, made when it is first raised.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o600)
        except OSError as error:
            raise failed(f'anchor "{path}"', error) from error

    def store_id(self) -> bytes | None:
        """
        Return which store it belongs to, unverified; ``None`` while it is empty.
        """
        content = os.pread(self._descriptor, _FORM.size, 0)
        return content[:ID_BYTES] if content else None

    def seq(self, vouching: Vouching, store_id: bytes) -> int:
        """
        Return the last change that it knows of; 0 while it is empty.

        Raises:
            StorageError: TAMPERED: it belongs to another store, or was not written by us.
        """
        content = os.pread(self._descriptor, _FORM.size, 0)
        if not content:
            return 0
        if len(content) == _FORM.size:
            whose, seq, mac = _FORM.unpack(content)
            if whose == store_id and hmac.compare_digest(mac, vouching.anchor_mac(whose, seq)):
                return int(seq)
        raise StorageError(
            Trouble.TAMPERED,
            f'anchor "{self.path}" does not belong to the records of this store',
            hint=f"restore the store, or take its state as it is: rm '{self.path}'",
        )

    def raise_to(self, vouching: Vouching, store_id: bytes, seq: int) -> None:
        """
        Say that change *seq* was made; never lowers it. A failure is no fault of the change.
        """
        content = os.pread(self._descriptor, _FORM.size, 0)
        if len(content) == _FORM.size and seq <= _FORM.unpack(content)[1]:
            return
        # One write of 56 bytes at the beginning of a page is seen whole or not at all.
        with contextlib.suppress(OSError):
            form = _FORM.pack(store_id, seq, vouching.anchor_mac(store_id, seq))
            os.pwrite(self._descriptor, form, 0)

    def close(self) -> None:
        """
        Let go of the file.
        """
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

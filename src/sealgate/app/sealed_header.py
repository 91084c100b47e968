"""
What a file is worth at rest by its own header: for whom it is sealed, if it is at all.

No key is needed. The header is not authenticated by that, so this says what was meant, and
not that nobody changed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.protection import StorageRung, rung_of_sealed
from sealgate.storage.age.errors import AgeError
from sealgate.storage.age.file import read_header

if TYPE_CHECKING:
    from pathlib import Path

# Stanzas that only somebody with a post-quantum identity opens.
_HYBRID = "mlkem768x25519"
# Stanzas that open nothing: the id of an object, and noise (age, "grease").
_OPENS_NOTHING = ("sealgate.object", "-grease")


def sealed_rung(path: Path) -> StorageRung:
    """
    Return what the recipients of the file at *path* make it worth, ``PROTECTED`` when it is not sealed.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            _, header, _ = read_header(file)
        except AgeError:
            return StorageRung.PROTECTED
    kinds = {s.type for s in header.stanzas if not s.type.endswith(_OPENS_NOTHING)}
    return rung_of_sealed(post_quantum=kinds == {_HYBRID})

"""
What the site says of each file, and how it vouches for it.

A record binds a path, class, owner, size and times to one object, by the object's random
id and its *binding* (a digest of its age header, or the MAC of its chunks' tags). Its own MAC is
HMAC-SHA256 (FIPS 198-1) over an encoding in which no two records look the same.

Old records are genuine, too. So the MACs of all records that hold now are summed in a
tree of 16 x 16 x 16 leaves, chosen by the path: a leaf's total is the sum of a secret
function of each MAC below it modulo 2^256, a node's that of its children (multiset hash
by addition, Clarke et al., ASIACRYPT 2003; a Merkle tree in the sense of RFC 6962, 2.1,
whose order does not matter). The head holds the total of all, a sequence number and a MAC
over both: whoever puts an old record back must put back everything, and the sequence
number kept elsewhere (the anchor) shows that.

Pure: no disk, no clock.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from sealgate.policy.protection import StorageRung
from sealgate.storage.model import Entry
from sealgate.storage.paths import given

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.storage.model import StorePath

MAC_BYTES = 32
# Hex digits of a path's hash that choose its leaf; one level of the tree for each.
DEPTH = 3
# Where a file is: with the others, or set aside where no listing shows it.
FILES, QUARANTINE = 0, 1
# Two megabytes of values that were computed before.
_VALUES_KEPT = 8192
_MODULUS = 1 << 8 * MAC_BYTES
_NUMBERS = struct.Struct(">BBBqddqq")


@dataclass(frozen=True, slots=True)
class Record:
    """
    One file or folder as the site vouches for it.

    *size* is that of the plain content, *object_size* that of the object. *stored_at* is
    when this version became visible; retention counts from it. *seq* is the change that
    made this record. A folder has neither object nor binding.
    """

    path: StorePath
    area: int
    is_folder: bool
    classification: str
    owner: str
    size: int
    modified_at: float
    stored_at: float
    seq: int
    rung: StorageRung = StorageRung.NONE
    object_id: str = ""
    object_size: int = 0
    binding: bytes = b""

    @property
    def entry(self) -> Entry:
        """Return what a client sees of it."""
        return Entry(
            self.path,
            self.is_folder,
            self.size,
            self.modified_at,
            self.owner,
            self.classification,
            object_id=self.object_id,
        )


@dataclass(frozen=True, slots=True)
class Head:
    """The state of all records together: how often they changed, what they add up to."""

    store_id: bytes
    seq: int
    files: int
    size: int
    total: bytes


class Vouching:
    """Makes and compares the MACs of one store's records, under keys that belong to it alone."""

    def __init__(self, record_key: bytes, store_id: bytes) -> None:
        # RFC 5869, 3.2: what the output is for stands in info.
        kdf = HKDF(SHA256(), 4 * MAC_BYTES, salt=store_id, info=b"sealgate/store/1")
        keys = kdf.derive(record_key)
        self._record, self._sum, self._head, self.content_key = (
            keys[i : i + MAC_BYTES] for i in range(0, len(keys), MAC_BYTES)
        )
        self._values: dict[bytes, int] = {}

    def mac(self, record: Record) -> bytes:
        """Return the MAC of *record*."""
        return hmac.digest(self._record, encode(record), "sha256")

    def is_genuine(self, record: Record, mac: bytes) -> bool:
        """Return whether *mac* was made for *record* by this site; says nothing of its age."""
        try:
            return hmac.compare_digest(self.mac(record), mac)
        except (AttributeError, TypeError, ValueError, struct.error):
            # SQLite keeps whatever is put into a column; we never put that.
            return False

    def upload_mac(self, *fields: str | float | bytes) -> bytes:
        """Return the MAC of what is noted of an unfinished upload."""
        text = b"".join(_framed(str(f).encode() if not isinstance(f, bytes) else f) for f in fields)
        return hmac.digest(self._record, b"sealgate/upload/1\0" + text, "sha256")

    def head_mac(self, head: Head) -> bytes:
        """Return the MAC of *head*."""
        numbers = struct.pack(">qqq", head.seq, head.files, head.size)
        return hmac.digest(self._head, b"head" + numbers + head.total + head.store_id, "sha256")

    def anchor_mac(self, store_id: bytes, seq: int) -> bytes:
        """Return the MAC of the anchor, which says that change *seq* was made."""
        return hmac.digest(self._head, b"anchor" + struct.pack(">q", seq) + store_id, "sha256")

    def of_records(self, macs: Iterable[bytes]) -> bytes:
        """Return the total of a leaf whose records have these *macs*."""
        total = sum(self._value(b"r", mac) for mac in macs)
        return (total % _MODULUS).to_bytes(MAC_BYTES, "big")

    def of_nodes(self, nodes: Iterable[tuple[str, bytes]]) -> bytes:
        """Return the total of a node whose children are *nodes* (prefix, total)."""
        total = sum(self._value(p.encode(), t) for p, t in nodes)
        return (total % _MODULUS).to_bytes(MAC_BYTES, "big")

    def with_records(self, total: bytes, old: bytes | None, new: bytes | None) -> bytes:
        """Return a leaf's *total* after the record of MAC *old* gave way to *new*."""
        return self._moved(total, b"r", old, new)

    def with_node(self, total: bytes, prefix: str, old: bytes | None, new: bytes) -> bytes:
        """Return a node's *total* after its child *prefix* went from *old* to *new*."""
        return self._moved(total, prefix.encode(), old, new)

    def _moved(self, total: bytes, label: bytes, old: bytes | None, new: bytes | None) -> bytes:
        value = int.from_bytes(total, "big")
        if old is not None:
            value -= self._value(label, old)
        if new is not None:
            value += self._value(label, new)
        return (value % _MODULUS).to_bytes(MAC_BYTES, "big")

    def _value(self, label: bytes, content: bytes) -> int:
        # Most of what a look adds up was there in the last one: a tenth of the time.
        key = label + content
        value = self._values.get(key)
        if value is None:
            if len(self._values) >= _VALUES_KEPT:
                self._values.clear()
            value = int.from_bytes(hmac.digest(self._sum, key, "sha256"), "big")
            self._values[key] = value
        return value


NOTHING = bytes(MAC_BYTES)


def encode(record: Record) -> bytes:
    """Return *record* as bytes; two that differ in anything differ here."""
    numbers = _NUMBERS.pack(
        record.area,
        record.is_folder,
        record.rung,
        record.size,
        record.modified_at,
        record.stored_at,
        record.seq,
        record.object_size,
    )
    texts = ("/".join(record.path), record.classification, record.owner, record.object_id)
    framed = b"".join(_framed(text.encode()) for text in texts)
    whole = b"sealgate/record/1\0" + numbers + framed + _framed(record.binding)
    # Only where it differs: records from before there was such a name stay genuine.
    told = "".join(map(given, record.path[-1:]))
    return whole if told in record.path[-1:] else whole + _framed(told.encode())


def leaf_of(area: int, path: StorePath) -> str:
    """Return the leaf of the tree in which the record of *path* is counted."""
    text = f"{area}/{'/'.join(path)}".encode()
    return hashlib.sha256(text).hexdigest()[:DEPTH]


def _framed(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content

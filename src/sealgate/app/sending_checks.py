"""Compares what lies at the other side with what was sent or came."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, BinaryIO

from sealgate.client.sending import RemoteError

if TYPE_CHECKING:
    from sealgate.client.sending import Remote

_READ_BYTES = 1024 * 1024


class Way(StrEnum):
    """How a file was compared, best first."""

    DIGEST = "SHA-256 by the other side"
    READ_BACK = "read back and compared"
    SIZE = "its size only"
    NOTHING = "nothing: the other side tells nothing of it"


@dataclass(frozen=True, slots=True)
class Checked:
    """How a file was compared, and its SHA-256 (hex) as it went over the wire."""

    way: Way
    digest: str


def hashed(file: BinaryIO, length: int) -> hashlib._Hash:
    """Return the SHA-256 of the next *length* bytes of *file*, which is then behind them."""
    digest = hashlib.sha256()
    while length > 0 and (chunk := file.read(min(length, _READ_BYTES))):
        digest.update(chunk)
        length -= len(chunk)
    return digest


def beginning_matches(remote: Remote, path: str, file: BinaryIO, length: int) -> bool:
    """
    Return whether the *length* bytes at *path* are those that *file* begins with.

    *file* is at its beginning before and after. What cannot be compared does not match.
    """
    ours = hashed(file, length).hexdigest()
    file.seek(0)
    try:
        theirs = remote.digest(path, length=length)
        if theirs is None:
            theirs, got = _read_back(remote, path)
            if got != length:
                return False
    except RemoteError:
        return False
    return theirs == ours


def check_whole(
    remote: Remote,
    path: str,
    digest: str,
    size: int,
    *,
    resumed: bool = False,
    reread: bool = True,
) -> Checked:
    """
    Return how the file at *path* was compared with *digest* and *size*.

    With *reread* it is read back when the other side gives no digest.

    Raises:
        RemoteError: it is something else.
    """
    way = Way.DIGEST
    try:
        theirs = remote.digest(path)
        if theirs is None and reread:
            way, (theirs, _) = Way.READ_BACK, _read_back(remote, path)
    except RemoteError:
        theirs = None
    if theirs is not None:
        if theirs != digest:
            hint = "send it again with --no-resume" if resumed else "send it again"
            raise RemoteError(f'what lies at "{path}" is not what was sent', hint=hint)
        return Checked(way, digest)
    try:
        there = remote.size(path)
    except RemoteError:
        there = None
    if there is None:
        return Checked(Way.NOTHING, digest)
    if there != size:
        message = f'at "{path}" lie {there} bytes, {size} were moved'
        raise RemoteError(message, hint="do it again")
    return Checked(Way.SIZE, digest)


def _read_back(remote: Remote, path: str) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in remote.download(path):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size

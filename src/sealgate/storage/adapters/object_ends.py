"""
One object of an S3-compatible store as it is written and as it is read.

What makes it visible, and when, is told in :mod:`sealgate.storage.adapters.objects`.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.storage.adapters.object_lock import ObjectLock
    from sealgate.storage.adapters.objects import ObjectsMedium
    from sealgate.storage.model import Buffer

# AWS, "Amazon S3 multipart upload limits": a part has at least 5 MiB, but for the last,
# and there are at most 10,000. Parts of 32 MiB carry a file of 312 GiB.
FIRST_PART_BYTES = 8 << 20
PART_BYTES = 32 << 20
_GROWN_AFTER = 16
# What one request may copy inside the store.
_COPY_BYTES = 256 << 20
# What one who reads on is given in advance: one request for some 16 of his.
_AHEAD_BYTES = 8 << 20


@dataclass
class _Multipart:
    upload_id: str
    parts: list[dict[str, Any]] = field(default_factory=list)


class ObjectsSink:
    """An object being written: *kept* bytes of it are there already, to be copied."""

    def __init__(self, medium: ObjectsMedium, name: str, lock: ObjectLock, kept: int = 0) -> None:
        self._medium = medium
        self._name = name
        self._key = medium.key(name)
        self._lock = lock
        self._kept = kept
        self._is_kept = kept > 0
        self._multipart: _Multipart | None = None
        self._buffer = bytearray()
        self._is_finished = False
        self.size = kept

    def write(self, parts: Sequence[Buffer]) -> None:
        """Append *parts*; they are sent when they make a part of a multipart upload."""
        if self._kept:
            kept, self._kept, self.size = self._kept, 0, 0
            self._append(self._name, 0, kept)
        for part in parts:
            self._buffer += part
            self.size += len(part)
        self._send(final=False)

    def copy(self, source: str, offset: int) -> None:
        """Append the object *source* from *offset* on; the store copies."""
        self._append(source, offset, self._medium.open(source).size)

    def finish(self) -> None:
        """Make the object visible, whole."""
        if self._is_kept and self._multipart is None and not self._buffer:
            return
        if self._multipart is None:
            self._medium.call("put_object", Key=self._key, Body=bytes(self._buffer), **self._only())
        else:
            self._send(final=True)
            self._medium.call(
                "complete_multipart_upload",
                Key=self._key,
                UploadId=self._multipart.upload_id,
                MultipartUpload={"Parts": self._multipart.parts},
                **self._only(),
            )
        self._is_finished = True
        self._multipart = None
        self._buffer.clear()

    def keep(self) -> None:
        """Make what is there visible, for a resume, and let go."""
        try:
            self.finish()
        finally:
            self.close()

    def drop(self) -> None:
        """Abort, or remove the object."""
        with contextlib.suppress(StorageError):
            self._abort()
            if self._is_finished or self._is_kept:
                self._medium.remove(self._name)
        self._lock.release()

    def close(self) -> None:
        """Let go; what was not finished is aborted."""
        with contextlib.suppress(StorageError):
            self._abort()
        self._lock.release()

    def _only(self) -> dict[str, str]:
        # A kept object gives way to its continuation; nothing else is written over.
        return {} if self._is_kept else {"IfNoneMatch": "*"}

    def _append(self, source: str, offset: int, end: int) -> None:
        medium = self._medium
        opened = medium.open(source)
        # A copied part must not be a small one: fill up what is buffered first.
        if end - offset <= FIRST_PART_BYTES + PART_BYTES:
            self._read_in(opened, offset, end)
            return
        if self._buffer:
            lead = max(0, FIRST_PART_BYTES - len(self._buffer))
            self._read_in(opened, offset, offset + lead)
            offset += lead
            self._send(final=True)
        while end - offset > PART_BYTES:
            step = min(_COPY_BYTES, end - offset - FIRST_PART_BYTES)
            multipart = self._begun()
            number = len(multipart.parts) + 1
            done = medium.call(
                "upload_part_copy",
                Key=self._key,
                UploadId=multipart.upload_id,
                PartNumber=number,
                CopySource={"Bucket": medium.bucket, "Key": medium.key(source)},
                CopySourceRange=f"bytes={offset}-{offset + step - 1}",
                CopySourceIfMatch=opened.tag,
            )
            multipart.parts.append({"PartNumber": number, "ETag": done["CopyPartResult"]["ETag"]})
            self.size += step
            offset += step
        self._read_in(opened, offset, end)

    def _read_in(self, opened: ObjectsSource, offset: int, end: int) -> None:
        while offset < end:
            piece = opened.read_at(offset, min(FIRST_PART_BYTES, end - offset))
            if not piece:
                raise StorageError(Trouble.FAILED, "an object ended early")
            self._buffer += piece
            self.size += len(piece)
            offset += len(piece)
            self._send(final=False)

    def _begun(self) -> _Multipart:
        if self._multipart is None:
            made = self._medium.call("create_multipart_upload", Key=self._key)
            self._multipart = _Multipart(made["UploadId"])
        return self._multipart

    def _send(self, *, final: bool) -> None:
        done = len(self._multipart.parts) if self._multipart else 0
        wanted = PART_BYTES if done >= _GROWN_AFTER else FIRST_PART_BYTES
        while len(self._buffer) >= wanted or (final and self._buffer):
            body = bytes(self._buffer[:wanted])
            multipart = self._begun()
            number = len(multipart.parts) + 1
            sent = self._medium.call(
                "upload_part",
                Key=self._key,
                UploadId=multipart.upload_id,
                PartNumber=number,
                Body=body,
            )
            multipart.parts.append({"PartNumber": number, "ETag": sent["ETag"]})
            del self._buffer[:wanted]

    def _abort(self) -> None:
        if self._multipart is not None:
            upload_id, self._multipart = self._multipart.upload_id, None
            self._medium.call("abort_multipart_upload", Key=self._key, UploadId=upload_id)


class ObjectsSource:
    """An object opened for reading; *tag* makes sure that every read is of the same one."""

    def __init__(self, medium: ObjectsMedium, name: str, size: int, tag: str) -> None:
        self._medium = medium
        self._key = medium.key(name)
        self.size = size
        self.tag = tag
        self._at = 0
        self._window = b""
        self._next = -1

    def read_at(self, offset: int, size: int) -> bytes:
        """Return up to *size* bytes from *offset*; whoever reads on gets more with one request."""
        end = min(offset + size, self.size)
        if offset >= end:
            return b""
        if not (self._at <= offset and end <= self._at + len(self._window)):
            ahead = _AHEAD_BYTES if offset == self._next else 0
            self._window = self._fetch(offset, min(max(end, offset + ahead), self.size))
            self._at = offset
        self._next = end
        return self._window[offset - self._at : end - self._at]

    def _fetch(self, offset: int, end: int) -> bytes:
        found = self._medium.call(
            "get_object", Key=self._key, Range=f"bytes={offset}-{end - 1}", IfMatch=self.tag
        )
        with contextlib.closing(found["Body"]) as body:
            try:
                return bytes(body.read())
            except Exception as error:
                message = f"an object cannot be read: {type(error).__name__}"
                raise StorageError(Trouble.FAILED, message) from error

    def close(self) -> None:
        """Let go of it: nothing is held."""

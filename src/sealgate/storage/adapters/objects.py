"""
Objects in an S3-compatible store, through boto3 (extra ``s3``).

Small objects are one conditional PUT (``If-None-Match: *``), so that nothing is ever
written over; larger ones a multipart upload, which shows nothing until it is completed. A
broken-off upload is completed as it is, and gone on with by copying its parts inside the
store. Who writes which object is locked by files in a local folder: several hosts over one
bucket do not see each other's, and wait for the age of what is left instead. Who writes which name
they tell each other in the database of the records (:mod:`.shared_names`).
"""

from __future__ import annotations

import contextlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealgate.storage.adapters.medium import Lying, MediumKind
from sealgate.storage.adapters.object_lock import ObjectLock
from sealgate.storage.model import Space, StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import PurePath

    from sealgate.storage.model import Buffer

_UNLIMITED = 1 << 60
# What S3 takes for a bucket: 3 to 63 characters, no dot beside a dot.
_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_URL = re.compile(r"s3://(?P<bucket>[^/]*)(?:/(?P<prefix>.*))?", re.DOTALL)
_EXAMPLE = "s3://partners/inbox"
_ENDPOINT = "SEALGATE_S3_ENDPOINT"
_TROUBLES = {
    "NoSuchKey": Trouble.NOT_FOUND,
    "404": Trouble.NOT_FOUND,
    "PreconditionFailed": Trouble.EXISTS,
    "ConditionalRequestConflict": Trouble.BUSY,
    "AccessDenied": Trouble.DENIED,
    "403": Trouble.DENIED,
    "InvalidAccessKeyId": Trouble.DENIED,
    "SignatureDoesNotMatch": Trouble.DENIED,
    "QuotaExceeded": Trouble.QUOTA,
    "XMinioStorageFull": Trouble.NO_SPACE,
}


def open_objects(url: str, locks: Path) -> ObjectsMedium:
    """
    Return the medium at *url*, ``s3://BUCKET/PREFIX``; *locks* is a folder of this host.

    Credentials and region come from where boto3 looks for them; another endpoint than
    Amazon's from the variable ``SEALGATE_S3_ENDPOINT`` or boto3's own ``AWS_ENDPOINT_URL``.

    Raises:
        StorageError: the extra is not installed, or boto3 is not configured.
    """
    try:
        import boto3  # noqa: PLC0415  # optional, and slow to load
        from botocore.config import Config  # noqa: PLC0415
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ModuleNotFoundError as error:
        message = f'store "{url}" needs boto3, which is not installed'
        hint = "pip install 'sealgate[s3]'"
        raise StorageError(Trouble.UNSUPPORTED, message, hint=hint) from error
    bucket, _, prefix = url.removeprefix("s3://").partition("/")
    settings = Config(
        retries={"mode": "standard", "max_attempts": 4},
        connect_timeout=10,
        read_timeout=60,
        max_pool_connections=32,
    )
    try:
        client = boto3.session.Session().client(
            "s3", endpoint_url=os.environ.get(_ENDPOINT), config=settings
        )
    except (BotoCoreError, ValueError) as error:
        message = f'store "{url}" cannot be reached: {type(error).__name__}'
        hint = "set AWS_REGION and credentials, as for the aws command"
        raise StorageError(Trouble.FAILED, message, hint=hint) from error
    locks.mkdir(parents=True, exist_ok=True, mode=0o700)
    return ObjectsMedium(client, bucket, prefix.strip("/"), locks, (BotoCoreError, ClientError))


class ObjectsMedium:
    """The objects below *prefix* of *bucket*, through boto3's *client*, which threads may share."""

    is_remote = True
    device: int | None = None

    def __init__(
        self,
        client: Any,
        bucket: str,
        prefix: str,
        locks: Path,
        errors: tuple[type[Exception], ...],
    ) -> None:
        self.client = client
        self.bucket = bucket
        self._prefix = f"{prefix}/objects/" if prefix else "objects/"
        self._locks = locks
        self._errors = errors

    def key(self, name: str) -> str:
        """Return the key of the object *name*."""
        return f"{self._prefix}{name[:2]}/{name}"

    def call(self, verb: str, **arguments: Any) -> Any:
        """
        Call the client.

        Raises:
            StorageError: it failed; the message carries no more than the code.
        """
        try:
            return getattr(self.client, verb)(Bucket=self.bucket, **arguments)
        except self._errors as error:
            response = getattr(error, "response", {})
            code = str(response.get("Error", {}).get("Code") or type(error).__name__)
            trouble = _TROUBLES.get(code, Trouble.FAILED)
            message = f'bucket "{self.bucket}": {verb.replace("_", " ")}: {code}'
            hint = "let the credentials read, write and list the bucket"
            raise StorageError(
                trouble, message, hint=hint if trouble is Trouble.DENIED else None
            ) from error

    def create(self, name: str) -> ObjectsSink:
        """Begin the object *name*."""
        return ObjectsSink(self, name, ObjectLock(self._locks / name))

    def reopen(self, name: str) -> ObjectsSink:
        """Go on with an object that was kept: its bytes are copied when more of them come."""
        lock = ObjectLock(self._locks / name)
        try:
            size = self.call("head_object", Key=self.key(name))["ContentLength"]
        except BaseException:
            lock.release()
            raise
        return ObjectsSink(self, name, lock, kept=size)

    def open(self, name: str) -> ObjectsSource:
        """Open an object."""
        found = self.call("head_object", Key=self.key(name))
        return ObjectsSource(self, name, found["ContentLength"], found["ETag"])

    def remove(self, name: str) -> None:
        """Remove an object."""
        self.call("delete_object", Key=self.key(name))

    def is_held(self, name: str) -> bool:
        """Return whether a living writer on this host holds the object."""
        try:
            lock = ObjectLock(self._locks / name)
        except StorageError as error:
            return error.trouble is Trouble.BUSY
        lock.release()
        return False

    def lying(self) -> Iterator[Lying]:
        """Yield every object."""
        for found in self._pages("list_objects_v2", "Contents"):
            place = found["Key"].removeprefix(self._prefix)
            first, _, name = place.partition("/")
            shown = name if name[:2] == first else place
            yield Lying(shown, found["Size"], found["LastModified"].timestamp())

    def space(self) -> Space:
        """Return that there is no end."""
        return Space(_UNLIMITED, _UNLIMITED, _UNLIMITED, _UNLIMITED)

    def tidy(self, older_than: float) -> int:
        """Abort multipart uploads that were begun before *older_than* and that nobody here holds."""
        count = 0
        for found in self._pages("list_multipart_uploads", "Uploads"):
            first, _, name = found["Key"].removeprefix(self._prefix).partition("/")
            # What is under another kind of name was begun by somebody else.
            is_own = "/" not in name and len(name) > 1 and name[:2] == first
            if not is_own or found["Initiated"].timestamp() >= older_than:
                continue
            try:
                # Held meanwhile: nobody goes on with what is being aborted.
                lock = ObjectLock(self._locks / name)
            except StorageError:
                continue
            try:
                self.call("abort_multipart_upload", Key=found["Key"], UploadId=found["UploadId"])
                count += 1
            finally:
                lock.release()
        return count

    def close(self) -> None:
        """Let go of connections."""
        self.client.close()

    def _pages(self, verb: str, part: str) -> Iterator[dict[str, Any]]:
        try:
            pages = self.client.get_paginator(verb).paginate(
                Bucket=self.bucket, Prefix=self._prefix
            )
            for page in pages:
                yield from page.get(part, ())
        except self._errors as error:
            message = f'bucket "{self.bucket}" cannot be listed: {type(error).__name__}'
            raise StorageError(Trouble.FAILED, message) from error


def _read(text: str, _beside: PurePath) -> str | None:
    found = _URL.fullmatch(text)
    if found is None:
        return None
    if not _BUCKET.fullmatch(found["bucket"]):
        raise _unfit("must have a bucket of 3 to 63 small letters, digits, dots and hyphens")
    prefix = (found["prefix"] or "").strip("/")
    segments = prefix.split("/") if prefix else []
    if any(segment in {"", ".", ".."} for segment in segments) or not prefix.isprintable():
        raise _unfit('must have a prefix without empty, "." or ".." segments')
    return f"s3://{found['bucket']}" + (f"/{prefix}" if prefix else "")


def _unfit(message: str) -> StorageError:
    return StorageError(Trouble.UNSUPPORTED, message, hint=f'such as "{_EXAMPLE}"')


KIND = MediumKind("s3", "s3://BUCKET/PREFIX", _EXAMPLE, _read, open_objects)


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

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

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealgate.storage.adapters.medium import Lying, MediumKind
from sealgate.storage.adapters.object_ends import ObjectsSink, ObjectsSource
from sealgate.storage.adapters.object_lock import ObjectLock
from sealgate.storage.model import Space, StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePath

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

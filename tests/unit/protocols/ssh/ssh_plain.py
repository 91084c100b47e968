# ruff: noqa: ARG002, D102  # stand-ins say what they do by the protocol
"""The protocols that the SSH server talks to, over a plain folder: small, strict about order."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.protocols.model import Method, TransferError
from sealgate.storage.model import Entry, Space, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.protocols.model import Channel, KeyOffer, MoreProof
    from sealgate.storage.model import Buffer


class PlainReader:
    """An open file."""

    def __init__(self, entry: Entry, path: Path) -> None:
        self.entry = entry
        self._file = os.open(path, os.O_RDONLY)

    def read_at(self, offset: int, size: int) -> bytes:
        return os.pread(self._file, size, offset)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class PlainUpload:
    """An upload: ``.part`` beside the file until it is closed."""

    def __init__(self, folder: PlainFiles, path: Path, *, resume: bool) -> None:
        self._folder = folder
        self._path = path
        self._part = path.with_name(path.name + ".part")
        if resume and path.exists() and not self._part.exists():
            shutil.copyfile(path, self._part)
        flags = os.O_WRONLY | os.O_CREAT | (0 if resume else os.O_TRUNC)
        self._file = os.open(self._part, flags, 0o600)
        self.offset = os.lseek(self._file, 0, os.SEEK_END)
        self._modified_at: float | None = None

    def write_at(self, offset: int, data: Buffer) -> None:
        if offset != self.offset:
            raise TransferError(Trouble.UNSUPPORTED, "out of order")
        limit = self._folder.quota_bytes
        if limit is not None and offset + len(data) > limit:
            raise TransferError(Trouble.QUOTA, "the quota of the drop is used up", rule="quota")
        os.write(self._file, data)
        self.offset += len(data)

    def set_modified(self, modified_at: float) -> None:
        self._modified_at = modified_at

    def close(self) -> None:
        os.close(self._file)
        self._file = -1
        if self._folder.refuse_close:
            raise TransferError(Trouble.DENIED, "it holds secrets", rule="drop-class-exceeded")
        if self._modified_at is not None:
            os.utime(self._part, (self._modified_at, self._modified_at))
        self._part.rename(self._path)
        self._folder.closed.append(self._path.name)

    def abort(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._folder.aborted.append(self._path.name)


@dataclass
class PlainFiles:
    """What a caller sees: one folder."""

    root: Path
    remote: bool = False
    quota_bytes: int | None = None
    refuse_close: bool = False
    delay_seconds: float = 0.0
    closed: list[str] = field(default_factory=list)
    aborted: list[str] = field(default_factory=list)
    left: bool = False
    tell: Callable[[], None] | None = None

    def _at(self, path: bytes | str) -> Path:
        text = path.decode("utf-8", "surrogateescape") if isinstance(path, bytes) else path
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        parts = [one for one in text.split("/") if one not in {"", "."}]
        if ".." in parts or "\0" in text:
            raise TransferError(Trouble.BAD_NAME, "no way up")
        return self.root.joinpath(*parts)

    def is_remote(self, path: bytes | str) -> bool:
        return self.remote

    def on_change(self, tell: Callable[[], None]) -> None:
        self.tell = tell

    def real_path(self, path: bytes | str) -> str:
        return "/" + str(self._at(path).relative_to(self.root)).removeprefix(".")

    def _entry(self, at: Path) -> Entry:
        part = at.with_name(at.name + ".part")
        partial = not at.exists() and part.exists()
        try:
            found = (part if partial else at).stat()
        except (FileNotFoundError, NotADirectoryError):
            raise TransferError(Trouble.NOT_FOUND, "no such file") from None
        path = at.relative_to(self.root).parts
        folder = at.is_dir()
        size = 0 if folder else found.st_size
        return Entry(path, folder, size, found.st_mtime, owner="anna", partial=partial)

    def stat(self, path: bytes | str) -> Entry:
        return self._entry(self._at(path))

    def list(self, path: bytes | str) -> Iterator[Entry]:
        at = self._at(path)
        if not at.is_dir():
            raise TransferError(Trouble.NOT_FOUND, "no such folder")
        return iter([self._entry(one) for one in sorted(at.iterdir()) if one.suffix != ".part"])

    def open_read(self, path: bytes | str) -> PlainReader:
        at = self._at(path)
        entry = self._entry(at)
        if entry.is_folder:
            raise TransferError(Trouble.IS_FOLDER, "it is a folder")
        return PlainReader(entry, at)

    def open_write(
        self,
        path: bytes | str,
        *,
        resume: bool = False,
        part_only: bool = False,
        exclusive: bool = False,
    ) -> PlainUpload:
        at = self._at(path)
        if at.is_dir():
            raise TransferError(Trouble.IS_FOLDER, "it is a folder")
        if exclusive and at.exists():
            raise TransferError(Trouble.EXISTS, "it is there")
        if at.name.startswith("forbidden"):
            raise TransferError(Trouble.DENIED, "nobody may write that", rule="name-rule")
        try:
            return PlainUpload(self, at, resume=resume)
        except FileNotFoundError:
            raise TransferError(Trouble.NOT_FOUND, "no such folder") from None

    def rename(self, old: bytes | str, new: bytes | str, *, replace: bool) -> None:
        source, target = self._at(old), self._at(new)
        self._entry(source)
        if target.exists() and not replace:
            raise TransferError(Trouble.EXISTS, "it is there")
        source.rename(target)

    def remove(self, path: bytes | str) -> None:
        at = self._at(path)
        if self._entry(at).partial:
            at = at.with_name(at.name + ".part")
        at.unlink()

    def make_folder(self, path: bytes | str) -> None:
        try:
            self._at(path).mkdir()
        except FileExistsError:
            raise TransferError(Trouble.EXISTS, "it is there") from None

    def remove_folder(self, path: bytes | str) -> None:
        try:
            self._at(path).rmdir()
        except OSError:
            raise TransferError(Trouble.NOT_EMPTY, "it is not empty") from None

    def set_modified(self, path: bytes | str, modified_at: float) -> None:
        os.utime(self._at(path), (modified_at, modified_at))

    def space(self, path: bytes | str) -> Space:
        return Space(1 << 30, 1 << 29, 1000, 900)

    def close(self) -> None:
        self.left = True


@dataclass
class PlainAuthenticator:
    """Lets *name* in with *keys* or *password*; refuses what *refusal* says."""

    files: PlainFiles
    name: str = "anna"
    keys: set[str] = field(default_factory=set)
    password: str = "correct horse"
    needs: frozenset[Method] = frozenset()
    refusal: TransferError | None = None
    too_many: set[str] = field(default_factory=set)
    tunnels: set[tuple[str, int]] = field(default_factory=set)
    channels: list[Channel] = field(default_factory=list)
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    greeted: list[str] = field(default_factory=list)

    def greet(self, peer: str) -> None:
        self.greeted.append(peer)
        if peer in self.too_many:
            raise TransferError(Trouble.DENIED, "too many failed attempts from this address")

    def knows_key(self, name: str, offer: KeyOffer) -> bool:
        return name == self.name and offer.fingerprint in self.keys

    def is_usual(self, name: str, peer: str) -> bool:
        return False

    def check_password(self, name: str, password: str, peer: str) -> bool:
        right = name == self.name and password == self.password
        if not right:
            self.failures.append((name, peer, "wrong"))
        return right

    def more_proof(
        self, name: str, methods: frozenset[Method], channel: Channel, *, key: str
    ) -> MoreProof | None:
        return None

    def check_second(
        self, name: str, typed: str, peer: str, ways: frozenset[Method]
    ) -> Method | None:
        return Method.PASSWORD if self.check_password(name, typed, peer) else None

    def failed(self, name: str, peer: str, why: str) -> None:
        self.failures.append((name, peer, why))

    def sign_in(
        self, name: str, methods: frozenset[Method], channel: Channel, *, key: str = ""
    ) -> PlainFiles:
        self.channels.append(channel)
        missing = self.needs - methods
        if missing:
            raise TransferError(
                Trouble.DENIED, f"a {min(missing).value} is missing", rule="access-two-factors"
            )
        if self.refusal is not None:
            raise self.refusal
        return self.files

    def may_tunnel(
        self,
        name: str,
        methods: frozenset[Method],
        channel: Channel,
        host: str,
        port: int,
        *,
        key: str = "",
        is_open: bool = False,
    ) -> None:
        if (host, port) not in self.tunnels:
            raise TransferError(Trouble.DENIED, "no tunnel to there is declared")


def make_tree(root: Path, files: dict[str, bytes]) -> None:
    """Write *files* under *root*."""
    for name, content in files.items():
        at = root / name
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(content)


@contextlib.contextmanager
def umask(mode: int) -> Iterator[None]:
    """Hold the process's umask at *mode*."""
    old = os.umask(mode)
    try:
        yield
    finally:
        os.umask(old)

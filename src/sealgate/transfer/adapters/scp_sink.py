"""Files on their way in over SCP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.storage.model import Trouble
from sealgate.transfer.adapters.scp_conversation import (
    MAX_DEPTH,
    NUL,
    REFUSALS,
    SCPConversation,
    SCPProtocolError,
)
from sealgate.transfer.model import TransferError

if TYPE_CHECKING:
    from sealgate.transfer.model import Uploading

# A file of any size that there is; more digits are no time, either.
_MAX_DIGITS = 18


class SCPSink(SCPConversation):
    """Takes what the client sends."""

    async def _converse(self) -> None:
        target = self._asked.paths[0]
        is_folder = await self._call(target, lambda: self._is_folder(target))
        if self._asked.must_be_folder and not is_folder:
            raise TransferError(Trouble.NOT_FOLDER, f"{target}: not a folder")
        await self._send(NUL)
        await self._take_into(target, is_folder, 0)

    def _is_folder(self, path: str) -> bool:
        try:
            return self._files.stat(path).is_folder
        except REFUSALS as error:
            if error.trouble is Trouble.NOT_FOUND:
                return False
            raise

    async def _take_into(self, target: str, is_folder: bool, depth: int) -> None:  # noqa: FBT001
        """Take what the client sends to *target* until its folder or its word ends."""
        modified_at: float | None = None
        while True:
            try:
                line = await self._line()
            except EOFError:
                if depth or self._arrived:
                    raise
                return
            kind, rest = line[:1], line[1:]
            if kind == b"E":
                await self._send(NUL)
                return
            if kind in {b"\1", b"\2"}:
                self._failed = True
                if kind == b"\2":
                    return
                continue
            if kind == b"T":
                modified_at = _time(rest)
                await self._send(NUL)
                continue
            if kind not in {b"C", b"D"}:
                raise SCPProtocolError("protocol error: unexpected line")
            size, name = _announced(rest)
            path = f"{target.rstrip('/')}/{name}" if is_folder else target
            if kind == b"C":
                await self._take_file(path, size, modified_at)
            else:
                await self._take_folder(path, depth)
            modified_at = None

    async def _take_folder(self, path: str, depth: int) -> None:
        if not self._asked.recursive or depth >= MAX_DEPTH:
            raise SCPProtocolError("protocol error: folder without -r, or too deep")
        try:
            if not await self._call(path, lambda: self._is_folder(path)):
                await self._call(path, lambda: self._files.make_folder(path))
        except REFUSALS as error:
            self._warn(f"{path}: {error.message}")
            return
        await self._send(NUL)
        await self._take_into(path, True, depth + 1)

    async def _take_file(self, path: str, size: int, modified_at: float | None) -> None:
        try:
            upload = await self._call(path, lambda: self._files.open_write(path))
        except REFUSALS as error:
            self._warn(f"{path}: {error.message}")
            return
        self._open.append(upload)
        await self._send(NUL)
        trouble = await self._take_bytes(path, upload, size)
        try:
            if not await self._acknowledged() and not trouble:
                trouble = "the client could not read all of it"
        except EOFError:
            # libssh2 (curl) ends here without the last byte; all that was announced has come.
            if not self._ended or self._arrived:
                raise
        self._open.remove(upload)
        if not trouble:
            try:
                if modified_at is not None:
                    upload.set_modified(modified_at)
                await self._call(path, upload.close)
            except REFUSALS as error:
                trouble = error.message
        if trouble:
            upload.abort()
            self._warn(f"{path}: {trouble}")
        else:
            await self._send(NUL)

    async def _take_bytes(self, path: str, upload: Uploading, size: int) -> str:
        """Take *size* bytes; return what went wrong, the bytes are taken off the wire anyway."""
        left, trouble = size, ""
        while left:
            while not self._arrived:
                await self._more()
            data = bytes(memoryview(self._arrived)[:left])
            del self._arrived[: len(data)]
            left -= len(data)
            if trouble:
                continue
            try:
                await self._call(path, lambda data=data: upload.write_at(upload.offset, data))  # type: ignore[misc]
            except REFUSALS as error:
                trouble = error.message
        return trouble


def _time(rest: bytes) -> float:
    """Return the modification time of a ``T`` line."""
    words = rest.split(b" ")
    if len(words) != 4 or not all(map(_is_number, words)):  # noqa: PLR2004
        raise SCPProtocolError("protocol error: times not understood")
    return float(words[0])


def _announced(rest: bytes) -> tuple[int, str]:
    """Return size and name of a ``C`` or ``D`` line."""
    words = rest.split(b" ", 2)
    if len(words) != 3 or not _is_number(words[1]) or len(words[0]) != 4:  # noqa: PLR2004
        raise SCPProtocolError("protocol error: file not understood")
    name = words[2].decode("utf-8", "surrogateescape")
    if name in {"", ".", ".."} or "/" in name or "\0" in name:
        raise SCPProtocolError("protocol error: name with a folder in it")
    return int(words[1]), name


def _is_number(word: bytes) -> bool:
    return word.isdigit() and len(word) <= _MAX_DIGITS

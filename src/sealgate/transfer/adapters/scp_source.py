"""Files on their way out over SCP."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sealgate.storage.model import Trouble
from sealgate.storage.paths import given
from sealgate.transfer.adapters.scp_conversation import MAX_DEPTH, NUL, REFUSALS, SCPConversation
from sealgate.transfer.adapters.sftp_packets import wire_time
from sealgate.transfer.lines import sentence
from sealgate.transfer.model import TransferError

if TYPE_CHECKING:
    from sealgate.storage.model import Entry

_CHUNK = 192 * 1024


class SCPSource(SCPConversation):
    """Sends what was asked for."""

    async def _converse(self) -> None:
        if not await self._acknowledged():
            return
        for asked in self._asked.paths:
            try:
                found = await self._call(asked, lambda path=asked: self._matches(path))  # type: ignore[misc]
            except REFUSALS as error:
                self._warn(f"{asked}: {error.message}")
                continue
            for path in found:
                await self._send_one(path, 0)

    def _matches(self, asked: str) -> list[str]:
        """Return the paths that *asked* means: itself, or names by a shell pattern."""
        try:
            self._files.stat(asked)
        except REFUSALS as error:
            head, slash, pattern = asked.rpartition("/")
            if error.trouble is not Trouble.NOT_FOUND or not set(pattern) & set("*?["):
                raise
            names = [given(one.path[-1]) for one in self._files.list(head or slash or ".")]
            found = [head + slash + one for one in names if fnmatchcase(one, pattern)]
            if not found:
                raise
            return found
        return [asked]

    async def _send_one(self, path: str, depth: int) -> None:
        """Send a file, or a folder with all that is in it."""
        try:
            entry = await self._call(path, lambda: self._files.stat(path))
            if not entry.is_folder:
                await self._send_file(path, entry)
            elif not self._asked.recursive:
                self._warn(f"{path}: not a regular file")
            elif depth < MAX_DEPTH:
                await self._send_folder(path, entry, depth)
        except REFUSALS as error:
            self._warn(f"{path}: {error.message}")

    async def _send_times(self, entry: Entry) -> bool:
        if not self._asked.preserve:
            return True
        at = wire_time(entry)
        await self._send(f"T{at} 0 {at} 0\n".encode("ascii"))
        return await self._acknowledged()

    async def _send_folder(self, path: str, entry: Entry, depth: int) -> None:
        inside = await self._call(path, lambda: list(self._files.list(path)))
        if not await self._send_times(entry):
            return
        name = _announced(given(entry.path[-1])) if entry.path else b"files"
        await self._send(b"D0700 0 " + name + b"\n")
        if not await self._acknowledged():
            return
        for one in inside:
            await self._send_one(f"{path.rstrip('/')}/{given(one.path[-1])}", depth + 1)
        await self._send(b"E\n")
        await self._acknowledged()

    async def _send_file(self, path: str, entry: Entry) -> None:
        reader = await self._call(path, lambda: self._files.open_read(path))
        try:
            size = reader.entry.size
            if not await self._send_times(entry):
                return
            name = _announced(given(entry.path[-1]))
            await self._send(f"C0600 {size} ".encode("ascii") + name + b"\n")
            if not await self._acknowledged():
                return
            at, trouble = 0, ""
            while at < size:
                part = min(_CHUNK, size - at)
                data = b""
                if not trouble:
                    try:
                        data = await self._call(
                            path,
                            lambda at=at, part=part: reader.read_at(at, part),  # type: ignore[misc]
                        )
                    except REFUSALS as error:
                        trouble = error.message
                    if not data:
                        trouble = trouble or "the file ended early"
                # The size was announced: after a failure zeros fill it up, and a warning follows.
                await self._send(data or bytes(part))
                at += len(data) or part
            if trouble:
                self._warn(f"{path}: {trouble}")
            else:
                await self._send(NUL)
            await self._acknowledged()
        finally:
            await self._call(path, reader.close)


def _announced(name: str) -> bytes:
    """
    Return *name* as a line of the protocol tells it.

    Raises:
        TransferError: BAD_NAME: the client would read two lines.
    """
    if name != sentence(name):
        raise TransferError(Trouble.BAD_NAME, "its name holds what would end a line")
    return name.encode("utf-8", "surrogateescape")

"""
The old SCP protocol over one session.

There is no standard; the protocol is that of rcp, as OpenSSH's scp speaks it: a line for
each file, folder and time, a byte to acknowledge, the bytes of the file between. What goes
wrong with one file is told as a warning, the others go on, and the exit status says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar

from sealgate.protocols.lines import sentence
from sealgate.protocols.model import TransferError
from sealgate.protocols.ssh.scp_command import SCPCommand, read_scp_command
from sealgate.protocols.ssh.sftp_packets import wire_time
from sealgate.storage.model import StorageError, Trouble
from sealgate.storage.paths import given

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sealgate.protocols.model import FileSession, Uploading
    from sealgate.protocols.ssh.session import SSHSession
    from sealgate.storage.model import Entry

T = TypeVar("T")

_PAUSE_BYTES = 1024 * 1024
_MAX_LINE = 8192
_MAX_DEPTH = 64
_CHUNK = 192 * 1024
# A file of any size that there is; more digits are no time, either.
_MAX_DIGITS = 18
_REFUSALS = (TransferError, StorageError)
_NUL = b"\0"


def read_command(command: str) -> Callable[[SSHSession, FileSession], SCPConversation]:
    """
    Return what begins the conversation that *command* asks for.

    Raises:
        ValueError: it is not ``scp`` with ``-t`` or ``-f`` and a path.
    """
    asked = read_scp_command(command)

    def start(session: SSHSession, files: FileSession) -> SCPConversation:
        if asked.sink:
            return SCPConversation(session, files, lambda wire: SCPSink(files, asked, wire).take())
        return SCPConversation(session, files, lambda wire: SCPSource(files, asked, wire).send())

    return start


class SCPProtocolError(Exception):
    """The client does not speak the protocol; the session ends."""


class SCPConversation:
    """
    One conversation over *session*: lines, acknowledgements and warnings (a ``Service``).

    What is said is up to *converse*; behind it the session ends with the right status.
    """

    def __init__(
        self,
        session: SSHSession,
        files: FileSession,
        converse: Callable[[SCPConversation], Awaitable[None]],
    ) -> None:
        """Wait for :meth:`begin`."""
        self._session = session
        self._files = files
        self._converse = converse
        self.arrived = bytearray()
        self.ended = False
        self._paused = False
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self.failed = False
        self._task: asyncio.Task[None] | None = None
        self.uploads: list[Uploading] = []

    # What the session tells.

    def begin(self) -> None:
        """Start speaking."""
        self._task = asyncio.ensure_future(self._run())

    def feed(self, data: memoryview) -> None:
        """Take what came."""
        self.arrived += data
        self._something.set()
        if len(self.arrived) > _PAUSE_BYTES and not self._paused and self._session.channel:
            self._paused = True
            self._session.channel.pause_reading()

    def end(self) -> None:
        """The client has said all."""
        self.ended = True
        self._something.set()

    def go_on(self) -> None:
        """Answers can be sent again."""
        self._room.set()

    def is_busy(self) -> bool:
        """Return whether it still speaks."""
        return self._task is not None and not self._task.done()

    def lost(self) -> None:
        """Break off: what has been uploaded in part is kept for a resume."""
        if self._task is not None:
            self._task.cancel()

    # The conversation.

    async def _run(self) -> None:
        try:
            await self._converse(self)
        except SCPProtocolError as error:
            self.warn(str(error))
        except _REFUSALS as error:
            self.warn(error.message)
        except EOFError:
            self.failed = True
        finally:
            for upload in self.uploads:
                upload.abort()
            self.uploads.clear()
        self._session.finish(1 if self.failed else 0)

    async def call(self, path: str, function: Callable[[], T]) -> T:
        """Call *function*, in a thread when *path* lies behind a network."""
        if not self._files.is_remote(path):
            return function()
        future = self._session.threads.run(function)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The client is gone; whoever cleans up must not meet the thread at work.
            await asyncio.wait([future])
            raise

    async def send(self, data: bytes) -> None:
        """Send *data* once the client would read it."""
        while not self._session.may_answer():
            self._room.clear()
            await self._room.wait()
        if self._session.channel is None:
            raise EOFError
        self._session.channel.put(data)

    def warn(self, message: str) -> None:
        """Tell the client what went wrong; it prints it and goes on."""
        self.failed = True
        line = sentence(" ".join(message.split()))
        if self._session.channel is not None:
            self._session.channel.put(b"\1scp: " + line.encode("utf-8", "replace") + b"\n")

    async def more(self) -> None:
        """Wait until more has come."""
        if self.ended:
            raise EOFError
        self._something.clear()
        if self._paused and self._session.channel is not None:
            self._paused = False
            self._session.channel.resume_reading()
        if not self._something.is_set():
            await self._something.wait()

    async def line(self) -> bytes:
        """Return the next line without its end."""
        while (at := self.arrived.find(b"\n")) < 0:
            if len(self.arrived) > _MAX_LINE:
                raise SCPProtocolError("line too long")
            await self.more()
        line = bytes(self.arrived[:at])
        del self.arrived[: at + 1]
        return line

    async def acknowledged(self) -> bool:
        """Return whether the client takes what was announced."""
        while not self.arrived:
            await self.more()
        code = self.arrived.pop(0)
        if code == 0:
            return True
        with contextlib.suppress(EOFError):
            await self.line()
        if code == 1:
            self.failed = True
            return False
        raise EOFError


class SCPSink:
    """Takes what the client sends."""

    def __init__(self, files: FileSession, asked: SCPCommand, wire: SCPConversation) -> None:
        """Speak over *wire*."""
        self._files = files
        self._asked = asked
        self._wire = wire

    async def take(self) -> None:
        """Take everything."""
        target = self._asked.paths[0]
        is_folder = await self._wire.call(target, lambda: self._is_folder(target))
        if self._asked.must_be_folder and not is_folder:
            raise TransferError(Trouble.NOT_FOLDER, f"{target}: not a folder")
        await self._wire.send(_NUL)
        await self._take_into(target, is_folder, 0)

    def _is_folder(self, path: str) -> bool:
        try:
            return self._files.stat(path).is_folder
        except _REFUSALS as error:
            if error.trouble is Trouble.NOT_FOUND:
                return False
            raise

    async def _take_into(self, target: str, is_folder: bool, depth: int) -> None:  # noqa: FBT001
        """Take what the client sends to *target* until its folder or its word ends."""
        modified_at: float | None = None
        while True:
            try:
                line = await self._wire.line()
            except EOFError:
                if depth or self._wire.arrived:
                    raise
                return
            kind, rest = line[:1], line[1:]
            if kind == b"E":
                await self._wire.send(_NUL)
                return
            if kind in {b"\1", b"\2"}:
                self._wire.failed = True
                if kind == b"\2":
                    return
                continue
            if kind == b"T":
                modified_at = _read_time(rest)
                await self._wire.send(_NUL)
                continue
            if kind not in {b"C", b"D"}:
                raise SCPProtocolError("protocol error: unexpected line")
            size, name = _read_announced(rest)
            path = f"{target.rstrip('/')}/{name}" if is_folder else target
            if kind == b"C":
                await self._take_file(path, size, modified_at)
            else:
                await self._take_folder(path, depth)
            modified_at = None

    async def _take_folder(self, path: str, depth: int) -> None:
        if not self._asked.recursive or depth >= _MAX_DEPTH:
            raise SCPProtocolError("protocol error: folder without -r, or too deep")
        try:
            if not await self._wire.call(path, lambda: self._is_folder(path)):
                await self._wire.call(path, lambda: self._files.make_folder(path))
        except _REFUSALS as error:
            self._wire.warn(f"{path}: {error.message}")
            return
        await self._wire.send(_NUL)
        await self._take_into(path, True, depth + 1)

    async def _take_file(self, path: str, size: int, modified_at: float | None) -> None:
        try:
            upload = await self._wire.call(path, lambda: self._files.open_write(path))
        except _REFUSALS as error:
            self._wire.warn(f"{path}: {error.message}")
            return
        self._wire.uploads.append(upload)
        await self._wire.send(_NUL)
        trouble = await self._take_bytes(path, upload, size)
        try:
            if not await self._wire.acknowledged() and not trouble:
                trouble = "the client could not read all of it"
        except EOFError:
            # libssh2 (curl) ends here without the last byte; all that was announced has come.
            if not self._wire.ended or self._wire.arrived:
                raise
        self._wire.uploads.remove(upload)
        if not trouble:
            try:
                if modified_at is not None:
                    upload.set_modified(modified_at)
                await self._wire.call(path, upload.close)
            except _REFUSALS as error:
                trouble = error.message
        if trouble:
            upload.abort()
            self._wire.warn(f"{path}: {trouble}")
        else:
            await self._wire.send(_NUL)

    async def _take_bytes(self, path: str, upload: Uploading, size: int) -> str:
        """Take *size* bytes; return what went wrong, the bytes are taken off the wire anyway."""
        left, trouble = size, ""
        while left:
            while not self._wire.arrived:
                await self._wire.more()
            data = bytes(memoryview(self._wire.arrived)[:left])
            del self._wire.arrived[: len(data)]
            left -= len(data)
            if trouble:
                continue
            try:
                await self._wire.call(path, lambda data=data: upload.write_at(upload.offset, data))  # type: ignore[misc]
            except _REFUSALS as error:
                trouble = error.message
        return trouble


def _read_time(rest: bytes) -> float:
    """Return the modification time of a ``T`` line."""
    words = rest.split(b" ")
    if len(words) != 4 or not all(map(_is_number, words)):  # noqa: PLR2004
        raise SCPProtocolError("protocol error: times not understood")
    return float(words[0])


def _read_announced(rest: bytes) -> tuple[int, str]:
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


class SCPSource:
    """Sends what was asked for."""

    def __init__(self, files: FileSession, asked: SCPCommand, wire: SCPConversation) -> None:
        """Speak over *wire*."""
        self._files = files
        self._asked = asked
        self._wire = wire

    async def send(self) -> None:
        """Send everything."""
        if not await self._wire.acknowledged():
            return
        for asked in self._asked.paths:
            try:
                found = await self._wire.call(asked, lambda path=asked: self._matches(path))  # type: ignore[misc]
            except _REFUSALS as error:
                self._wire.warn(f"{asked}: {error.message}")
                continue
            for path in found:
                await self._send_one(path, 0)

    def _matches(self, asked: str) -> list[str]:
        """Return the paths that *asked* means: itself, or names by a shell pattern."""
        try:
            self._files.stat(asked)
        except _REFUSALS as error:
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
            entry = await self._wire.call(path, lambda: self._files.stat(path))
            if not entry.is_folder:
                await self._send_file(path, entry)
            elif not self._asked.recursive:
                self._wire.warn(f"{path}: not a regular file")
            elif depth < _MAX_DEPTH:
                await self._send_folder(path, entry, depth)
        except _REFUSALS as error:
            self._wire.warn(f"{path}: {error.message}")

    async def _send_times(self, entry: Entry) -> bool:
        if not self._asked.preserve:
            return True
        at = wire_time(entry)
        await self._wire.send(f"T{at} 0 {at} 0\n".encode("ascii"))
        return await self._wire.acknowledged()

    async def _send_folder(self, path: str, entry: Entry, depth: int) -> None:
        inside = await self._wire.call(path, lambda: list(self._files.list(path)))
        if not await self._send_times(entry):
            return
        name = _write_announced(given(entry.path[-1])) if entry.path else b"files"
        await self._wire.send(b"D0700 0 " + name + b"\n")
        if not await self._wire.acknowledged():
            return
        for one in inside:
            await self._send_one(f"{path.rstrip('/')}/{given(one.path[-1])}", depth + 1)
        await self._wire.send(b"E\n")
        await self._wire.acknowledged()

    async def _send_file(self, path: str, entry: Entry) -> None:
        reader = await self._wire.call(path, lambda: self._files.open_read(path))
        try:
            size = reader.entry.size
            if not await self._send_times(entry):
                return
            name = _write_announced(given(entry.path[-1]))
            await self._wire.send(f"C0600 {size} ".encode("ascii") + name + b"\n")
            if not await self._wire.acknowledged():
                return
            at, trouble = 0, ""
            while at < size:
                part = min(_CHUNK, size - at)
                data = b""
                if not trouble:
                    try:
                        data = await self._wire.call(
                            path,
                            lambda at=at, part=part: reader.read_at(at, part),  # type: ignore[misc]
                        )
                    except _REFUSALS as error:
                        trouble = error.message
                    if not data:
                        trouble = trouble or "the file ended early"
                # The size was announced: after a failure zeros fill it up, and a warning follows.
                await self._wire.send(data or bytes(part))
                at += len(data) or part
            if trouble:
                self._wire.warn(f"{path}: {trouble}")
            else:
                await self._wire.send(_NUL)
            await self._wire.acknowledged()
        finally:
            await self._wire.call(path, reader.close)


def _write_announced(name: str) -> bytes:
    """
    Return *name* as a line of the protocol tells it.

    Raises:
        TransferError: BAD_NAME: the client would read two lines.
    """
    if name != sentence(name):
        raise TransferError(Trouble.BAD_NAME, "its name holds what would end a line")
    return name.encode("utf-8", "surrogateescape")

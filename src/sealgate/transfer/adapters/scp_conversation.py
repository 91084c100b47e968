"""
The old SCP protocol over one session: how its two sides speak.

There is no standard; the protocol is that of rcp, as OpenSSH's scp speaks it: a line for
each file, folder and time, a byte to acknowledge, the bytes of the file between. What goes
wrong with one file is told as a warning, the others go on, and the exit status says so.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, TypeVar

from sealgate.storage.model import StorageError
from sealgate.transfer.lines import sentence
from sealgate.transfer.model import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.transfer.adapters.scp_command import SCPCommand
    from sealgate.transfer.adapters.ssh_session import Session
    from sealgate.transfer.model import FileSession, Uploading

    T = TypeVar("T")

_PAUSE_BYTES = 1024 * 1024
_MAX_LINE = 8192
MAX_DEPTH = 64
REFUSALS = (TransferError, StorageError)
NUL = b"\0"


class SCPProtocolError(Exception):
    """The client does not speak the protocol; the session ends."""


class SCPConversation:
    """
    Does what *asked* says over *files*, then ends the session with the right status.

    Which way files go is told by :meth:`_converse`.
    """

    def __init__(self, session: Session, files: FileSession, asked: SCPCommand) -> None:
        """Wait for :meth:`begin`."""
        self._session = session
        self._files = files
        self._asked = asked
        self._arrived = bytearray()
        self._ended = False
        self._paused = False
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._failed = False
        self._task: asyncio.Task[None] | None = None
        self._open: list[Uploading] = []

    # What the session tells.

    def begin(self) -> None:
        """Start speaking."""
        self._task = asyncio.ensure_future(self._run())

    def feed(self, data: memoryview) -> None:
        """Take what came."""
        self._arrived += data
        self._something.set()
        if len(self._arrived) > _PAUSE_BYTES and not self._paused and self._session.channel:
            self._paused = True
            self._session.channel.pause_reading()

    def end(self) -> None:
        """The client has said all."""
        self._ended = True
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
            await self._converse()
        except SCPProtocolError as error:
            self._warn(str(error))
        except REFUSALS as error:
            self._warn(error.message)
        except EOFError:
            self._failed = True
        finally:
            for upload in self._open:
                upload.abort()
            self._open.clear()
        self._session.finish(1 if self._failed else 0)

    async def _converse(self) -> None:
        raise NotImplementedError

    async def _call(self, path: str, function: Callable[[], T]) -> T:
        """Call *function*, in a thread when *path* lies behind a network."""
        if not self._files.is_remote(path):
            return function()
        future = self._session.connection.in_thread(function)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            # The client is gone; whoever cleans up must not meet the thread at work.
            await asyncio.wait([future])
            raise

    async def _send(self, data: bytes) -> None:
        while not self._session.may_answer():
            self._room.clear()
            await self._room.wait()
        if self._session.channel is None:
            raise EOFError
        self._session.channel.put(data)

    def _warn(self, message: str) -> None:
        """Tell the client what went wrong; it prints it and goes on."""
        self._failed = True
        line = sentence(" ".join(message.split()))
        if self._session.channel is not None:
            self._session.channel.put(b"\1scp: " + line.encode("utf-8", "replace") + b"\n")

    async def _more(self) -> None:
        """Wait until more has come."""
        if self._ended:
            raise EOFError
        self._something.clear()
        if self._paused and self._session.channel is not None:
            self._paused = False
            self._session.channel.resume_reading()
        if not self._something.is_set():
            await self._something.wait()

    async def _line(self) -> bytes:
        """Return the next line without its end."""
        while (at := self._arrived.find(b"\n")) < 0:
            if len(self._arrived) > _MAX_LINE:
                raise SCPProtocolError("line too long")
            await self._more()
        line = bytes(self._arrived[:at])
        del self._arrived[: at + 1]
        return line

    async def _acknowledged(self) -> bool:
        """Return whether the client takes what was announced."""
        while not self._arrived:
            await self._more()
        code = self._arrived.pop(0)
        if code == 0:
            return True
        with contextlib.suppress(EOFError):
            await self._line()
        if code == 1:
            self._failed = True
            return False
        raise EOFError

"""One session of a connection: the subsystem ``sftp``, the command ``scp``, and nothing else."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import asyncssh

from sealgate.protocols.model import TransferError
from sealgate.storage.model import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from sealgate.protocols.model import FileSession
    from sealgate.protocols.ssh.sign_in import SSHSignIn
    from sealgate.protocols.ssh.transport import DataChannel, Transport

T = TypeVar("T")

_NO_COMMANDS = (
    "this server gives and takes files only: no shell, no commands;"
    " use sftp, scp, or ssh -N -L for a declared tunnel\r\n"
)
_REFUSED = 1


class SSHService(Protocol):
    """What speaks over a session once it has begun."""

    def begin(self) -> None:
        """Start speaking."""

    def feed(self, data: memoryview) -> None:
        """Take what the client sent."""

    def end(self) -> None:
        """The client has said all."""

    def go_on(self) -> None:
        """Answers can be sent again."""

    def is_busy(self) -> bool:
        """Return whether something is under way that should not be cut."""

    def lost(self) -> None:
        """The client is gone."""


class Threads:
    """The threads that are at work for one connection."""

    def __init__(self, loop: asyncio.AbstractEventLoop, workers: Executor) -> None:
        """Begin with none."""
        self.loop = loop
        self._workers = workers
        self._under_way: weakref.WeakSet[asyncio.Future[Any]] = weakref.WeakSet()

    def run(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Call *function* in a thread."""
        future = self.loop.run_in_executor(self._workers, function)
        self._under_way.add(future)
        return future

    def when_done(self, function: Callable[[], None]) -> None:
        """Call *function* once none is at work that is so now."""
        left = {one for one in self._under_way if not one.done()}
        if not left:
            function()
            return

        def done(one: asyncio.Future[Any]) -> None:
            left.discard(one)
            if not left:
                function()

        for one in tuple(left):
            one.add_done_callback(done)


class SSHSession(asyncssh.SSHServerSession[bytes]):
    """
    A session over *transport*; becomes what the client asks for first.

    *subsystems* are what can be asked for by name, *read_command* what by a command line: it
    raises ``ValueError`` for any other.
    """

    def __init__(
        self,
        transport: Transport,
        sign_in: SSHSignIn,
        threads: Threads,
        subsystems: Mapping[str, Callable[[SSHSession, FileSession | None], SSHService]],
        read_command: Callable[[str], Callable[[SSHSession, FileSession], SSHService]],
    ) -> None:
        """Wait for what is asked."""
        self.transport = transport
        self.threads = threads
        self.channel: DataChannel | None = None
        self._sign_in = sign_in
        self._subsystems = subsystems
        self._read_command = read_command
        self._service: SSHService | None = None
        self._refusal = ""
        self._paused = False

    # What asyncssh tells.

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        """Keep the channel."""
        self.channel = chan  # type: ignore[assignment]  # open_session made it

    def pty_requested(self, *_: object) -> bool:
        """Return ``False``: there is nothing to see."""
        return False

    def shell_requested(self) -> bool:
        """Refuse in a sentence that the person sees."""
        self._refusal = _NO_COMMANDS
        return True

    def exec_requested(self, command: str) -> bool:
        """Take ``scp``, refuse everything else."""
        try:
            start = self._read_command(command)
        except ValueError:
            self._refusal = _NO_COMMANDS
            return True
        if self._sign_in.files is None:
            self._refusal = self.refusal().message + "\r\n"
        else:
            self._service = start(self, self._sign_in.files)
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """Take those that there are."""
        start = self._subsystems.get(subsystem)
        if start is None:
            return False
        self._service = start(self, self._sign_in.files)
        return True

    def session_started(self) -> None:
        """Begin, or say why not and end."""
        if self._service is not None:
            self._service.begin()
        elif self.channel is not None:
            self.tell(self._refusal)
            self.finish(_REFUSED)

    def data_received(self, data: bytes, datatype: int | None) -> None:  # noqa: ARG002
        """Pass on."""
        if self._service is not None:
            self._service.feed(memoryview(data))

    def eof_received(self) -> bool:
        """Pass on; the channel stays open for the answers."""
        if self._service is not None:
            self._service.end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Let the service clean up."""
        service, self._service = self._service, None
        self.channel = None
        if service is not None:
            service.lost()

    def pause_writing(self) -> None:
        """The client's window is full."""
        self._paused = True

    def resume_writing(self) -> None:
        """The client's window has room."""
        self._paused = False
        self.go_on()

    # What services ask.

    def may_answer(self) -> bool:
        """Return whether an answer would leave soon."""
        return not self._paused and self.transport.may_answer()

    def go_on(self) -> None:
        """Let the service go on where it waited."""
        if self._service is not None and self.may_answer():
            self._service.go_on()

    def is_busy(self) -> bool:
        """Return whether something is under way that should not be cut."""
        return self._service is not None and self._service.is_busy()

    def tell(self, sentence: str) -> None:
        """Write *sentence* where the person sees it; programs do not read it."""
        if self.channel is not None and not self.channel.is_closing():
            self.channel.write_stderr(sentence.encode("utf-8", "replace"))

    def finish(self, status: int) -> None:
        """End with *status*."""
        if self.channel is not None and not self.channel.is_closing():
            self.channel.exit(status)

    def refusal(self) -> TransferError:
        """Return why this caller gets no files."""
        return self._sign_in.refusal or TransferError(Trouble.DENIED, "no drop admits you")

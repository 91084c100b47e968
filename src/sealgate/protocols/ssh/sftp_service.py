"""
SFTP over one session: packets in, answers out, one after the other.

Nothing is answered that the client would not read: while its window or the socket is full,
the next request waits, and with it the client. A request that waits for a network, or takes
long, is answered in a thread; the others in place, which is quicker.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sealgate.protocols.model import TransferError
from sealgate.protocols.ssh import sftp_packets as wire
from sealgate.protocols.ssh.sftp_files import Writing
from sealgate.protocols.ssh.sftp_packets import PacketError, PacketType, StatusCode
from sealgate.protocols.ssh.sftp_requests import ADVERTISED, Requests
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from sealgate.protocols.model import FileSession
    from sealgate.protocols.ssh.session import SSHSession
    from sealgate.storage.model import Buffer

# Closing more than this takes long enough (sealing is done, syncing is not) for a thread.
_LONG_UPLOAD_BYTES = 4 * 1024 * 1024
_FLUSH_BYTES = 128 * 1024
_LEAST_PART_BYTES = 4096
_CHANNEL_BUFFER_BYTES = 256 * 1024
_BY_PATH = frozenset(
    [
        PacketType.OPEN,
        PacketType.LSTAT,
        PacketType.STAT,
        PacketType.SETSTAT,
        PacketType.OPENDIR,
        PacketType.REMOVE,
        PacketType.MKDIR,
        PacketType.RMDIR,
        PacketType.RENAME,
    ]
)
_BY_HANDLE = frozenset(
    [
        PacketType.CLOSE,
        PacketType.READ,
        PacketType.WRITE,
        PacketType.FSTAT,
        PacketType.FSETSTAT,
        PacketType.READDIR,
    ]
)
# OpenSSH's client prints a phrase of its own for a status; these reasons it is told aside.
_SPOKEN = frozenset(Trouble) - {Trouble.NOT_FOUND, Trouble.EXISTS, Trouble.UNSUPPORTED}
_MOST_SPOKEN = 50


class SFTPService:
    """The subsystem on *session*; without *files* every request gets the refusal."""

    def __init__(self, session: SSHSession, files: FileSession | None) -> None:
        """Wait for the first packet."""
        self._session = session
        self._requests = Requests(files) if files is not None else None
        self._ready = False
        self._head = b""
        self._assembly: list[Buffer] = []
        self._missing = 0
        self._rest: list[memoryview | bytes] = []
        self._blocked = False
        self._working: asyncio.Future[tuple[Buffer, ...]] | None = None
        self._out: list[Buffer] = []
        self._out_bytes = 0
        self._spoken = 0
        self._ended = False
        self._lost = False

    # What the session tells.

    def begin(self) -> None:
        """Wait for the client's first word."""
        if self._session.channel is not None:
            self._session.channel.set_write_buffer_limits(high=_CHANNEL_BUFFER_BYTES)

    def feed(self, data: memoryview) -> None:
        """Take what came."""
        if self._blocked:
            self._rest.append(data)
            return
        try:
            self._take(data)
        except PacketError:
            self._session.finish(1)
        self._flush()

    def end(self) -> None:
        """The client has said all: end when everything is answered."""
        self._ended = True
        if not self._blocked:
            self._finish()

    def go_on(self) -> None:
        """Take up the requests that waited."""
        if not self._blocked or self._working is not None or self._lost:
            return
        self._blocked = False
        rest, self._rest = self._rest, []
        while rest and not self._blocked:
            self.feed(memoryview(rest.pop(0)))
        self._rest[:] = [*self._rest, *rest]
        if not self._blocked:
            if self._session.channel is not None:
                self._session.channel.resume_reading()
            if self._ended:
                self._finish()

    def is_busy(self) -> bool:
        """Return whether files are open or requests wait."""
        return self._blocked or (self._requests is not None and self._requests.handles.any_open())

    def lost(self) -> None:
        """Let go of what is open, after the request that is under way."""
        self._lost = True
        if self._working is None:
            self._abort()

    # Packets.

    def _take(self, data: memoryview) -> None:
        """Answer every whole packet in *data*, and keep the beginning of the next."""
        while len(data):
            if self._missing:
                part, data = data[: self._missing], data[self._missing :]
                self._gather(part)
                if self._missing:
                    return
                # Bytes that nobody can change, so that whoever keeps a part need not copy it.
                packet = memoryview(b"".join(self._assembly))
                self._assembly = []
            else:
                if self._head:
                    data = memoryview(self._head + bytes(data))
                    self._head = b""
                if len(data) < 5:  # noqa: PLR2004  # length and type
                    self._head = bytes(data)
                    return
                length, _ = wire.whole(data)
                if len(data) < 4 + length:
                    self._missing = length
                    self._gather(data[4:])
                    return
                packet, data = data[4 : 4 + length], data[4 + length :]
            if not self._handle(packet):
                if len(data):
                    self._rest.append(data)
                return

    def _gather(self, part: memoryview) -> None:
        """Keep *part* of a packet; small ones together, for each by itself takes far more than its bytes."""
        self._missing -= len(part)
        if len(part) >= _LEAST_PART_BYTES:
            self._assembly.append(part)
        elif self._assembly and isinstance(self._assembly[-1], bytearray):
            self._assembly[-1] += part
        else:
            self._assembly.append(bytearray(part))

    def _handle(self, packet: memoryview) -> bool:
        """Answer *packet*, or begin to; return whether the next may be looked at."""
        if self._out_bytes > _FLUSH_BYTES:
            self._flush()
        if not self._session.may_answer():
            self._block()
            self._rest.insert(0, len(packet).to_bytes(4, "big") + bytes(packet))
            return False
        if not self._ready:
            self._start(packet)
            return True
        if self._requests is not None and self._is_slow(packet):
            self._block()
            self._flush()
            kept = bytes(packet)
            self._working = self._session.threads.run(lambda: self._answer(kept))
            self._working.add_done_callback(self._worked)
            return False
        self._put(self._answer(packet))
        return True

    def _block(self) -> None:
        self._blocked = True
        if self._session.channel is not None:
            self._session.channel.pause_reading()

    def _worked(self, done: asyncio.Future[tuple[Buffer, ...]]) -> None:
        """Send what a thread answered, and go on."""
        self._working = None
        if self._lost:
            self._abort()
        elif not done.cancelled() and done.exception() is None:
            self._put(done.result())
            self._flush()
            if self._session.may_answer():
                self.go_on()
        else:
            self._session.finish(1)

    def _start(self, packet: memoryview) -> None:
        """Answer the client's version, and tell a person who gets no files why."""
        if packet[0] != PacketType.INIT:
            raise PacketError("no version")
        self._ready = True
        if self._requests is None:
            self._session.tell(_line(self._session.refusal()))
        body = wire.VERSION.to_bytes(4, "big") + b"".join(
            wire.string(name) + wire.string(value) for name, value in ADVERTISED
        )
        self._put((wire.packet(PacketType.VERSION, body),))

    def _is_slow(self, packet: memoryview) -> bool:
        """Return whether *packet* may wait for a network, or takes long."""
        requests, kind = self._requests, packet[0]
        if requests is None or len(packet) < 9:  # noqa: PLR2004  # no first string
            return False
        if kind in _BY_HANDLE:
            handle = requests.handles.peek(bytes(packet[9:13]))
            if handle is None:
                return False
            if kind == PacketType.CLOSE and isinstance(handle, Writing):
                return handle.remote or handle.size > _LONG_UPLOAD_BYTES
            return handle.remote
        if kind in _BY_PATH:
            size = int.from_bytes(packet[5:9], "big")
            return requests.is_remote(bytes(packet[9 : 9 + size]))
        return kind == PacketType.EXTENDED and requests.extended_is_slow(packet)

    def _answer(self, packet: memoryview | bytes) -> tuple[Buffer, ...]:
        """Return the answer to *packet*."""
        if len(packet) < 5:  # noqa: PLR2004  # type and number
            raise PacketError("packet without a number")
        request = int.from_bytes(packet[1:5], "big")
        if self._requests is None:
            refusal = self._session.refusal()
            return (wire.status(request, StatusCode.PERMISSION_DENIED, _line(refusal).strip()),)
        try:
            return self._requests.answer(packet[0], request, wire.Reader(memoryview(packet), 5))
        except (TransferError, StorageError) as error:
            self._say(error)
            code = wire.STATUS_OF.get(error.trouble, StatusCode.FAILURE)
            return (wire.status(request, code, _line(error).strip()),)
        except PacketError as error:
            return (wire.status(request, StatusCode.BAD_MESSAGE, str(error)),)

    def _say(self, error: TransferError | StorageError) -> None:
        """Tell an OpenSSH client's person the reason, which that client does not print itself."""
        if error.trouble not in _SPOKEN or self._spoken >= _MOST_SPOKEN:
            return
        if not self._session.transport.client.startswith("SSH-2.0-OpenSSH"):
            return
        self._spoken += 1
        if self._working is None:
            self._flush()
            self._session.tell(_line(error))
        else:  # in a thread
            loop = self._session.threads.loop
            loop.call_soon_threadsafe(self._session.tell, _line(error))

    # Answers.

    def _put(self, pieces: tuple[Buffer, ...]) -> None:
        self._out.extend(pieces)
        self._out_bytes += sum(map(len, pieces))

    def _flush(self) -> None:
        out, self._out = self._out, []
        self._out_bytes = 0
        if out and self._session.channel is not None:
            self._session.channel.put(*out)

    def _finish(self) -> None:
        self._flush()
        self._session.finish(0)

    def _abort(self) -> None:
        if self._requests is not None:
            self._requests.handles.abort()


def _line(error: TransferError | StorageError) -> str:
    """Return what a person reads: the sentence, and the rule that stands against it."""
    rule = getattr(error, "rule", None)
    hint = f"; {error.hint}" if error.hint else ""
    return f"{error.message}{f' (rule {rule})' if rule else ''}{hint}\r\n"

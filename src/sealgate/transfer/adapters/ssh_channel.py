"""A session channel whose data take the short way in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import asyncssh

if TYPE_CHECKING:
    from sealgate.storage.model import Buffer
    from sealgate.transfer.adapters.ssh_framing import Framing


class DataChannel(asyncssh.SSHServerChannel[bytes]):
    """A session channel whose data take the short way."""

    _conn: Framing
    _send_buf: list[tuple[Any, int | None]]

    def take(self, data: memoryview) -> None:
        """Give *data* to the session, or keep it while the session has paused reading."""
        if self._recv_state != "open":
            raise asyncssh.ProtocolError("Channel not open for sending")
        size = len(data)
        if size > self._recv_window:
            raise asyncssh.ProtocolError("Window exceeded")
        if not size or self._send_state in {"close_pending", "closed"}:
            return
        self._recv_window -= size
        if self._recv_paused:
            self._recv_buf.append((data, None))  # type: ignore[arg-type]  # a view is as good
        else:
            self._deliver_data(data, None)  # type: ignore[arg-type]

    def put(self, *pieces: Buffer) -> None:
        """Send *pieces*, one after the other; they must not change afterwards."""
        if self._send_state != "open":
            return  # the client has hung up; it is told by connection_lost
        for piece in pieces:
            if len(piece):
                self._send_buf.append((piece, None))
                self._send_buf_len += len(piece)
        self._flush_send_buf()

    def go_on(self) -> None:
        """Send what a key exchange held up."""
        if self._conn and self._send_state != "closed":
            self._flush_send_buf()

    def _flush_send_buf(self) -> None:
        """Send what window and keys allow."""
        conn = self._conn
        while self._send_buf and self._send_window and conn.may_send_data():
            room = min(self._send_window, self._send_pktsize)
            data, kind = self._next_data(room)
            size = len(data)
            self._send_buf_len -= size
            self._send_window -= size
            chan = (self._send_chan or 0).to_bytes(4, "big")
            length = size.to_bytes(4, "big")
            if kind is None:
                conn.send_data(b"\x5e" + chan + length, data)
            else:
                conn.send_data(b"\x5f" + chan + kind.to_bytes(4, "big") + length, data)
        if self._send_buf:
            self._pause_resume_writing()
        else:
            super()._flush_send_buf()  # says the end or closes, when that was asked for

    def _next_data(self, room: int) -> tuple[Buffer, int | None]:
        """Take up to *room* bytes of one kind off what waits."""
        first, kind = self._send_buf[0]
        if len(first) >= room:
            view = memoryview(first)
            if len(first) > room:
                self._send_buf[0] = view[room:], kind
            else:
                del self._send_buf[0]
            return view[:room], kind
        taken, size = [], 0
        while self._send_buf and self._send_buf[0][1] == kind and size < room:
            piece = self._send_buf[0][0]
            part = room - size
            if len(piece) > part:
                view = memoryview(piece)
                self._send_buf[0] = view[part:], kind
                piece = view[:part]
            else:
                del self._send_buf[0]
            taken.append(piece)
            size += len(piece)
        return (taken[0] if len(taken) == 1 else b"".join(taken)), kind

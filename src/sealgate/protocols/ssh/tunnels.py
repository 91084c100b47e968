"""
A tunnel: the bytes of one SSH channel to a declared service and back (RFC 4254, 7.2).

Whether it may be opened was decided before. Neither side runs ahead of the other: what one
does not take, the other is not asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, cast

import asyncssh

if TYPE_CHECKING:
    from sealgate.protocols.ssh.transport import Transport

_CONNECT_SECONDS = 15.0
# What may wait for a service that does not read.
_HIGH_BYTES = 256 * 1024


class Tunnelled(asyncssh.SSHTCPSession[bytes]):
    """The client's end of a tunnel; it opens once the service has answered."""

    def __init__(self, transport: Transport, host: str, port: int) -> None:
        """Remember where to."""
        self._transport = transport
        self.target = host, port
        self._channel: asyncssh.SSHTCPChannel[bytes] | None = None
        self._service: _Service | None = None
        self._early: list[bytes] = []
        self._client_is_done = False
        self._service_is_done = False
        self._paused = False

    async def connected(self) -> Tunnelled:
        """
        Connect to the service and return itself, to be given the channel.

        Raises:
            asyncssh.ChannelOpenError: the service does not answer.
        """
        host, port = self.target
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, self._service = await asyncio.get_running_loop().create_connection(
                    lambda: _Service(self), host, port
                )
        except (OSError, TimeoutError) as error:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_CONNECT_FAILED, f'"{host}:{port}" does not answer'
            ) from error
        return self

    def connection_made(self, chan: asyncssh.SSHTCPChannel[bytes]) -> None:
        """Begin; what the service has said already goes first."""
        self._channel = chan
        if self._early:
            self.service_sent(b"".join(self._early))
            self._early.clear()
        if self._service is None:
            self.service_lost()
        self._pace()

    def session_started(self) -> None:
        """Nothing is to be done: reading begins with the service."""

    # The client's side.

    def data_received(self, data: bytes, datatype: int | None) -> None:  # noqa: ARG002
        """Pass on to the service."""
        if self._service is not None:
            self._service.write(bytes(data))

    def eof_received(self) -> bool:
        """Tell the service that the client has said all; it may go on speaking."""
        self._client_is_done = True
        if self._service is not None:
            self._service.write_eof()
        self._close_when_done()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Hang up on the service."""
        self._channel = None
        if self._service is not None:
            self._service.close()

    def pause_writing(self) -> None:
        """Read no more of the service: the client's window is full."""
        self._paused = True
        self._pace()

    def resume_writing(self) -> None:
        """Read of the service again."""
        self._paused = False
        self._pace()

    def go_on(self) -> None:
        """The connection as a whole can be written to again."""
        self._pace()

    def _pace(self) -> None:
        if self._service is not None:
            self._service.read_on(not self._paused and self._transport.may_answer())

    # The service's side.

    def service_sent(self, data: bytes) -> None:
        """Pass on to the client."""
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.write(data)
            self._pace()
        else:
            self._early.append(data)
            if self._service is not None:
                self._service.read_on(False)

    def service_ended(self) -> None:
        """Tell the client that the service has said all."""
        if self._channel is not None:
            with contextlib.suppress(OSError):
                self._channel.write_eof()
        self._service_is_done = True
        self._close_when_done()

    def _close_when_done(self) -> None:
        if self._client_is_done and self._service_is_done and self._channel is not None:
            self._channel.close()  # after what still waits to be sent

    def cut(self) -> None:
        """End at once, whatever is on its way: the caller may no longer have it."""
        if self._service is not None:
            self._service.abort()
        if self._channel is not None:
            self._channel.abort()

    def service_lost(self) -> None:
        """Close the channel."""
        self._service = None
        if self._channel is not None:
            self._channel.close()

    def service_is_slow(self, slow: bool) -> None:  # noqa: FBT001  # one fact, told once
        """Read of the client only while the service takes it."""
        if self._channel is None:
            return
        if slow:
            self._channel.pause_reading()
        else:
            self._channel.resume_reading()


class _Service(asyncio.Protocol):
    """The service's end of a tunnel."""

    def __init__(self, tunnel: Tunnelled) -> None:
        self._tunnel = tunnel
        self._transport: Any = None
        self._reading = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_HIGH_BYTES)

    def data_received(self, data: bytes) -> None:
        self._tunnel.service_sent(data)

    def eof_received(self) -> bool:
        self._tunnel.service_ended()
        return True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._transport = None
        self._tunnel.service_lost()

    def pause_writing(self) -> None:
        self._tunnel.service_is_slow(True)

    def resume_writing(self) -> None:
        self._tunnel.service_is_slow(False)

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def write_eof(self) -> None:
        if self._transport is not None and self._transport.can_write_eof():
            with contextlib.suppress(OSError, RuntimeError):
                self._transport.write_eof()

    def read_on(self, reading: bool) -> None:  # noqa: FBT001  # one fact, told once
        if self._transport is None or reading == self._reading:
            return
        self._reading = reading
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

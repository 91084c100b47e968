"""
One SSH connection that knows what may be opened over it, and how fast.

Asks the doorkeeper and knows nothing of identities and classes itself.
"""

from __future__ import annotations

import asyncio
import logging
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

import asyncssh

from sealgate.errors import SealgateError
from sealgate.policy.algorithms import OLDER_CIPHERS, OLDER_KEX
from sealgate.transfer.adapters.password_threads import PasswordThreads
from sealgate.transfer.adapters.ssh_channel import DataChannel
from sealgate.transfer.adapters.ssh_refusals import as_transfer, sentence
from sealgate.transfer.adapters.ssh_session import Session
from sealgate.transfer.adapters.ssh_sign_in import SigningIn
from sealgate.transfer.adapters.tunnels import Tunnelled
from sealgate.transfer.model import TransferProtocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Executor

    from sealgate.transfer.adapters.ssh_front import Front
    from sealgate.transfer.adapters.ssh_settings import SSHSettings
    from sealgate.transfer.model import Doorkeeper

LOG = logging.getLogger("sealgate.transfer.sftp")
T = TypeVar("T")


class Connection(SigningIn):
    """A connection whose caller opens sessions and tunnels; *workers* do what takes long."""

    def __init__(
        self,
        options: asyncssh.SSHServerConnectionOptions,
        settings: SSHSettings,
        doorkeeper: Doorkeeper,
        passwords: PasswordThreads,
        workers: Executor,
        peer: str,
        front: Front,
    ) -> None:
        """Wait for the transport."""
        self.congested = False
        self._workers = workers
        self._in_threads: weakref.WeakSet[asyncio.Future[Any]] = weakref.WeakSet()
        super().__init__(options, settings, doorkeeper, passwords, peer, front)

    # What is opened.

    def open_session(self) -> tuple[DataChannel, Session]:
        """
        Return a channel for files.

        Raises:
            asyncssh.ChannelOpenError: there are too many.
        """
        mine = sum(1 for one in self._channels.values() if isinstance(one, DataChannel))
        if mine >= self.settings.max_sessions_per_connection:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_RESOURCE_SHORTAGE, "too many sessions on one connection"
            )
        window, packet = self.settings.window_bytes, self.settings.max_packet_bytes
        self._update_recv_pktlen(packet)
        chan = DataChannel(
            self, self._loop, False, False, False, 0, 0, None, "strict", window, packet
        )
        return chan, Session(self)

    def open_tunnel(self, host: str, port: int) -> Awaitable[Tunnelled]:
        """
        Return a tunnel to *host*:*port*.

        Raises:
            asyncssh.ChannelOpenError: it is not declared, not for them, or one too many.
        """
        mine = len(self._channels)
        if mine >= self.settings.max_tunnels_per_connection:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_RESOURCE_SHORTAGE, "too many tunnels on one connection"
            )
        try:
            self._ask_for_tunnel(host, port)
        except SealgateError as error:
            raise _prohibited(error) from error
        return self._tunnelled(Tunnelled(self, host, port))

    async def _tunnelled(self, tunnel: Tunnelled) -> Tunnelled:
        await tunnel.connected()
        try:
            # The service may take its time, and what was allowed before may be so no more.
            self._ask_for_tunnel(*tunnel.target, is_open=True)
        except SealgateError as error:
            tunnel.cut()
            raise _prohibited(error) from error
        return tunnel

    def _ask_for_tunnel(self, host: str, port: int, *, is_open: bool = False) -> None:
        self.doorkeeper.may_tunnel(
            self._who,
            self.methods,
            self.channel(TransferProtocol.TUNNEL),
            host,
            port,
            key=self.proven_key,
            is_open=is_open,
        )

    def judged_again(self) -> None:
        """End every tunnel that the caller may no longer have."""
        for chan in list(self._channels.values()):
            tunnel = getattr(chan, "_session", None)
            if isinstance(tunnel, Tunnelled):
                try:
                    self._ask_for_tunnel(*tunnel.target, is_open=True)
                except SealgateError:
                    tunnel.cut()

    # Back-pressure.

    def pause_writing(self) -> None:
        """Stop answering: the client does not read."""
        self.congested = True

    def resume_writing(self) -> None:
        """Go on answering."""
        self.congested = False
        self.read_on()
        for chan in list(self._channels.values()):
            session = getattr(chan, "_session", None)
            if isinstance(session, Session | Tunnelled):
                session.go_on()

    def keys_agreed(self) -> None:
        """Go on after a key exchange."""
        super().keys_agreed()
        if not self.congested:
            self.resume_writing()

    def in_thread(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Call *function* in a thread; the caller's files are not closed before it is done."""
        future = self.loop.run_in_executor(self._workers, function)
        self._in_threads.add(future)
        return future

    def end_files(self) -> None:
        """Let go of the caller's files, once no thread is at work on them."""
        files, self.files = self.files, None
        if files is None:
            return
        under_way = {one for one in self._in_threads if not one.done()}
        if not under_way:
            files.close()
            return

        def done(one: asyncio.Future[Any]) -> None:
            under_way.discard(one)
            if not under_way:
                files.close()

        for one in tuple(under_way):
            one.add_done_callback(done)

    def is_busy(self) -> bool:
        """Return whether a transfer or a tunnel is under way."""
        sessions = [getattr(one, "_session", None) for one in self._channels.values()]
        return any(
            one.is_busy() if isinstance(one, Session) else one is not None for one in sessions
        )

    def may_answer(self) -> bool:
        """Return whether an answer would leave soon; none is made before."""
        return not self.congested and self.may_send_data()


def _prohibited(error: SealgateError) -> asyncssh.ChannelOpenError:
    return asyncssh.ChannelOpenError(
        asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, sentence(as_transfer(error)).strip()
    )


class Owner(asyncssh.SSHServer):
    """What asyncssh asks about a connection: passed on to it."""

    def __init__(self) -> None:
        """Wait for the connection."""
        self._connection: Connection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection."""
        if isinstance(conn, Connection):
            self._connection = conn

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the caller's files; say which setting lets an older client in."""
        connection, self._connection = self._connection, None
        if isinstance(exc, asyncssh.KeyExchangeFailed):
            # What the client offers is behind this word; nothing else of it is told.
            offered = str(exc).partition("received ")[2].replace(",", " ").split()
            wanted = [one for one in (*OLDER_KEX, *OLDER_CIPHERS) if one in offered][:1]
            remedy = (
                f'older_clients = ["{wanted[0]}"] in the table of a drop lets it come to that drop'
                if wanted
                else "it is too old for any drop"
            )
            LOG.warning("an SSH client shares no algorithm with this server: %s", remedy)
        if connection is not None:
            connection.end_files()

    def begin_auth(self, username: str) -> bool:
        """Show the banner to everybody alike; signing in is always required."""
        connection = self._connection
        if connection is not None:
            if connection.settings.banner:
                connection.send_auth_banner(connection.settings.banner.rstrip() + "\n")
            connection.begin(username)
        return True

    def session_requested(self) -> Any:
        """Open a channel for files."""
        return self._connection.open_session() if self._connection else False

    def connection_requested(
        self,
        dest_host: str,
        dest_port: int,
        orig_host: str,  # noqa: ARG002  # what the client says of itself proves nothing
        orig_port: int,  # noqa: ARG002
    ) -> Any:
        """Open a tunnel."""
        return self._connection.open_tunnel(dest_host, dest_port) if self._connection else False

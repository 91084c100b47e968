"""
One SSH connection that knows what may be opened over it, and how fast.

Asks the authenticator and knows nothing of identities and classes itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncssh

from sealgate.errors import SealgateError
from sealgate.protocols.admission.password_threads import PasswordThreads
from sealgate.protocols.ssh.refusals import as_transfer, sentence
from sealgate.protocols.ssh.scp import read_command
from sealgate.protocols.ssh.session import SSHSession, Threads
from sealgate.protocols.ssh.sftp_service import SFTPService
from sealgate.protocols.ssh.sign_in import SSHSignIn
from sealgate.protocols.ssh.transit import TUNNEL
from sealgate.protocols.ssh.transport import DataChannel, Transport
from sealgate.protocols.ssh.tunnels import Tunnelled

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Executor

    from sealgate.protocols.model import Authenticator
    from sealgate.protocols.ssh.settings import SSHSettings

SUBSYSTEMS = {"sftp": SFTPService}


class Connection:
    """
    One caller's connection: who signs in over it, and what they open.

    *begun* is called once they are signed in; *workers* do what takes long.
    """

    def __init__(
        self,
        options: asyncssh.SSHServerConnectionOptions,
        settings: SSHSettings,
        authenticator: Authenticator,
        passwords: PasswordThreads,
        workers: Executor,
        peer: str,
        begun: Callable[[], None],
    ) -> None:
        """Wait for the socket."""
        self._loop = asyncio.get_running_loop()
        self._settings = settings
        self._authenticator = authenticator
        self._threads = Threads(self._loop, workers)
        self.transport = Transport(self._loop, options, settings, peer, self)
        self.sign_in = SSHSignIn(
            self.transport, self._loop, authenticator, passwords, begun, self._judged_again
        )

    # What is opened.

    def open_session(self) -> tuple[DataChannel, SSHSession]:
        """
        Return a channel for files.

        Raises:
            asyncssh.ChannelOpenError: there are too many.
        """
        if self.transport.data_channels >= self._settings.max_sessions_per_connection:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_RESOURCE_SHORTAGE, "too many sessions on one connection"
            )
        session = SSHSession(self.transport, self.sign_in, self._threads, SUBSYSTEMS, read_command)
        return self.transport.new_data_channel(), session

    def open_tunnel(self, host: str, port: int) -> Awaitable[Tunnelled]:
        """
        Return a tunnel to *host*:*port*.

        Raises:
            asyncssh.ChannelOpenError: it is not declared, not for them, or one too many.
        """
        if len(self.transport.sessions) >= self._settings.max_tunnels_per_connection:
            raise asyncssh.ChannelOpenError(
                asyncssh.OPEN_RESOURCE_SHORTAGE, "too many tunnels on one connection"
            )
        try:
            self._ask_for_tunnel(host, port)
        except SealgateError as error:
            raise _prohibited(error) from error
        return self._tunnelled(Tunnelled(self.transport, host, port))

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
        self._authenticator.may_tunnel(
            self.sign_in.name,
            self.sign_in.methods,
            self.transport.measured(TUNNEL),
            host,
            port,
            key=self.sign_in.proven_key,
            is_open=is_open,
        )

    def _judged_again(self) -> None:
        """End every tunnel that the caller may no longer have."""
        for tunnel in self.transport.sessions:
            if isinstance(tunnel, Tunnelled):
                try:
                    self._ask_for_tunnel(*tunnel.target, is_open=True)
                except SealgateError:
                    tunnel.cut()

    def go_on(self) -> None:
        """Answers can be sent again."""
        for session in self.transport.sessions:
            if isinstance(session, SSHSession | Tunnelled):
                session.go_on()

    def ended(self) -> None:
        """Let go of the caller's files, once no thread is at work on them."""
        files, self.sign_in.files = self.sign_in.files, None
        if files is not None:
            self._threads.when_done(files.close)

    def is_busy(self) -> bool:
        """Return whether a transfer or a tunnel is under way."""
        return any(
            one.is_busy() if isinstance(one, SSHSession) else one is not None
            for one in self.transport.sessions
        )


def _prohibited(error: SealgateError) -> asyncssh.ChannelOpenError:
    return asyncssh.ChannelOpenError(
        asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, sentence(as_transfer(error)).strip()
    )

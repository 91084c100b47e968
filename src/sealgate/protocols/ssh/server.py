"""
The server for SFTP, SCP and tunnels: sockets in, sessions over an authenticator out.

Several processes may each serve the same sockets. On asyncssh, used as it is (EPL-2.0), with
subclasses of its connection and channel (ADR 0012); uvloop, where the caller runs one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import asyncssh
import uvloop

from sealgate.errors import BugError, ConfigError
from sealgate.policy.algorithms import OLDER_CIPHERS, OLDER_KEX
from sealgate.protocols.admission.password_threads import PasswordThreads
from sealgate.protocols.ssh.connection import Connection
from sealgate.protocols.ssh.front import ConnectionLimiter, Front
from sealgate.protocols.ssh.host_keys import HostKey, host_keys, read_host_key
from sealgate.protocols.ssh.settings import (
    CIPHERS,
    KEY_EXCHANGES,
    MACS,
    SIGNATURES,
    SSHSettings,
)
from sealgate.protocols.ssh.transport import Owner

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealgate.protocols.model import Authenticator, Process

__all__ = ["HostKey", "RunningSFTP", "SSHSettings", "host_keys", "read_host_key", "serve_sftp"]

_BACKLOG = 512
# argon2id takes 64 MiB and a core for tens of milliseconds: not more than this at once.
_PASSWORD_THREADS = 2
# Each waits for an object store; the work of sealing is small beside that.
_WORKER_THREADS = 32
_DRAIN_LOOK_SECONDS = 0.05
# asyncssh logs names and paths of its own accord; what is to be known stands in the trail.
_ASYNCSSH_LEVEL = logging.CRITICAL


class RunningSFTP:
    """A server that runs; made by :func:`serve_sftp`."""

    def __init__(
        self,
        servers: Sequence[asyncio.AbstractServer],
        limiter: ConnectionLimiter,
        pools: Sequence[ThreadPoolExecutor | PasswordThreads],
    ) -> None:
        """Keep what has to be closed."""
        self._servers = tuple(servers)
        self._limiter = limiter
        self._pools = tuple(pools)

    @property
    def connections(self) -> int:
        """Return how many connections there are now."""
        return len(self._limiter.fronts)

    async def close(self, drain_seconds: float) -> None:
        """
        Take no more connections, let transfers under way end, then hang up.

        Idle connections are closed at once, the others after *drain_seconds* at the latest.
        What is broken off stays resumable.
        """
        self._limiter.closing = True
        for server in self._servers:
            server.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + drain_seconds
        while self._limiter.fronts:
            late = loop.time() >= end
            for front in list(self._limiter.fronts):
                if late or not front.is_busy():
                    front.hang_up("the server is going down")
            await asyncio.sleep(_DRAIN_LOOK_SECONDS)
            if loop.time() >= end + 1.0:
                for front in list(self._limiter.fronts):
                    front.abort()
                await asyncio.sleep(_DRAIN_LOOK_SECONDS)
                break
        for pool in self._pools:
            await loop.run_in_executor(None, pool.shutdown)


async def serve_sftp(
    sockets: Sequence[socket.socket], authenticator: Authenticator, settings: SSHSettings
) -> RunningSFTP:
    """
    Serve on the bound *sockets*, which now belong to the server.

    Raises:
        ConfigError: a host key cannot be read, or the settings contradict asyncssh.
    """
    asyncssh.set_log_level(_ASYNCSSH_LEVEL)
    options = _options(settings)
    passwords = PasswordThreads(_PASSWORD_THREADS, "sealgate-password")
    workers = ThreadPoolExecutor(_WORKER_THREADS, "sealgate-transfer")
    limiter = ConnectionLimiter(settings, authenticator)

    def begin(peer: str, begun: Callable[[], None]) -> Connection:
        return Connection(options, settings, authenticator, passwords, workers, peer, begun)

    loop = asyncio.get_running_loop()
    servers: list[asyncio.AbstractServer] = []
    try:
        for one in sockets:
            server = await loop.create_server(
                lambda: Front(limiter, begin), sock=one, backlog=_BACKLOG
            )
            servers.append(server)
    except BaseException:
        for begun in servers:
            begun.close()
        for pool in (passwords, workers):
            with contextlib.suppress(RuntimeError):
                pool.shutdown(wait=False)
        raise
    return RunningSFTP(servers, limiter, (passwords, workers))


def serve_in(process: Process) -> None:
    """
    Serve in *process* until it is told to end.

    Raises:
        BugError: it was configured as another server.
    """
    settings = process.settings
    if not isinstance(settings, SSHSettings):
        raise BugError("the settings are those of another server")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        stopped: asyncio.Future[float] = loop.create_future()
        sockets = [socket.socket(fileno=one) for one in process.listeners["sftp"]]
        running = await serve_sftp(sockets, process.authenticator, settings)

        def end(seconds: float) -> None:
            if not stopped.done():
                stopped.set_result(seconds)

        def stop(seconds: float) -> None:
            loop.call_soon_threadsafe(end, seconds)

        process.serves(stop)
        await running.close(await stopped)

    if process.may_serve():
        uvloop.run(run())


def _options(settings: SSHSettings) -> asyncssh.SSHServerConnectionOptions:
    """Return *settings* as asyncssh takes them."""
    for path in settings.host_keys:
        read_host_key(path)
    try:
        return asyncssh.SSHServerConnectionOptions(
            server_factory=Owner,
            server_version="Sealgate",
            server_host_keys=list(settings.host_keys),
            config=[],
            kex_algs=[*KEY_EXCHANGES, *(one for one in settings.older if one in OLDER_KEX)],
            encryption_algs=[*CIPHERS, *(one for one in settings.older if one in OLDER_CIPHERS)],
            mac_algs=list(MACS),
            compression_algs=["none"],
            signature_algs=list(SIGNATURES),
            gss_host=None,
            gss_kex=False,
            gss_auth=False,
            kbdint_auth=False,
            host_based_auth=False,
            allow_pty=False,
            line_editor=False,
            x11_forwarding=False,
            agent_forwarding=False,
            allow_scp=False,
            encoding=None,
            login_timeout=settings.login_grace_seconds,
            keepalive_interval=settings.keepalive_seconds,
            keepalive_count_max=settings.keepalive_misses,
            rekey_bytes=settings.rekey_bytes,
            rekey_seconds=settings.rekey_seconds,
            window=settings.window_bytes,
            max_pktsize=settings.max_packet_bytes,
        )
    except (ValueError, OSError) as error:
        raise ConfigError(
            f"the SSH server cannot be set up: {error}",
            hint="sealgate plan shows what it is made of",
        ) from error

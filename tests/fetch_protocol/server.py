"""The server: who signs in by a password may fetch what a session shows them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any

import asyncssh

from sealgate.errors import BugError, SealgateError
from sealgate.protocols.model import Channel, Method
from sealgate.protocols.ssh.settings import MACS
from tests.fetch_protocol.definition import CIPHER, FETCH, KEX, FetchSettings

if TYPE_CHECKING:
    from sealgate.protocols.model import Authenticator, Process

_BLOCK = 65536


class _Owner(asyncssh.SSHServer):
    """One connection."""

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def connection_made(self, conn: Any) -> None:
        """Greet the client's address."""
        self._peer = str(conn.get_extra_info("peername")[0])
        self._authenticator.greet(self._peer)

    def password_auth_supported(self) -> bool:
        """Return that a password is asked for."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """Return whether it is right."""
        return self._authenticator.check_password(username, password, self._peer)


def _fetch(authenticator: Authenticator, process: Any) -> None:
    channel = Channel(
        FETCH,
        process.get_extra_info("peername")[0],
        "SSH-2.0",
        KEX,  # no other is offered
        process.get_extra_info("send_cipher"),
    )
    try:
        name = process.get_extra_info("username")
        session = authenticator.sign_in(name, frozenset([Method.PASSWORD]), channel)
        with contextlib.closing(session.open_read(process.command or "")) as reader:
            offset = 0
            while data := bytes(reader.read_at(offset, _BLOCK)):
                process.stdout.write(data)
                offset += len(data)
        session.close()
        process.exit(0)
    except SealgateError as error:
        process.stderr.write(f"{error.message}\n".encode())
        process.exit(1)


def serve_in(process: Process) -> None:
    """Serve in *process* until it is told to end."""
    settings = process.settings
    if not isinstance(settings, FetchSettings):
        raise BugError("the settings are those of another server")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        servers = [
            await asyncssh.create_server(
                lambda: _Owner(process.authenticator),
                sock=socket.socket(fileno=one),
                server_host_keys=[settings.host_key],
                kex_algs=[KEX],
                encryption_algs=[CIPHER],
                mac_algs=list(MACS),
                encoding=None,
                process_factory=lambda client: _fetch(process.authenticator, client),
            )
            for one in process.listeners["fetch"]
        ]

        def stop(_seconds: float) -> None:
            loop.call_soon_threadsafe(stopped.set)

        process.serves(stop)
        await stopped.wait()
        for server in servers:
            server.close()

    if process.may_serve():
        asyncio.run(run())

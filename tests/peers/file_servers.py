"""The file servers of a running ``sealgate serve`` as the machine sees them, and clients of FTPS and SFTP."""

from __future__ import annotations

import contextlib
import socket
import ssl
from ftplib import FTP_TLS
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh

from sealgate.control import ask
from tests.peers.transferred import PASSWORD
from tests.processes import resident_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from tests.peers.transferred import FilePlace


def servers(place: FilePlace, protocol: str = "") -> list[int]:
    """Return the processes that serve files, of one protocol or of all."""
    return [
        one["pid"]
        for one in _told(place)
        if one["pid"] and (not protocol or one["protocol"] == protocol)
    ]


def sessions(place: FilePlace) -> int:
    """Return how many sessions all of them say they have."""
    return sum(one.get("sessions") or 0 for one in _told(place))


def _told(place: FilePlace) -> list[dict[str, Any]]:
    answer = ask(str(place.state), "status")
    assert answer is not None
    found: list[dict[str, Any]] = answer["status"]["file_servers"]
    return found


def resident_mib(pids: Sequence[int]) -> float:
    """Return the memory that these processes keep, each with what it shares (VmRSS)."""
    return sum(resident_bytes(pid) for pid in pids) / 2**20


def descriptors(pids: Sequence[int]) -> tuple[int, int]:
    """
    Return how many files and sockets these processes have open, and how many of SQLite's besides.

    Connections to a database are kept for the next who needs one, as many as were needed at
    once (up to a limit), so their number tells nothing of what was let go of.
    """
    found = [0, 0]
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found[".sqlite" in link.readlink().name] += 1
    return found[0], found[1]


class ResumingFTP(FTP_TLS):
    """Python's client, with data connections that resume the session."""

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        """Resume the session of the control connection."""
        connection, size = super(FTP_TLS, self).ntransfercmd(cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        try:
            return self.context.wrap_socket(
                connection, server_hostname=self.host, session=self.sock.session
            ), size
        except BaseException:
            connection.close()
            raise


@contextlib.contextmanager
def ftps_signed_in(
    place: FilePlace, *, key: str | None = None, name: str = "anna", seconds: float = 20.0
) -> Iterator[ResumingFTP]:
    """Give a client that is signed in, by the certificate of *key* or by password."""
    one = ResumingFTP(context=place.trust(key), timeout=seconds)
    try:
        one.connect("localhost", place.ftps)
        one.auth()
        answer = one.sendcmd(f"USER {key or name}")
        if answer.startswith("331"):
            one.voidcmd(f"PASS {PASSWORD}")
        one.prot_p()
        one.voidcmd("TYPE I")
        yield one
    finally:
        one.close()


async def ssh_signed_in(place: FilePlace) -> asyncssh.SSHClientConnection:
    """Return a connection on which anna is signed in."""
    return await asyncssh.connect(
        "127.0.0.1",
        place.sftp,
        username="anna",
        client_keys=[str(place.folder / "anna")],
        known_hosts=None,
        config=None,
    )


@contextlib.asynccontextmanager
async def sftp_signed_in(place: FilePlace) -> AsyncIterator[asyncssh.SFTPClient]:
    """Give a client for which anna is signed in."""
    async with await ssh_signed_in(place) as connection, connection.start_sftp_client() as sftp:
        yield sftp

"""Clients that ask and do not read, that come in hundreds, or that fall silent."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import time
from typing import TYPE_CHECKING

import asyncssh
import pytest

from sealgate.protocols.ssh.cipher import GCM
from tests.processes import rests
from tests.unit.protocols.ssh.ssh_plain import PlainAuthenticator, PlainFiles
from tests.unit.protocols.ssh.ssh_process import ssh_process
from tests.unit.protocols.ssh.ssh_served import HOST, ssh_served
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

    from tests.unit.protocols.ssh.ssh_process import Process
    from tests.unit.protocols.ssh.ssh_served import Served

pytestmark = pytest.mark.peer("openssh-client")

# What one client may cost, whatever it does: window, buffers, and what Python keeps free.
MOST_MIB = 24.0
INIT = b"\0\0\0\5\1\0\0\0\3"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """Serve one file of 8 MiB from a process of its own."""
    folder = tmp_path_factory.mktemp("pressed")
    (folder / "root").mkdir()
    (folder / "root/big").write_bytes(os.urandom(8 << 20))
    with ssh_process(folder, max_unauthenticated=100, login_grace_seconds=3.0) as process:
        # Once through everything, so that what is loaded late does not count as growth.
        assert process.served.sftp("get big /dev/null").returncode == 0
        yield process


def request(number: int, kind: int, *parts: bytes) -> bytes:
    """Return an SFTP request."""
    body = bytes([kind]) + number.to_bytes(4, "big") + b"".join(parts)
    return len(body).to_bytes(4, "big") + body


def text(value: bytes) -> bytes:
    """Return *value* with its length."""
    return len(value).to_bytes(4, "big") + value


async def connect(served: Served) -> asyncssh.SSHClientConnection:
    """Return a connection by asyncssh, which lets us misbehave."""
    return await asyncssh.connect(
        HOST,
        served.port,
        username="anna",
        client_keys=[str(served.key)],
        known_hosts=str(served.folder / "known_hosts"),
        config=None,
        encryption_algs=["aes256-gcm@openssh.com"],
    )


class Greedy(asyncssh.SSHClientSession[bytes]):
    """Takes the answers to the first two requests only."""

    def __init__(self) -> None:
        self.heard = bytearray()
        self.more = asyncio.Event()

    def data_received(self, data: bytes, datatype: int | None) -> None:  # noqa: ARG002
        """Keep what came."""
        self.heard += data
        self.more.set()


async def ask_without_reading(
    process: Process, asks: Callable[[asyncssh.SSHClientChannel[bytes], bytes], Awaitable[None]]
) -> float:
    """Open ``big``, stop reading the socket, ask; return by how much the server grew."""
    connection = await connect(process.served)
    try:
        session = Greedy()
        channel, _ = await connection.create_session(
            lambda: session, subsystem="sftp", encoding=None, window=2**31 - 1, max_pktsize=32768
        )
        channel.write(INIT + request(1, 3, text(b"/big"), b"\0\0\0\1\0\0\0\0"))
        while b"\0\0\0\x0d\x66" not in session.heard:
            session.more.clear()
            await asyncio.wait_for(session.more.wait(), PATIENCE_SECONDS)
        handle = bytes(session.heard[-4:])
        process.forget_most()
        before = process.resident_mib
        transport = connection._transport
        assert transport is not None
        transport.pause_reading()
        await asks(channel, handle)
        # Until it has stopped reading what it is sent.
        assert await asyncio.to_thread(wait_until, lambda: rests(process.process.pid))
        return process.most_resident_mib - before
    finally:
        connection.abort()
        await connection.wait_closed()


def test_a_client_that_asks_for_everything_and_reads_nothing(process: Process) -> None:
    """3,000 reads of 255 KiB (747 MiB) are asked for at once: memory stays flat, others are served."""

    async def asks(channel: asyncssh.SSHClientChannel[bytes], handle: bytes) -> None:
        reads = [request(n, 5, text(handle), struct.pack(">QI", 0, 261120)) for n in range(2, 3002)]
        channel.write(b"".join(reads))
        served = await asyncio.to_thread(process.served.sftp, "ls")
        assert served.returncode == 0

    grown = asyncio.run(ask_without_reading(process, asks))
    print(f"asked for 747 MiB, server grew by {grown:.1f} MiB")
    assert grown < MOST_MIB


def test_a_flood_outside_of_channels_without_reading(process: Process) -> None:
    """400,000 openings that are refused, each with an answer: the server stops reading, too."""

    async def asks(channel: asyncssh.SSHClientChannel[bytes], _: bytes) -> None:
        connection = channel.get_connection()
        inner = connection._send_encryption._cipher  # type: ignore[union-attr]
        cipher = GCM(inner._key, inner._iv)
        payload = b"\x5a" + text(b"flood@example.org") + bytes(8) + b"\0\0\x80\0"
        padding = 4 + -(5 + len(payload)) % 16
        plain = bytes([padding]) + payload + bytes(padding)
        header = len(plain).to_bytes(4, "big")
        transport = connection._transport
        assert transport is not None
        for _n in range(40):
            packets = []
            for _m in range(10_000):
                out = bytearray(header + bytes(len(plain) + 16))
                cipher.seal_into(plain, out)
                packets.append(out)
            transport.write(b"".join(packets))
            await asyncio.sleep(0)

    grown = asyncio.run(ask_without_reading(process, asks))
    print(f"400,000 refused openings, server grew by {grown:.1f} MiB")
    assert grown < MOST_MIB / 3  # slower to fill: each costs asyncssh's long way


def test_a_thousand_connection_attempts(process: Process) -> None:
    """Silent, half-open and chattering ones: the server stays up and flat, and serves again."""
    before = process.resident_mib
    open_ones: list[socket.socket] = []
    told = 0
    try:
        for n in range(1000):
            one = socket.create_connection((HOST, process.served.port), timeout=PATIENCE_SECONDS)
            open_ones.append(one)
            if n % 3 == 1:
                with contextlib.suppress(OSError):
                    one.sendall(b"SSH-2.0-chatter\r\n" + os.urandom(64))
            elif n % 3 == 2:
                with contextlib.suppress(OSError):
                    one.sendall(b"GET / HTTP/1.1\r\n\r\n")
        one.settimeout(PATIENCE_SECONDS)
        with contextlib.suppress(ConnectionResetError):
            told = one.recv(200).count(b"Not allowed at this time: too many connections")
        grown = process.resident_mib - before
    finally:
        for one in open_ones:
            one.close()
    print(f"1,000 attempts, server grew by {grown:.1f} MiB")
    assert told == 1
    assert grown < MOST_MIB
    assert wait_until(lambda: process.served.sftp("ls").returncode == 0)


def test_who_does_not_sign_in_is_put_out(process: Process) -> None:
    """A connection that says nothing ends after the login grace."""
    began = time.monotonic()
    with socket.create_connection((HOST, process.served.port), timeout=PATIENCE_SECONDS) as one:
        while one.recv(1000):
            pass
    assert time.monotonic() - began > 2.0


def test_who_has_fallen_silent_is_put_out(tmp_path: Path) -> None:
    """A client that vanished without a word answers no keepalive; its upload stays resumable."""
    root = tmp_path / "root"
    root.mkdir()
    door = PlainAuthenticator(PlainFiles(root))

    async def vanish(served: Served) -> None:
        connection = await connect(served)
        session = Greedy()
        channel, _ = await connection.create_session(
            lambda: session, subsystem="sftp", encoding=None
        )
        channel.write(INIT + request(1, 3, text(b"/a"), b"\0\0\0\x1a\0\0\0\0"))
        while b"\0\0\0\x0d\x66" not in session.heard:
            session.more.clear()
            await asyncio.wait_for(session.more.wait(), PATIENCE_SECONDS)
        channel.write(request(2, 6, text(bytes(session.heard[-4:])), bytes(8), text(b"x" * 1000)))
        part = root / "a.part"
        assert await asyncio.to_thread(
            wait_until, lambda: part.exists() and part.stat().st_size == 1000
        )
        assert connection._transport is not None
        connection._transport.pause_reading()
        assert await asyncio.to_thread(wait_until, lambda: door.files.left)
        connection.abort()
        await connection.wait_closed()

    with ssh_served(tmp_path / "ssh", door, keepalive_seconds=1.0, keepalive_misses=2) as served:
        door.keys.add(served.fingerprint)
        asyncio.run(vanish(served))
    assert door.files.aborted == ["a"]


def test_an_address_that_failed_too_often_hears_so(tmp_path: Path) -> None:
    """The authenticator's word comes before the protocol begins."""
    root = tmp_path / "root"
    root.mkdir()
    door = PlainAuthenticator(PlainFiles(root), too_many={HOST})
    with ssh_served(tmp_path / "ssh", door) as served:
        with socket.create_connection((HOST, served.port), timeout=PATIENCE_SECONDS) as one:
            assert one.recv(200) == (
                b"Not allowed at this time: too many failed attempts from this address\r\n"
            )
        result = served.sftp("ls")
    assert result.returncode != 0


def test_tries_are_counted(tmp_path: Path) -> None:
    """A connection may try a few times, then it is ended and the authenticator told."""
    root = tmp_path / "root"
    root.mkdir()
    door = PlainAuthenticator(PlainFiles(root))

    class Stubborn(asyncssh.SSHClient):
        def password_auth_requested(self) -> str:
            return "wrong"

    async def try_often(served: Served) -> None:
        with pytest.raises(asyncssh.DisconnectError):
            await asyncssh.connect(
                HOST,
                served.port,
                username="anna",
                client_factory=Stubborn,
                client_keys=None,
                known_hosts=str(served.folder / "known_hosts"),
                config=None,
            )

    with ssh_served(tmp_path / "ssh", door, max_login_tries=3) as served:
        asyncio.run(try_often(served))
    assert len(door.failures) <= 5
    assert door.failures[-1][2] == "too many tries in one connection"


def test_a_balancer_tells_who_is_behind_it(tmp_path: Path) -> None:
    """From a trusted proxy the header is required and believed; the client's address is used."""
    root = tmp_path / "root"
    root.mkdir()
    door = PlainAuthenticator(PlainFiles(root))
    header = "PROXY TCP4 192.0.2.7 127.0.0.1 4711 22\\r\\n"
    with ssh_served(tmp_path / "ssh", door, trusted_proxies=("127.0.0.0/8",)) as served:
        door.keys.add(served.fingerprint)
        program = tmp_path / "proxy"
        program.write_text(
            "import os, socket, sys, threading\n"
            f"s = socket.create_connection(('{HOST}', {served.port}))\n"
            f"s.sendall(b'{header}')\n"
            "def up():\n"
            "    while data := os.read(0, 65536):\n"
            "        s.sendall(data)\n"
            "    s.shutdown(socket.SHUT_WR)\n"
            "threading.Thread(target=up, daemon=True).start()\n"
            "while data := s.recv(65536):\n"
            "    os.write(1, data)\n"
        )
        through = served.sftp("ls", options=(f"ProxyCommand=python3 {program}",))
        assert through.returncode == 0, through.stderr
        with socket.create_connection((HOST, served.port), timeout=8) as one:
            one.sendall(b"SSH-2.0-without\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert one.recv(100) == b""
    assert door.greeted == ["192.0.2.7"]
    assert [channel.peer for channel in door.channels] == ["192.0.2.7"]


def test_nobody_else_may_say_who_they_are(tmp_path: Path) -> None:
    """From any other address a header is noise before the version, and ends the connection."""
    root = tmp_path / "root"
    root.mkdir()
    door = PlainAuthenticator(PlainFiles(root))
    with (
        ssh_served(tmp_path / "ssh", door, trusted_proxies=("192.0.2.0/24",)) as served,
        socket.create_connection((HOST, served.port), timeout=PATIENCE_SECONDS) as one,
    ):
        one.sendall(b"PROXY TCP4 192.0.2.7 127.0.0.1 4711 22\r\n")
        with contextlib.suppress(ConnectionResetError):
            while one.recv(1000):
                pass
    assert door.greeted == [HOST]

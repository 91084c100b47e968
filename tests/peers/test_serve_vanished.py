"""Clients that die, freeze, dawdle or come by the thousand: both servers stay up, flat and whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
import struct
import subprocess
import time
from typing import TYPE_CHECKING

import asyncssh
import pytest

from tests.peers.file_servers import (
    descriptors,
    ftps_signed_in,
    resident_mib,
    servers,
    sessions,
    sftp_signed_in,
    ssh_signed_in,
)
from tests.peers.transferred import PASSWORD, file_place
from tests.processes import rests
from tests.told import TOLD
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.peers.transferred import FilePlace

pytestmark = [pytest.mark.peer("openssh-client"), pytest.mark.peer("lftp")]
MOST_MIB = 24.0
# Two servers, two stores, eight connections of two files each, and a few to the register.
MOST_OF_DATABASES = 2 * (2 * 8 * 2 + 8)
SESSION_MIB = 1.2
BIG = os.urandom(8 << 20)
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilePlace]:
    """Serve the usual drops, warmed up: what is loaded late is no growth."""
    with file_place(tmp_path_factory.mktemp("vanished")) as place, place.serving():
        (place.folder / "big").write_bytes(BIG)
        done = place.sftp_batch("put big /inbox/big", "get /inbox/big back", "ls -l /inbox")
        assert done.returncode == 0, done.stderr
        with ftps_signed_in(place) as one, (place.folder / "big").open("rb") as file:
            one.storbinary("STOR /inbox/big", file)
            one.retrbinary("RETR /inbox/big", len)
        assert wait_until(lambda: sessions(place) == 0)
        yield place


class Weighed:
    """What the servers hold before and after something."""

    def __init__(self, place: FilePlace) -> None:
        self.place = place
        self.pids = servers(place)
        self.descriptors, _ = descriptors(self.pids)
        self.mib = resident_mib(self.pids)

    def settled(
        self, what: str, *, seconds: float = PATIENCE_SECONDS, most_mib: float = MOST_MIB
    ) -> None:
        """Assert that the same processes hold no more than before, within *seconds*."""
        place = self.place
        most = self.descriptors + 2
        wait_until(lambda: sessions(place) == 0 and descriptors(self.pids)[0] <= most, seconds)
        (now, kept), mib = descriptors(self.pids), resident_mib(self.pids)
        print(
            f"{what}: {sessions(place)} sessions, descriptors {self.descriptors} -> {now}, "
            f"memory {self.mib:.1f} -> {mib:.1f} MiB"
        )
        assert servers(place) == self.pids
        assert sessions(place) == 0
        assert now <= most
        assert kept <= MOST_OF_DATABASES
        assert mib - self.mib < most_mib
        assert place.sftp_batch("get /inbox/big back").returncode == 0
        assert (place.folder / "back").read_bytes() == BIG


def uploaders(place: FilePlace, kind: str, name: str) -> list[subprocess.Popen[bytes]]:
    """Start eight programs that upload slowly, to *name* with a number behind it."""
    # Once for all: it writes the file of known hosts anew.
    options = place.ssh_options()
    return [_uploader(place, kind, f"{name}{number}", options) for number in range(8)]


def _uploader(
    place: FilePlace, kind: str, name: str, options: list[str]
) -> subprocess.Popen[bytes]:
    if kind == "sftp":
        command = ["sftp", "-F", "none", "-l", "2000", *options, "-b", "-", "127.0.0.1"]
        said = f"put big /partners/{name}\n".encode()
    else:
        said = b""
        script = (
            f"set ssl:ca-file {place.ca}; set ftp:ssl-force true; set ftp:ssl-protect-data true; "
            f"set net:limit-rate 250000; open -u anna,'{PASSWORD}' ftp://localhost:{place.ftps}; "
            f"put big -o /inbox/{name}"
        )
        command = ["lftp", "-c", script]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=place.folder,
        start_new_session=True,
    )
    assert process.stdin is not None
    process.stdin.write(said)
    process.stdin.close()
    return process


@pytest.mark.parametrize("kind", ["sftp", "ftps"])
def test_clients_that_are_killed_leave_parts_to_resume(place: FilePlace, kind: str) -> None:
    """Eight die by SIGKILL in the midst of an upload: sessions and descriptors go, parts stay."""
    weighed = Weighed(place)
    drop = "partners" if kind == "sftp" else "inbox"
    before = place.stored_bytes(drop)
    many = uploaders(place, kind, f"{kind}-dead")
    try:
        assert wait_until(lambda: sessions(place) >= 8)
        assert wait_until(lambda: place.stored_bytes(drop) > before + (2 << 20))
    finally:
        for process in many:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    weighed.settled(f"eight killed over {kind}")
    # Who had not sent a whole chunk yet left nothing.
    names = [f"{kind}-dead{number}" for number in range(8)]
    listed = place.sftp_batch(f"cd {drop}", "ls -1").stdout.split()
    parts = [name for name in names if name in listed]
    print(f"{len(parts)} of 8 left a part")
    assert parts
    resumed = place.sftp_batch(
        *(f"reput big /{drop}/{name}" for name in parts),
        *(f"get /{drop}/{name} {name}" for name in parts),
        *(f"rm /{drop}/{name}" for name in parts),
    )
    assert resumed.returncode == 0, resumed.stderr
    assert all((place.folder / name).read_bytes() == BIG for name in parts)


@pytest.mark.parametrize("kind", ["sftp", "ftps"])
def test_clients_that_freeze_hold_up_nobody(place: FilePlace, kind: str) -> None:
    """Eight are stopped (SIGSTOP), half open as behind a dead line: others are served meanwhile."""
    weighed = Weighed(place)
    drop = "partners" if kind == "sftp" else "inbox"
    before = place.stored_bytes(drop)
    many = uploaders(place, kind, f"{kind}-frozen")
    try:
        assert wait_until(lambda: sessions(place) >= 8)
        assert wait_until(lambda: place.stored_bytes(drop) > before)
        for process in many:
            os.killpg(process.pid, signal.SIGSTOP)
        began = time.monotonic()
        done = place.sftp_batch(
            "put big /partners/other", "get /partners/other back", "rm /partners/other"
        )
        assert done.returncode == 0, done.stderr
        with ftps_signed_in(place) as one:
            got = bytearray()
            one.retrbinary("RETR /inbox/big", got.extend)
        assert got == BIG
        print(f"served beside eight frozen over {kind} in {time.monotonic() - began:.1f} s")
        assert resident_mib(weighed.pids) - weighed.mib < MOST_MIB
    finally:
        for process in many:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    weighed.settled(f"eight frozen over {kind}, then gone")


def test_downloads_that_end_by_a_reset_leave_nothing(place: FilePlace) -> None:
    """Fifty times a data connection is reset in the midst of a download; the session goes on."""
    weighed = Weighed(place)
    with ftps_signed_in(place) as one:
        for _ in range(50):
            data, _size = one.ntransfercmd("RETR /inbox/big")
            assert data.recv(1000)
            data.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            data.close()
            with contextlib.suppress(ssl.SSLError):
                assert one.getmultiline().startswith(("426", "226"))
    weighed.settled("fifty resets over ftps")


def test_who_reads_slowly_costs_little(place: FilePlace) -> None:
    """Sixteen sessions ask for 8 MiB each and read a few KiB: one block of each is in memory."""
    weighed = Weighed(place)
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            one = stack.enter_context(ftps_signed_in(place))
            data = stack.enter_context(one.transfercmd("RETR /inbox/big"))
            assert data.recv(4096)
        assert wait_until(lambda: all(rests(pid) for pid in weighed.pids))
        grown = resident_mib(weighed.pids) - weighed.mib
        print(f"sixteen slow readers: {grown:.1f} MiB more")
        assert grown < MOST_MIB + 16
    weighed.settled("sixteen slow readers over ftps")


@pytest.mark.parametrize("attempts", [200, pytest.param(1000, marks=pytest.mark.soak)])
def test_attempts_at_both_servers(place: FilePlace, attempts: int) -> None:
    """Of silent ones, noise, a reset at once and half a greeting, at each: nothing is left."""
    weighed = Weighed(place)
    held: list[socket.socket] = []
    noise = (b"", b"\r\n", b"SSH-2.0-x\r\n", os.urandom(300), b"AUTH TLS\r\n\x16\x03\x01")
    refused = 0
    for number in range(attempts):
        port = (place.sftp, place.ftps)[number % 2]
        try:
            one = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
            one.sendall(noise[number // 2 % len(noise)])
        except OSError:
            refused += 1
            continue
        if number % 4 < 2:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            one.close()
        else:
            held.append(one)
        while len(held) > 100:
            held.pop(0).close()
    grown = resident_mib(weighed.pids) - weighed.mib
    for one in held:
        one.close()
    print(f"{attempts} attempts, {refused} refused, {grown:.1f} MiB more while they lasted")
    assert grown < MOST_MIB
    weighed.settled(f"{attempts} attempts")


@pytest.mark.parametrize("tens", [3, pytest.param(10, marks=pytest.mark.soak)])
def test_many_sessions_are_let_go(place: FilePlace, tens: int) -> None:
    """Up to a hundred sign in over SFTP, open a file each, and are cut off without a word."""
    weighed = Weighed(place)

    async def one() -> asyncssh.SSHClientConnection:
        connection = await ssh_signed_in(place)
        sftp = await connection.start_sftp_client()
        await sftp.open("/inbox/big", "rb")
        return connection

    async def all_of_them() -> int:
        many: list[asyncssh.SSHClientConnection] = []
        for _ in range(tens):
            many += await asyncio.gather(*(one() for _ in range(10)))
        held = await asyncio.to_thread(sessions, place)
        for connection in many:
            connection.abort()
        await asyncio.gather(*(connection.wait_closed() for connection in many))
        return held

    assert asyncio.run(all_of_them()) == 10 * tens
    weighed.settled(f"{10 * tens} sessions cut off")


@pytest.mark.parametrize("crowd", [25, pytest.param(100, marks=pytest.mark.soak)])
def test_many_uploads_at_once_take_turns(
    place: FilePlace, crowd: int, record_property: Callable[[str, object], None]
) -> None:
    """Up to 100 x 2 MiB, each over its own connection, cost their buffers, and nobody starves."""
    weighed = Weighed(place)
    content = BIG[: 2 << 20]

    async def one(number: int, began: float) -> float:
        async with (
            sftp_signed_in(place) as sftp,
            sftp.open(f"/partners/crowd{number}", "wb") as file,
        ):
            await file.write(content)
        return time.monotonic() - began

    async def all_of_them() -> list[float]:
        began = time.monotonic()
        return await asyncio.gather(*(one(number, began) for number in range(crowd)))

    took = asyncio.run(all_of_them())
    grown = resident_mib(weighed.pids) - weighed.mib
    ratio = max(took) / min(took)
    record_property(
        TOLD,
        f"{crowd} x 2 MiB: {max(took):.1f} s, slowest/fastest {ratio:.1f}, {grown:.1f} MiB more",
    )
    # Window and buffers of each; 100 x 100 MiB took as much.
    assert grown < crowd * SESSION_MIB
    listed = place.sftp_batch("ls -l /partners/crowd*", "rm /partners/crowd*")
    assert listed.stdout.count(f" {2 << 20} ") == crowd, listed.stderr
    weighed.settled(f"{crowd} uploads", most_mib=crowd * SESSION_MIB)

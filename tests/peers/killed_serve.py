"""
Clients that upload to both servers while these are killed, and what they were told.

An upload is acknowledged when the SFTP CLOSE was answered with OK, or FTPS said 226; each
client counts it only then. What each sent can be made again from its seed.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import random
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import asyncssh
import paramiko
from paramiko.sftp import CMD_CLOSE

from tests.peers.file_servers import ftps_signed_in, sftp_signed_in
from tests.peers.transferred import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.transferred import FilePlace

SIZES = (0, 1, 900, 10_000, 65_535, 65_536, 65_537, 200_000, 262_144, 700_000, 3_000_000)
# Of ten uploads, so many replace a file that was acknowledged before.
_REPLACED_OF_TEN = 2
_BATCH = 10


@dataclass(frozen=True, slots=True)
class Content:
    """What one upload sends."""

    seed: int
    size: int

    def data(self) -> bytes:
        """Return it."""
        return random.Random(self.seed).randbytes(self.size)  # noqa: S311  # a test's content


@dataclass
class File:
    """What may be found at one path: nothing (*may_be_absent*), or one of *contents*."""

    path: str
    contents: list[Content]
    may_be_absent: bool = True


@dataclass
class Uploads:
    """All that was sent, by any client."""

    seed: int
    files: dict[str, File] = field(default_factory=dict)
    acknowledged: int = 0
    by_client: dict[str, int] = field(default_factory=dict)
    broken_off: int = 0
    _names: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, client: str, drop: str, chance: random.Random) -> tuple[str, Content]:
        """Return what *client* is to upload next, and to which path."""
        content = Content(chance.getrandbits(48), chance.choice(SIZES))
        with self._lock:
            settled = [
                file
                for path, file in self.files.items()
                if path.startswith(f"/{drop}/{client}-")
                and not file.may_be_absent
                and len(file.contents) == 1
            ]
            if settled and chance.randrange(10) < _REPLACED_OF_TEN:
                file = chance.choice(settled)
                file.contents.append(content)
            else:
                self._names += 1
                path = f"/{drop}/{client}-{self._names}"
                file = self.files[path] = File(path, [content])
        return file.path, content

    def acknowledge(self, client: str, path: str, content: Content) -> None:
        """Note that the server said yes to it."""
        with self._lock:
            file = self.files[path]
            file.contents = [content]
            file.may_be_absent = False
            self.acknowledged += 1
            self.by_client[client] = self.by_client.get(client, 0) + 1

    def never_began(self, path: str, content: Content) -> None:
        """Take back what no client got to."""
        with self._lock:
            file = self.files[path]
            file.contents.remove(content)
            if not file.contents:
                del self.files[path]

    def unanswered(self) -> list[File]:
        """Return the files with an upload that nobody was told about."""
        return [f for f in self.files.values() if f.may_be_absent or len(f.contents) > 1]


class Client(Protocol):
    """Uploads files of one sitting, until there are enough or the connection ends."""

    name: str
    drop: str

    def sit(self, place: FilePlace, uploads: Uploads, chance: random.Random) -> None:
        """Sign in and upload some; whatever the connection raises gets out."""


@dataclass
class _Local:
    """Files on disk for programs that take nothing else."""

    folder: Path
    waiting: dict[str, tuple[str, Content]] = field(default_factory=dict)

    def make(self, client: Client, uploads: Uploads, chance: random.Random) -> Iterator[str]:
        """Yield the path of a file of this machine and of the server, for each of a batch."""
        self.folder.mkdir(exist_ok=True)
        for number in range(_BATCH):
            path, content = uploads.begin(client.name, client.drop, chance)
            local = self.folder / f"{client.name}-{number}"
            local.write_bytes(content.data())
            # A file that appears twice in one batch would leave its answers apart only by order.
            self.waiting[f"{number}"] = (path, content)
            yield f"{local} {path}"

    def hear(self, client: Client, uploads: Uploads, program: subprocess.Popen[str]) -> None:
        """Acknowledge what the program says has arrived, line by line."""
        assert program.stdout is not None
        for line in program.stdout:
            word, _, number = line.strip().partition(" ")
            if word == "arrived" and number in self.waiting:
                uploads.acknowledge(client.name, *self.waiting.pop(number))


class OpenSSH:
    """OpenSSH's sftp: a batch ends at the first ``put`` that fails."""

    name, drop = "openssh", "partners"

    def sit(self, place: FilePlace, uploads: Uploads, chance: random.Random) -> None:
        """Run one batch."""
        local = _Local(place.folder / "openssh-files")
        lines = []
        for number, pair in enumerate(local.make(self, uploads, chance)):
            lines += [f"put {pair}", f"!echo arrived {number}"]
        command = ["sftp", "-q", "-F", "none", *place.ssh_options(), "-b", "-", "127.0.0.1"]
        _speak(command, "\n".join(lines) + "\n", self, uploads, local)


class Lftp:
    """lftp over FTPS, that tries nothing twice."""

    name, drop = "lftp", "inbox"

    def sit(self, place: FilePlace, uploads: Uploads, chance: random.Random) -> None:
        """Run one script."""
        local = _Local(place.folder / "lftp-files")
        script = [
            f"set ssl:ca-file {place.ca}; set ftp:ssl-force true; set ftp:ssl-protect-data true",
            "set cmd:fail-exit true; set net:max-retries 1; set net:timeout 20",
            "set net:reconnect-interval-base 1; set net:reconnect-interval-max 1",
            f"open -u anna,'{PASSWORD}' ftp://localhost:{place.ftps}",
        ]
        for number, pair in enumerate(local.make(self, uploads, chance)):
            source, _, path = pair.partition(" ")
            script += [f"put {source} -o {path}", f"echo arrived {number}"]
        # Without a connection it now and then waits for an hour, whatever its settings say.
        bounded = ["timeout", "--signal=KILL", "30"]
        _speak([*bounded, "lftp", "-c", "; ".join(script)], "", self, uploads, local)


def _speak(command: list[str], said: str, client: Client, uploads: Uploads, local: _Local) -> None:
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as program:
        try:
            assert program.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                program.stdin.write(said)
                program.stdin.close()
            local.hear(client, uploads, program)
        finally:
            program.kill()
    if local.waiting:
        # It was at the first of them when it ended.
        for path, content in list(local.waiting.values())[1:]:
            uploads.never_began(path, content)
        raise ConnectionResetError("the program ended early")


class Curl:
    """curl over implicit FTPS, one connection per file."""

    name, drop = "curl", "inbox"

    def sit(self, place: FilePlace, uploads: Uploads, chance: random.Random) -> None:
        """Upload one file."""
        path, content = uploads.begin(self.name, self.drop, chance)
        url = f"ftps://localhost:{place.ftps_implicit}{path}"
        command = ["curl", "-sS", "--cacert", str(place.ca), "-u", f"anna:{PASSWORD}"]
        done = subprocess.run(
            [*command, "--max-time", "30", "-T", "-", url],
            input=content.data(),
            capture_output=True,
            check=False,
        )
        if done.returncode:
            raise ConnectionResetError(done.stderr)
        uploads.acknowledge(self.name, path, content)


class Paramiko:
    """paramiko, pipelined; its own close would take a lost connection for an answer."""

    name, drop = "paramiko", "inbox"

    def sit(self, place: FilePlace, uploads: Uploads, chance: random.Random) -> None:
        """Upload a batch."""
        with paramiko.SSHClient() as client:
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
            client.connect(
                "127.0.0.1",
                port=place.sftp,
                username="anna",
                password=PASSWORD,
                look_for_keys=False,
                allow_agent=False,
                timeout=20,
            )
            sftp = client.open_sftp()
            for _ in range(_BATCH):
                path, content = uploads.begin(self.name, self.drop, chance)
                file = sftp.open(path, "wb")
                file.set_pipelined(True)
                file.write(content.data())
                file.flush()
                sftp._finish_responses(file)
                sftp._request(CMD_CLOSE, file.handle)
                file._closed = True
                uploads.acknowledge(self.name, path, content)


class AsyncSSH:
    """asyncssh, several files at once on one connection."""

    name, drop = "asyncssh", "partners"

    def sit(self, place: FilePlace, uploads: Uploads, chance: random.Random) -> None:
        """Upload a batch, three at a time."""
        asyncio.run(self._batch(place, uploads, chance))

    async def _batch(self, place: FilePlace, uploads: Uploads, chance: random.Random) -> None:
        async with sftp_signed_in(place) as sftp:
            many = await asyncio.gather(
                *(self._some(sftp, uploads, chance) for _ in range(3)), return_exceptions=True
            )
        for one in many:
            if isinstance(one, BaseException):
                raise one

    async def _some(
        self, sftp: asyncssh.SFTPClient, uploads: Uploads, chance: random.Random
    ) -> None:
        for _ in range(_BATCH):
            path, content = uploads.begin(self.name, self.drop, chance)
            file = await sftp.open(path, "wb")
            await file.write(content.data())
            await file.close()
            # It would take a lost connection for an answer, too; whoever answers now answered that.
            await sftp.realpath(".")
            uploads.acknowledge(self.name, path, content)


class FtpLib:
    """Python's ftplib, by certificate."""

    name, drop = "ftplib", "partners"

    def sit(self, place: FilePlace, uploads: Uploads, chance: random.Random) -> None:
        """Upload a batch."""
        with ftps_signed_in(place, key="anna") as one:
            for _ in range(_BATCH):
                path, content = uploads.begin(self.name, self.drop, chance)
                answer = one.storbinary(f"STOR {path}", io.BytesIO(content.data()))
                assert answer.startswith("226"), answer
                uploads.acknowledge(self.name, path, content)


CLIENTS: tuple[Client, ...] = (OpenSSH(), Lftp(), Curl(), Paramiko(), AsyncSSH(), FtpLib())


@contextlib.contextmanager
def uploading(place: FilePlace, uploads: Uploads, round_number: int) -> Iterator[None]:
    """Have all clients upload, and come again when the server is gone, until the block ends."""
    over = threading.Event()
    threads = [
        threading.Thread(target=_again, args=(client, place, uploads, round_number, over))
        for client in CLIENTS
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a client hangs"


def _again(
    client: Client, place: FilePlace, uploads: Uploads, round_number: int, over: threading.Event
) -> None:
    chance = random.Random(f"{uploads.seed} {client.name} {round_number}")  # noqa: S311
    while not over.is_set():
        try:
            client.sit(place, uploads, chance)
        except (OSError, EOFError, asyncssh.Error, paramiko.SSHException):
            uploads.broken_off += 1
            time.sleep(0.05)

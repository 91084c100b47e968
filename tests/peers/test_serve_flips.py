"""One bit of what is stored is changed, anywhere: no client gets a byte that was not stored."""

from __future__ import annotations

import asyncio
import json
import os
from functools import partial
from typing import TYPE_CHECKING, cast

import asyncssh
import pytest

from sealgate.cli import run
from tests.peers.file_servers import ftps_signed_in, sftp_signed_in
from tests.peers.transferred import file_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.peers.transferred import FilePlace

pytestmark = pytest.mark.peer("openssh-client")
CHUNK = 65536
TAG = 16
# The command has to open the keys each time, which is made slow; the store's own tests
# (tests/unit/storage/adapters/test_verify.py) have every region.
VERIFIED = ("header MAC", "chunk 1, middle", "plain byte 0", "sum 0", "half of it")
CONTENT = os.urandom(2 * CHUNK + 30_000)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FilePlace]:
    """Serve one file of three chunks in a sealed and in a protected drop."""
    with file_place(tmp_path_factory.mktemp("flips")) as place, place.serving():
        (place.folder / "a").write_bytes(CONTENT)
        done = place.sftp_batch("put a /partners/a", "put a /inbox/a")
        assert done.returncode == 0, done.stderr
        yield place


def lying(place: FilePlace, drop: str) -> list[Path]:
    """Return the object of the drop's only file, and what lies beside it."""
    folder = place.folder / "stores" / drop / "objects"
    return sorted(path for path in folder.rglob("*") if path.is_file())


def over_sftp(place: FilePlace, path: str) -> tuple[bytes, str]:
    """Return what was got by reading on and on, and the error that ended it."""

    async def read() -> tuple[bytes, str]:
        got = bytearray()
        async with sftp_signed_in(place) as sftp:
            try:
                async with sftp.open(path, "rb", encoding=None) as file:
                    while more := await file.read(CHUNK // 2, len(got)):
                        got += cast("bytes", more)
            except asyncssh.SFTPError as error:
                return bytes(got), error.reason
        return bytes(got), ""

    return asyncio.run(read())


def over_ftps(place: FilePlace, path: str) -> tuple[bytes, str]:
    """Return what was got by RETR, and the reply that ended it."""
    got = bytearray()
    with ftps_signed_in(place, key="anna") as one:
        try:
            answer = one.retrbinary(f"RETR {path}", got.extend)
        except Exception as error:  # noqa: BLE001  # a reply or a reset: both are an error
            return bytes(got), str(error) or type(error).__name__
    assert answer.startswith("226"), answer
    return bytes(got), ""


def verified(
    place: FilePlace, drop: str, capsys: pytest.CaptureFixture[str], *full: str
) -> tuple[int, list[str]]:
    """Return the exit code of ``sealgate verify``, and the faults that it names."""
    capsys.readouterr()
    code = run(["verify", drop, *full, "--format", "json", "-c", str(place.config)])
    [store] = json.loads(capsys.readouterr().out)["stores"]
    return code, [found["fault"] for found in store["found"]]


def regions(sealed: bytes) -> dict[str, int]:
    """Return a byte of each region of an age file (https://c2sp.org/age)."""
    footer = sealed.index(b"\n--- ")
    nonce = sealed.index(b"\n", footer + 1) + 1
    first = nonce + 16
    found = {f"line {n}": at for n, at in enumerate(_line_starts(sealed[:footer]))}
    found |= {
        "version": 3,
        "stanza type": sealed.index(b"-> ") + 3,
        "header MAC": footer + 8,
        "end of header": nonce - 1,
        "nonce": nonce + 5,
        "last chunk": len(sealed) - 1000,
        "last tag": len(sealed) - 3,
    }
    for number in range(2):
        start = first + number * (CHUNK + TAG)
        found |= {
            f"chunk {number}, first byte": start,
            f"chunk {number}, middle": start + CHUNK // 2,
            f"tag {number}": start + CHUNK + 7,
        }
    return found


def _line_starts(header: bytes) -> list[int]:
    return [0, *(at + 1 for at, byte in enumerate(header) if byte == 0x0A)]


def check(
    place: FilePlace, drop: str, told: str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, int]:
    """
    Assert that both servers give an error and no wrong byte, and that the command finds it.

    Returns how many bytes, all of them right, came before the error.
    """
    counts = []
    for read in (over_sftp, over_ftps):
        got, error = read(place, f"/{drop}/a")
        assert error, (drop, told, read.__name__, len(got))
        assert CONTENT.startswith(got), (drop, told, read.__name__, len(got))
        assert len(got) < len(CONTENT)
        counts.append(len(got))
    if told in VERIFIED:
        code, faults = verified(place, drop, capsys, "--full")
        assert code == 10, (drop, told)
        assert faults, (drop, told)
    return counts[0], counts[1]


def test_a_flipped_bit_is_an_error_to_every_reader(
    place: FilePlace, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every region of a sealed file, of a protected file and of what vouches for it."""
    monkeypatch.setenv(
        "SEALGATE_KEY_PASSPHRASE_FILE", place.environment["SEALGATE_KEY_PASSPHRASE_FILE"]
    )
    noticed = 0
    given: dict[str, tuple[int, int]] = {}
    [sealed] = lying(place, "partners")
    plain, tags = lying(place, "inbox")
    good = sealed.read_bytes()
    flips = [("partners", sealed, told, at) for told, at in regions(good).items()]
    flips += [("inbox", plain, f"plain byte {at}", at) for at in (0, CHUNK, len(CONTENT) - 1)]
    size = tags.stat().st_size
    flips += [("inbox", tags, f"sum {at}", at) for at in (0, size // 2, size - 1)]
    for drop, path, told, at in flips:
        restore = changed(path, partial(_flipped, at=at))
        try:
            given[told] = check(place, drop, told, capsys)
            noticed += 1
        finally:
            restore()
    for drop, path in (("partners", sealed), ("inbox", plain)):
        for told, change in CUTS.items():
            restore = changed(path, change)
            try:
                check(place, drop, told, capsys)
                noticed += 1
            finally:
                restore()
    with capsys.disabled():
        print(f"{noticed} of {len(flips) + 2 * len(CUTS)} changes noticed by both servers")
    assert all(
        given[told] == (0, 0)
        for told in regions(good)
        if "chunk" not in told[:5] and "tag" not in told
    )
    for drop in ("partners", "inbox"):
        assert verified(place, drop, capsys, "--full") == (0, [])
        assert over_sftp(place, f"/{drop}/a") == (CONTENT, "")
        assert over_ftps(place, f"/{drop}/a") == (CONTENT, "")


CUTS: dict[str, Callable[[bytes], bytes]] = {
    "one byte less": lambda data: data[:-1],
    "the last chunk less": lambda data: data[: -(30_000 + TAG)],
    "half of it": lambda data: data[: len(data) // 2],
    "nothing left": lambda _: b"",
    "one byte more": lambda data: data + b"\0",
}


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def changed(path: Path, change: Callable[[bytes], bytes]) -> Callable[[], None]:
    """Change what lies at *path*, and return what puts it back."""
    good = path.read_bytes()
    path.write_bytes(change(good))

    def restore() -> None:
        path.write_bytes(good)

    return restore

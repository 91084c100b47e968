"""
``sealgate serve`` is killed in the midst of uploads: what was acknowledged is there.

Some uploads always; ``make soak`` takes 500 (CONTRIBUTING.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import pytest

from tests.peers.file_servers import ftps_signed_in, servers, sftp_signed_in
from tests.peers.killed_serve import CLIENTS, Content, File, Uploads, uploading
from tests.peers.transferred import file_place
from tests.told import TOLD
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.peers.killed_serve import Uploads as Sent
    from tests.peers.transferred import FilePlace, FileServing

pytestmark = [
    pytest.mark.peer("openssh-client"),
    pytest.mark.peer("lftp"),
    pytest.mark.peer("curl"),
]
SEED = int(os.environ.get("SEALGATE_TEST_SEED", "11"))
PER_ROUND = 20
# The second begins with what the first left.
LEAST_ROUNDS = 2
DROPS = ("partners", "inbox")
OLD_SECONDS = 300.0
RECORDS = {"records.sqlite", "records.sqlite-wal", "records.sqlite-shm", "records.reserve"}


@pytest.fixture
def place() -> Iterator[FilePlace]:
    """Give a place on a disk, where fsync means something."""
    folder = Path(tempfile.mkdtemp(prefix="serve-kills-", dir="/var/tmp"))
    try:
        with file_place(folder) as place:
            yield place
    finally:
        shutil.rmtree(folder)


@pytest.mark.parametrize("many", [60, pytest.param(500, marks=pytest.mark.soak)])
def test_kill_9_loses_nothing_that_was_acknowledged(
    place: FilePlace, many: int, record_property: Callable[[str, object], None]
) -> None:
    """Six kinds of clients upload while the servers, or all of it, die: no file is lost or half."""
    sent = Uploads(SEED)
    chance = random.Random(SEED)  # noqa: S311  # a test's choices
    counts: Counter[str] = Counter()
    round_number = 0
    began = time.monotonic()
    while (
        sent.acknowledged < many
        or round_number < LEAST_ROUNDS
        or (not _all_have_sent(sent) and round_number < many)
    ):
        with place.serving("--workers", "2") as serving:
            with uploading(place, sent, round_number):
                kill_at_random(place, serving, sent, chance, counts)
            serving.process.wait()
        round_number += 1
    counts["seconds of killing"] = round(time.monotonic() - began)
    with place.serving():
        look(place, sent, counts)
    sweep(place, sent)
    counts["acknowledged"] = sent.acknowledged
    counts["connections broken"] = sent.broken_off
    counts["seconds"] = round(time.monotonic() - began)
    record_property(TOLD, f"serve kills: {dict(counts)}, by client {sent.by_client}")
    assert set(sent.by_client) == {client.name for client in CLIENTS}
    assert counts["unanswered"] > 0
    assert (counts["lost"], counts["half"], counts["left over"]) == (0, 0, 0), counts


def kill_at_random(
    place: FilePlace, serving: FileServing, sent: Sent, chance: random.Random, counts: Counter[str]
) -> None:
    """Kill one server after the other while the rest goes on, then the whole, by SIGKILL."""
    begun = sent.acknowledged
    for _ in range(chance.randrange(3)):
        wait_until(lambda: sent.acknowledged > begun + chance.randrange(PER_ROUND), 90)
        time.sleep(chance.uniform(0, 0.1))
        victim = chance.choice(servers(place))
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
            counts["servers killed"] += 1
    # A client that is slow to sign in gets its turn, too.
    wait_until(lambda: sent.acknowledged > begun + PER_ROUND and _all_have_sent(sent), 90)
    time.sleep(chance.uniform(0, 0.2))
    if chance.randrange(2):
        # The servers first, and their parent in the middle of noticing.
        for pid in servers(place):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                counts["servers killed"] += 1
        time.sleep(chance.uniform(0, 0.02))
    serving.process.kill()
    counts["parents killed"] += 1


def _all_have_sent(sent: Sent) -> bool:
    return len(sent.by_client) == len(CLIENTS)


def look(place: FilePlace, sent: Sent, counts: Counter[str]) -> None:
    """Read every file, over SFTP and every fifth over FTPS too, and go on with what is partial."""
    counts["files"] = len(sent.files)
    counts["unanswered"] = len(sent.unanswered())
    asyncio.run(_look_over_sftp(place, sent, counts))
    with ftps_signed_in(place, key="anna") as one:
        for drop in DROPS:
            found = {name for name, _ in one.mlsd(f"/{drop}")}
            known = {file.path.rpartition("/")[2] for file in sent.files.values()}
            counts["left over"] += len(found - known)
        for file in list(sent.files.values())[::5]:
            if file.may_be_absent:
                continue
            got = bytearray()
            one.retrbinary(f"RETR {file.path}", got.extend)
            counts["read over FTPS"] += 1
            if not any(got == content.data() for content in file.contents):
                print(f"not as acknowledged over FTPS: {file.path}, {len(got)} bytes")
                counts["lost"] += 1


async def _look_over_sftp(place: FilePlace, sent: Sent, counts: Counter[str]) -> None:
    async with sftp_signed_in(place) as sftp:
        for file in sent.files.values():
            counts[await _judged(sftp, file)] += 1


async def _judged(sftp: asyncssh.SFTPClient, file: File) -> str:
    """Return what became of *file*; one that was partial is whole afterwards."""
    try:
        size = (await sftp.stat(file.path)).size or 0
    except asyncssh.SFTPNoSuchFile:
        if file.may_be_absent:
            return "absent"
        print(f"acknowledged, and not there: {file.path}, {file.contents}")
        return "lost"
    for content in file.contents:
        if size == content.size and await _read(sftp, file.path) == content.data():
            was_told = not file.may_be_absent and len(file.contents) == 1
            return "whole, as acknowledged" if was_told else "whole, not told"
    if not file.may_be_absent:
        found = await _read(sftp, file.path)
        print(f"not as acknowledged: {file.path}, {size} and {len(found)} bytes, {file.contents}")
        return "lost"
    [content] = file.contents
    if size < content.size and await _goes_on(sftp, file.path, content, size):
        file.may_be_absent = False
        return "resumed"
    return "half"


async def _goes_on(sftp: asyncssh.SFTPClient, path: str, content: Content, size: int) -> bool:
    async with sftp.open(path, asyncssh.FXF_WRITE, encoding=None) as file:
        await file.write(content.data()[size:], size)
    return await _read(sftp, path) == content.data()


async def _read(sftp: asyncssh.SFTPClient, path: str) -> bytes:
    async with sftp.open(path, "rb") as file:
        found: bytes = await file.read()
        return found


def sweep(place: FilePlace, sent: Sent) -> None:
    """Have the servers sweep what is no longer young; then only the files' objects are there."""
    made_old = time.time() - OLD_SECONDS
    for lying in objects(place):
        os.utime(lying, (made_old, made_old))
    with place.serving():
        with ftps_signed_in(place, key="anna") as one:
            listed = {
                f"/{drop}/{name}": facts for drop in DROPS for name, facts in one.mlsd(f"/{drop}")
            }
        known = {facts["unique"] for facts in listed.values()}
        assert {p for p, file in sent.files.items() if not file.may_be_absent} <= set(listed)
        late = {p: listed[p] for p in listed if sent.files[p].may_be_absent}
        print(f"listed, not acknowledged: {late}")
        wait_until(lambda: not left_over(place, known))
    assert left_over(place, known) == []
    done = place.sealgate("verify", "--full", "--format", "json")
    assert done.returncode == 0, done.stdout
    stores = json.loads(done.stdout)["stores"]
    assert [store["found"] for store in stores] == [[], []]
    assert sum(store["files"] for store in stores) == len(known)
    assert sum(store["opened"] for store in stores) == len(known)


def objects(place: FilePlace) -> list[Path]:
    """Return every file below the stores, but for the records of each."""
    return [
        path
        for path in (place.folder / "stores").rglob("*")
        if path.is_file() and not (path.name in RECORDS and path.parent.parent.name == "stores")
    ]


def left_over(place: FilePlace, known: set[str]) -> list[Path]:
    """Return those that belong to no file."""
    return [path for path in objects(place) if path.name.removesuffix(".tags") not in known]

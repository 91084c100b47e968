import contextlib
import hashlib
import io
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.peers.file_servers import ftps_signed_in, servers
from tests.peers.transferred import PASSWORD, FilePlace, FileServing, file_place
from tests.processes import await_said
from tests.told import TOLD
from tests.waiting import wait_until

CLIENTS = 4
LARGEST_BYTES = 400_000


@pytest.fixture(name="place")
def _place() -> Iterator[FilePlace]:
    # On a disk, where fsync means something.
    folder = Path(tempfile.mkdtemp(prefix="ftps-kills-", dir="/var/tmp"))
    try:
        with file_place(folder) as place:
            yield place
    finally:
        shutil.rmtree(folder)


class _Uploads:
    """What clients sent, and what was acknowledged by 226."""

    def __init__(self, place: FilePlace) -> None:
        self.place = place
        self.sent: dict[str, bytes] = {}
        self.acknowledged: set[str] = set()

    def run(self, prefix: str) -> None:
        """Upload one file after the other until the server is gone."""
        with contextlib.suppress(OSError, EOFError), ftps_signed_in(self.place, key="anna") as one:
            for number in range(10_000):
                name = f"{prefix}-{number}"
                content = os.urandom(random.randrange(LARGEST_BYTES))  # noqa: S311
                self.sent[name] = content
                if one.storbinary(f"STOR /partners/{name}", io.BytesIO(content)).startswith("226"):
                    self.acknowledged.add(name)


def _kill_at_random(uploads: _Uploads, serving: FileServing, round_number: int) -> None:
    threads = [
        threading.Thread(target=uploads.run, args=(f"round{round_number}-{client}",))
        for client in range(CLIENTS)
    ]
    before = len(uploads.acknowledged)
    for thread in threads:
        thread.start()
    assert wait_until(lambda: len(uploads.acknowledged) >= before + 20, 90)
    time.sleep(random.uniform(0, 0.3))  # noqa: S311
    serving.process.kill()
    for thread in threads:
        thread.join(60)


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.soak)])
def test_what_was_acknowledged_survives_a_kill(
    place: FilePlace, rounds: int, record_property: Callable[[str, object], None]
) -> None:
    """After kill -9 in the middle of uploads each 226 is a whole file, and nothing else looks whole."""
    uploads = _Uploads(place)
    for round_number in range(rounds):
        with place.serving() as serving:
            _kill_at_random(uploads, serving, round_number)
    assert len(uploads.acknowledged) >= rounds * 20
    with place.serving(), ftps_signed_in(place, key="anna") as one:
        found = dict(one.mlsd("/partners"))
        assert set(found) <= set(uploads.sent)
        lost = uploads.acknowledged - set(found)
        assert not lost
        for name in found:
            content = uploads.sent[name]
            got = bytearray()
            with contextlib.suppress(Exception):
                one.retrbinary(f"RETR /partners/{name}", got.extend)
            if name in uploads.acknowledged:
                assert got == content
                digest = hashlib.sha256(content).hexdigest()
                assert digest in one.sendcmd(f"HASH /partners/{name}")
            else:
                # Committed but not yet told, or a part that can be gone on with.
                size = one.size(f"/partners/{name}")
                assert size is not None
                assert got in (b"", content)
                assert size <= len(content)
                if size < len(content):
                    rest = io.BytesIO(content[size:])
                    one.storbinary(f"APPE /partners/{name}", rest)
                    assert one.size(f"/partners/{name}") == len(content)
    told = f"{len(uploads.sent)} uploads, {len(uploads.acknowledged)} acknowledged, 0 lost"
    record_property(TOLD, f"FTPS kills: {told}")


@pytest.mark.peer("lftp")
def test_a_client_that_goes_on_by_itself_mixes_no_two_files(place: FilePlace) -> None:
    """lftp, cut off while it replaces a file, would go on at the size of the old one."""
    old, new = os.urandom(200_000), os.urandom(3_000_000)
    local = place.folder / "new"
    local.write_bytes(new)
    script = (
        f"set ssl:ca-file {place.ca}; set ftp:ssl-force true; set ftp:ssl-protect-data true",
        "set cmd:fail-exit true; set net:max-retries 1; set net:timeout 5; set net:limit-rate 0:500000",
        "set net:reconnect-interval-base 1; set net:reconnect-interval-max 1",
        f"open -u anna,'{PASSWORD}' ftp://localhost:{place.ftps}",
        f"put {local} -o /inbox/file",
    )
    with place.serving():
        with ftps_signed_in(place, key="anna") as one:
            one.storbinary("STOR /inbox/file", io.BytesIO(old))
        with subprocess.Popen(
            ["lftp", "-d", "-c", "; ".join(script)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as lftp:
            await_said(lftp, "---> STOR")
            time.sleep(1.0)  # so that it has sent more than the old one has
            for pid in servers(place, "ftps"):
                os.kill(pid, signal.SIGKILL)
            said = lftp.communicate(timeout=60)[1]
        assert "REST 200000" in said
        with ftps_signed_in(place, key="anna") as one:
            got = bytearray()
            one.retrbinary("RETR /inbox/file", got.extend)
        # Refused there, it begins anew; where it gives up, the old one stays.
        assert got == (old if lftp.returncode else new)

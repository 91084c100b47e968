"""A real Envoy as a child: started, watched, drained, and dead with its parent."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealgate.errors import GatewayError
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.files import write_files
from sealgate.gateway.adapters.process import MAX_ACCESS_LOG_BYTES, MAX_LOG_BYTES, EnvoyProcess
from sealgate.gateway.model import EnvoyFiles
from tests.processes import lives
from tests.waiting import wait_until

START_ENVOY = """
import sys, time
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.process import EnvoyProcess
process = EnvoyProcess(find_envoy(), sys.argv[1])
process.start()
print(process.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def process(plain_files: Callable[..., EnvoyFiles]) -> Iterator[EnvoyProcess]:
    """Return a process on written files, not started; it does not outlive the test."""
    files = plain_files()
    write_files(files.folder, files.files)
    one = EnvoyProcess(find_envoy(), files.folder, workers=1)
    yield one
    one.kill()


def test_a_started_envoy_serves_and_ends(process: EnvoyProcess, port: int) -> None:
    """The start returns when Envoy is ready, and its end leaves no process behind."""
    process.start()
    pid = process.pid
    assert pid is not None
    assert process.admin.is_ready()
    assert process.admin.listening() == (("127.0.0.1", port),)
    process.kill()
    assert not lives(pid)
    assert process.pid is None
    assert not process.admin.is_ready()


def test_an_envoy_that_dies_while_starting_is_explained(process: EnvoyProcess) -> None:
    """The error holds Envoy's own last complaint in one line."""
    folder = Path(process.log_path).parent
    (folder / "bootstrap.json").write_text('{"admin": {"nothing": 1}}')
    with pytest.raises(GatewayError) as raised:
        process.start()
    assert raised.value.message == (
        'envoy ended while starting: this envoy does not know the field "nothing"'
    )
    assert process.log_path in (raised.value.hint or "")


def test_an_envoy_that_is_not_ready_in_time_is_ended(process: EnvoyProcess) -> None:
    """Nothing half-started stays behind."""
    with pytest.raises(GatewayError, match="is not ready after 0 seconds"):
        process.start(ready_seconds=0)
    assert not process.is_running()


def test_a_killed_parent_takes_envoy_along(plain_files: Callable[..., EnvoyFiles]) -> None:
    """After kill -9 of the parent no Envoy goes on with stale admissions."""
    files = plain_files()
    write_files(files.folder, files.files)
    with subprocess.Popen(
        [sys.executable, "-c", START_ENVOY, files.folder], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        envoy = int(parent.stdout.readline())
        assert lives(envoy)
        parent.send_signal(signal.SIGKILL)
    assert wait_until(lambda: not lives(envoy))


def test_an_idle_envoy_drains_at_once(process: EnvoyProcess) -> None:
    """Without running requests a drain does not wait."""
    process.start()
    looks = itertools.count()
    assert process.drain(within_seconds=10, hurry=lambda: next(looks) < 0)
    assert next(looks) < 20
    assert not process.is_running()


def test_a_crash_is_noticed(process: EnvoyProcess) -> None:
    """A killed Envoy counts as not running, and draining it does not hang."""
    process.start()
    pid = process.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert wait_until(lambda: not process.is_running())
    assert process.pid is None
    assert process.drain(within_seconds=10)


def test_a_log_that_has_grown_too_far_is_emptied(process: EnvoyProcess) -> None:
    """Envoy's log cannot fill the disk."""
    with Path(process.log_path).open("wb") as log:
        log.truncate(MAX_LOG_BYTES + 1)
    assert process.log_size() == 0
    assert Path(process.log_path).stat().st_size == 0


def test_an_access_log_that_has_grown_too_far_is_begun_anew(process: EnvoyProcess) -> None:
    """Whoever sends refused requests all day cannot fill the disk either."""
    process.start()
    access = Path(process.log_path).with_name("access.log")
    with access.open("wb") as log:
        log.truncate(MAX_ACCESS_LOG_BYTES + 1)
    process.bound_logs()
    # Envoy would make one that everybody may read.
    assert (access.stat().st_size, access.stat().st_mode & 0o777) == (0, 0o600)
    assert access.with_name("access.log.1").stat().st_size == MAX_ACCESS_LOG_BYTES + 1
    assert process.admin.is_ready()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (signal.SIGKILL, "it was killed (SIGKILL), perhaps because memory was short"),
        (signal.SIGUSR2, "it was killed (SIGUSR2)"),
        (signal.SIGRTMIN + 1, f"it was killed (signal {signal.SIGRTMIN + 1})"),
        (signal.SIGSEGV, "unrelated"),
    ],
)
def test_who_was_killed_gives_no_reason_that_stands_in_the_log(
    process: EnvoyProcess, number: int, told: str
) -> None:
    """The last warning is about something else, but where Envoy itself was at fault."""
    process.start()
    with Path(process.log_path).open("a") as log:
        log.write("[2026-12-02 07:11:25.275][2392][warning][config] [x.cc:1] unrelated\n")
    child = process.pid
    assert child is not None
    os.kill(child, number)
    assert wait_until(lambda: not process.is_running())
    assert (process.complaint() == told) is (number != signal.SIGSEGV)


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    """Envoy itself would only say that the address is invalid."""
    process = EnvoyProcess(find_envoy(), str(tmp_path / ("x" * 120)))
    with pytest.raises(GatewayError, match="but a Unix socket's path has at most 107"):
        process.start()

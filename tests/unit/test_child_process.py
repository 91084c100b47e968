"""A process of our own, for real: started, asked, told, killed, orphaned."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sealgate import child_process
from sealgate.child_process import STUCK_SECONDS, ChildProcess, WatchedProcess
from sealgate.errors import GatewayError
from sealgate.fork_server import ForkServer
from tests.waiting import wait_until

CHILD = """
import os, resource, sys
from sealgate.child_process import run_child
from sealgate.errors import GatewayError

def work(link, plan):
    if plan == "refuses":
        raise GatewayError("there is no room")
    link.send("ready", os.getpid())
    while True:
        match link.receive():
            case ("double", number):
                link.send("told", "on it")
                link.send("ok", 2 * number)
            case ("plan",):
                limits = resource.getrlimit(resource.RLIMIT_CORE)
                link.send("ok", (plan, os.umask(0o077), limits))
            case ("long", size):
                os.set_blocking(link.fileno(), False)
                link.send("told", "a" * size)
                link.send("ok")
                os.set_blocking(link.fileno(), True)
            case ("say", said):
                os.write(link.fileno(), said)
            case ("spin",):
                while True:
                    pass
            case ("stop", seconds):
                link.send("told", f"stopping within {seconds}")
                return
            case _:
                link.send("error", "that is unknown here")

def main():
    return run_child(work)
"""
PARENT = """
import sys, time
from sealgate.child_process import STUCK_SECONDS, ChildProcess, WatchedProcess

child = ChildProcess("a helper", "sealgate_child_of_a_test", "plan", ())
child.await_ready()
print(child.pid, flush=True)
time.sleep(60)
"""


class Child(ChildProcess):
    """Keeps what nobody waited for."""

    def __init__(self, plan: object) -> None:
        self.told: list[str] = []
        super().__init__("a helper", "sealgate_child_of_a_test", plan, ())

    def _take(self, kind: str, content: Any) -> None:
        if kind == "told":
            self.told.append(content)
        else:
            super()._take(kind, content)


@pytest.fixture(name="module", autouse=True)
def _module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkServer]:
    (tmp_path / "sealgate_child_of_a_test.py").write_text(CHILD)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    server = ForkServer()
    monkeypatch.setattr(child_process, "FORK_SERVER", server)
    yield server
    server.close()


@pytest.fixture(name="child")
def _child(module: None) -> Iterator[Child]:
    del module
    child = Child({"any": "value"})
    try:
        child.await_ready()
        yield child
    finally:
        child.kill()


def test_it_is_asked_and_answers(child: Child) -> None:
    """Answers reach who asked; what comes between is not lost; a refusal is an error."""
    assert child.ask("double", 21) == 42
    assert child.told == ["on it"]
    assert child.ask("plan") == [{"any": "value"}, 0o077, [0, 0]]
    with pytest.raises(GatewayError, match="a helper: that is unknown here"):
        child.ask("dance")
    assert child.ask("double", 1) == 2


def test_it_ends_when_it_is_told_to(child: Child) -> None:
    """It ends by itself, and its last words arrive; it may be killed once more."""
    child.request_stop(3.0)
    assert child.await_end(time.monotonic() + 20.0)
    assert child.told == ["stopping within 3.0"]
    assert not child.is_running()
    child.kill()


def test_one_that_will_not_end_is_killed(child: Child) -> None:
    """Also one that is stopped; hurry makes it at once."""
    os.kill(child.pid, signal.SIGSTOP)
    child.request_stop(3.0)
    assert not child.await_end(time.monotonic() + 60.0, hurry=lambda: True)
    assert not child.is_running()


def test_signals_of_a_terminal_are_for_the_parent(child: Child) -> None:
    """Ctrl-C and a stop of the whole unit leave it to its parent to end it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(child.pid, number)
    assert child.ask("double", 2) == 4


def test_one_that_died_does_not_answer(child: Child) -> None:
    """Who asks is told, and not left waiting."""
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(GatewayError, match=r"a helper (ended unexpectedly|does not answer)"):
        child.ask("double", 1)


def test_a_failure_that_somebody_keeps_leaves_nothing_to_complain_of(child: Child) -> None:
    """Its traceback holds no view of a buffer that is collected with it (a warning fails a test)."""
    os.kill(child.pid, signal.SIGKILL)
    assert wait_until(lambda: not child.is_running())
    with pytest.raises(GatewayError) as caught:
        child.ask("double", 1)
    caught.value.__notes__ = [caught]  # type: ignore[list-item]  # anything that leads back to it
    del caught
    gc.collect()


class _Run:
    """What makes whoever unpickles it write a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self._path,)


@pytest.mark.parametrize(
    "said",
    [
        None,  # pickled, as between processes that trust each other
        b"",
        b"{}",
        b"[1, 2]",
        b'["ok"]',
        b'["ok", 1, 2]',
        b"[" * 100_000,
        b'"ok"',
        b"12",
    ],
)
def test_what_it_says_is_read_and_never_run(
    child: Child, tmp_path: Path, said: bytes | None
) -> None:
    """A process that strangers took over does not take its parent along; it is ended."""
    touched = tmp_path / "touched"
    message = pickle.dumps(("ok", _Run(touched))) if said is None else said
    with pytest.raises(GatewayError, match="a helper said what it never says, and was ended"):
        child.ask("say", message + b"\n")
    wait_until(lambda: not child.is_running())
    assert not touched.exists()


def test_more_than_it_ever_says_is_not_kept(child: Child, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line without an end does not fill the memory."""
    monkeypatch.setattr(child_process, "MOST_SAID_BYTES", 1000)
    with pytest.raises(GatewayError, match="a helper said what it never says, and was ended"):
        child.ask("say", b'["ok", "' + b"a" * 2000)


def test_a_long_line_comes_whole(child: Child) -> None:
    """Also over a socket that would not wait, as event loops make it."""
    assert child.ask("long", 3_000_000) is None
    assert [len(told) for told in child.told] == [3_000_000]
    assert child.ask("double", 1) == 2


def test_half_a_line_is_not_waited_for(child: Child) -> None:
    """Who hears goes on, and the line is taken when it is whole."""
    child.tell("say", b'["told", "it')
    assert child.ask("say", b' came"]\n["ok", 1]\n') == 1
    assert child.told == ["it came"]
    child.tell("say", b'["told"')

    def heard_half() -> bool:
        hearing = threading.Thread(target=child.hear, daemon=True)
        hearing.start()
        hearing.join(20)
        assert not hearing.is_alive()
        return bool(child._said)

    wait_until(heard_half)
    assert child.ask("say", b', "again"]\n["ok", 2]\n') == 2
    assert child.told == ["it came", "again"]


def test_one_that_never_stops_talking_is_not_listened_to_for_ever(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is heard the next time."""
    monkeypatch.setattr(child_process, "_MOST_HEARD", 2)
    assert child.ask("say", b'["ok", 1]\n' + b'["told", "a"]\n' * 5) == 1
    child.hear()
    assert child.told == ["a", "a"]
    child.hear()
    child.hear()
    assert child.told == ["a"] * 5


def test_one_that_cannot_begin_says_why() -> None:
    """Its own words reach the parent, and it does not run."""
    child = Child("refuses")
    with pytest.raises(GatewayError, match="a helper: there is no room"):
        child.await_ready()
    assert not child.is_running()


def test_it_ends_with_its_parent() -> None:
    """A parent that is killed with kill -9 leaves nobody behind."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    assert wait_until(lambda: not is_alive(pid))


def test_it_ends_with_its_parent_where_what_forked_it_is_stopped() -> None:
    """Its own socket tells it; it waits for no other process to end first."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        server = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        try:
            os.kill(server, signal.SIGSTOP)
            parent.kill()
            assert wait_until(lambda: not is_alive(pid))
        finally:
            os.kill(server, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Return whether the process runs; one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def test_a_watched_one_is_stuck_when_it_is_silent(module: None) -> None:
    """It answers, or it counts as stuck after some seconds; one that has gone does not work."""
    del module
    watched = WatchedProcess("a helper", "sealgate_child_of_a_test", "plan", ())
    try:
        watched.await_ready()
        assert watched.works(100.0)
        # It was asked just now, and refused: whoever refuses does not answer.
        assert watched.works(100.0 + STUCK_SECONDS)
        assert not watched.works(100.1 + STUCK_SECONDS)
    finally:
        watched.kill()
    assert not watched.works(200.0)


def test_a_watched_one_that_is_stopped_is_stuck_at_once(module: None) -> None:
    """Nobody waits for its silence to last."""
    del module
    watched = WatchedProcess("a helper", "sealgate_child_of_a_test", "plan", ())
    try:
        watched.await_ready()
        assert watched.works(100.0)
        os.kill(watched.pid, signal.SIGSTOP)
        assert wait_until(lambda: not watched.works(100.0))
    finally:
        watched.kill()


def test_one_that_spins_is_told_from_one_that_waits_for_a_core(module: None) -> None:
    """A silent one is given longer only while it has not had the time to answer."""
    del module
    watched = WatchedProcess("a helper", "sealgate_child_of_a_test", "plan", ())
    watched.silent_seconds = 0.2
    try:
        watched.await_ready()
        # It waits for what it is told.
        assert wait_until(lambda: not watched.is_starved(0.0, 1000.0))
        watched.tell("spin")
        assert wait_until(lambda: watched.is_starved(0.0, 1000.0))
        before = watched.cpu_seconds()
        assert watched.works(100.0)
        assert wait_until(lambda: watched.cpu_seconds() > before + 0.5)
        assert not watched.works(100.3)
    finally:
        watched.kill()
    assert not watched.is_starved(0.0, 1000.0)

"""One ``sealgate serve`` on a configuration of a benchmark: what its processes take and watch."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from benchmarks.processes import cpu_seconds, with_descendants

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.gateway.engines import Engine

START_SECONDS = 120.0
_REST_SECONDS = 0.5
_MOST_RESTS = 120
# Whoever looks around now and then takes less than this in a rest.
_AT_REST_SECONDS = 0.03

_Found = TypeVar("_Found")


class RefusedError(Exception):
    """What was to be measured was refused, or did not end."""


def once(measure: Callable[[int], _Found]) -> Callable[[int], _Found]:
    """Return *measure* that measures each size once, also where it is refused."""
    found: dict[int, _Found | RefusedError] = {}

    @functools.wraps(measure)
    def measured(size: int) -> _Found:
        if size not in found:
            try:
                found[size] = measure(size)
            except RefusedError as error:
                found[size] = error
        known = found[size]
        if isinstance(known, RefusedError):
            raise known
        return known

    return measured


@contextlib.contextmanager
def in_memory() -> Iterator[Path]:
    """Make a folder in memory, where there is such a file system, that goes when the block ends."""
    memory = "/dev/shm"  # noqa: S108  # a fresh folder in it
    place = memory if Path(memory).is_dir() else None
    with tempfile.TemporaryDirectory(prefix="sealgate-growth-", dir=place) as folder:
        yield Path(folder)


@contextlib.contextmanager
def kept(engine: Engine) -> Iterator[Engine]:
    """Give *engine* until the block ends, which ends it."""
    try:
        yield engine
    finally:
        engine.process.kill()
        engine.process.wait()


@dataclass(frozen=True)
class Taken:
    """Seconds of the processor: of Envoy, of the sign-in service, and of all processes."""

    envoy: float
    sign_in: float
    all: float

    def since(self, before: Taken) -> Taken:
        """Return what was taken after *before*."""
        return Taken(
            self.envoy - before.envoy, self.sign_in - before.sign_in, self.all - before.all
        )


@dataclass(frozen=True)
class Serving:
    """A running service; *started* is what it took until it served."""

    process: subprocess.Popen[bytes]
    started: Taken

    def taken(self) -> Taken:
        """Return what it took so far."""
        return _taken(self.process.pid)

    def at_rest(self) -> Taken:
        """
        Wait until it has nothing to do; return what it took so far.

        Raises:
            RefusedError: it goes on working for a minute.
        """
        before = self.taken()
        for _ in range(_MOST_RESTS):
            time.sleep(_REST_SECONDS)
            now = self.taken()
            if now.since(before).all <= _AT_REST_SECONDS:
                return now
            before = now
        raise RefusedError("it does not come to rest")

    def watches(self) -> tuple[int, int]:
        """Return how many inotify instances Envoy holds, and how many watches in them."""
        instances = watches = 0
        for pid in _of(self.process.pid, "envoy"):
            for descriptor in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(descriptor.readlink()) == "anon_inode:inotify":
                        instances += 1
                        told = Path(f"/proc/{pid}/fdinfo/{descriptor.name}").read_text()
                        watches += told.count("inotify wd:")
        return instances, watches


@contextlib.contextmanager
def serving(home: Path) -> Iterator[Serving]:
    """
    Run ``sealgate serve`` in *home* until the block ends.

    Raises:
        RefusedError: it ended, or did not serve in two minutes.
    """
    ready, said = home / "ready.json", home / "serve.log"
    ready.unlink(missing_ok=True)
    with said.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sealgate", "serve", "--ready-file", str(ready)],
            cwd=home,
            stdout=log,
            stderr=log,
        )
    try:
        until = time.monotonic() + START_SECONDS
        while not ready.exists():
            if process.poll() is not None:
                raise RefusedError(f"serve ended: {_last(said)}")
            if time.monotonic() > until:
                raise RefusedError(f"serve was not ready in {START_SECONDS:.0f} s: {_last(said)}")
            time.sleep(0.02)
        yield Serving(process, _taken(process.pid))
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    below = with_descendants(process.pid)
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        process.wait()


def _last(file: Path) -> str:
    return " ".join(file.read_text("utf-8", "replace").split())[-300:]


def _taken(serve: int) -> Taken:
    every = with_descendants(serve)
    return Taken(
        cpu_seconds(_of(serve, "envoy")),
        cpu_seconds(_of(serve, "sealgate.signin")),
        cpu_seconds(every),
    )


def _of(serve: int, sign: str) -> list[int]:
    """Return the processes below *serve* whose program, or module that Python runs, begins with *sign*."""
    found = []
    for pid in with_descendants(serve)[1:]:
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            words = [os.fsdecode(word) for word in told]
            # Processes of our own that were forked call themselves "sealgate: MODULE".
            named = [Path(words[0]).name.removeprefix("sealgate: "), *words[1:4]]
            if any(word.startswith(sign) for word in named):
                found.append(pid)
    return found

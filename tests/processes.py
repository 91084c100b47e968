"""What the kernel tells of processes that tests have started."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    import subprocess

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")


def lives(pid: int) -> bool:
    """Return whether the process *pid* runs; one that only waits to be noticed does not."""
    try:
        return _stat(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def resident_bytes(pid: int) -> int:
    """Return how much memory *pid* holds now."""
    return _status(pid, "VmRSS")


def most_resident_bytes(pid: int) -> int:
    """Return how much memory *pid* held at most since :func:`forget_most_resident`."""
    return _status(pid, "VmHWM")


def forget_most_resident(pid: int) -> None:
    """Let :func:`most_resident_bytes` begin anew with what *pid* holds now (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def processor_seconds(pid: int) -> float:
    """Return how much processor time *pid* has taken, its own and the kernel's for it."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK_SECONDS


def rests(pid: int) -> bool:
    """Return whether *pid* has done what it had to do: it takes no processor time for a while."""
    before = processor_seconds(pid)
    time.sleep(0.2)
    return processor_seconds(pid) - before <= _TICK_SECONDS


def starved_seconds() -> float:
    """
    Return for how long, since the machine started, something had to wait for a processor.

    What a test measures between two looks is not its own where others kept the machine busy
    (Pressure Stall Information, Documentation/accounting/psi.rst). A kernel that does not
    tell counts as never busy.
    """
    try:
        pressure = Path("/proc/pressure/cpu").read_text()
    except OSError:
        return 0.0
    return int(pressure.partition("total=")[2].split()[0]) / 1e6


def await_said(process: subprocess.Popen[str], text: str) -> str:
    """
    Wait until *process* wrote *text* to the pipe of its standard error.

    Returns everything that was read until then; ``communicate`` gives what comes after.
    """
    assert process.stderr is not None
    said, end = b"", time.monotonic() + PATIENCE_SECONDS
    while text.encode() not in said:
        ready, _, _ = select.select([process.stderr], [], [], max(0.0, end - time.monotonic()))
        # Not through its buffer: communicate() would miss what stays there.
        more = os.read(process.stderr.fileno(), 65536) if ready else b""
        assert more, f"it never said {text!r}, but: {said.decode()}"
        said += more
    return said.decode()


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _status(pid: int, name: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024

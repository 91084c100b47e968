"""What a service with all its processes holds and takes: memory, descriptors, processor time."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def with_descendants(pid: int) -> list[int]:
    """Return *pid* and every process below it."""
    found, looked = [pid], 0
    while looked < len(found):
        for task in Path(f"/proc/{found[looked]}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, task.read_text().split())
        looked += 1
    return found


def own_mib(pid: int) -> float:
    """
    Return its proportional set size (PSS), 0 when it has ended.

    Pages that are shared count by the share of each process, so that sums are right.
    """
    return _rolled_mib(pid, "Pss")


def anonymous_mib(pid: int) -> float:
    """
    Return what of it no file backs, 0 when it has ended.

    Pages of programs are left out: the kernel drops them as it likes, and their share changes
    with whoever else runs the same program.
    """
    return _rolled_mib(pid, "Pss_Anon")


def _rolled_mib(pid: int, name: str) -> float:
    with contextlib.suppress(OSError):
        rolled = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(rolled.partition(f"\n{name}:")[2].split()[0]) / 1024
    return 0.0


def open_files(pid: int) -> int:
    """Return how many descriptors it holds, 0 when it has ended."""
    with contextlib.suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return 0


def cpu_seconds(pids: Iterable[int]) -> float:
    """
    Return the processor time that *pids* and what they started and saw end took so far.

    By the kernel's ticks of 10 ms (proc_pid_stat(5)), so threads that have ended count.
    """
    ticks = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")

"""Keeps what a process holds in memory, keys above all, out of files and other processes."""

from __future__ import annotations

import ctypes
import resource

_SET_DUMPABLE = 4  # prctl(2)


def forbid_core_files() -> None:
    """Let a crash of this process and of its children leave no core file behind."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_dumps() -> None:
    """
    As above, and let no other process of this user look into the memory (ptrace, /proc).

    Linux gives it back at the next exec; a handler that the kernel pipes cores to gets none.
    """
    forbid_core_files()
    zero = ctypes.c_ulong(0)
    ctypes.CDLL(None).prctl(_SET_DUMPABLE, zero, zero, zero, zero)

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

_CRASH = """
import os, signal
from sealgate.storage.adapters.undumped import forbid_dumps
forbid_dumps()
print(open("/proc/self/limits").read(), flush=True)
print(os.stat("/proc/self/environ").st_uid, flush=True)
os.kill(os.getpid(), signal.SIGABRT)
"""


def test_a_crash_leaves_no_memory_behind(tmp_path: Path) -> None:
    """There is no core file, whatever the limit was before, and the kernel lets nobody look."""
    command = f"ulimit -S -c unlimited; exec {sys.executable} -c '{_CRASH}'"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == -signal.SIGABRT, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]
    # What is not dumpable belongs to root there (proc(5)).
    assert done.stdout.splitlines()[-1] == "0" or os.getuid() == 0
    assert list(tmp_path.iterdir()) == []

"""A volume that is full: a clear refusal, and earlier files intact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.storage.stores import RUNGS

TREE = Path(__file__).parents[2]


@pytest.mark.parametrize("rung", RUNGS)
def test_a_full_volume_refuses_and_loses_nothing(rung: int, tmp_path: Path) -> None:
    """Every upload is taken whole or refused with "no space"; removing makes room again."""
    # A mount of our own, which goes with the process that made it.
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    script = (
        'mount -t tmpfs -o size=6m none "$1" && exec "$0" -m tests.peers.filled_store "$1" "$2"'
    )
    ran = subprocess.run(
        [*unshare, "sh", "-c", script, sys.executable, str(tmp_path), str(int(rung))],
        cwd=TREE,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    counts = json.loads(ran.stdout)
    print(f"rung {int(rung)}: {counts}")
    assert counts["taken"] > 10
    assert counts["refused"] > 10
    left = (counts["other"], counts["lost"], counts["unknown_left"], counts["faults"])
    assert left == (0, 0, 0, 0)

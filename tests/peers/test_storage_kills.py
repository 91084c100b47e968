"""Writers are killed at random points: what was acknowledged is there, and nothing half is."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.told import TOLD
from tests.unit.storage.stores import RUNGS

TREE = Path(__file__).parents[2]


@pytest.mark.parametrize("uploads", [100, pytest.param(1000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("rung", RUNGS)
def test_kill_9_loses_nothing_that_was_acknowledged(
    rung: int, uploads: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """After hundreds of uploads by several writers that were killed, no file is lost or half."""
    command = [sys.executable, "-m", "tests.peers.killed_store"]
    ran = subprocess.run(
        [*command, str(tmp_path), str(int(rung)), str(uploads), "7"],
        cwd=TREE,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    counts = json.loads(ran.stdout)
    record_property(TOLD, f"storage kills: rung {int(rung)}: {counts}")
    assert counts["acknowledged"] >= uploads
    assert counts["broken_off"] > 0
    assert (counts["lost"], counts["unknown_left"], counts["faults"]) == (0, 0, 0)

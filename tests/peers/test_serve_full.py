"""The volume of the drops is full: clients hear it, earlier files stay, room helps at once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.peer("openssh-client"),
    pytest.mark.peer("lftp"),
    pytest.mark.peer("curl"),
]
TREE = Path(__file__).parents[2]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder on a disk."""
    folder = Path(tempfile.mkdtemp(prefix="serve-full-", dir="/var/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def test_a_full_volume_is_told_and_loses_nothing(folder: Path) -> None:
    """
    OpenSSH, lftp and curl each fill it, hear that no space is left, and go on after a removal.

    The volume is a mount of a namespace of its own. Without root that needs user namespaces;
    where these are forbidden the test fails with the words of unshare.
    """
    (folder / "stores").mkdir()
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    script = (
        'mount -t tmpfs -o size=24m none "$1/stores" && exec "$0" -m tests.peers.filled_serve "$1"'
    )
    ran = subprocess.run(
        [*unshare, "sh", "-c", script, sys.executable, str(folder)],
        cwd=TREE,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    print(told["counts"], *(f"{name}: {words}" for name, words in told["said"].items()), sep="\n")
    counts, said = told["counts"], told["said"]
    assert (counts["lost"], counts["tracebacks"], counts["verify"]) == (0, 0, 0)
    assert [counts[f"{name} taken again"] for name in ("openssh", "lftp", "curl")] == [1, 1, 1]
    assert "the server has no space left" in said["openssh"]
    assert "452 the server has no space left" in said["curl"]
    assert "452 the server has no space left" in said["lftp"]

"""
Installs typage (npm ``age-encryption``), pinned by hash, and runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).with_name("typage")
PLACE = Path(__file__).parents[2] / "build" / "typage"
PINNED = ("package.json", "package-lock.json", "peer.mjs")


def install() -> None:
    """
    Put typage into ``build/typage``, unless what is pinned is there already.

    The lock file holds hashes and no address: whatever registry is set up has to give the
    same bytes.
    """
    stamp = PLACE / ".installed"
    pinned = b"".join((HERE / name).read_bytes() for name in PINNED)
    if stamp.exists() and stamp.read_bytes() == pinned:
        return
    PLACE.mkdir(parents=True, exist_ok=True)
    for name in PINNED:
        shutil.copyfile(HERE / name, PLACE / name)
    npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(npm, cwd=PLACE, check=True)
    stamp.write_bytes(pinned)


def typage(*arguments: str, data: bytes = b"", passphrase: str = "") -> bytes:
    """
    Run it with *arguments* on *data*; fail when it fails.
    """
    environment = {**os.environ, "SEAL_PASSPHRASE": passphrase}
    command = ["node", str(PLACE / "peer.mjs"), *arguments]
    done = subprocess.run(
        command, input=data, env=environment, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout

"""Installs peers from npm, pinned by hash, one folder here for each."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
BUILD = Path(__file__).parents[2] / "build"
PINNED = ("package.json", "package-lock.json", "peer.mjs")


def installed(name: str) -> Path:
    """
    Return ``build/NAME`` with what the folder *name* pins, unless it is there already.

    The lock file holds hashes and no address: whatever registry is set up has to give the
    same bytes. One process installs; the others wait for it.
    """
    source, place = HERE / name, BUILD / name
    stamp = place / ".installed"
    pinned = b"".join((source / file).read_bytes() for file in PINNED)
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and stamp.read_bytes() == pinned:
            return place
        for file in PINNED:
            shutil.copyfile(source / file, place / file)
        npm = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(npm, cwd=place, check=True)
        stamp.write_bytes(pinned)
    return place

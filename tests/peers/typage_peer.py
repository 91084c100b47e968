"""Installs typage (npm ``age-encryption``), pinned by hash, and runs it."""

from __future__ import annotations

import os
import subprocess

from tests.peers.npm_peers import BUILD, installed

PLACE = BUILD / "typage"


def install() -> None:
    """Put typage into ``build/typage``."""
    installed("typage")


def typage(*arguments: str, data: bytes = b"", passphrase: str = "") -> bytes:
    """Run it with *arguments* on *data*; fail when it fails."""
    environment = {**os.environ, "SEAL_PASSPHRASE": passphrase}
    command = ["node", str(PLACE / "peer.mjs"), *arguments]
    done = subprocess.run(
        command, input=data, env=environment, capture_output=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout

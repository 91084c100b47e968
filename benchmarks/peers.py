"""The virtual environment of the peers: what only benchmarks need, pinned by hash."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_VENV = _ROOT / "build" / "bench-venv"


def peer_program(name: str) -> str:
    """Return the path of the program *name* of the peers; they are installed where needed."""
    requirements = _ROOT / "requirements" / "bench.txt"
    stamp = _VENV / ".installed"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        print("installing the peers into build/bench-venv", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(_VENV)], check=True)
        pip = [str(_VENV / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
        pip += ["--require-hashes", "--no-deps", "-r", str(requirements)]
        subprocess.run(pip, check=True)
        stamp.write_bytes(requirements.read_bytes())
    return str(_VENV / "bin" / name)

"""What commands take to start, against ``python -c 'import click'`` in the same run."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING

from benchmarks.gateway.engines import free_port
from benchmarks.growth.serving import in_memory
from benchmarks.rounds import in_turn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_ROUNDS = 5
_CLICK = "import click"
_SEALGATE = (sys.executable, "-m", "sealgate")
_COMMANDS: Mapping[str, tuple[str, ...]] = {
    _CLICK: (sys.executable, "-c", _CLICK),
    "help": (*_SEALGATE, "--help"),
    "plan": (*_SEALGATE, "plan"),
    "user-list": (*_SEALGATE, "user", "list"),
}


@cache
def _to_click() -> Mapping[str, float]:
    with in_memory() as home:
        (home / "sealgate.toml").write_text(
            f'[listen]\nhttps = "127.0.0.1:{free_port()}"\n'
            '[[site]]\ndomains = ["localhost"]\nupstream = "http://127.0.0.1:9"\n'
            '[[site.route]]\npath = "/"\nclass = "public"\n'
        )
        # The first makes the bytecode and the database.
        subprocess.run(
            [*_SEALGATE, "user", "add", "anna"], cwd=home, check=True, capture_output=True
        )
        for command in _COMMANDS.values():
            _seconds(home, command)
        found: dict[str, list[float]] = {name: [] for name in _COMMANDS}
        for number in range(_ROUNDS):
            for name in in_turn(list(_COMMANDS), number):
                found[name].append(_seconds(home, _COMMANDS[name]))
    least = statistics.median(found[_CLICK])
    return {name: statistics.median(seconds) / least for name, seconds in found.items()}


def to_click(name: str) -> float:
    """Return how many times the processor time of importing click the command *name* takes."""
    return _to_click()[name]


def _seconds(home: Path, command: tuple[str, ...]) -> float:
    process = subprocess.Popen(command, cwd=home, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    with process.stderr:
        said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    # 10: a plan with findings.
    if process.returncode not in {0, 10}:
        raise SystemExit(f"{' '.join(command)}: {said.decode('utf-8', 'replace')}")
    return usage.ru_utime + usage.ru_stime

"""
The FTPS server of the tests in a process of its own, where what it holds can be measured.

In the process of the tests, memory is also that of the clients and of every test before.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from tests.unit.protocols.ftps.ftps_served import served
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

_REPOSITORY = Path(__file__).parents[4]
_LOSE_PATIENCE = "lose patience\n"


@dataclass(frozen=True)
class Apart:
    """A server in the process *pid* over *folder*; it ends with its standard input, *told*."""

    told: IO[str]
    pid: int
    port: int
    chain: Path
    folder: Path

    @property
    def descriptors(self) -> int:
        """Return how many files and sockets it has open."""
        return sum(1 for _ in Path(f"/proc/{self.pid}/fd").iterdir())

    def lose_patience(self) -> None:
        """Let the time for signing in be over, for everyone."""
        self.told.write(_LOSE_PATIENCE)
        self.told.flush()


@contextmanager
def served_apart(folder: Path, **changed: Any) -> Iterator[Apart]:
    """Run a server over *folder*/files in a process; *changed* as for ``served``."""
    program = "from tests.unit.protocols.ftps.ftps_apart import run; run()"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(folder), json.dumps(changed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=_REPOSITORY,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port, chain = json.loads(process.stdout.readline())
            yield Apart(process.stdin, process.pid, port, Path(chain), folder / "files")
        finally:
            process.stdin.close()
            try:
                code = process.wait(2 * PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    assert code == 0


def run() -> None:
    """Serve until standard input ends: the process of :func:`served_apart`."""
    folder, changed = Path(sys.argv[1]), json.loads(sys.argv[2])
    with served(folder, **changed) as where:
        print(json.dumps([where.port, str(where.chain)]), flush=True)
        for line in sys.stdin:
            assert line == _LOSE_PATIENCE
            where.settle(login_seconds=0.0)
    assert wait_until(lambda: not where.server._connections)

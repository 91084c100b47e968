"""
The SSH server as a process of its own, so that its memory can be looked at.

Run as ``python -m tests.unit.protocols.ssh.ssh_process FOLDER FINGERPRINT SETTINGS``;
prints its port, and ends with its standard input.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.processes import forget_most_resident, most_resident_bytes, resident_bytes
from tests.unit.protocols.ssh.ssh_plain import PlainAuthenticator, PlainFiles
from tests.unit.protocols.ssh.ssh_served import Served, make_key, ssh_served
from tests.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).parents[4]


class Process:
    """The server's process, and how to reach it."""

    def __init__(self, process: subprocess.Popen[str], served: Served) -> None:
        self.process = process
        self.served = served

    @property
    def resident_mib(self) -> float:
        """Return its resident memory now."""
        return resident_bytes(self.process.pid) / 2**20

    @property
    def most_resident_mib(self) -> float:
        """Return the most that was resident since :meth:`forget_most`."""
        return most_resident_bytes(self.process.pid) / 2**20

    def forget_most(self) -> None:
        """Let the most begin anew with what is resident now."""
        forget_most_resident(self.process.pid)


@contextmanager
def ssh_process(folder: Path, **settings: object) -> Iterator[Process]:
    """Serve ``folder/root`` to anna until the block ends."""
    (folder / "root").mkdir(parents=True, exist_ok=True)
    fingerprint = make_key(folder / "client")
    command = [sys.executable, "-m", __name__, str(folder), fingerprint, json.dumps(settings)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            yield Process(process, Served(folder / "ssh", port, folder / "client", fingerprint))
            assert process.poll() is None, "the server is gone"
        finally:
            process.stdin.close()
            process.wait(2 * PATIENCE_SECONDS)


def _main() -> None:
    folder, settings = Path(sys.argv[1]), json.loads(sys.argv[3])
    door = PlainAuthenticator(PlainFiles(folder / "root"))
    door.keys.add(sys.argv[2])
    door.too_many.update(settings.pop("too_many", []))
    with ssh_served(folder / "ssh", door, **settings) as served:
        print(served.port, flush=True)
        sys.stdin.read()
    print(json.dumps({"greeted": door.greeted, "aborted": door.files.aborted}))


if __name__ == "__main__":
    _main()

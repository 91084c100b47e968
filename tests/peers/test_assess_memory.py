"""Memory does not grow with the input."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MEBIBYTE = 1 << 20
INPUT_BYTES = 300 * MEBIBYTE
MOST_BYTES = 200 * MEBIBYTE
# Reports the peak of the resident set after assessing one file. Not by getrusage: that
# counts what the parent had before it became this program.
PROGRAM = """
import sys
from pathlib import Path
from sealgate.app.assess import assess
run = assess([sys.argv[1]], inventory=None, register=None, now=0.0)
kinds = {k.kind.value: k.count for a in run.assessments for k in a.kinds}
status = Path("/proc/self/status").read_text()
peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
print(peak * 1024, kinds.get("email", 0))
"""


def quiet_text(path: Path) -> None:
    """Write lines with nothing to find, and one address at the end."""
    block = b"walnut linen oak beeswax bowl towel stool candle loom oil and so on\n" * 15_420
    with path.open("wb") as file:
        while file.tell() < INPUT_BYTES:
            file.write(block)
        file.write(b"a@example.org\n")


def one_line(path: Path) -> None:
    """Write a CSV file that is one endless line."""
    with path.open("wb") as file:
        file.write(b"email,note\na@example.org,1\n")
        for _ in range(INPUT_BYTES // MEBIBYTE):
            file.write(b"walnut bowl " * (MEBIBYTE // 12))


def one_json_string(path: Path) -> None:
    """Write JSON with a string that never ends."""
    with path.open("wb") as file:
        file.write(b'{"email": "a@example.org", "x": "')
        for _ in range(INPUT_BYTES // MEBIBYTE):
            file.write(b"walnut bowl " * (MEBIBYTE // 12))


def deep_json(path: Path) -> None:
    """Write JSON that is nested without end."""
    with path.open("wb") as file:
        file.write(b'{"email": "a@example.org", "x": ')
        for _ in range(INPUT_BYTES // MEBIBYTE):
            file.write(b"[" * MEBIBYTE)


def many_keys(path: Path) -> None:
    """Write JSON with a new key for every value."""
    with path.open("w", encoding="utf-8") as file:
        file.write('{"email": "a@example.org"')
        for number in range(400_000):
            file.write(f', "walnut {number}": {{"bowl": {number}}}')
        file.write("}")


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("quiet.txt", quiet_text),
        ("line.csv", one_line),
        ("string.json", one_json_string),
        ("deep.json", deep_json),
        pytest.param("keys.json", many_keys, marks=pytest.mark.soak),
    ],
)
def test_memory_is_flat(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    """Whatever the shape of 300 MiB, the peak stays under 200 MiB and the one value is found."""
    path = tmp_path / name
    write(path)
    try:
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(path)],
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        )
    finally:
        path.unlink()
    peak, emails = map(int, run.stdout.split())
    assert peak < MOST_BYTES
    assert emails == 1

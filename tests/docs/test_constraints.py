"""The list of exact versions with hashes holds all that the extras need, and the quickstart uses it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_extra_is_listed_with_hashes_and_the_quickstart_installs_by_them() -> None:
    """Nothing stands in the list without an exact version and a hash."""
    text = (ROOT / "requirements/constraints.txt").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.match(r"[\w.-]+(?:\[[\w,-]+\])?==\S+ ", f"{line} ") for line in lines)
    assert all("--hash=sha256:" in line for line in lines)
    listed = {re.split(r"[=\[]", line)[0] for line in lines}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [one for name in extras if name not in {"all", "demo"} for one in extras[name]]
    named = {re.split(r"[^\w.-]", one)[0] for one in (*project["dependencies"], *wanted)}
    assert named - listed == set()
    quickstart = (ROOT / "docs/quickstart.md").read_text("utf-8")
    assert "--require-hashes -r requirements/constraints.txt" in quickstart

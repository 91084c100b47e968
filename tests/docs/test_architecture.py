"""The page on the architecture names rooms, files and functions that are there, and counts them rightly."""

import ast
import re
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/sealgate"
PAGE = (ROOT / "docs/architecture.md").read_text()
WALKS = dict(
    re.findall(
        r"^### (.+?)$(.+?)(?=^##)", PAGE.partition("## Five walks")[2], re.MULTILINE | re.DOTALL
    )
)
STEP = re.compile(r"^\d+\. `([a-z_0-9/]+\.py)` `([A-Za-z_.]+)`: (.+)$", re.MULTILINE)


@cache
def defined(path: Path) -> frozenset[str]:
    """Return the functions and methods that the file at *path* defines, as people call them."""
    found: set[str] = set()

    def look(node: ast.AST, within: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(within + child.name)
                look(child, f"{within}{child.name}.")

    look(ast.parse(path.read_text()), "")
    return frozenset(found)


def test_the_table_of_rooms_is_the_import_contract() -> None:
    """Rows of the table are the layers of the contract, in its order, and no room stands elsewhere."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = [c["layers"] for c in contracts["contracts"] if c["name"] == "Imports point down"]
    table = PAGE.partition("## The rooms")[2].partition("\n## ")[0]
    told: dict[int, list[str]] = {}
    for row, room in re.findall(r"^\| (\d+) \| `([a-z_]+)` \|", table, re.MULTILINE):
        told.setdefault(int(row), []).append(room)
    assert list(told) == list(range(1, len(layers) + 1))
    assert list(map(sorted, told.values())) == [sorted(layer.split(" | ")) for layer in layers]


def test_where_only_adapters_touch_the_world_the_contract_names_all_else() -> None:
    """A file that somebody adds beside `adapters` is held by it, too."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    name = "Only adapters touch the world"
    (held,) = [c["source_modules"] for c in contracts["contracts"] if c["name"] == name]
    rooms = re.findall(r"`([a-z_]+)` \| .* \| only `adapters` touch the world \|", PAGE)
    assert len(rooms) == 8
    beside = [
        f"sealgate.{room}.{path.stem}"
        for room in rooms
        for path in (SOURCE / room).iterdir()
        if path.stem not in {"adapters", "__init__", "__pycache__"}
    ]
    assert not [one for one in beside if not any(fnmatchcase(one, held_) for held_ in held)]


def test_every_file_that_the_page_names_exists() -> None:
    """Paths in backticks begin in the source, or at the top of the repository."""
    named = set(re.findall(r"`([a-z_0-9/]+(?:\.py|/[a-z_]+/?))`", PAGE))
    assert len(named) > 60
    assert not [p for p in sorted(named) if not ((SOURCE / p).exists() or (ROOT / p).exists())]


def test_every_name_behind_a_file_is_in_it() -> None:
    """`policy/x.py` (`NAME`) names what stands there, so that who looks for it finds it."""
    part = PAGE.partition("## What to touch to add")[2]
    behind = re.findall(r"`([a-z_0-9/]+\.py)`,?\s\(`([A-Za-z_]+)`", part)
    assert len(behind) >= 8
    missing = [
        (path, name)
        for path, name in behind
        if not re.search(rf"\b{name}\b", (SOURCE / path).read_text(encoding="utf-8"))
    ]
    assert not missing


@pytest.mark.parametrize("walk", WALKS)
def test_a_walk_goes_where_it_says(walk: str) -> None:
    """Each step names a file and a function that are there; the counts are those of the steps."""
    steps = STEP.findall(WALKS[walk])
    numbered = re.findall(r"^\d+\. ", WALKS[walk], re.MULTILINE)
    assert len(steps) == len(numbered)
    for path, name, _ in steps:
        assert name in defined(SOURCE / path), f"{path} has no {name}"
    told = re.search(r"^\*\*(\d+) files, (\d+) conversions\.\*\*", WALKS[walk], re.MULTILINE)
    assert told is not None
    files, conversions = len({path for path, *_ in steps}), sum(s.count("→") for *_, s in steps)
    assert (int(told[1]), int(told[2])) == (files, conversions)


def test_as_many_files_are_called_as_it_says() -> None:
    """A profiler counts them, in a process where nothing ran before; a walk that grows is to be looked at."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.walks"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    counted = [line.partition(": ")[2] for line in done.stdout.splitlines()]
    told = [re.search(r"Called in all[^:]*: ([0-9 +]+) \(", text) for text in WALKS.values()]
    assert counted == [found and found[1] for found in told]


def test_there_are_five_walks() -> None:
    """None is left out because its heading is spelt otherwise."""
    assert len(WALKS) == 5

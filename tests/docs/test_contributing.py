"""What CONTRIBUTING says of the targets and of the tests is so."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_target_that_it_names_exists() -> None:
    """So that what it shows can be typed."""
    named = set(re.findall(r"(?:^\$ |`)make ([a-z-]+)", TEXT, re.MULTILINE))
    assert {"test", "check", "soak"} <= named
    assert {name for name in named if not name.startswith("bench-")} <= TARGETS


def test_what_takes_long_is_run_by_its_own_target_alone() -> None:
    """`make test` leaves out what is marked, and `make soak` runs that, with its examples."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert "-m not soak" in " ".join(told["addopts"])
    recipe = (ROOT / "Makefile").read_text().partition("\nsoak:")[2].partition("\n\n")[0]
    assert "-m soak --hypothesis-profile soak" in recipe
    assert "pytest.mark.soak" in TEXT


@pytest.mark.parametrize(
    ("beside", "table", "file"),
    re.findall(
        r"^\| an? .* beside `(src/\S+)`.* \| `([A-Z_]+)` in `(src/\S+)` \|$", TEXT, re.MULTILINE
    ),
)
def test_every_table_is_where_it_says(beside: str, table: str, file: str) -> None:
    """A tuple of several entries, and the example is the file of one of them."""
    assert (ROOT / beside).is_file()
    module = importlib.import_module(
        file.removeprefix("src/").removesuffix(".py").replace("/", ".")
    )
    entries = getattr(module, table)
    assert isinstance(entries, tuple)
    assert len(entries) > 1


def test_every_row_of_tables_is_tried() -> None:
    """None is of another form than those that are looked at."""
    section = TEXT.partition("## Adding an entry to a table")[2].partition("\n## ")[0]
    rows = [row for row in re.findall(r"^\|.*\|$", section, re.MULTILINE)[2:] if row]
    told = re.findall(
        r"^\| an? .* beside `src/\S+`.* \| `[A-Z_]+` in `src/\S+` \|$", TEXT, re.MULTILINE
    )
    assert rows == told

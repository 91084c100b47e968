"""What CONTRIBUTING says of the targets and of the tests is so."""

import re
import tomllib
from pathlib import Path

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

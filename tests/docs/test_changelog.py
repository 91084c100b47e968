"""The changelog has a section for the version that is released, which a person can read."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEADINGS = ("Changed", "Added", "Deprecated", "Removed", "Fixed", "Security")
SCREENFUL = 50


def releases() -> dict[str, str]:
    """Return the text of each released version by its number, and that of what is to come."""
    parts = re.split(
        r"^## \[(.+?)\](?: - \d{4}-\d\d-\d\d)?$",
        (ROOT / "CHANGELOG.md").read_text(),
        flags=re.MULTILINE,
    )
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_version_of_the_program_has_a_section() -> None:
    """The first section is for what comes, the next for the version that ``--version`` says."""
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert list(releases())[:2] == ["Unreleased", version]


def test_every_section_of_a_release_fits_on_a_screen() -> None:
    """What changed is grouped as Keep a Changelog has it, and no group is longer than a screen."""
    for version, text in releases().items():
        named = re.findall(r"^### (.+)$", text, re.MULTILINE)
        assert set(named) <= set(HEADINGS), version
        assert len(named) == len(set(named)), version
        if version != "Unreleased":
            for group in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
                assert len(group.strip().splitlines()) <= SCREENFUL, (version, group.split()[0])

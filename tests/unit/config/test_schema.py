"""The schema and its page in the documentation say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sealgate.config.parse import parse
from sealgate.config.presets import PRESETS, Preset
from sealgate.config.schema import SECTIONS, Section, section

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "config.md"
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize("described", SECTIONS, ids=lambda item: item.name)
def test_every_setting_stands_in_the_reference(described: Section) -> None:
    """Under the section's heading each setting has its type, its default and its meaning."""
    part = TEXT.partition(f"## `{described.header}`\n\n{described.meaning}\n")[2]
    part = part.partition("\n## ")[0]

    rows = [line for line in part.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{s.key}` | {s.type.value} | {'required' if s.required else s.default} | {s.meaning} |"
        for s in described.settings
    ]


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_the_reference_loads(example: str) -> None:
    """What the page shows is what the parser takes."""
    parse(example, "config.md")


def test_every_section_has_an_example() -> None:
    """No section is without one."""
    shown = "\n".join(EXAMPLES)

    assert [item.name for item in SECTIONS if item.header not in shown] == []


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())
def test_every_preset_stands_in_the_reference(preset: Preset) -> None:
    """Doors, holes, cookies and limits are told."""
    (row,) = [line for line in TEXT.splitlines() if line.startswith(f"| `{preset.name}` |")]

    for door in (*preset.doors, *preset.holes):
        assert f"`{door.path}" in row
    assert [rule.name for rule in preset.cookies if f"`{rule.name}`" not in row] == []
    assert [limit for limit in preset.limits if limit not in TEXT] == []


def test_every_default_is_one_or_the_setting_is_required() -> None:
    """A setting has a default or must be given, never both."""
    settings = [setting for item in SECTIONS for setting in item.settings]

    assert all(bool(setting.default) != setting.required for setting in settings)


def test_an_unknown_section_is_no_section() -> None:
    """Asking for what the schema lacks is a mistake of the caller."""
    with pytest.raises(KeyError):
        section("zebra")

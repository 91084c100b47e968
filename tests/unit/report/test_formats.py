"""Each format in the table is written by what it names, and stands in the reference."""

import importlib
import inspect
from pathlib import Path

import pytest

from sealgate.policy.finding import Report
from sealgate.report.formats import ASSESS, AUDIT, FORMATS, Format, names_of, writer

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs" / "reference" / "cli.md").read_text()
TOLD = {"at": 1.0, "tool_version": "1", "console_width": 100, "colour": False}


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: f"{form.of}-{form.name}")
def test_what_writes_it_takes_what_it_is_told(form: Format) -> None:
    """A report, then by name what the row says, and nothing else that must be given."""
    module = importlib.import_module(f"sealgate.report.{form.module}")
    _, *more = inspect.signature(getattr(module, form.function)).parameters.values()
    assert set(form.takes) <= {each.name for each in more}
    must = {each.name for each in more if each.default is inspect.Parameter.empty}
    assert must <= set(form.takes)


@pytest.mark.parametrize("name", names_of(AUDIT))
def test_each_format_of_an_audit_is_written(name: str) -> None:
    """Of an empty report, too."""
    assert writer(AUDIT, name, **TOLD)(Report((), 0, ()))


@pytest.mark.parametrize("command", [AUDIT, ASSESS])
def test_each_is_in_the_reference(command: str) -> None:
    """In this order, each name once."""
    names = names_of(command)
    assert len(set(names)) == len(names) > 1
    section = REFERENCE.partition(f"## `sealgate {command}`\n")[2].partition("\n## ")[0]
    joined = r"\|".join(names)
    assert f"`--format [{joined}]`" in section

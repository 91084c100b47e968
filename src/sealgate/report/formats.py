"""
The formats that a report can be had in, one line each: ``--format`` of audit and of assess.

What writes one is loaded when it is asked for, so that ``--help`` is quick.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

AUDIT = "audit"
ASSESS = "assess"


@dataclass(frozen=True, slots=True)
class Format:
    """
    One format of the reports *of* a command, called *name*.

    *function* of the file *module* in this folder writes it from the report, and is told
    those of the circumstances that it *takes*.
    """

    of: str
    name: str
    module: str
    function: str
    takes: tuple[str, ...] = ()


# The first of each command is what it prints without --format.
FORMATS: tuple[Format, ...] = (
    Format(AUDIT, "text", "text", "render_text", ("console_width", "colour")),
    Format(AUDIT, "json", "json", "render_json", ("at",)),
    Format(AUDIT, "sarif", "sarif", "render_sarif", ("tool_version",)),
    Format(AUDIT, "html", "html", "render_html", ("at",)),
    Format(AUDIT, "junit", "junit", "render_junit", ("at",)),
    Format(
        ASSESS, "text", "assessment", "render_assessment_text", ("console_width", "colour", "folds")
    ),
    Format(ASSESS, "json", "assessment", "render_assessment_json"),
    Format(ASSESS, "html", "assessment", "render_assessment_html"),
    Format(ASSESS, "csv", "assessment", "render_assessment_csv"),
)


def names_of(command: str) -> tuple[str, ...]:
    """Return the names of the formats of *command*."""
    return tuple(form.name for form in FORMATS if form.of == command)


def writer(command: str, name: str, **told: Any) -> Callable[[Any], str]:
    """Return what writes a report of *command* in the format *name*; *told* are the circumstances."""
    (form,) = (form for form in FORMATS if (form.of, form.name) == (command, name))
    write = getattr(importlib.import_module(f"sealgate.report.{form.module}"), form.function)
    return partial(write, **{each: told[each] for each in form.takes})

"""How Sealgate speaks on standard error: ``sealgate: error: …``, then one hint."""

from __future__ import annotations

import contextlib
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealgate.cli.stored import shown
from sealgate.errors import ConfigError

if TYPE_CHECKING:
    from sealgate.errors import SealgateError


def complain(error: SealgateError) -> None:
    """
    Print *error* with its hint; a configuration error prints each fault.

    Names of files and what other programs say stand in errors: nothing in them moves the
    cursor or begins a line of its own.
    """
    if isinstance(error, ConfigError) and error.faults:
        for fault in error.faults:
            _say(f"error: {shown(str(fault))}")
            if fault.hint:
                _say(f"hint: {shown(typable(fault.hint))}")
    else:
        _say(f"error: {shown(error.message)}")
    if error.hint:
        _say(f"hint: {shown(typable(error.hint))}")


def typable(hint: str) -> str:
    """
    Return *hint* as it helps here: a library is installed where Sealgate is.

    Outside of a virtual environment systems refuse ``pip`` (PEP 668), and an extra that goes
    elsewhere is not found.
    """
    own = Path(sys.prefix, "bin", "pip")
    if not hint.startswith("pip install ") or sys.prefix == sys.base_prefix or not own.exists():
        return hint
    if shutil.which("pip") == str(own):
        return hint
    return shlex.quote(str(own)) + hint.removeprefix("pip")


def notice(text: str) -> None:
    """Print one line for a person on standard error."""
    _say(text)


def _say(text: str) -> None:
    # Where nobody can be told, the exit code still has to say it.
    with contextlib.suppress(OSError):
        click.echo(f"sealgate: {text}", err=True)

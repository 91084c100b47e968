"""
How Sealgate speaks on standard error: ``sealgate: error: …``, then one hint.
"""

from __future__ import annotations

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
            click.echo(f"sealgate: error: {shown(str(fault))}", err=True)
            if fault.hint:
                click.echo(f"sealgate: hint: {shown(fault.hint)}", err=True)
    else:
        click.echo(f"sealgate: error: {shown(error.message)}", err=True)
    if error.hint:
        click.echo(f"sealgate: hint: {shown(error.hint)}", err=True)


def notice(text: str) -> None:
    """
    Print one line for a person on standard error.
    """
    click.echo(f"sealgate: {text}", err=True)

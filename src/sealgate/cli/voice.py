"""
How Sealgate speaks on standard error: ``sealgate: error: …``, then one hint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sealgate.errors import ConfigError

if TYPE_CHECKING:
    from sealgate.errors import SealgateError


def complain(error: SealgateError) -> None:
    """
    Print *error* with its hint; a configuration error prints each fault.
    """
    if isinstance(error, ConfigError) and error.faults:
        for fault in error.faults:
            click.echo(f"sealgate: error: {fault}", err=True)
            if fault.hint:
                click.echo(f"sealgate: hint: {fault.hint}", err=True)
    else:
        click.echo(f"sealgate: error: {error.message}", err=True)
    if error.hint:
        click.echo(f"sealgate: hint: {error.hint}", err=True)


def notice(text: str) -> None:
    """
    Print one line for a person on standard error.
    """
    click.echo(f"sealgate: {text}", err=True)

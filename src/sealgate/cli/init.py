"""
``sealgate init``: write a commented configuration, keys and a local CA.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from sealgate.app.init import begin
from sealgate.cli.settings import echo_settings
from sealgate.config.presets import PRESETS

if TYPE_CHECKING:
    from sealgate.app.init import Begun


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".")
@click.option(
    "--preset",
    metavar="PRESET",
    default="none",
    show_default=True,
    help=f"The CMS behind: {', '.join(PRESETS)}.",
)
@click.option("--domain", metavar="DOMAIN", help="The site's name (default: localhost).")
def command(folder: str, preset: str, domain: str | None) -> None:
    """
    Write sealgate.toml, keys and a local CA into DIR (default: here).

    The configuration serves the public pages at once; a preset's backend stays shut
    until you say who may enter. Nothing that is there already is overwritten.
    """
    _tell(begin(folder, preset=preset, domain=domain, now=time.time()))


def _tell(begun: Begun) -> None:
    click.echo(f"wrote {begun.config}")
    click.echo(f"made the server authority {begun.server_authority}")
    click.echo(f"made the client authority {begun.client_authority}")
    if begun.settings:
        click.echo()
        echo_settings(begun.preset.title, begun.settings, begun.preset.limits)
    click.echo()
    click.echo("Next:")
    for number, step in enumerate(begun.next_steps, start=1):
        click.echo(f"  {number}. {step}")

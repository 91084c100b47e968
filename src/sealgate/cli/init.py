"""``sealgate init``: write a commented configuration, keys and a local CA."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealgate.cli.messages import notice
from sealgate.cli.settings import echo_settings
from sealgate.config.presets import GENERIC, PRESETS

if TYPE_CHECKING:
    from sealgate.app.init import Begun


@click.command("init")
@click.argument("folder", metavar="[DIR]", default=".")
@click.option(
    "--preset",
    metavar="PRESET",
    default=GENERIC.name,
    show_default=True,
    help=f"The CMS behind: {', '.join(PRESETS)}.",
)
@click.option("--domain", metavar="DOMAIN", help="The site's name (default: localhost).")
def command(folder: str, preset: str, domain: str | None) -> None:
    """
    Write sealgate.toml, keys and a local CA into DIR (default: here).

    The configuration serves the public pages at once; a preset's backend stays shut
    until you say who may enter. Nothing that is there already is overwritten.

    A recovery identity is shown, once. It opens every file that will be sealed for the site's
    keys, also with the age program alone, when those keys are lost. Keep it where this machine
    is not.
    """
    from sealgate.app.init import begin

    begin(folder, preset=preset, domain=domain, now=time.time(), show=_tell)


def _tell(begun: Begun) -> None:
    click.echo(f"wrote {begun.config}")
    click.echo(f"made the server authority {begun.server_authority}")
    click.echo(f"made the client authority {begun.client_authority}")
    if begun.settings:
        click.echo()
        echo_settings(begun.preset.title, begun.settings, begun.preset.limits)
    # Near the end, where nothing long moves it out of sight.
    click.echo()
    click.echo("made a recovery key for sealed files")
    click.echo(f"  recipient (in {Path(begun.config).name}): {begun.recovery.recipient}")
    click.echo(f"  identity (this once): {begun.recovery.identity}")
    notice("keep the recovery identity away from this machine; it is kept nowhere here")
    click.echo()
    click.echo("Next:")
    for number, step in enumerate(begun.next_steps, start=1):
        click.echo(f"  {number}. {step.text}")
        for typed in step.commands:
            click.echo(f"       {typed}")
        if step.after:
            click.echo(f"     {step.after}")

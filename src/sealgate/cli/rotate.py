"""``sealgate rotate``: give stored files the current key, and the form of their drop's class."""

from __future__ import annotations

import time

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.sealed import passphrase_asker
from sealgate.cli.stored import one_by_one, shown
from sealgate.errors import ExitCode

_SHOWN = 20


@click.command("rotate")
@click.argument("drops", metavar="[DROP]...", nargs=-1)
@click.option(
    "-i",
    "--identity",
    "files",
    metavar="FILE",
    multiple=True,
    help="Open with the identities in FILE, too.",
)
@config_option
def command(drops: tuple[str, ...], files: tuple[str, ...], config: str | None) -> int:
    """
    Seal the files of all drops, or of each DROP, for the current key and recipients.

    Their content is not encrypted again, but for a drop whose class now demands another form.
    Servers go on meanwhile; a run that was broken off goes on where it was. Files that are
    sealed for others need the identity of one of these; without it they are told and left,
    and the exit code is 10.
    """
    from sealgate.app.sealing import read_identities
    from sealgate.app.storing import chosen_drops, rotate_drops

    inventory = configured(config)
    chosen = chosen_drops(inventory, drops)
    identities = read_identities(files, passphrase_asker(None)) if files else ()
    code = ExitCode.OK
    for drop, made in one_by_one(
        "rotating",
        lambda advance: rotate_drops(
            inventory, chosen, identities, now=time.time, progress=advance
        ),
    ):
        click.echo(
            f"{drop.name}: {made.rewrapped} with a new header, {made.resealed} sealed anew,"
            f" {made.relabelled} with another class"
        )
        for place in made.elsewhere[:_SHOWN]:
            click.echo(f"{drop.name}: its identity is not here: {shown(place)}")
        if len(made.elsewhere) > _SHOWN:
            click.echo(f"{drop.name}: and {len(made.elsewhere) - _SHOWN} more")
        if made.elsewhere:
            code = ExitCode.FINDINGS
    return int(code)

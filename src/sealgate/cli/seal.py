"""``sealgate seal``: files, folders and standard input sealed in the age v1 format."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from sealgate.cli.sealed import finish, passphrase_asker, progress, site_inventory
from sealgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.storage.age.keys import Recipient


@click.command("seal")
@click.argument("sources", nargs=-1, metavar="FILE...")
@click.option(
    "-r",
    "--recipient",
    "recipients",
    multiple=True,
    metavar="RECIPIENT",
    help="Seal for this one: age1…, age1pq1…, ssh-ed25519 … or ssh-rsa …; may be repeated.",
)
@click.option(
    "-R",
    "--recipients-file",
    "files",
    multiple=True,
    metavar="FILE",
    help="Seal for everybody in FILE, one a line; may be repeated.",
)
@click.option(
    "-p", "--passphrase", is_flag=True, help="Seal with a passphrase, which is asked for."
)
@click.option("--passphrase-file", metavar="FILE", help="The passphrase is the first line of FILE.")
@click.option("-a", "--armor", is_flag=True, help="Write ASCII armour.")
@click.option("-o", "--output", metavar="OUT", help="Write there; - is standard output.")
@click.option("--force", is_flag=True, help="Replace sealed files that are there already.")
@click.option("-c", "--config", metavar="CONFIG", help="The configuration, for the site's key.")
def command(
    sources: tuple[str, ...],
    *,
    recipients: tuple[str, ...],
    files: tuple[str, ...],
    passphrase: bool,
    passphrase_file: str | None,
    armor: bool,
    output: str | None,
    force: bool,
    config: str | None,
) -> int:
    """
    Seal each FILE, for the recipients named or else for the site's key.

    FILE is a file, a folder, or - for standard input. A file is sealed to FILE.age beside it, a
    folder to a folder FOLDER.age in which each file keeps its name, with .age behind it. What is
    sealed stays as it is. Without -r, -R and -p the key of the site in sealgate.toml is sealed for.
    """
    from sealgate.app.sealing import (
        passphrase_recipient,
        read_recipients,
        run_seal,
        site_recipients,
    )
    from sealgate.app.sealing_plan import plan_seal

    if not sources:
        raise UsageError("no file was given", hint="sealgate seal FILE, or - for standard input")
    by_passphrase = passphrase or passphrase_file is not None
    if by_passphrase and (recipients or files):
        raise UsageError("a passphrase must be the only recipient", hint="leave -r, -R or -p out")
    plan = plan_seal(sources, output, force=force)
    if not armor and plan.goes_to_standard_output and sys.stdout.isatty():
        raise UsageError(
            "a sealed file is not for the terminal", hint="-a writes it as text, -o OUT to a file"
        )
    chosen: Sequence[Recipient]
    if by_passphrase:
        ask = passphrase_asker(passphrase_file, again=True)
        chosen = (passphrase_recipient(ask("the sealed file")),)
    elif recipients or files:
        chosen = read_recipients(recipients, files)
    else:
        inventory = site_inventory(
            config,
            "no recipient was given, and there is no site here whose key could seal",
            hint="-r RECIPIENT, -p, or -c CONFIG",
        )
        chosen = site_recipients(inventory, now=time.time())
    with progress(plan, "sealing") as tick:
        return finish(plan, run_seal(plan, chosen, armor=armor, tick=tick))

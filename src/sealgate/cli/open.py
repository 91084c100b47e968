"""``sealgate open``: what was sealed in the age v1 format, opened and verified."""

from __future__ import annotations

import sys
import time
from functools import partial
from typing import TYPE_CHECKING

import click

from sealgate.cli.sealed import finish, passphrase_asker, progress, site_inventory
from sealgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.storage.age.keys import Identity


@click.command("open")
@click.argument("sources", nargs=-1, metavar="FILE...")
@click.option(
    "-i",
    "--identity",
    "identities",
    multiple=True,
    metavar="FILE",
    help="Open with the secret keys in FILE (age or SSH); may be repeated.",
)
@click.option("--passphrase-file", metavar="FILE", help="The passphrase is the first line of FILE.")
@click.option("-o", "--output", metavar="OUT", help="Write there; - is standard output.")
@click.option("--force", is_flag=True, help="Replace files that are there already.")
@click.option("-c", "--config", metavar="CONFIG", help="The configuration, for the site's key.")
def command(
    sources: tuple[str, ...],
    *,
    identities: tuple[str, ...],
    passphrase_file: str | None,
    output: str | None,
    force: bool,
    config: str | None,
) -> int:
    """
    Open each sealed FILE with the identities named, or else with the site's key.

    FILE is a file, a folder of sealed files, or - for standard input. FILE.age is opened to FILE
    beside it, for its owner only. A file that cannot be opened leaves nothing behind; standard
    output gets only what was verified, and exit code 1 when the end is missing. A passphrase is
    asked for when a file needs one.
    """
    from sealgate.app.sealing import passphrase_identity, read_identities, run_open, site_identity
    from sealgate.app.sealing_plan import plan_open

    if not sources:
        raise UsageError("no file was given", hint="sealgate open FILE.age, or -")
    plan = plan_open(sources, output, force=force)
    ask = passphrase_asker(passphrase_file)
    chosen: Sequence[Identity]
    if identities:
        chosen = read_identities(identities, ask)
    else:
        inventory = partial(
            site_inventory,
            config,
            "no identity was given, and there is no site here whose key could open it",
            hint="-i IDENTITY, or -c CONFIG",
        )
        chosen = (site_identity(inventory, now=time.time()),)
    # What was asked for with -o - is wanted as it is.
    text_only = output is None and sys.stdout.isatty()
    with progress(plan, "opening") as tick:
        everybody = [*chosen, passphrase_identity(ask)]
        return finish(plan, run_open(plan, everybody, text_only=text_only, tick=tick))

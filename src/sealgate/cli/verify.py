"""
``sealgate verify``: compare what lies in stores with what was stored.
"""

from __future__ import annotations

import json
import time

import click

from sealgate.app.storing import chosen_drops, verify_drops
from sealgate.cli.configured import config_option, configured
from sealgate.cli.stored import bar, shown
from sealgate.errors import ExitCode

SCHEMA = "sealgate/verify/1"


@click.command("verify")
@click.argument("drops", metavar="[DROP]...", nargs=-1)
@click.option("--full", is_flag=True, help="Open every file from end to end.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True
)
@config_option
def command(drops: tuple[str, ...], full: bool, form: str, config: str | None) -> int:
    """
    Verify the stores of all drops, or of each DROP.

    Found are files that were changed, cut off, exchanged, rolled back or removed, files of
    another class than their drop, and objects that belong to no file. Without --full only the
    beginning and the end of each file are looked at. The exit code is 10 when anything is
    found.
    """
    inventory = configured(config)
    chosen = chosen_drops(inventory, drops)
    results = []
    with bar("verifying") as advance:
        for drop, made in verify_drops(
            inventory,
            chosen,
            full=full,
            now=time.time,
            progress=lambda name, size: advance(name, size, None),
        ):
            results.append((drop, made))
    if form == "json":
        stores = [
            {
                "drop": drop.name,
                "files": made.files,
                "bytes": made.size,
                "opened": made.opened,
                "found": [
                    {"fault": f.fault.value, "place": f.place, "told": f.told} for f in made.found
                ],
            }
            for drop, made in results
        ]
        click.echo(json.dumps({"schema": SCHEMA, "full": full, "stores": stores}, indent=2))
    else:
        for drop, made in results:
            opened = f", {made.opened} opened" if full else ""
            click.echo(f"{drop.name}: {made.files} files, {made.size} bytes{opened}")
            for found in made.found:
                click.echo(f"{drop.name}: {found.fault}: {shown(found.place)}: {shown(found.told)}")
    found_any = any(made.found for _, made in results)
    return int(ExitCode.FINDINGS if found_any else ExitCode.OK)

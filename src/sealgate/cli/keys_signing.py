"""``sealgate keys signing``: the keys that answers over plain HTTP are signed with."""

from __future__ import annotations

import datetime as dt
import time

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.messages import notice
from sealgate.errors import UsageError

_DAY = 86_400.0


@click.command("signing")
@click.argument("sites", metavar="[SITE]...", nargs=-1)
@click.option("--rotate", is_flag=True, help="Make the next key, and publish it at once.")
@click.option(
    "--after",
    metavar="DAYS",
    type=click.FloatRange(0, 3650),
    help="When the next key begins to sign (default: 30). 0: now, and those before it are removed.",
)
@config_option
def signing(sites: tuple[str, ...], rotate: bool, after: float | None, config: str | None) -> None:
    """
    Print the public keys that answers over plain HTTP are signed with, for clients to pin.

    What is printed can be given to sealgate verify as --key FILE. A next key that --rotate made
    is among it, so that clients know it before it signs.
    """
    from sealgate.app.signing_keys import rotate_keys, show_keys

    inventory, now = configured(config), time.time()
    if rotate:
        days = 30.0 if after is None else after
        shown = rotate_keys(inventory, sites, after_seconds=days * _DAY, now=now)
        notice("a server that runs takes it over within a minute")
    elif after is not None:
        raise UsageError("--after is for --rotate", hint="sealgate keys signing --rotate --after 7")
    else:
        shown = show_keys(inventory, sites, now=now)
    for key in shown:
        begins = f"{dt.datetime.fromtimestamp(key.begins_at, tz=dt.UTC):%Y-%m-%d %H:%M} UTC"
        click.echo(f"# {key.site}: {key.state}, from {begins} on, key {key.kid}")
        click.echo(key.pem, nl=False)

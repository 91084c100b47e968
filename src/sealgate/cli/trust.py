"""``sealgate trust``: how each system comes to trust the local CA."""

from __future__ import annotations

import time

import click

from sealgate.cli.configured import config_option, configured


@click.command("trust")
@config_option
def command(config: str | None) -> None:
    """
    Tell how each system comes to trust the local CA, with its path and fingerprint.

    The CA is made where there is none yet. Nothing else is changed.
    """
    from sealgate.app.trust import render_text, trust

    click.echo(render_text(trust(configured(config), time.time())), nl=False)

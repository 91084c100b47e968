"""``sealgate reload``: have the running gateway take over a changed configuration."""

from __future__ import annotations

import time

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.messages import notice
from sealgate.errors import NothingToLookAtError


@click.command("reload")
@config_option
def command(config: str | None) -> None:
    """
    Have the running gateway take over a changed configuration, without dropping a connection.

    When this returns 0, the gateway enforces it, on open connections too. With a fault
    (exit code 2), all that was served before stays. Exit code 3: no gateway is running.
    """
    from sealgate.app.reload import NotRunning, reload
    from sealgate.app.trust import new_authority_remarks

    inventory = configured(config)
    # Before it is done: whoever trusts the old one is cut off by it.
    for remark in new_authority_remarks(inventory, time.time()):
        notice(remark)
    answer = reload(inventory)
    if isinstance(answer, NotRunning):
        raise NothingToLookAtError(
            "no gateway of this configuration is running", hint="sealgate serve"
        )
    for remark in answer.remarks:
        notice(remark)
    if not answer.changed:
        click.echo("nothing changed")
    for part in answer.changed:
        click.echo(f"changed: {part}")

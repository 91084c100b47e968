"""``sealgate get``: fetch files over no channel below what they are held to."""

from __future__ import annotations

import time

import click

from sealgate.cli.configured import config_option, optional_inventory
from sealgate.cli.messages import notice
from sealgate.cli.send import channel_options, progress_bar, signing, told
from sealgate.errors import ExitCode


@click.command("get")
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@config_option
@click.option(
    "--class", "class_id", metavar="CLASS", help="The channel must be good enough for CLASS."
)
@click.option("-o", "--output", metavar="OUT", help="The file or folder to write (default: here).")
@channel_options
def command(
    urls: tuple[str, ...],
    config: str | None,
    class_id: str | None,
    output: str | None,
    **channel: object,
) -> int:
    """
    Get each URL: sftp://, ftps:// (implicit on port 990) or https://.

    Without --class the channel must be encrypted, whatever comes. A file gets its name once
    it is whole. It is then assessed; the exit code is 10 when its class would have
    needed a better channel.
    """
    from sealgate.app.actor import actor
    from sealgate.app.getting import get
    from sealgate.app.sending import SendOptions

    inventory = optional_inventory(config)
    code = ExitCode.OK
    with progress_bar("getting") as progress:
        manner = SendOptions(time.time(), actor(), class_id, progress=progress)
        for moved in get(urls, output, manner, signing(channel), inventory=inventory):
            click.echo(told(moved, f"from {moved.place}"))
            if moved.remark:
                notice(f"{moved.remark}; get it again with --class {moved.classification}")
                code = ExitCode.FINDINGS
    return int(code)

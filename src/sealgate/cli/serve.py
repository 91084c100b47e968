"""``sealgate serve``: run the gateway."""

from __future__ import annotations

import sys

import click

from sealgate.cli.configured import config_option, configured
from sealgate.cli.messages import notice
from sealgate.errors import ExitCode

# As of :class:`sealgate.serve.running.Options`, which takes long to load.
DRAIN_SECONDS = 30.0


@click.command("serve")
@config_option
@click.option("--ready-file", metavar="F", help="Write F (JSON) once everything listens.")
@click.option(
    "--drain-seconds",
    type=click.FloatRange(min=0),
    default=DRAIN_SECONDS,
    show_default=True,
    help="How long running requests may go on after SIGTERM.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1, max=1024),
    help="Threads that serve (default: one per usable core).",
)
def command(
    config: str | None, ready_file: str | None, drain_seconds: float, workers: int | None
) -> int:
    """
    Run the gateway until SIGTERM or Ctrl-C; SIGHUP reloads the configuration.

    It refuses to start when something that the configuration promises cannot be kept,
    and says what is missing. A second Ctrl-C cuts requests that are still running.
    """
    inventory = configured(config)
    from sealgate.serve.preloading import preload

    preload(inventory)
    # What this process needs is imported beside that.
    from sealgate.serve.foreground import serve
    from sealgate.serve.running import Options

    if sys.stderr.isatty():
        notice("starting; Ctrl-C ends it")
    options = Options(drain_seconds=drain_seconds, workers=workers, tell=notice)
    if not serve(inventory, options, ready_file=ready_file):
        notice(f"requests that were still running after {drain_seconds:g} seconds were cut")
    return int(ExitCode.OK)

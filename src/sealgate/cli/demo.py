"""``sealgate demo``: a small shop, assessed, served and audited on loopback."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealgate.cli.messages import notice
from sealgate.cli.output import in_colour, looking
from sealgate.errors import ExitCode, SealgateError

if TYPE_CHECKING:
    from types import ModuleType


@click.command("demo")
@click.option("--once", is_flag=True, help="End after the audit, with its exit code.")
@click.option(
    "--ready-file",
    metavar="F",
    type=click.Path(path_type=Path),
    help="Write URLs and paths there as JSON, once everything listens.",
)
def command(once: bool, ready_file: Path | None) -> int:
    """
    Run a small shop with a login, a backend and a customer table.

    Its database is assessed, the sealgate.toml that follows is written and served on
    loopback, and the result is audited. Needs no root and takes no fixed port. It
    stays up until Ctrl-C; everything it made lies in a temporary folder that goes
    with it.
    """
    from sealgate.report.assessment import render_assessment_text
    from sealgate.report.plan import render_plan
    from sealgate.report.text import render_text

    demo = _extra()
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    colour = in_colour()

    def tell(title: str, text: str) -> None:
        click.secho(f"\n== {title} ==\n", bold=colour)
        click.echo(text.rstrip("\n"))

    # SIGTERM ends the demo as Ctrl-C does, so that the shop and its folder go too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with demo.shop_running() as (folder, port):
        laid = demo.lay_out(folder, port, time.time())
        tell("what the shop's database holds", render_assessment_text(laid.run))
        tell("the sealgate.toml that follows", Path(laid.inventory.source).read_text())
        with ExitStack() as held:
            with looking("starting the gateway and the file servers"):
                gateway = held.enter_context(demo.gateway_running(laid, notice))
            with looking() as progress:
                audit = demo.audit_demo(laid, time.time(), progress)
            tell("audited", render_text(audit.report, console_width=width, colour=colour))
            plan = render_plan(audit.report, console_width=width, colour=colour)
            tell("required against provided", plan)
            if not once:
                tell("to try", _told(demo.commands(laid, _program())))
            if ready_file is not None:
                demo.write_ready(ready_file, laid)
            if not once:
                click.echo("\nCtrl-C ends the demo.")
                demo.stay(gateway)
    return int(ExitCode.FINDINGS if audit.report.open_findings else ExitCode.OK)


def _extra() -> ModuleType:
    try:
        from sealgate.demo import run  # the extra is asked for here only
    except ModuleNotFoundError as error:
        raise SealgateError(
            f'the demo needs "{error.name}", which is not installed',
            hint='pip install "sealgate[demo,gateway]"',
        ) from error
    return run


def _program() -> str:
    """Return how this program is typed: by its name where that finds it, else by its path."""
    if shutil.which("sealgate"):
        return "sealgate"
    started = Path(sys.argv[0])
    if started.name == "sealgate":
        return shlex.quote(str(started))
    return f"{shlex.quote(sys.executable)} -m sealgate"


def _told(commands: list[tuple[str, str]]) -> str:
    return "\n".join(f"# {what}\n{line}" for line, what in commands)

"""``sealgate assess``: find and classify data, and keep the result in the register."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from sealgate.cli.configured import optional_inventory
from sealgate.cli.messages import notice
from sealgate.cli.output import in_colour, write_report
from sealgate.config import CONFIG_NAME
from sealgate.errors import UsageError
from sealgate.report.formats import ASSESS, names_of, writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.app.assess import Progress
    from sealgate.policy.inventory import Inventory

_WIDEST = 120


@click.command("assess")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option("-c", "--config", metavar="CONFIG", help=f"The configuration ({CONFIG_NAME}).")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(names_of(ASSESS)),
    default="text",
    show_default=True,
)
@click.option("--output", metavar="FILE", help="Write the report there, for its owner only.")
@click.option(
    "--web-root",
    "web_roots",
    multiple=True,
    metavar="DIR",
    help="A folder that a web server serves from; may be given more than once.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    metavar="ROWS",
    help="Read only so many rows of each table, and project the counts.",
)
@click.option("--decide", "decided", metavar="ASSET", help="Decide the class of ASSET instead.")
@click.option("--class", "class_id", metavar="CLASS", help="With --decide: the class.")
@click.option("--by", metavar="WHO", help="With --decide: who decided.")
@click.option("--reason", metavar="WHY", help="With --decide: why.")
def command(  # noqa: PLR0917  # click passes every option by name
    sources: tuple[str, ...],
    config: str | None,
    output_format: str,
    output: str | None,
    web_roots: tuple[str, ...],
    sample: int | None,
    decided: str | None,
    class_id: str | None,
    by: str | None,
    reason: str | None,
) -> int:
    """
    Find and classify data in each SOURCE, and keep the result in the register.

    SOURCE is a file, a folder, or the URL of a database (sqlite:///shop.sqlite,
    postgresql://host/name). What could not be looked at counts as a finding, until it
    is looked at or somebody decides: --decide ASSET --class CLASS --by WHO --reason WHY.
    """
    from sealgate.app.assess import assess
    from sealgate.app.state import open_register

    inventory = optional_inventory(config)
    if decided is not None:
        if sources:
            raise UsageError("--decide takes no source", hint="decide first, then assess")
        return _decide(inventory, decided, class_id, by, reason)
    if class_id or by or reason:
        raise UsageError("--class, --by and --reason belong to --decide", hint="add --decide ASSET")
    if not sources:
        raise UsageError("no source was given", hint="sealgate assess FOLDER")
    shown = output is None and sys.stdout.isatty()
    write = writer(
        ASSESS,
        output_format,
        console_width=min(shutil.get_terminal_size((100, 24)).columns, _WIDEST),
        colour=shown and in_colour(),
        folds=shown,
    )
    with open_register(inventory) as register, _progress() as progress:
        run = assess(
            sources,
            inventory=inventory,
            register=register,
            now=time.time(),
            progress=progress,
            web_roots=web_roots,
            sample=sample,
        )
    write_report(write(run), output)
    return int(run.exit_code)


def _decide(
    inventory: Inventory | None,
    asset: str,
    class_id: str | None,
    by: str | None,
    reason: str | None,
) -> int:
    from sealgate.app.assess import decide
    from sealgate.app.state import open_register

    if not (class_id and by and reason):
        raise UsageError(
            "a decision needs a class, who decided and why",
            hint="--decide ASSET --class CLASS --by WHO --reason WHY",
        )
    with open_register(inventory) as register:
        decide(
            asset,
            class_id,
            by=by,
            reason=reason,
            inventory=inventory,
            register=register,
            now=time.time(),
        )
    notice(f"decided: {class_id}; it holds from the next assessment on")
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[Progress], None] | None]:

    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # only a terminal needs it
    from rich.text import Text

    console = Console(stderr=True)
    with console.status("assessing") as status:

        def tell(progress: Progress) -> None:
            megabytes = progress.bytes_read / 1e6
            counted = f"{progress.assets} assets, {megabytes:.0f} MB: "
            status.update(Text(counted + progress.place, overflow="ellipsis", no_wrap=True))

        yield tell

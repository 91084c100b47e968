"""What ``seal`` and ``open`` share: asking for a passphrase, progress, and the end."""

from __future__ import annotations

import getpass
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.cli.messages import complain
from sealgate.errors import ExitCode, SourceError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sealgate.app.sealing_plan import Job, Plan
    from sealgate.errors import SealgateError
    from sealgate.policy.inventory import Inventory

_MAX_PASSPHRASE_BYTES = 4096


def passphrase_asker(file: str | None, *, again: bool = False) -> Callable[[str], str]:
    """
    Return what gives a passphrase: the first line of *file*, or who sits at the terminal.

    With *again* it has to be typed twice. Standard input stays free for data.
    """

    def ask(what: str) -> str:
        if file is not None:
            return _first_line(file)
        try:
            with Path("/dev/tty").open("rb+", buffering=0):
                pass
        except OSError:
            raise UsageError(
                f"the passphrase of {what} is needed, and there is no terminal to ask on",
                hint="--passphrase-file FILE",
            ) from None
        given = getpass.getpass(f"passphrase of {what}: ")
        if again and getpass.getpass("the same again: ") != given:
            raise UsageError("the two passphrases differ", hint="try again")
        return given

    return ask


def finish(plan: Plan, results: Iterable[tuple[Job, SealgateError | None]]) -> int:
    """Let *results* happen, tell what failed, and return the exit code: the gravest."""
    code = ExitCode.OK
    failed = list(plan.refused)
    many = len(plan.jobs) + len(plan.refused) > 1
    for job, error in results:
        if error is None:
            continue
        if many and f'"{job.source}"' not in error.message:
            error.message = f'"{job.source}": {error.message}'
        failed.append(error)
    for error in failed:
        complain(error)
        code = max(code, error.exit_code)
    return int(code)


@contextmanager
def progress(plan: Plan, verb: str) -> Iterator[Callable[[int], None] | None]:
    """Show how far *plan* is, on a terminal only; give what is told of each step."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # only a terminal needs it
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    sizes = [job.size for job in plan.jobs]
    total = None if None in sizes else sum(size for size in sizes if size is not None)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(verb, total=total)
        yield lambda size: bar.advance(task, size)


def _first_line(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            line = file.readline(_MAX_PASSPHRASE_BYTES).decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        message = f'"{path}" cannot be read: {(reason or "").lower()}'
        raise SourceError(
            message, hint="--passphrase-file FILE, with the passphrase in it"
        ) from error
    passphrase = line.rstrip("\r\n")
    if not passphrase:
        raise UsageError(f'"{path}" is empty', hint="put the passphrase on its first line")
    return passphrase


def site_inventory(config: str | None, missing: str, *, hint: str) -> Inventory:
    """
    Return what *config*, or the file found from here, declares; asked when nothing else was given.

    Raises:
        UsageError: *missing*, with *hint*: there is none.
        ConfigError: the file is wrong, or *config* is not there.
    """
    from sealgate.cli.configured import optional_inventory  # only this needs a site

    found = optional_inventory(config)
    if found is None:
        raise UsageError(missing, hint=hint)
    return found

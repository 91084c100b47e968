"""``sealgate send``: classify a file, measure the channel, and only then send."""

from __future__ import annotations

import getpass
import os
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from sealgate.cli.configured import config_option, optional_inventory
from sealgate.cli.messages import notice
from sealgate.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.app.sending import Moved, SignInOptions


_Command = TypeVar("_Command", bound="Callable[..., object]")

# The file that a password is read from where nobody can be asked for one.
PASSWORD_FILE = "SEALGATE_PASSWORD_FILE"  # noqa: S105  # the name of a variable


def channel_options(command: _Command) -> _Command:
    """Give *command* the options that say how to sign in and whom to trust."""
    for option in reversed(
        (
            click.option(
                "-i", "identities", metavar="KEY", multiple=True, help="Sign in with this SSH key."
            ),
            click.option(
                "--host-key",
                metavar="SHA256:…",
                default="",
                help="The SSH server must show this key.",
            ),
            click.option(
                "--known-hosts",
                metavar="FILE",
                multiple=True,
                help="Believe this file instead of the usual ones.",
            ),
            click.option(
                "--cert", metavar="FILE", default="", help="Show this client certificate (PEM)."
            ),
            click.option(
                "--key",
                metavar="FILE",
                default="",
                help="The key of --cert, when it is not in the same file.",
            ),
            click.option(
                "--ca", "ca_files", metavar="FILE", multiple=True, help="Trust this PEM file too."
            ),
            click.option(
                "--resolve",
                metavar="HOST:ADDRESS",
                multiple=True,
                help="Ask for HOST at this IP address.",
            ),
        )
    ):
        command = option(command)
    return command


@click.command("send")
@click.argument("arguments", metavar="FILE... URL", nargs=-1)
@config_option
@click.option(
    "--class",
    "class_id",
    metavar="CLASS",
    help="Send under this class; a weaker one takes --because.",
)
@click.option(
    "--because", metavar="REASON", help="Why a weaker class will do; it is kept in the register."
)
@click.option(
    "-r",
    "recipients",
    metavar="RECIPIENT",
    multiple=True,
    help="Seal for this age recipient before it leaves.",
)
@click.option(
    "--resume/--no-resume",
    "resume",
    default=None,
    help="Go on where an upload broke off (default: when the beginning is the same).",
)
@channel_options
def command(
    arguments: tuple[str, ...],
    config: str | None,
    class_id: str | None,
    because: str | None,
    recipients: tuple[str, ...],
    resume: bool | None,
    **channel: object,
) -> int:
    """
    Send each FILE to URL: sftp://, ftps:// (implicit on port 990) or https:// (PUT).

    Each FILE is assessed first; a channel below its class is refused before a byte of it
    goes. A URL that ends in / is a folder. What must be highly encrypted at rest leaves
    sealed only, so it needs -r. A password is asked for, or read from the file that
    SEALGATE_PASSWORD_FILE names; it is never an argument.
    """
    from sealgate.app.actor import actor
    from sealgate.app.sending import SendOptions, send
    from sealgate.app.state import open_register

    if len(arguments) < 2:  # noqa: PLR2004  # a file and a URL
        raise UsageError("a file and a URL are required", hint="sealgate send FILE sftp://HOST/in/")
    inventory = optional_inventory(config)
    with ExitStack() as stack:
        register = None
        if inventory is not None:
            register = stack.enter_context(open_register(inventory))
        elif because:
            notice("no sealgate.toml, so the reason is kept nowhere")
        sending = SendOptions(
            time.time(),
            actor(),
            class_id,
            because,
            recipients,
            resume,
            stack.enter_context(progress_bar("sending")),
        )
        for moved in send(
            arguments[:-1],
            arguments[-1],
            sending,
            signing(channel),
            inventory=inventory,
            register=register,
        ):
            click.echo(told(moved, moved.place))
    return 0


def signing(channel: dict[str, object]) -> SignInOptions:
    """
    Return what the options of :func:`channel_options` say.

    Raises:
        UsageError: one of them is wrong.
    """
    from sealgate.app.actor import login_name
    from sealgate.app.sending import SignInOptions
    from sealgate.audit.targets import parse_resolve

    def texts(name: str) -> tuple[str, ...]:
        value = channel[name]
        return tuple(str(one) for one in value) if isinstance(value, tuple) else ()

    return SignInOptions(
        ask_password=_ask_password,
        user=login_name() or "",
        identities=texts("identities"),
        host_key=str(channel["host_key"]),
        known_hosts=texts("known_hosts"),
        ca_files=texts("ca_files"),
        certificate=str(channel["cert"]),
        key=str(channel["key"]),
        resolve=parse_resolve(texts("resolve")),
    )


def told(moved: Moved, where: str) -> str:
    """Return one line about *moved* for people: what, as what, where, over what, how checked."""
    from sealgate.report.terminal import clean

    channel = moved.channel
    parts = [
        f"{clean(moved.name)}: {moved.classification}, {moved.size} bytes",
        *(["sealed"] if moved.sealed else []),
        *([f"resumed at {moved.resumed_at}"] if moved.resumed_at else []),
        f"{clean(where)} over {channel.version} {channel.group} {channel.cipher}",
        f"checked: {moved.checked.way}",
    ]
    return ", ".join(parts)


def _ask_password(what: str) -> str:
    from sealgate.report.terminal import clean

    if path := os.environ.get(PASSWORD_FILE):
        try:
            return Path(path).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            message = f"{PASSWORD_FILE} names a file that cannot be read"
            raise UsageError(message, hint=f"{PASSWORD_FILE}=FILE") from error
    if not sys.stdin.isatty():
        message = f"a password is needed for {clean(what)}, and there is nobody to ask"
        raise UsageError(message, hint=f"{PASSWORD_FILE}=FILE")
    return getpass.getpass(f"Password for {clean(what)}: ")


@contextmanager
def progress_bar(verb: str) -> Iterator[Callable[[str, int, int], None]]:
    """Yield what shows a bar on a terminal, and nothing anywhere else."""
    from sealgate.report.terminal import clean

    if not sys.stderr.isatty():
        yield lambda _name, _done, _all: None
        return
    from rich.console import Console  # only a terminal needs it
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, TaskID] = {}

        def tell(name: str, done: int, size: int) -> None:
            if name not in tasks:
                tasks[name] = bar.add_task(f"{verb} {clean(name)}", total=size or None)
            bar.update(tasks[name], completed=done)

        yield tell

"""
The command line: one command, one file; parse, call :mod:`sealgate.app`, print.

Commands are loaded when they are asked for, so that ``sealgate --help`` is quick and
a missing extra only stops the command that needs it.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import warnings
from typing import TYPE_CHECKING

import click

from sealgate.cli.groups import Group
from sealgate.cli.messages import complain
from sealgate.cli.os_errors import as_source_error, place_of
from sealgate.cli.streams import (
    clean_up_on_signals,
    has_reader,
    keep_standard_streams,
    settle_output,
)
from sealgate.errors import INTERRUPTED, BugError, ExitCode, SealgateError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

# When set, an error of Sealgate's own shows where it came from, with all that it holds.
SHOW_TRACEBACK = "SEALGATE_TRACEBACK"
# How cryptography begins to say that it is going to drop them (CryptographyDeprecationWarning).
_FINITE_FIELDS = "Diffie-Hellman over finite fields"
# Every command, in the order of the help: title -> name -> (module below sealgate.cli, one line).
SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Begin": {
        "demo": ("demo", "Run a small shop, assessed, served and audited on loopback."),
        "init": ("init", "Write a commented sealgate.toml, keys and a local CA."),
    },
    "Find out what data needs": {
        "assess": ("assess", "Find and classify data, and keep the result in the register."),
        "classes": ("classes", "Show the classification model in force."),
    },
    "Serve it": {
        "plan": ("plan", "Show what serve will do: required against provided."),
        "serve": ("serve", "Run the gateway and the file servers."),
        "reload": ("reload", "Have what is running take over a changed configuration."),
        "trust": ("trust", "Tell how each system comes to trust the local CA."),
        "certificate": ("certificate", "Server certificates that are fetched from an authority."),
        "scripts": ("scripts", "Show what payment pages run, and approve it."),
    },
    "Say who comes in": {
        "user": ("user", "Users, their groups, passwords and second factors."),
        "key": ("key", "What lets users in: client certificates and SSH keys."),
        "grant": ("grant", "Ask for, approve and end grants for what is very high to reach."),
    },
    "Prove it": {
        "audit": ("audit", "Observe from outside and judge by the same ruler."),
        "verify": ("verify", "Verify stores, the register, or what a URL gives."),
        "explain": ("explain", "Tell why a rule is there, its clause, and how to mend it."),
    },
    "Files": {
        "send": ("send", "Send files, over no channel below their class."),
        "get": ("get", "Get files, over no channel below what they are held to."),
        "seal": ("seal", "Seal files for recipients or the site's key."),
        "open": ("open", "Open what was sealed."),
        "rotate": ("rotate", "Seal stored files for the current key."),
        "keys": ("keys", "The site's own keys, which stored files are sealed with."),
    },
}
COMMANDS: dict[str, tuple[str, str]] = {
    name: told for section in SECTIONS.values() for name, told in section.items()
}


class _Commands(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click calls so
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002  # click calls so
        cmd_name: str,
    ) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"sealgate.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = module.command
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            # Click would end without a word, whatever it was that broke.
            if told := as_source_error(error) if has_reader() else None:
                raise told from error
            # The reader (head, less) has seen enough.
            ctx.exit(int(ExitCode.FAILED))

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # click calls so
        formatter: click.HelpFormatter,
    ) -> None:
        widest = max(map(len, COMMANDS))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                # One width for all, so that the second column is one.
                formatter.write_dl(
                    [(f"{name:<{widest}}", line) for name, (_, line) in commands.items()]
                )


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sealgate", message="%(prog)s %(version)s")
def cli() -> None:
    """
    Classify data once; give it at least that protection everywhere, and prove it.

    Begin with "sealgate demo", or with "sealgate init" for a site of your own.
    "sealgate COMMAND --help" tells more.

    Exit codes: 0 nothing to fix; 1 Sealgate failed, no verdict; 2 usage or
    configuration; 3 nothing to look at; 10 findings.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with an exit code from the table."""
    keep_standard_streams()
    clean_up_on_signals()
    sys.exit(settle_output(run(arguments)))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; never a traceback for bad input."""
    # What it rests on may drop finite fields (RFC 9142, 3.2) one day; a server that has nothing
    # else can be audited and sent to until then. Said here, before threads share the filters.
    warnings.filterwarnings("ignore", _FINITE_FIELDS, UserWarning, r"asyncssh\.")
    try:
        code = cli.main(args=arguments, prog_name="sealgate", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError as error:
        # Help, as it stands: lines and all.
        click.echo(error.format_message(), err=True)
        return int(ExitCode.USAGE)
    except Exception as error:
        if os.environ.get(SHOW_TRACEBACK) and not _is_expected(error):
            raise
        said = _said(error)
        complain(said)
        return int(said.exit_code)
    return int(code) if isinstance(code, int) else int(ExitCode.OK)


def _is_expected(error: Exception) -> bool:
    return isinstance(error, SealgateError | click.ClickException)


def _said(error: Exception) -> SealgateError:
    match error:
        case SealgateError():
            return error
        case click.ClickException():
            return _as_usage(error)
        case OSError() if told := as_source_error(error):
            return told
        case _:
            return _as_bug(error)


def _as_bug(error: Exception) -> BugError:
    # Type and place only: the text of a foreign exception may carry the data at hand.
    return BugError(
        f"Sealgate contradicts itself: {type(error).__name__} at {place_of(error)}",
        hint=f"report it; {SHOW_TRACEBACK}=1 shows more, and may show data",
    )


def _as_usage(error: click.ClickException) -> UsageError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f"{context.command_path if context else 'sealgate'} --help"
    message = error.format_message()
    match error:
        case click.NoSuchOption(possibilities=[near, *_]):
            message, hint = error.message, f"{near}, or see: {hint}"
        case click.MissingParameter() if context:
            hint = _to_type(context)
        case _:
            pass
    # As everywhere, the thing stands in double quotes.
    message = re.sub(r"'([^']*)'| \(([^(]*)\)$", _in_quotes, message.rstrip("."))
    return UsageError(message[:1].lower() + message[1:], hint=hint)


def _in_quotes(found: re.Match[str]) -> str:
    return f'"{found[1]}"' if found[1] is not None else f' "{found[2]}"'


def _to_type(context: click.Context) -> str:
    """Return the command of *context* with all that it cannot do without."""
    parts = [context.command_path]
    for parameter in context.command.params:
        name = parameter.metavar or (parameter.name or "").upper()
        if isinstance(parameter, click.Argument):
            parts.append(name)
        elif parameter.required:
            parts.append(f"{parameter.opts[0]} {name}")
    return " ".join(parts)

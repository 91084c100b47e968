"""
The command line: one command, one file; parse, call :mod:`sealgate.app`, print.

Commands are loaded when they are asked for, so that ``sealgate --help`` is quick and
a missing extra only stops the command that needs it.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import click

from sealgate.cli.voice import complain
from sealgate.errors import ExitCode, SealgateError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Every command, in the order of the help: name -> (module below sealgate.cli, one line).
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("demo", "Run a small shop, assessed, served and audited on loopback."),
    "init": ("init", "Write a commented sealgate.toml, keys and a local CA."),
    "classes": ("classes", "Show the classification model in force."),
    "assess": ("assess", "Find and classify data, and keep the result in the register."),
    "plan": ("plan", "Show what serve will do: required against provided."),
    "serve": ("serve", "Run the gateway."),
    "reload": ("reload", "Have the running gateway take over a changed configuration."),
    "audit": ("audit", "Observe from outside and judge by the same ruler."),
    "key": ("key", "Issue, list and revoke client certificates."),
    "user": ("user", "Add, list and remove identities and their groups."),
    "trust": ("trust", "Tell how each system comes to trust the local CA."),
    "explain": ("explain", "Tell why a rule is there, its clause, and how to mend it."),
}


class _Commands(click.Group):
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

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  # click calls so
        formatter: click.HelpFormatter,
    ) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sealgate", message="%(prog)s %(version)s")
def cli() -> None:
    """
    Classify data once; give it at least that protection everywhere, and prove it.

    Exit codes: 0 nothing to fix; 1 Sealgate failed, no verdict; 2 usage or
    configuration; 3 nothing to look at; 10 findings.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run one command and leave the process with an exit code from the table.
    """
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """
    Run one command and return its exit code; never a traceback for bad input.
    """
    try:
        code = cli.main(args=arguments, prog_name="sealgate", standalone_mode=False)
    except SealgateError as error:
        complain(error)
        return int(error.exit_code)
    except click.exceptions.Exit as leaving:
        return leaving.exit_code
    except click.ClickException as error:
        complain(_as_usage(error))
        return int(ExitCode.USAGE)
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        sys.stderr.close()
        return int(ExitCode.FAILED)
    return int(code) if isinstance(code, int) else int(ExitCode.OK)


def _as_usage(error: click.ClickException) -> SealgateError:
    hint = "sealgate --help"
    if isinstance(error, click.UsageError) and error.ctx is not None:
        hint = f"{error.ctx.command_path} --help"
    message = error.format_message().rstrip(".")
    return SealgateError(message[:1].lower() + message[1:], hint=hint)

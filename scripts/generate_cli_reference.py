"""Writes docs/reference/cli.md from the program's own help; ``--check`` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sealgate.cli import COMMANDS, cli

PAGE = Path(__file__).parents[1] / "docs/reference/cli.md"
HEAD = """\
# Command line

Commands that read a configuration take `-c CONFIG`; without it `sealgate.toml` is looked for here
and in the parent folders. Output for machines is `--format json`, versioned; progress goes to standard error, and
only to a terminal. What a command returns is told in [exit codes](exit-codes.md).

This page is written from the program's own help.
"""


def section(command: click.Command, path: str, level: int) -> str:
    """Return the part of the page that tells *command*, its groups included."""
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"{'#' * level} `{path}`", f"```sh\n{usage}\n```"]
    help_text = "\n".join(line.strip() for line in (command.help or "").strip().splitlines())
    if help_text:
        parts.append(help_text.replace("\b", ""))
    rows = [
        record
        for parameter in command.params
        if (record := parameter.get_help_record(context)) is not None
    ]
    if rows:
        lines = [f"| `{_cell(names)}` | {_cell(text)} |" for names, text in rows]
        parts.append("\n".join(["| Option | |", "|---|---|", *lines]))
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None:
                parts.append(section(inner, f"{path} {name}", level + 1))
    return "\n\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def page() -> str:
    """Return the whole page."""
    context = click.Context(cli)
    commands = [(name, cli.get_command(context, name)) for name in COMMANDS]
    return (
        "\n\n".join([HEAD.rstrip(), *(section(c, f"sealgate {n}", 2) for n, c in commands if c)])
        + "\n"
    )


def main() -> int:
    """Write the page, or tell with exit code 1 that it is stale."""
    text = page()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
        return 0
    if PAGE.exists() and PAGE.read_text() == text:
        return 0
    print(f"{PAGE.name} is stale; run: python scripts/generate_cli_reference.py")
    return 1


if __name__ == "__main__":
    sys.exit(main())

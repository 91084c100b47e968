"""Commands that hold commands: help with whole sentences, and a near name for a mistyped one."""

from __future__ import annotations

import difflib

import click

from sealgate.errors import UsageError


class Group(click.Group):
    """A group whose help shows the whole first sentence of each command, over lines."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """
        Return the command that *args* begin with.

        Raises:
            UsageError: there is none of that name; the hint is the nearest one.
        """
        given = args[0]
        if given.startswith("-") or self.get_command(ctx, given) is not None:
            return super().resolve_command(ctx, args)
        near = difflib.get_close_matches(given, self.list_commands(ctx), n=1, cutoff=0.7)
        raise UsageError(
            f'no such command "{given}"',
            hint=f"{ctx.command_path} {near[0] if near else '--help'}",
        )

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the section "Commands" of the help."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, _first_paragraph(command)) for name, command in found if command]
            )


def _first_paragraph(command: click.Command) -> str:
    return " ".join((command.help or "").strip().split("\n\n")[0].split())

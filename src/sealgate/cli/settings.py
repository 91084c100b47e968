"""How the commands print the settings that belong into a CMS behind the gateway."""

from __future__ import annotations

import shutil
import sys
from itertools import groupby
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.config.presets import Snippet


def echo_settings(title: str, settings: Sequence[Snippet], limits: Sequence[str]) -> None:
    """Print each snippet under its file and versions, and what the preset's locks mean."""
    from sealgate.report.terminal import folded

    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    click.echo(f"Settings for {title} behind the gateway, by version:")
    # Versions that take the same are told together.
    for text, same in groupby(settings, key=lambda snippet: snippet.text):
        click.echo()
        heads = [f"  {snippet.versions}, {snippet.file}" for snippet in same]
        click.echo("\n".join(heads) + ":")
        for line in text.splitlines():
            click.echo(f"    {line}")
    for why in dict.fromkeys(snippet.why for snippet in settings):
        click.echo(f"\n{folded(f'Why: {why}.', columns, '  ')}")
    for limit in limits:
        click.echo(folded(f"Note: {limit}.", columns, "  "))

"""``sealgate classes``: the classification model in force."""

from __future__ import annotations

import shutil

import click

from sealgate.cli.configured import config_option, optional_inventory
from sealgate.cli.output import in_colour
from sealgate.policy.classification import DEFAULT_MODEL


@click.command("classes")
@config_option
@click.option(
    "--format", "output", type=click.Choice(["text", "json"]), default="text", show_default=True
)
def command(config: str | None, output: str) -> None:
    """
    Show the classification model in force, with the criteria of each rung.

    Without a sealgate.toml here or in a parent folder it is the default model, the
    table of the guideline.
    """
    from sealgate.report.classes import render_classes_json, render_classes_text

    inventory = optional_inventory(config)
    # Without one the guideline's own table holds.
    model = inventory.model if inventory is not None else DEFAULT_MODEL
    if output == "json":
        click.echo(render_classes_json(model), nl=False)
        return
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    click.echo(render_classes_text(model, console_width=width, colour=in_colour()), nl=False)

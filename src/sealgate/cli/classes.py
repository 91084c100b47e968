"""
``sealgate classes``: the classification model in force.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import click

from sealgate.cli.configured import config_option
from sealgate.config.load import find_config, load
from sealgate.errors import ConfigError
from sealgate.policy.classification import DEFAULT_MODEL, ClassificationModel
from sealgate.report.classes import render_classes_json, render_classes_text


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
    model = _model(config)
    if output == "json":
        click.echo(render_classes_json(model), nl=False)
        return
    width = min(shutil.get_terminal_size((100, 24)).columns, 120)
    click.echo(
        render_classes_text(model, console_width=width, colour=sys.stdout.isatty()), nl=False
    )


def _model(config: str | None) -> ClassificationModel:
    if config is not None:
        return load(config).model
    try:
        found = find_config(str(Path.cwd()))
    except ConfigError:
        # Nobody said that there is one: the guideline's own table holds.
        return DEFAULT_MODEL
    return load(found).model

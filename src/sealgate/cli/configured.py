"""The option ``-c CONFIG`` that commands share, and the inventory that it leads to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from sealgate.config import CONFIG_NAME
from sealgate.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import Inventory

_Command = TypeVar("_Command", bound="Callable[..., object]")


def config_option(command: _Command) -> _Command:
    """Give *command* the option ``-c``, as its parameter ``config``."""
    return click.option(
        "-c",
        "--config",
        metavar="CONFIG",
        help=f"The configuration (default: {CONFIG_NAME} here or in a parent folder).",
    )(command)


def configured(config: str | None) -> Inventory:
    """
    Return what the file *config* declares, or the one found from the current folder.

    Raises:
        ConfigError: there is none, or with every fault in it.
    """
    from sealgate.config.load import find_config, load

    return load(config if config is not None else find_config(str(Path.cwd())))


def optional_inventory(config: str | None) -> Inventory | None:
    """
    Return what *config*, or the file found from here, declares; ``None`` without one.

    Raises:
        ConfigError: the file is wrong, or *config* is not there.
    """
    from sealgate.config.load import find_config, load

    if config is not None:
        return load(config)
    try:
        found = find_config(str(Path.cwd()))
    except ConfigError:
        # Nobody said that there is one.
        return None
    return load(found)

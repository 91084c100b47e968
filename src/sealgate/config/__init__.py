"""
From ``sealgate.toml`` to the inventory; every fault at once, with file and line.
"""

from __future__ import annotations

from sealgate.config.load import find_config, load
from sealgate.config.parse import parse

__all__ = ["find_config", "load", "parse"]

"""From ``sealgate.toml`` to the inventory; every fault at once, with file and line."""

from __future__ import annotations

CONFIG_NAME = "sealgate.toml"

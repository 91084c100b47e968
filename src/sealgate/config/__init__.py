"""
From ``sealgate.toml`` to the inventory; every fault at once, with file and line.
"""

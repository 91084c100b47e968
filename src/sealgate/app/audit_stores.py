"""
Looks at the stores of drops as they lie on this host: who may read them, and what they hold.

No key is opened, so what a record vouches for is not compared here; the store's own
verification does that. What is seen stands beside what the running servers say, and the
worse counts.
"""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.apart import reasons_not_apart
from sealgate.app.sealed_header import sealed_rung
from sealgate.policy.assets import drop_asset
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage
from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.folder import OBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Drop, Inventory
    from sealgate.policy.observation import Sighting

# So many objects are looked at; a store may hold millions.
SAMPLE = 500
_OTHERS = 0o077


def drop_store_sightings(inventory: Inventory) -> tuple[Sighting, ...]:
    """Return what is seen of the store of each drop that lies in a folder of this host."""
    apart = reasons_not_apart(inventory)
    return tuple(
        _look_at(drop, Path(drop.folder), apart.get(drop.name))
        for drop in inventory.drops
        if drop.folder is not None
    )


def _look_at(drop: Drop, folder: Path, why_not_apart: str | None) -> Sighting:
    asset = drop_asset(drop).id
    demand = drop.classification.required.at_rest
    try:
        if _is_open(folder):
            return _saw(asset, StorageRung.NONE, f"others may come into {folder}")
        sample = list(islice(_objects(folder), SAMPLE))
        rungs = [_rung_of(path) for path in sample]
    except OSError as error:
        reason = f'store "{folder}": {(error.strerror or "error").lower()}'
        return NotObserved(asset, Fact.AT_REST_RUNG, reason, Vantage.HOST)
    if not sample:
        reason = f'store "{folder}" holds nothing yet'
        return NotObserved(asset, Fact.AT_REST_RUNG, reason, Vantage.HOST)
    worst = min(rungs)
    if worst.stored.needs_key_apart and why_not_apart is not None:
        # Whoever takes the store takes the key with it.
        worst = StorageRung.PROTECTED
    return _saw(asset, min(worst, demand), f"look at {len(sample)} objects")


def _saw(asset: str, rung: StorageRung, seen_by: str) -> Observation:
    return Observation(asset, Fact.AT_REST_RUNG, int(rung), Vantage.HOST, seen_by)


def _is_open(path: Path) -> bool:
    return bool(stat.S_IMODE(path.lstat().st_mode) & _OTHERS)


def _objects(folder: Path) -> Iterator[Path]:
    with os.scandir(folder / OBJECTS) as firsts:
        for first in firsts:
            if first.is_dir(follow_symlinks=False):
                with os.scandir(first.path) as found:
                    yield from (Path(entry.path) for entry in found)


def _rung_of(path: Path) -> StorageRung:
    """Return what one object is worth by itself, where its key is not counted."""
    if _is_open(path):
        return StorageRung.NONE
    return sealed_rung(path)

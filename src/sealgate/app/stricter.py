"""
Which uploads of a drop were found to be of a stricter class than it, by the trail.

A file that was deleted since, or replaced, no longer counts; one that was renamed counts
under its new name. Places are those of the trail, which masks what looks like data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.inventory import drop_asset
from sealgate.policy.observation import Fact, Observation, Vantage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.policy.inventory import Drop, Inventory
    from sealgate.policy.observation import Sighting
    from sealgate.register.adapters.store import Register
    from sealgate.register.model import TransferRecord

RULE = "drop-class-exceeded"
# Older than the newest of these, what happened is not looked at: an audit ends some time.
MAX_RECORDS = 200_000
_RENAMED = "ok, to "


def stricter_uploads(inventory: Inventory, register: Register) -> tuple[Sighting, ...]:
    """
    Return what the trail says of each drop of *inventory* that somebody uploaded to.

    Raises:
        SourceError: the register cannot be read.
    """
    if not inventory.drops:
        return ()
    used: set[str] = set()
    found: dict[str, str] = {}
    for record in _relevant(register.transfers(limit=MAX_RECORDS)):
        used.add(record.place.partition("/")[0])
        _follow(record, found)
    return tuple(_observed(inventory, drop, found) for drop in inventory.drops if drop.name in used)


def _relevant(records: Iterable[TransferRecord]) -> Iterable[TransferRecord]:
    acts = {"upload", "delete", "rename", "assessment"}
    return (record for record in records if record.action in acts and "/" in record.place)


def _follow(record: TransferRecord, found: dict[str, str]) -> None:
    done = record.result == "ok" or record.result.startswith("ok,")
    if record.action == "assessment" and record.rule == RULE:
        found[record.place] = record.result.rpartition(": ")[2]
    elif record.action in {"upload", "delete"} and done:
        # A new version is looked at anew; a folder is empty when it goes.
        found.pop(record.place, None)
    elif record.action == "rename" and record.result.startswith(_RENAMED):
        drop = record.place.partition("/")[0]
        target = f"{drop}/{record.result.removeprefix(_RENAMED)}"
        found.pop(target, None)
        for place in [p for p in found if p == record.place or p.startswith(f"{record.place}/")]:
            found[target + place.removeprefix(record.place)] = found.pop(place)


def _observed(inventory: Inventory, drop: Drop, found: dict[str, str]) -> Sighting:
    model = inventory.model
    places = tuple(
        sorted(
            place
            for place, class_id in found.items()
            if place.startswith(f"{drop.name}/")
            and (model.find(class_id) or model.strictest).rank > drop.classification.rank
        )
    )
    return Observation(
        drop_asset(drop).id, Fact.UPLOADS_STRICTER, places, Vantage.HOST, "the trail of transfers"
    )

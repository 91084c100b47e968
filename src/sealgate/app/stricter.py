"""
Which uploads of a drop were found to be of a stricter class than it, by the trail.

A file that was deleted since, or replaced, no longer counts; one that was renamed counts
under its new name. Places are those of the trail, which masks what looks like data: two
files may have one masked name there, and what is known of it holds until none is left.
What nobody could look at, or happened too long ago, is no proof that nothing was there.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from sealgate.policy.assets import drop_asset
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage

if TYPE_CHECKING:
    from sealgate.policy.inventory import Drop, Inventory
    from sealgate.policy.observation import Sighting
    from sealgate.register.adapters.store import Register
    from sealgate.register.model import TransferRecord

RULE = "drop-class-exceeded"
ACTIONS = ("upload", "delete", "rename", "assessment")
# Older than the newest of these, what happened is not looked at: an audit ends some time.
MAX_RECORDS = 200_000
_RENAMED = "ok, to "
# What stands for a class where not all of an upload could be looked at.
_UNSEEN = ""
# As sealgate.detect.mask writes what it takes out.
_MASKED = re.compile(r"\[[a-z]")


def stricter_uploads(inventory: Inventory, register: Register) -> tuple[Sighting, ...]:
    """
    Return what the trail says of each drop of *inventory* that somebody uploaded to.

    Raises:
        SourceError: the register cannot be read.
    """
    if not inventory.drops:
        return ()
    lying, used, count = _Lying(), set[str](), 0
    for record in register.transfers(limit=MAX_RECORDS, actions=ACTIONS):
        count += 1
        if "/" in record.place:
            used.add(record.place.partition("/")[0])
            lying.follow(record)
    whole = count < MAX_RECORDS
    return tuple(
        _sighting(inventory, drop, lying.found, whole=whole)
        for drop in inventory.drops
        if drop.name in used or not whole
    )


class _Lying:
    """What lies in drops by the trail so far: *found* has a class by place, where it is told."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self._files = Counter[str]()

    def follow(self, record: TransferRecord) -> None:
        """Take the next thing that happened."""
        done = record.result == "ok" or record.result.startswith("ok,")
        if record.action == "assessment":
            told = record.result.rpartition(": ")[2] if record.rule == RULE else _UNSEEN
            # What was found by one file of a masked name is not undone by the next.
            self.found[record.place] = told or self.found.get(record.place, _UNSEEN)
        elif record.action == "upload" and done:
            self._comes(record.place)
        elif record.action == "delete" and done:
            self._goes(record.place)
        elif record.action == "rename" and record.result.startswith(_RENAMED):
            drop = record.place.partition("/")[0]
            self._moves(record.place, f"{drop}/{record.result.removeprefix(_RENAMED)}")

    def _comes(self, place: str) -> None:
        self._files[place] += 1
        if not _MASKED.search(place):
            # A new version is looked at anew.
            self.found.pop(place, None)

    def _goes(self, place: str) -> None:
        # A folder is empty when it goes.
        self._files[place] -= 1
        if self._files[place] <= 0 or not _MASKED.search(place):
            self.found.pop(place, None)

    def _moves(self, source: str, target: str) -> None:
        below = [p for p in self.found if p == source or p.startswith(f"{source}/")]
        moved = {target + place.removeprefix(source): self.found[place] for place in below}
        for place in below:
            if place == source or not _MASKED.search(source):
                self._goes(place)
        self._comes(target)
        self.found |= moved


def _sighting(inventory: Inventory, drop: Drop, found: dict[str, str], *, whole: bool) -> Sighting:
    asset, fact = drop_asset(drop).id, Fact.UPLOADS_STRICTER
    own = {place: told for place, told in found.items() if place.startswith(f"{drop.name}/")}
    model = inventory.model
    stricter = sorted(
        place
        for place, told in own.items()
        if told and (model.find(told) or model.strictest).rank > drop.classification.rank
    )
    unseen = sum(not told for told in own.values())
    reason = ""
    if unseen:
        reason = f"not all of {unseen} uploads could be looked at"
    elif not whole:
        reason = f"only the newest {MAX_RECORDS} events of the trail were looked at"
    if reason and not stricter:
        return NotObserved(asset, fact, reason, Vantage.HOST)
    return Observation(asset, fact, tuple(stricter), Vantage.HOST, "the trail of transfers")

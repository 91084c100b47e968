"""
What relays found: told once, and registered once.

A page shows the same to each visitor, so of one route a find is news by its kind only. Where
it stands is registered anew when the places have doubled.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sealgate.app.state import database_url
from sealgate.detect.catalogue import Kind, facts
from sealgate.errors import SealgateError
from sealgate.inspection.model import titles
from sealgate.register.adapters.store import Register
from sealgate.register.model import AssessmentRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sealgate.inspection.adapters.relay_process import Seen
    from sealgate.inspection.model import Sighting
    from sealgate.policy.inventory import Inventory

# Finds are written to the register at most so often.
RECORD_SECONDS = 10.0
_KEPT_PLACES = 200
SCHEMA = "sealgate/inspection/1"

# The shape of the path, "answer" or "request", and the kind.
Find = tuple[str, str, str]


class Finds:
    """Takes what was seen. *now* tells seconds since the epoch, *tell* takes a line for a person."""

    def __init__(self, *, now: Callable[[], float], tell: Callable[[str], None]) -> None:
        self._now = now
        self._tell = tell
        self._told: set[object] = set()
        self._found: dict[str, dict[Find, int]] = {}
        self._registered: dict[str, frozenset[Find]] = {}
        self._news: set[str] = set()
        self._record_at = 0.0

    def take(self, seen: Seen) -> None:
        """Tell *seen*, and keep it for the register."""
        for sighting, _ in seen:
            self._tell_once(sighting)
            found = self._found.setdefault(sighting.asset, {})
            way = "answer" if sighting.outgoing else "request"
            for kind, count in sighting.counts.items():
                find = (sighting.place, way, kind)
                if (
                    find in found
                    or len(found) < _KEPT_PLACES
                    or _kind(find) not in map(_kind, found)
                ):
                    found[find] = found.get(find, 0) + count
        for asset in {sighting.asset for sighting, _ in seen}:
            if is_news(self._found[asset], self._registered.get(asset, frozenset())):
                self._news.add(asset)

    def record(self, inventory: Inventory, *, at_once: bool = False) -> None:
        """Register what is news, when it is time or *at_once*."""
        if not self._news or (time.monotonic() < self._record_at and not at_once):
            return
        self._record_at = time.monotonic() + RECORD_SECONDS
        assets = sorted(self._news)
        try:
            with Register(database_url(inventory)) as register:
                at = self._now()
                assets = [a for a in assets if is_news(self._found[a], self._known(register, a))]
                records = [_assessment(inventory, a, self._found[a], at) for a in assets]
                register.record_assessments(records, at=at)
        except SealgateError as error:
            # It stays noted, and is tried again.
            self._say_once(f"error: what inspection found could not be registered: {error.message}")
            return
        self._news.clear()
        for asset in assets:
            self._registered[asset] |= self._found[asset].keys()

    def _known(self, register: Register, asset: str) -> frozenset[Find]:
        if asset not in self._registered:
            # A start of the gateway makes nothing new.
            self._registered[asset] = frozenset(
                (str(told["path"]), str(told["in"]), str(told["kind"]))
                for record in register.assessments(asset)
                if record.details.get("schema") == SCHEMA
                for told in record.details["found"]
            )
        return self._registered[asset]

    def _tell_once(self, sighting: Sighting) -> None:
        what = titles(sighting.counts) or str(sighting.refusal)
        who = "the site answers with" if sighting.outgoing else "visitors send"
        held = "kept back" if sighting.kept_back else "seen, and sent on"
        self._say_once(f"{sighting.asset}: {who} what is above its class: {what} ({held})")

    def _say_once(self, line: str) -> None:
        if line not in self._told and len(self._told) <= _KEPT_PLACES:
            self._told.add(line)
            self._tell(line)


def is_news(found: Iterable[Find], registered: Iterable[Find]) -> bool:
    """Return whether *found* is worth an entry after *registered*: a new kind, or twice the places."""
    now, before = set(found), set(registered)
    kinds = set(map(_kind, now)) - set(map(_kind, before))
    return bool(kinds) or (len(now | before) >= 2 * len(before) > 0)


def _kind(find: Find) -> tuple[str, str]:
    return find[1], find[2]


def _assessment(
    inventory: Inventory, asset: str, found: Mapping[Find, int], at: float
) -> AssessmentRecord:
    impact = max(facts(Kind(kind)).traits.impact for _, _, kind in found)
    computed = inventory.model.at_impact(impact).id
    told = [
        {"path": path, "in": way, "kind": str(kind), "count": count}
        for (path, way, kind), count in sorted(found.items())
    ]
    return AssessmentRecord(
        asset,
        "route",
        computed,
        computed,
        {"schema": SCHEMA, "found": told},
        parent=f"site {asset.removeprefix('route ').partition('/')[0]}",
        assessed_at=at,
    )

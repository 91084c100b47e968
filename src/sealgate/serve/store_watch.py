"""
Which stores of drops are damaged: looked at before they are served, and while they are.

A damaged store is fenced off alone: nothing of its drop is given out or taken, and all others
are served. When it was restored, it is served again without a restart.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sealgate.app.apart import ANSWER_SECONDS, DID_NOT_ANSWER
from sealgate.app.storing import store_settings
from sealgate.policy.assets import drop_asset
from sealgate.storage.adapters.asked import asked
from sealgate.storage.adapters.opened import open_store, was_used
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from sealgate.policy.inventory import Drop, Inventory
    from sealgate.storage.keyring import UnlockedKeyring

# How long a store that was damaged while it is served may go unseen by the other processes.
WATCH_SECONDS = 10.0
# So many stores are looked at at once.
_AT_ONCE = 32
AT_REST_RULE = "at-rest-unsealed"


@dataclass(frozen=True, slots=True)
class StoreFault:
    """Why a store cannot be served; *is_damage*: it is no fault of the configuration."""

    message: str
    hint: str | None
    is_damage: bool


SILENT = StoreFault(DID_NOT_ANSWER, None, is_damage=True)


def silent(inventory: Inventory, drop: Drop) -> StoreFault:
    """Return what is wrong with the store of *drop*, which did not answer in time."""
    return replace(SILENT, is_damage=was_used(store_settings(inventory, drop)))


def why_not_served(
    inventory: Inventory, drop: Drop, keyring: UnlockedKeyring, *, now: Callable[[], float]
) -> StoreFault | None:
    """
    Return what is wrong with the store of *drop*, ``None`` when it can be served.

    Damage is what befell a store that was used before; one that never worked, or that is not
    kept as its class demands, is a fault of the configuration.
    """
    settings = store_settings(inventory, drop)
    # Asked first: opening makes what is not there.
    is_used = was_used(settings)
    try:
        store = open_store(settings, keyring, now=now)
    except StorageError as error:
        is_damage = error.trouble is not Trouble.UNSUPPORTED and is_used
        return StoreFault(error.message, error.hint, is_damage)
    rung = store.rung
    store.close()
    if rung < settings.rung and not _is_accepted(inventory, drop, now()):
        # The store itself has the last word.
        message = (
            f"its store is worth rung {rung} at rest, but"
            f' "{drop.classification.id}" demands {settings.rung}'
        )
        return StoreFault(message, f"sealgate explain {AT_REST_RULE}", is_damage=False)
    return None


@dataclass(slots=True)
class _Look:
    """A look at one store by *inventory*, begun at *begun_at* (monotonic); its last *verdict*."""

    inventory: Inventory
    begun_at: float
    answer: Future[StoreFault | None] | None
    verdict: StoreFault | None = None
    is_known: bool = False


class StoreWatch:
    """
    Looks at the stores again and again, each in a thread of its own: one may not answer for long.

    *now* tells seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._looks: dict[tuple[str, str], _Look] = {}

    def tick(
        self, inventory: Inventory, keyring: UnlockedKeyring | None, fenced: Mapping[str, str]
    ) -> dict[str, str] | None:
        """
        Return why each damaged store of *inventory* is so, by drop; ``None``: nothing new is seen.

        *fenced* are those that are taken for damaged now.
        """
        if keyring is None:
            return None
        drops = {(drop.name, drop.store): drop for drop in inventory.drops}
        self._looks = {place: look for place, look in self._looks.items() if place in drops}
        found, is_new = {}, False
        free = _AT_ONCE - sum(_is_under_way(look) for look in self._looks.values())
        for place, drop in drops.items():
            look = self._looks.get(place)
            # What was seen by another configuration says nothing of this one.
            is_ours = look is not None and look.inventory is inventory
            if look is not None and look.answer is not None:
                is_new |= _heard(look, inventory)
            elif free > 0 and (
                look is None or not is_ours or time.monotonic() - look.begun_at >= WATCH_SECONDS
            ):
                free -= 1
                again = self._begin(inventory, drop, keyring)
                if look is not None and is_ours:
                    again.verdict, again.is_known = look.verdict, look.is_known
                look = self._looks[place] = again
            elif look is not None and not is_ours:
                look.is_known = False
            if look is not None and look.is_known:
                if look.verdict is not None:
                    found[drop.name] = look.verdict.message
            elif drop.name in fenced:
                found[drop.name] = fenced[drop.name]
        return found if is_new else None

    def _begin(self, inventory: Inventory, drop: Drop, keyring: UnlockedKeyring) -> _Look:
        answer = asked(
            lambda: why_not_served(inventory, drop, keyring, now=self._now), "sealgate stores"
        )
        return _Look(inventory, time.monotonic(), answer)


def _is_under_way(look: _Look) -> bool:
    # One that hangs is waited for no longer, so it holds up no others.
    age = time.monotonic() - look.begun_at
    return look.answer is not None and not look.answer.done() and age < ANSWER_SECONDS


def _heard(look: _Look, inventory: Inventory) -> bool:
    """Take what was seen, or that nothing was for too long; return whether it is something new."""
    if look.answer is None:
        return False
    if not look.answer.done():
        # It is asked again when this look has come back, and not before: that would hang, too.
        is_late = time.monotonic() - look.begun_at >= ANSWER_SECONDS
        is_new = is_late and not (look.is_known and look.verdict is SILENT)
        if is_late:
            look.verdict, look.is_known = SILENT, True
        return is_new
    answer, look.answer = look.answer, None
    if look.inventory is not inventory:
        look.is_known = False
        return False
    try:
        look.verdict = answer.result()
    except Exception as error:  # noqa: BLE001  # what was not understood is not served
        told = f"{type(error).__name__} while it was opened"
        look.verdict = StoreFault(told, None, is_damage=True)
    look.is_known = True
    return True


def _is_accepted(inventory: Inventory, drop: Drop, now: float) -> bool:
    today = dt.datetime.fromtimestamp(now, tz=dt.UTC).date()
    asset = drop_asset(drop).id
    return any(
        risk.rule == AT_REST_RULE and risk.asset == asset and today <= risk.until
        for risk in inventory.accepted
    )

"""
Which stores of drops are damaged: looked at before they are served, and while they are.

A damaged store is fenced off alone: nothing of its drop is given out or taken, and all others
are served. When it was restored, it is served again without a restart.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.app.storing import store_settings
from sealgate.policy.inventory import drop_asset
from sealgate.storage.adapters.opened import open_store, was_used
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import Drop, Inventory
    from sealgate.storage.keyring import UnlockedKeyring

# How long a store that was damaged while it is served may go unseen by the other processes.
WATCH_SECONDS = 10.0
AT_REST_RULE = "at-rest-unsealed"


@dataclass(frozen=True, slots=True)
class Wrong:
    """
    Why a store cannot be served; *is_damage*: it is no fault of the configuration.
    """

    message: str
    hint: str | None
    is_damage: bool


def why_not_served(
    inventory: Inventory, drop: Drop, keyring: UnlockedKeyring, *, now: Callable[[], float]
) -> Wrong | None:
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
        return Wrong(error.message, error.hint, is_damage)
    rung = store.rung
    store.close()
    if rung < settings.rung and not _is_accepted(inventory, drop, now()):
        # The store itself has the last word.
        message = (
            f"its store is worth rung {rung} at rest, but"
            f' "{drop.classification.id}" demands {settings.rung}'
        )
        return Wrong(message, f"sealgate explain {AT_REST_RULE}", is_damage=False)
    return None


class StoreWatch:
    """
    Looks at the stores again and again, in a thread: a medium may not answer for long.

    *now* tells seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._due = 0.0
        self._thread: threading.Thread | None = None
        self._found: tuple[Inventory, dict[str, str]] | None = None

    def tick(self, inventory: Inventory, keyring: UnlockedKeyring | None) -> dict[str, str] | None:
        """
        Return why each damaged store of *inventory* is so, by drop; ``None``: nobody looked anew.
        """
        if keyring is None or not inventory.drops:
            return None
        if self._thread is not None and self._thread.is_alive():
            return None
        found, self._found = self._found, None
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + WATCH_SECONDS
            self._thread = threading.Thread(
                target=self._look, args=(inventory, keyring), name="sealgate stores", daemon=True
            )
            self._thread.start()
        # What was seen by another configuration says nothing of this one.
        return found[1] if found is not None and found[0] is inventory else None

    def _look(self, inventory: Inventory, keyring: UnlockedKeyring) -> None:
        found = {}
        for drop in inventory.drops:
            try:
                wrong = why_not_served(inventory, drop, keyring, now=self._now)
            except Exception as error:  # noqa: BLE001  # what was not understood is not served
                wrong = Wrong(f"{type(error).__name__} while it was opened", None, is_damage=True)
            if wrong is not None:
                found[drop.name] = wrong.message
        self._found = inventory, found


def _is_accepted(inventory: Inventory, drop: Drop, now: float) -> bool:
    today = dt.datetime.fromtimestamp(now, tz=dt.UTC).date()
    asset = drop_asset(drop).id
    return any(
        risk.rule == AT_REST_RULE and risk.asset == asset and today <= risk.until
        for risk in inventory.accepted
    )

"""
Tends the stores of drops while they are served: sweeps leftovers, ends retention.

At the start and once an hour, in a thread, because a large store takes its time. No store is
tended twice at once, and one that does not answer holds up the others for a while only.
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import wait
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sealgate.app.state import open_register
from sealgate.app.storing import tend_drops
from sealgate.detect.mask import mask_text
from sealgate.detect.scanner import Scanner
from sealgate.errors import SealgateError
from sealgate.protocols.session.events import write_log
from sealgate.register.model import TransferRecord
from sealgate.serve.file_servers_material import transfer_log
from sealgate.storage.adapters.asked import asked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from concurrent.futures import Future

    from sealgate.app.storing import Tended
    from sealgate.policy.inventory import Inventory
    from sealgate.storage.keyring import UnlockedKeyring

EVERY_SECONDS = 3600.0
# So long the next store waits for the one before.
PATIENCE_SECONDS = 300.0


class Maintenance:
    """*now* tells seconds since the epoch, *tell* takes a line for a person."""

    def __init__(self, now: Callable[[], float], tell: Callable[[str], None]) -> None:
        self._now = now
        self._tell = tell
        self._due = 0.0
        self._thread: threading.Thread | None = None
        self._under_way: dict[str, Future[None]] = {}

    def tick(
        self,
        inventory: Inventory,
        keyring: UnlockedKeyring | None,
        fenced: Collection[str] = (),
    ) -> None:
        """Begin to tend the stores of *inventory*, but those of the drops *fenced*, when it is time."""
        if keyring is None or not inventory.drops or time.monotonic() < self._due:
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._due = time.monotonic() + EVERY_SECONDS
        drops = tuple(drop for drop in inventory.drops if drop.name not in fenced)
        inventory = replace(inventory, drops=drops)
        # A daemon: what it does may stop at any instant, as after a crash.
        self._thread = threading.Thread(
            target=self._tend, args=(inventory, keyring), name="sealgate tending", daemon=True
        )
        self._thread.start()

    def await_end(self, seconds: float) -> None:
        """Wait for what is under way, at most *seconds*."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _tend(self, inventory: Inventory, keyring: UnlockedKeyring) -> None:
        for drop in inventory.drops:
            before = self._under_way.get(drop.name)
            if before is not None and not before.done():
                continue
            one = replace(inventory, drops=(drop,))
            tending = asked(partial(self._tend_one, one, keyring), "sealgate tending")
            self._under_way[drop.name] = tending
            # One that takes longer goes on beside the others, as does one that never ends.
            wait([tending], PATIENCE_SECONDS)

    def _tend_one(self, inventory: Inventory, keyring: UnlockedKeyring) -> None:
        try:
            for tended in tend_drops(inventory, keyring, now=self._now):
                if tended.expired:
                    self._tell(
                        f'drop "{tended.drop}": removed {len(tended.expired)} files past retention'
                    )
                    self._note(inventory, tended)
        except SealgateError as error:
            self._tell(f"error: {error.message}; it is tried again in an hour")
        except Exception as error:  # noqa: BLE001  # serving goes on whatever happens here
            self._tell(f"error: {type(error).__name__} while stores were tended")

    def _note(self, inventory: Inventory, tended: Tended) -> None:
        """Put what expired into the trail, where nobody did it over nothing."""
        scanner, now = Scanner(), self._now()
        records = [
            TransferRecord(
                at=now,
                action="expiry",
                caller="",
                protocol="",
                peer="",
                version="",
                group="",
                cipher="",
                mac="",
                place=mask_text("/".join((tended.drop, *entry.path)), scanner),
                classification=entry.classification,
                size=entry.size,
                result="ok",
            )
            for entry in tended.expired
        ]
        write_log(transfer_log(inventory), records, self._tell)
        with open_register(inventory) as register:
            register.record_transfers(records)

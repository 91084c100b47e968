"""
The site's keys, opened once for everything that a running Sealgate needs them for.

A passphrase is asked for once, and keys that were rotated meanwhile are opened anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import Inventory
    from sealgate.storage.keyring import UnlockedKeyring


class OpenedKeys:
    """Opens the keys when they are first asked for. *now* tells seconds since the epoch."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._keyring: UnlockedKeyring | None = None
        self._opened_for: object = None

    @property
    def keyring(self) -> UnlockedKeyring | None:
        """Return what was opened, ``None`` while nobody asked."""
        return self._keyring

    def open(self, inventory: Inventory) -> UnlockedKeyring:
        """
        Return the keys of *inventory* as they are now; the first ones are made.

        Raises:
            SealgateError: they cannot be had (see
                :func:`sealgate.app.keyring.open_site_keyring`).
        """
        # Who serves neither files nor what is very high does not load what seals.
        from sealgate.app.keyring import look_at_site_keys, open_site_keyring  # noqa: PLC0415
        from sealgate.storage.adapters.undumped import forbid_core_files  # noqa: PLC0415

        kept = look_at_site_keys(inventory)
        marks = (inventory.keys, kept.keyring if kept is not None else None)
        if self._keyring is None or marks != self._opened_for:
            forbid_core_files()
            self._keyring = open_site_keyring(inventory, now=self._now())
            self._opened_for = (inventory.keys, self._keyring.keyring)
        return self._keyring

"""Whether the site's keys are kept apart from the stores of drops; nothing is opened."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sealgate.app.keyring import why_not_apart
from sealgate.storage.adapters.asked import answers

if TYPE_CHECKING:
    from sealgate.policy.inventory import Drop, Inventory

# How long one store may take to be looked at; the others do not wait for it.
ANSWER_SECONDS = 15.0
DID_NOT_ANSWER = f"its store did not answer within {ANSWER_SECONDS:.0f} seconds"


def reasons_not_apart(inventory: Inventory) -> dict[str, str | None]:
    """Return for each drop why the site's keys are not apart from its store, ``None``: they are."""
    apart = seen_apart(inventory)
    return {drop.name: apart.get(drop.name, DID_NOT_ANSWER) for drop in inventory.drops}


def seen_apart(inventory: Inventory) -> dict[str, str | None]:
    """Return the same of each drop whose store answers in time."""
    return answers(
        {drop.name: partial(_why_not_apart, inventory, drop) for drop in inventory.drops},
        ANSWER_SECONDS,
        "sealgate stores",
    )


def _why_not_apart(inventory: Inventory, drop: Drop) -> str | None:
    return why_not_apart(inventory, drop.folder)

"""
What the register knows of stored data becomes part of an audit.

An assessment found the class; here it becomes a requirement at rest, and the host is
asked what protects the store. Tables rest where their database rests, and files in the
store of a drop rest as the drop keeps them.
"""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from sealgate.app.stricter import stricter_uploads
from sealgate.audit.adapters.volume import probe_volume
from sealgate.policy.assets import Asset, AssetKind, drop_asset
from sealgate.policy.observation import Fact, NotObserved, Vantage
from sealgate.policy.protection import StorageRung
from sealgate.policy.requirements import AssetRequirement, applicable, required_of_data

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Sighting
    from sealgate.register.adapters.store import Register
    from sealgate.register.model import RegisteredAsset

_STORES = (AssetKind.DATABASE, AssetKind.FILE)


def registered_stores(
    inventory: Inventory, register: Register
) -> tuple[tuple[AssetRequirement, ...], tuple[Sighting, ...]]:
    """
    Return what each assessed store must provide at rest, and what is seen of it.

    Stores whose class demands nothing at rest are left out: there is nothing to judge. Of
    the drops that are declared it is told which uploads are of a stricter class.

    Raises:
        SourceError: the register cannot be read.
    """
    requirements = []
    sightings: list[Sighting] = list(stricter_uploads(inventory, register))
    for known in register.assets():
        drop = _drop_of(inventory, known)
        requirement = _requirement(inventory, register, known, drop)
        if requirement is not None and requirement.required.at_rest > StorageRung.NONE:
            requirements.append(requirement)
            # What the drop's store is worth is known of the drop; its volume would say less.
            if drop is None:
                sightings.append(_look_at(known))
    return tuple(requirements), tuple(sightings)


def _requirement(
    inventory: Inventory, register: Register, known: RegisteredAsset, drop: Asset | None
) -> AssetRequirement | None:
    if known.kind not in _STORES or known.classification is None:
        return None
    assessments = register.assessments(known.id)
    sensitive = not assessments or bool(assessments[-1].details.get("sensitive", True))
    # The class of the last assessment already weighed the decisions that there were. A
    # newer one holds at once where it is stricter, and with the next assessment where
    # not. A class that the model no longer has counts as the strictest.
    model = inventory.model
    named = [known.classification, *([known.decided] if known.decided else [])]
    classification = model.strictest_of(model.find(name) or model.strictest for name in named)
    parent = drop.id if drop else known.parent
    asset = Asset(known.id, AssetKind(known.kind), parent=parent)
    required = required_of_data(classification, sensitive=sensitive)
    return AssetRequirement(asset, classification.id, applicable(asset.kind, required))


def _look_at(known: RegisteredAsset) -> Sighting:
    place = known.id.partition(" ")[2]
    if re.match(r"[a-z][a-z0-9+]*://", place):
        reason = "a database server's storage cannot be seen from here"
        return NotObserved(known.id, Fact.AT_REST_RUNG, reason, Vantage.HOST)
    return probe_volume(known.id, place)


def _drop_of(inventory: Inventory, known: RegisteredAsset) -> Asset | None:
    place = posixpath.normpath(known.id.partition(" ")[2])
    for drop in inventory.drops:
        folder = drop.folder
        if folder is not None and (place == folder or place.startswith(f"{folder}/")):
            return drop_asset(drop)
    return None

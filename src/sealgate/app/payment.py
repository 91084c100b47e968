"""What ``plan`` tells of payment: cards that are kept, as far as the register knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.app.state import has_database, open_register
from sealgate.policy.rules import minimise_stored_cvv

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory


def kept_card_data(inventory: Inventory) -> tuple[str, ...]:
    """
    Return a remark for each store in which an assessment found card data, where people pay.

    A verification code must go (PCI DSS 4.0.1, 3.3.1.2); a card number is told, because
    who does not keep it need not protect it (3.2.1). Nothing is made: without a register
    that is what is told.

    Raises:
        SourceError: the register cannot be read.
    """
    if not any(route.payment for site in inventory.sites for route in site.routes):
        return ()
    if not has_database(inventory):
        return ("nobody assessed whether card data are kept: sealgate assess",)
    remarks = []
    with open_register(inventory) as register:
        known = register.assets()
        for asset in known:
            history = register.assessments(asset.id)
            kinds = history[-1].details.get("kinds", []) if history else []
            found = [str(k["kind"]) for k in kinds if k.get("count")]
            codes = [kind for kind in found if minimise_stored_cvv.CODE.search(kind)]
            remarks += [
                f"{asset.id} keeps {kind}: sealgate explain {minimise_stored_cvv.RULE.id}"
                for kind in codes
            ]
            if "payment-card" in found:
                remarks.append(f"{asset.id} keeps card numbers, which only the operator needs")
    if not any(asset.classification for asset in known):
        remarks.append("nobody assessed whether card data are kept: sealgate assess")
    return tuple(remarks)

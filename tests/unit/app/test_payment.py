"""What plan tells of payment gateways, and of card data that are kept."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sealgate.app.payment import kept_card_data
from sealgate.app.state import open_register
from sealgate.cli.plan import as_json
from sealgate.config.load import load
from sealgate.policy.assets import AssetKind
from sealgate.policy.confirming import POINTS
from sealgate.policy.protection import Column
from sealgate.register.model import AssessmentRecord
from sealgate.serve.plan import plan

if TYPE_CHECKING:
    from pathlib import Path

    from sealgate.policy.inventory import Inventory

NOW = 1_795_000_000.0  # 2026-11-18
PAYS = """
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path = "/"
class = "public"
[[site.route]]
path = "/checkout"
class = "public"
collects = "confidential"
payment = true
[[payment_gateway]]
operator = "Example Pay"
hosts = ["api.pay.example"]
[[confirm]]
point = "issuer-rules"
asset = "payment gateway Example Pay"
by = "the head of finance"
on = 2026-11-01
[[confirm]]
point = "own-validation"
asset = "payment gateway Example Pay"
by = "the head of finance"
on = 2026-01-01
"""


def declared(folder: Path, text: str = PAYS) -> Inventory:
    """Return what *text* declares."""
    path = folder / "sealgate.toml"
    path.write_text(text, "utf-8")
    return load(str(path))


def assess(inventory: Inventory, asset: str, *kinds: str) -> None:
    """Keep an assessment of *asset* that found *kinds*."""
    details = {"kinds": [{"kind": kind, "count": 3} for kind in kinds]}
    record = AssessmentRecord(asset, "table", "confidential", "confidential", details)
    with open_register(inventory) as register:
        register.record_assessments([record], at=NOW)


def test_every_point_is_shown_confirmed_or_not(tmp_path: Path) -> None:
    """Text and JSON name each point, who confirmed it, and until when that holds."""
    planned = plan(declared(tmp_path), now=NOW)
    told = {item["point"]: item for item in json.loads(as_json(planned, NOW))["to_confirm"]}

    assert set(told) == {point.id for point in POINTS}
    assert told["issuer-rules"]["holds"] is True
    assert told["issuer-rules"]["by"] == "the head of finance"
    assert told["issuer-rules"]["until"] == "2027-11-01"
    assert (told["own-validation"]["holds"], told["own-validation"]["until"]) == (
        False,
        "2026-04-01",
    )
    assert (told["only-way-out"]["holds"], told["only-way-out"]["by"]) == (False, None)
    # What people have to look at keeps nothing from being served.
    assert planned.is_good


def test_the_way_out_is_planned_as_encrypted(tmp_path: Path) -> None:
    """The payment gateway stands in the table as an asset of its own."""
    report = plan(declared(tmp_path), now=NOW).report
    (asset,) = [a for a in report.assets if a.asset.kind is AssetKind.PAYMENT_GATEWAY]

    assert asset.classification == "confidential"
    assert asset.provided[Column.IN_TRANSIT] == asset.required.in_transit == 2


def test_card_data_that_are_kept_are_told_where_people_pay(tmp_path: Path) -> None:
    """The newest assessment of each store counts; nothing is made to look."""
    inventory = declared(tmp_path)
    asks = ("nobody assessed whether card data are kept: sealgate assess",)
    assert kept_card_data(inventory) == asks
    assert not (tmp_path / ".sealgate").exists()
    (tmp_path / ".sealgate").mkdir(mode=0o700)

    assess(inventory, "table shop:orders", "payment-card", "card-verification")
    assess(inventory, "table shop:pages", "email-address")
    assert kept_card_data(inventory) == (
        "table shop:orders keeps card-verification: sealgate explain minimise-stored-cvv",
        "table shop:orders keeps card numbers, which only the operator needs",
    )
    assert kept_card_data(inventory) == plan(inventory, now=NOW).remarks
    assess(inventory, "table shop:orders")
    assert kept_card_data(inventory) == ()


def test_elsewhere_nobody_asks_for_card_data(tmp_path: Path) -> None:
    """Without a page on which people pay there is nothing to tell."""
    inventory = declared(tmp_path, PAYS.replace("payment = true", "").partition("[[payment")[0])
    assess_before = kept_card_data(inventory)

    assert assess_before == ()

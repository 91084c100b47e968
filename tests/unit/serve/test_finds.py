"""What a page shows to each visitor is told once and registered once."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.app.state import database_url
from sealgate.detect.catalogue import Kind
from sealgate.inspection.model import Sighting
from sealgate.policy.inventory import Inventory
from sealgate.register.adapters.store import Register
from sealgate.register.model import AssessmentRecord
from sealgate.serve.finds import Finds, is_news

ASSET = "route shop.example/"
CARD_ON_A = ("/a", "answer", "payment-card")


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return an inventory with a register of its own."""
    return Inventory("sealgate.toml", str(tmp_path))


def _sighting(place: str, kind: Kind = Kind.PAYMENT_CARD, count: int = 1) -> Sighting:
    return Sighting(ASSET, place, outgoing=True, kept_back=False, counts={kind: count})


def _registered(inventory: Inventory) -> tuple[AssessmentRecord, ...]:
    with Register(database_url(inventory)) as register:
        return register.assessments(ASSET)


def test_same_find_is_told_and_registered_once(inventory: Inventory) -> None:
    """However often it comes, and also after the gateway was started again."""
    told: list[str] = []
    for _ in range(2):
        finds = Finds(now=lambda: 1.0, tell=told.append)
        for count in (1, 3, 7):
            finds.take([(_sighting("/a", count=count), 1)])
            finds.record(inventory, at_once=True)
    line = "the site answers with what is above its class: payment card number (seen, and sent on)"
    assert told == 2 * [f"{ASSET}: {line}"]
    (entry,) = _registered(inventory)
    assert entry.classification == "confidential"
    assert entry.details["found"] == [
        {"path": "/a", "in": "answer", "kind": "payment-card", "count": 1}
    ]


def test_another_kind_is_news_and_so_are_twice_the_places(inventory: Inventory) -> None:
    """Of a hundred pages with the same find there are a few entries, and the last has most of them."""
    finds = Finds(now=lambda: 1.0, tell=lambda _: None)
    for number in range(100):
        finds.take([(_sighting(f"/{number}"), 1)])
        finds.record(inventory, at_once=True)
    entries = _registered(inventory)
    assert [len(entry.details["found"]) for entry in entries] == [1, 2, 4, 8, 16, 32, 64]
    finds.take([(_sighting("/1", Kind.IBAN), 1)])
    finds.record(inventory, at_once=True)
    assert len(_registered(inventory)) == len(entries) + 1


def test_new_kind_is_kept_where_places_are_full(inventory: Inventory) -> None:
    """Many places with one find do not hide another."""
    finds = Finds(now=lambda: 1.0, tell=lambda _: None)
    finds.take([(_sighting(f"/{number}"), 1) for number in range(1000)])
    finds.take([(_sighting("/", Kind.PRIVATE_KEY), 1)])
    finds.record(inventory, at_once=True)
    (entry,) = _registered(inventory)
    assert entry.classification == "secret"
    assert len(entry.details["found"]) == 201


def test_nothing_found_is_no_news() -> None:
    """Neither is less than what is known already."""
    assert not is_news([], [])
    assert not is_news([], [CARD_ON_A])
    assert not is_news([CARD_ON_A], [CARD_ON_A])
    assert is_news([CARD_ON_A], [])
    assert is_news([("/b", *CARD_ON_A[1:])], [CARD_ON_A])


def test_what_the_register_did_not_take_is_tried_again(inventory: Inventory) -> None:
    """It is told once that it could not, and is there when it can."""
    told: list[str] = []
    finds = Finds(now=lambda: 1.0, tell=told.append)
    finds.take([(_sighting("/a"), 1)])
    away = Inventory("sealgate.toml", f"{inventory.state_folder}/register.txt")
    (Path(inventory.state_folder) / "register.txt").write_text("no folder")
    for _ in range(2):
        finds.record(away, at_once=True)
    assert sum("could not be registered" in line for line in told) == 1
    finds.record(inventory, at_once=True)
    assert len(_registered(inventory)) == 1

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.app.state import open_register
from sealgate.app.storing import Tended
from sealgate.errors import SourceError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Drop, Inventory
from sealgate.serve.maintenance import Maintenance
from sealgate.storage.adapters.sweep import Swept
from sealgate.storage.model import Entry
from tests.unit.storage.stores import keyring
from tests.waiting import PATIENCE_SECONDS

DROP = Drop("in", DEFAULT_MODEL.classes[1], "file:/in", retention_days=1)
INVENTORY = Inventory("sealgate.toml", "/state", drops=(DROP,))


EXPIRED = tuple(
    Entry((name,), is_folder=False, size=7, modified_at=0.0, owner="anna", classification="low")
    for name in ("a", "b", "card 4111111111111111")
)


def test_stores_are_tended_once_an_hour(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The first look is at once, the next one not before an hour, and never two at a time."""
    told: list[str] = []
    runs, may_end = [], threading.Event()

    def tend(*_: object, **__: object) -> tuple[Tended, ...]:
        runs.append(1)
        may_end.wait(PATIENCE_SECONDS)
        return (Tended("in", Swept(0, 0, 0), EXPIRED),)

    monkeypatch.setattr("sealgate.serve.maintenance.tend_drops", tend)
    inventory = replace(INVENTORY, state_folder=str(tmp_path))
    (tmp_path / "logs").mkdir()
    tending = Maintenance(lambda: 5.0, told.append)
    tending.tick(inventory, None)
    for _ in range(3):
        tending.tick(inventory, keyring())
    tending._due = 0.0
    tending.tick(inventory, keyring())
    may_end.set()
    tending.await_end(PATIENCE_SECONDS)
    assert len(runs) == 1
    assert told == ['drop "in": removed 3 files past retention']
    with open_register(inventory) as register:
        trail = list(register.transfers())
    assert [(one.at, one.action, one.place, one.size, one.caller) for one in trail[:2]] == [
        (5.0, "expiry", "in/a", 7, ""),
        (5.0, "expiry", "in/b", 7, ""),
    ]
    logged = (tmp_path / "logs/transfer.jsonl").read_text()
    assert len(logged.splitlines()) == 3
    assert "4111111111111111" not in logged
    tending.tick(inventory, keyring())
    tending.await_end(PATIENCE_SECONDS)
    assert len(runs) == 2


@pytest.mark.parametrize("error", [SourceError("the store is away"), RuntimeError("secret")])
def test_what_fails_is_told_and_serving_goes_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception, tmp_path: Path
) -> None:
    """A store that is away is named; of an error of ours only its kind is."""

    def tend(*_: object, **__: object) -> tuple[Tended, ...]:
        raise error

    told: list[str] = []
    monkeypatch.setattr("sealgate.serve.maintenance.tend_drops", tend)
    tending = Maintenance(lambda: 0.0, told.append)
    tending.tick(INVENTORY, keyring())
    tending.await_end(PATIENCE_SECONDS)
    assert len(told) == 1
    assert "secret" not in told[0]


def test_a_store_that_does_not_answer_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The next is tended all the same, and the one not begun a second time."""
    told: list[str] = []
    runs, may_end = [], threading.Event()

    def tend(inventory: Inventory, *_: object, **__: object) -> tuple[Tended, ...]:
        (drop,) = inventory.drops
        runs.append(drop.name)
        if drop.name == "in":
            may_end.wait(PATIENCE_SECONDS)
        return (Tended(drop.name, Swept(0, 0, 0), ()),)

    monkeypatch.setattr("sealgate.serve.maintenance.tend_drops", tend)
    monkeypatch.setattr("sealgate.serve.maintenance.PATIENCE_SECONDS", 0.1)
    drops = (DROP, replace(DROP, name="other", store="file:/other"))
    inventory = replace(INVENTORY, state_folder=str(tmp_path), drops=drops)
    tending = Maintenance(lambda: 5.0, told.append)
    for _ in range(2):
        tending._due = 0.0
        tending.tick(inventory, keyring())
        tending.await_end(PATIENCE_SECONDS)
    may_end.set()
    assert runs == ["in", "other", "other"]

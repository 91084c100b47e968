from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sealgate.app import transfer_tending
from sealgate.app.storing import Tended
from sealgate.app.transfer_tending import Tending
from sealgate.errors import SourceError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Drop, Inventory
from sealgate.storage.adapters.sweep import Swept
from tests.unit.storage.stores import keyring

DROP = Drop("in", DEFAULT_MODEL.classes[1], "file:/in", retention_days=1)
INVENTORY = Inventory("sealgate.toml", "/state", drops=(DROP,))


def test_stores_are_tended_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The first look is at once, the next one not before an hour, and never two at a time.
    """
    told: list[str] = []
    runs, may_end = [], threading.Event()

    def tend(*_: object, **__: object) -> tuple[Tended, ...]:
        runs.append(1)
        may_end.wait(5)
        return (Tended("in", Swept(0, 0, 0), 3),)

    monkeypatch.setattr(transfer_tending, "tend_drops", tend)
    tending = Tending(lambda: 0.0, told.append)
    tending.tick(INVENTORY, None)
    for _ in range(3):
        tending.tick(INVENTORY, keyring())
    tending._due = 0.0
    tending.tick(INVENTORY, keyring())
    may_end.set()
    tending.await_end(5)
    assert len(runs) == 1
    assert told == ['drop "in": removed 3 files past retention']
    tending.tick(INVENTORY, keyring())
    tending.await_end(5)
    assert len(runs) == 2


@pytest.mark.parametrize("error", [SourceError("the store is away"), RuntimeError("secret")])
def test_what_fails_is_told_and_serving_goes_on(
    monkeypatch: pytest.MonkeyPatch, error: Exception, tmp_path: Path
) -> None:
    """
    A store that is away is named; of an error of ours only its kind is.
    """

    def tend(*_: object, **__: object) -> tuple[Tended, ...]:
        raise error

    told: list[str] = []
    monkeypatch.setattr(transfer_tending, "tend_drops", tend)
    tending = Tending(lambda: 0.0, told.append)
    tending.tick(INVENTORY, keyring())
    tending.await_end(5)
    assert len(told) == 1
    assert "secret" not in told[0]

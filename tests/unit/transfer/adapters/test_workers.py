"""
A server process ends in order: what waits is done before what it needs is let go of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.database import sqlite_url
from sealgate.identity.adapters.store import IdentityStore
from sealgate.register.adapters.store import Register
from sealgate.storage.adapters.packed import packed
from sealgate.storage.model import StorageRung, StoreSettings
from sealgate.transfer.adapters import hooks
from sealgate.transfer.adapters.ssh_settings import SSHSettings
from sealgate.transfer.adapters.workers import Worker
from sealgate.transfer.adapters.workers_plan import Served, WorkerPlan
from sealgate.transfer.model import Method, TransferProtocol
from tests.unit.transfer.adapters.dropped import CHANNEL, Ground, put

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CARD = b"name,card\n" + b"Ada Example,4111 1111 1111 1111\n" * 20


def test_what_came_right_before_a_stop_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The stores stay open until the last look is done; nothing of it is left in the complaints.
    """
    # Nobody waits for the look in between, and a busy machine may take its time in the end.
    monkeypatch.setattr(hooks.UploadHooks.__init__, "__kwdefaults__", {"idle_seconds": 600.0})
    monkeypatch.setattr(hooks, "CLOSE_SECONDS", 60.0)
    database = sqlite_url(str(tmp_path / "register.sqlite"))
    with IdentityStore(database) as people:
        people.add("anna", ["partners"], by="test", now=1.0)
        people.set_password("anna", "correct horse battery staple", by="test", now=1.0)
    ground = Ground(tmp_path)
    drop = ground.add("in")
    ground.close()
    settings = StoreSettings(
        "in",
        f"file:{tmp_path / 'in'}",
        StorageRung.PROTECTED,
        "restricted",
        records_folder=str(tmp_path / "records"),
    )
    plan = WorkerPlan(
        TransferProtocol.SFTP,
        SSHSettings(host_keys=()),
        (),
        (),
        database,
        "",
        packed(ground.keyring),
        Served((drop.drop,), (settings,)),
    )
    complaints: list[str] = []
    worker = Worker(plan, complaints.append)
    session = worker.doorkeeper.sign_in("anna", frozenset([Method.PASSWORD]), CHANNEL)
    put(session, "in/cards.csv", CARD)  # type: ignore[arg-type]  # it is one
    session.close()
    worker.close()
    with Register(database) as register:
        looked = [event for event in register.transfers() if event.action == "assessment"]
    assert [(one.place, one.rule) for one in looked] == [("in/cards.csv", "drop-class-exceeded")]
    assert complaints == []

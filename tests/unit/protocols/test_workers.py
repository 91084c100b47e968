"""A server process ends in order: what waits is done before what it needs is let go of."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sealgate.database import sqlite_url
from sealgate.identity.adapters.store import IdentityStore
from sealgate.policy.protection import StorageRung
from sealgate.protocols import workers
from sealgate.protocols.model import Method, TransferError
from sealgate.protocols.session import hooks
from sealgate.protocols.ssh.definition import SERVER
from sealgate.protocols.ssh.settings import SSHSettings
from sealgate.protocols.workers import FileServerWorker
from sealgate.protocols.workers_plan import ServedDrops, WorkerPlan
from sealgate.register.adapters.store import Register
from sealgate.storage.adapters.opened import open_store
from sealgate.storage.adapters.packed import packed
from sealgate.storage.model import StoreSettings
from tests.unit.protocols.session.dropped import CHANNEL, Ground, put
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CARD = b"name,card\n" + b"Ada Example,4111 1111 1111 1111\n" * 20


def planned(folder: Path) -> WorkerPlan:
    """Return what a process serves: the drop "in" for anna."""
    database = sqlite_url(str(folder / "register.sqlite"))
    with IdentityStore(database) as people:
        people.add("anna", ["partners"], by="test", now=1.0)
        people.credentials.set_password("anna", "correct horse battery staple", by="test", now=1.0)
    ground = Ground(folder)
    drop = ground.add("in")
    ground.close()
    settings = StoreSettings(
        "in",
        f"file:{folder / 'in'}",
        StorageRung.PROTECTED,
        "restricted",
        records_folder=str(folder / "records"),
    )
    return WorkerPlan(
        SERVER,
        SSHSettings(host_keys=()),
        {},
        database,
        "",
        packed(ground.keyring),
        ServedDrops((drop.drop,), (settings,)),
    )


def test_what_came_right_before_a_stop_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stores stay open until the last look is done; nothing of it is left in the complaints."""
    # Nobody waits for the look in between, and a busy machine may take its time in the end.
    monkeypatch.setattr(hooks.UploadHooks.__init__, "__kwdefaults__", {"idle_seconds": 600.0})
    monkeypatch.setattr(hooks, "CLOSE_SECONDS", 60.0)
    plan = planned(tmp_path)
    complaints: list[str] = []
    worker = FileServerWorker(plan, complaints.append)
    session = worker.authenticator.sign_in("anna", frozenset([Method.PASSWORD]), CHANNEL)
    put(session, "in/cards.csv", CARD)  # type: ignore[arg-type]  # it is one
    session.close()
    worker.close()
    with Register(plan.database) as register:
        looked = [event for event in register.transfers() if event.action == "assessment"]
    assert [(one.place, one.rule) for one in looked] == [("in/cards.csv", "drop-class-exceeded")]
    assert complaints == []


def puts(worker: FileServerWorker) -> bool:
    """Return whether a file comes in, after what time brings."""
    worker.tick()
    session = worker.authenticator.sign_in("anna", frozenset([Method.PASSWORD]), CHANNEL)
    try:
        put(session, "in/file", b"x")  # type: ignore[arg-type]  # it is one
    except TransferError:
        return False
    finally:
        session.close()
    return True


def test_a_store_that_failed_for_a_moment_is_served_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody need reload; it is tried less and less often, and told once."""
    monkeypatch.setattr(workers, "_FIRST_PAUSE", 0.01)
    plan = planned(tmp_path)
    folder, away = tmp_path / "in", tmp_path / "away"
    folder.rename(away)
    folder.write_text("no folder")
    complaints: list[str] = []
    worker = FileServerWorker(plan, complaints.append)
    assert not puts(worker)
    (failed,) = worker._failed.values()
    assert wait_until(lambda: not puts(worker) and failed.pause > 0.05, PATIENCE_SECONDS)
    folder.unlink()
    away.rename(folder)
    assert wait_until(lambda: puts(worker), PATIENCE_SECONDS)
    worker.close()
    told = [one for one in complaints if one.startswith("drop ")]
    assert len(told) == 2
    assert told[1] == 'drop "in" is served again'


def test_a_damaged_store_stays_fenced_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is opened as often, and refused each time, until it is whole."""
    monkeypatch.setattr(workers, "_FIRST_PAUSE", 0.0)
    plan = planned(tmp_path)
    records = tmp_path / "in" / "records.sqlite"
    whole = {path: path.read_bytes() for path in records.parent.glob("records.sqlite*")}
    records.write_bytes(b"no database" * 999)
    asked: list[str] = []
    # Whoever opened it while half of its files are whole would damage it for good.
    restoring = threading.Lock()

    def open_counted(settings: StoreSettings, *arguments: Any, **named: Any) -> Any:
        asked.append(settings.name)
        with restoring:
            return open_store(settings, *arguments, **named)

    monkeypatch.setattr(workers, "open_store", open_counted)
    worker = FileServerWorker(plan, lambda _line: None)
    assert wait_until(lambda: puts(worker) or len(asked) > 3, PATIENCE_SECONDS)
    assert not puts(worker)
    with restoring:
        for path, content in whole.items():
            path.write_bytes(content)
    assert wait_until(lambda: puts(worker), PATIENCE_SECONDS)
    worker.close()


def test_a_store_that_does_not_answer_holds_up_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process begins without it, opens it once, and lets go of it when it is no longer wanted."""
    answers = threading.Event()
    opened: list[str] = []

    def open_late(settings: StoreSettings, *arguments: Any, **named: Any) -> Any:
        opened.append(settings.name)
        answers.wait(PATIENCE_SECONDS)
        return open_store(settings, *arguments, **named)

    monkeypatch.setattr(workers, "open_store", open_late)
    monkeypatch.setattr(workers, "_OPEN_SECONDS", 0.1)
    monkeypatch.setattr(workers, "_FIRST_PAUSE", 0.0)
    plan = planned(tmp_path)
    worker = FileServerWorker(plan, lambda _line: None)
    for _ in range(3):
        assert not puts(worker)
        worker.renew(plan.served)
    assert opened == ["in"]
    worker.renew(ServedDrops())
    assert worker._failed == {}
    worker.renew(plan.served)
    answers.set()
    assert wait_until(lambda: puts(worker), PATIENCE_SECONDS)
    worker.close()

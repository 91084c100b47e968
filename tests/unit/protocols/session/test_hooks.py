from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import OnMismatch
from sealgate.protocols.model import TransferError
from sealgate.protocols.session import hooks as module
from sealgate.protocols.session.drops import INCOMING, QUARANTINE
from sealgate.protocols.session.hooks import NOT_LOOKED_AT, SharedScanner, UploadHooks
from sealgate.storage.model import Trouble
from tests.unit.protocols.session.dropped import Ground, get, put
from tests.waiting import wait_until

SCANNER = SharedScanner()
IBANS = b"name,iban\n" + b"Anna Miller,DE89370400440532013000\n" * 40
HARMLESS = b"day,rain\n" + b"monday,3\n" * 40


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """Give drops whose uploads are looked at."""
    one = Ground(tmp_path)
    hooks = UploadHooks(
        DEFAULT_MODEL, one.events.append, one.complaints.append, SCANNER, idle_seconds=0.0
    )
    one.hooks = hooks
    yield one
    hooks.close()
    one.close()


def refused(ground: Ground, path: str, content: bytes) -> TransferError:
    """Assert that an upload is refused at its end."""
    with pytest.raises(TransferError) as caught:
        put(ground.session(), path, content)
    assert caught.value.trouble is Trouble.DENIED
    return caught.value


@pytest.mark.parametrize("content", [IBANS, b"pay to DE89370400440532013000 please\n" * 30000])
def test_refuse_lets_nothing_stricter_in(ground: Ground, content: bytes) -> None:
    """A table of accounts, and a long text with them, never show in a restricted drop."""
    drop = ground.add(on_mismatch=OnMismatch.REFUSE)
    error = refused(ground, "in/a.csv", content)
    assert error.rule == "drop-class-exceeded"
    assert "DE89" not in error.message
    assert [e.path for e in drop.store.list(())] == [(INCOMING,)]
    assert list(drop.store.list((INCOMING,))) == []
    [event] = ground.events
    assert event.result.startswith("refused: ")
    assert event.result.endswith(": confidential")


def test_what_is_not_stricter_comes_in(ground: Ground) -> None:
    """The same drop takes what is of its class, also over what was there, and nothing is left."""
    drop = ground.add(on_mismatch=OnMismatch.REFUSE)
    session = ground.session()
    for content in (HARMLESS, HARMLESS * 2, b"", b"\x00\x01binary" * 50_000):
        put(session, "in/a.csv", content)
        assert get(session, "in/a.csv") == content
    refused(ground, "in/a.csv", IBANS)
    assert get(session, "in/a.csv") == b"\x00\x01binary" * 50_000
    assert [e.path[-1] for e in session.list("in")] == ["a.csv"]
    assert list(drop.store.list((INCOMING,))) == []


def test_an_upload_of_its_own_class_needs_no_refusal(ground: Ground) -> None:
    """Accounts belong into a confidential drop."""
    ground.add(classification="confidential", on_mismatch=OnMismatch.REFUSE)
    put(ground.session(), "in/a.csv", IBANS)
    assert get(ground.session(), "in/a.csv") == IBANS


def test_quarantine_keeps_it_where_no_client_looks(ground: Ground) -> None:
    """The client is told no; the operator finds it under the id that the trail names."""
    drop = ground.add(on_mismatch=OnMismatch.QUARANTINE)
    error = refused(ground, "in/a.csv", IBANS)
    assert "the operator keeps it" in error.message
    session = ground.session()
    assert list(session.list("in")) == []
    [kept] = drop.store.list((QUARANTINE,))
    assert kept.size == len(IBANS)
    assert f"quarantined as {kept.path[-1]}: " in ground.events[-1].result
    for path in (f"in/{QUARANTINE}", f"in/{QUARANTINE}/{kept.path[-1]}"):
        with pytest.raises(TransferError) as caught:
            session.stat(path)
        assert caught.value.trouble is Trouble.BAD_NAME


def test_record_tells_afterwards(ground: Ground) -> None:
    """The upload is there at once; some time later the trail says what it holds."""
    ground.add()
    session = ground.session()
    put(session, "in/a.csv", IBANS)
    put(session, "in/b.csv", HARMLESS)
    put(session, "in/a.csv.filepart", b"")
    session.rename("in/b.csv", "in/c.csv", replace=False)
    assert get(session, "in/a.csv") == IBANS
    assert wait_until(lambda: any(e.action == "assessment" for e in ground.events))
    [found] = [e for e in ground.events if e.action == "assessment"]
    assert (found.place, found.rule) == ("in/a.csv", "drop-class-exceeded")
    assert found.result.endswith(": confidential")
    assert ground.complaints == []


def test_a_look_afterwards_that_fails_is_told(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody takes an upload that was not looked at for one that is of its drop's class."""

    def fail(*_: object) -> None:
        raise ValueError("DE89370400440532013000")

    monkeypatch.setattr(module, "look_at", fail)
    ground.add(on_mismatch=OnMismatch.RECORD)
    put(ground.session(), "in/a.csv", IBANS)
    assert wait_until(lambda: len(ground.events) > 1)
    event = ground.events[-1]
    assert (event.action, event.place, event.result) == ("assessment", "in/a.csv", NOT_LOOKED_AT)
    assert ground.complaints == ["ValueError while an upload was looked at"]


@pytest.mark.parametrize("seconds", [0.0, 60.0])
def test_what_waits_at_the_end_is_looked_at_or_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    """A service that is stopped right after an upload leaves no upload of which nothing is known."""
    monkeypatch.setattr(module, "CLOSE_SECONDS", seconds)
    one = Ground(tmp_path)
    one.hooks = UploadHooks(
        DEFAULT_MODEL, one.events.append, one.complaints.append, SCANNER, idle_seconds=60.0
    )
    one.add(on_mismatch=OnMismatch.RECORD)
    for name in ("in/a.csv", "in/b.csv"):
        put(one.session(), name, IBANS)
    assert len(one.events) == 2
    one.hooks.close()
    told = [(e.action, e.place, e.result.rpartition(": ")[2]) for e in one.events[2:]]
    result = "confidential" if seconds else NOT_LOOKED_AT
    assert told == [("assessment", "in/a.csv", result), ("assessment", "in/b.csv", result)]
    one.close()


def test_a_rename_is_looked_at_too(ground: Ground) -> None:
    """What was uploaded as a part is judged under its name."""
    ground.add()
    session = ground.session()
    put(session, "in/a.csv.filepart", IBANS)
    session.rename("in/a.csv.filepart", "in/a.csv", replace=False)
    assert wait_until(
        lambda: any(e.action == "assessment" and e.place == "in/a.csv" for e in ground.events)
    )


def test_a_part_that_stays_is_looked_at(ground: Ground) -> None:
    """Who never renames ``NAME.filepart`` hides nothing by that."""
    ground.add()
    put(ground.session(), "in/b.csv.filepart", IBANS)
    assert wait_until(lambda: len(ground.events) == 2)
    assert ground.events[-1].action == "assessment"
    assert ground.events[-1].rule == "drop-class-exceeded"


@pytest.mark.parametrize(
    "content", [gzip.compress(IBANS, mtime=0), b"PK\x03\x04" + IBANS, b"\x89PNG\r\n\x1a\n" + IBANS]
)
def test_what_could_not_be_seen_is_told(ground: Ground, content: bytes) -> None:
    """What hides in a format that is not read comes in, and the trail says that nobody saw it."""
    ground.add(on_mismatch=OnMismatch.REFUSE)
    put(ground.session(), "in/a.csv", content)
    put(ground.session(), "in/b.csv", HARMLESS)
    told = [(event.action, event.result) for event in ground.events]
    unseen = ("assessment", "not all of it could be looked at")
    assert told == [("upload", "ok"), unseen, ("upload", "ok")]


def test_a_look_that_fails_passes_nothing(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the detector itself breaks, an enforcing drop takes nothing."""

    def broken(*_: object) -> object:
        raise RuntimeError

    monkeypatch.setattr(module, "look_at", broken)
    ground.add(on_mismatch=OnMismatch.REFUSE)
    error = refused(ground, "in/a.txt", b"x" * 2_000_000)
    assert "could not be looked at" in error.message


def test_who_comes_second_leaves_nothing(ground: Ground) -> None:
    """When the name was taken meanwhile, the upload fails, and its hidden part goes."""
    drop = ground.add(on_mismatch=OnMismatch.REFUSE)
    session = ground.session()
    upload = session.open_write("in/a", exclusive=True)
    upload.write_at(0, HARMLESS)
    put(session, "in/b", b"first")
    drop.store.rename(("b",), ("a",), replace=False)
    with pytest.raises(TransferError) as caught:
        upload.close()
    assert caught.value.trouble is Trouble.EXISTS
    assert get(session, "in/a") == b"first"
    assert list(drop.store.list((INCOMING,))) == []


def test_uploads_to_an_inspecting_drop_begin_anew(ground: Ground) -> None:
    """What breaks off leaves nothing, because the whole must be seen."""
    drop = ground.add(on_mismatch=OnMismatch.REFUSE)
    session = ground.session()
    upload = session.open_write("in/a")
    upload.write_at(0, b"x" * 200_000)
    session.close()
    assert list(drop.store.list((INCOMING,))) == []
    session = ground.session()
    assert session.is_remote("in/a")
    assert session.open_write("in/a", resume=True).offset == 0
    session.close()


def test_formats_are_those_of_an_assessment(ground: Ground) -> None:
    """JSON and tables are read as such; packed bytes are let through, as not looked at."""
    ground.add(on_mismatch=OnMismatch.REFUSE)
    refused(ground, "in/a.json", json.dumps([{"iban": "DE89370400440532013000"}] * 30).encode())
    put(ground.session(), "in/a.zip", b"PK\x03\x04" + zlib.compress(IBANS))

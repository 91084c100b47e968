from __future__ import annotations

import json
import resource
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.detect.scanner import Scanner
from sealgate.errors import SourceError
from sealgate.policy.protection import AccessRung
from sealgate.protocols.model import Event
from sealgate.protocols.session import events
from sealgate.protocols.session.events import EventWriter, append_lines
from sealgate.register.adapters.store import Register
from tests.unit.protocols.session.dropped import CHANNEL
from tests.waiting import wait_until

SCANNER = Scanner()
EVENT = Event(
    1_800_000_000.25, "upload", "anna", CHANNEL, "in/a.csv", "restricted", 3, "ok", "ab" * 32,
    key="SHA256:k", access=AccessRung.VERY_HIGH, grant="72ce374b",
)  # fmt: skip


def test_events_reach_register_and_log(tmp_path: Path) -> None:
    """In order, within a moment, with everything that is known, and vouched for by the trail."""
    url, log = f"sqlite:///{tmp_path / 'r.sqlite'}", tmp_path / "log.jsonl"
    with (
        Register(url) as register,
        EventWriter(lambda: Register(url), str(log), print, SCANNER) as w,
    ):
        w.note(EVENT)
        assert wait_until(lambda: len(list(register.transfers())) == 1)
        for number in range(50):
            w.note(replace(EVENT, at=EVENT.at + number, size=number))
        w.close()
        kept = list(register.transfers())
        assert [one.size for one in kept] == [3, *range(50)]
        assert kept[0].values() == {
            "at": EVENT.at,
            "action": "upload",
            "caller": "anna",
            "protocol": "sftp",
            "peer": "127.0.0.1",
            "version": "SSH-2.0",
            "group": "mlkem768x25519-sha256",
            "cipher": "aes256-gcm@openssh.com",
            "mac": "",
            "place": "in/a.csv",
            "classification": "restricted",
            "size": 3,
            "result": "ok",
            "digest": "ab" * 32,
            "rule": "",
            "key": "SHA256:k",
            "access": 3,
            "grant": "72ce374b",
        }
        assert register.check_trail().whole
        assert [one.size for one in register.transfers(limit=2)] == [48, 49]
        assert len(list(register.transfers(since=EVENT.at + 48))) == 2
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["size"] for line in lines] == [3, *range(50)]
    assert lines[0]["schema"] == "sealgate/transfer-event/1"
    assert log.stat().st_mode & 0o777 == 0o600


def test_what_looks_like_data_in_a_name_is_masked(tmp_path: Path) -> None:
    """A card in a file name, also in the new name of a rename, is in neither trail."""
    url, log = f"sqlite:///{tmp_path / 'r.sqlite'}", tmp_path / "log.jsonl"
    with EventWriter(lambda: Register(url), str(log), print, SCANNER) as writer:
        writer.note(
            replace(
                EVENT,
                place="in/4111 1111 1111 1111.txt",
                result="ok, to DE89370400440532013000.txt",
            )
        )
    with Register(url) as register:
        [one] = register.transfers()
    for text in (one.place + one.result, log.read_text()):
        assert "4111" not in text
        assert "DE89" not in text
    assert one.place.startswith("in/[")


def test_events_wait_for_a_register_that_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log has them at once, the register when it is back, and the operator is told once."""
    monkeypatch.setattr(events, "_RETRY_SECONDS", 0.05)
    url, log = f"sqlite:///{tmp_path / 'r.sqlite'}", tmp_path / "log.jsonl"
    told: list[str] = []
    away = True

    def register() -> Register:
        if away:
            raise SourceError("database is gone")
        return Register(url)

    with EventWriter(register, str(log), told.append, SCANNER) as writer:
        writer.note(EVENT)
        writer.note(EVENT)
        assert wait_until(lambda: log.exists() and log.read_text().count("\n") == 2)
        assert wait_until(lambda: told)
        away = False
    with Register(url) as back:
        assert len(list(back.transfers())) == 2
    assert told == ["transfer events wait for the register: database is gone"]


def test_a_register_that_was_changed_ends_no_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever stands in it, the thread goes on; what it could not record is told in the end."""
    monkeypatch.setattr(events, "_RETRY_SECONDS", 0.05)
    url, path, told = f"sqlite:///{tmp_path / 'r.sqlite'}", tmp_path / "r.sqlite", list[str]()
    Register(url).close()

    def change(seq: object) -> None:
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE trail_head SET seq = ?", [seq])

    with Register(url) as register:
        for end in (0, "x"):
            change("x")
            with EventWriter(lambda: Register(url), "", told.append, SCANNER) as writer:
                writer.note(EVENT)
                assert wait_until(lambda: told)
                change(end)
                if end == 0:
                    assert wait_until(lambda: len(list(register.transfers())) == 1)
        assert len(list(register.transfers())) == 1
    waits = "transfer events wait for the register: TypeError"
    assert told == [waits, waits, "1 transfer events are in the log alone"]


def test_a_log_that_cannot_be_written_is_told_once(tmp_path: Path) -> None:
    """The register has the events all the same."""
    url, told = f"sqlite:///{tmp_path / 'r.sqlite'}", list[str]()
    log = tmp_path / "missing" / "log.jsonl"
    with (
        Register(url) as register,
        EventWriter(lambda: Register(url), str(log), told.append, SCANNER) as writer,
    ):

        def note(number: int) -> None:
            writer.note(EVENT)
            assert wait_until(lambda: len(list(register.transfers())) == number)

        note(1)
        note(2)
        log.parent.mkdir()
        note(3)
        assert wait_until(log.exists)
        log.unlink()
        log.parent.rmdir()
        note(4)
    assert ["cannot be written" in line for line in told] == [True, True]


def test_a_full_volume_leaves_no_half_line(tmp_path: Path) -> None:
    """What did not fit is not there at all, and the next line stands by itself."""
    log = tmp_path / "log.jsonl"
    append_lines(str(log), ["first"])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))
        with pytest.raises(OSError, match="too large"):
            append_lines(str(log), ["x" * 30])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    append_lines(str(log), ["last"])
    assert log.read_text() == "first\nlast\n"


def test_a_log_is_put_aside_when_it_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One older part is kept; no line is lost at the change, and links are not followed."""
    monkeypatch.setattr(events, "MAX_LOG_BYTES", 10)
    log = tmp_path / "log.jsonl"
    append_lines(str(log), ["first of them"])
    append_lines(str(log), ["second"])
    assert (tmp_path / "log.jsonl.1").read_text() == "first of them\n"
    assert log.read_text() == "second\n"
    link = tmp_path / "link"
    link.symlink_to(log)
    with pytest.raises(OSError, match="symbolic"):
        append_lines(str(link), ["x"])

"""Bad input: a clear error or a recorded "could not look", the right exit code, no traceback."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sealgate.app.assess import assess as run_assessment
from sealgate.errors import ExitCode
from sealgate.report.assessment import render_assessment_json
from tests.commands import run_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOBODY = 65534


def assess(folder: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    """Run the command in *folder* and return exit code, JSON report and standard error."""
    run = run_here(["assess", *arguments, "--format", "json"], folder)
    assert "Traceback" not in run.stderr
    return run.returncode, json.loads(run.stdout) if run.stdout else {}, run.stderr


def reasons(report: dict[str, Any]) -> dict[str, str]:
    """Return why each place, by its last part, could not be looked at."""
    return {
        entry["place"].rstrip("/").rpartition("/")[2]: entry["reason"]
        for entry in report["not_looked"]
    }


def classes(report: dict[str, Any]) -> dict[str, str]:
    """Return the class of each asset, by the last part of its id."""
    return {a["asset"].rstrip("/").rpartition("/")[2]: a["class"] for a in report["assessments"]}


def sqlite_with_rows(path: Path, rows: int) -> None:
    """Make a SQLite file of many pages."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE people (email TEXT)")
        connection.executemany(
            "INSERT INTO people VALUES (?)", ((f"a{n}@example.org",) for n in range(rows))
        )


def truncated_sqlite(folder: Path) -> None:
    """Cut a SQLite file in the middle."""
    sqlite_with_rows(folder / "x", 20_000)
    data = (folder / "x").read_bytes()
    (folder / "x").write_bytes(data[: len(data) // 2])


def truncated_parquet(folder: Path) -> None:
    """Cut a Parquet file in the middle."""
    pq.write_table(pa.table({"email": [f"a{n}@example.org" for n in range(9999)]}), folder / "x")
    data = (folder / "x").read_bytes()
    (folder / "x").write_bytes(data[: len(data) // 2])


def corrupt_parquet(folder: Path) -> None:
    """Overwrite pages of a Parquet file, its footer stays."""
    pq.write_table(pa.table({"email": [f"a{n}@example.org" for n in range(9999)]}), folder / "x")
    data = bytearray((folder / "x").read_bytes())
    data[20:2000] = b"\xff" * 1980
    (folder / "x").write_bytes(data)


def wrong_parquet(folder: Path) -> None:
    """Write a file that only begins like Parquet."""
    (folder / "x").write_bytes(b"PAR1 and nothing else")


def truncated_gzip(folder: Path) -> None:
    """Write the first bytes of a gzip file."""
    (folder / "x").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03abc")


def archive(folder: Path) -> None:
    """Write what begins like a zip file."""
    (folder / "x").write_bytes(b"PK\x03\x04" + b"\0" * 60)


def unknown_binary(folder: Path) -> None:
    """Write bytes of no known format."""
    (folder / "x").write_bytes(bytes(range(256)) * 8)


@pytest.mark.parametrize(
    "make",
    [
        truncated_sqlite,
        truncated_parquet,
        corrupt_parquet,
        wrong_parquet,
        truncated_gzip,
        archive,
        unknown_binary,
    ],
)
def test_what_cannot_be_read_is_recorded_and_counts_as_strictest(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    """A damaged or unreadable file is no error but a record, of the strictest class, exit 10."""
    share = tmp_path / "share"
    share.mkdir()
    make(share)
    code, report, errors = assess(tmp_path, str(share))
    assert code == 10
    assert errors == ""
    assert [e["partly"] for e in report["not_looked"]] == [False]
    assert {a["class"] for a in report["assessments"]} == {"secret"}


def test_a_csv_with_broken_quoting_is_read_as_text(tmp_path: Path) -> None:
    """Values behind the broken record are found, columns before it judged, and it is recorded."""
    rows = "".join(f"Greta Lindqvist,a{n}@example.org\n" for n in range(50))
    (tmp_path / "a.csv").write_text(
        f'full_name,email\n{rows}"broken" quote,x\nb,4111 1111 1111 1111\n', "utf-8"
    )
    code, report, _ = assess(tmp_path, str(tmp_path / "a.csv"))
    assert code == 10
    (assessment,) = report["assessments"]
    assert {k["kind"]: k["count"] for k in assessment["kinds"]} == {
        "person-name": 50,
        "email": 50,
        "payment-card": 1,
    }
    assert assessment["not_looked"] == [
        {
            "place": str(tmp_path / "a.csv"),
            "reason": "a record is broken after record 50: read as text",
            "asset": f"file {tmp_path / 'a.csv'}",
            "partly": True,
        }
    ]


def test_a_csv_with_broken_encoding_is_read_and_recorded(tmp_path: Path) -> None:
    """UTF-8 that breaks is read on as Latin-1, and what stands behind is found."""
    good = "name,email\n" + "Jürgen,a@example.org\n" * 20_000
    (tmp_path / "a.csv").write_bytes(good.encode() + b"J\xfcrgen,b@example.org\n")
    code, report, _ = assess(tmp_path, str(tmp_path / "a.csv"))
    assert code == 10
    assert "encoding breaks" in reasons(report)["a.csv"]
    assert {k["kind"]: k["count"] for k in report["assessments"][0]["kinds"]}["email"] == 20_001


def test_links_special_files_and_permissions_are_recorded(tmp_path: Path) -> None:
    """A circle of links, pipes, sockets, dead links and closed folders are told, one by one."""
    share = tmp_path / "share"
    (share / "deep").mkdir(parents=True)
    (share / "deep" / "a.txt").write_text("nothing\n")
    (share / "deep" / "up").symlink_to(share)
    (share / "self").symlink_to(share / "self")
    (share / "dead").symlink_to(share / "nowhere")
    os.mkfifo(share / "pipe")
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(share / "socket"))
        code, report, errors = assess(tmp_path, str(share))
    assert code == 10
    assert errors == ""
    assert reasons(report) == {
        "up": "a link that leads in a circle: read above it",
        "self": "a link that leads in a circle",
        "dead": "a link that leads nowhere",
        "pipe": "a named pipe: it holds no data at rest",
        "socket": "a socket: it holds no data at rest",
    }
    assert classes(report) == {"a.txt": "public"}


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Give up the right of root to read everything, in *folder* and what leads there."""
    if os.geteuid():
        yield
        return
    for part in (folder, *folder.parents):
        if "pytest" in str(part):
            part.chmod(0o755)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_no_permission_is_recorded_and_counts_as_strictest(tmp_path: Path) -> None:
    """Files and folders that may not be read are assets of the strictest class."""
    share = tmp_path / "share"
    (share / "closed").mkdir(parents=True)
    for name in ("closed/a.txt", "b.txt", "c.txt"):
        (share / name).write_text("nothing\n")
    (share / "b.txt").chmod(0)
    (share / "closed").chmod(0)
    try:
        with as_nobody(tmp_path):
            run = run_assessment([str(share)], inventory=None, register=None, now=0.0)
    finally:
        (share / "closed").chmod(0o700)
    assert run.exit_code is ExitCode.FINDINGS
    report = json.loads(render_assessment_json(run))
    assert reasons(report) == {
        "b.txt": "no permission to read it",
        "closed": "no permission to read it",
    }
    assert classes(report) == {"b.txt": "secret", "closed": "secret", "c.txt": "public"}


def test_a_database_in_use_is_read_with_its_log(tmp_path: Path) -> None:
    """Rows that are only in the write-ahead log of a SQLite database are seen."""
    path = tmp_path / "live.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("CREATE TABLE people (email TEXT)")
        connection.execute("INSERT INTO people VALUES ('a@example.org')")
        connection.commit()
        code, report, _ = assess(tmp_path, str(tmp_path / "live.sqlite"))
    assert code == 0
    found = {a["asset"]: [k["kind"] for k in a["kinds"]] for a in report["assessments"]}
    assert found[f"table {path}:people"] == ["email"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere"], 2, 'source "nowhere" does not exist'),
        (["sqlite:///nowhere.sqlite"], 2, "names no SQLite file"),
        (["postgresql://host:port/name"], 2, "no database URL"),
        (["nonsense://host/name"], 2, "no driver for nonsense"),
        (["empty"], 3, "nothing to look at"),
        ([], 2, "no source"),
        (["empty", "--web-root", "nowhere"], 2, 'web root "nowhere" is no folder'),
        (["empty", "--sample", "0"], 2, "sample"),
        (["empty", "--format", "pdf"], 2, "pdf"),
        (["empty", "--by", "me"], 2, "belong to --decide"),
        (["empty", "-c", "nowhere.toml"], 2, "nowhere.toml"),
        (["--decide", "file x", "--class", "public"], 2, "who decided and why"),
        (
            ["--decide", "file x", "--class", "nonsense", "--by", "me", "--reason", "why"],
            2,
            'class "nonsense" does not exist; there are public,',
        ),
        (
            ["--decide", "file x", "--class", "public", "--by", "me", "--reason", "why"],
            2,
            'no asset "file x"',
        ),
    ],
)
def test_wrong_usage_is_told_with_a_hint(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    """What cannot be done is told in one line with a hint, and by the exit code."""
    (tmp_path / "empty").mkdir()
    run = run_here(["assess", *arguments], tmp_path)
    assert run.returncode == code
    assert words in run.stderr
    assert run.stderr.count("sealgate: error: ") == 1
    assert "sealgate: hint: " in run.stderr
    assert "Traceback" not in run.stderr
    assert run.stdout == ""


def test_a_damaged_register_is_told_and_left_alone(tmp_path: Path) -> None:
    """A register that is no database stops the run with exit 1, and is not written over."""
    (tmp_path / ".sealgate").mkdir()
    register = tmp_path / ".sealgate" / "register.sqlite"
    register.write_bytes(b"this is no database at all, but somebody's notes" * 40)
    before = register.read_bytes()
    (tmp_path / "a.txt").write_text("nothing\n")
    code, report, errors = assess(tmp_path, "a.txt")
    assert code == 1
    assert report == {}
    assert errors.startswith("sealgate: error: database ")
    assert register.read_bytes() == before

"""No value that was found reaches the register, an output, a log or a temporary file."""

from __future__ import annotations

import ctypes
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from sealgate.detect.catalogue import Kind
from tests.peers.assess_planted import Planter, plant_folder, plant_shop

if TYPE_CHECKING:
    from pathlib import Path

# Kinds whose values have a form of their own, so that they are known wherever they stand.
IN_NAMES = (
    Kind.EMAIL,
    Kind.IBAN,
    Kind.PAYMENT_CARD,
    Kind.ACCESS_TOKEN,
    Kind.PHONE,
    Kind.JWT,
)
IN_CREATE, IN_NONBLOCK = 0x100, 0o4000
DATABASE_PASSWORD = "wqK81-geheim-0x"


class Watch:
    """Tells which files were made in a folder, also those that are gone again."""

    def __init__(self, folder: Path) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = libc.inotify_init1(IN_NONBLOCK)
        added = libc.inotify_add_watch(self._descriptor, os.fsencode(folder), IN_CREATE)
        assert self._descriptor >= 0
        assert added >= 0

    def events(self) -> bytes:
        """Return the raw events since the watch began."""
        try:
            return os.read(self._descriptor, 1 << 16)
        except BlockingIOError:
            return b""
        finally:
            os.close(self._descriptor)


def plant_names(folder: Path, planter: Planter) -> None:
    """Plant values where names should be: files, folders, headers, keys, URLs, tables."""
    for kind in IN_NAMES:
        value = planter.value(kind)
        (folder / f"{value}.txt").write_text("nothing\n", "utf-8")
        inside = folder / f"of {planter.value(kind)}"
        inside.mkdir()
        (inside / "note.txt").write_text("nothing\n", "utf-8")
        (folder / f"headers-{kind.value}.csv").write_text(
            f"email,{planter.value(kind)},note\n{planter.value(Kind.EMAIL)},1,2\n", "utf-8"
        )
        keys = {planter.value(kind): {planter.value(kind): planter.value(kind), "email": None}}
        (folder / f"keys-{kind.value}.json").write_text(json.dumps(keys), "utf-8")
        link = f"https://example.org/?q={quote(planter.value(kind), safe='')}"
        (folder / f"links-{kind.value}.json").write_text(json.dumps({link: [link]}), "utf-8")
        (folder / quote(planter.value(kind), safe="")).write_text(link, "utf-8")
        (folder / f"empty {planter.value(kind)}.zip").write_bytes(b"PK\x05\x06" + b"\0" * 18)
        (folder / f"gone {planter.value(kind)}").symlink_to(folder / "nowhere")
    with closing(sqlite3.connect(folder / "named.sqlite")) as connection, connection:
        for kind in IN_NAMES:
            table, column = planter.value(kind), planter.value(kind)
            connection.execute(f'CREATE TABLE "{table}" (id INTEGER, "{column}" TEXT, fax TEXT)')
            connection.execute(f'INSERT INTO "{table}" VALUES (1, ?, NULL)', [planter.value(kind)])  # noqa: S608  # a name is what is tested


def plant_broken(folder: Path, planter: Planter) -> None:
    """Plant values in files that break while they are read, so that messages could quote them."""
    email, iban = planter.value(Kind.EMAIL), planter.value(Kind.IBAN)
    (folder / "quoting.csv").write_text(f'email,iban\n"{email}"x,"{iban}\n', "utf-8")
    (folder / "long.csv").write_text(f'email\n"{email}{"x" * 200_000}"\n', "utf-8")
    (folder / "broken.json").write_text(f'{{"email": "{email}", "iban": {iban}}}', "utf-8")
    (folder / "cut.json").write_text(f'{{"email": "{email}", "iban": "{iban}', "utf-8")
    (folder / "number.json").write_text(f'{{"email": "{email}", "x": 1e{"9" * 30}}}', "utf-8")
    (folder / "fake.parquet").write_bytes(b"PAR1" + email.encode() + iban.encode() + b"PAR1")
    (folder / "broken.sqlite").write_bytes(b"SQLite format 3\x00" + (email + iban).encode() * 99)
    (folder / "cut.gz").write_bytes(b"\x1f\x8b\x08\x00" + email.encode())
    with closing(sqlite3.connect(folder / "text.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE people (email TEXT)")
        connection.execute(
            "INSERT INTO people VALUES (CAST(? AS TEXT))", [email.encode() + b"\xff\xfe"]
        )


def spellings(value: str) -> set[bytes]:
    """Return the forms in which *value* would be a leak."""
    forms = {value, quote(value), quote(value, safe=""), json.dumps(value)[1:-1]}
    forms |= {value.replace(" ", ""), value.lower()}
    return {form.encode() for form in forms} | {value.encode("utf-16-le")}


def leaked(planter: Planter, data: bytes) -> list[str]:
    """Return the planted values that stand in *data*."""
    return [value for value in planter.values if any(form in data for form in spellings(value))]


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Path, Planter]:
    """Give a folder with values everywhere, and the planter that knows them."""
    planter = Planter(7)
    share = tmp_path / "share"
    plant_folder(share, planter)
    plant_shop(share / "shop.sqlite", planter)
    plant_names(share, planter)
    plant_broken(share, planter)
    return share, planter


def assess(state: Path, temporary: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command in *state* with *temporary* as the place for temporary files."""
    return subprocess.run(
        [sys.executable, "-m", "sealgate", "assess", *arguments],
        cwd=state,
        env={
            **os.environ,
            "TMPDIR": str(temporary),
            "SQLITE_TMPDIR": str(temporary),
            "PYTHONWARNINGS": "default",
        },
        capture_output=True,
        check=False,
        timeout=120,
    )


def test_no_value_reaches_register_output_or_temporary_files(
    tmp_path: Path, planted: tuple[Path, Planter]
) -> None:
    """Four formats, names full of values and broken files: no planted value comes out."""
    share, planter = planted
    state, temporary = tmp_path / "state", tmp_path / "temporary"
    state.mkdir()
    temporary.mkdir()
    watch = Watch(temporary)
    runs = {
        "text": ["--web-root", str(share)],
        "json": ["--output", "report.json"],
        "csv": [],
        "html": ["--output", "report.html"],
    }
    for form, extra in runs.items():
        run = assess(state, temporary, str(share), "--format", form, *extra)
        assert run.returncode == 10, run.stderr
        assert leaked(planter, run.stdout) == []
        assert run.stderr == b""
    assert watch.events() == b""
    kept = [path for path in state.rglob("*") if path.is_file()]
    assert {path.name for path in kept} >= {"register.sqlite", "report.json", "report.html"}
    for path in kept:
        assert leaked(planter, path.read_bytes()) == [], path.name


def test_the_check_for_leaks_can_fail(planted: tuple[Path, Planter]) -> None:
    """The values that are looked for do stand in the planted files."""
    share, planter = planted
    (share / "bank.parquet").unlink()
    (share / "app.log.gz").unlink()
    data = b"\n".join(
        os.fsencode(path) + (path.read_bytes() if path.is_file() else b"")
        for path in share.rglob("*")
    )
    assert len(leaked(planter, data)) > 0.8 * len(planter.values)


@pytest.mark.parametrize(
    "source",
    [
        "postgresql+psycopg://greta:{password}@127.0.0.1:1/shop?application_name={password}",
        "oracle://greta:{password}@127.0.0.1/shop",
        "nonsense://greta:{password}@[::1/shop",
        "sqlite:////nowhere/{password}?x={password}",
        "/nowhere/{email}",
        "/nowhere/{quoted}",
    ],
)
def test_no_value_of_a_source_reaches_a_message(tmp_path: Path, source: str) -> None:
    """Passwords in URLs and values in paths are not told, also where they cannot be followed."""
    planter = Planter(11)
    email = planter.value(Kind.EMAIL)
    given = source.format(password=DATABASE_PASSWORD, email=email, quoted=quote(email, safe=""))
    run = assess(tmp_path, tmp_path, given, "--format", "json")
    assert run.returncode in {2, 10}
    for data in (run.stdout, run.stderr, *(p.read_bytes() for p in tmp_path.rglob("*.sqlite*"))):
        assert leaked(planter, data) == []
        assert DATABASE_PASSWORD.encode() not in data
        assert b"Traceback" not in data
    assert run.stdout or run.stderr.startswith(b"sealgate: error: ")

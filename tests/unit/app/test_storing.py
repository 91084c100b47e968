"""What an operator does with stores, by command."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sealgate.app.keyring import add_site_key, open_site_keyring
from sealgate.app.remains import note_made
from sealgate.app.storing import store_settings, tend_drops
from sealgate.cli import run
from sealgate.config.load import load
from sealgate.demo.geography import make_country_database
from sealgate.policy.inventory import KeySettings
from sealgate.protocols.session.drops import INCOMING
from sealgate.serve.store_watch import why_not_served
from sealgate.storage.adapters.keystore import create_keyring
from sealgate.storage.adapters.opened import open_store
from sealgate.storage.adapters.store import ObjectStore
from sealgate.storage.age.hybrid import HybridIdentity
from sealgate.storage.model import StorageError
from tests.unit.storage.stores import get, get_raw, put

DROP = """\
[[drop]]
name = "partners"
class = "restricted"
store = "file:partners"
admit = ["group:partners"]
retention_days = 2
"""
# Everything that the top class asks of a drop, but for what only serving looks at.
SECRET = """\
[access]
countries = ["DE"]
geo_database = "country.mmdb"

[[drop]]
name = "board"
class = "secret"
store = "file:board"
admit = ["group:board"]
recipients = ["{recipient}"]
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a configuration with one drop, in the current folder."""
    path = tmp_path / "sealgate.toml"
    path.write_text(DROP)
    monkeypatch.chdir(tmp_path)
    return path


def opened(config: Path, now: float | None = None) -> ObjectStore:
    """Return the store of the first drop."""
    inventory = load(str(config))
    keyring = open_site_keyring(inventory, now=time.time())
    settings = store_settings(inventory, inventory.drops[0])
    return open_store(settings, keyring, now=time.time if now is None else lambda: now)


def test_verify_tells_what_it_finds(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Zero while all is well, ten with a line for each fault; the file's content is never told."""
    store = opened(config)
    put(store, "report.txt", b"figures nobody may see")
    entry = store.stat(("report.txt",))
    store.close()
    assert run(["verify"]) == 0
    assert capsys.readouterr().out == "partners: whole, 1 file, 22 bytes\n"
    assert run(["verify", "--full", "partners"]) == 0
    assert capsys.readouterr().out == "partners: whole, 1 file, 22 bytes, 1 opened\n"
    path = config.parent / "partners/objects" / entry.object_id[:2] / entry.object_id
    path.write_bytes(b"figures somebody forge")
    assert run(["verify"]) == 10
    told = capsys.readouterr().out.splitlines()
    assert told[1].startswith("partners: tampered: report.txt: ")
    assert run(["verify", "--format", "json"]) == 10
    made = json.loads(capsys.readouterr().out)
    assert made["schema"] == "sealgate/verify/1"
    assert [f["fault"] for f in made["stores"][0]["found"]] == ["tampered"]
    assert "figures" not in json.dumps(made)


def test_records_that_are_gone_are_a_finding(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever takes the records away is noticed, with the code of findings."""
    store = opened(config)
    put(store, "file", b"x")
    store.close()
    (config.parent / "partners/records.sqlite").unlink()
    assert run(["verify"]) == 10
    assert "partners: rolled back: records: the store's records are gone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("verify", "partners: whole, 0 files, 0 bytes\n"),
        ("rotate", "partners: 0 with a new header, 0 sealed anew, 0 with another class\n"),
    ],
)
def test_each_drop_is_told_when_it_is_done(
    config: Path, capsys: pytest.CaptureFixture[str], command: str, told: str
) -> None:
    """What was seen of one is not lost with the next."""
    config.write_text(DROP + DROP.replace("partners", "broken"))
    opened(config).close()
    (config.parent / "broken").write_text("no folder")
    assert run([command]) == 1
    out, err = capsys.readouterr()
    assert out == told
    assert "broken" in err


def test_bad_input_is_told(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown drop is usage; a configuration without drops leaves nothing to look at."""
    assert run(["verify", "nobody"]) == 2
    assert 'there is no drop "nobody"' in capsys.readouterr().err
    assert run(["rotate", "-i", "no-such-file"]) == 1
    assert "no-such-file" in capsys.readouterr().err
    config.write_text("")
    assert run(["verify"]) == 3
    assert run(["rotate"]) == 3


def test_rotate_takes_a_store_to_another_class(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From restricted to secret every file is sealed anew, and then there is nothing to do."""
    store = opened(config)
    put(store, "plan.txt", b"the plan")
    store.close()
    holder = HybridIdentity.generate()
    make_country_database(config.parent / "country.mmdb")
    text = SECRET.format(recipient=holder.recipient()).replace("board", "partners")
    config.write_text(text.replace("group:partners", "user:anna"))
    assert run(["verify"]) == 10
    assert "partners: wrong class: plan.txt" in capsys.readouterr().out
    assert run(["rotate"]) == 0
    expected = "partners: 0 with a new header, 1 sealed anew, 0 with another class\n"
    assert capsys.readouterr().out == expected
    assert run(["verify", "--full"]) == 0
    # Then the recipient changes: only who holds the identity can follow.
    successor = HybridIdentity.generate()
    config.write_text(
        config.read_text().replace(str(holder.recipient()), str(successor.recipient()))
    )
    assert run(["rotate"]) == 10
    assert "partners: its identity is not here: plan.txt" in capsys.readouterr().out
    identity = config.parent / "holder.txt"
    identity.write_text(holder.secret_text())
    assert run(["rotate", "-i", str(identity)]) == 0
    assert "1 with a new header" in capsys.readouterr().out
    assert run(["rotate"]) == 0


def test_rotate_with_wrong_keys_changes_nothing(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An identity of somebody else, a recipient and the keys of another site: each is told."""
    holder, other = HybridIdentity.generate(), HybridIdentity.generate()
    make_country_database(config.parent / "country.mmdb")
    text = SECRET.format(recipient=holder.recipient()).replace("group:board", "user:anna")
    config.write_text(text)
    store = opened(config)
    put(store, "plan.txt", b"the plan")
    before = get_raw(store, "plan.txt")
    store.close()
    config.write_text(text.replace(str(holder.recipient()), str(other.recipient())))
    wrong, no_secret = config.parent / "wrong.txt", config.parent / "no-secret.txt"
    wrong.write_text(other.secret_text())
    no_secret.write_text(str(holder.recipient()))
    assert run(["rotate", "-i", str(wrong)]) == 10
    assert "board: its identity is not here: plan.txt" in capsys.readouterr().out
    assert run(["rotate", "-i", str(no_secret)]) == 2
    assert "a recipient was given where an identity is required" in capsys.readouterr().err

    config.write_text(text)
    keys = config.parent / ".sealgate/keys/site-keys.json"
    own = keys.read_bytes()
    foreign = config.parent / "foreign"
    create_keyring(str(foreign), KeySettings(), passphrase=None, now=time.time())
    keys.write_bytes((foreign / keys.name).read_bytes())
    assert run(["rotate"]) == 1
    assert "does not belong to its records" in capsys.readouterr().err
    keys.write_bytes(own)
    assert run(["verify", "--full"]) == 0
    store = opened(config)
    assert get_raw(store, "plan.txt") == before
    store.close()


def test_rotate_follows_a_new_site_key(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After "keys add" the stored files get headers for the new key."""
    config.write_text(
        config.read_text().replace("restricted", "confidential")
        + '[access]\ncountries = ["DE"]\ngeo_database = "country.mmdb"\n'
    )
    make_country_database(config.parent / "country.mmdb")
    store = opened(config)
    put(store, "file", b"content")
    before = get_raw(store, "file")
    store.close()
    add_site_key(load(str(config)), now=time.time())
    assert run(["rotate"]) == 0
    assert "1 with a new header" in capsys.readouterr().out
    store = opened(config)
    assert get(store, "file") == b"content"
    assert get_raw(store, "file") != before
    store.close()


def test_stores_are_tended(config: Path) -> None:
    """Past its retention a file is removed, and what a crash left is swept."""
    store = opened(config, now=1000.0)
    put(store, "old", b"x")
    store.close()
    stray = config.parent / "partners/objects/ab" / ("ab" * 16)
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"left by a crash")
    inventory = load(str(config))
    keyring = open_site_keyring(inventory, now=time.time())
    [tended] = tend_drops(inventory, keyring, now=lambda: time.time() + 100.0)
    assert (tended.drop, len(tended.expired), tended.swept.objects) == ("partners", 1, 1)
    store = opened(config)
    assert list(store.list(())) == []
    store.close()


def test_a_store_that_cannot_be_tended_keeps_no_other(config: Path) -> None:
    """The others are tended and told, and then what was wrong."""
    config.write_text(DROP.replace("partners", "broken") + DROP)
    keyring = open_site_keyring(load(str(config)), now=time.time())
    (config.parent / "broken").write_text("no folder")
    told = tend_drops(load(str(config)), keyring, now=time.time)
    assert next(told).drop == "partners"
    with pytest.raises(StorageError, match="broken"):
        next(told)


def test_what_was_never_shown_is_cleared_away(config: Path) -> None:
    """A crash between the look at an upload and its showing leaves nothing for good."""
    inventory = load(str(config))
    keyring = open_site_keyring(inventory, now=time.time())
    now = time.time()
    for at, name in ((now - 2 * 86400 + 60, "old"), (now, "young")):
        store = opened(config, now=at)
        with contextlib.suppress(StorageError):
            store.make_folder((INCOMING,))
        put(store, f"{INCOMING}/{name}", b"x")
        put(store, name, b"x")
        store.close()
    list(tend_drops(inventory, keyring, now=lambda: now))
    store = opened(config)
    assert [e.path[-1] for e in store.list((INCOMING,))] == ["young"]
    assert [e.path[-1] for e in store.list(())] == [INCOMING, "old", "young"]
    store.close()


def _remove(anchor: Path) -> None:
    anchor.unlink()


def _empty(anchor: Path) -> None:
    anchor.write_bytes(b"")


def _garble(anchor: Path) -> None:
    anchor.write_bytes(bytes(56))


def _lengthen(anchor: Path) -> None:
    anchor.write_bytes(anchor.read_bytes() + b"x")


def _lead_elsewhere(anchor: Path) -> None:
    anchor.unlink()
    anchor.symlink_to("/dev/null")


def _make_folder(anchor: Path) -> None:
    anchor.unlink()
    anchor.mkdir()


@pytest.mark.parametrize(
    "lose", [_remove, _empty, _garble, _lengthen, _lead_elsewhere, _make_folder]
)
def test_nothing_stands_for_an_anchor_that_was_lost(
    config: Path, capsys: pytest.CaptureFixture[str], lose: Callable[[Path], None]
) -> None:
    """Whatever lies in its place, the store is damaged and stays so; no open process makes another."""
    store = opened(config)
    inventory = load(str(config))
    note_made(inventory)
    known = opened(config)
    put(store, "file", b"x")
    (anchor,) = (config.parent / ".sealgate/records").glob("*.anchor")
    lose(anchor)
    put(known, "another", b"x")
    store.close()
    known.close()
    keyring = open_site_keyring(inventory, now=time.time())
    for _ in range(2):
        wrong = why_not_served(inventory, inventory.drops[0], keyring, now=time.time)
        assert wrong is not None
        assert wrong.is_damage
        run(["verify"])
    if lose not in {_lead_elsewhere, _make_folder}:
        capsys.readouterr()
        assert run(["verify", "partners", "--accept"]) == 0
        told = capsys.readouterr().out
        assert "partners: accepted as it is, though the anchor of store" in told
        assert "partners: whole, 2 files" in told
        assert run(["verify", "partners", "--accept"]) == 0
        assert "there is nothing to accept" in capsys.readouterr().out
        assert why_not_served(inventory, inventory.drops[0], keyring, now=time.time) is None


def test_what_was_changed_from_outside_is_not_accepted(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Accepting takes an older state, and none that Sealgate did not write: the anchor stays."""
    store = opened(config)
    put(store, "file", b"x")
    store.close()
    (anchor,) = (config.parent / ".sealgate/records").glob("*.anchor")
    said = anchor.read_bytes()
    with contextlib.closing(sqlite3.connect(config.parent / "partners/records.sqlite")) as records:
        records.execute("UPDATE store_heads SET files = 9")
        records.commit()
    assert run(["verify", "partners", "--accept"]) == 1
    assert "changed from outside" in capsys.readouterr().err
    assert anchor.read_bytes() == said
    assert run(["verify", "--accept"]) == 2


def test_an_empty_store_is_accepted_in_place_of_one_that_is_gone(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only when somebody says so."""
    store = opened(config)
    put(store, "file", b"x")
    store.close()
    note_made(load(str(config)))
    shutil.rmtree(config.parent / "partners")
    assert run(["verify"]) == 10
    assert "sealgate verify partners --accept" in capsys.readouterr().out
    assert run(["verify", "partners", "--accept"]) == 0
    assert "partners: whole, 0 files" in capsys.readouterr().out

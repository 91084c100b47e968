"""What was there and is gone is told, and nothing is made in its place; a fresh folder begins."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sealgate.app.keyring import add_site_key, look_at_site_keys, open_site_keyring
from sealgate.app.remains import NOTE, PARTS, lost, must_be_whole, note_made, was_made
from sealgate.app.state import check_register, open_register
from sealgate.app.users import open_identities
from sealgate.config.load import load
from sealgate.errors import ConfigError, SourceError
from sealgate.policy.inventory import Inventory
from sealgate.serve.plan import plan

NOW = 1_800_000_000.0
# One path of each kind of thing.
MADE = (
    "keys/site-keys.json",
    "register.sqlite",
    "register.key",
    "authority/client-ca.pem",
    "authority/client-ca-0123456789abcdef.key",
    "sessions/0123.pem",
    "identities/0123.pem",
    "signing/shop.example/0123.pem",
)
ANCHOR = "records/partners-0123456789ab.anchor"


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Give a configuration with a drop, whose state folder is empty."""
    path = tmp_path / "sealgate.toml"
    path.write_text(
        """
        [listen]
        sftp = "127.0.0.1:2022"
        [[drop]]
        name = "partners"
        store = "file:store"
        class = "restricted"
        admit = ["user:anna"]
        """,
        "utf-8",
    )
    return load(str(path))


def made(inventory: Inventory) -> None:
    """Put something at each path, and note it."""
    for line in (*MADE, ANCHOR):
        path = Path(inventory.state_folder, line)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"00" * 32 if line in {ANCHOR, "register.key"} else b"")
    note_made(inventory)


def test_every_kind_is_tried() -> None:
    """The paths above are of all kinds that are noted."""
    assert len(MADE) == len([part for part in PARTS if not part.fences])


def test_a_lost_anchor_is_missed_by_its_store_alone(inventory: Inventory) -> None:
    """It stays noted; an empty one was never raised, and is not noted."""
    anchor = Path(inventory.state_folder, ANCHOR).absolute()
    other = anchor.with_name("other-0123456789ab.anchor")
    other.parent.mkdir(parents=True)
    other.touch()
    made(inventory)
    assert was_made(inventory, anchor)
    assert not was_made(inventory, other)
    anchor.unlink()
    note_made(inventory)
    assert lost(inventory) == ()
    must_be_whole(inventory)
    assert was_made(inventory, anchor)


def test_a_fresh_folder_lacks_nothing(inventory: Inventory) -> None:
    """Neither one that does not exist, nor one in which nothing was noted."""
    assert lost(inventory) == ()
    must_be_whole(inventory)
    assert look_at_site_keys(inventory) is None
    assert not any("is gone" in fault.message for fault in plan(inventory, now=NOW).refusals)


@pytest.mark.parametrize("line", MADE)
def test_what_is_gone_is_told(inventory: Inventory, line: str) -> None:
    """By plan and at the start, with what to type; what is there again is not missed."""
    made(inventory)
    assert lost(inventory) == ()
    path = Path(inventory.state_folder, line)
    path.unlink()
    (fault,) = lost(inventory)
    assert "is gone" in fault.message
    assert "restore it from a backup" in (fault.hint or "")
    assert fault.message in [refusal.message for refusal in plan(inventory, now=NOW).refusals]
    with pytest.raises(ConfigError, match="is gone"):
        must_be_whole(inventory)
    note_made(inventory)
    assert lost(inventory), "what is gone stays noted"
    path.touch()
    assert lost(inventory) == ()


def test_keys_are_noted_when_they_are_made(inventory: Inventory) -> None:
    """From then on no command makes others, or says that it would."""
    open_site_keyring(inventory, now=NOW)
    shutil.rmtree(Path(inventory.state_folder, "keys"))
    for ask in (
        lambda: look_at_site_keys(inventory),
        lambda: open_site_keyring(inventory, now=NOW),
        lambda: add_site_key(inventory, now=NOW),
    ):
        with pytest.raises(ConfigError, match="is gone: the site keys") as caught:
            ask()
        assert caught.value.hint
    assert not plan(inventory, now=NOW).is_good


def test_no_empty_register_takes_the_place_of_one(inventory: Inventory) -> None:
    """Whoever opens it, for the register or for users, is told."""
    open_register(inventory).close()
    open_identities(inventory).close()
    note_made(inventory)
    database = Path(inventory.state_folder, "register.sqlite")
    database.unlink()
    for ask in (open_register, open_identities, check_register):
        with pytest.raises(ConfigError, match="the register"):
            ask(inventory)
    assert not database.exists()


def test_the_hint_begins_anew(inventory: Inventory) -> None:
    """Without its line the thing is not missed."""
    made(inventory)
    Path(inventory.state_folder, "keys/site-keys.json").unlink()
    note = Path(inventory.state_folder, NOTE)
    (fault,) = lost(inventory)
    assert str(note.absolute()) in (fault.hint or "")
    lines = note.read_text("utf-8").splitlines()
    note.write_text("\n".join(one for one in lines if not one.startswith("keys/")), "utf-8")
    assert lost(inventory) == ()


def test_a_note_that_cannot_be_read(inventory: Inventory) -> None:
    """It is an error, and no fresh folder."""
    Path(inventory.state_folder).mkdir()
    Path(inventory.state_folder, NOTE).write_bytes(b"\xff")
    with pytest.raises(SourceError, match="not UTF-8"):
        lost(inventory)

"""One-time codes are sealed for the site's key, and passkeys are invited by a code."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.app.factors import (
    begin_totp,
    confirm_totp,
    invite_passkey,
    list_passkeys,
    qr_code,
    remove_passkey,
    remove_totp,
    site_sealer,
)
from sealgate.app.keyring import add_site_key, open_site_keyring
from sealgate.app.users import add_user, list_users, open_identities
from sealgate.errors import SealgateError, SourceError, UsageError
from sealgate.identity.passkeys import Passkey
from sealgate.identity.totp import code_at
from sealgate.policy.inventory import (
    Inventory,
    KeySettings,
    Operator,
    Site,
    Upstream,
)
from sealgate.storage.adapters.keystore_protect import PASSPHRASE_FILE

NOW = 1_800_000_015.0
STEP = int(NOW // 30)


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return an inventory with a state folder of its own, where anna is known."""
    made = Inventory(
        str(tmp_path / "sealgate.toml"),
        str(tmp_path / ".sealgate"),
        operator=Operator("Shop Ltd"),
    )
    add_user(made, "anna", [], by="me", now=1)
    return made


def test_an_app_is_set_up_by_the_code_that_it_shows(inventory: Inventory) -> None:
    """Then its codes count, and ten recovery codes; and it can be taken away."""
    app = begin_totp(inventory, "anna")
    assert app.uri.startswith("otpauth://totp/Shop%20Ltd:anna?")
    with pytest.raises(UsageError, match="not the code"):
        confirm_totp(inventory, app, "000000", by="me", now=NOW)
    assert not list_users(inventory, NOW)[0].has_totp
    codes = confirm_totp(inventory, app, code_at(app.secret, STEP), by="me", now=NOW)
    assert len(codes) == 10
    assert list_users(inventory, NOW)[0].has_totp
    sealer = site_sealer(inventory, now=NOW)
    with open_identities(inventory) as store:
        assert not store.second_factors.check_totp(
            "anna", code_at(app.secret, STEP), sealer, now=NOW
        )
        assert store.second_factors.check_totp(
            "anna", code_at(app.secret, STEP + 1), sealer, now=NOW
        )
        assert store.second_factors.check_recovery_code("anna", codes[3], now=NOW)
    assert remove_totp(inventory, "anna", by="me", now=NOW)
    assert not remove_totp(inventory, "anna", by="me", now=NOW)
    with pytest.raises(UsageError, match="no user"):
        begin_totp(inventory, "nobody")


def test_the_secret_is_not_in_the_database(inventory: Inventory) -> None:
    """Nor in what a log would show of it."""
    app = begin_totp(inventory, "anna")
    confirm_totp(inventory, app, code_at(app.secret, STEP), by="me", now=NOW)
    for file in Path(inventory.state_folder).rglob("*"):
        if file.is_file():
            assert app.secret not in file.read_bytes()
    assert app.typed not in repr(app)
    assert "secret" not in repr(app)


def test_what_was_sealed_is_opened_for_its_user_only_and_after_a_rotation(
    inventory: Inventory,
) -> None:
    """The name is sealed with it; a retired key of the site still opens it."""
    sealer = site_sealer(inventory, now=NOW)
    sealed = sealer.seal("anna", b"s" * 20)
    assert b"s" * 20 not in sealed
    assert sealer.open("anna", sealed) == b"s" * 20
    for other in ("ann", "anna2", "ben", ""):
        with pytest.raises(SourceError, match="somebody else"):
            sealer.open(other, sealed)
    add_site_key(inventory, now=NOW + 1)
    assert site_sealer(inventory, now=NOW + 2).open("anna", sealed) == b"s" * 20
    for damaged in (b"", sealed[:-1], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(SealgateError):
            sealer.open("anna", damaged)


def test_sealing_needs_no_passphrase_and_opening_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sets up an app need not be able to read those of others."""
    (tmp_path / "words").write_text("correct horse battery staple\n")
    inventory = Inventory(
        str(tmp_path / "sealgate.toml"),
        str(tmp_path / ".sealgate"),
        keys=KeySettings("passphrase"),
    )
    monkeypatch.setenv(PASSPHRASE_FILE, str(tmp_path / "words"))
    open_site_keyring(inventory, now=NOW)
    monkeypatch.delenv(PASSPHRASE_FILE)
    monkeypatch.setattr("sys.stdin", None)
    sealer = site_sealer(inventory, now=NOW)
    sealed = sealer.seal("anna", b"s" * 20)
    with pytest.raises(SealgateError):
        sealer.open("anna", sealed)
    monkeypatch.setenv(PASSPHRASE_FILE, str(tmp_path / "words"))
    assert sealer.open("anna", sealed) == b"s" * 20


def test_a_person_is_told_what_the_secret_is_worth(inventory: Inventory) -> None:
    """Keys that are a readable file keep nothing from who has the whole folder."""
    assert "readable file" in begin_totp(inventory, "anna").remark


def test_a_passkey_is_invited_listed_and_removed(inventory: Inventory) -> None:
    """By its label or id; on a site that is declared."""
    with pytest.raises(UsageError, match="no site is declared"):
        invite_passkey(inventory, "anna", by="me", now=NOW)
    site = Site(("shop.example",), Upstream("http", "127.0.0.1", 80), ())
    held = Inventory(inventory.source, inventory.state_folder, sites=(site,))
    with pytest.raises(UsageError, match="no user"):
        invite_passkey(held, "nobody", by="me", now=NOW)
    invited = invite_passkey(held, "anna", by="me", now=NOW)
    assert invited.sites == ("shop.example",)
    assert invited.code not in repr(invited)
    keys = [
        Passkey(key_id, "anna", b"", "shop.example", label, False, 0, NOW)
        for key_id, label in (("a", "phone"), ("b", "phone"), ("c", "laptop"))
    ]
    with open_identities(held) as store:
        store.second_factors.add_passkey(keys[0], code=invited.code, by="anna", now=NOW)
        for key in keys[1:]:
            store.second_factors.add_passkey(key, code=None, by="anna", now=NOW)
    assert list_users(held, NOW)[0].living_passkeys == 3
    with pytest.raises(UsageError, match='2 passkeys called "phone"'):
        remove_passkey(held, "anna", "phone", by="me", now=NOW)
    assert remove_passkey(held, "anna", "b", by="me", now=NOW).id == "b"
    assert remove_passkey(held, "anna", "phone", by="me", now=NOW).id == "a"
    assert remove_passkey(held, "anna", "laptop", by="me", now=NOW).id == "c"
    with pytest.raises(UsageError, match='no passkey "laptop"'):
        remove_passkey(held, "anna", "laptop", by="me", now=NOW)
    assert [key.is_living for key in list_passkeys(held, "anna")] == [False] * 3


def test_a_qr_code_fits_a_terminal(inventory: Inventory) -> None:
    """Eighty columns, also for a long name, and lines only of blocks."""
    add_user(inventory, "n" * 64, [], by="me", now=1)
    drawn = qr_code(begin_totp(inventory, "n" * 64).uri)
    assert max(len(line) for line in drawn.splitlines()) <= 80
    assert set(drawn) <= set(" \n█▀▄")

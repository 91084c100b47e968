"""The site's keyring as the application opens it: who is asked, and what is kept apart."""

import io
import os
import pty
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sealgate.app import keyring
from sealgate.app.keyring import (
    add_site_key,
    export_identities,
    keys_folder,
    look_at_site_keys,
    new_recovery_key,
    open_site_keyring,
    passphrase_source,
    protect_site_keys,
    why_not_apart,
    why_not_apart_from_drops,
)
from sealgate.errors import SourceError, UsageError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Drop, Inventory, KeySettings
from sealgate.storage.age.keys import parse_identities

NOW = 1_800_000_000.0
WORDS = "correct horse battery staple"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody be there to ask."""
    monkeypatch.delenv("SEALGATE_KEY_NEW_PASSPHRASE_FILE", raising=False)
    for name in ("SEALGATE_KEY_PASSPHRASE_FILE", "INVOCATION_ID", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return an inventory with a state folder of its own."""
    return Inventory(str(tmp_path / "sealgate.toml"), str(tmp_path / ".sealgate"))


def with_passphrase(inventory: Inventory) -> Inventory:
    """Return it with the site keys behind a passphrase."""
    return replace(inventory, keys=KeySettings("passphrase"))


def test_it_is_made_on_first_use(inventory: Inventory) -> None:
    """In the state folder; looked at it is without being opened."""
    assert look_at_site_keys(inventory) is None
    made = open_site_keyring(inventory, now=NOW)
    assert open_site_keyring(inventory, now=NOW + 1).keyring == made.keyring
    kept = look_at_site_keys(inventory)
    assert kept is not None
    assert kept.path == str(Path(inventory.state_folder) / "keys/site-keys.json")
    assert add_site_key(inventory, now=NOW + 2).keyring.keys[0].id == made.current.id


def test_the_first_key_may_be_added(inventory: Inventory) -> None:
    """Where there is none yet, adding one makes one and not two."""
    assert len(add_site_key(inventory, now=NOW).keyring.keys) == 1


def test_a_passphrase_comes_from_a_file(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first line; the file is named with what it opened."""
    path = tmp_path / "passphrase"
    path.write_text(f"{WORDS}\r\nsecond line\n")
    monkeypatch.setenv("SEALGATE_KEY_PASSPHRASE_FILE", str(path))
    sealed = with_passphrase(inventory)
    made = open_site_keyring(sealed, now=NOW)
    assert made.is_apart
    assert made.beside == (str(path),)
    path.write_text("another passphrase than that\n")
    with pytest.raises(SourceError, match="is wrong"):
        open_site_keyring(sealed, now=NOW)
    for content in (b"", b"\n", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(SourceError, match=r"is empty|not UTF-8"):
            open_site_keyring(sealed, now=NOW)
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        open_site_keyring(sealed, now=NOW)


def test_without_anybody_to_ask_it_says_so(inventory: Inventory) -> None:
    """In a script, the hint names the variable."""
    with pytest.raises(SourceError, match="nobody to ask") as caught:
        open_site_keyring(with_passphrase(inventory), now=NOW)
    assert "SEALGATE_KEY_PASSPHRASE_FILE" in str(caught.value.hint)


TERMINAL = """
import sys
from sealgate.app.keyring import open_site_keyring
from sealgate.cli.messages import complain
from sealgate.errors import SealgateError
from sealgate.policy.inventory import Inventory, KeySettings
from sealgate.storage.adapters import keystore_seal
keystore_seal.WORK_FACTOR = 8
inventory = Inventory("", sys.argv[1], keys=KeySettings("passphrase"))
try:
    print("opened", open_site_keyring(inventory, now=1.0).current.id)
except SealgateError as error:
    complain(error)
"""


def on_terminal(state: str, *lines: str) -> str:
    """Open the keyring on a terminal of its own; type each of *lines* when it is asked for."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", TERMINAL, state],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        shown = b""
        for number, line in enumerate(lines, start=1):
            while shown.count(b": ") < number and (byte := process.stdout.read(1)):
                shown += byte
            os.write(ours, f"{line}\n".encode())
        shown += process.stdout.read()
        process.wait(timeout=60)
    os.close(ours)
    return shown.decode()


def test_a_person_is_asked_twice_when_it_is_made(tmp_path: Path) -> None:
    """Then once; what was typed is not shown."""
    state = str(tmp_path / "state")
    assert "the two passphrases differ" in on_terminal(state, WORDS, WORDS + "r")
    made = on_terminal(state, WORDS, WORDS)
    assert "opened" in made
    assert WORDS not in made
    assert made.split("opened")[1] == on_terminal(state, WORDS).split("opened")[1]
    assert "is wrong" in on_terminal(state, "x" * 20)


def test_a_service_asks_through_systemd(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where systemd started us; its program is told how long to wait, and may get no answer."""
    program = tmp_path / "systemd-ask-password"
    program.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/asked\necho "{WORDS}"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert passphrase_source() is None
    monkeypatch.setenv("INVOCATION_ID", "0123")
    sealed = with_passphrase(inventory)
    made = open_site_keyring(sealed, now=NOW)
    assert open_site_keyring(sealed, now=NOW).record_key == made.record_key
    assert "--id=sealgate --timeout=90" in (tmp_path / "asked").read_text()
    for script in ("#!/bin/sh\nexit 1\n", "#!/bin/sh\necho\n"):
        program.write_text(script)
        with pytest.raises(SourceError, match="nobody answered"):
            open_site_keyring(sealed, now=NOW)


def test_the_protection_follows_the_configuration(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it was changed there, one command closes the file anew."""
    made = open_site_keyring(inventory, now=NOW)
    (tmp_path / "passphrase").write_text(WORDS)
    monkeypatch.setenv("SEALGATE_KEY_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    sealed = with_passphrase(inventory)
    before, kept = protect_site_keys(sealed)
    assert (before, kept.protection) == ("file", "passphrase")
    assert open_site_keyring(sealed, now=NOW).record_key == made.record_key


def test_a_passphrase_takes_the_place_of_another(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new one is in a file of its own; without it nobody can be asked, and nothing changes."""
    for name, words in (("old", WORDS), ("new", WORDS[::-1])):
        (tmp_path / name).write_text(words)
    monkeypatch.setenv("SEALGATE_KEY_PASSPHRASE_FILE", str(tmp_path / "old"))
    sealed = with_passphrase(inventory)
    made = open_site_keyring(sealed, now=NOW)
    with pytest.raises(SourceError, match="nobody to ask"):
        protect_site_keys(sealed)
    assert open_site_keyring(sealed, now=NOW).record_key == made.record_key
    monkeypatch.setenv("SEALGATE_KEY_NEW_PASSPHRASE_FILE", str(tmp_path / "new"))
    protect_site_keys(sealed)
    with pytest.raises(SourceError, match="is wrong"):
        open_site_keyring(sealed, now=NOW)
    monkeypatch.setenv("SEALGATE_KEY_PASSPHRASE_FILE", str(tmp_path / "new"))
    assert open_site_keyring(sealed, now=NOW).record_key == made.record_key


def test_the_identities_can_be_taken_away(inventory: Inventory) -> None:
    """Each is that of its key; without keys there is nothing to take."""
    with pytest.raises(UsageError, match="no site keys"):
        export_identities(inventory)
    open_site_keyring(inventory, now=NOW)
    add_site_key(inventory, now=NOW)
    exported = export_identities(inventory)
    assert len(exported) == 2
    for key, secret in exported:
        (identity,) = parse_identities(secret)
        assert str(identity.recipient()) == key.recipient


def test_a_recovery_key_is_a_new_pair() -> None:
    """The identity opens for the recipient; each call makes another."""
    made = new_recovery_key()
    (identity,) = parse_identities(made.identity)
    assert str(identity.recipient()) == made.recipient
    assert new_recovery_key().recipient != made.recipient


def test_what_lies_on_the_stores_volume_is_not_apart(inventory: Inventory, tmp_path: Path) -> None:
    """A plain key file never is; a passphrase in a file is where the store is not."""
    store = str(tmp_path / "store")
    plain = why_not_apart(inventory, store)
    assert plain is not None
    assert "on the store's own volume" in plain
    assert why_not_apart(inventory, "/proc") == why_not_apart(inventory, None)
    sealed = with_passphrase(inventory)
    named = {"SEALGATE_KEY_PASSPHRASE_FILE": str(tmp_path / "passphrase")}
    assert why_not_apart(sealed, store, {}) is None
    assert why_not_apart(sealed, "/proc", named) is None
    assert why_not_apart(sealed, None, named) is None
    beside = why_not_apart(sealed, store, named)
    assert beside is not None
    assert "lies on the store's own volume" in beside
    vault = replace(inventory, keys=KeySettings("vault", "k", "https://v.example"))
    token = {"SEALGATE_VAULT_TOKEN_FILE": str(tmp_path / "token")}
    assert why_not_apart(vault, store, token) is not None
    assert why_not_apart(vault, store, {**token, "VAULT_TOKEN": "t"}) is None


def test_every_drop_counts(
    inventory: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One store on the volume of the passphrase is enough, and an object store never is."""
    monkeypatch.setenv("SEALGATE_KEY_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    confidential = DEFAULT_MODEL.classes[2]
    far = Drop("far", confidential, "s3://bucket/prefix")
    near = Drop("near", confidential, f"file:{tmp_path}/near")
    sealed = with_passphrase(inventory)
    assert why_not_apart_from_drops(sealed) is None
    assert why_not_apart_from_drops(replace(sealed, drops=(far,))) is None
    assert why_not_apart_from_drops(replace(sealed, drops=(far, near))) is not None
    assert why_not_apart_from_drops(inventory) is not None


def test_the_folder_of_the_keys_is_private(inventory: Inventory) -> None:
    """Its owner's only, whatever the umask says."""
    open_site_keyring(inventory, now=NOW)
    assert stat.S_IMODE(Path(keys_folder(inventory)).stat().st_mode) == 0o700
    assert keyring.KEYS_FOLDER == "keys"


def test_no_keys_are_made_where_stores_have_lost_theirs(inventory: Inventory) -> None:
    """Other keys would open nothing, and hide that a backup of the right ones is needed."""
    records = Path(inventory.state_folder) / "records"
    records.mkdir(parents=True)
    (records / "partners-0123456789ab.anchor").touch()  # of a store that never held anything
    open_site_keyring(inventory, now=NOW)
    Path(keys_folder(inventory), "site-keys.json").unlink()
    (records / "partners-0123456789ab.anchor").write_bytes(bytes(56))
    for make in (open_site_keyring, add_site_key):
        with pytest.raises(SourceError, match="are gone, but there are stores"):
            make(inventory, now=NOW)
    with pytest.raises(SourceError, match="are gone, but there are stores"):
        look_at_site_keys(inventory)

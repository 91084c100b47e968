"""The key file: made once, kept whole, closed by each protection, and never opened otherwise."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyrage
import pytest

from sealgate.errors import ConfigError, SealgateError, SourceError, UsageError
from sealgate.policy.inventory import KeySettings
from sealgate.storage.adapters import keystore, keystore_protect
from sealgate.storage.adapters.keystore import (
    FILE_NAME,
    add_key,
    create_keyring,
    has_keyring,
    look_at_keyring,
    open_keyring,
    protect_keyring,
    same_volume,
    secret_identities,
)
from sealgate.storage.age.file import SealWriter, open_stream
from sealgate.storage.age.keys import X25519Identity

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.keyring import UnlockedKeyring

NOW = 1_800_000_000.0
FILE = KeySettings()
PASSPHRASE = KeySettings("passphrase")
WORDS = "correct horse battery staple"


def say(words: str = WORDS) -> Callable[[], str]:
    """Return what answers when a passphrase is asked for."""
    return lambda: words


def sealed_for(unlocked: UnlockedKeyring, content: bytes) -> bytes:
    """Return *content* sealed as a store does it."""
    out = io.BytesIO()
    with SealWriter(out, unlocked.recipients) as writer:
        writer.write(content)
    return out.getvalue()


def opened_by(unlocked: UnlockedKeyring, sealed: bytes) -> bytes:
    """Return what *unlocked* gets out of it."""
    with io.BytesIO(sealed) as source:
        blocks = open_stream(source, unlocked.identities).blocks()
        return b"".join(bytes(block) for block in blocks)


def test_it_is_made_on_first_use_and_then_opened(tmp_path: Path) -> None:
    """The same keys and the same record key, readable by the owner only, and told as not apart."""
    folder = str(tmp_path / "keys")
    assert not has_keyring(folder)
    made = open_keyring(folder, FILE, passphrase=None, now=NOW)
    again = open_keyring(folder, FILE, passphrase=None, now=NOW + 5)
    assert again.keyring == made.keyring
    assert again.record_key == made.record_key
    assert len(made.record_key) == 32
    assert opened_by(again, sealed_for(made, b"content")) == b"content"
    assert not again.is_apart
    assert stat.S_IMODE((tmp_path / "keys" / FILE_NAME).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_two_sites_have_nothing_in_common(tmp_path: Path) -> None:
    """Each installation makes its own key and its own secret."""
    one, two = (open_keyring(str(tmp_path / name), FILE, passphrase=None, now=NOW) for name in "ab")
    assert one.current.recipient != two.current.recipient
    assert one.record_key != two.record_key
    with pytest.raises(SealgateError, match="somebody else"):
        opened_by(two, sealed_for(one, b"content"))


@pytest.mark.parametrize("settings", [FILE, PASSPHRASE], ids=["file", "passphrase"])
def test_a_retired_key_still_opens_and_seals_no_more(tmp_path: Path, settings: KeySettings) -> None:
    """After a rotation old files open, new ones are for the new key, records stay valid."""
    folder = str(tmp_path)
    first = open_keyring(folder, settings, passphrase=say(), now=NOW)
    old = sealed_for(first, b"old")
    second = add_key(folder, settings, passphrase=say(), now=NOW + 60)
    assert opened_by(second, old) == b"old"
    new = sealed_for(second, b"new")
    assert opened_by(open_keyring(folder, settings, passphrase=say(), now=NOW + 61), new) == b"new"
    with pytest.raises(SealgateError, match="somebody else"):
        opened_by(first, new)
    assert second.record_key == first.record_key
    assert [(key.created_at, key.retired_at) for key in second.keyring.keys] == [
        (NOW, NOW + 60),
        (NOW + 60, None),
    ]


def test_a_recovery_identity_opens_what_is_sealed(tmp_path: Path) -> None:
    """Also another implementation of age, which knows nothing of Sealgate."""
    recovery = X25519Identity.generate()
    settings = KeySettings(recovery=(str(recovery.recipient()),))
    unlocked = open_keyring(str(tmp_path), settings, passphrase=None, now=NOW)
    sealed = sealed_for(unlocked, b"content")
    other = pyrage.x25519.Identity.from_str(recovery.secret_text())
    assert pyrage.decrypt(sealed, [other]) == b"content"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("age1nonsense", "recovery under"),
        pytest.param(
            X25519Identity.generate().secret_text(), "a secret key was given", id="secret"
        ),
        ("", "of an unknown kind"),
    ],
)
def test_what_is_no_recovery_recipient_is_refused(tmp_path: Path, text: str, told: str) -> None:
    """The message never repeats a secret key that was pasted by mistake."""
    with pytest.raises(ConfigError, match=told) as caught:
        open_keyring(str(tmp_path), KeySettings(recovery=(text,)), passphrase=None, now=NOW)
    assert "AGE-SECRET-KEY-1" not in caught.value.message


def test_a_passphrase_keeps_it_apart(tmp_path: Path) -> None:
    """The file shows no secret; the wrong passphrase opens nothing and says so."""
    made = open_keyring(str(tmp_path), PASSPHRASE, passphrase=say(), now=NOW)
    assert made.is_apart
    content = (tmp_path / FILE_NAME).read_text()
    for _, identity in secret_identities(str(tmp_path), PASSPHRASE, passphrase=say()):
        assert identity.startswith("AGE-SECRET-KEY-1")
        assert identity not in content
    assert made.record_key.hex() not in content
    with pytest.raises(SourceError, match="the passphrase of the site keys is wrong") as caught:
        open_keyring(str(tmp_path), PASSPHRASE, passphrase=say("wrong"), now=NOW)
    assert caught.value.exit_code == 1
    with pytest.raises(SourceError, match="there is nobody to ask"):
        open_keyring(str(tmp_path), PASSPHRASE, passphrase=None, now=NOW)


def test_another_program_opens_the_wrapped_part(tmp_path: Path) -> None:
    """It is plain age: the passphrase and any age program give the identities."""
    open_keyring(str(tmp_path), PASSPHRASE, passphrase=say(), now=NOW)
    kept, wrapped = keystore._read(tmp_path / FILE_NAME)
    content = json.loads(pyrage.passphrase.decrypt(wrapped, WORDS))
    (identity,) = content["identities"]
    recipient = pyrage.x25519.Identity.from_str(identity).to_public()
    assert str(recipient) == kept.keyring.current.recipient


def test_a_short_passphrase_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    """Fourteen characters are one too few."""
    with pytest.raises(UsageError, match="has 14 characters, but at least 15"):
        open_keyring(str(tmp_path), PASSPHRASE, passphrase=say("x" * 14), now=NOW)
    assert not has_keyring(str(tmp_path))


def test_the_passphrase_is_asked_for_once(tmp_path: Path) -> None:
    """A rotation opens and closes the file with one answer."""
    open_keyring(str(tmp_path), PASSPHRASE, passphrase=say(), now=NOW)
    answers = iter([WORDS])
    add_key(str(tmp_path), PASSPHRASE, passphrase=lambda: next(answers), now=NOW)


def test_a_file_that_is_protected_otherwise_is_not_opened(tmp_path: Path) -> None:
    """Somebody who puts a plain key file in place of the protected one gains nothing."""
    create_keyring(str(tmp_path), FILE, passphrase=None, now=NOW)
    with pytest.raises(ConfigError, match='protected by "file", but') as caught:
        open_keyring(str(tmp_path), PASSPHRASE, passphrase=say(), now=NOW)
    assert caught.value.hint == "sealgate keys protect"


def test_the_protection_can_be_changed(tmp_path: Path) -> None:
    """From a file to a passphrase and to another passphrase: the same keys all the way."""
    folder = str(tmp_path)
    made = create_keyring(folder, FILE, passphrase=None, now=NOW)
    kept = protect_keyring(folder, PASSPHRASE, old_passphrase=None, passphrase=say())
    assert (kept.protection, kept.keyring) == ("passphrase", made.keyring)
    protect_keyring(folder, PASSPHRASE, old_passphrase=say(), passphrase=say("x" * 15))
    again = open_keyring(folder, PASSPHRASE, passphrase=say("x" * 15), now=NOW)
    assert (again.keyring, again.record_key) == (made.keyring, made.record_key)
    with pytest.raises(SourceError, match="wrong"):
        open_keyring(folder, PASSPHRASE, passphrase=say(), now=NOW)


def test_an_open_key_file_is_not_used(tmp_path: Path) -> None:
    """As ssh does it: what others may read is no secret any more."""
    create_keyring(str(tmp_path), FILE, passphrase=None, now=NOW)
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(SourceError, match="open to others"):
        open_keyring(str(tmp_path), FILE, passphrase=None, now=NOW)


def test_no_byte_of_it_can_be_changed_unnoticed(tmp_path: Path) -> None:
    """Cut off or flipped anywhere, it opens as it was or not at all; never a traceback."""
    folder = str(tmp_path)
    create_keyring(folder, PASSPHRASE, passphrase=say(), now=NOW)
    whole = add_key(folder, PASSPHRASE, passphrase=say(), now=NOW + 1)
    path = tmp_path / FILE_NAME
    good = path.read_bytes()
    for at in range(0, len(good), 7):
        flipped = bytearray(good)
        flipped[at] ^= 0x01
        for bad in (bytes(flipped), good[:at]):
            path.write_bytes(bad)
            try:
                unlocked = open_keyring(folder, PASSPHRASE, passphrase=say(), now=NOW)
            except SealgateError:
                continue
            # Such as the space of the indentation, or what is only told.
            assert unlocked.keyring == whole.keyring, at
            assert unlocked.record_key == whole.record_key, at


@pytest.mark.parametrize(
    "change",
    [
        {"created_at": 5.0},
        {"id": "00000000"},
        {"recipient": str(X25519Identity.generate().recipient())},
        {"retired_at": 7.0},
    ],
    ids=["date", "id", "recipient", "retired"],
)
def test_the_clear_part_must_agree_with_the_wrapped_part(
    tmp_path: Path, change: dict[str, object]
) -> None:
    """A recipient of somebody else's in the clear part would have us seal for them."""
    create_keyring(str(tmp_path), FILE, passphrase=None, now=NOW)
    path = tmp_path / FILE_NAME
    told = json.loads(path.read_bytes())
    told["keys"][0].update(change)
    path.write_text(json.dumps(told))
    with pytest.raises(SourceError, match="is damaged"):
        open_keyring(str(tmp_path), FILE, passphrase=None, now=NOW)


def test_it_tells_its_keys_without_being_opened(tmp_path: Path) -> None:
    """For lists and plans; where there is none, the hint says how to make one."""
    with pytest.raises(UsageError, match="no site keys"):
        look_at_keyring(str(tmp_path))
    made = create_keyring(str(tmp_path), PASSPHRASE, passphrase=say(), now=NOW)
    kept = look_at_keyring(str(tmp_path))
    assert (kept.keyring, kept.protection) == (made.keyring, "passphrase")


def test_what_protects_may_fail_and_the_old_file_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rotation that cannot be closed again changes nothing."""
    made = create_keyring(str(tmp_path), FILE, passphrase=None, now=NOW)

    def broken(self: object, content: bytes) -> bytes:
        raise SourceError("the key service is down")

    monkeypatch.setattr(keystore_protect.FileProtector, "wrap", broken)
    with pytest.raises(SourceError, match="is down"):
        add_key(str(tmp_path), FILE, passphrase=None, now=NOW)
    assert open_keyring(str(tmp_path), FILE, passphrase=None, now=NOW).keyring == made.keyring


ROTATOR = """
import sys
from sealgate.policy.inventory import KeySettings
from sealgate.storage.adapters.keystore import add_key
while True:
    ring = add_key(sys.argv[1], KeySettings(), passphrase=None, now=1.0)
    print(ring.current.id, flush=True)
"""


def test_kill_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    """Two processes rotate and are killed: every key that was told is there, and nothing else."""
    folder = str(tmp_path)
    create_keyring(folder, FILE, passphrase=None, now=0.0)
    told: set[str] = set()
    for _ in range(4):
        running = [
            subprocess.Popen([sys.executable, "-c", ROTATOR, folder], stdout=subprocess.PIPE)
            for _ in range(2)
        ]
        for process in running:
            assert process.stdout is not None
            told.add(process.stdout.readline().decode().strip())
        for process in running:
            os.kill(process.pid, signal.SIGKILL)
            out, _ = process.communicate(timeout=30)
            told |= set(out.decode().split("\n")[:-1])
    ring = open_keyring(folder, FILE, passphrase=None, now=NOW).keyring
    assert told <= {key.id for key in ring.keys}
    assert len(told) >= 8


def test_one_volume_is_told_from_another(tmp_path: Path) -> None:
    """By the file system, also of what is not there yet, and through links."""
    assert same_volume(str(tmp_path), str(tmp_path / "a" / "b"))
    assert not same_volume(str(tmp_path), "/proc/self")
    (tmp_path / "link").symlink_to("/proc")
    assert not same_volume(str(tmp_path), str(tmp_path / "link"))
    with open(os.memfd_create("elsewhere"), "rb") as held:  # noqa: PTH123  # a descriptor
        assert not same_volume(str(tmp_path), f"/proc/self/fd/{held.fileno()}")
    assert same_volume("/proc/self", str(tmp_path / "link"))


def test_no_keys_are_made_where_there_may_be_some(tmp_path: Path) -> None:
    """A key file on a volume that is not mounted, or in a folder that cannot be read, is told."""
    (tmp_path / FILE_NAME).symlink_to("/nowhere/site-keys.json")
    with pytest.raises(SourceError, match=r"leads to .*nowhere/site-keys\.json"):
        open_keyring(str(tmp_path), FILE, passphrase=None, now=NOW)
    assert (tmp_path / FILE_NAME).is_symlink()
    (tmp_path / "round").symlink_to("round")
    with pytest.raises(SourceError, match="cannot be looked at"):
        has_keyring(str(tmp_path / "round"))

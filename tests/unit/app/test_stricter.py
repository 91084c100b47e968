"""What the trail of transfers says of a drop becomes an observation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.app import stricter
from sealgate.app.stores import registered_stores
from sealgate.app.stricter import RULE, stricter_uploads
from sealgate.database import sqlite_url
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Drop, Inventory
from sealgate.policy.observation import Fact, FactValue, NotObserved, Observation
from sealgate.policy.rules import find_rule
from sealgate.protocols.session.uploads import NOT_SEEN
from sealgate.register.adapters.store import Register
from sealgate.register.model import TransferRecord

PUBLIC, RESTRICTED, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
DROPS = (Drop("in", RESTRICTED, "file:/srv/in"), Drop("inbox", PUBLIC, "file:/srv/inbox"))
INVENTORY = Inventory("sealgate.toml", ".sealgate", drops=DROPS)


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    """An empty register."""
    with Register(sqlite_url(str(tmp_path / "register.sqlite"))) as opened:
        yield opened


def happened(action: str, place: str, result: str = "ok", rule: str = "") -> TransferRecord:
    """Return one record of the trail."""
    channel = ("sftp", "192.0.2.1", "SSH-2.0", "curve25519-sha256", "aes256-gcm@openssh.com", "")
    return TransferRecord(1.0, action, "anna", *channel, place, "restricted", 1, result, rule=rule)


def assessed(place: str, class_id: str = "confidential") -> TransferRecord:
    """Return that an upload was found to be of a stricter class, as the hooks note it."""
    return happened("assessment", place, f"iban, person-name: {class_id}", RULE)


def seen(register: Register, *records: TransferRecord) -> dict[str, FactValue]:
    """Return what is observed of each drop after *records*."""
    register.record_transfers(records)
    found = stricter_uploads(INVENTORY, register)
    assert all(s.fact is Fact.UPLOADS_STRICTER for s in found)
    return {s.asset: s.value for s in found if isinstance(s, Observation)}


def test_nobody_uploaded_and_nothing_is_said(register: Register) -> None:
    """A drop that nothing came to was not looked at; a login is no upload."""
    assert seen(register, happened("login", ""), happened("refusal", "in")) == {}


def test_what_was_found_is_told_of_its_drop(register: Register) -> None:
    """Each drop has its own files, also where one name begins with another."""
    assert seen(
        register,
        happened("upload", "in/a.csv"),
        assessed("in/a.csv"),
        happened("upload", "inbox/b.csv"),
    ) == {"drop in": ("in/a.csv",), "drop inbox": ()}


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ([happened("delete", "in/a.csv")], ()),
        ([happened("delete", "in/a.csv", "denied")], ("in/a.csv",)),
        ([happened("upload", "in/a.csv")], ()),
        ([happened("upload", "in/a.csv", "no space")], ("in/a.csv",)),
        ([happened("rename", "in/a.csv", "ok, to x/b.csv")], ("in/x/b.csv",)),
        ([happened("rename", "in/a.csv", "ok, to b.csv"), happened("delete", "in/b.csv")], ()),
        ([happened("rename", "in/c.csv", "ok, to a.csv")], ()),
        ([happened("delete", "in/b.csv")], ("in/a.csv",)),
    ],
)
def test_only_what_still_lies_there_counts(
    register: Register, then: list[TransferRecord], expected: tuple[str, ...]
) -> None:
    """Deleted or replaced it is gone, renamed it is elsewhere; what failed changed nothing."""
    found = seen(register, happened("upload", "in/a.csv"), assessed("in/a.csv"), *then)
    assert found == {"drop in": expected}


def test_a_renamed_folder_takes_its_files_along(register: Register) -> None:
    """A file is found under the folder's new name."""
    found = seen(register, assessed("in/x/a.csv"), happened("rename", "in/x", "ok, to y/z"))
    assert found == {"drop in": ("in/y/z/a.csv",)}


def test_a_drop_whose_class_was_raised_is_no_longer_exceeded(register: Register) -> None:
    """The class of today counts; one that is gone from the model counts as the strictest."""
    assert seen(register, assessed("in/a.csv", "restricted"), assessed("in/b.csv", "gone")) == {
        "drop in": ("in/b.csv",)
    }


@pytest.mark.parametrize(
    ("then", "expected"),
    [
        ([], {"drop in": ("in/[number].csv",)}),
        # Another file, whose masked name is the same, came or went.
        ([happened("upload", "in/[number].csv")], {"drop in": ("in/[number].csv",)}),
        (
            [happened("upload", "in/[number].csv"), happened("delete", "in/[number].csv")],
            {"drop in": ("in/[number].csv",)},
        ),
        # Each that came went again.
        ([happened("delete", "in/[number].csv")], {"drop in": ()}),
        (
            [happened("upload", "in/[number].csv"), *[happened("delete", "in/[number].csv")] * 2],
            {"drop in": ()},
        ),
        ([happened("rename", "in/[number].csv", "ok, to b.csv")], {"drop in": ("in/b.csv",)}),
        (
            [
                happened("upload", "in/[number].csv"),
                happened("rename", "in/[number].csv", "ok, to b.csv"),
            ],
            {"drop in": ("in/[number].csv", "in/b.csv")},
        ),
    ],
)
def test_a_masked_name_may_be_that_of_several_files(
    register: Register, then: list[TransferRecord], expected: dict[str, tuple[str, ...]]
) -> None:
    """What was found under it holds until nothing is left there."""
    before = [happened("upload", "in/[number].csv"), assessed("in/[number].csv")]
    assert seen(register, *before, *then) == expected


def gaps(register: Register, *records: TransferRecord) -> dict[str, str]:
    """Return why something could not be told of a drop after *records*."""
    register.record_transfers(records)
    found = stricter_uploads(INVENTORY, register)
    return {s.asset: s.reason for s in found if isinstance(s, NotObserved)}


@pytest.mark.parametrize("said", [NOT_SEEN, "not looked at"])
def test_what_could_not_be_looked_at_is_no_proof(register: Register, said: str) -> None:
    """A drop with such an upload is not known to hold nothing stricter, until it is gone."""
    came = [happened("upload", "in/a.bin"), happened("assessment", "in/a.bin", said)]
    [(asset, reason)] = gaps(register, *came).items()
    assert (asset, reason) == ("drop in", "not all of 1 uploads could be looked at")
    assert gaps(register, happened("delete", "in/a.bin")) == {}
    assert seen(register, *came, happened("upload", "in/b"), assessed("in/b")) == {
        "drop in": ("in/b",)
    }


def test_a_trail_that_is_too_long_is_no_proof(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happened before may still lie there; what needs no look does not count."""
    monkeypatch.setattr(stricter, "MAX_RECORDS", 2)
    register.record_transfers([happened("download", "in/a"), happened("upload", "in/a")])
    assert gaps(register, *[happened("login", "")] * 5) == {}
    told = gaps(register, happened("upload", "in/b"))
    assert told == dict.fromkeys(
        ("drop in", "drop inbox"), "only the newest 2 events of the trail were looked at"
    )


def test_an_audit_is_told(register: Register) -> None:
    """It comes with what else the register knows, and the rule that the hooks name exists."""
    register.record_transfers([assessed("in/a.csv")])
    _, sightings = registered_stores(INVENTORY, register)
    assert [s.asset for s in sightings] == ["drop in"]
    assert find_rule(RULE) is not None


def test_without_drops_the_trail_is_not_read(register: Register) -> None:
    """Nothing is asked of a register that has nothing to say."""
    register.record_transfers([assessed("in/a.csv")])
    assert stricter_uploads(Inventory("s", "."), register) == ()

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sealgate.app.sealing import (
    passphrase_recipient,
    read_identities,
    read_recipients,
    run_open,
    run_seal,
)
from sealgate.app.sealing_plan import Plan, plan_open, plan_seal
from sealgate.errors import SealgateError, SourceError, UsageError
from sealgate.storage.age.errors import KeyTextError, MixError
from sealgate.storage.age.keys import HybridIdentity, X25519Identity

ONE = X25519Identity.generate()


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with files, an empty folder and a link, and go to where it lies."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "share"
    (folder / "hr/empty").mkdir(parents=True)
    (folder / "press.txt").write_bytes(b"press")
    (folder / "hr/staff.csv").write_bytes(b"staff")
    return folder


def names(folder: Path) -> list[str]:
    """Return what lies in *folder*."""
    return sorted(path.name for path in folder.iterdir())


def targets(plan: Plan) -> dict[str, str]:
    """Return what becomes what."""
    return {job.source: job.target for job in plan.jobs}


def failures(results: object) -> list[SealgateError]:
    """Let *results* happen and return what went wrong."""
    return [error for _, error in results if error is not None]  # type: ignore[attr-defined]


def test_a_file_is_sealed_beside_itself(share: Path) -> None:
    """Or to where -o says: a file, or into a folder that is there."""
    assert targets(plan_seal(["share/press.txt"], None, force=False)) == {
        "share/press.txt": "share/press.txt.age"
    }
    assert targets(plan_seal(["share/press.txt"], "p.age", force=False)) == {
        "share/press.txt": "p.age"
    }
    (share.parent / "out").mkdir()
    assert targets(plan_seal(["share/press.txt"], "out", force=False)) == {
        "share/press.txt": "out/press.txt.age"
    }


def test_a_folder_becomes_a_tree(share: Path) -> None:
    """Each file keeps its name, empty folders stay, and it comes back the same."""
    plan = plan_seal(["share"], None, force=False)
    assert targets(plan) == {
        "share/press.txt": "share.age/press.txt.age",
        "share/hr/staff.csv": "share.age/hr/staff.csv.age",
    }
    assert failures(run_seal(plan, [ONE.recipient()])) == []
    back = plan_open(["share.age"], "back", force=False)
    assert failures(run_open(back, [ONE])) == []
    for path in share.rglob("*"):
        again = Path("back") / path.relative_to(share)
        assert again.is_dir() if path.is_dir() else again.read_bytes() == path.read_bytes()
    assert stat.S_IMODE(Path("back/hr/staff.csv").stat().st_mode) == 0o600
    assert stat.S_IMODE(Path("back/hr").stat().st_mode) == 0o700


def test_several_sources_go_into_one_folder(share: Path) -> None:
    """Files and folders together, under their own names."""
    plan = plan_seal(["share/press.txt", "share/hr"], "out", force=False)
    assert targets(plan) == {
        "share/press.txt": "out/press.txt.age",
        "share/hr/staff.csv": "out/hr.age/staff.csv.age",
    }
    assert failures(run_seal(plan, [ONE.recipient()])) == []
    assert (share.parent / "out/hr.age/empty").is_dir()


def test_what_is_no_regular_file_is_told(share: Path) -> None:
    """Links are never followed, and nothing is left out in silence."""
    (share / "link").symlink_to("/etc")
    (share / "hr/passwd").symlink_to("/etc/passwd")
    os.mkfifo(share / "pipe")
    plan = plan_seal(["share"], None, force=False)
    assert len(plan.jobs) == 2
    assert sorted(error.message for error in plan.refused) == [
        '"share/hr/passwd" is left out: it is no regular file',
        '"share/link" is left out: it is no regular file',
        '"share/pipe" is left out: it is no regular file',
    ]


def test_what_is_no_sealed_file_is_told(share: Path) -> None:
    """In a folder by its name; the others are opened."""
    assert (
        failures(run_seal(plan_seal(["share"], "sealed.age", force=False), [ONE.recipient()])) == []
    )
    (share.parent / "sealed.age/note").write_bytes(b"no seal")
    (share.parent / "sealed.age/fake.age").write_bytes(b"no seal")
    plan = plan_open(["sealed.age"], None, force=False)
    assert [error.message for error in plan.refused] == [
        '"note" does not end in .age, so what it becomes is not known'
    ]
    (error,) = failures(run_open(plan, [ONE]))
    assert "not a sealed file" in error.message
    assert names(Path("sealed")) == ["hr", "press.txt"]


def test_what_is_there_is_not_replaced(share: Path) -> None:
    """A name that nobody gave never costs a file; --force and -o do."""
    Path("share/press.txt.age").write_bytes(b"precious")
    (error,) = failures(
        run_seal(plan_seal(["share/press.txt"], None, force=False), [ONE.recipient()])
    )
    assert isinstance(error, UsageError)
    assert Path("share/press.txt.age").read_bytes() == b"precious"
    for out, force in ((None, True), ("share/press.txt.age", False)):
        plan = plan_seal(["share/press.txt"], out, force=force)
        assert failures(run_seal(plan, [ONE.recipient()])) == []
    (error, *_) = failures(run_open(plan_open(["share/press.txt.age"], None, force=False), [ONE]))
    assert "exists already" in error.message
    assert share.is_dir()


@pytest.mark.usefixtures("share")
@pytest.mark.parametrize(
    ("sources", "out", "told"),
    [
        (["-", "share"], None, "only input"),
        (["share"], "-", "only one file"),
        (["share/press.txt", "share/hr/staff.csv"], "-", "only one file"),
        (["share"], "share/sealed", "lies in"),
        (["share"], "share", "lies in"),
        (["share/press.txt", "./share/press.txt"], "out", "two files would become"),
        # An empty variable of a shell script must not mean this whole folder.
        ([""], None, "name of a file is empty"),
        (["share/press.txt"], "", "name of the output is empty"),
    ],
)
def test_what_means_nothing_is_refused(sources: list[str], out: str | None, told: str) -> None:
    """Before anything is written."""
    with pytest.raises(UsageError, match=told):
        plan_seal(sources, out, force=False)
    assert names(Path()) == ["share"]


def test_a_source_that_is_not_there_is_told(share: Path) -> None:
    """Before any other is sealed."""
    with pytest.raises(SourceError, match='"nowhere" cannot be read: no such file'):
        plan_seal(["share/press.txt", "nowhere"], None, force=False)
    assert not (share / "press.txt.age").exists()
    with pytest.raises(UsageError, match=r"does not end in \.age"):
        plan_open(["share/press.txt"], None, force=False)


@pytest.mark.usefixtures("share")
def test_the_folder_that_we_are_in_has_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The folder "." is sealed beside itself, as it would be from outside."""
    monkeypatch.chdir(tmp_path / "share")
    plan = plan_seal(["."], None, force=False)
    assert set(targets(plan).values()) == {
        str(tmp_path / "share.age/press.txt.age"),
        str(tmp_path / "share.age/hr/staff.csv.age"),
    }


def test_recipients_come_from_both_and_each_once(tmp_path: Path) -> None:
    """Named and from files; one that is named twice gets one stanza."""
    people = tmp_path / "people"
    two = X25519Identity.generate()
    people.write_text(f"{ONE.recipient()}\n{two.recipient()}\n")
    found = read_recipients([str(ONE.recipient())], [str(people)])
    assert [str(r) for r in found] == [str(ONE.recipient()), str(two.recipient())]
    people.write_text("age1wrong\n")
    with pytest.raises(KeyTextError, match='people": line 1: '):
        read_recipients([], [str(people)])
    with pytest.raises(MixError):
        read_recipients([str(ONE.recipient()), str(HybridIdentity.generate().recipient())], [])


def test_a_file_given_as_keys_by_mistake_is_told(tmp_path: Path) -> None:
    """A large one is not read to its end."""
    path = tmp_path / "big"
    path.write_bytes(bytes(3 << 20))
    with pytest.raises(KeyTextError, match="too long"):
        read_identities([str(path)], lambda _: "")
    path.write_bytes(b"no key")
    with pytest.raises(KeyTextError, match='big": line 1: '):
        read_identities([str(path)], lambda _: "")
    with pytest.raises(UsageError, match="empty"):
        passphrase_recipient("")

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from sealgate.policy.inventory import Drop
from sealgate.policy.protection import StorageRung
from sealgate.protocols.model import FileSession, Refusal, TransferError
from sealgate.protocols.session.context import SessionContext
from sealgate.protocols.session.drops import OpenDrop
from sealgate.protocols.session.session import DropSession
from sealgate.storage.age.keys import HybridIdentity
from sealgate.storage.age.stream import open_stream
from sealgate.storage.model import StorageError, Trouble
from sealgate.storage.paths import given
from tests.unit.protocols.session.dropped import ANNA, BEN, CHANNEL, Ground, get, put


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """Give a place for drops; its stores are closed in the end."""
    one = Ground(tmp_path)
    yield one
    one.close()


def refused(act: Callable[[], object], trouble: Trouble, said: str = "") -> TransferError:
    """Assert that *act* is answered with no, and why."""
    with pytest.raises(TransferError) as caught:
        act()
    assert caught.value.trouble is trouble
    assert said in caught.value.message
    return caught.value


def test_drops_are_the_folders_of_the_root(ground: Ground) -> None:
    """The root lists what admits the caller, and nothing else lives there."""
    ground.add("b")
    ground.add("a")
    session: FileSession = ground.session()
    assert [entry.path for entry in session.list(b"/")] == [("a",), ("b",)]
    assert session.stat("").is_folder
    assert session.stat("a").classification == "restricted"
    assert session.real_path("b/../a/./x") == "/a/x"
    refused(lambda: session.stat("/c"), Trouble.NOT_FOUND)
    refused(lambda: session.open_write("/x"), Trouble.NOT_FOUND)
    refused(lambda: session.open_write("/"), Trouble.DENIED)
    refused(lambda: session.open_write("/a"), Trouble.IS_FOLDER)
    refused(lambda: session.make_folder("/c"), Trouble.NOT_FOUND)
    refused(lambda: session.remove_folder("/a"), Trouble.DENIED)
    refused(lambda: session.rename("/a", "/b", replace=True), Trouble.UNSUPPORTED)


def test_what_is_uploaded_is_read_again(ground: Ground) -> None:
    """Content, size, time and owner come back; both ways are noted with the digest."""
    ground.add()
    session = ground.session()
    content = bytes(range(256)) * 9000
    upload = session.open_write("/in/a.bin")
    upload.write_at(0, memoryview(content)[:100_000])
    upload.write_at(100_000, bytearray(content[100_000:]))
    upload.set_modified(1234.0)
    upload.close()
    upload.close()
    entry = session.stat("in/a.bin")
    assert (entry.path, entry.size, entry.modified_at) == (("in", "a.bin"), len(content), 1234.0)
    assert entry.owner == "anna"
    assert get(session, "/in/a.bin") == content
    digest = hashlib.sha256(content).hexdigest()
    assert [(e.action, e.place, e.size, e.digest) for e in ground.events] == [
        ("upload", "in/a.bin", len(content), digest),
        ("download", "in/a.bin", len(content), digest),
    ]
    assert {e.key for e in ground.events} == {"SHA256:anna"}


def test_bytes_come_in_order_or_not_at_all(ground: Ground) -> None:
    """A hole and a step back are refused; what was taken before stays."""
    ground.add()
    upload = ground.session().open_write("in/a")
    upload.write_at(0, b"abc")
    for offset in (0, 2, 4):
        refused(partial(upload.write_at, offset, b"x"), Trouble.UNSUPPORTED, "3 is next")
    upload.write_at(3, b"d")
    upload.close()
    assert get(ground.session(), "in/a") == b"abcd"


def test_a_download_in_pieces_has_no_digest(ground: Ground) -> None:
    """What was not read from end to end in order is noted as part, and without a digest."""
    ground.add()
    session = ground.session()
    put(session, "in/a", b"0123456789")
    reader = session.open_read("in/a")
    assert reader.read_at(5, 3) == b"567"
    reader.close()
    reader.close()
    event = ground.events[-1]
    assert (event.action, event.size, event.result, event.digest) == ("download", 3, "partly", "")


def test_a_digest_is_known_for_one_version_only(ground: Ground) -> None:
    """A download has it whether this process saw the upload or not; another version has another."""
    ground.add()
    session = ground.session()
    for content in (b"first", b"second"):
        put(session, "in/a", content)
        for forget in (False, True):
            if forget:
                ground.digests._known.clear()
            for _ in range(2):
                get(session, "in/a")
                assert ground.events[-1].digest == hashlib.sha256(content).hexdigest()


def test_an_upload_that_breaks_off_is_resumed_by_its_owner(ground: Ground) -> None:
    """Its owner goes on where it stopped; another may not, and may begin anew."""
    ground.add()
    session = ground.session()
    first = b"a" * 200_000
    upload = session.open_write("in/a")
    upload.write_at(0, first)
    session.close()
    assert ground.told[-1] == ("upload", "in/a", "broken off")
    session = ground.session()
    size = session.stat("in/a").size
    assert 0 < size <= len(first)
    assert session.stat("in/a").partial
    refused(lambda: ground.session(BEN).open_write("in/a", resume=True), Trouble.DENIED)
    upload = session.open_write("in/a", resume=True)
    assert upload.offset == size
    upload.write_at(size, first[size:] + b"end")
    upload.close()
    assert get(session, "in/a") == first + b"end"
    assert ground.events[-2].digest == ""


def test_a_whole_file_is_no_part_of_an_upload(ground: Ground) -> None:
    """Whoever goes on with a part does so with that alone; behind a whole file only an append is meant."""
    ground.add()
    session = ground.session()
    upload = session.open_write("in/a")
    upload.write_at(0, b"a" * 200_000)
    session.close()
    session = ground.session()
    upload = session.open_write("in/a", resume=True, part_only=True)
    upload.write_at(upload.offset, b"end")
    upload.close()
    whole = get(session, "in/a")
    refused(
        lambda: session.open_write("in/a", resume=True, part_only=True),
        Trouble.UNSUPPORTED,
        "whole file",
    )
    assert get(session, "in/a") == whole
    upload = session.open_write("in/a", resume=True)
    upload.write_at(upload.offset, b"more")
    upload.close()
    assert get(session, "in/a") == whole + b"more"


def test_lists_of_a_drop_hold(ground: Ground) -> None:
    """Each action that a list narrows is refused to who is not on it, with nothing changed."""
    ground.add(write=("group:partners",), delete=("user:nobody",), read=("group:partners",))
    put(ground.session(), "in/a", b"x")
    anna, ben = ground.session(), ground.session(BEN)
    assert [entry.path[-1] for entry in ben.list("in")] == ["a"]
    refused(lambda: ben.open_read("in/a"), Trouble.DENIED, "read")
    refused(lambda: ben.open_write("in/b"), Trouble.DENIED, "write")
    refused(lambda: ben.make_folder("in/f"), Trouble.DENIED, "write")
    refused(lambda: ben.set_modified("in/a", 1.0), Trouble.DENIED, "write")
    refused(lambda: anna.remove("in/a"), Trouble.DENIED, "delete")
    refused(lambda: anna.rename("in/a", "in/b", replace=False), Trouble.DENIED, "delete")
    refused(lambda: anna.open_write("in/a"), Trouble.DENIED, "delete")
    refused(lambda: anna.open_write("in/a", resume=True), Trouble.DENIED, "delete")
    assert get(anna, "in/a") == b"x"
    blind = ground.add("blind", listing=())
    refused(lambda: ground.session().list("blind"), Trouble.DENIED, "list")
    assert blind.store.stat(()).is_folder


def test_a_client_that_renames_its_part_needs_no_right_to_delete(ground: Ground) -> None:
    """WinSCP uploads ``NAME.filepart`` and renames: that is an upload, unless it replaces."""
    ground.add(delete=(), file_names=("*.csv",))
    session = ground.session()
    put(session, "in/a.csv.filepart", b"x")
    session.rename("in/a.csv.filepart", "in/a.csv", replace=False)
    assert get(session, "in/a.csv") == b"x"
    put(session, "in/a.csv.filepart", b"y")
    refused(lambda: session.rename("in/a.csv.filepart", "in/a.csv", replace=True), Trouble.DENIED)
    refused(lambda: session.rename("in/a.csv", "in/b.csv", replace=True), Trouble.DENIED)


def test_names_follow_the_rules_of_the_drop(ground: Ground) -> None:
    """Patterns, collisions and names that nobody should have are refused, at a rename too."""
    ground.add(file_names=("*.csv", "report-?.txt"))
    session = ground.session()
    put(session, "in/A.csv", b"x")
    put(session, "in/report-1.txt", b"x")
    refused(lambda: session.open_write("in/a.exe"), Trouble.BAD_NAME, "*.csv or report-?.txt")
    refused(lambda: session.open_write("in/a.csv"), Trouble.BAD_NAME, "case")
    refused(lambda: session.rename("in/report-1.txt", "in/x.exe", replace=False), Trouble.BAD_NAME)
    refused(lambda: session.rename("in/report-1.txt", "in/a.csv", replace=True), Trouble.BAD_NAME)
    session.rename("in/A.csv", "in/a.csv", replace=False)
    refused(lambda: session.make_folder("in/A.CSV"), Trouble.BAD_NAME, "case")
    for name in ("in/..\\x", b"in/\xff", "in/nul", "in/.sealgate-quarantine/x"):
        refused(partial(session.open_write, name), Trouble.BAD_NAME)
    session.remove("in/a.csv")
    put(session, "in/A.csv", b"again")


def test_files_have_a_largest_size(ground: Ground) -> None:
    """The byte that is too much is refused; nothing is there then, not even a part."""
    ground.add(max_file_bytes=10)
    session = ground.session()
    upload = session.open_write("in/a")
    upload.write_at(0, b"0123456789")
    refused(lambda: upload.write_at(10, b"x"), Trouble.QUOTA, "at most 10 bytes")
    upload.abort()
    refused(lambda: session.open_read("in/a"), Trouble.NOT_FOUND)
    refused(lambda: session.stat("in/a"), Trouble.NOT_FOUND)
    assert list(session.list("in")) == []
    action, place, result = ground.told[-1]
    assert (action, place) == ("upload", "in/a")
    assert "at most 10 bytes" in result


def test_exclusive_and_replacing(ground: Ground) -> None:
    """``exclusive`` finds what is there; an upload replaces only when it ends."""
    ground.add()
    session = ground.session()
    put(session, "in/a", b"old")
    refused(lambda: session.open_write("in/a", exclusive=True), Trouble.EXISTS)
    upload = session.open_write("in/a")
    upload.write_at(0, b"new")
    assert get(session, "in/a") == b"old"
    upload.close()
    assert get(session, "in/a") == b"new"
    race = session.open_write("in/b", exclusive=True)
    race.write_at(0, b"1")
    put(ground.session(), "in/c", b"x")
    ground.drops["in"].store.rename(("c",), ("b",), replace=False)
    refused(race.close, Trouble.EXISTS)
    assert get(session, "in/b") == b"x"


def test_folders_come_and_go(ground: Ground) -> None:
    """Folders are made, filled, renamed and removed, each with its event."""
    ground.add()
    session = ground.session()
    session.make_folder("in/f")
    put(session, "in/f/a", b"x")
    session.rename("in/f", "in/g", replace=False)
    assert [e.path for e in session.list("in/g")] == [("in", "g", "a")]
    refused(lambda: session.list("in/g/a"), Trouble.NOT_FOLDER)
    refused(lambda: session.remove_folder("in/g"), Trouble.NOT_EMPTY)
    session.remove("in/g/a")
    session.remove_folder("in/g")
    assert [event[:2] for event in ground.told] == [
        ("folder", "in/f"),
        ("upload", "in/f/a"),
        ("rename", "in/f"),
        ("delete", "in/g/a"),
        ("delete", "in/g"),
    ]
    assert session.space("in").total_bytes > 0
    assert session.space("/").total_bytes == 0


def test_a_session_that_is_cut_gets_no_further(ground: Ground) -> None:
    """Neither what is open nor what is asked for goes on; what was begun can be resumed."""
    ground.add()
    session = ground.session()
    put(session, "in/a", b"x" * 10)
    reader = session.open_read("in/a")
    upload = session.open_write("in/b")
    upload.write_at(0, b"y" * 100_000)
    listing = session.list("in")
    session.cut(Refusal("", "you are no longer admitted"))
    for act in (
        lambda: reader.read_at(0, 1),
        lambda: upload.write_at(100_000, b"y"),
        upload.close,
        lambda: next(listing),
        lambda: session.stat("in/a"),
        lambda: session.list("/"),
    ):
        refused(act, Trouble.DENIED, "no longer")
    session.close()
    assert ground.session().stat("in/b").partial


def test_a_drop_that_is_taken_away_ends_what_is_open_in_it(ground: Ground) -> None:
    """After the drop is gone for a caller, open files of it stop; others go on."""
    ground.add("in")
    ground.add("out")
    session = ground.session()
    gone, stays = session.open_write("in/a"), session.open_write("out/a")
    session.admit(ANNA, {"out": ground.drops["out"]}, {})
    refused(lambda: gone.write_at(0, b"x"), Trouble.DENIED)
    stays.write_at(0, b"x")
    stays.close()
    session.close()


def test_a_drop_below_its_class_is_refused_with_the_rule(ground: Ground) -> None:
    """It is not listed; who names it is told the rule, and the trail has it."""
    ground.add("in")
    against = Refusal("access-no-key", '"paper" is confidential: a key is required', "use a key")
    session = DropSession(ANNA, CHANNEL, ground.drops, {"paper": against}, ground.context)
    assert [entry.path for entry in session.list("/")] == [("in",)]
    error = refused(lambda: session.stat("/paper/x"), Trouble.DENIED, "a key is required")
    assert (error.rule, error.hint) == ("access-no-key", "use a key")
    assert ground.events[-1].action == "refusal"
    assert ground.events[-1].rule == "access-no-key"


def test_what_is_sealed_elsewhere_is_delivered_sealed(ground: Ground) -> None:
    """Under ``NAME.age`` come the sealed bytes, in their own size; under ``NAME`` none do."""
    identity = HybridIdentity.generate()
    recipients = (str(identity.recipient()),)
    ground.add("safe", "secret", rung=StorageRung.HIGHLY_ENCRYPTED, recipients=recipients)
    session = ground.session()
    put(session, "safe/a.txt", b"only elsewhere")
    [entry] = session.list("safe")
    sealed = get(session, "safe/a.txt.age")
    assert entry.path == ("safe", "a.txt.age")
    assert entry.size == len(sealed) == session.stat("safe/a.txt.age").size
    assert session.stat("safe/a.txt").size == len(b"only elsewhere")
    refused(lambda: session.open_read("safe/a.txt"), Trouble.SEALED_ELSEWHERE, ".age")
    file = ground.folder / "out"
    file.write_bytes(sealed)
    with file.open("rb") as source:
        opened = open_stream(source, [identity])
        assert b"".join(bytes(block) for block in opened.blocks()) == b"only elsewhere"
    session.rename("safe/a.txt.age", "safe/b.txt.age", replace=False)
    session.remove("safe/b.txt")
    assert list(session.list("safe")) == []


def test_a_name_that_would_be_delivered_as_another_is_refused(ground: Ground) -> None:
    """``a.age`` beside ``a`` would be two files of one name; elsewhere it is a name as any other."""
    recipients = (str(HybridIdentity.generate().recipient()),)
    ground.add("safe", "secret", rung=StorageRung.HIGHLY_ENCRYPTED, recipients=recipients)
    ground.add()
    session = ground.session()
    put(session, "safe/a", b"1")
    put(session, "safe/b.age", b"2")
    put(session, "safe/c", b"3")
    for act in (
        lambda: session.open_write("safe/a.age"),
        lambda: session.open_write("safe/b"),
        lambda: session.rename("safe/c.age", "safe/b", replace=True),
    ):
        refused(act, Trouble.BAD_NAME, "would be mixed up with another")
    assert sorted(e.path[-1] for e in session.list("safe")) == ["a.age", "b.age.age", "c.age"]
    put(session, "in/a", b"1")
    put(session, "in/a.age", b"2")


def test_a_drop_that_takes_a_grant_is_shut_without_one(ground: Ground) -> None:
    """Whoever hands a session such a drop and no grant opens nothing by that."""
    recipients = (str(HybridIdentity.generate().recipient()),)
    ground.add("safe", "secret", rung=StorageRung.HIGHLY_ENCRYPTED, recipients=recipients)
    session = DropSession(ANNA, CHANNEL, ground.drops, {}, ground.context)
    assert list(session.list("/")) == []
    refused(lambda: session.stat("safe"), Trouble.DENIED, "your grant ran out")


def test_faults_of_the_store_are_told_without_its_places(ground: Ground) -> None:
    """The client learns what, the operator where; an error of ours is no traceback either."""
    drop = ground.add()
    session = ground.session()
    put(session, "in/a", b"x" * 100)
    [held] = [p for p in (ground.folder / "in").rglob("*") if p.stat().st_size == 100]
    held.write_bytes(b"y" * 100)
    error = refused(lambda: get(session, "in/a"), Trouble.TAMPERED)
    assert str(ground.folder) not in error.message
    assert ground.complaints

    class Broken:
        """A store that has a bug."""

        rung, is_remote = drop.store.rung, False

        def stat(self, path: object) -> None:
            """Fail in a way that nobody foresaw."""
            raise ValueError(f"secret {path}")

    bad = Drop("bad", drop.drop.classification, "", drop.drop.admit)
    opened = OpenDrop(bad, Broken())  # type: ignore[arg-type]  # it has a bug
    broken = DropSession(ANNA, CHANNEL, {"bad": opened}, {}, ground.context)
    refused(lambda: broken.stat("bad/x"), Trouble.FAILED, "the server failed")
    assert ground.complaints[-1] == "ValueError in a session"


def test_is_remote_never_raises(ground: Ground) -> None:
    """Whatever the path, there is an answer."""
    ground.add()
    session = ground.session()
    for path in ("in/a", "", "/", "x", b"\xff", "a\0"):
        assert not session.is_remote(path)


def test_leaving_is_told(ground: Ground) -> None:
    """The authenticator hears of each session that closes."""
    left: list[DropSession] = []
    context = SessionContext(
        ground.events.append, ground.complaints.append, ground.now, None, left.append
    )
    session = DropSession(ANNA, CHANNEL, {}, {}, context)
    session.close()
    assert left == [session]
    with pytest.raises(StorageError):
        ground.add().store.stat(("nothing",))


@pytest.mark.parametrize("rung", [StorageRung.PROTECTED, StorageRung.HIGHLY_ENCRYPTED])
def test_a_session_sees_its_own_upload_under_way(ground: Ground, rung: StorageRung) -> None:
    """By stat and in listings, however it is spelled; nobody else sees it before its end."""
    own_keys = (str(HybridIdentity.generate().recipient()),) if rung > StorageRung.ENCRYPTED else ()
    ground.add("d", rung=rung, recipients=own_keys)
    session, other, stranger = ground.session(), ground.session(), ground.session(BEN)
    upload = session.open_write("/d/new")
    assert session.stat("/d/new").size == 0
    assert session.stat("d/./x/../new").owner == "anna"
    upload.write_at(0, b"x" * 300_000)
    assert session.stat("/d/new").size == 300_000
    assert [(one.path, one.size) for one in session.list("/d")] == [(("d", "new"), 300_000)]
    session.set_modified("/d/new", 5.0)
    assert session.stat("/d/new").modified_at == 5.0
    for someone in (other, stranger):
        refused(lambda who=someone: who.stat("/d/new"), Trouble.NOT_FOUND)  # type: ignore[misc]
        assert list(someone.list("/d")) == []
        refused(lambda who=someone: who.open_read("/d/new"), Trouble.NOT_FOUND)  # type: ignore[misc]
    refused(lambda: session.rename("/d/new", "/d/newer", replace=False), Trouble.BUSY, "close it")
    refused(lambda: session.remove("/d/new"), Trouble.BUSY, "close it")
    refused(lambda: session.open_write("/d/new"), Trouble.BUSY)
    upload.close()
    ending = ".age" if rung > StorageRung.ENCRYPTED else ""
    assert [one.path for one in other.list("/d")] == [("d", f"new{ending}")]
    assert other.stat("/d/new").modified_at == 5.0


def test_an_upload_that_replaces_is_seen_in_its_own_session_alone(ground: Ground) -> None:
    """Others see and read the old file until the new one is whole, or for good when it broke off."""
    ground.add("d")
    put(ground.session(), "/d/a", b"old one")
    session, other = ground.session(), ground.session(BEN)
    upload = session.open_write("/d/a")
    upload.write_at(0, b"new")
    assert session.stat("/d/a").size == 3
    assert [one.size for one in session.list("/d")] == [3]
    assert other.stat("/d/a").size == 7
    assert get(other, "/d/a") == b"old one"
    upload.abort()
    assert session.stat("/d/a").size == 7
    assert [one.size for one in session.list("/d")] == [7]


@pytest.mark.parametrize(
    "temporary",
    [".in.a", "a.1a2b3c4d.partial", "a-restic-temp-123", "a.filepart", "a.tmp", "upload-77"],
)
def test_its_own_new_object_gets_its_name_without_a_right_to_delete(
    ground: Ground, temporary: str
) -> None:
    """Once, to a name that is free; then it is there as any other."""
    ground.add(delete=())
    session = ground.session()
    put(session, f"in/{temporary}", b"new")
    session.rename(f"in/{temporary}", "in/a", replace=True)
    assert get(session, "in/a") == b"new"
    refused(lambda: session.rename("in/a", "in/b", replace=False), Trouble.DENIED)
    put(session, f"in/{temporary}", b"again")
    refused(lambda: session.rename(f"in/{temporary}", "in/a", replace=True), Trouble.DENIED)
    refused(lambda: session.remove(f"in/{temporary}"), Trouble.DENIED)
    refused(lambda: put(session, f"in/{temporary}", b"once more"), Trouble.DENIED)
    assert get(session, "in/a") == b"new"


def test_a_program_may_rename_over_another_connection(ground: Ground) -> None:
    """Rclone uploads over one and renames over the next: the temporary name tells."""
    ground.add(delete=())
    put(ground.session(), "in/a.1a2b3c4d.partial", b"new")
    ground.session().rename("in/a.1a2b3c4d.partial", "in/a", replace=False)
    assert get(ground.session(), "in/a") == b"new"


def test_nobody_takes_a_file_away_by_renaming_it(ground: Ground) -> None:
    """Neither that of others, nor what was delivered before, nor a folder with what lies in it."""
    ground.add(delete=())
    anna, ben = ground.session(), ground.session(BEN)
    put(anna, "in/report.csv", b"final")
    put(anna, "in/x.tmp", b"anna's")
    later = ground.session()
    refused(lambda: later.rename("in/report.csv", "in/gone", replace=False), Trouble.DENIED)
    refused(lambda: later.rename("in/report.csv", "in/r.tmp", replace=False), Trouble.DENIED)
    refused(lambda: ben.rename("in/x.tmp", "in/mine", replace=False), Trouble.DENIED)
    refused(lambda: ben.rename("in/report.csv", "in/mine", replace=False), Trouble.DENIED)
    anna.make_folder("in/folder.tmp")
    put(ben, "in/folder.tmp/his", b"his")
    refused(lambda: anna.rename("in/folder.tmp", "in/folder", replace=False), Trouble.DENIED)
    for _ in range(70_000):  # a minute, by a clock of a millisecond for each look
        ground.now()
    refused(lambda: anna.rename("in/report.csv", "in/gone", replace=False), Trouble.DENIED)


def test_a_new_name_that_is_taken_meanwhile_is_not_taken_over(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the rename somebody else may have delivered there."""
    drop = ground.add(delete=())
    anna, ben = ground.session(), ground.session(BEN)
    put(anna, "in/a.tmp", b"anna's")
    rename = type(drop.store).rename

    def late(*arguments: object, **more: object) -> None:
        put(ben, "in/a", b"ben's")
        rename(*arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(drop.store), "rename", late)
    refused(lambda: anna.rename("in/a.tmp", "in/a", replace=True), Trouble.EXISTS)
    assert get(ben, "in/a") == b"ben's"


NFC, NFD = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize("rung", [StorageRung.NONE, StorageRung.HIGHLY_ENCRYPTED])
def test_a_name_is_told_as_it_was_given(ground: Ground, rung: StorageRung) -> None:
    """And found by either spelling: both are one file, told as it was written last."""
    sealed = rung > StorageRung.ENCRYPTED
    keys = (str(HybridIdentity.generate().recipient()),) if sealed else ()
    ending = ".age" if sealed else ""
    ground.add(rung=rung, recipients=keys)
    session = ground.session()

    def told(folder: str = "in") -> list[str]:
        return [given(one.path[-1]) for one in ground.session().list(folder)]

    assert session.real_path(f"in/{NFD}") == f"/in/{NFD}"
    session.make_folder(f"in/{NFD}")
    assert told() == [NFD]
    refused(lambda: session.make_folder(f"in/{NFC}"), Trouble.EXISTS)
    put(session, f"in/{NFC}/x{NFD}", b"first")
    assert told(f"in/{NFD}") == [f"x{NFD}{ending}"]
    assert given(session.stat(f"in/{NFC}/x{NFC}{ending}").path[-1]) == f"x{NFD}{ending}"
    put(session, f"in/{NFD}/x{NFC}", b"second")
    assert told(f"in/{NFC}") == [f"x{NFC}{ending}"]
    session.rename(f"in/{NFC}/x{NFC}", f"in/{NFC}/y{NFD}", replace=False)
    assert told(f"in/{NFC}") == [f"y{NFD}{ending}"]
    session.rename(f"in/{NFC}/y{NFD}", f"in/{NFC}/y{NFC}", replace=False)
    assert told(f"in/{NFC}") == [f"y{NFC}{ending}"]
    session.rename(f"in/{NFC}", f"in/b{NFD}", replace=False)
    assert told() == [f"b{NFD}"]
    assert told(f"in/b{NFC}") == [f"y{NFC}{ending}"]
    session.remove(f"in/b{NFC}/y{NFD}{ending}")
    assert told(f"in/b{NFC}") == []
    assert any(event.place == f"in/{NFC}/x{NFD}" for event in ground.events)
    upload = session.open_write(f"in/z{NFD}")
    assert given(session.stat(f"in/z{NFC}").path[-1]) == f"z{NFD}"
    upload.close()

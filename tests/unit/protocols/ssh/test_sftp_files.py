"""Open files: order, resume, truncation, and what is refused at the close."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.protocols.model import TransferError
from sealgate.protocols.ssh.sftp_files import MAX_HELD_BYTES, Handles, Writing, open_file
from sealgate.protocols.ssh.sftp_packets import MAX_HANDLES, OpenFlag
from sealgate.storage.model import Trouble
from tests.unit.protocols.ssh.ssh_plain import PlainFiles

NEW = OpenFlag.WRITE | OpenFlag.CREATE | OpenFlag.TRUNCATE
KEEP = OpenFlag.WRITE | OpenFlag.CREATE


@pytest.fixture
def files(tmp_path: Path) -> PlainFiles:
    """Give a session over an empty folder."""
    return PlainFiles(tmp_path)


def writing(files: PlainFiles, flags: int, name: bytes = b"/a") -> Writing:
    """Open *name* for writing."""
    handle = open_file(files, name, flags, remote=False)
    assert isinstance(handle, Writing)
    return handle


def test_writes_that_overtake_each_other_are_put_in_order(files: PlainFiles) -> None:
    """The later bytes wait for the earlier ones."""
    handle = writing(files, NEW)
    for offset, data in ((6, b"zwo"), (3, b"ins"), (0, b"e++"), (9, b"!")):
        handle.write(files, offset, memoryview(data))
    handle.close(files)
    assert (files.root / "a").read_bytes() == b"e++inszwo!"


@given(st.permutations(range(12)), st.integers(1, 9))
def test_any_order_gives_the_same_file(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], size: int
) -> None:
    """Law: whatever the order within the window, the bytes are those of their offsets."""
    files = PlainFiles(tmp_path_factory.mktemp("order"))
    handle = writing(files, NEW)
    for number in order:
        handle.write(files, number * size, memoryview(bytes([number]) * size))
    handle.close(files)
    assert (files.root / "a").read_bytes() == b"".join(bytes([n]) * size for n in range(12))


def test_a_hole_that_stays_is_refused_at_the_close(files: PlainFiles) -> None:
    """Nothing appears, and what is whole stays resumable."""
    handle = writing(files, NEW)
    handle.write(files, 0, memoryview(b"one"))
    handle.write(files, 5, memoryview(b"two"))
    with pytest.raises(TransferError, match="never came"):
        handle.close(files)
    assert not (files.root / "a").exists()
    assert files.aborted == ["a"]


def test_what_is_held_is_limited(files: PlainFiles) -> None:
    """A client cannot park more than the window here."""
    handle = writing(files, NEW)
    half = memoryview(bytes(MAX_HELD_BYTES // 2))
    handle.write(files, 10, half)
    handle.write(files, 10 + len(half), half)
    with pytest.raises(TransferError, match="hole"):
        handle.write(files, 10 + 2 * len(half), memoryview(b"x"))
    handle.abort()


def test_a_step_back_is_refused(files: PlainFiles) -> None:
    """Bytes that are sealed are not replaced."""
    handle = writing(files, NEW)
    handle.write(files, 0, memoryview(b"one"))
    with pytest.raises(TransferError, match="cannot be replaced") as caught:
        handle.write(files, 1, memoryview(b"x"))
    assert caught.value.trouble is Trouble.UNSUPPORTED
    handle.abort()


def test_after_a_failed_write_nothing_is_taken(files: PlainFiles) -> None:
    """A client that goes on regardless does not get a shorter file acknowledged."""
    files.quota_bytes = 4
    handle = writing(files, NEW)
    handle.write(files, 0, memoryview(b"1234"))
    # Each of the writes that are on their way tells why.
    for _ in range(3):
        with pytest.raises(TransferError, match="quota"):
            handle.write(files, 4, memoryview(b"5"))
    with pytest.raises(TransferError, match="a write failed before"):
        handle.close(files)
    assert not (files.root / "a").exists()


def test_without_truncation_the_first_write_tells_what_is_meant(files: PlainFiles) -> None:
    """At the end: an append; at 0: a new file, which must not be shorter; else: no."""
    (files.root / "a").write_bytes(b"12345")
    handle = writing(files, KEEP)
    handle.write(files, 5, memoryview(b"67"))
    handle.close(files)
    assert (files.root / "a").read_bytes() == b"1234567"
    handle = writing(files, KEEP)
    handle.write(files, 0, memoryview(b"abcdefgh"))
    handle.close(files)
    assert (files.root / "a").read_bytes() == b"abcdefgh"
    handle = writing(files, KEEP)
    handle.write(files, 0, memoryview(b"xyz"))
    with pytest.raises(TransferError, match="truncate it first"):
        handle.close(files)
    handle = writing(files, KEEP)
    with pytest.raises(TransferError, match="write from 0 or go on at its end"):
        handle.write(files, 2, memoryview(b"xyz"))
    assert (files.root / "a").read_bytes() == b"abcdefgh"


def test_truncation_to_nothing_and_to_its_size(files: PlainFiles) -> None:
    """Any other size is refused."""
    (files.root / "a").write_bytes(b"12345")
    handle = writing(files, KEEP)
    handle.truncate(files, 5)
    with pytest.raises(TransferError, match="cut to nothing or not at all"):
        handle.truncate(files, 3)
    handle.truncate(files, 0)
    handle.write(files, 0, memoryview(b"ab"))
    handle.close(files)
    assert (files.root / "a").read_bytes() == b"ab"


def test_opening_and_closing_changes_nothing(files: PlainFiles) -> None:
    """As ``touch`` does it: the bytes stay, the time that was asked for is set."""
    (files.root / "a").write_bytes(b"12345")
    handle = writing(files, KEEP)
    handle.modified_at = 1_000_000_000.0
    handle.close(files)
    assert (files.root / "a").read_bytes() == b"12345"
    assert (files.root / "a").stat().st_mtime == 1_000_000_000


def test_appending_ignores_the_offset(files: PlainFiles) -> None:
    """SFTP says that with APPEND data go to the end (6.3)."""
    (files.root / "a").write_bytes(b"123")
    handle = writing(files, OpenFlag.WRITE | OpenFlag.APPEND)
    handle.write(files, 0, memoryview(b"45"))
    handle.close(files)
    assert (files.root / "a").read_bytes() == b"12345"


@pytest.mark.parametrize(
    ("flags", "there", "trouble"),
    [
        (OpenFlag.WRITE, False, Trouble.NOT_FOUND),
        (OpenFlag.WRITE | OpenFlag.TRUNCATE, False, Trouble.NOT_FOUND),
        (NEW | OpenFlag.EXCLUSIVE, True, Trouble.EXISTS),
        (OpenFlag.READ, False, Trouble.NOT_FOUND),
    ],
)
def test_flags_mean_what_they_say(
    files: PlainFiles,
    flags: int,
    there: bool,  # noqa: FBT001  # a column of the table
    trouble: Trouble,
) -> None:
    """Without CREATE nothing is made, with EXCLUSIVE nothing replaced."""
    if there:
        (files.root / "a").write_bytes(b"x")
    with pytest.raises(TransferError) as caught:
        open_file(files, b"/a", flags, remote=False)
    assert caught.value.trouble is trouble


def test_open_files_are_counted(files: PlainFiles) -> None:
    """One more than the limit is refused, and an abort lets go of all."""
    handles = Handles()
    for number in range(MAX_HANDLES):
        handles.check_room()
        handles.add(writing(files, NEW, b"/f%d" % number))
    with pytest.raises(TransferError, match="files are open"):
        handles.check_room()
    handles.abort()
    assert len(files.aborted) == MAX_HANDLES
    assert not handles.any_open()

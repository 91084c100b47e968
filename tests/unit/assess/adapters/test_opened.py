from __future__ import annotations

import io
import os
import zlib
from typing import TYPE_CHECKING

import pytest

from sealgate.assess.adapters.opened import (
    HEAD_BYTES,
    PIECE_BYTES,
    NotAFileError,
    OpenableFile,
    as_utf8,
    encoding_of,
    open_regular,
    pieces,
    read_head,
    why,
)
from sealgate.assess.model import Missed, Text

if TYPE_CHECKING:
    from pathlib import Path

SAMPLE = "Jürgen Müller, Königsstraße 3, 日本, 🔒\n"


def decoded(data: bytes) -> tuple[str, list[Missed]]:
    """Return the text that *data* is read as, and what was told beside it."""
    contents = list(as_utf8(io.BytesIO(data)))
    text = b"".join(c.data for c in contents if isinstance(c, Text))
    return text.decode("utf-8"), [c for c in contents if isinstance(c, Missed)]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"]
)
@pytest.mark.parametrize("repeat", [1, 30_000])
def test_unicode_is_read_whatever_its_form(encoding: str, repeat: int) -> None:
    """With a mark or without, short or over many pieces, the text is the same."""
    # Without a mark, UTF-16 is known by Latin script.
    sample = "Juergen Mueller, Koenigsstrasse 3\n" if encoding[-2:] in {"le", "be"} else SAMPLE
    assert decoded((sample * repeat).encode(encoding)) == (sample * repeat, [])


@pytest.mark.parametrize("shift", range(4))
def test_a_character_over_two_pieces_stays_whole(shift: int) -> None:
    """Wherever a piece ends, no character is cut."""
    text = "x" * (PIECE_BYTES - shift) + "🔒" * PIECE_BYTES
    assert decoded(text.encode()) == (text, [])


def test_latin_1_is_read_without_a_word() -> None:
    """Bytes that never were UTF-8 are Latin-1, which nobody has to be told."""
    text = "J\xfcrgen\n" * 99_999
    assert decoded(text.encode("latin-1")) == (text, [])


def test_utf_8_that_breaks_is_read_on_and_told() -> None:
    """What stands behind the break is read as Latin-1."""
    good = "Jürgen\n" * 99_999
    text, missed = decoded(good.encode() + b"J\xfcrgen\n")
    assert text.endswith("\nJ\xfcrgen\n")
    assert [m.partly for m in missed] == [True]


def test_a_character_that_is_cut_at_the_end_is_read() -> None:
    """The first bytes of a character at the end of a file are Latin-1."""
    assert decoded("Jü".encode()[:-1])[0] == "J\xc3"


@pytest.mark.parametrize("data", ["Jürgen".encode("utf-16")[:-1], b"\xff\xfe\x00\xd8a\x00"])
def test_broken_utf_16_is_told(data: bytes) -> None:
    """Half a character or half a pair does not stop the reading, and is told."""
    _, missed = decoded(data)
    assert [m.partly for m in missed] == [True]


@pytest.mark.parametrize(
    "head",
    [
        bytes(range(256)),
        b"\x7fELF\x02\x01\x01\x00" * 9,
        b"\x00" * 64,
        bytes.fromhex("d3d94f1c0a97e6b55108f27ac4603b8e") + b"\x00\x01\xff",
    ],
)
def test_binary_data_is_no_text(head: bytes) -> None:
    """Control characters in number, and bytes that are no UTF-8 with any, are no text."""
    assert encoding_of(head) is None


def test_a_log_with_a_few_zeros_is_text() -> None:
    """What a crash leaves in a log does not make it unreadable."""
    assert encoding_of(b"walnut bowl\n" * 99 + b"\x00\x00") == ("utf-8", 0)
    assert encoding_of(b"\x1b[31mred\x1b[0m\n") == ("utf-8", 0)


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    """A pipe in a file's place does not block, and is told."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NotAFileError):
        open_regular(str(tmp_path / "pipe"))
    with pytest.raises(FileNotFoundError):
        open_regular(str(tmp_path / "nowhere"))


def test_a_file_is_read_in_pieces(tmp_path: Path) -> None:
    """Pieces are bounded and make the whole; the head is the beginning."""
    data = os.urandom(2 * PIECE_BYTES + 7)
    (tmp_path / "A.TXT").write_bytes(data)
    path = str(tmp_path / "A.TXT")
    file = OpenableFile(path, lambda: open_regular(path))
    with file.open() as stream:
        read = list(pieces(stream))
    assert b"".join(read) == data
    assert max(map(len, read)) <= PIECE_BYTES
    assert read_head(file) == data[:HEAD_BYTES]
    assert (file.name, file.ending) == ("A.TXT", ".txt")


def test_a_packed_file_is_named_without_its_packing() -> None:
    """The ending that counts is that of what is inside."""
    file = OpenableFile("/srv/rows.CSV.gz", io.BytesIO, packed=True)
    assert (file.name, file.ending) == ("rows.CSV", ".csv")


@pytest.mark.parametrize(
    "error",
    [
        PermissionError(13, "value"),
        FileNotFoundError(2, "value"),
        OSError(5, "value"),
        NotAFileError("value"),
        zlib.error("value"),
        EOFError("value"),
        OSError("value"),
    ],
)
def test_reasons_do_not_quote(error: Exception) -> None:
    """Why something could not be read never has the words of whoever failed."""
    assert why(error)
    assert "value" not in why(error)

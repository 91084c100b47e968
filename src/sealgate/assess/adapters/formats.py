"""
Which format a file has, by its first bytes before its name, and who reads it.

One table each for what is read and for what is not yet: a file that nobody here can
read is recorded as such, never passed over.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast

from sealgate.assess.adapters import delimited, json_stream, parquet, sql
from sealgate.assess.adapters.opened import (
    OpenableFile,
    encoding_of,
    open_regular,
    read_head,
    why,
)
from sealgate.assess.adapters.text import text_contents
from sealgate.assess.model import Content, Item, Missed, Unread
from sealgate.policy.assets import AssetKind

GZIP_MAGIC = b"\x1f\x8b"
_LATER = "needs a later version"

# The first bytes of formats that this version cannot read: offset, bytes, name.
UNREADABLE: tuple[tuple[int, bytes, str], ...] = (
    (0, b"PK\x03\x04", "a zip archive or office document"),
    (0, b"PK\x05\x06", "a zip archive or office document"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old office document or mail"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"\x04\x22\x4d\x18", "an LZ4 archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"PGDMP", "a PostgreSQL dump in custom format"),
    (0, b"ORC", "an ORC file"),
    (0, b"Obj\x01", "an Avro file"),
    (0, b"ARROW1", "an Arrow file"),
    (0, b"FEA1", "a Feather file"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"\x89PNG\r\n\x1a\n", "an image"),
    (0, b"\xff\xd8\xff", "an image"),
    (0, b"GIF8", "an image"),
    (0, b"RIFF", "an image, sound or film"),
    (4, b"ftyp", "a film or image"),
    (0, b"ID3", "a sound"),
    (0, b"\x7fELF", "a program"),
    (0, b"age-encryption.org/v1", "a file sealed with age"),
    (0, b"-----BEGIN PGP MESSAGE", "an encrypted message"),
    (0, b"-----BEGIN AGE ENCRYPTED FILE", "a file sealed with age"),
)
_SQL_DUMPS = (
    b"-- MySQL dump",
    b"-- MariaDB dump",
    b"-- PostgreSQL database dump",
    b"-- phpMyAdmin",
)
_SQL_STATEMENTS = (b"\nINSERT INTO ", b"\nCREATE TABLE ", b"\nCOPY ")


@dataclass(frozen=True, slots=True)
class Format:
    """
    One format: whether a file with this head and lower-case ending has it, and its reader.

    *seeks*: it cannot be read out of a packed file.
    """

    name: str
    claims: Callable[[bytes, str], bool]
    contents: Callable[[OpenableFile, int | None], Iterator[Content]]
    seeks: bool = False


def _is_parquet(head: bytes, _ending: str) -> bool:
    return head.startswith(parquet.MAGIC)


def _is_text(head: bytes, _ending: str) -> bool:
    return encoding_of(head) is not None


def _is_json(head: bytes, ending: str) -> bool:
    if not _is_text(head, ending) or not head.strip():
        return False
    if ending in json_stream.ENDINGS:
        return True
    # Without the ending: an object, or an array of them, to the eye.
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].split()
    return bool(start) and (
        start[0].startswith((b'{"', b'[{"')) or start[:2] == [b"[", b"{"] or start[0] == b"{"
    )


def _is_delimited(head: bytes, ending: str) -> bool:
    if not _is_text(head, ending) or not head.strip():
        return False
    if ending in delimited.ENDINGS:
        return True
    return ending in {"", ".txt", ".dat", ".log"} and delimited.looks_delimited(_sample(head))


def _is_sql_dump(head: bytes, ending: str) -> bool:
    if not _is_text(head, ending):
        return False
    return any(mark in head[:4096] for mark in _SQL_DUMPS) or (
        ending == ".sql" and any(mark in b"\n" + head for mark in _SQL_STATEMENTS)
    )


def _sample(head: bytes) -> str:
    encoding, skip = encoding_of(head) or ("utf-8", 0)
    return head[skip:].decode(encoding, "replace")


def _text(file: OpenableFile, _sample_rows: int | None) -> Iterator[Content]:
    return text_contents(file)


def _json(file: OpenableFile, _sample_rows: int | None) -> Iterator[Content]:
    return json_stream.json_contents(file)


def _delimited(file: OpenableFile, _sample_rows: int | None) -> Iterator[Content]:
    return delimited.delimited_contents(file)


# Asked in this order; the first that claims a file reads it. SQLite and gzip come
# before: the one is many items, the other only wraps.
FORMATS: tuple[Format, ...] = (
    Format("parquet", _is_parquet, parquet.parquet_contents, seeks=True),
    Format("sql-dump", _is_sql_dump, _text),
    Format("json", _is_json, _json),
    Format("delimited", _is_delimited, _delimited),
    Format("text", _is_text, _text),
)


def items_of_file(path: str, sample: int | None) -> Iterator[Item | Unread]:
    """Yield what the file at *path* holds: itself, or each table of a database."""
    file = OpenableFile(path, partial(open_regular, path))
    try:
        head = read_head(file)
        if head.startswith(GZIP_MAGIC):
            file = OpenableFile(path, partial(_open_gzip, path), packed=True)
            head = read_head(file)
    except (OSError, EOFError, zlib.error) as error:
        yield Unread(path, why(error), AssetKind.FILE)
        return
    if head.startswith(sql.SQLITE_MAGIC) and not file.packed:
        yield from sql.sqlite_file(path, sample).items()
        return
    found = _format_of(head, file)
    if isinstance(found, str):
        yield Unread(path, found, AssetKind.FILE)
        return
    name = f"{found.name}.gz" if file.packed else found.name
    yield Item(
        kind=AssetKind.FILE,
        place=path,
        name=file.name,
        format=name,
        contents=partial(_guarded, found, file, sample),
    )


def _format_of(head: bytes, file: OpenableFile) -> Format | str:
    for offset, mark, name in UNREADABLE:
        if head.startswith(mark, offset):
            return f"{name}: {_LATER}"
    if file.packed and head.startswith((sql.SQLITE_MAGIC, parquet.MAGIC, GZIP_MAGIC)):
        return f"a database or archive inside gzip: {_LATER}"
    for candidate in FORMATS:
        if candidate.claims(head, file.ending):
            return candidate
    return f"a binary file of a format that is not known: {_LATER}"


def _guarded(found: Format, file: OpenableFile, sample: int | None) -> Iterator[Content]:
    try:
        yield from found.contents(file, sample)
    except (OSError, EOFError, zlib.error) as error:
        yield Missed(why(error))


class _Unpacked(gzip.GzipFile):
    """The bytes in a gzip file; closing it closes the file too."""

    def __init__(self, path: str) -> None:
        self._packed = open_regular(path)
        super().__init__(fileobj=self._packed, mode="rb")

    def close(self) -> None:
        """Close both."""
        super().close()
        self._packed.close()


def _open_gzip(path: str) -> BinaryIO:
    return cast("BinaryIO", _Unpacked(path))


__all__ = ["FORMATS", "UNREADABLE", "Format", "items_of_file"]

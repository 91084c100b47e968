from __future__ import annotations

import io

import pytest

from sealgate.storage.age.armor import BEGIN, END, ArmorReader, encode_armor, is_armored
from sealgate.storage.age.errors import ArmorError


def read(data: bytes) -> bytes:
    """Return what is in the armour *data*."""
    reader, view, out = ArmorReader(io.BytesIO(data)), memoryview(bytearray(1000)), b""
    while size := reader.readinto(view):
        out += view[:size]
    return out


@pytest.mark.parametrize("size", [0, 1, 2, 3, 47, 48, 49, 96, 100_000])
def test_armour_has_lines_of_64_characters(size: int) -> None:
    """All but the last one, whatever the size."""
    armored = encode_armor(b"x" * size)
    first, *lines, last, nothing = armored.split(b"\n")
    assert (first, last, nothing) == (BEGIN, END, b"")
    assert all(len(line) == 64 for line in lines[:-1])
    assert read(armored) == b"x" * size


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.replace(b"\n", b"\r\n"),
        lambda a: b" \t\r\n" + a + b"\r\n\t ",
        lambda a: a.rstrip(b"\n"),
        lambda a: b"\n" * 1000 + a,
    ],
)
def test_what_is_allowed_is_read(change: object) -> None:
    """CRLF, white space around the block, and no line feed at the end."""
    assert callable(change)
    assert read(change(encode_armor(b"x" * 100))) == b"x" * 100


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.replace(b"AGE", b"PGP"),
        lambda a: a.replace(BEGIN + b"\n", BEGIN + b"\nVersion: 1\n\n"),
        lambda a: a.replace(b"\n" + END, b"\n\n" + END),
        lambda a: a.replace(b"\n" + END, b" \n" + END),
        lambda a: a.replace(b"eA==\n", b"eB==\n"),
        lambda a: a.replace(b"eA==\n", b"eA\n"),
        lambda a: a.replace(b"eA==\n", b"eA=\n"),
        lambda a: a.replace(b"eA==\n", b"eA==eA==\n"),
        lambda a: a.replace(END, b""),
        lambda a: a[:60],
        lambda a: a + b"x",
        lambda a: a + a,
        lambda a: a + b"\n" * 2000,
        lambda a: b"\n" * 2000 + a,
        lambda a: a.replace(b"\n", b"", 2),
        lambda a: a[: len(BEGIN)],
        lambda a: a[: len(BEGIN) + 1] + b"A" * 1_000_000,
    ],
)
def test_what_is_not_allowed_is_refused(change: object) -> None:
    """Headers, checksums, empty lines, other spellings of base64, and anything behind the block."""
    assert callable(change)
    with pytest.raises(ArmorError):
        read(change(encode_armor(b"x" * 97)))


def test_armour_is_known_by_its_beginning() -> None:
    """Also behind white space, and not because it is mentioned somewhere."""
    assert is_armored(b"\n\n" + BEGIN)
    assert not is_armored(b"see " + BEGIN)
    assert not is_armored(b"")

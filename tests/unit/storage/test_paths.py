from __future__ import annotations

import random
import unicodedata

import pytest

from sealgate.storage.model import StorageError, Trouble
from sealgate.storage.paths import (
    MAX_PATH_BYTES,
    MAX_SEGMENT_BYTES,
    checked_segment,
    collision_key,
    given,
    resolve,
)


@pytest.mark.parametrize(
    ("raw", "cwd", "path"),
    [
        ("", (), ()),
        ("/", ("a",), ()),
        (".", ("a",), ("a",)),
        ("a/b", (), ("a", "b")),
        ("/a//b/./c/", (), ("a", "b", "c")),
        ("b", ("a",), ("a", "b")),
        ("/b", ("a",), ("b",)),
        ("..", ("a", "b"), ("a",)),
        ("../../../x", ("a",), ("x",)),
        ("/../../etc/passwd", (), ("etc", "passwd")),
        ("a/../../b", (), ("b",)),
        (b"a/b", (), ("a", "b")),
        ("u\u0308ber", (), ("\u00fcber",)),
        ("u\u0308ber".encode(), (), ("\u00fcber",)),
        ("Bericht M\u00e4rz 2026.pdf", (), ("Bericht M\u00e4rz 2026.pdf",)),
        ("2026-01-01T10:00:00.log", (), ("2026-01-01T10:00:00.log",)),
        ("...a", (), ("...a",)),
        (".hidden", (), (".hidden",)),
        ("what?.txt", (), ("what?.txt",)),
        ("\u2764\ufe0f.jpg", (), ("\u2764\ufe0f.jpg",)),
        ("shot 5\u202fPM.png", (), ("shot 5\u202fPM.png",)),
        ("console.log", (), ("console.log",)),
        ("comma.txt", (), ("comma.txt",)),
        ("x" * MAX_SEGMENT_BYTES, (), ("x" * MAX_SEGMENT_BYTES,)),
    ],
)
def test_what_a_path_means(raw: bytes | str, cwd: tuple[str, ...], path: tuple[str, ...]) -> None:
    """Dots go by the letter, never above the root, and names are in their normal form."""
    assert resolve(raw, cwd) == path


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\xff", "UTF-8"),
        (b"\xc0\xae\xc0\xae/x", "UTF-8"),
        (b"\xed\xa0\x80", "UTF-8"),
        ("\ud800", "UTF-8"),
        ("a\0b", "U+0000"),
        ("a\nb", "U+000A"),
        ("a\x7fb", "U+007F"),
        ("a\x85b", "U+0085"),
        ("invoice\u202efdp.exe", "U+202E"),
        ("a\u2066b", "U+2066"),
        ("a\u200bb", "U+200B"),
        ("a\u200db", "U+200D"),
        ("\ufeffa", "U+FEFF"),
        ("a\u2028b", "U+2028"),
        ("a\u034fb", "U+034F"),
        ("a\u3164b", "U+3164"),
        ("a\ue000b", "U+E000"),
        ("a\u0378b", "U+0378"),
        ("a\U000e0101", "U+E0101"),
        ("..\\..\\x", "Windows"),
        ("a\\b", "Windows"),
        ("C:evil", "drive"),
        ("z:", "drive"),
        ("nul", "device"),
        ("NUL.txt", "device"),
        ("a/com1", "device"),
        ("LPT\u00b9.log", "device"),
        ("aux .tar.gz", "device"),
        ("CONIN$", "device"),
        ("a.", "dot"),
        ("...", "dot"),
        ("a ", "space"),
        (" a", "space"),
        ("a\u00a0", "space"),
        (".sealgate", "belong to the store"),
        (".SealGate-quarantine/x", "belong to the store"),
        ("x" * (MAX_SEGMENT_BYTES + 1), "longer than 255"),
        ("\u00fc" * 128, "longer than 255"),
        ("a/" * (MAX_PATH_BYTES // 2 + 1), "longer than 4096"),
    ],
)
def test_what_is_no_path(raw: bytes | str, said: str) -> None:
    """Each defect alone is enough, and the message repeats no name."""
    with pytest.raises(StorageError) as caught:
        resolve(raw)
    assert caught.value.trouble is Trouble.BAD_NAME
    assert said in caught.value.message


def test_a_path_that_grows_is_measured_as_it_is_kept() -> None:
    """A relative path may be short and the whole too long; NFC may make a name longer."""
    with pytest.raises(StorageError, match="longer than 4096"):
        resolve("b", tuple(["x" * 200] * 21))
    # U+FB2C becomes three characters in NFC.
    with pytest.raises(StorageError, match="longer than 255"):
        resolve("\ufb2c" * 84)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("Report.txt", "report.TXT"),
        ("stra\u00dfe", "STRASSE"),
        ("\u00c4rger", "a\u0308rger"),
        ("\u03a3", "\u03c2"),
        ("a b", "a\u00a0b"),
        ("\u2764.jpg", "\u2764\ufe0f.jpg"),
    ],
)
def test_names_that_are_one_file_for_some_client(name: str, other: str) -> None:
    """Case, composition, kinds of space and picture selectors tell no two files apart."""
    assert collision_key(name) == collision_key(other)


@pytest.mark.parametrize(("name", "other"), [("a", "a"), ("a", "b"), ("m2", "m\u00b2")])
def test_names_that_are_two_files_or_the_same(name: str, other: str) -> None:
    """The same name is no collision, and what looks different is none either."""
    assert (collision_key(name) == collision_key(other)) is (name == other)


def test_what_has_been_checked_is_checked_again_without_change() -> None:
    """A checked name is a fixed point, so that the store can be asked with what was listed."""
    for name in ("u\u0308ber", "a b", "\u2764\ufe0f"):
        once = checked_segment(name)
        assert checked_segment(once) == once == unicodedata.normalize("NFC", name)


def test_noise_never_leaves_the_root() -> None:
    """Fuzz: of 20,000 strings made from dangerous pieces, each is refused or stays inside."""
    chance = random.Random(4)  # noqa: S311  # a repeatable fuzz
    pieces = [b"..", b".", b"/", b"//", b"\\", b"\0", b"a", b"\xff", b"\xc3\xbc", b"\xcc\x88"]
    pieces += [b"%2e", b"C:", b"\xe2\x80\xae", b" ", b"nul", b".sealgate", b"~", b"\xc0\xaf", b"u"]
    refused = 0
    for _ in range(20_000):
        raw = b"".join(chance.choices(pieces, k=chance.randint(1, 9)))
        try:
            path = resolve(raw, ("drop",))
        except StorageError:
            refused += 1
            continue
        assert all(checked_segment(s) == s and s not in {".", ".."} for s in path)
    assert 5_000 < refused < 19_500


def test_a_segment_remembers_how_it_was_given() -> None:
    """It is equal to its normal form, and as long as it may be in both."""
    path = resolve("a/cafe\u0301/b")
    assert path == ("a", "caf\u00e9", "b")
    assert hash(path) == hash(("a", "caf\u00e9", "b"))
    assert [given(segment) for segment in path] == ["a", "cafe\u0301", "b"]
    with pytest.raises(StorageError):
        resolve("e\u0301" * 100)

from __future__ import annotations

import pytest

from sealgate.storage.age.errors import HeaderError, NotAgeError
from sealgate.storage.age.header import (
    MAX_HEADER_BYTES,
    Stanza,
    encode_unsigned,
    find_end,
    finish_header,
    parse_header,
)

# The example of c2sp.org/age.
EXAMPLE = b"""\
age-encryption.org/v1
-> X25519 XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE
qRS0AMjdjPvZ/WT08U2KL4G+PIooA3hy38SvLpvaC1E
--- HK2NmOBN9Dpq0Gw6xMCuhFcQlQLvZ/wQUi/2scLG75s
"""


def test_the_example_of_the_specification_is_read() -> None:
    """One stanza with its argument and body, and what the MAC covers."""
    header, length = parse_header(EXAMPLE + b"payload")
    assert length == len(EXAMPLE)
    (stanza,) = header.stanzas
    assert stanza.type == "X25519"
    assert stanza.args == ("XEl0dJ6y3C7KZkgmgWUicg63EyXJiwBJW8PdYJ/cYBE",)
    assert len(stanza.body) == len(header.mac) == 32
    assert header.signed == EXAMPLE[: EXAMPLE.index(b"---") + 3]


@pytest.mark.parametrize("body", [0, 47, 48, 49, 96, 1120])
def test_a_body_ends_with_a_shorter_line(body: int) -> None:
    """Also where the base64 fills its last line: an empty one follows."""
    stanza = Stanza("example.org/x", (), b"x" * body)
    lines = stanza.encode().decode().split("\n")
    assert all(len(line) == 64 for line in lines[1:-2])
    assert len(lines[-2]) < 64
    raw = finish_header(encode_unsigned([stanza]), bytes(32))
    assert parse_header(raw)[0].stanzas == (stanza,)


@pytest.mark.parametrize("argument", ["", "two words", "line\nfeed", "ü", "\x7f"])
def test_no_stanza_is_written_that_could_not_be_read(argument: str) -> None:
    """An argument must be printable ASCII without spaces."""
    with pytest.raises(ValueError, match="argument"):
        Stanza("example.org/x", (argument,), b"").encode()


def test_every_beginning_of_a_header_is_cut_off() -> None:
    """A header is never taken for whole before its last line feed."""
    for size in range(len(EXAMPLE)):
        assert find_end(EXAMPLE[:size]) == 0
        with pytest.raises(HeaderError, match="cut off"):
            parse_header(EXAMPLE[:size])
        assert find_end(EXAMPLE, size) == len(EXAMPLE)


@pytest.mark.parametrize(
    "data", [b"hello", b"age-encryption.org/v2\n", b"-----BEGIN AGE", b"\x1f\x8b"]
)
def test_foreign_files_are_told_at_once(data: bytes) -> None:
    """Nobody waits for the end of a header that cannot come."""
    with pytest.raises(NotAgeError):
        find_end(data)


def test_a_header_without_end_is_refused_in_time() -> None:
    """No more than the limit is ever held in memory."""
    stanza = b"-> a\n\n" * (MAX_HEADER_BYTES // 6)
    with pytest.raises(HeaderError, match="longer than"):
        find_end(b"age-encryption.org/v1\n" + stanza)
    raw = finish_header(b"age-encryption.org/v1\n" + stanza + b"---", bytes(32))
    with pytest.raises(HeaderError, match="longer than"):
        parse_header(raw)

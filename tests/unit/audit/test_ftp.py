"""The replies of FTP, and what is read from anything that may come back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.ftp import MalformedReplyError, Reply, features, parse_reply

FEAT = b"211-Features:\r\n AUTH TLS\r\n PBSZ\r\n REST STREAM\r\n211 End\r\n"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"220 ready\r\n", Reply(220, ("ready",))),
        (b"220\r\n", Reply(220, ("",))),
        (b"220 ready\n", Reply(220, ("ready",))),
        (
            b"230-a\r\n230-b\r\n 230 c\r\n999 d\r\n230 e\r\n",
            Reply(230, ("a", "230-b", " 230 c", "999 d", "e")),
        ),
    ],
)
def test_replies(data: bytes, expected: Reply) -> None:
    """One line, or all up to the code with a space (RFC 959, 4.2), and nothing of the next."""
    assert parse_reply(data + b"500 x\r\n") == (expected, b"500 x\r\n")


@pytest.mark.parametrize(
    "data", [b"", b"2", b"220", b"220 rea", b"220-a\r\n", b"220-a\r\n220-b\r\n"]
)
def test_more_must_come(data: bytes) -> None:
    """A reply that is not whole is awaited."""
    assert parse_reply(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1",
        b"\x16\x03\x01\0\x01",
        b"2200 ready\r\n",
        b"999 x\r\n",
        b"\r\n",
        b"220-" + b"a\r\n" * 40_000,
    ],
)
def test_no_ftp(data: bytes) -> None:
    """What can never become a reply is refused, and not read for ever."""
    with pytest.raises(MalformedReplyError):
        parse_reply(data)


def test_features() -> None:
    """Features are the indented lines of a 211, and nothing of any other reply."""
    found = parse_reply(FEAT)
    assert found is not None
    assert features(found[0]) == ("AUTH TLS", "PBSZ", "REST STREAM")
    assert features(Reply(500, ("x", " AUTH TLS", "y"))) == ()
    assert features(Reply(211, ("no features",))) == ()


def test_first_digits() -> None:
    """The first digit says whether a command is done, or another awaited."""
    assert Reply(200, ("",)).is_taken
    assert Reply(331, ("",)).wants_more
    assert not Reply(530, ("",)).is_taken
    assert not Reply(530, ("",)).wants_more


@given(st.binary(max_size=400))
def test_anything_is_read_awaited_or_malformed(data: bytes) -> None:
    """No bytes that a server may send raise anything else, however they are cut."""
    for end in range(len(data) + 1):
        try:
            found = parse_reply(data[:end])
        except MalformedReplyError:
            return
        if found is not None:
            features(found[0])
            return

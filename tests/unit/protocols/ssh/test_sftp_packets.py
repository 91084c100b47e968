"""SFTP's packets: read within their bounds, made as the draft says."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.protocols.ssh import sftp_packets as wire
from sealgate.protocols.ssh.sftp_packets import (
    Attributes,
    PacketError,
    PacketType,
    Reader,
    StatusCode,
)
from sealgate.storage.model import Entry, Space, Trouble


def test_a_status_is_as_the_draft_draws_it() -> None:
    """Length, type, number, code, message, language."""
    assert wire.status(7, StatusCode.FAILURE, "no") == bytes.fromhex(
        "00000013 65 00000007 00000004 00000002 6e6f 00000000"
    )


def test_attributes_are_read_whole() -> None:
    """All of version 3, the extended ones passed over."""
    body = struct.pack(">IQIIIII", 0x8000000F, 5, 1000, 1001, 0o644, 8, 9)
    body += struct.pack(">I", 1) + wire.string("x@y") + wire.string("z")
    reader = Reader(memoryview(body + b"\0\0\0\7"))
    assert reader.attributes() == Attributes(5, (1000, 1001), 0o644, (8, 9))
    assert reader.u32() == 7


def test_attributes_of_later_versions_are_refused() -> None:
    """Their fields would be read as something else."""
    with pytest.raises(PacketError):
        Reader(memoryview(b"\0\0\0\x10")).attributes()


@given(st.binary(max_size=100))
def test_no_bytes_lead_behind_the_packet(data: bytes) -> None:
    """Fuzz: every reading method ends in a value or a PacketError."""
    for name in ("u32", "u64", "string", "view", "attributes"):
        try:
            getattr(Reader(memoryview(data)), name)()
        except PacketError:
            continue


@given(
    st.integers(0, 2**63),
    st.floats(allow_nan=False),
    st.text(max_size=50).filter(lambda t: not any(0xD800 <= ord(c) < 0xE000 for c in t)),
)
def test_every_entry_can_be_told(size: int, modified_at: float, owner: str) -> None:
    """Law: times before the epoch or of no calendar, and odd owners, make a packet all the same."""
    entry = Entry(("d", "f"), False, size, modified_at, owner=owner)
    told = wire.attributes(entry, 1000)
    read = Reader(memoryview(told)).attributes()
    assert read.size == size
    assert read.permissions == 0o100600
    assert wire.long_name(entry, "f", 0.0).endswith(" f")


def test_no_name_ends_a_line_early() -> None:
    """Clients print long names and sentences as they are, one to a line."""
    name = "f\n-rw------- 1 x x 1 Jan 01 00:00 g"
    entry = Entry(("d", name), False, 1, 0.0, "anna\x1b[2J")
    assert wire.long_name(entry, name, 0.0).isprintable()
    assert wire.status(1, StatusCode.FAILURE, "no\n\x1byes")[17:-4] == b"no??yes"


def test_space_is_in_blocks() -> None:
    """statvfs@openssh.com has eleven numbers, in OpenSSH's order."""
    body = wire.statvfs(1, Space(8192, 4096, 10, 5), 255)[5:]
    assert struct.unpack(">I11Q", body) == (1, 4096, 4096, 2, 1, 1, 10, 5, 5, 0, 2, 255)


def test_every_trouble_has_a_status() -> None:
    """What has no word of its own in version 3 is a failure with a message."""
    codes = {trouble: wire.STATUS_OF.get(trouble, StatusCode.FAILURE) for trouble in Trouble}
    assert codes[Trouble.NOT_FOUND] is StatusCode.NO_SUCH_FILE
    assert codes[Trouble.DENIED] is StatusCode.PERMISSION_DENIED
    assert codes[Trouble.UNSUPPORTED] is StatusCode.OP_UNSUPPORTED
    assert codes[Trouble.QUOTA] is codes[Trouble.NO_SPACE] is StatusCode.FAILURE


def test_a_packet_of_a_bad_length_is_refused() -> None:
    """Empty ones and ones longer than was announced."""
    for length in (0, wire.MAX_PACKET_BYTES + 1, 0xFFFFFFFF):
        with pytest.raises(PacketError):
            wire.whole(length.to_bytes(4, "big") + bytes([PacketType.READ]))

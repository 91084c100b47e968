"""Packets that come in pieces: the same answers, however they are cut, and no more memory."""

from __future__ import annotations

import struct
import tempfile
import tracemalloc
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.protocols.session.digests import RunningDigest
from sealgate.protocols.ssh.sftp_packets import PacketType, packet, string
from sealgate.protocols.ssh.sftp_service import SFTPService
from tests.unit.protocols.ssh.ssh_plain import PlainFiles

_WRITE_AND_CREATE = struct.pack(">II", 0x1A, 0)


class Session:
    """What the service asks of an SSH session whose client reads at once."""

    def __init__(self) -> None:
        self.channel = self
        self.sent = b""
        self.ended: int | None = None

    def may_answer(self) -> bool:
        """Return that the client reads."""
        return True

    def put(self, *pieces: bytes) -> None:
        """Keep what is sent."""
        self.sent += b"".join(map(bytes, pieces))

    def finish(self, status: int) -> None:
        """Keep how it ended."""
        self.ended = status


def request(kind: int, number: int, body: bytes) -> bytes:
    """Return the packet of one request."""
    return packet(kind, struct.pack(">I", number) + body)


def _upload(content: bytes, piece: int) -> bytes:
    """Return what a client sends that uploads *content* in pieces of that size."""
    writes = [
        request(
            PacketType.WRITE, 10 + at, string(b"\0\0\0\1") + struct.pack(">Q", at) + string(part)
        )
        for at in range(0, len(content), piece)
        for part in [content[at : at + piece]]
    ]
    opening = request(PacketType.OPEN, 1, string("/a") + _WRITE_AND_CREATE)
    closing = request(PacketType.CLOSE, 2, string(b"\0\0\0\1"))
    return b"".join((packet(PacketType.INIT, struct.pack(">I", 3)), opening, *writes, closing))


def _served(root: Path, pieces: list[bytes]) -> bytes:
    session = Session()
    service = SFTPService(cast("Any", session), PlainFiles(root))
    for piece in pieces:
        service.feed(memoryview(piece))
    assert session.ended is None
    return session.sent


def _cut(data: bytes, cuts: list[int]) -> list[bytes]:
    ends = sorted({cut % (len(data) + 1) for cut in cuts} | {len(data)})
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False) if begin < end]


@given(
    st.integers(0, 40_000),
    st.sampled_from([100, 4096, 9000, 32_768]),
    st.lists(st.integers(0, 50_000), max_size=60),
    st.integers(0, 40_000),
)
def test_the_answers_do_not_depend_on_the_pieces(
    size: int, piece: int, cuts: list[int], crumbs: int
) -> None:
    """Anywhere cut, also into single bytes for a while."""
    content = (bytes(range(251)) * (size // 251 + 1))[:size]
    sent = _upload(content, piece)
    single = list(range(crumbs, crumbs + 200))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        whole = _served(Path(one), [sent])
        assert _served(Path(other), _cut(sent, cuts + single)) == whole
        assert (Path(other) / "a").read_bytes() == content


def test_a_write_in_single_bytes_keeps_no_more_than_its_bytes(tmp_path: Path) -> None:
    """A view by itself takes two hundred times what it shows."""
    sent = _upload(b"x" * 200_000, 200_000)
    session = Session()
    service = SFTPService(cast("Any", session), PlainFiles(tmp_path))
    tracemalloc.start()
    try:
        for at in range(190_000):
            service.feed(memoryview(sent[at : at + 1]))
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
    service.feed(memoryview(sent[190_000:]))
    assert (tmp_path / "a").read_bytes() == b"x" * 200_000


@pytest.mark.parametrize(("part", "copied"), [(40_000, 0), (20_000, 20_000)])
def test_a_digest_keeps_no_large_packet_for_a_small_part(part: int, copied: int) -> None:
    """Of a packet that holds something else, the part is copied, so that the rest can go."""
    running, packet_of = RunningDigest(), bytes(64 * 1024)
    tracemalloc.start()
    try:
        running.update(memoryview(packet_of)[:part])
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert copied <= kept < copied + 10_000

"""Requests over a session: what version 3 and its extensions answer, and a fuzz."""

from __future__ import annotations

import contextlib
import hashlib
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.protocols.model import TransferError
from sealgate.protocols.ssh.sftp_packets import PacketError, PacketType, Reader, string
from sealgate.protocols.ssh.sftp_requests import Owners, Requests
from sealgate.storage.model import StorageError
from tests.unit.protocols.ssh.ssh_plain import PlainFiles

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def requests(tmp_path: Path) -> Requests:
    """Answer over a folder with one file."""
    (tmp_path / "a").write_bytes(bytes(range(256)) * 4)
    return Requests(PlainFiles(tmp_path))


def ask(requests: Requests, kind: int, body: bytes) -> bytes:
    """Return what follows type and number in the answer to one request."""
    answer = b"".join(bytes(one) for one in requests.answer(kind, 7, Reader(memoryview(body))))
    assert int.from_bytes(answer[:4], "big") == len(answer) - 4
    assert answer[5:9] == b"\0\0\0\7"
    return answer[4:5] + answer[9:]


def extended(requests: Requests, name: str, body: bytes = b"") -> bytes:
    """Return the answer to an extended request."""
    return ask(requests, PacketType.EXTENDED, string(name) + body)


def opened(requests: Requests) -> bytes:
    """Return a handle of the file."""
    return ask(requests, PacketType.OPEN, string("/a") + b"\0\0\0\1\0\0\0\0")[5:]


def test_limits_are_told(requests: Requests) -> None:
    """OpenSSH's client then asks for 255 KiB at once instead of 32."""
    told = extended(requests, "limits@openssh.com")
    assert struct.unpack(">4Q", told[1:]) == (262144, 261120, 261120, 256)


def test_expand_path_knows_one_home(requests: Requests) -> None:
    """``~`` is the root, and nobody else has a home."""
    assert b"/x" in extended(requests, "expand-path@openssh.com", string("~/x"))
    with pytest.raises(TransferError):
        extended(requests, "expand-path@openssh.com", string("~root"))


def test_owners_have_numbers_and_the_numbers_have_names(requests: Requests) -> None:
    """What STAT shows as a number, users-groups-by-id turns into the uploader's name."""
    shown = ask(requests, PacketType.STAT, string("/a"))
    owner = int.from_bytes(shown[13:17], "big")
    ids = string(owner.to_bytes(4, "big"))
    assert b"anna" in extended(requests, "users-groups-by-id@openssh.com", ids + ids)
    assert Owners().name(12345) == ""


def test_attributes_are_remembered_until_the_session_changes_something(
    requests: Requests, tmp_path: Path
) -> None:
    """A second STAT asks nobody; an upload of the session itself is seen at once."""
    first = ask(requests, PacketType.STAT, string("/a"))
    (tmp_path / "a").write_bytes(b"changed by others")
    assert ask(requests, PacketType.LSTAT, string("/a")) == first
    handle = ask(requests, PacketType.OPEN, string("/b") + b"\0\0\0\x1a\0\0\0\0")[5:]
    assert ask(requests, PacketType.STAT, string("/a")) != first
    ask(requests, PacketType.STAT, string("/b"))
    ask(requests, PacketType.WRITE, string(handle) + bytes(8) + string(b"12345"))
    ask(requests, PacketType.CLOSE, string(handle))
    assert ask(requests, PacketType.STAT, string("/b"))[5:13] == (5).to_bytes(8, "big")


@pytest.mark.parametrize("name", ["check-file", "check-file-handle"])
def test_check_file_hashes_blocks(requests: Requests, name: str) -> None:
    """One hash for each block, the first algorithm that is known."""
    content = bytes(range(256)) * 4
    asked = string(opened(requests)) + string("md5,sha256,sha512")
    found = extended(requests, name, asked + struct.pack(">QQI", 0, 0, 512))
    hashes = [hashlib.sha256(content[at : at + 512]).digest() for at in (0, 512)]
    assert found == b"\xc9" + string("check-file") + string("sha256") + b"".join(hashes)


def test_check_file_refuses_weak_hashes_and_tiny_blocks(requests: Requests) -> None:
    """MD5 and SHA-1 prove nothing; blocks below 256 bytes are against the draft."""
    with pytest.raises(TransferError, match="sha256"):
        extended(
            requests,
            "check-file-name",
            string("/a") + string("md5,sha1") + struct.pack(">QQI", 0, 0, 0),
        )
    with pytest.raises(PacketError):
        extended(
            requests,
            "check-file-name",
            string("/a") + string("sha256") + struct.pack(">QQI", 0, 0, 16),
        )


def test_an_offset_that_no_file_has_is_behind_its_end(requests: Requests) -> None:
    """Sixty-four bits are more than a file's offset has: end of file, not a fault."""
    asked = string(opened(requests)) + b"\x80" + bytes(7) + b"\0\0\0\1"
    assert ask(requests, PacketType.READ, asked)[:5] == b"\x65\0\0\0\x01"


def test_hard_links_are_refused_in_words(requests: Requests) -> None:
    """The extension is not announced; who asks all the same is told why not."""
    told = extended(requests, "hardlink@openssh.com", string("/a") + string("/b"))
    assert told[:5] == b"\x65\0\0\0\x08"
    assert b"bound to its place" in told


def test_an_unknown_extension_and_an_unknown_request(requests: Requests) -> None:
    """Both are unsupported, as the draft demands, and the session goes on."""
    assert extended(requests, "x@example.org")[:5] == b"\x65\0\0\0\x08"
    assert ask(requests, 77, b"")[:5] == b"\x65\0\0\0\x08"


@given(
    st.sampled_from([*PacketType, 0, 77, 255]),
    st.one_of(
        st.binary(max_size=60),
        st.tuples(
            st.sampled_from([b"/a", b"/b", b"\0\0\0\1", b"..", b"", b"copy-data", b"check-file"]),
            st.binary(max_size=40),
        ).map(lambda pair: string(pair[0]) + pair[1]),
    ),
)
def test_no_request_does_anything_but_be_answered_or_refused(
    tmp_path_factory: pytest.TempPathFactory, kind: int, body: bytes
) -> None:
    """Fuzz: an answer of the right shape, a refusal, or a bad packet; never another error."""
    folder = tmp_path_factory.mktemp("fuzzed")
    (folder / "a").write_bytes(b"x" * 100)
    requests = Requests(PlainFiles(folder))
    opened(requests)
    try:
        # OSError: the stand-in for a session does not look at names; the real one does.
        with contextlib.suppress(TransferError, StorageError, PacketError, OSError):
            ask(requests, kind, body)
    finally:
        requests.handles.abort()

"""Bodies that came compressed are decoded, within bounds."""

from __future__ import annotations

import gzip
import zlib

import brotli
import pytest
from backports import zstd

from sealgate.audit.codings import MAX_DECODED_BYTES, decoded

PAGE = b"<form>" * 1000


def _raw(data: bytes) -> bytes:
    coder = zlib.compressobj(wbits=-15)
    return coder.compress(data) + coder.flush()


CODED = {
    "gzip": gzip.compress(PAGE, mtime=0),
    "deflate": zlib.compress(PAGE),
    "br": brotli.compress(PAGE),
    "zstd": zstd.compress(PAGE),
}


@pytest.mark.parametrize(
    ("body", "codings"),
    [
        *((body, name) for name, body in CODED.items()),
        (CODED["gzip"], "X-GZip"),
        (_raw(PAGE), "deflate"),
        (CODED["gzip"] + b"\0" * 9, "gzip"),
        (gzip.compress(PAGE[:600], mtime=0) + gzip.compress(PAGE[600:], mtime=0), "gzip"),
        (zstd.compress(PAGE[:600]) + zstd.compress(PAGE[600:]), "zstd"),
        (brotli.compress(CODED["gzip"]), "gzip, br"),
        (PAGE, ""),
        (PAGE, "identity"),
    ],
)
def test_decoded(body: bytes, codings: str) -> None:
    """What browsers decode is decoded, in the order in which it was applied."""
    assert decoded(body, codings) == (PAGE, True)


@pytest.mark.parametrize("coding", CODED)
def test_what_breaks_off(coding: str) -> None:
    """A piece gives what it holds, and says that it is one."""
    found, whole = decoded(CODED[coding][:-4], coding)
    assert not whole
    assert PAGE.startswith(found)


@pytest.mark.parametrize("coding", CODED)
def test_what_is_none(coding: str) -> None:
    """What was not coded as it says is never taken for an empty page."""
    assert not decoded(b"<form><input type=password>", coding)[1]


@pytest.mark.parametrize("coding", ["klingon", "gzip, klingon", "gzip, gzip, gzip, gzip"])
def test_what_is_not_known(coding: str) -> None:
    """An unknown coding, or one upon the other without end, is not read."""
    assert decoded(CODED["gzip"], coding) == (b"", False)


@pytest.mark.parametrize(
    ("pack", "coding"), [(gzip.compress, "gzip"), (brotli.compress, "br"), (zstd.compress, "zstd")]
)
def test_a_bomb(pack: object, coding: str) -> None:
    """Of a small body that becomes large only so much is looked at."""
    assert callable(pack)
    found, whole = decoded(pack(b"\0" * (MAX_DECODED_BYTES + 1000)), coding)
    assert len(found) <= MAX_DECODED_BYTES
    assert not whole


def test_very_many_members() -> None:
    """A body of tiny members is not read for hours."""
    assert not decoded(gzip.compress(b"x") * 10_000, "gzip")[1]

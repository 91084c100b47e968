"""
Bodies that came compressed, as browsers decode them. No I/O.

An audit asks for no coding, but servers send what lies on their disks. What cannot be decoded
here is told as not read to its end; it is never taken for empty.
"""

from __future__ import annotations

import importlib
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# What a small body may become; the rest is not looked at.
MAX_DECODED_BYTES = 8 * 1024 * 1024
# Codings upon codings: no server does it, and a hostile one could for long.
_MAX_CODINGS = 3
# A body of very many members is none that somebody packed; each costs a copy of the rest.
_MAX_MEMBERS = 64
_GZIP = zlib.MAX_WBITS | 16
_BROTLI = "brotli"
# From Python 3.14 on, and before that from the library of the same authors.
_ZSTD = ("compression.zstd", "backports.zstd")


def decoded(body: bytes, codings: str) -> tuple[bytes, bool]:
    """Return *body* without its *codings* (``Content-Encoding``), and whether all of it was read."""
    names = [name.strip().lower() for name in codings.split(",")]
    applied = [name for name in names if name not in {"", "identity"}]
    if len(applied) > _MAX_CODINGS:
        return b"", False
    whole = True
    for name in reversed(applied):
        decode = _DECODERS.get(name)
        if decode is None:
            return b"", False
        body, ended = decode(body)
        whole = whole and ended
    return body, whole


def _inflated(body: bytes, wbits: int) -> tuple[bytes, bool]:
    # RFC 1952, 2.2: a file may have several members.
    found, left = bytearray(), body
    for _ in range(_MAX_MEMBERS):
        if not left or len(found) >= MAX_DECODED_BYTES:
            break
        member = zlib.decompressobj(wbits)
        try:
            found += member.decompress(left, MAX_DECODED_BYTES - len(found))
        except zlib.error:
            # Browsers show what stands before padding, and what came of a broken body.
            return bytes(found), bool(found) and not left.strip(b"\0")
        if not member.eof:
            return bytes(found), False
        left = member.unused_data
        if wbits != _GZIP:
            break
    return bytes(found), not left or wbits != _GZIP


def _gzip(body: bytes) -> tuple[bytes, bool]:
    return _inflated(body, _GZIP)


def _deflate(body: bytes) -> tuple[bytes, bool]:
    # RFC 9110, 8.4.1.2: with a wrapper of zlib; many send it without.
    found, whole = _inflated(body, zlib.MAX_WBITS)
    return (found, whole) if found else _inflated(body, -zlib.MAX_WBITS)


def _brotli(body: bytes) -> tuple[bytes, bool]:
    library = _library(_BROTLI)
    if library is None:
        return b"", False
    decoder, found, left = library.Decompressor(), bytearray(), body
    try:
        while len(found) < MAX_DECODED_BYTES:
            piece = decoder.process(left, output_buffer_limit=MAX_DECODED_BYTES - len(found))
            left = b""
            found += piece
            if decoder.is_finished() or not piece:
                break
    except library.error:
        return bytes(found), False
    whole = decoder.is_finished() and len(found) <= MAX_DECODED_BYTES
    return bytes(found[:MAX_DECODED_BYTES]), whole


def _zstd(body: bytes) -> tuple[bytes, bool]:
    library = _library(*_ZSTD)
    if library is None:
        return b"", False
    # RFC 8878, 3: frames follow one another.
    found, left = bytearray(), body
    try:
        for _ in range(_MAX_MEMBERS):
            if not left or len(found) >= MAX_DECODED_BYTES:
                break
            frame = library.ZstdDecompressor()
            found += frame.decompress(left, MAX_DECODED_BYTES - len(found))
            if not frame.eof:
                return bytes(found), False
            left = frame.unused_data
    except library.ZstdError:
        return bytes(found), False
    return bytes(found), not left


def _library(*names: str) -> Any:
    # Extras: only such bodies need them.
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    return None


_DECODERS: dict[str, Callable[[bytes], tuple[bytes, bool]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}

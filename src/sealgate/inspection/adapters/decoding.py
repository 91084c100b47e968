"""
Compressed bodies decoded: gzip by ISA-L, Brotli, Zstandard. One encoding at a time.

Each library is called with a bound on what it gives at once; its exceptions end here.
``deflate`` is refused: senders do not agree on what it means (RFC 9110, 8.4.1.2).
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import brotli
from isal import isal_zlib

from sealgate.inspection.content_type import FORM, media_type
from sealgate.inspection.encoded import FormDecoder
from sealgate.inspection.model import BodyRefusal, BodyRefusedError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.inspection.encoded import Decoder

READABLE = "gzip, br, zstd"
"""What ``Accept-Encoding`` may ask a site for."""

_MOST = 128 * 1024
_GzipError: type[Exception] = isal_zlib.error  # type: ignore[assignment]  # stubs are wrong
_GZIP = 31  # zlib's word for a gzip wrapper and the largest window
# RFC 9659, 3: what a body in this encoding may ask a reader to keep.
_ZSTD_WINDOW_LOG = 23


def unreadable(reason: str) -> BodyRefusedError:
    """Return the fault of a body that cannot be read."""
    return BodyRefusedError(BodyRefusal.UNREADABLE, reason)


class GzipDecoder:
    """Reads gzip (RFC 1952): one member or more, and nothing behind."""

    def __init__(self) -> None:
        # Of the member at hand; none between two, for one takes 90 KB.
        self._member: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what *data* says."""
        while data:
            if self._member is None:
                self._member = isal_zlib.decompressobj(_GZIP)
            try:
                plain = self._member.decompress(data, _MOST)
            except _GzipError as error:
                raise unreadable("the body is no gzip") from error
            if plain:
                yield plain
            if self._member.eof:
                data = self._member.unused_data
                self._member = None
            elif self._member.unconsumed_tail:
                data = self._member.unconsumed_tail
            elif len(plain) < _MOST:
                return
            else:
                data = b""
                yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        # The output was full just as the input ended: more of it may wait inside.
        while not self._member.eof:
            try:
                plain = self._member.decompress(b"", _MOST)
            except _GzipError as error:
                raise unreadable("the body is no gzip") from error
            if not plain:
                return
            yield plain
        self._member = None

    def close(self) -> bytes:
        """Return nothing."""
        if self._member is not None:
            raise unreadable("the gzip body is cut off")
        return b""


class BrotliDecoder:
    """Reads Brotli (RFC 7932)."""

    def __init__(self) -> None:
        self._decoder = brotli.Decompressor()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what *data* says."""
        try:
            if self._decoder.is_finished():
                raise unreadable("something follows the Brotli body")
            plain = self._decoder.process(data, output_buffer_limit=_MOST)
            while plain or not self._decoder.can_accept_more_data():
                yield plain
                if self._decoder.is_finished():
                    return
                plain = self._decoder.process(b"", output_buffer_limit=_MOST)
        except brotli.error as error:
            raise unreadable("the body is no Brotli") from error

    def close(self) -> bytes:
        """Return nothing."""
        if not self._decoder.is_finished():
            raise unreadable("the Brotli body is cut off")
        return b""


class ZstdDecoder:
    """Reads Zstandard (RFC 8878) with the window of RFC 9659: one frame or more."""

    def __init__(self) -> None:
        self._frame = self._fresh()
        self._began = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what *data* says."""
        while data or not self._frame.needs_input:
            self._began = True
            try:
                plain = self._frame.decompress(data, _MOST)
            except zstd.ZstdError as error:
                raise unreadable("the body is no Zstandard within bounds") from error
            if plain:
                yield plain
            data = b""
            if self._frame.eof:
                data = self._frame.unused_data
                self._frame = self._fresh()
                self._began = bool(data)

    @staticmethod
    def _fresh() -> zstd.ZstdDecompressor:
        return zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        )

    def close(self) -> bytes:
        """Return nothing."""
        if self._began:
            raise unreadable("the Zstandard body is cut off")
        return b""


_BY_NAME: dict[bytes, Callable[[], Decoder]] = {
    b"gzip": GzipDecoder,
    b"x-gzip": GzipDecoder,
    b"br": BrotliDecoder,
    b"zstd": ZstdDecoder,
}


def decoder_of(encoding: bytes, content_type: bytes) -> Decoder | None:
    """
    Return what decodes a body with these fields; ``None`` when its bytes are what they say.

    Raises:
        BodyRefusedError: it cannot be read.
    """
    kind = media_type(content_type)
    if kind == b"multipart/byteranges":
        raise unreadable("a part of a body cannot be judged")
    form = kind == FORM
    if not encoding or encoding == b"identity":
        return FormDecoder() if form else None
    made = _BY_NAME.get(encoding)
    if made is None or form:
        raise unreadable("the content encoding of the body is not read here")
    return made()


@lru_cache(maxsize=512)
def is_plain(encoding: bytes, content_type: bytes) -> bool:
    """Return whether the bytes of a body with these fields are what they say."""
    try:
        return decoder_of(encoding, content_type) is None
    except BodyRefusedError:
        return False

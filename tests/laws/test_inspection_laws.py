"""However a body is cut, and however it is packed, the same goes on and nothing above class."""

import gzip
import re
import time
from collections.abc import Sequence
from html import unescape

import brotli
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from isal import isal_zlib

from sealgate.detect.catalogue import Kind
from sealgate.detect.checksums import luhn
from sealgate.detect.confirm.card import card
from sealgate.detect.model import Confidence
from sealgate.inspection.adapters.decoding import decoder_of
from sealgate.inspection.body import BodyScan, look_at_whole
from sealgate.inspection.card_sieve import may_be_cards
from sealgate.inspection.detector import detector_of
from sealgate.inspection.encoded import Decoder, EncodedScan, FormDecoder, unescaped
from sealgate.inspection.framing import read_answer, read_request
from sealgate.inspection.framing_bodies import ChunkReader, chunk, last_chunk
from sealgate.inspection.model import WITHHELD, BodyLimits, BodyRefusedError, above
from sealgate.inspection.signs import LONGEST, first_sign, parted
from sealgate.policy.classification import DEFAULT_MODEL
from tests.examples import examples

KINDS = above(DEFAULT_MODEL.weakest, DEFAULT_MODEL)
VALUES = (
    b"4111 1111 1111 1111",
    b"5500005555555559",
    b"378282246310005",
    b"DE89 3704 0044 0532 0130 00",
    b"GB29NWBK60161331926819",
    b"$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
    b"ghp_" + b"a1B2c3D4e5F6" * 3,
)
PARTS = st.one_of(
    st.sampled_from(VALUES).map(lambda v: b" " + v + b" "),
    st.sampled_from(
        [b"card ", b"cvv: 123 ", b"diagnosis: E11.9\n", b"metformin 500 mg ", b"patient ", b"$2y$",
         b"account number: 12345678;", b"4111 1111 ", b"DE89 3704", b"\n", b"\r\n", b"insurance no ",
         b"-----BEGIN PRIVATE", b'{"card": 4111111111111111, "n": [1]}', b"eyJhbGciOi", b"\xc3\xa4"]
    ),
    st.binary(max_size=30),
    st.integers(0, 400).map(lambda n: b"the quick brown fox " * (n // 20)),
    st.sampled_from([b"x" * 5000, b"lorem ipsum " * 900]),
)  # fmt: skip
BODIES = st.lists(PARTS, max_size=14).map(b"".join)
SPELT = st.one_of(
    PARTS,
    st.sampled_from(
        [b"&#52;111 1111 1111 1111", b"4111&nbsp;1111&nbsp", b";1111&nbsp;1111 ", b"&#", b"&#49", b"&#x3", b"&nb",
         b"sp;", b"&shy;", b"\\u00", b"34111", b"\\u0034\\u0031", b"\\u00a01111 ", b"\\n", b"\\", b"\\u0026", b"#52;",
         b"DE89&nbsp;3704 0044 0532 0130 00 ", b"\xc2\xa0", b"\xe2", b"\x80\x91", b"&amp;", b"\\x34", b"\\u{3", b"4}",
         b"account&nbsp;number: ", b"&#160;", b"&" * 70, b"\\" * 70, b"&shy;" * 30, b"cvv:&nbsp;"]
    ),
)  # fmt: skip
SPELT_BODIES = st.lists(SPELT, max_size=14).map(b"".join)
CUTS = st.lists(st.integers(1, 6000), min_size=1, max_size=12)


def _scan(limits: BodyLimits | None = None) -> BodyScan:
    return BodyScan(
        detector_of(KINDS),
        limits or BodyLimits(cpu_seconds=60),
        time.thread_time,
        withheld=WITHHELD,
    )


def _pieces(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    pieces, at, turn = [], 0, 0
    while at < len(data):
        pieces.append(data[at : at + sizes[turn % len(sizes)]])
        at += len(pieces[-1])
        turn += 1
    return pieces


def _through(pieces: Sequence[bytes]) -> object:
    one, out = _scan(), []
    try:
        out = [one.feed(piece) for piece in pieces]
        out.append(one.close())
    except BodyRefusedError as error:
        return error.refusal, error.kinds
    return b"".join(out), one.counts


@given(SPELT_BODIES, CUTS)
@settings(max_examples=examples(250), deadline=None)
def test_any_cut_gives_the_same_as_the_whole(body: bytes, sizes: list[int]) -> None:
    """Output, counts and refusals do not depend on the pieces."""
    assert _through(_pieces(body, sizes)) == _through([body]) == _looked_at(body)


def _looked_at(body: bytes) -> object:
    whole = look_at_whole(detector_of(KINDS), b"head\n" + body, 5, time.thread_time)
    if whole is None:
        return _through([body])
    if whole.is_clean:
        return body, {}
    one = _scan()
    try:
        return b"".join((*one.parts(body, whole), one.close())), one.counts
    except BodyRefusedError as error:
        return error.refusal, error.kinds


@given(BODIES, CUTS)
@settings(max_examples=examples(150), deadline=None)
def test_no_planted_value_goes_on_at_any_moment(body: bytes, sizes: list[int]) -> None:
    """What has gone on by any time holds none of the planted values, whole or begun by half."""
    one, out = _scan(), b""
    marked = b"." + VALUES[0] + b" <br> " + body + b" " + VALUES[3] + b" "
    for piece in _pieces(marked, sizes):
        try:
            out += one.feed(piece)
        except BodyRefusedError:
            break
        assert b"4111 1111 1111 1111" not in out
        assert not out.startswith(b".4111")
        assert VALUES[3] not in out


@given(SPELT_BODIES)
@settings(max_examples=examples(200), deadline=None)
def test_first_sign_is_found_before_any(body: bytes) -> None:
    """What tells at speed whether there are signs misses none, and none is cut by its answer."""
    parts, at = parted(body + b"\n"), first_sign(body + b"\n")
    if len(parts) == 1:
        assert at < 0
    else:
        assert 0 <= at <= len(parts[0]) <= at + LONGEST
    # Text that is nearly free of signs is parted in another way than text full of them.
    sparse = parted(b"." * 40 * len(body) + body + b"\n")
    assert [sparse[0][40 * len(body) :], *sparse[1:]] == parts
    assert b"".join(parts) == body + b"\n"


def _reference(draw: st.DrawFn, character: str) -> str:
    """Return a way in which HTML or JSON may write *character*."""
    code, zeros = ord(character), "0" * draw(st.integers(0, 25))
    named = {" ": ["&nbsp;", "&#160;", "&thinsp;", "\\u00a0", "\\x20", "\u00a0"],
             "-": ["&hyphen;", "&#8209;", "&dash;", "\\u2011", "&#x2d;", "\u2011"]}  # fmt: skip
    wide = [] if character in named else [f"&#{code + 0xFEE0};", f"\\u{code + 0xFEE0:04x}"]
    return draw(
        st.sampled_from(
            [f"&#{zeros}{code};", f"&#x{zeros}{code:x};", f"&#X{zeros}{code:X};", f"\\u{code:04x}", f"\\x{code:02x}",
             f"\\u{{{zeros}{code:x}}}", f"\\\\u{code:04X}", f"\\u0026#{zeros}{code};", *wide, *named.get(character, [])]
        )
    )  # fmt: skip


@st.composite
def _written(draw: st.DrawFn) -> tuple[list[bytes], bool]:
    """Return the characters of a card, each as it is or as a sign, and whether it is one."""
    plain = draw(
        st.sampled_from(
            ["4111 1111 1111 1111", "4111-1111-1111-1111", "5500005555555559", "378282246310005",
             "4111 1111 1111 1112", "5500005555555558"]
        )
    )  # fmt: skip
    ways = [
        (_reference(draw, sign) if draw(st.booleans()) else sign) + draw(_UNSEEN) for sign in plain
    ]
    # Without a semicolon the next digit would be one of the number.
    ways[-1] = ways[-1] if draw(st.booleans()) else ways[-1].removesuffix(";")
    return [way.encode() for way in ways], luhn(re.sub(rb"[^0-9]", b"", plain.encode()))


_UNSEEN = st.sampled_from([*[""] * 30, "&shy;", "\\u200b", "&#8203;"])
_AROUND = st.sampled_from(
    [b"", b"lorem ipsum " * 40, b"&amp;&#52; \\u00e4\n", b"&#40;", b"x" * 5000, b"4111&nbsp;"]
)


@given(_written(), _AROUND, _AROUND, CUTS)
@settings(max_examples=120, deadline=None)
def test_card_is_masked_however_its_characters_are_written(
    card: tuple[list[bytes], bool], before: bytes, after: bytes, sizes: list[int]
) -> None:
    """In any cut: as long as it was, the rest to the byte, and no digit is left to read."""
    ways, is_card = card
    head, value, tail = before + b" <b>", b"".join(ways), b"</b> " + after
    body = head + value + tail
    one = _scan()
    out = b"".join(one.feed(piece) for piece in _pieces(body, sizes)) + one.close()
    if not is_card:
        assert (out, one.counts) == (body, {})
        return
    assert one.counts == {Kind.PAYMENT_CARD: 1}
    assert (out[: len(head)], out[len(out) - len(tail) :]) == (head, tail)
    assert len(out) == len(body)
    # Read by somebody else: escapes by hand, references by the library.
    shown = out[len(head) : len(out) - len(tail)].decode()
    shown = re.sub(r"\\+u0026", "&", shown)
    shown = re.sub(r"\\+(?:u([0-9a-fA-F]{4})|x(..)|u\{(.*?)\})", _character, shown)
    assert set(unescape(shown)) <= set("* -\u00a0\u2009\u2010\u2011\u00ad\u200b")


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1] or escape[2] or escape[3], 16))


@given(SPELT_BODIES, CUTS, st.sampled_from(["gzip", "br", "zstd"]))
@settings(max_examples=120, deadline=None)
def test_packed_bodies_are_judged_like_plain_ones(body: bytes, sizes: list[int], how: str) -> None:
    """A clean packed body goes on byte for byte; what is found in one is masked as in the open."""
    packed = {"gzip": gzip.compress, "br": brotli.compress, "zstd": _zstd}[how](body)
    decoder = decoder_of(how.encode(), b"text/html")
    assert decoder is not None
    one = EncodedScan(_scan(), decoder, BodyLimits(cpu_seconds=60))
    try:
        out = b"".join(one.feed(piece) for piece in _pieces(packed, sizes)) + one.close()
        told: object = (out if one.is_decoded else body, one.counts)
        assert one.is_decoded or out == packed
    except BodyRefusedError as error:
        told = error.refusal, error.kinds
    assert told == _through([body])


def _zstd(body: bytes) -> bytes:
    from backports import zstd  # noqa: PLC0415  # only here

    return zstd.compress(body)


@given(
    st.lists(
        st.sampled_from([b"plain text, nothing in it. ", b"x" * 900]), min_size=20, max_size=200
    ),
    st.integers(1, 700),
)
@settings(max_examples=40, deadline=None)
def test_nothing_that_was_sent_can_be_decoded_beyond_what_was_read(
    parts: list[bytes], size: int
) -> None:
    """Of a packed body that goes on while it is read, the other end knows only what was cleared."""
    body = b"".join(parts) + b" card 4111 1111 1111 1111 end"
    one = EncodedScan(_scan(), _gzip(), BodyLimits(hold_bytes=64, cpu_seconds=60))
    other_end, known = isal_zlib.decompressobj(31), b""
    with pytest.raises(BodyRefusedError):  # noqa: PT012
        for piece in _pieces(gzip.compress(body, 1), [size]):
            known += other_end.decompress(one.feed(piece))
            assert b"4111" not in known
        one.close()
    assert b"4111" not in known


def _gzip() -> Decoder:
    made = decoder_of(b"gzip", b"")
    assert made is not None
    return made


@given(st.binary(max_size=200), CUTS)
def test_forms_are_read_alike_in_any_pieces(data: bytes, sizes: list[int]) -> None:
    """An escape that is cut is put together again."""
    decoder = FormDecoder()
    out = b"".join(b"".join(decoder.feed(piece)) for piece in _pieces(data, sizes))
    assert out + decoder.close() == unescaped(data)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=10), CUTS)
def test_chunks_come_out_as_they_went_in(parts: list[bytes], sizes: list[int]) -> None:
    """Any body, in any chunks, in any pieces."""
    data = b"".join(map(chunk, parts)) + last_chunk(b"") + b"next"
    reader = ChunkReader()
    out, rest = b"", b""
    for piece in _pieces(data, sizes):
        if reader.done:
            rest += piece
        else:
            out += reader.feed(piece)
    assert (out, reader.done, reader.rest + rest) == (b"".join(parts), True, b"next")


HEADS = st.lists(
    st.sampled_from(
        [b"Content-Length: 3", b"content-length:3", b"Transfer-Encoding: chunked", b"\n", b"\r", b"A: b",
         b" folded", b"\t", b"X: \x00", b"Host: a", b"Connection: close", b":", b"HTTP/1.1", b"\xff"]
    ),
    max_size=6,
)  # fmt: skip


@given(noise=st.one_of(st.binary(max_size=120), HEADS.map(b"\r\n".join)), answer=st.booleans())
@settings(max_examples=examples(400))
def test_any_head_is_read_or_refused(noise: bytes, *, answer: bool) -> None:
    """No bytes make the reader fail in another way, and what it takes is framed in one way."""
    raw = (b"HTTP/1.1 200 OK" if answer else b"GET / HTTP/1.1") + b"\r\n" + noise + b"\r\n\r\n"
    raw = raw[: raw.find(b"\r\n\r\n") + 4]
    try:
        head = read_answer(raw, b"GET") if answer else read_request(raw)
    except BodyRefusedError:
        return
    lower = raw.lower()
    assert lower.count(b"\ncontent-length:") + lower.count(b"\ntransfer-encoding:") <= 1
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert head.raw == raw


@given(st.binary(max_size=300), CUTS)
@settings(max_examples=examples(200))
def test_any_chunks_are_read_or_refused(noise: bytes, sizes: list[int]) -> None:
    """Noise in chunked framing is refused or waited for, and gives no more than there was."""
    reader, out = ChunkReader(), b""
    try:
        for piece in _pieces(noise, sizes):
            if reader.done:
                break
            out += reader.feed(piece)
    except BodyRefusedError:
        return
    assert len(out) <= len(noise)


@given(
    st.text("0123456789 -.,x", min_size=12, max_size=24),
    st.sampled_from(["", "card ", " ", "x", "4", "4000 "]),
    st.sampled_from(["", " ", "1", "x", ".5"]),
)
@settings(max_examples=examples(500))
def test_no_card_is_sieved_out(middle: str, before: str, after: str) -> None:
    """What the checksum is asked for at once is nothing that would be taken for a card."""
    text = f"\n{before}{middle}{after}".encode()
    ends = list(range(12, len(text) + 1))
    for end, may_be in zip(ends, may_be_cards(text, ends), strict=True):
        slow = card(text, end, max(0, end - 80), min(len(text), end + 100))
        assert may_be or slow is None or slow[3] < Confidence.LIKELY
        digits = text[end - 12 : end + 4]
        is_whole = len(digits) == 16 and digits.isdigit() and len(text) > end + 4
        fails = is_whole and not text[end + 4 : end + 5].isdigit() and not luhn(digits)
        assert bool(may_be) is not fails

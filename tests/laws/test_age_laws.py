"""What holds for every sealed file, whatever is in it and however it is read."""

from __future__ import annotations

import contextlib
import hashlib
import io
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sealgate.storage.age.armor import BEGIN, END, ArmorReader, ArmorWriter, encode_armor
from sealgate.storage.age.encoding import (
    decode_base64,
    decode_bech32,
    encode_base64,
    encode_bech32,
)
from sealgate.storage.age.errors import AgeError, ArmorError, DamagedError, HeaderError
from sealgate.storage.age.file import (
    Begun,
    RandomAccess,
    SealWriter,
    begin,
    open_stream,
    unlock,
)
from sealgate.storage.age.header import (
    Stanza,
    encode_unsigned,
    finish_header,
    parse_header,
)
from sealgate.storage.age.keys import (
    Identity,
    X25519Identity,
    parse_identities,
    parse_recipient,
)
from sealgate.storage.age.payload import (
    CHUNK_BYTES,
    NONCE_BYTES,
    SEALED_CHUNK_BYTES,
    TAG_BYTES,
    ChunkSealer,
    plain_size,
    sealed_size,
)

SIZES = st.one_of(
    st.integers(0, 70),
    st.integers(-3, 3).flatmap(
        lambda off: st.integers(1, 4).map(lambda n: max(0, n * CHUNK_BYTES + off))
    ),
    st.integers(0, 4 * CHUNK_BYTES),
)
PRINTABLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=90)
STANZAS = st.builds(
    Stanza,
    PRINTABLE,
    st.lists(PRINTABLE, max_size=3).map(tuple),
    st.binary(max_size=200),
)
IDENTITY = X25519Identity.generate()


def pattern(size: int) -> bytes:
    """Return *size* bytes that do not repeat where chunks do."""
    return hashlib.shake_128(b"plain").digest(size)


def seal(plain: bytes, cuts: list[int]) -> bytes:
    """Return *plain* sealed, written in pieces that end at *cuts*."""
    out = io.BytesIO()
    with SealWriter(out, [IDENTITY.recipient()], block_chunks=2) as writer:
        ends = [*sorted(cut % (len(plain) + 1) for cut in cuts), len(plain)]
        at = 0
        for end in ends:
            writer.write(plain[at:end])
            at = end
    return out.getvalue()


def opened(sealed: bytes, identity: Identity = IDENTITY) -> bytes:
    """Return what *sealed* holds, read as a stream."""
    stream = open_stream(io.BytesIO(sealed), [identity], block_chunks=2)
    return b"".join(bytes(block) for block in stream.blocks())


def at_random(sealed: bytes) -> RandomAccess:
    """Return random access to *sealed*."""
    header, length = parse_header(sealed)
    file_key = unlock(header, [IDENTITY])
    return RandomAccess(lambda at, n: sealed[at : at + n], len(sealed), length, file_key)


def all_at_random(sealed: bytes) -> bytes:
    """Return what *sealed* holds, read by random access."""
    access = at_random(sealed)
    return access.read_at(0, access.size)


@cache
def of_three_chunks() -> tuple[bytes, bytes]:
    """Return a plain text of three chunks, the last one short, and the same sealed."""
    plain = pattern(2 * CHUNK_BYTES + 1000)
    return plain, seal(plain, [])


@given(SIZES, st.lists(st.integers(0, 1 << 20), max_size=4))
@settings(deadline=None, max_examples=60)
def test_what_was_sealed_is_opened(size: int, cuts: list[int]) -> None:
    """However it was written, all of it comes back, and its size was told by the sealed one."""
    plain = pattern(size)
    sealed = seal(plain, cuts)
    assert opened(sealed) == plain
    assert opened(encode_armor(sealed)) == plain
    _, length = parse_header(sealed)
    assert plain_size(len(sealed) - length) == size
    assert sealed_size(size) == len(sealed) - length


@given(
    SIZES,
    st.lists(st.tuples(st.integers(0, 5 * CHUNK_BYTES), st.integers(0, 3 * CHUNK_BYTES))),
)
@settings(deadline=None, max_examples=60)
def test_random_access_is_a_slice(size: int, reads: list[tuple[int, int]]) -> None:
    """Every read gives what a slice of the plain text gives, in whatever order."""
    plain = pattern(size)
    access = at_random(seal(plain, []))
    assert access.size == size
    for offset, length in reads:
        assert access.read_at(offset, length) == plain[offset : offset + length]


@given(st.integers(1, 200_000))
@settings(deadline=None, max_examples=30)
def test_reading_on_is_reading_all(step: int) -> None:
    """Reads that follow each other, of any length, give the whole."""
    plain, sealed = of_three_chunks()
    access = at_random(sealed)
    parts, at = [], 0
    while part := access.read_at(at, step):
        parts.append(part)
        at += len(part)
    assert b"".join(parts) == plain


@given(st.data())
@settings(deadline=None, max_examples=400)
def test_a_flipped_bit_is_noticed(data: st.DataObject) -> None:
    """In every region of the file: no bit can be flipped without an error, on either way."""
    _, sealed = of_three_chunks()
    _, length = parse_header(sealed)
    ends = [0, length, length + NONCE_BYTES]
    ends += [ends[-1] + n * SEALED_CHUNK_BYTES for n in (1, 2)] + [len(sealed)]
    region = data.draw(st.integers(0, len(ends) - 2))
    at = data.draw(st.integers(ends[region], ends[region + 1] - 1))
    changed = bytearray(sealed)
    changed[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(AgeError):
        opened(bytes(changed))
    with pytest.raises(AgeError):
        all_at_random(bytes(changed))


def test_every_bit_of_a_small_file_is_held() -> None:
    """All of them, one after another: none is lost on the way through, and none is not noticed."""
    sealed = seal(b"small", [])
    noticed = 0
    for place in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(AgeError):
            opened(bytes(changed))
        with pytest.raises(AgeError):
            all_at_random(bytes(changed))
        noticed += 1
    print(f"bits flipped: {8 * len(sealed)}, noticed: {noticed}")
    assert opened(sealed) == b"small"


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_a_cut_is_noticed(data: st.DataObject) -> None:
    """A file without its end opens nowhere as if it were whole; nor does one with more behind it."""
    _, sealed = of_three_chunks()
    _, length = parse_header(sealed)
    body = length + NONCE_BYTES
    near = st.sampled_from([0, length, body, body + SEALED_CHUNK_BYTES, len(sealed)]).flatmap(
        lambda at: st.integers(max(0, at - 20), min(len(sealed) - 1, at + 20))
    )
    cut = data.draw(st.one_of(near, st.integers(0, len(sealed) - 1)))
    for changed in (sealed[:cut], sealed + sealed[cut : cut + 70_000]):
        with pytest.raises(DamagedError):
            opened(changed)
        with pytest.raises(DamagedError):
            all_at_random(changed)


@given(st.permutations([0, 1, 2]), st.integers(0, 2))
@settings(deadline=None)
def test_chunks_cannot_change_places(order: list[int], dropped: int) -> None:
    """Chunks swapped, doubled or left out are noticed."""
    plain = pattern(3 * CHUNK_BYTES)
    sealed = seal(plain, [])
    _, length = parse_header(sealed)
    body = length + NONCE_BYTES
    chunks = [sealed[body + n * SEALED_CHUNK_BYTES :][:SEALED_CHUNK_BYTES] for n in range(3)]
    swapped = [chunks[n] for n in order]
    doubled = [*chunks[:dropped], chunks[dropped], *chunks[dropped:]]
    fewer = [*chunks[:dropped], *chunks[dropped + 1 :]]
    for changed in (swapped, doubled, fewer):
        if changed != chunks:
            with pytest.raises(DamagedError):
                opened(sealed[:body] + b"".join(changed))


@given(st.integers(-5, 10 * SEALED_CHUNK_BYTES))
@example(NONCE_BYTES + TAG_BYTES)
@example(NONCE_BYTES + SEALED_CHUNK_BYTES + TAG_BYTES)
def test_sizes_have_one_meaning(size: int) -> None:
    """A sealed size is refused, or it is that of exactly one plain size."""
    with contextlib.suppress(AgeError):
        assert sealed_size(plain_size(size)) == size


@given(st.integers(0, 1 << 50))
def test_every_plain_size_can_be_sealed(size: int) -> None:
    """The plain size is found again in the sealed one."""
    assert plain_size(sealed_size(size)) == size


@given(st.lists(STANZAS, min_size=1, max_size=5), st.binary(max_size=50))
def test_a_header_is_read_as_it_was_written(stanzas: list[Stanza], behind: bytes) -> None:
    """Whatever its stanzas are, and whatever follows it."""
    raw = finish_header(encode_unsigned(stanzas), bytes(32))
    header, length = parse_header(raw + behind)
    assert header.stanzas == tuple(stanzas)
    assert (length, header.raw, header.mac) == (len(raw), raw, bytes(32))


@given(st.lists(STANZAS, min_size=1, max_size=3), st.data())
@settings(max_examples=500)
def test_a_changed_header_is_refused_or_has_one_spelling(
    stanzas: list[Stanza], data: st.DataObject
) -> None:
    """
    Fuzzing: bytes replaced, put in or taken out raise nothing but a HeaderError.

    What is still accepted is written again byte for byte.
    """
    raw = bytearray(finish_header(encode_unsigned(stanzas), bytes(range(32))))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        size = data.draw(st.integers(0, 3))
        raw[at : at + size] = data.draw(
            st.one_of(
                st.binary(max_size=4), st.sampled_from([b"\n", b"\r\n", b"-> ", b"---", b"="])
            )
        )
    check_header(bytes(raw))


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_any_bytes_are_refused_or_have_one_spelling(data: bytes) -> None:
    """Fuzzing from nothing, and behind a good beginning."""
    for raw in (data, b"age-encryption.org/v1\n" + data, b"age-encryption.org/v1\n-> " + data):
        check_header(raw)


def check_header(raw: bytes) -> None:
    """Parse *raw*: it is refused by a HeaderError, or written again as it was."""
    try:
        header, length = parse_header(raw)
    except HeaderError:
        return
    assert finish_header(encode_unsigned(header.stanzas), header.mac) == raw[:length]


@given(st.binary(max_size=400), st.data())
@settings(max_examples=500)
def test_changed_armour_is_refused_or_means_the_same(plain: bytes, data: st.DataObject) -> None:
    """Fuzzing: there is one spelling, but for the ends of lines and white space around it."""
    armored = bytearray(encode_armor(plain))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(armored)))
        size = data.draw(st.integers(0, 3))
        armored[at : at + size] = data.draw(
            st.one_of(
                st.binary(max_size=4), st.sampled_from([b"\n", b"\r\n", b"=", b" ", BEGIN, END])
            )
        )
    try:
        read = unarmored(bytes(armored))
    except ArmorError:
        return
    assert encode_armor(read) == bytes(armored).strip(b" \t\r\n").replace(b"\r\n", b"\n") + b"\n"


@given(st.binary(max_size=2000), st.lists(st.integers(1, 200)), st.integers(1, 300))
def test_armour_goes_through_in_any_pieces(plain: bytes, writes: list[int], step: int) -> None:
    """Written in pieces and read in pieces, it is the same."""
    out = io.BytesIO()
    writer = ArmorWriter(out)
    at = 0
    for size in writes:
        writer.write(plain[at : at + size])
        at += size
    writer.write(plain[at:])
    writer.close()
    assert out.getvalue() == encode_armor(plain)
    assert unarmored(out.getvalue(), step) == plain


def unarmored(armored: bytes, step: int = 64) -> bytes:
    """Return what is in *armored*, taken out *step* bytes at a time from a source that gives few."""

    class Slow(io.BytesIO):
        def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
            return super().readinto(buffer[:step])

    reader = ArmorReader(Slow(armored))
    view = memoryview(bytearray(step))
    read = b""
    while size := reader.readinto(view):
        read += view[:size]
    return read


@given(st.binary(max_size=100))
def test_base64_has_one_spelling(data: bytes) -> None:
    """What is encoded is decoded; every other text is refused or encoded to itself."""
    assert decode_base64(encode_base64(data)) == data


@given(st.text(max_size=40))
@example("QQ==")
@example("QR")
def test_any_text_is_canonical_base64_or_none(text: str) -> None:
    """What is accepted is what would have been written."""
    with contextlib.suppress(ValueError):
        assert encode_base64(decode_base64(text)) == text


@given(PRINTABLE, st.binary(max_size=60))
def test_bech32_is_read_as_it_was_written(prefix: str, data: bytes) -> None:
    """Prefix and data come back, also from capital letters."""
    text = encode_bech32(prefix.lower(), data)
    assert decode_bech32(text) == (prefix.lower(), data)
    assert decode_bech32(text.upper()) == (prefix.lower(), data)


@given(st.data())
def test_a_mistyped_key_is_refused(data: st.DataObject) -> None:
    """One wrong letter anywhere in a recipient is noticed (BIP 173 promises up to four)."""
    text = str(IDENTITY.recipient())
    at = data.draw(st.integers(4, len(text) - 1))
    letter = data.draw(st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
    changed = text[:at] + letter + text[at + 1 :]
    if changed != text:
        with pytest.raises(AgeError):
            parse_recipient(changed)


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200)))
def test_any_text_as_a_key_is_refused_in_words(text: str | bytes) -> None:
    """Fuzzing: whatever is given as a key, nothing but our own error comes out."""
    with contextlib.suppress(AgeError):
        parse_identities(text)
    if isinstance(text, str):
        for prefix in ("", "age1", "age1pq1", "ssh-ed25519 ", "ssh-rsa AAAA"):
            with contextlib.suppress(AgeError):
                parse_recipient(prefix + text)


@given(st.lists(st.integers(1, 4), max_size=6), st.integers(0, CHUNK_BYTES))
@settings(deadline=None)
def test_many_chunks_are_sealed_as_one_by_one(blocks: list[int], end: int) -> None:
    """The quick path gives the same bytes as sealing each chunk alone."""
    begun: Begun = begin([IDENTITY.recipient()])
    quick = ChunkSealer(begun.file_key, begun.nonce)
    plainly = ChunkSealer(begun.file_key, begun.nonce)
    for count in blocks:
        data = pattern(count * CHUNK_BYTES)
        out = bytearray(count * SEALED_CHUNK_BYTES)
        assert len(quick.seal_many(data, out)) == len(out)
        pieces = [data[at : at + CHUNK_BYTES] for at in range(0, len(data), CHUNK_BYTES)]
        assert bytes(out) == b"".join(plainly.seal(piece, final=False) for piece in pieces)
    if end or not blocks:
        last = pattern(end)
        assert quick.seal(last, final=True) == plainly.seal(last, final=True)

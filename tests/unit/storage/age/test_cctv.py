"""All vectors of C2SP/CCTV, each with exactly the outcome that it demands."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zlib
from pathlib import Path

import pytest

from sealgate.storage.age.armor import ArmorReader, encode_armor
from sealgate.storage.age.errors import (
    AgeError,
    ArmorError,
    HeaderError,
    HeaderMacError,
    NoMatchError,
    PayloadError,
)
from sealgate.storage.age.file import RandomAccess, open_stream, unlock
from sealgate.storage.age.header import encode_unsigned, finish_header, parse_header
from sealgate.storage.age.keys import Identity, PassphraseIdentity, parse_identities

FILE = Path(__file__).parents[3] / "data/cctv-age/vectors.json"
VECTORS: dict[str, str] = json.loads(FILE.read_text())
OUTCOMES: dict[str, type[AgeError]] = {
    "no match": NoMatchError,
    "HMAC failure": HeaderMacError,
    "header failure": HeaderError,
    "payload failure": PayloadError,
    "armor failure": ArmorError,
}


class Vector:
    """One vector: what it tells about itself, and the sealed file."""

    def __init__(self, name: str) -> None:
        """Read the vector *name*."""
        head, _, self.sealed = base64.b64decode(VECTORS[name]).partition(b"\n\n")
        pairs = [line.split(": ", 1) for line in head.decode().splitlines()]
        self.told = {key: value for key, value in pairs if key not in {"identity", "passphrase"}}
        if self.told.get("compressed") == "zlib":
            self.sealed = zlib.decompress(self.sealed)
        self.identities: list[Identity] = []
        for key, value in pairs:
            if key == "identity":
                self.identities += parse_identities(value)
            if key == "passphrase":
                self.identities.append(PassphraseIdentity(value))

    @property
    def armored(self) -> bool:
        """Return whether the file is in ASCII armour."""
        return self.told.get("armored") == "yes"


def released(vector: Vector, *, block_chunks: int) -> tuple[str, AgeError | None]:
    """Return the hash of all that was released, and what went wrong."""
    digest = hashlib.sha256()
    try:
        file = io.BytesIO(vector.sealed)
        source = ArmorReader(file) if vector.armored else file
        stream = open_stream(source, vector.identities, block_chunks=block_chunks)
        for block in stream.blocks():
            digest.update(block)
    except AgeError as error:
        return digest.hexdigest(), error
    return digest.hexdigest(), None


def test_all_vectors_are_there() -> None:
    """A vector that got lost would hold nothing."""
    assert len(VECTORS) == 143
    assert {Vector(name).told["expect"] for name in VECTORS} == {*OUTCOMES, "success"}


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("block_chunks", [1, 16])
def test_a_vector_has_the_outcome_that_it_demands(name: str, block_chunks: int) -> None:
    """It opens, or fails in the way that it says, and no other byte was released."""
    vector = Vector(name)
    digest, error = released(vector, block_chunks=block_chunks)
    expected = vector.told["expect"]
    if expected == "success":
        assert error is None
    else:
        assert type(error) in {OUTCOMES[expected], *OUTCOMES[expected].__subclasses__()}
    assert digest == vector.told.get("payload", hashlib.sha256().hexdigest())


@pytest.mark.parametrize("name", [name for name in VECTORS if Vector(name).armored])
def test_armour_is_told_by_its_beginning(name: str) -> None:
    """Nobody has to say that a file is in armour; what must fail does so all the same."""
    vector = Vector(name)
    try:
        stream = open_stream(io.BytesIO(vector.sealed), vector.identities)
        plain = b"".join(bytes(block) for block in stream.blocks())
    except AgeError:
        assert vector.told["expect"] != "success"
    else:
        assert hashlib.sha256(plain).hexdigest() == vector.told["payload"]


@pytest.mark.parametrize("name", [name for name in VECTORS if not Vector(name).armored])
def test_random_access_accepts_no_vector_that_must_fail(name: str) -> None:
    """Reading the whole file through random access gives the same verdict."""
    vector = Vector(name)
    sealed = vector.sealed
    try:
        header, length = parse_header(sealed)
        file_key = unlock(header, vector.identities)
        access = RandomAccess(lambda at, n: sealed[at : at + n], len(sealed), length, file_key)
        plain = access.read_at(0, access.size)
    except AgeError:
        assert vector.told["expect"] != "success"
    else:
        assert vector.told["expect"] == "success"
        assert hashlib.sha256(plain).hexdigest() == vector.told["payload"]


@pytest.mark.parametrize("name", VECTORS)
def test_headers_and_armour_have_one_spelling(name: str) -> None:
    """What was read is written again byte for byte."""
    vector = Vector(name)
    sealed = vector.sealed
    if vector.armored and vector.told["expect"] != "armor failure":
        reader = ArmorReader(io.BytesIO(sealed))
        view = memoryview(bytearray(len(sealed)))
        size = filled = reader.readinto(view)
        while size:
            size = reader.readinto(view[filled:])
            filled += size
        plain = bytes(view[:filled])
        assert encode_armor(plain).split() == sealed.split()
        sealed = plain
    try:
        header, length = parse_header(sealed)
    except HeaderError:
        return
    unsigned = encode_unsigned(header.stanzas)
    assert unsigned == header.signed
    assert finish_header(unsigned, header.mac) == sealed[:length]

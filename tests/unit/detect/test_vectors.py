"""The golden vectors: what must be found, with its exact span, and what must be left alone."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

import pytest

from sealgate.detect import Kind
from sealgate.detect.scanner import Scanner

_FILE = Path(__file__).parents[2] / "golden" / "detect" / "vectors.toml"
_VECTORS = tomllib.loads(_FILE.read_text(encoding="utf-8"))["vector"]
_COLUMNS_ONLY = {
    Kind.GENDER,
    Kind.AGE,
    Kind.NATIONALITY,
    Kind.CITY,
    Kind.POSTAL_CODE,
    Kind.TRANSACTION,
    Kind.ETHNICITY,
    Kind.RELIGION,
    Kind.POLITICAL_OPINION,
    Kind.UNION_MEMBERSHIP,
    Kind.SEXUAL_ORIENTATION,
    Kind.BIOMETRIC,
    Kind.CRIMINAL_RECORD,
    Kind.SALARY,
    Kind.GEOLOCATION,
}


@cache
def scanner() -> Scanner:
    """Return the one scanner of this module."""
    return Scanner()


@pytest.mark.parametrize("vector", _VECTORS, ids=[f"{v['kind']}: {v['why']}" for v in _VECTORS])
def test_vector(vector: dict[str, str]) -> None:
    """A vector's marked value is found with exactly its span, and an unmarked one is not."""
    marked = vector["text"].replace("~~", "")
    expected = []
    if "«" in marked:
        before, rest = marked.split("«")
        value, after = rest.split("»")
        start = len(before.encode())
        expected = [(start, start + len(value.encode()))]
        marked = before + value + after
    found = scanner().scan(marked.encode())
    assert [(m.start, m.end) for m in found if m.kind == vector["kind"]] == expected, found


def test_every_text_kind_has_a_positive_and_a_negative_vector() -> None:
    """Each kind that text can show has vectors of both sorts."""
    for kind in set(Kind) - _COLUMNS_ONLY:
        texts = [v["text"] for v in _VECTORS if v["kind"] == kind]
        assert any("«" in t for t in texts), kind
        assert any("«" not in t for t in texts), kind

"""What a relay tells its parent, and what the parent takes for that."""

from __future__ import annotations

import json

import pytest

from sealgate.detect.catalogue import Kind
from sealgate.inspection.adapters.relay_plan import read, written
from sealgate.inspection.model import BodyRefusal, Sighting

SEEN = [
    Sighting("route shop.example/", "/*", outgoing=True, kept_back=True),
    Sighting("r", "/a/*", False, False, {Kind.IBAN: 2, Kind.PRIVATE_KEY: 1}, BodyRefusal.BUDGET),
]
PLAIN = written(SEEN[1], 3)


@pytest.mark.parametrize("sighting", SEEN)
def test_what_is_told_arrives(sighting: Sighting) -> None:
    """Through JSON and back."""
    assert read(json.loads(json.dumps(written(sighting, 7)))) == (sighting, 7)


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {},
        {**PLAIN, "more": 1},
        {key: value for key, value in PLAIN.items() if key != "times"},
        {**PLAIN, "asset": 1},
        {**PLAIN, "place": None},
        {**PLAIN, "outgoing": 1},
        {**PLAIN, "counts": {"no-kind": 1}},
        {**PLAIN, "counts": {"iban": "many"}},
        {**PLAIN, "counts": {"iban": True}},
        {**PLAIN, "refusal": "because"},
        {**PLAIN, "times": 1.5},
    ],
)
def test_anything_else_is_none(content: object) -> None:
    """Whatever a relay is made to say that it does not say by itself."""
    with pytest.raises(ValueError, match=r"sighting|is not a valid"):
        read(content)

"""Records: two that differ in anything differ in their MAC, and sums know every member."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.policy.protection import StorageRung
from sealgate.storage.record import (
    DEPTH,
    FILES,
    NOTHING,
    QUARANTINE,
    Head,
    Record,
    Vouching,
    encode,
    leaf_of,
)

VOUCHING = Vouching(b"k" * 32, b"i" * 16)
RECORD = Record(
    ("a", "b"),
    FILES,
    is_folder=False,
    classification="confidential",
    owner="anna",
    size=7,
    modified_at=1.5,
    stored_at=2.5,
    seq=9,
    rung=StorageRung.ENCRYPTED,
    object_id="ab" * 16,
    object_size=300,
    binding=b"x" * 32,
)
OTHERS: dict[str, Any] = {
    "path": ("a", "c"),
    "area": QUARANTINE,
    "is_folder": True,
    "classification": "public",
    "owner": "ben",
    "size": 8,
    "modified_at": 1.25,
    "stored_at": 2.25,
    "seq": 8,
    "rung": StorageRung.NONE,
    "object_id": "cd" * 16,
    "object_size": 299,
    "binding": b"y" * 32,
}
TEXTS = st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), max_size=4)
MACS = st.lists(st.binary(min_size=32, max_size=32), unique=True, max_size=6)


@pytest.mark.parametrize("field", [field.name for field in fields(Record)])
def test_every_field_is_under_the_mac(field: str) -> None:
    """A record that differs in one field is another one."""
    mac = VOUCHING.mac(RECORD)
    assert VOUCHING.is_genuine(RECORD, mac)
    changed = replace(RECORD, **{field: OTHERS[field]})
    assert not VOUCHING.is_genuine(changed, mac)


@given(st.tuples(TEXTS, TEXTS, TEXTS), st.tuples(TEXTS, TEXTS, TEXTS))
def test_no_two_records_look_the_same(one: tuple[str, ...], two: tuple[str, ...]) -> None:
    """Nothing can be moved from one text into the next."""
    a, b = (
        encode(replace(RECORD, classification=c, owner=o, object_id=i)) for c, o, i in (one, two)
    )
    assert (a == b) is (one == two)


def test_each_store_and_site_has_its_own_keys() -> None:
    """A genuine record of one store is none of another's."""
    mac = VOUCHING.mac(RECORD)
    assert not Vouching(b"k" * 32, b"j" * 16).is_genuine(RECORD, mac)
    assert not Vouching(b"l" * 32, b"i" * 16).is_genuine(RECORD, mac)
    keys = {VOUCHING.content_key, Vouching(b"k" * 32, b"j" * 16).content_key}
    assert len(keys) == 2


@given(MACS, st.randoms())
def test_a_sum_is_that_of_its_members_in_any_order(macs: list[bytes], chance: Any) -> None:
    """Adding and taking away one by one gives what adding up at once gives."""
    total = NOTHING
    for mac in macs:
        total = VOUCHING.with_records(total, None, mac)
    shuffled = list(macs)
    chance.shuffle(shuffled)
    assert total == VOUCHING.of_records(shuffled)
    for mac in shuffled:
        total = VOUCHING.with_records(total, mac, None)
    assert total == NOTHING


@given(MACS, st.binary(min_size=32, max_size=32))
def test_a_sum_knows_who_is_missing(macs: list[bytes], other: bytes) -> None:
    """One member more, less or other, and the sum is another."""
    if other in macs:
        return
    assert VOUCHING.of_records([*macs, other]) != VOUCHING.of_records(macs)
    nodes = [(f"{n:x}", mac) for n, mac in enumerate(macs)]
    total = VOUCHING.of_nodes(nodes)
    if nodes:
        prefix, old = nodes[0]
        moved = VOUCHING.with_node(total, prefix, old, other)
        assert moved == VOUCHING.of_nodes([(prefix, other), *nodes[1:]])
        assert moved != total


def test_heads_and_anchors_cannot_be_exchanged() -> None:
    """Each kind of MAC is for its own use, and covers all it says."""
    head = Head(b"i" * 16, 5, 1, 7, NOTHING)
    macs = {
        VOUCHING.head_mac(head),
        VOUCHING.head_mac(replace(head, seq=6)),
        VOUCHING.head_mac(replace(head, files=2)),
        VOUCHING.head_mac(replace(head, size=8)),
        VOUCHING.head_mac(replace(head, total=b"1" * 32)),
        VOUCHING.anchor_mac(b"i" * 16, 5),
        VOUCHING.anchor_mac(b"i" * 16, 6),
        VOUCHING.upload_mac("a", "b"),
        VOUCHING.upload_mac("ab", ""),
    }
    assert len(macs) == 9


def test_leaves_are_chosen_by_area_and_path() -> None:
    """The same path set aside is counted elsewhere."""
    assert len(leaf_of(FILES, ("a",))) == DEPTH
    assert leaf_of(FILES, ("a", "b")) != leaf_of(QUARANTINE, ("a", "b"))
    assert leaf_of(FILES, ("a", "b")) != leaf_of(FILES, ("a b",))


def test_an_entry_tells_a_client_what_it_may_know() -> None:
    """Path, size, time, owner and class; nothing of keys."""
    entry = RECORD.entry
    assert (entry.path, entry.size, entry.owner) == (("a", "b"), 7, "anna")
    assert (entry.modified_at, entry.classification) == (1.5, "confidential")
    assert not entry.partial

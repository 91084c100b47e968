"""Laws of an assessment: more found is never less strict, and nothing found is ever shown."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.assess.adapters.delimited import delimited_contents
from sealgate.assess.adapters.json_stream import json_contents
from sealgate.assess.adapters.opened import OpenableFile, as_utf8
from sealgate.assess.classify import classify
from sealgate.assess.model import Columns, KindFound, Missed, Override, Sampled, Text
from sealgate.assess.naming import show_place
from sealgate.detect.catalogue import Kind
from sealgate.detect.model import Confidence
from sealgate.detect.scanner import Scanner
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.protection import SENSITIVE_FLOOR
from sealgate.policy.requirements import required_of_data

SCANNER = Scanner()
FOUND = st.builds(
    lambda kind, count: KindFound(kind, count, count, Confidence.LIKELY),
    st.sampled_from(list(Kind)),
    st.integers(0, 100),
)
KINDS = st.lists(FOUND, max_size=8).map(tuple)
OVERRIDES = st.builds(
    Override,
    st.sampled_from([c.id for c in DEFAULT_MODEL.classes]),
    st.just("me"),
    st.just("why"),
    st.just(0.0),
)


@given(KINDS, KINDS, st.booleans())
def test_more_found_is_never_less_strict(
    some: tuple[KindFound, ...],
    more: tuple[KindFound, ...],
    complete: bool,  # noqa: FBT001  # drawn by Hypothesis
) -> None:
    """Adding kinds raises each trait or leaves it, and so the class."""
    one = classify(some, model=DEFAULT_MODEL, complete=complete)
    both = classify((*some, *more), model=DEFAULT_MODEL, complete=complete)
    assert both.traits.use >= one.traits.use
    assert both.traits.legal >= one.traits.legal
    assert both.traits.value >= one.traits.value
    assert both.computed.rank >= one.computed.rank


@given(KINDS)
def test_not_looked_at_is_strictest(kinds: tuple[KindFound, ...]) -> None:
    """Whatever was found, what was not seen whole is of the strictest class."""
    weighed = classify(kinds, model=DEFAULT_MODEL, complete=False)
    assert weighed.computed is DEFAULT_MODEL.strictest


@given(KINDS, OVERRIDES, st.booleans())
def test_no_decision_gets_below_the_floor(
    kinds: tuple[KindFound, ...],
    override: Override,
    masked: bool,  # noqa: FBT001  # drawn by Hypothesis
) -> None:
    """Sensitive data needs its floor, whatever a person decided."""
    weighed = classify(
        kinds, model=DEFAULT_MODEL, complete=True, override=override, name_masked=masked
    )
    required = required_of_data(weighed.classification, sensitive=weighed.sensitive)
    assert not weighed.sensitive or required.meets(SENSITIVE_FLOOR)
    assert not masked or weighed.classification.rank >= weighed.computed.rank


@given(st.binary(max_size=300))
@settings(max_examples=300)
def test_every_byte_of_a_text_is_seen(data: bytes) -> None:
    """Whatever the encoding, each ASCII letter of a file without a mark comes through."""
    text = b"".join(c.data for c in as_utf8(io.BytesIO(b"x" + data)) if isinstance(c, Text))
    if b"\x00" not in data:
        letters = bytes(b for b in b"x" + data if chr(b).isascii() and chr(b).isalnum())
        assert bytes(b for b in text if chr(b).isascii() and chr(b).isalnum()) == letters


@given(st.text(max_size=400), st.sampled_from(["/a.csv", "/a.txt"]))
@settings(max_examples=300)
def test_any_text_can_be_read_as_a_table(text: str, name: str) -> None:
    """The reader of tables never fails, and what it yields has its shape."""
    data = text.encode("utf-8", "surrogatepass")
    for content in delimited_contents(OpenableFile(name, lambda: io.BytesIO(data))):
        if isinstance(content, Columns):
            assert len(content.names) == len(content.cells) == len(set(content.names))
        else:
            assert isinstance(content, Text | Missed)


@given(st.binary(max_size=200))
@settings(max_examples=300)
def test_any_bytes_can_be_read_as_json(data: bytes) -> None:
    """The reader of JSON never fails."""
    for content in json_contents(OpenableFile("/a.json", lambda: io.BytesIO(data))):
        assert not isinstance(content, Sampled)


@given(st.text(max_size=60), st.emails(), st.text(max_size=60))
def test_an_address_in_a_place_is_never_shown(before: str, address: str, after: str) -> None:
    """Where the detector finds an address, the place is shown without it."""
    place = f"/{before}/{address}/{after}"
    shown = show_place(place, SCANNER).text
    assert all(c.isprintable() for c in shown)
    if any(m.kind is Kind.EMAIL for m in SCANNER.scan(f"/{address}/".encode())):
        assert f"/{address}/" not in shown

from hypothesis import given
from hypothesis import strategies as st

from sealgate.protocols.lines import sentence


@given(st.text())
def test_a_sentence_is_one_line(text: str) -> None:
    """Nothing in a message can begin another line, nor steer a terminal."""
    told = sentence(text)
    assert not set(told) & set("\r\n\x00\x0b\x0c\x1b\x1c\x85\u2028\u2029")
    assert len(told) == len(text)


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_what_can_be_seen_stays_as_it_is(text: str) -> None:
    """A usual name is not changed."""
    assert sentence(text) == text

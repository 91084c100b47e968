"""The digests that chain a trail: fixed for ever, or every trail of before would look forged."""

from sealgate.chained import START, digest_after, digest_of


def test_known_digests() -> None:
    """As the first version made them."""
    content = digest_of({"b": 1, "a": "\u00e4"})
    assert content == digest_of({"a": "\u00e4", "b": 1})
    assert content == "78892fb919682f85e08161f2cd8e0e904520a093cd75421077a1c865e59e90c6"
    after = digest_after(START, 1, 2.5, "decision", 3, content)
    assert after == "ab7245d94b4657680fab3045ebc449b409bee1052d6e22de85884d4631f0e022"

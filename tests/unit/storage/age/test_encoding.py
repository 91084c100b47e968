from __future__ import annotations

import pytest

from sealgate.storage.age.encoding import decode_base64, decode_bech32, encode_bech32


@pytest.mark.parametrize("text", ["QQ==", "QQ=", "QR", "Q", "Q Q", "QQ\n", "-_", "ä"])
def test_other_spellings_of_base64_are_refused(text: str) -> None:
    """Padding, left-over bits, white space and other alphabets mean nothing."""
    with pytest.raises(ValueError, match="base64"):
        decode_base64(text)


def test_a_vector_of_the_specification_is_read() -> None:
    """The identity that c2sp.org/age shows has 32 times the letter B."""
    text = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    assert decode_bech32(text) == ("age-secret-key-", b"B" * 32)
    assert encode_bech32("age-secret-key-", b"B" * 32).upper() == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("A12UEL5l", "mixed"),
        ("a12uel5m", "checksum"),
        ("12uel5l", "not Bech32"),
        ("a1b", "not Bech32"),
        ("a12uelbl", "does not have"),
        ("a\x7f12uel5l", "not Bech32"),
        ("pzry9x0s0muk", "not Bech32"),
    ],
)
def test_other_spellings_of_bech32_are_refused(text: str, told: str) -> None:
    """BIP 173's own list of what is wrong, and each is told."""
    with pytest.raises(ValueError, match=told):
        decode_bech32(text)

"""Luhn, mod 97 and the weights of US routing numbers."""

from __future__ import annotations

import pytest

from sealgate.detect.checksums import aba, iban, luhn


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        (b"4111111111111111", True),
        (b"4111111111111112", False),
        (b"79927398713", True),
        (b"0", True),
    ],
)
def test_luhn(digits: bytes, valid: bool) -> None:  # noqa: FBT001 - the expected answer
    """The check digit decides, for odd and even lengths."""
    assert luhn(digits) is valid


@pytest.mark.parametrize(
    ("compact", "valid"),
    [
        (b"DE89370400440532013000", True),
        (b"GB29NWBK60161331926819", True),
        (b"NO9386011117947", True),
        (b"DE88370400440532013000", False),
        (b"DE8937040044053201300", False),
        (b"ZZ89370400440532013000", False),
        (b"DEXX370400440532013000", False),
        (b"DE893704004405320130-0", False),
    ],
)
def test_iban(compact: bytes, valid: bool) -> None:  # noqa: FBT001 - the expected answer
    """Country, length, alphabet and mod 97 all have to hold."""
    assert iban(compact) is valid


@pytest.mark.parametrize(
    ("digits", "valid"), [(b"124003116", True), (b"124003117", False), (b"000000000", False)]
)
def test_aba(digits: bytes, valid: bool) -> None:  # noqa: FBT001 - the expected answer
    """The weighted sum is a multiple of ten, and zeros are nobody's bank."""
    assert aba(digits) is valid

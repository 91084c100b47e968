"""
The two alphabets of age: base64 without padding (RFC 4648, 4) and Bech32 (BIP 173).

Both are read in their one canonical spelling only, so that no two texts mean the same.
"""

from __future__ import annotations

import base64
import binascii
import re

_BASE64 = re.compile(r"[A-Za-z0-9+/]*", re.ASCII)
# BIP 173: the 32 letters, and the polynomial of its checksum.
_LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES = {letter: value for value, letter in enumerate(_LETTERS)}
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LETTERS = 6


def encode_base64(data: bytes) -> str:
    """Return *data* in base64 without padding."""
    return base64.b64encode(data).rstrip(b"=").decode("ascii")


def decode_base64(text: str) -> bytes:
    """
    Return what the unpadded base64 *text* stands for.

    Raises:
        ValueError: it has padding, other characters, or bits left over.
    """
    if not _BASE64.fullmatch(text):
        raise ValueError("not base64")
    try:
        data = binascii.a2b_base64(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("not base64") from None
    if encode_base64(data) != text:
        raise ValueError("not canonical base64")
    return data


def encode_bech32(prefix: str, data: bytes) -> str:
    """Return *data* in lower-case Bech32 under *prefix*, without the length limit of BIP 173."""
    values = _regroup(data, 8, 5)
    polymod = _polymod([*_expand(prefix), *values, *([0] * _CHECKSUM_LETTERS)]) ^ 1
    checksum = [(polymod >> 5 * (5 - place)) & 31 for place in range(_CHECKSUM_LETTERS)]
    return prefix + "1" + "".join(_LETTERS[value] for value in [*values, *checksum])


def decode_bech32(text: str) -> tuple[str, bytes]:
    """
    Return the prefix, in lower case, and the data of the Bech32 *text*.

    Raises:
        ValueError: mixed case, a foreign character, a wrong checksum, or bits left over.
    """
    if text != text.lower() and text != text.upper():
        raise ValueError("upper and lower case are mixed")
    prefix, one, rest = text.lower().rpartition("1")
    if not one or not prefix or len(rest) < _CHECKSUM_LETTERS:
        raise ValueError("not Bech32")
    if any(not "!" <= letter <= "~" for letter in prefix):
        raise ValueError("not Bech32")
    try:
        values = [_VALUES[letter] for letter in rest]
    except KeyError:
        raise ValueError("a character that Bech32 does not have") from None
    if _polymod([*_expand(prefix), *values]) != 1:
        raise ValueError("the checksum is wrong: mistyped, or cut off")
    data = bytes(_regroup(bytes(values[:-_CHECKSUM_LETTERS]), 5, 8))
    if encode_bech32(prefix, data) != text.lower():
        raise ValueError("bits are left over")
    return prefix, data


def _regroup(values: bytes, width: int, wanted: int) -> list[int]:
    held = bits = 0
    regrouped = []
    for value in values:
        held = (held << width) | value
        bits += width
        while bits >= wanted:
            bits -= wanted
            regrouped.append((held >> bits) & ((1 << wanted) - 1))
        held &= (1 << bits) - 1
    # Towards letters the last group is filled up; towards bytes the filling is dropped.
    if bits and wanted < width:
        regrouped.append((held << (wanted - bits)) & ((1 << wanted) - 1))
    return regrouped


def _expand(prefix: str) -> list[int]:
    codes = [ord(letter) for letter in prefix]
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for place, generator in enumerate(_GENERATOR):
            if (top >> place) & 1:
                checksum ^= generator
    return checksum

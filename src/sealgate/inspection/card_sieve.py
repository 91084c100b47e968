"""
Numbers of 16 digits that fail the checksum of cards, told apart from all others at once.

A dense table is mostly of numbers that are no cards, and nine in ten of them fail Luhn's
checksum (ISO/IEC 7812-1, Annex B). Asking them one by one takes a microsecond each; here
the n-th digits of all of them are one large integer, with a byte for each number, and
16 of these are added up. No sum is over 144, so none carries into its neighbour.
"""

from __future__ import annotations

_SEEN, _DIGITS = 12, 16  # a candidate ends on a card's twelfth digit
_AFTER = _DIGITS - _SEEN + 1
_ROW = _DIGITS + 1  # with the byte behind, which must be no digit
_ZERO, _NINE = 0x30, 0x39


def _is_digit(byte: int) -> bool:
    return _ZERO <= byte <= _NINE


_PLAIN = bytes(b - _ZERO if _is_digit(b) else 0 for b in range(256))
_DOUBLED = bytes(sum(divmod(2 * (b - _ZERO), 10)) if _is_digit(b) else 0 for b in range(256))
_IS_OTHER = bytes(not _is_digit(b) for b in range(256))
_IS_DIGIT = bytes(_is_digit(b) for b in range(256))
_PASSES = bytes(total % 10 == 0 for total in range(256))


def may_be_cards(text: bytes, ends: list[int]) -> bytes:
    """
    Return, for each candidate whose twelfth digit ends at one of *ends*, whether it may be a card.

    A byte each, 0 for those that are 16 digits, no more, and fail the checksum. Of any other
    form nothing is said here: they may be. So may those around which *text* is not there.
    """
    rows = [text[end - _SEEN : end + _AFTER] if end >= _SEEN else b"" for end in ends]
    whole = b"".join(rows)
    if len(whole) < _ROW * len(rows):
        whole = b"".join([row if len(row) == _ROW else bytes(_ROW) for row in rows])
    plain, doubled = whole.translate(_PLAIN), whole.translate(_DOUBLED)
    other = whole.translate(_IS_OTHER)
    total = others = 0
    for place in range(_DIGITS):
        total += _lanes(plain if place % 2 else doubled, place)
        others += _lanes(other, place)
    longer = _lanes(whole.translate(_IS_DIGIT), _DIGITS)
    count = len(ends)
    passes = int.from_bytes(total.to_bytes(count, "little").translate(_PASSES), "little")
    return (passes | others | longer).to_bytes(count, "little")


def _lanes(rows: bytes, place: int) -> int:
    return int.from_bytes(rows[place::_ROW], "little")

"""Only what is whole, 16 digits long and fails the checksum is sieved out; the place decides."""

import pytest

from sealgate.inspection.card_sieve import may_be_cards

CARD, OTHER = b"4111111111111111", b"4111111111111112"


@pytest.mark.parametrize(
    ("number", "may_be"),
    [
        (CARD + b"<", True),
        (OTHER + b"<", False),
        (b"5500005555555559 ", True),
        (b"5500005555555558 ", False),
        (OTHER + b"3", True),  # longer: another checksum, which is not asked here
        (b"4111 1111 1111 1112 ", True),
        (b"411111111111111x ", True),
        (OTHER, True),  # a digit could still follow
    ],
)
def test_what_may_be_a_card(number: bytes, *, may_be: bool) -> None:
    """The checksum is only held against numbers whose form is certain."""
    assert bool(may_be_cards(b"\n" + number, [13])[0]) is may_be


def test_thousands_are_asked_at_once_and_none_disturbs_another() -> None:
    """The largest sums stand beside the smallest ones; each verdict is its own number's."""
    numbers = (CARD, OTHER, b"9" * 16, b"0" * 16, b"4" + b"9" * 15) * 1000
    text = b"".join(b">" + number for number in numbers) + b"<"
    ends = [17 * at + 13 for at in range(len(numbers))]
    assert [bool(one) for one in may_be_cards(text, ends)] == [
        True,
        False,
        False,
        True,
        False,
    ] * 1000


def test_nothing_is_asked() -> None:
    """No candidate, no verdict."""
    assert may_be_cards(b"\n", []) == b""

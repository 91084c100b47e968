r"""
Payment cards, however they are written.

A number is told by its issuer's range, its length and Luhn's checksum (ISO/IEC 7812-1), and by what
stands around it. It may be in one piece or in the groups that cards are printed with; the groups
may be parted by any space or dash of Unicode, by a dot, an underscore, or the escapes of a URL; its
digits may be those of any script. Other numbers may stand right beside it, with the very sign between
them that parts its groups: so what the groups are is tried out, and the checksum decides.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from sealgate.detect.anchor import CONFIRMED, EDGE, LIKELY, POSSIBLE, Anchor, Confirm, Found, kinds
from sealgate.detect.catalogue import Kind
from sealgate.detect.checksums import luhn
from sealgate.detect.written import DIGITS, ODD, ODD_BYTE, UNSEEN, readings, utf8_pattern

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.detect.model import Confidence

# First and last four digits of an issuer's range; the lengths that it uses; those of them by which a
# number is told also where nothing else says card. A range of one in a hundred, or a length that
# few other numbers have, is enough for that beside the checksum, which one in ten passes.
_RANGES: tuple[tuple[int, int, tuple[int, ...], tuple[int, ...]], ...] = (
    (604, 604, (12,), ()),  # Maestro
    (1800, 1800, (15,), (15,)),  # JCB
    (2131, 2131, (15,), (15,)),
    (2200, 2205, (16, 17, 18, 19), (16, 17, 18, 19)),  # Mir
    (2221, 2720, (16,), (16,)),  # Mastercard
    (3000, 3059, (14, 16), (14, 16)),  # Diners Club
    (3095, 3095, (14, 16), (14, 16)),
    (3400, 3499, (15,), (15,)),  # American Express
    (3500, 3599, (16,), ()),
    (3528, 3589, (16,), (16,)),  # JCB, RuPay
    (3600, 3699, (14, 16), (14, 16)),
    (3700, 3799, (15,), (15,)),
    (3800, 3999, (14, 16), (14, 16)),
    (4000, 4999, (13, 16, 18, 19), (16,)),  # Visa
    (5000, 5099, (12, 13, 14, 15, 16, 17, 18, 19), (15, 16)),  # Maestro, Elo, Verve, RuPay
    (5060, 5061, (16, 18, 19), (16, 18, 19)),
    (5078, 5079, (16, 18, 19), (16, 18, 19)),
    (5100, 5599, (16,), (16,)),
    (5600, 5999, (12, 13, 14, 15, 16, 17, 18, 19), (15, 16)),
    (6000, 6999, (12, 13, 14, 15, 16, 17, 18, 19), (15, 16)),
    (6011, 6011, (16, 17, 18, 19), (16, 17, 18, 19)),  # Discover
    (6200, 6299, (16, 17, 18, 19), (16, 17, 18, 19)),  # UnionPay
    (6360, 6369, (16, 17, 18, 19), (16, 17, 18, 19)),  # InterPayment
    (6440, 6599, (16, 17, 18, 19), (16, 17, 18, 19)),
    (8100, 8299, (16, 17, 18, 19), (16, 17, 18, 19)),  # RuPay, UnionPay
    (8600, 8600, (16,), (16,)),  # Uzcard
    (9792, 9792, (16,), (16,)),  # Troy
    (9860, 9860, (16,), (16,)),  # Humo
)
# The last range that holds a prefix speaks for it; sets of lengths are bits.
_LENGTHS: dict[bytes, tuple[int, int]] = {
    b"%04d" % prefix: (sum(1 << n for n in used), sum(1 << n for n in alone))
    for first, last, used, alone in _RANGES
    for prefix in range(first, last + 1)
}
_UNKNOWN = (0, 0)
_PREFIX = 4
_SHORTEST, _USUAL, _LONGEST = 12, 16, 19
_ISSUER = 6
# Shorter ones are told by their word or by others of their kind beside them.
_SHORTEST_ALONE = 14

_DIGITS = re.compile(rb"[0-9]{1,20}")
# What may stand between two groups: the same throughout, but for spaces and dashes.
_BETWEEN = re.compile(rb" [-./] | {1,3}|--|[-._+'~/:]")
_MIXED = frozenset({b" ", b"-"})
_WHITE = b" \t"
_MOST_GROUPS = 8
# Where groups may end, but for the last; and those that are not missing any.
_ENDS = (
    frozenset({4, 8, 12, 16}),
    frozenset({4, 10}),
    frozenset({6}),
    frozenset({6, 12}),
)
_WHOLE = frozenset({(4, 8, 12), (4, 8, 12, 16), (4, 10), (6,), (8,)})
_IN_PIECES = 13

# Over text in lower case, and each alternative begins with its letter: ten times faster than
# a search that ignores case, and this is asked for each number that passes.
_CARD_WORD = re.compile(
    rb"card|karte|tarjeta|carte|carta|cart\xc3\xa3o|visa|master|amex|american express|p(?<!\wp)an\b|credit|kredit|debit|maestro|diners|discover|jcb"
)
_CONTEXT = 48
# Behind a number: zeros of a fraction, a date, or a number that is as long.
_NO_FRACTION = re.compile(
    rb"\.(?:0{1,8}(?![0-9])|[0-9]{12,19}(?![0-9])|(?:0[1-9]|1[0-2])[./-][0-9]{2})"
)
# ISO/IEC 7813: what stands behind the number on track 2, with the hexadecimal D of a chip for "=".
_TRACK_TWO = re.compile(rb"[Dd=][0-9]{2}(?:0[1-9]|1[0-2])[0-9]{3}")
# Letters that may be glued to a number: that, and the type of a literal in code.
_GOES_WITH = re.compile(_TRACK_TWO.pattern + rb"|(?:[uU]?[lL]{1,2}|[uUnmM])(?![0-9A-Za-z])")
_FOUR = re.compile(rb"[0-9]{4}(?![0-9A-Za-z])")
# Month and year of an expiry, or its year.
_UNTIL = re.compile(rb"(?:(?:0[1-9]|1[0-2])(?:2[4-9]|3[0-9])|20[2-3][0-9])(?![0-9A-Za-z])")
_GROUP = re.compile(rb"(?<![0-9A-Za-z])[0-9]{1,20}(?![0-9A-Za-z])")
# So many four-digit numbers may stand beside each card, and so many more; in a table of them are more.
_OTHERS_EACH, _OTHERS = 2, 2
# So many numbers beside one that has a common length, and as many of four valid.
_COMPANY = 3


class _Part(NamedTuple):
    """What is taken for a card: where it ends, its digits, and whether it is in groups."""

    stop: int
    digits: bytes
    grouped: bool
    signs: frozenset[bytes] = frozenset()  # that part the groups
    common: bool = False  # pairs of numbers of other kinds are written so, too


def known_issuer(digits: bytes) -> bool:
    """Return whether *digits* start in an issuer's range and have a length it uses."""
    return bool(_LENGTHS.get(digits[:_PREFIX], _UNKNOWN)[0] >> len(digits) & 1)


def _is_valid(digits: bytes) -> bool:
    # One digit repeated is a filler.
    return known_issuer(digits) and luhn(digits) and digits.count(digits[:1]) != len(digits)


def _ends(text: bytes, stop: int) -> bool:
    """Return whether a number that ends at *stop* is whole: nothing goes on with it."""
    after = text[stop : stop + 1]
    if after.isalnum():
        return _GOES_WITH.match(text, stop) is not None
    if after == b"." and text[stop + 1 : stop + 2].isdigit():
        return _NO_FRACTION.match(text, stop) is not None
    return True


def _begins(text: bytes, start: int, part: _Part | None) -> bool:
    """Return whether a number that begins at *start* is no part of what stands before it."""
    before = text[start - 1 : start]
    if before.isalnum():
        # ISO/IEC 7813: the format code of track 1, and what parts its fields.
        is_code = before in {b"B", b"b"} and not text[start - 2 : start - 1].isalnum()
        return is_code and part is not None and text[part.stop : part.stop + 1] == b"^"
    if before == b"." and text[start - 2 : start - 1].isdigit():
        return _ends_long(text, start - 1)  # else the fraction of a number
    return True


def _ends_long(text: bytes, stop: int) -> bool:
    return stop >= _SHORTEST and text[stop - _SHORTEST : stop].isdigit()


def _parts(text: bytes, start: int, high: int) -> list[_Part]:
    """Return what may be a card from *start* on: in one piece, else in groups, the longest first."""
    found = _DIGITS.match(text, start, high)
    if found is None:
        return []
    digits, end = found.group(), found.end()
    if len(digits) >= _IN_PIECES:
        return [_Part(end, digits, grouped=False)] if len(digits) <= _LONGEST else []
    parts = [_Part(end, digits, grouped=False)] if len(digits) == _SHORTEST else []
    ends: list[int] = []
    signs: set[bytes] = set()
    first: bytes | None = None
    for sign, group, stop in _groups(text, end, high):
        first = first or sign
        if sign != first and not (sign in _MIXED and first in _MIXED):
            break
        ends.append(len(digits))
        signs.add(sign)
        digits += group
        if len(digits) > _LONGEST:
            break
        if len(digits) >= _SHORTEST and _is_form(ends, len(digits), first):
            parts.append(
                _Part(stop, digits, grouped=True, signs=frozenset(signs), common=ends == [_ISSUER])
            )
    return parts[::-1]


def _groups(text: bytes, stop: int, high: int) -> Iterator[tuple[bytes, bytes, int]]:
    """Yield what parts each of the groups behind *stop* from the one before, the group, and its end."""
    for _ in range(_MOST_GROUPS):
        between = _BETWEEN.match(text, stop, high)
        found = _DIGITS.match(text, between.end(), high) if between is not None else None
        if between is None or found is None:
            return
        stop = found.end()
        yield between.group(), found.group(), stop


def _is_form(ends: list[int], length: int, sign: bytes) -> bool:
    if length > _USUAL and ends[-1] != _USUAL and len(ends) > 1:
        return False
    if sign in _MIXED:
        return any(form.issuperset(ends) for form in _ENDS)
    return tuple(ends) in _WHOLE


def _card_from(text: bytes, start: int, high: int) -> _Part | None:
    """Return the card that begins at *start*, if there is one."""
    if text[start : start + _PREFIX] not in _LENGTHS:
        return None  # No first group is shorter.
    for part in _parts(text, start, high):
        if _is_valid(part.digits) and _ends(text, part.stop):
            return part
    return None


def _is_named(text: bytes, start: int, low: int) -> bool:
    first = max(low, start - _CONTEXT)
    # With the byte before: a word may begin at the first one.
    near = text[max(first - 1, 0) : start].lower()
    return _CARD_WORD.search(near, min(first, 1)) is not None


def _stands_apart(text: bytes, start: int, part: _Part, low: int, high: int) -> bool:
    """
    Return whether the groups of *part* are those of a card, and not some of a table or serial.

    Four digits beside it, parted by the same sign, make it doubtful. Then all that is near is parted into as many
    cards as there can be: this has to be one of them, with few such numbers left over.
    """
    before, after = _sign_before(text, start, low), _sign_after(text, part.stop, high)
    if not any(one and (one in part.signs or not one.strip(_WHITE)) for one in (before, after)):
        return True
    near = _Near(text, low, high)
    # Prose and tables have spaces between their numbers; by another sign they are one.
    if before.strip(_WHITE) and before in part.signs and start not in near.behind_cards(before):
        return False
    if after.strip(_WHITE) and after in part.signs:
        next_one = part.stop + len(after)
        if next_one not in near.cards and not _UNTIL.match(text, next_one, high):
            return False
    return near.may_hold(start, part.stop)


class _Near:
    """The numbers from *low* to *high*, parted into as many cards as there can be."""

    __slots__ = ("_after", "_before", "_places", "cards")

    def __init__(self, text: bytes, low: int, high: int) -> None:
        spans = [found.span() for found in _GROUP.finditer(text, low, high)]
        self._places = [start for start, _ in spans]
        self.cards: dict[int, int] = {}  # where one begins, where it ends
        count = len(spans)
        # Of each place: how many cards, and how many lone numbers of four digits (below 0), from
        # there to the end, and from the beginning to there.
        after = [(0, 0)] * (count + 1)
        for n in range(count - 1, -1, -1):
            start, stop = spans[n]
            after[n] = _with(after[n + 1], 0, stop - start)
            one = _card_from(text, start, high)
            if one is not None:
                self.cards[start] = one.stop
                after[n] = max(after[n], _with(after[self._behind(one.stop)], 1, 0))
        before = [(0, 0), *[(-1, 0)] * count]
        for n, (start, stop) in enumerate(spans):
            before[n + 1] = max(before[n + 1], _with(before[n], 0, stop - start))
            if start in self.cards:
                behind = self._behind(self.cards[start])
                before[behind] = max(before[behind], _with(before[n], 1, 0))
        self._after, self._before = after, before

    def _behind(self, place: int) -> int:
        return bisect_left(self._places, place)

    def behind_cards(self, sign: bytes) -> set[int]:
        """Return where numbers begin that *sign* parts from a card before them."""
        return {stop + len(sign) for stop in self.cards.values()}

    def may_hold(self, start: int, stop: int) -> bool:
        """Return whether a card from *start* to *stop* is among the most that there can be."""
        cards, lone = self._after[0]
        taken = self._before[self._behind(start)][0] + 1 + self._after[self._behind(stop)][0]
        return taken >= cards and -lone <= _OTHERS_EACH * cards + _OTHERS


def _with(so_far: tuple[int, int], cards: int, width: int) -> tuple[int, int]:
    return so_far[0] + cards, so_far[1] - (width == _PREFIX)


def _sign_before(text: bytes, start: int, low: int) -> bytes:
    """Return the sign between *start* and four digits right before it, nothing if there are none."""
    for width in (1, 2, 3):
        sign = text[start - width : start]
        stop = start - width
        if (
            stop - _PREFIX >= low
            and _BETWEEN.fullmatch(sign)
            and text[stop - _PREFIX : stop].isdigit()
            and not text[stop - _PREFIX - 1 : stop - _PREFIX].isalnum()
        ):
            return sign
    return b""


def _sign_after(text: bytes, stop: int, high: int) -> bytes:
    between = _BETWEEN.match(text, stop, high)
    if between is None or _FOUR.match(text, between.end(), high) is None:
        return b""
    return between.group()


def _has_company(text: bytes, start: int, low: int, high: int) -> bool:
    """Return whether numbers stand near that could be cards by range and length, and are."""
    valid = others = 0
    at = low
    while (found := _GROUP.search(text, at, high)) is not None:
        at = found.end()
        if found.start() == start:
            continue
        parts = [p for p in _parts(text, found.start(), high) if known_issuer(p.digits)]
        if parts:
            one = next((p for p in parts if luhn(p.digits)), None)
            others += 1
            valid += one is not None
            at = (one or parts[0]).stop
    return others >= _COMPANY and valid * 4 >= others * 3


def _judged(text: bytes, start: int, low: int, high: int) -> tuple[int, Confidence] | None:
    """Return where the card ends that begins at *start*, and how sure it is."""
    part = _card_from(text, start, high)
    if not _begins(text, start, part):
        return None
    if part is None:
        return _unsound(text, start, high) if _is_named(text, start, low) else None
    is_told = len(part.digits) >= _SHORTEST_ALONE and not part.common
    by_groups = is_told and part.grouped
    if by_groups and _stands_apart(text, start, part, low, high):
        return part.stop, CONFIRMED
    if _is_named(text, start, low):
        # The word outweighs a group right beside it.
        return part.stop, LIKELY if by_groups else CONFIRMED
    if not by_groups and (_tells(text, part) or _has_company(text, start, low, high)):
        return part.stop, LIKELY
    return (part.stop, POSSIBLE) if is_told and not by_groups else None


def _tells(text: bytes, part: _Part) -> bool:
    """Return whether *part* is told by its range and length alone, or as a track of a stripe."""
    alone = _LENGTHS[part.digits[:_PREFIX]][1] >> len(part.digits) & 1
    return (bool(alone) and not part.common) or _TRACK_TWO.match(text, part.stop) is not None


def _unsound(
    text: bytes, start: int, high: int, shortest: int = _SHORTEST_ALONE
) -> tuple[int, Confidence] | None:
    """Return what would be a card but for its checksum: test numbers may fail it."""
    for part in _parts(text, start, high):
        if (
            len(part.digits) >= shortest
            and known_issuer(part.digits)
            and part.digits.count(part.digits[:1]) != len(part.digits)
            and _ends(text, part.stop)
            and _FOUR.match(text, part.stop + 1, high) is None
        ):
            return part.stop, POSSIBLE
    return None


def card(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm issuer, length and Luhn; without Luhn only after a card word."""
    start = _head_at(text, end, low)
    judged = _judged(text, start, low, high) if start >= 0 else None
    return None if judged is None else (start, judged[0], Kind.PAYMENT_CARD, judged[1])


def _head_at(text: bytes, end: int, low: int) -> int:
    """Return where the first digits of a card that end at *end* begin; -1 for those of no such form."""
    start = end - _SHORTEST
    if start >= low and text[start:end].isdigit():
        return start
    for width in range(_SHORTEST + 1, _WIDEST_HEAD + 1):
        start = end - width
        if (
            start >= low
            and not text[start - 1 : start].isdigit()
            and _HEAD_FORM.fullmatch(text, start, end)
        ):
            return start
    return -1


def written(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a card by how the text around *end* reads: it may be written in any signs."""
    if len(_DIGIT.findall(text, max(low, end - _NEAR), min(high, end + _NEAR))) < _SHORTEST:
        return None  # Years, prices and dates are written so as well.
    near = text[max(low - 1, 0) : high]
    base = max(low - 1, 0)
    for read, places in readings(near):
        first, last = bisect_left(places, low - base), len(read)
        reached = bisect_left(places, end - base)
        for group in _GROUP_START.finditer(read, max(first, reached - _WIDEST), reached):
            start = group.start()
            judged = _judged(read, start, first, last)
            if judged is not None and judged[0] >= reached:
                stop, confidence = judged
                return base + places[start], base + places[stop], Kind.PAYMENT_CARD, confidence
    return None


def track_one(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a card before the sign that parts the fields of track 1; the anchor ends behind it."""
    stop = end - (2 if text[end - 2 : end - 1] == b"^" else 4)
    if not text[stop - 1 : stop].isdigit():
        return None
    return written(text, stop, low, high)


# The longest number, each digit in four bytes.
_NEAR = 76
_DIGIT = re.compile(f"[0-9]|{utf8_pattern(DIGITS)}".encode("ascii"))
# A number with three signs between its groups, as it reads.
_WIDEST = 31
_GROUP_START = re.compile(rb"(?<![0-9])[0-9]")


def after_word(text: bytes, end: int, low: int, high: int) -> Found | None:
    """Confirm a card right after its word: any issuer and length; test numbers may fail Luhn."""
    del low
    start = end - 4
    part = _card_from(text, start, high)
    if part is not None:
        return start, part.stop, Kind.PAYMENT_CARD, CONFIRMED
    if text[start - 1 : start].isalpha():
        return None
    unsound = _unsound(text, start, high, _SHORTEST)
    return None if unsound is None else (start, unsound[0], Kind.PAYMENT_CARD, unsound[1])


# The first four digits of a card, and what else is asked for before it is looked at.
_FIRST = "[2-68][0-9]{3}"
_FIRST_OF_FEW = "(?:1800|9792|9860)"
_ANY = "[1-689][0-9]{3}"
_SIGN = "(?:[ ._+'~/:-]|  | [./-] |--)"
_BY_FOUR = f"{_SIGN}?[0-9]{{4}}{_SIGN}?[0-9]{{4}}"
_BY_SIX = f"{_SIGN}[0-9]{{6}}{_SIGN}[0-9]{{3}}"
_REST = f"(?:{_BY_FOUR}|{_BY_SIX}|[0-9]{{2}}[ -][0-9]{{8}})"
_HEAD_FORM = re.compile(f"(?:{_FIRST}|{_FIRST_OF_FEW}){_REST}".encode("ascii"))
_WIDEST_HEAD = 19
_UNSEEN = f"(?:{utf8_pattern(UNSEEN)})"
_OTHER = utf8_pattern(DIGITS)
_AROUND = 100
_BEFORE = 80


def _anchor(name: str, pattern: str, confirm: Confirm, *, apart: bool = False) -> Anchor:
    return Anchor(name, pattern, kinds(Kind.PAYMENT_CARD), confirm, _BEFORE, _AROUND, apart=apart)


ANCHORS = (
    _anchor("card", EDGE + _FIRST + _REST, card),
    _anchor("card-of-few", EDGE + _FIRST_OF_FEW + _REST, card),
    _anchor("card-track", "(?:\\^|%5[eE])[A-Za-z ]", track_one),
    _anchor("card-url-digits", "(?:%3[0-9]){4}", written),
    _anchor("card-url-signs", "%(?:25)?(?:20|2[dDeE]|[aA]0)[0-9]{4}", written),
    _anchor("card-url", "%[2-7][0-9A-Fa-f]" + _ANY + _REST, written),
    _anchor(
        "card-json",
        "\\\\(?:[nrtbfv]|u00[0-7][0-9A-Fa-f]|x[0-7][0-9A-Fa-f])" + _ANY + _REST,
        written,
        apart=True,
    ),
    _anchor(
        "card-odd-signs",
        f"{ODD} ?[0-9]{{4}}(?:[0-9]{{4}}|(?:[0-9]{{2}})? ?(?:{ODD}|[ ._-]))",
        written,
        apart=True,
    ),
    _anchor("card-odd-bytes", f"{ODD_BYTE}[0-9]{{4}}", written, apart=True),
    _anchor("card-unseen", f"{_UNSEEN}[0-9]{_UNSEEN}[0-9]{_UNSEEN}", written, apart=True),
    _anchor("card-digits", f"(?:{_OTHER}){{4}}", written, apart=True),
    Anchor(
        "card-word",
        "(?:card|karte|kartennummer|tarjeta|carte|cart\xc3\xa3o|visa|[^a-z]cc|[^a-z]pan)[a-z]{0,8}[\"']?[^0-9A-Za-z\\n]{0,4}(?:(?:number|num|nr|no|n\xc2\xb0|is|ist|es|:)[^0-9A-Za-z\\n]{1,4}){0,2}[0-9]{4}",
        kinds(Kind.PAYMENT_CARD),
        after_word,
        before=8,
        after=40,
        caseless=True,
    ),
)

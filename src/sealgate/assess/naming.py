"""
How places are shown: without any value that stands in them.

A file name, a column header, a JSON key or a URL may itself carry a value. What is
shown, stored or logged of a place comes from here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from sealgate.detect.headers import normal, rules_for
from sealgate.detect.mask import mask_text

if TYPE_CHECKING:
    from sealgate.detect.scanner import Scanner

_LONGEST_PLACE = 1024
# Words that stand beside a known one in a name. With any other word a header is not
# shown: "password hunter" may be data.
_BESIDE = frozenset(
    "a account acct address addr alt billing bill c client code col column company contact"  # noqa: SIM905  # a list of words
    " current customer data date default delivery emergency employee field first from full hash"
    " home id info is item kunde kunden last line list main member mobile my name no nr num number"
    " of old order other owner patient payment person personal phone primary private recipient"
    " record secondary sender ship shipping staff str student tax temp text the to type user"
    " users value work".split()
)
_SHORT_NUMBER = 2
_WORD = re.compile("[^_]+")


def is_known_name(name: str) -> bool:
    """Return whether *name*, a header or key, is made of words that are names of columns."""
    header = normal(name)
    for rule in rules_for(header):
        match = rule.pattern.search(header)
        if match is not None and all(
            word.group() in _BESIDE or _is_number(word.group()) or _covers(match, word)
            for word in _WORD.finditer(header)
        ):
            return True
    return False


def _is_number(word: str) -> bool:
    return word.isdigit() and len(word) <= _SHORT_NUMBER


def _covers(match: re.Match[str], word: re.Match[str]) -> bool:
    # Patterns are stems ("addr"), so the greater part of a word is enough.
    shared = min(match.end(), word.end()) - max(match.start(), word.start())
    return 2 * shared > len(word.group())


class Shown(NamedTuple):
    """A place as it is shown, and whether something in it had to be masked."""

    text: str
    masked: bool


def show_place(place: str, scanner: Scanner) -> Shown:
    """
    Return *place* without values and control characters.

    A place is also read percent-decoded, because that is how URLs carry values; when
    the decoded form shows more, it is the one that is masked and shown.
    """
    masked = mask_text(place, scanner)
    decoded = unquote(place)
    if decoded != place:
        of_decoded = mask_text(decoded, scanner)
        if of_decoded != decoded:
            masked = of_decoded
    if len(masked) > _LONGEST_PLACE:
        masked = masked[:_LONGEST_PLACE] + "…"
    # Undecodable names and terminal control sequences are shown as escapes.
    shown = "".join(c if c.isprintable() else _escaped(c) for c in masked)
    return Shown(shown, shown != place)


def show_column(name: str, number: int, scanner: Scanner, *, known: bool) -> str:
    """
    Return how the column called *name* is shown; *number* counts from 1.

    *known*: the name comes from a schema or is one that the detector has in its
    vocabulary. Any other header or key ("Greta Lindqvist") may be data that stands
    where a name should, and is replaced by its number.
    """
    return show_place(name, scanner).text if known else f"column {number}"


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")

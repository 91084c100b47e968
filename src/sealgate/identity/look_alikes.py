"""
Whether two names look, or are compared, as one: who is told apart by eye or by case is not.

After Unicode Technical Standard 39, 4 (confusable detection), with the case of letters besides:
of each character it is known what it looks like, as it stands and in the other case. Two names
are alike where some reading of one is a reading of the other. It is no equivalence: "Ian" is like
"lan" and like "ian", which are not like each other. Only what both show is judged: the direction
of writing is not, nor fonts.
"""

from __future__ import annotations

import functools
import itertools
import math
import unicodedata
from typing import TYPE_CHECKING

from sealgate.identity.confusables import PROTOTYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# Default_Ignorable_Code_Point (Unicode 17, DerivedCoreProperties), and what fonts draw as nothing.
_UNSEEN = (
    (0x00AD, 0x00AD),
    (0x034F, 0x034F),
    (0x061C, 0x061C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFF8),
    (0x13441, 0x13446),
    (0x16FE4, 0x16FE4),
    (0x1BCA0, 0x1BCA3),
    (0x1D159, 0x1D159),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
# A dot above a letter that has one is drawn on it.
_DOT, _DOTTED = "\u0307", frozenset({"i", "j"})
_FEW = 64
# Prototypes of prototypes: each step ends at one, so more than a few are a fault of the table.
_STEPS = 8

_Readings = tuple[frozenset[str], ...]


def is_unseen(character: str) -> bool:
    """Return whether *character* shows nothing at all."""
    return any(first <= ord(character) <= last for first, last in _UNSEEN)


def alike(one: str, other: str) -> bool:
    """Return whether *one* and *other* look the same, or differ by case only."""
    here, there = _texts(one), _texts(other)
    if here is not None and there is not None:
        return not here.isdisjoint(there)
    return _meet(_readings(one), _readings(other))


def like(name: str, others: Iterable[str]) -> str | None:
    """Return the first of *others* that is like *name* and is not that very name."""
    return next((other for other in others if other != name and alike(name, other)), None)


def likes(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give every pair of *names* that are alike, for names that were there before this was judged."""
    by_text: dict[str, list[str]] = {}
    many: list[str] = []
    done: list[str] = []
    for name in sorted(set(names)):
        texts = _texts(name)
        if texts is None:
            near = done
            many.append(name)
        else:
            near = [*many, *(other for text in texts for other in by_text.get(text, ()))]
            for text in texts:
                by_text.setdefault(text, []).append(name)
        yield from ((other, name) for other in dict.fromkeys(near) if alike(other, name))
        done.append(name)


@functools.lru_cache(maxsize=20_000)
def _texts(name: str) -> frozenset[str] | None:
    # All readings of the whole name, where these are few, as they are for most names.
    readings = _readings(name)
    if math.prod(map(len, readings)) > _FEW:
        return None
    return frozenset(map("".join, itertools.product(*readings)))


def _readings(name: str) -> _Readings:
    found: list[frozenset[str]] = []
    for character in unicodedata.normalize("NFD", unicodedata.normalize("NFKC", name)):
        over_a_dot = character == _DOT and bool(found) and bool(found[-1] & _DOTTED)
        if not is_unseen(character) and not over_a_dot:
            found.append(_read(character))
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def _read(character: str) -> frozenset[str]:
    cases = {character, character.casefold(), character.lower()}
    if not character.isascii():
        # Pages show names in capitals: what looks like another one there.
        cases.add(character.upper())
    return frozenset(_shown(case) for case in cases)


def _shown(text: str) -> str:
    for _ in range(_STEPS):
        seen = "".join(_table().get(c, c) for c in unicodedata.normalize("NFD", text))
        seen = unicodedata.normalize("NFD", seen).casefold().replace(f"i{_DOT}", "i")
        if seen == text:
            break
        text = seen
    return text


@functools.cache
def _table() -> dict[str, str]:
    table: dict[str, str] = {}
    for line in PROTOTYPES.replace("\n ", " ").splitlines():
        prototype, _, sources = line.partition(":")
        shown = "".join(chr(int(code, 16)) for code in prototype.split())
        table.update((chr(int(code, 16)), shown) for code in sources.split())
    return table


def _meet(one: _Readings, other: _Readings) -> bool:
    """Return whether some text is a reading of both."""
    # Each state: how far in both, and what is read of one already and not of the other; the
    # last tells of which. So "m", which looks like "rn", is met by two characters.
    waiting = [(0, 0, "", True)]
    seen = set(waiting)
    while waiting:
        here, there, ahead, of_one = waiting.pop()
        if (here, there, ahead) == (len(one), len(other), ""):
            return True
        if ahead and of_one:
            following = [
                (here, there + 1, *_beyond(ahead, text, of_one=True))
                for text in _at(other, there)
                if _fits(ahead, text)
            ]
        else:
            following = [
                (here + 1, there, *_beyond(ahead, text, of_one=False))
                for text in _at(one, here)
                if _fits(ahead, text)
            ]
        waiting += set(following) - seen
        seen.update(following)
    return False


def _at(readings: _Readings, place: int) -> frozenset[str]:
    return readings[place] if place < len(readings) else frozenset()


def _fits(ahead: str, text: str) -> bool:
    size = min(len(ahead), len(text))
    return ahead[:size] == text[:size]


def _beyond(ahead: str, text: str, *, of_one: bool) -> tuple[str, bool]:
    # What *ahead* is of one, *text* is of the other.
    if len(ahead) > len(text):
        return ahead[len(text) :], of_one
    left = text[len(ahead) :]
    return left, not of_one if left else True

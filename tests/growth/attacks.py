"""
Texts that an expression may take long for, derived from the expression itself.

For each loop there is a text that leads to it, a piece that it repeats, and an end at which
the whole fails: that is where a backtracking matcher begins to try all other ways. Pieces are
made of one character of each kind that the expression tells apart, so that a piece also fits
what follows the loop, where anything does.
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tests.growth.backtracking import MOST_STEPS, _names, _parser, one_character, type_of_test, work

if TYPE_CHECKING:
    from collections.abc import Iterator

# A loop that ends after fewer rounds is no loop whose growth could be seen.
_FEWEST_ROUNDS = 16
_MOST_AT_LOOPS, _MOST_PAIRS = 160, 40
_ENDS = ("", "\x00", "\n", "!")
# What a text may hold besides Latin-1, one of each kind that is treated apart.
_FAR = tuple(map(ord, "\u2003\u2013\u0130\u0660\u4e00"))
SIZES = (64, 128, 256)


@dataclass(frozen=True, slots=True)
class Attack:
    """A text of any size: *lead*, then *piece* as often as it takes, then *end*."""

    lead: str
    piece: str
    end: str

    def text(self, size: int) -> str:
        """Return the text whose repeated part has *size* characters, about."""
        return self.lead + self.piece * max(1, size // len(self.piece)) + self.end


@cache
def attacks_on(pattern: re.Pattern[Any]) -> list[Attack]:
    """Return the attacks on every loop of *pattern*; none where it has no loop."""
    tree = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    maker = _Maker(pattern, tree)
    # The same texts in every run, so that what is found once is found again.
    found = maker.chosen(list(dict.fromkeys(maker.at_loops())), _MOST_AT_LOOPS)
    if not found:
        return []
    return [*found, *maker.chosen(list(maker.of_pairs()), _MOST_PAIRS)]


class _Maker:
    def __init__(self, pattern: re.Pattern[Any], tree: Any) -> None:
        self._tree = tree
        self._text = isinstance(pattern.pattern, str)
        self._flags = tree.state.flags
        self.random = random.Random(str(pattern.pattern))  # noqa: S311  # no secret is made
        self._kinds = self._told_apart()

    def chosen(self, attacks: list[Attack], most: int) -> list[Attack]:
        """Return *most* of *attacks*, at random."""
        return attacks if len(attacks) <= most else self.random.sample(attacks, most)

    def at_loops(self) -> Iterator[Attack]:
        """Return the attacks on each loop."""
        for lead, body, rest in self._loops(self._tree, self._flags, ""):
            pieces = self._pieces(body)
            other = self._samples(body)
            follow = "".join(self._sample(item) for item in rest)
            ends = [*_ENDS, follow[:-1], *self.random.sample(self._kinds, min(3, len(self._kinds)))]
            for piece in pieces:
                for end in ends:
                    yield Attack(lead, piece, end)
                    if other and other != piece:
                        yield Attack(lead + other, piece, end)
                if lead:
                    yield Attack("", lead + piece, "")
                    yield Attack("", lead + piece, "\x00")

    def of_pairs(self) -> Iterator[Attack]:
        """Return attacks that only know what characters the expression tells apart."""
        for kind in self._kinds:
            for other in self._kinds:
                yield Attack(kind, other, "\x00")
                yield Attack("", kind + other, "")

    def _told_apart(self) -> list[str]:
        tests = list(self._tests(self._tree, self._flags))
        characters = [*range(256), *(_FAR if self._text else ())]
        # Readable ones first, so that what is printed can be read.
        characters.sort(key=lambda c: (not 32 < c < 127, c))
        kinds: dict[tuple[bool, ...], str] = {}
        for character in characters:
            kinds.setdefault(tuple(test(character) for test in tests), chr(character))
        return list(kinds.values())

    def _tests(self, items: Any, flags: int) -> Iterator[type_of_test]:
        for op, argument in items:
            test = one_character(op, argument, flags, text=self._text)
            if test is not None:
                yield test
            for inner in _inside(op, argument):
                yield from self._tests(inner, flags)

    def _loops(self, items: Any, flags: int, lead: str) -> Iterator[tuple[str, Any, list[Any]]]:
        items = list(items)
        for index, (op, argument) in enumerate(items):
            here = lead + "".join(self._sample(item) for item in items[:index])
            if op in _REPEATS:
                _, most, body = argument
                if most is _names.MAXREPEAT or int(most) >= _FEWEST_ROUNDS:
                    yield here, body, items[index + 1 :]
                yield from self._loops(body, flags, here)
            else:
                for inner in _inside(op, argument):
                    yield from self._loops(inner, flags, here)

    def _pieces(self, body: Any) -> list[str]:
        pieces = [self._samples(body) for _ in range(6)]
        if len(body) == 1:
            op, argument = body[0]
            test = one_character(op, argument, self._flags, text=self._text)
            if test is not None:
                pieces = [kind for kind in self._kinds if test(ord(kind))]
                pieces += ["".join(pair) for pair in pairwise(pieces)]
        return [piece for piece in dict.fromkeys(pieces) if piece]

    def _samples(self, items: Any) -> str:
        return "".join(self._sample(item) for item in items)

    def _sample(self, item: Any) -> str:
        op, argument = item
        test = one_character(op, argument, self._flags, text=self._text)
        if test is not None:
            fitting = [kind for kind in self._kinds if test(ord(kind))]
            return self.random.choice(fitting) if fitting else ""
        if op in _REPEATS:
            least, most, body = argument
            count = int(least) or self.random.randrange(2)
            return "".join(self._samples(body) for _ in range(min(count, int(most), 60)))
        if op is _names.BRANCH:
            return self._samples(self.random.choice(argument[1]))
        if op is _names.SUBPATTERN:
            return self._samples(argument[3])
        if op is _names.ATOMIC_GROUP:
            return self._samples(argument)
        return ""


_REPEATS = frozenset({_names.MAX_REPEAT, _names.MIN_REPEAT, _names.POSSESSIVE_REPEAT})


def _inside(op: Any, argument: Any) -> list[Any]:
    if op in _REPEATS:
        return [argument[2]]
    if op is _names.BRANCH:
        return list(argument[1])
    if op is _names.GROUPREF_EXISTS:
        return [inner for inner in argument[1:] if inner]
    parts = {_names.SUBPATTERN: 3, _names.ASSERT: 1, _names.ASSERT_NOT: 1}
    if op in parts:
        return [argument[parts[op]]]
    return [argument] if op is _names.ATOMIC_GROUP else []


def has_loop(pattern: re.Pattern[Any]) -> bool:
    """Return whether any part of *pattern* is repeated so often that growth could be seen."""
    tree = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    return _loops_in(tree)


def _loops_in(items: Any) -> bool:
    for op, argument in items:
        if op in _REPEATS and (argument[1] is _names.MAXREPEAT or argument[1] >= _FEWEST_ROUNDS):
            return True
        if any(_loops_in(inner) for inner in _inside(op, argument)):
            return True
    return False


@dataclass(frozen=True, slots=True)
class Growth:
    """
    How work grew when a text became twice as long, with the *attack* that made it grow most.

    *steps* are the counts at each of ``SIZES``; *by* is infinite where a count was given up.
    """

    by: float
    attack: Attack | None
    steps: tuple[int, ...]


def growth_of(pattern: re.Pattern[Any], way: str, always: str = "") -> Growth:
    """
    Return the worst growth of *pattern*, used in this *way*.

    *always* is what every text ends with. All attacks are tried at two small sizes; those that
    grew most, and cost most, at three.
    """
    is_text = isinstance(pattern.pattern, str)

    def steps(attack: Attack, size: int) -> int:
        text = attack.text(size) + always
        return work(pattern, way, text if is_text else text.encode("latin-1", "replace"))

    tried = []
    for attack in attacks_on(pattern):
        small, large = steps(attack, 24), steps(attack, 96)
        if large > MOST_STEPS:
            return Growth(math.inf, attack, (small, large))
        tried.append((attack, small, large))
    chosen = {
        *(t[0] for t in sorted(tried, key=lambda t: -t[2] / t[1])[:3]),
        *(t[0] for t in sorted(tried, key=lambda t: -t[2])[:2]),
    }
    worst = Growth(1.0, None, ())
    for attack in sorted(chosen, key=repr):
        counts = tuple(steps(attack, size) for size in SIZES)
        by = math.inf if counts[-1] > MOST_STEPS else counts[-1] / counts[-2]
        if worst.attack is None or by > worst.by:
            worst = Growth(by, attack, counts)
    return worst


def steps_at_most(pattern: re.Pattern[Any], way: str, size: int) -> int:
    """Return the most steps that any attack makes *pattern* take with a text of *size*."""
    is_text = isinstance(pattern.pattern, str)
    texts = [attack.text(size)[:size] for attack in attacks_on(pattern)]
    return max(
        work(pattern, way, text if is_text else text.encode("latin-1", "replace")) for text in texts
    )

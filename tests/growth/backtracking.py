"""
How much work a backtracking matcher has with a text, counted and not timed.

Python's ``re`` tells nobody how many steps it took. The machine below takes the same ones: it
runs the tree that ``re`` itself parsed, tries alternatives in the same order, and counts
each character that it looks at and each place that it goes back to. What it leaves out are
shortcuts that spare a constant factor, so growth is the same. It finds the same match as
``re`` (``tests/growth/test_backtracking.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

# The only reader of this syntax.
_parser: Any = vars(re)["_parser"]
_names: Any = vars(re)["_constants"]

type_of_test = Callable[[int], bool]
# Nobody's expression needs more; beyond it, what was counted is told.
MOST_STEPS = 400_000
# A loop of more than one character is written out this often where it has an end.
_MOST_COPIES = 40


class TooMuchWorkError(Exception):
    """The count passed what was allowed."""


@dataclass(slots=True)
class Machine:
    """One expression, ready to be run: *code* is a list of instructions, *registers* how many."""

    code: list[tuple[Any, ...]] = field(default_factory=list)
    registers: int = 0
    is_text: bool = True

    def new(self) -> int:
        """Return the number of a register that nobody has."""
        self.registers += 1
        return self.registers - 1


@cache
def machine_of(pattern: re.Pattern[Any]) -> Machine:
    """Return the machine that does what *pattern* says."""
    tree = _parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    machine = Machine(is_text=isinstance(pattern.pattern, str))
    groups = {number: (machine.new(), machine.new()) for number in range(1, tree.state.groups)}
    _Writer(machine, groups).sequence(tree, tree.state.flags)
    machine.code.append(("end",))
    return machine


def one_character(op: Any, argument: Any, flags: int, *, text: bool) -> type_of_test | None:
    """Return the test of an item that is one character wide, ``None`` for any other."""
    if op is _names.IN:
        argument = tuple(argument)
    elif op not in {_names.LITERAL, _names.NOT_LITERAL, _names.ANY}:
        return None
    return _test_of(op, argument, flags, text=text)


@cache
def _test_of(op: Any, argument: Any, flags: int, *, text: bool) -> type_of_test:
    # Each is asked millions of times, about few characters.
    return cache(_new_test(op, argument, flags, text=text))


def _new_test(op: Any, argument: Any, flags: int, *, text: bool) -> type_of_test:
    ignore = bool(flags & re.IGNORECASE)
    if op is _names.LITERAL or op is _names.NOT_LITERAL:
        wanted = _folded(argument, ignore=ignore, text=text)
        same: type_of_test = lambda c: _folded(c, ignore=ignore, text=text) == wanted  # noqa: E731
        return same if op is _names.LITERAL else lambda c: not same(c)
    if op is _names.ANY:
        return (lambda _: True) if flags & re.DOTALL else (lambda c: c != ord("\n"))
    return _class(argument, flags, text=text)


def _folded(character: int, *, ignore: bool, text: bool) -> int:
    if not ignore:
        return character
    if text:
        low = chr(character).lower()
        return ord(low) if len(low) == 1 else character
    return character + 32 if 65 <= character <= 90 else character


def _class(items: Any, flags: int, *, text: bool) -> type_of_test:
    negated = bool(items) and items[0][0] is _names.NEGATE
    tests: list[type_of_test] = []
    ignore = bool(flags & re.IGNORECASE)
    for op, argument in items[1:] if negated else items:
        if op is _names.RANGE:
            low, high = argument
            if ignore:
                tests.append(
                    lambda c, low=low, high=high: any(  # type: ignore[misc]
                        low <= v <= high
                        for v in (c, ord(chr(c).lower()[0]), ord(chr(c).upper()[0]))
                    )
                )
            else:
                tests.append(lambda c, low=low, high=high: low <= c <= high)  # type: ignore[misc]
        elif op is _names.CATEGORY:
            tests.append(_category(argument, flags, text=text))
        else:
            one = one_character(op, argument, flags, text=text)
            assert one is not None, op
            tests.append(one)
    return lambda c: any(test(c) for test in tests) is not negated


def _category(name: Any, flags: int, *, text: bool) -> type_of_test:
    unicode = text and not flags & re.ASCII
    told = str(name)
    kind = told.rpartition("_")[2]
    fits: type_of_test
    if kind == "DIGIT":
        fits = lambda c: chr(c).isdecimal() if unicode else 48 <= c <= 57  # noqa: E731
    elif kind == "SPACE":
        fits = lambda c: chr(c).isspace() if unicode else chr(c) in " \t\n\r\f\v"  # noqa: E731
    else:
        assert kind == "WORD", told
        fits = lambda c: (  # noqa: E731
            chr(c).isalnum() or c == 95
            if unicode
            else chr(c).isascii() and (chr(c).isalnum() or c == 95)
        )
    return (lambda c: not fits(c)) if "NOT" in told else fits


class _Writer:
    def __init__(self, machine: Machine, groups: dict[int, tuple[int, int]]) -> None:
        self._machine = machine
        self._groups = groups

    def sequence(self, items: Any, flags: int) -> None:
        for op, argument in items:
            self._item(op, argument, flags)

    def _item(self, op: Any, argument: Any, flags: int) -> None:  # noqa: C901  # one case an operation
        code = self._machine.code
        test = one_character(op, argument, flags, text=self._machine.is_text)
        if test is not None:
            code.append(("one", test))
        elif op is _names.AT:
            code.append(("at", str(argument), flags))
        elif op is _names.BRANCH:
            self._branch(argument[1], flags)
        elif op is _names.SUBPATTERN:
            number, on, off, inner = argument
            saved = self._groups.get(number)
            if saved:
                code.append(("save", saved[0]))
            self.sequence(inner, (flags | on) & ~off)
            if saved:
                code.append(("save", saved[1]))
        elif op in {_names.MAX_REPEAT, _names.MIN_REPEAT, _names.POSSESSIVE_REPEAT}:
            least, most, items = argument
            self._repeat(op, least, most, items, flags)
        elif op is _names.ATOMIC_GROUP:
            code.append(("atomic", self._apart(argument, flags)))
        elif op in {_names.ASSERT, _names.ASSERT_NOT}:
            direction, inner = argument
            back = 0 if direction > 0 else inner.getwidth()[0]
            code.append(("look", self._apart(inner, flags), back, op is _names.ASSERT))
        elif op is _names.GROUPREF:
            code.append(("same", *self._groups[argument], flags))
        elif op is _names.GROUPREF_EXISTS:
            self._either(argument, flags)
        else:
            raise AssertionError(f"not counted yet: {op}")

    def _apart(self, items: Any, flags: int) -> list[tuple[Any, ...]]:
        kept, self._machine.code = self._machine.code, []
        self.sequence(items, flags)
        apart, self._machine.code = self._machine.code, kept
        apart.append(("end",))
        return apart

    def _branch(self, choices: Any, flags: int) -> None:
        code = self._machine.code
        leave = []
        for choice in choices[:-1]:
            split = len(code)
            code.append(())
            self.sequence(choice, flags)
            leave.append(len(code))
            code.append(())
            code[split] = ("split", split + 1, len(code))
        self.sequence(choices[-1], flags)
        for place in leave:
            code[place] = ("jump", len(code))

    def _either(self, argument: Any, flags: int) -> None:
        code = self._machine.code
        number, there, absent = argument
        place = len(code)
        code.append(())
        self.sequence(there, flags)
        leave = len(code)
        code.append(())
        code[place] = ("given", self._groups[number][1], len(code))
        if absent:
            self.sequence(absent, flags)
        code[leave] = ("jump", len(code))

    def _repeat(self, op: Any, least: int, most: Any, items: Any, flags: int) -> None:
        code = self._machine.code
        endless = most is _names.MAXREPEAT
        if len(items) == 1:
            only, inner = items[0]
            test = one_character(only, inner, flags, text=self._machine.is_text)
            if test is not None:
                kind = {_names.MAX_REPEAT: "many", _names.MIN_REPEAT: "few"}.get(op, "own")
                code.append((kind, test, int(least), 1 << 60 if endless else int(most)))
                return
        if op is _names.POSSESSIVE_REPEAT:
            kept, self._machine.code = code, []
            self._repeat(_names.MAX_REPEAT, least, most, items, flags)
            apart, self._machine.code = self._machine.code, kept
            apart.append(("end",))
            code.append(("atomic", apart))
            return
        greedy = op is _names.MAX_REPEAT
        for _ in range(min(int(least), _MOST_COPIES)):
            self.sequence(items, flags)
        if endless:
            mark = self._machine.new()
            top = len(code)
            code.append(())
            code.append(("save", mark))
            self.sequence(items, flags)
            code.append(("moved", mark))
            code.append(("jump", top))
            code[top] = ("split", top + 1, len(code)) if greedy else ("split", len(code), top + 1)
            return
        splits = []
        for _ in range(min(int(most) - int(least), _MOST_COPIES)):
            splits.append(len(code))
            code.append(())
            self.sequence(items, flags)
        for place in splits:
            inside, out = place + 1, len(code)
            code[place] = ("split", inside, out) if greedy else ("split", out, inside)


class Run:
    """Runs machines over one text, and counts."""

    def __init__(self, text: str | bytes, most: int = MOST_STEPS) -> None:
        self.text = [ord(c) for c in text] if isinstance(text, str) else list(text)
        self._is_text = isinstance(text, str)
        self._most = most
        self.steps = 0

    def match(self, machine: Machine, start: int, *, whole: bool = False) -> int | None:
        """Return where the match that begins at *start* ends."""
        found = self._run(machine.code, start, (None,) * machine.registers, whole=whole)
        return None if found is None else found[0]

    def _run(  # noqa: C901, PLR0912, PLR0915  # one case an instruction, with all its state in view
        self,
        code: list[tuple[Any, ...]],
        start: int,
        registers: tuple[int | None, ...],
        *,
        whole: bool,
    ) -> tuple[int, tuple[int | None, ...]] | None:
        text, end = self.text, len(self.text)
        # What is left to try: a place in the code, one in the text, the registers, and, for a
        # loop that gives back characters one by one, how far it may and in which direction.
        left: list[tuple[int, int, tuple[int | None, ...], int, int]] = [
            (0, start, registers, 0, 0)
        ]
        while left:
            here, at, registers, more, step = left.pop()
            if more:
                left.append((here, at + step, registers, more - 1, step))
            while True:
                self.steps += 1
                if self.steps > self._most:
                    raise TooMuchWorkError
                now = code[here]
                kind = now[0]
                if kind == "one":
                    if at >= end or not now[1](text[at]):
                        break
                    at += 1
                    here += 1
                elif kind in {"many", "own", "few"}:
                    _, test, least, most = now
                    stop = min(end, at + most)
                    place = at
                    while place < stop and test(text[place]):
                        place += 1
                    self.steps += place - at
                    if place - at < least:
                        break
                    here += 1
                    if kind == "many":
                        spare = place - at - least
                        if spare:
                            left.append((here, place - 1, registers, spare - 1, -1))
                        at = place
                    elif kind == "few":
                        spare = place - at - least
                        at += least
                        if spare:
                            left.append((here, at + 1, registers, spare - 1, 1))
                    else:
                        at = place
                elif kind == "split":
                    left.append((now[2], at, registers, 0, 0))
                    here = now[1]
                elif kind == "jump":
                    here = now[1]
                elif kind == "save":
                    registers = (*registers[: now[1]], at, *registers[now[1] + 1 :])
                    here += 1
                elif kind == "moved":
                    if registers[now[1]] == at:
                        break
                    here += 1
                elif kind == "at":
                    if not self._stands(now[1], now[2], at):
                        break
                    here += 1
                elif kind == "atomic":
                    inner = self._run(now[1], at, registers, whole=False)
                    if inner is None:
                        break
                    at, registers = inner
                    here += 1
                elif kind == "look":
                    _, apart, back, wanted = now
                    seen = at >= back and self._run(apart, at - back, registers, whole=False)
                    if bool(seen) is not wanted:
                        break
                    if seen and wanted:
                        registers = seen[1]
                    here += 1
                elif kind == "same":
                    first, last = registers[now[1]], registers[now[2]]
                    if first is None or last is None:
                        break
                    wanted_text = text[first:last]
                    self.steps += len(wanted_text)
                    if text[at : at + len(wanted_text)] != wanted_text:
                        break
                    at += len(wanted_text)
                    here += 1
                elif kind == "given":
                    here = here + 1 if registers[now[1]] is not None else now[2]
                else:
                    assert kind == "end"
                    if whole and at != end:
                        break
                    return at, registers
        return None

    def _stands(self, kind: str, flags: int, at: int) -> bool:
        text, end = self.text, len(self.text)
        if kind == "AT_BEGINNING":
            return at == 0 or (bool(flags & re.MULTILINE) and text[at - 1] == 10)
        if kind == "AT_BEGINNING_STRING":
            return at == 0
        if kind == "AT_END_STRING":
            return at == end
        if kind == "AT_END":
            last = at == end or (at == end - 1 and text[at] == 10)
            return last or (bool(flags & re.MULTILINE) and text[at] == 10)
        word = _category("CATEGORY_WORD", flags, text=self._is_text)
        before = at > 0 and word(text[at - 1])
        after = at < end and word(text[at])
        return (before != after) is (kind == "AT_BOUNDARY")


def work(pattern: re.Pattern[Any], way: str, text: str | bytes, most: int = MOST_STEPS) -> int:
    """
    Return how many steps *pattern* takes for *text*, used in this *way* (a method's name).

    Every match is taken where the method goes on behind one (``sub``, ``split``, ``finditer``).
    """
    machine, run = machine_of(pattern), Run(text, most)
    try:
        if way in {"match", "fullmatch"}:
            run.match(machine, 0, whole=way == "fullmatch")
            return run.steps
        place = 0
        while place <= len(run.text):
            found = run.match(machine, place)
            if found is not None and way == "search":
                break
            place = found if found is not None and found > place else place + 1
    except TooMuchWorkError:
        pass
    return run.steps

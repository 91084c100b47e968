"""
No expression takes more than its share of time for a long text, whoever wrote the text.

Work is counted by a matcher of our own that does what Python's does (:mod:`tests.growth`), so
the same is found on every machine, however busy.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.growth.attacks import attacks_on, growth_of, has_loop, steps_at_most
from tests.growth.backtracking import MOST_STEPS, Run, machine_of
from tests.growth.expressions import expressions
from tests.growth.lua import lua_patterns
from tests.told import TOLD

if TYPE_CHECKING:
    from collections.abc import Callable

# A text of twice the length: 2 where work is linear, 4 where it is its square.
MOST_GROWTH = 2.6
# Where a text is never longer than told here, that is held to a number of steps instead: the
# expression, the most characters, and who sees to it.
BOUNDED: dict[str, tuple[int, str]] = {
    "sealgate.detect.confirm.people:_GERMANIC": (200, "the window around an anchor"),
    "sealgate.audit.leftovers:_NAMES": (255, "names of files (NAME_MAX)"),
    "sealgate.detect.confirm.people:_NUMBER_NEAR": (200, "the window around an anchor"),
    "sealgate.detect.confirm.settings:_PLACEHOLDER": (256, "a value: _ASSIGNED, _SESSION_VALUE"),
    "sealgate.inspection.signs:_OPEN": (96, "the tail of LONGEST bytes in begins_open"),
}
# About a millisecond of Python's own matcher.
MOST_STEPS_BOUNDED = 200_000
HANDED_ON = {
    "sealgate.assess.adapters.json_values:_COLON": frozenset({"match"}),
    "sealgate.assess.adapters.json_values:_COMMA": frozenset({"match"}),
    "sealgate.audit.leftovers:_ARCHIVE": frozenset({"match"}),
    "sealgate.audit.leftovers:_SETTINGS": frozenset({"match"}),
}


def _digits_of() -> None:
    from sealgate.detect.plain import _digits_of  # noqa: PLC0415 - while it is watched

    for length in (15, 22, 34):
        _digits_of("DE", length)


def _end_of_raw() -> None:
    from sealgate.audit.markup import read_markup  # noqa: PLC0415 - while it is watched

    for name in ("script", "style", "textarea", "title"):
        list(read_markup(f"<{name}>x</{name}>"))


def _member() -> None:
    from sealgate.policy.conditions import _member  # noqa: PLC0415 - while it is watched

    _member("rest_route")


def _number_plan() -> None:
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE  # noqa: PLC0415 - it takes a while

    from sealgate.detect.confirm.contact import number_plan  # noqa: PLC0415 - while it is watched

    for code in COUNTRY_CODE_TO_REGION_CODE:
        number_plan(code)


BUILT: dict[str, Callable[[], object]] = {
    "sealgate.audit.markup:_end_of_raw": _end_of_raw,
    "sealgate.detect.confirm.contact:number_plan": _number_plan,
    "sealgate.detect.plain:_digits_of": _digits_of,
    "sealgate.policy.conditions:_member": _member,
}
TAKES_LONG = (
    r"(a+)+b", r"(a|a)*b", r"(a|aa)+$", r"a*a*b", r"\s+$", r"x[^\r]*?[ \t]*(?=\r)", r"(\w+\s?)*:", r"<!--.*?-->",
    r"^(\d+|[a-z]+\d*)*$", r"([^,]*,)*[^,]*;", r"(?i)name *= *(.*) *;", r"(?:.*=)?.*=x", r"\[[^\]]*\]\(",
)  # fmt: skip


def test_every_expression_is_linear_or_bounded(
    record_property: Callable[[str, object], None],
) -> None:
    """Of each expression with a loop, attacks are derived, and none makes work grow as a square."""
    found = expressions(BUILT, HANDED_ON)
    told = {expression.name for expression in found}
    assert not {*BUILT, *BOUNDED, *HANDED_ON} - told, "an exception for an expression that is gone"
    unseen = [f"{e.place} {e.name}" for e in found if not e.patterns or not e.ways]
    assert not unseen, "no pattern was made there: put what makes it into BUILT"
    looped = measured = 0
    faults = []
    for expression in found:
        patterns = list(dict.fromkeys(p for p in expression.patterns if has_loop(p)))
        looped += bool(patterns)
        for pattern, way in product(patterns, sorted(expression.ways)):
            attacks = len(attacks_on(pattern))
            assert attacks, f"{expression.place}: no attack was derived for {pattern.pattern!r}"
            measured += attacks
            if expression.name in BOUNDED:
                size, _ = BOUNDED[expression.name]
                steps = steps_at_most(pattern, way, size)
                if steps > MOST_STEPS_BOUNDED:
                    faults.append(f"{expression.place} {way}: {steps} steps at {size}")
                continue
            growth = growth_of(pattern, way)
            if growth.by > MOST_GROWTH:
                faults.append(
                    f"{expression.place} {expression.name} {way}: {growth.steps} {growth.attack}"
                )
    record_property(
        TOLD,
        f"{len(found)} expressions found, {looped} with loops, measured with {measured} derived "
        f"texts; {len(BOUNDED)} only meet texts of bounded length",
    )
    assert not faults, "\n".join(faults)


# What a program puts at the end of each text before it takes it apart by the pattern.
PUT_AT_THE_END = {
    "([^&;]*)[&;]": "&",
    "([^/]*)/": "/",
    "([^;,]*)[;,]": ";",
    "([^.]*)%.": ".",
    "([^,]*),": ",",
}


def test_every_pattern_of_our_lua_programs_is_linear() -> None:
    """Lua's matcher goes back as Python's does, and meets every request that is in doubt."""
    faults = []
    count = 0
    for name, program in _lua_programs().items():
        for written, way, pattern in lua_patterns(program):
            count += 1
            if has_loop(pattern):
                growth = growth_of(pattern, way, PUT_AT_THE_END.get(written, ""))
                if growth.by > MOST_GROWTH:
                    faults.append(f"{name}: {written!r}: {growth.steps} {growth.attack}")
    assert count > 20
    assert not faults, "\n".join(faults)


def _lua_programs() -> dict[str, str]:
    from sealgate.gateway import translate  # noqa: PLC0415 - not while expressions are found

    modules = [
        importlib.import_module(f"{translate.__name__}.{found.name}")
        for found in pkgutil.iter_modules(translate.__path__)
    ]
    return {
        f"{module.__name__}.{name}": value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, str) and "function" in value and "local " in value
    }


@pytest.mark.parametrize("written", TAKES_LONG)
def test_what_takes_long_is_found(written: str) -> None:
    """The derived attacks find the growth of expressions that are known for it."""
    pattern = re.compile(written)
    assert max(growth_of(pattern, way).by for way in ("search", "fullmatch")) > MOST_GROWTH


_PATTERNS = (
    r"a*b", r"(?:ab|a)*c", r"(\w+)\s\1", r"(?<!x)y+?z", r"(?i)HeLLo[^\d]{2,5}", r"a{2,4}?b", r"(?>a+)b", r"a++b",
    r"^x$|y\b", r"(a)?(?(1)b|c)", r"(?=a.*c)ab", r"(?:a|b|)*c", r"(?s)a.{1,3}?c", r"(?m)^a|b$", r"(?:ab){2,}+c",
)  # fmt: skip


@pytest.mark.parametrize("written", _PATTERNS)
@given(text=st.text("abcxyzHhello 1\n", max_size=9))
def test_counted_matches_are_those_of_re(written: str, text: str) -> None:
    """The matcher that counts finds what ``re`` finds: so it does the same work."""
    pattern: re.Pattern[Any] = re.compile(written)
    for way in ("match", "fullmatch"):
        expected = getattr(pattern, way)(text)
        found = Run(text, MOST_STEPS).match(machine_of(pattern), 0, whole=way == "fullmatch")
        assert found == (expected.end() if expected else None)

"""The patterns in our Lua programs, written as expressions of ``re``: their matcher goes back, too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_CALLS = re.compile(
    r"""[:.](?P<way>find|match|gmatch|gsub)\((?:[\w.]+,[ ]*)?"(?P<pattern>(?:[^"\\]|\\.)*)"(?P<rest>[^)\n]*)"""
)
_CLASSES = {
    "a": "A-Za-z", "d": "0-9", "l": "a-z", "s": r" \t\n\v\f\r", "u": "A-Z", "w": "A-Za-z0-9", "x": "0-9A-Fa-f",
    "c": r"\x00-\x1f\x7f", "p": r"!-/:-@\[-`{-~", "z": r"\x00",
}  # fmt: skip
_ESCAPED = re.compile(r"\\(?:(\d{1,3})|(.))")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "f": "\f", "\\": "\\", '"': '"'}


def lua_patterns(program: str) -> Iterator[tuple[str, str, re.Pattern[Any]]]:
    """
    Return each pattern of *program* as it stands there, the method of ``re``, and its expression.

    Raises:
        AssertionError: a pattern holds what is not translated yet.
    """
    for call in _CALLS.finditer(program):
        if re.search(r",\s*true\b", call["rest"]):
            continue  # a plain text
        written = _ESCAPED.sub(_meant, call["pattern"])
        way = {"find": "search", "match": "search"}.get(call["way"], "finditer")
        yield call["pattern"], way, re.compile(_expression(written).encode("latin-1"), re.DOTALL)


def _meant(escape: re.Match[str]) -> str:
    return chr(int(escape[1])) if escape[1] else _ESCAPES[escape[2]]


def _expression(written: str) -> str:
    out, at = "", 0
    if written.startswith("^"):
        out, at = r"\A", 1
    while at < len(written):
        here = written[at]
        if here == "$" and at == len(written) - 1:
            return out + r"\Z"
        if here in "()":
            out, at = out + here, at + 1
            continue
        if written.startswith("%f", at):
            one, at = _one(written, at + 2)
            out += f"(?<!{one})(?={one})"
            continue
        assert written[at : at + 2] != "%b", written
        one, at = _one(written, at)
        repeat = written[at : at + 1]
        if repeat and repeat in "*+-?":
            out, at = out + one + ("*?" if repeat == "-" else repeat), at + 1
        else:
            out += one
    return out


def _one(written: str, at: int) -> tuple[str, int]:
    here = written[at]
    if here == ".":
        return ".", at + 1
    if here == "%":
        return f"[{_members(written[at : at + 2])}]", at + 2
    if here != "[":
        return re.escape(here), at + 1
    end = at + 1 + (written[at + 1] == "^")
    first = end
    while written[end] != "]" or end == first:
        end += 2 if written[end] == "%" else 1
    negated = "^" if written[at + 1] == "^" else ""
    return f"[{negated}{_members(written[first:end])}]", end + 1


def _members(inside: str) -> str:
    out, at = "", 0
    while at < len(inside):
        if inside[at] == "%":
            name = inside[at + 1]
            assert not name.isalpha() or name in _CLASSES, inside
            out, at = out + _CLASSES.get(name, re.escape(name)), at + 2
        elif inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            out, at = out + f"{re.escape(inside[at])}-{re.escape(inside[at + 2])}", at + 3
        else:
            out, at = out + re.escape(inside[at]), at + 1
    return out

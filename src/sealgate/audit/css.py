"""
What a style sheet fetches. No I/O.

CSS Syntax 3 and CSS Values 4, 4.5, as far as references go: ``url()``, ``src()``, ``image-set()``
with strings, and ``@import``. Comments and escapes are read as browsers read them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# CSS Syntax 3, 4.3.7: up to six hexadecimal digits and one white space, or the character itself.
_ESCAPE = re.compile(r"\\(?:([0-9A-Fa-f]{1,6})[ \t\n\f]?|\r?\n|(.))", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<comment>/\*)
    |(?P<call>(?:url|src)\()
    |(?P<set>(?:-webkit-)?image-set\()
    |@(?P<rule>[a-z-]{1,30})
    |(?P<quote>["'])
    |(?P<ends>[;{}])
    |(?P<close>\))
    |(?P<open>\()""",
    re.VERBOSE | re.IGNORECASE,
)
_STRINGS = {
    '"': re.compile(r'(?:[^"\\\n\f]|\\.)*', re.DOTALL),
    "'": re.compile(r"(?:[^'\\\n\f]|\\.)*", re.DOTALL),
}
_WHITE = " \t\n\r\f"
_MAX_CODE_POINT = 0x10FFFF


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a style sheet refers to: *imports* are style sheets themselves, *parts* all else."""

    imports: tuple[str, ...]
    parts: tuple[str, ...]


def read_css(text: str) -> Sheet:
    """Return what *text* refers to, as it stands there: relative to the sheet's own address."""
    imports: list[str] = []
    parts: list[str] = []
    position, rule, depth, of_set = 0, "", 0, 0
    while (found := _TOKEN.search(text, position)) is not None:
        position = found.end()
        kind = found.lastgroup
        if kind == "comment":
            ends = text.find("*/", position)
            position = ends + 2 if ends >= 0 else len(text)
        elif kind == "rule":
            rule = found.group("rule").lower()
        elif kind == "ends":
            rule, depth, of_set = "", 0, 0
        elif kind in {"call", "quote"}:
            named = kind == "call"
            value, position = _address(text, position) if named else _string(text, position - 1)
            if rule == "import":
                imports.append(value)
                rule = "imported"
            elif (named and rule != "namespace") or of_set:
                parts.append(value)
        elif kind == "set":
            depth += 1
            of_set = of_set or depth
        elif kind == "open":
            depth += 1
        else:
            of_set = 0 if of_set == depth else of_set
            depth = max(0, depth - 1)
    return Sheet(_unique(imports), _unique(parts))


def _address(text: str, position: int) -> tuple[str, int]:
    begins = position
    while begins < len(text) and text[begins] in _WHITE:
        begins += 1
    if text[begins : begins + 1] in {'"', "'"}:
        return _string(text, begins)
    ends = text.find(")", begins)
    ends = ends if ends >= 0 else len(text)
    return _unescaped(text[begins:ends].strip(_WHITE)), ends + 1


def _string(text: str, position: int) -> tuple[str, int]:
    # CSS Syntax 3, 4.3.5: a line ends it, too.
    found = _STRINGS[text[position]].match(text, position + 1)
    if found is None:
        return "", position + 1
    return _unescaped(found.group()), found.end() + 1


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    digits, other = found.groups()
    if digits is None:
        return str(other or "")
    number = int(digits, 16)
    return chr(number) if 0 < number <= _MAX_CODE_POINT else "\ufffd"


def _unique(items: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(item for item in items if item.strip()))

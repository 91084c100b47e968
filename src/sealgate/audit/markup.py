"""
The tags and texts of an HTML page, in time that grows with its length and no faster.

A page under audit may be hostile, and the standard library's parser can be kept busy
for hours by a few megabytes of broken tags. This one follows the tokenizer of the HTML
standard (13.2.5) as far as tags, attributes and comments go; no tree is built. It reads
``noscript`` as markup, because some visitors have no scripts.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# HTML, 13.1.2: what follows is text until the end tag of the same name.
_RAW = frozenset(["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"])
# HTML, 13.2.6.5: in these a title or a style has markup inside.
_FOREIGN = frozenset(["svg", "math"])
# HTML, 13.2.5.6: a tag, an end tag, a comment, or what is taken for one.
_BEGINS = re.compile(r"</?(?=[A-Za-z])|<!--|</.|<[!?]", re.DOTALL)
_COMMENT_ENDS = re.compile(r"--!?>")
# HTML, 13.2.5: white space is these five; to a browser others are letters.
_WHITE = r"\t\n\f\r "
_NAME = re.compile(rf"[^{_WHITE}/>]*")
_GAP = re.compile(rf"[{_WHITE}/]*")
_SPACE = re.compile(rf"[{_WHITE}]*")
# HTML, 13.2.5.32: an equals sign in front belongs to the name.
_ATTRIBUTE = re.compile(rf"=?[^{_WHITE}/>=]*")
_UNQUOTED = re.compile(rf"[^{_WHITE}>]*")


@dataclass(frozen=True, slots=True)
class Tag:
    """
    A start tag, or an end tag (*closes*). Of an attribute given twice the first counts.

    *content* is what stands in an element whose content is no markup (a script).
    """

    name: str
    attributes: Mapping[str, str]
    closes: bool = False
    content: str = ""


def read_markup(markup: str) -> Iterator[Tag | str]:
    """
    Yield every tag and every text between tags, in order; comments are left out.
    """
    position, foreign = 0, 0
    while position < len(markup):
        begins = markup.find("<", position)
        text = markup[position : begins if begins >= 0 else len(markup)]
        if text:
            yield text
        if begins < 0:
            return
        tag, position = _construct(markup, begins)
        if tag is not None:
            if tag.name in _FOREIGN:
                foreign = max(0, foreign - 1) if tag.closes else foreign + 1
            raw = tag.name in _RAW if not foreign else tag.name == "script"
            if raw and not tag.closes:
                begins, position = position, _end_of_raw(markup, tag.name, position)
                tag = replace(tag, content=markup[begins:position])
            yield tag


def _construct(markup: str, begins: int) -> tuple[Tag | None, int]:
    # What begins at a "<", and where it ends. What never ends swallows the rest.
    found = _BEGINS.match(markup, begins)
    if found is None:
        return None, begins + 1  # a "<" that is text
    mark = found.group()
    if mark == "<!--":
        return None, _end_of_comment(markup, begins + len(mark))
    if mark in {"<", "</"}:
        return _tag(markup, found.end(), closes=mark == "</")
    return None, _behind(markup, ">", begins + 2)


def _end_of_comment(markup: str, position: int) -> int:
    for short in (">", "->"):
        if markup.startswith(short, position):
            return position + len(short)
    ends = _COMMENT_ENDS.search(markup, position)
    return ends.end() if ends else len(markup)


def _behind(markup: str, mark: str, position: int) -> int:
    found = markup.find(mark, position)
    return found + len(mark) if found >= 0 else len(markup)


def _tag(markup: str, position: int, *, closes: bool) -> tuple[Tag | None, int]:
    name, position = _matched(_NAME, markup, position)
    attributes: dict[str, str] = {}
    while True:
        _, position = _matched(_GAP, markup, position)
        if position >= len(markup):
            # HTML, 13.2.5.32: a tag that the page ends in is none.
            return None, position
        if markup[position] == ">":
            return Tag(name.lower(), attributes, closes), position + 1
        key, position = _matched(_ATTRIBUTE, markup, position)
        value, position = _value(markup, position)
        attributes.setdefault(key.lower(), value)


def _value(markup: str, position: int) -> tuple[str, int]:
    _, equals = _matched(_SPACE, markup, position)
    if not markup.startswith("=", equals):
        return "", position
    _, position = _matched(_SPACE, markup, equals + 1)
    quote = markup[position : position + 1]
    if quote in {'"', "'"}:
        ends = markup.find(quote, position + 1)
        if ends < 0:
            return "", len(markup)
        return html.unescape(markup[position + 1 : ends]), ends + 1
    value, position = _matched(_UNQUOTED, markup, position)
    return html.unescape(value), position


def _matched(pattern: re.Pattern[str], markup: str, position: int) -> tuple[str, int]:
    found = pattern.match(markup, position)
    return (found.group(), found.end()) if found else ("", position)


def _end_of_raw(markup: str, name: str, position: int) -> int:
    ends = re.compile(rf"</{name}(?=[{_WHITE}/>])", re.IGNORECASE).search(markup, position)
    return ends.start() if ends else len(markup)

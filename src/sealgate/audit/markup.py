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
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# HTML, 13.1.2: what follows is text until the end tag of the same name.
_RAW = frozenset(["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes"])
# HTML, 13.2.6.5: in these a title or a style has markup inside.
_FOREIGN = frozenset(["svg", "math"])
_WITH_CONTENT = frozenset(["script", "style"])
# HTML, 13.2.6: inside of these, what is in SVG or MathML is HTML again.
_HTML_INSIDE = frozenset(
    ["foreignobject", "desc", "title", "annotation-xml", "mi", "mo", "mn", "ms", "mtext"]
)
# HTML, 13.2.6.5: these end SVG and MathML.
_BREAKS_OUT = frozenset(
    [
        *("b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt"),
        *("em", "embed", "h1", "h2", "h3", "h4", "h5", "h6", "head", "hr", "i", "img", "li"),
        *("listing", "menu", "meta", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span"),
        *("strong", "strike", "sub", "sup", "table", "tt", "u", "ul", "var", "font"),
    ]
)
_SECTION = "<![CDATA["
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

    *content* is what stands in an element whose content is no markup (a script). *is_empty*: it
    ends in ``/>``, which means something in XML, SVG and MathML only.
    """

    name: str
    attributes: Mapping[str, str]
    closes: bool = False
    content: str = ""
    is_empty: bool = False


class _Place:
    """Whether what comes next is HTML, or SVG or MathML inside of it (HTML, 13.2.6)."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._known: Counter[str] = Counter()

    @property
    def is_foreign(self) -> bool:
        return bool(self._open) and self._open[-1] in _FOREIGN

    def take(self, tag: Tag) -> bool:
        """Go on behind *tag*; return whether it is one of SVG or MathML itself."""
        if tag.closes:
            foreign = self.is_foreign
            if self._known[tag.name]:
                while self._leave() != tag.name:
                    pass
            return foreign
        if tag.name in _BREAKS_OUT:
            while self.is_foreign:
                self._leave()
        foreign = self.is_foreign
        if not tag.is_empty and (tag.name in _FOREIGN or (foreign and tag.name in _HTML_INSIDE)):
            self._open.append(tag.name)
            self._known[tag.name] += 1
        return foreign

    def _leave(self) -> str:
        name = self._open.pop()
        self._known[name] -= 1
        return name


def read_markup(markup: str, *, xml: bool = False) -> Iterator[Tag | str]:
    """
    Yield every tag and every text between tags, in order; comments are left out.

    *xml*: as a parser of XML takes it, where ``<script/>`` is a whole element, scripts and
    styles hide no tags, and prefixes of names are left out.
    """
    position, place, content_ends = 0, _Place(), 0
    while position < len(markup):
        begins = markup.find("<", position)
        text = markup[position : begins if begins >= 0 else len(markup)]
        if text:
            yield text
        if begins < 0:
            return
        foreign = xml or place.is_foreign
        section, position = _section(markup, begins) if foreign else ("", begins)
        if position > begins:
            yield section
            # Where HTML is inside of SVG, it is a comment that ends sooner.
            yield from () if xml else read_markup(section)
            continue
        tag, position = _construct(markup, begins, xml=xml)
        if tag is None:
            continue
        if xml:
            tag = replace(tag, name=tag.name.rpartition(":")[2])
        foreign = place.take(tag) or xml
        raw = tag.name in (_WITH_CONTENT if foreign else _RAW)
        if raw and not tag.closes and not (foreign and tag.is_empty):
            # What is inside of another one's content has none of its own.
            ends = _end_of_raw(markup, tag.name, position) if position >= content_ends else position
            tag = replace(tag, content=markup[position:ends])
            content_ends = max(content_ends, ends)
            if not foreign or (tag.name == "script" and not xml):
                position = ends
        yield tag


def _section(markup: str, begins: int) -> tuple[str, int]:
    # HTML, 13.2.5.69, and XML, 2.7: what is in a section is text.
    if not markup.startswith(_SECTION, begins):
        return "", begins
    ends = markup.find("]]>", begins)
    if ends < 0:
        return "", begins
    return markup[begins + len(_SECTION) : ends], ends + 3


def _construct(markup: str, begins: int, *, xml: bool) -> tuple[Tag | None, int]:
    # What begins at a "<", and where it ends. What never ends swallows the rest.
    found = _BEGINS.match(markup, begins)
    if found is None:
        return None, begins + 1  # a "<" that is text
    mark = found.group()
    if mark == "<!--":
        return None, _end_of_comment(markup, begins + len(mark))
    if mark in {"<", "</"}:
        return _tag(markup, found.end(), closes=mark == "</")
    if xml and mark == "<?":
        # XML, 2.6.
        return None, _behind(markup, "?>", begins + 2)
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
        gap, position = _matched(_GAP, markup, position)
        if position >= len(markup):
            # HTML, 13.2.5.32: a tag that the page ends in is none.
            return None, position
        if markup[position] == ">":
            empty = gap.endswith("/")
            return Tag(name.lower(), attributes, closes, is_empty=empty), position + 1
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

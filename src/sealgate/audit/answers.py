"""What an HTTP answer means: its cookies, its HSTS header, and whether it lets one in."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin, urlsplit

from sealgate.audit.codings import decoded
from sealgate.audit.markup import Tag, read_markup
from sealgate.audit.page import PageFacts, joined, read_page, refresh_goal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealgate.audit.model import Response
    from sealgate.policy.inventory import CookieRule

# What a cookie is called that has no name.
NAMELESS = "(a cookie without a name)"

PlainAnswer = Literal["redirect", "denied", "served"]

_SESSION = re.compile(
    r"sess|sid\b|_sid|auth|token|login|logged_in|typo_user|\bid_?token|jwt", re.IGNORECASE
)
# Scripts have to read these to send them back; they open nothing by themselves.
_FOR_SCRIPTS = re.compile(r"csrf|xsrf", re.IGNORECASE)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What browsers show as text, draw, play, or put into a file.
_NO_PAGE = re.compile(
    r"text/(?:plain|css|javascript|csv|calendar|markdown|event-stream)"
    r"|application/(?:octet-stream|javascript|json|[a-z0-9.-]{1,60}\+json|pdf|zip|gzip"
    r"|manifest\+json|wasm|font-[a-z]{1,20})"
    r"|image/(?!svg)[a-z0-9.+-]{1,60}|(?:audio|video|font)/[a-z0-9.+-]{1,60}"
)
# WHATWG Encoding, 4.2, as Python calls them.
_OF_THE_WEB = re.compile(
    r"utf-8|utf-16-[lb]e|ascii|latin_1|iso8859-(?:[1-8]|1[0-6])|cp(?:866|874|125[0-8]|932|949)"
    r"|koi8-[ru]|mac-(?:roman|cyrillic)|gb(?:2312|k|18030)|big5(?:hkscs)?|euc_(?:jp|kr)"
    r"|shift_jis|iso2022_jp"
)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
# XML, 3.2 of MIME (RFC 7303): what browsers give to their parser of XML.
_XML = re.compile(r"(?:text|application)/xml|[a-z0-9.-]{1,60}/[a-z0-9.-]{1,60}\+xml", re.IGNORECASE)
# XSLT and entities make another page of what is read, a style sheet is loaded by neither tag.
_BUILT = re.compile(rb"<\?xml-stylesheet|<!ENTITY")
_MAX_LOCATIONS = 8
_PRESCANNED = 1024
# Python goes on otherwise behind a fault in this one, where ASCII may be letters or tags.
_NOT_AS_BROWSERS = frozenset([None, "iso2022_jp"])
# RFC 9110, 15.5.9, RFC 8470, 5.2, RFC 6585, 4: the same request may be answered another time.
_LATER = frozenset([408, 425, 429])
_REFUSALS = range(400, 500)
# RFC 6797, 6.1: a directive is a token, and its value one, or a quoted string (RFC 9110, 5.6).
_DIRECTIVE = re.compile(
    r"[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*"
    r"(?:=[ \t]*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|\"([^\"\\]*)\")[ \t]*)?)?"
)
_SECONDS = re.compile(r"[0-9]{1,12}")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie as it was set: never its value."""

    name: str
    secure: bool
    http_only: bool


def cookies(response: Response) -> tuple[Cookie, ...]:
    """Return the cookies that *response* sets (RFC 6265, 5.2), deleted ones left out."""
    found = []
    for line in response.values("set-cookie"):
        pair, *attributes = line.split(";")
        name, equals, value = pair.partition("=")
        if not equals:
            # RFC 6265bis, 5.6: browsers keep it, with a value and no name.
            name, value = "", pair
        given = {a.partition("=")[0].strip().lower(): a.partition("=")[2] for a in attributes}
        if not value.strip() or given.get("max-age", "").strip() == "0":
            continue
        found.append(Cookie(name.strip() or NAMELESS, "secure" in given, "httponly" in given))
    return tuple(found)


def is_session_cookie(name: str, rules: Sequence[CookieRule] = ()) -> bool:
    """Return whether *name* is a session's: as the preset's *rules* say, or as it sounds."""
    for rule in rules:
        known = rule.name
        if name == known or (known.endswith("*") and name.startswith(known[:-1])):
            return rule.http_only
    return _SESSION.search(name) is not None and _FOR_SCRIPTS.search(name) is None


def is_page(response: Response) -> bool:
    """
    Return whether a browser may show the body of *response* as a page with tags.

    WHATWG MIME Sniffing, 7.1: what is not named, or named badly, is looked at; of several
    names any may count.
    """
    given = response.values("content-type") or ("",)
    return not all(map(_is_no_page, given))


def pages_of(response: Response, url: str, texts: Iterable[str]) -> tuple[PageFacts, ...]:
    """
    Return what the page at *url* does whose *texts* are what browsers may take *response* for.

    As XML where its type says so, as HTML where it does not; of several types any may count.
    """
    return tuple(read_page(text, url, xml=xml) for text in texts for xml in xml_or_not(response))


def xml_or_not(response: Response) -> tuple[bool, ...]:
    """Return whether browsers read *response* as XML; both where that is open."""
    named = [value.partition(";")[0].strip() for value in response.values("content-type")]
    kinds = {_XML.fullmatch(name) is not None for name in named}
    # WHATWG MIME Sniffing, 7.1, of what has no type.
    return tuple(sorted(kinds or {False, response.body.lstrip().startswith(b"<?xml")}))


def _is_no_page(value: str) -> bool:
    name = value.partition(";")[0].partition(",")[0].strip().lower()
    return _NO_PAGE.fullmatch(name) is not None


def markup_of(response: Response) -> tuple[str, bool]:
    """Return the text of a page, and whether all of it could be read."""
    body, whole = decoded(response.body, ",".join(response.values("content-encoding")))
    whole = whole and response.whole
    if _BUILT.search(body) and any(xml_or_not(response)):
        whole = False
    for mark, codec in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(codec, "replace"), whole
    # Of several Content-Type fields browsers take the last one that says it.
    named = [_CHARSET.search(value) for value in response.values("content-type")]
    labels = [found.group(1) for found in named if found]
    known = _codec(labels[-1]) if labels else _named_inside(body)
    # For a label that is none, browsers fall back on an encoding with ASCII in its place.
    return body.decode(known or "cp1252", "replace"), whole and known not in _NOT_AS_BROWSERS


def _named_inside(body: bytes) -> str:
    """Return the codec of a page whose fields name none (HTML, 13.2.3.2: its first 1024 bytes do)."""
    for item in read_markup(body[:_PRESCANNED].decode("latin-1")):
        if not isinstance(item, Tag) or item.name != "meta":
            continue
        given = item.attributes
        content = given.get("content", "") if "http-equiv" in given else ""
        said = _CHARSET.search(content)
        label = given.get("charset", "").strip() or (said.group(1) if said else "")
        codec = _codec(label) if label else None
        if codec is not None:
            # Who can read this much of it does not read UTF-16.
            return "utf-8" if codec.startswith("utf-16") else codec
    try:
        body.decode()
    except UnicodeDecodeError:
        # What browsers fall back on in most countries.
        return "cp1252"
    return "utf-8"


def _codec(label: str) -> str | None:
    """
    Return the codec of Python for an encoding that browsers know (WHATWG Encoding, 4).

    UTF-7 and what is no encoding of text are none of these.
    """
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return None
    if name == "utf-16":
        return "utf-16-le"
    return name if _OF_THE_WEB.fullmatch(name) else None


def readings_of(response: Response) -> tuple[str, ...]:
    """
    Return every text that a browser may take *response* for: decoded, as it came, and unpaired.

    For questions where the worst reading counts.
    """
    text, _ = markup_of(response)
    raw = response.body.decode("latin-1")
    # UTF-16 that nobody declared has a zero beside each letter.
    return tuple(dict.fromkeys((text, raw, raw.replace("\0", ""))))


def hsts_seconds(response: Response) -> int:
    """Return how long a browser will insist on TLS, 0 when it will not (RFC 6797, 6.1)."""
    # RFC 6797, 8.1: only the first header counts, and a faulty one not at all.
    value = response.header("strict-transport-security") or ""
    given: dict[str, str] = {}
    position = 0
    while position <= len(value):
        found = _DIRECTIVE.match(value, position)
        ends = found.end() if found else position
        if found is None or (ends < len(value) and value[ends] != ";"):
            return 0
        position = ends + 1
        name, bare, quoted = found.groups()
        if name is None:
            continue
        if name.lower() in given:
            return 0
        given[name.lower()] = bare or quoted or ""
    digits = given.get("max-age", "")
    return int(digits) if _SECONDS.fullmatch(digits) else 0


def is_for_now(response: Response) -> bool:
    """Return whether *response* refuses for the moment only, so that it tells nothing of later."""
    refuses = response.status in _REFUSALS
    return response.status in _LATER or (refuses and response.header("retry-after") is not None)


def redirect_of(response: Response, url: str, index: int = 0) -> str | None:
    """
    Return the absolute URL that *response* to *url* sends the client to, if any.

    *index*: of several Location fields this one.
    """
    given = response.values("location")
    if response.status not in _REDIRECTS or not given[index:] or not given[index].strip():
        return None
    location = given[index]
    try:
        # URL Standard, 4.4: a backslash is a slash.
        target = urljoin(url, location.strip().replace("\\", "/"))
        urlsplit(target).port  # noqa: B018  # a port that is none raises here
    except ValueError:
        return None
    return target


def leads_to(response: Response, url: str) -> tuple[str, ...]:
    """Return where *response* to *url* sends a browser that shows it: by refresh or by script."""
    ahead = map(refresh_goal, response.values("refresh"))
    found = [joined(url, goal) for goal in ahead if goal is not None]
    if is_page(response):
        pages = pages_of(response, url, readings_of(response))
        found += [goal for page in pages for goal in page.leads_to]
    return tuple(dict.fromkeys(found))


def plain_answer(response: Response, url: str) -> PlainAnswer | None:
    """
    Return what an answer over http amounts to; ``None`` when it cannot be told.

    A redirect that stays on http is content; so is 401, because it asks the browser
    for a password in clear, and a 5xx, because something behind was asked. A refusal
    that shows a form for a password, a card or personal data is content too. One that was
    not read to its end, or that refuses for now (429), tells nothing.
    """
    locations = [redirect_of(response, url, index) for index in range(_MAX_LOCATIONS)]
    goals = {goal for goal in locations if goal is not None}
    if goals:
        secure = all(urlsplit(goal).scheme == "https" for goal in goals)
        return "redirect" if secure else "served"
    if not 400 <= response.status < 500 or response.status == 401:  # noqa: PLR2004  # RFC 9110, 15.5
        return "served"
    later: PlainAnswer | None = None if is_for_now(response) else "denied"
    if not is_page(response):
        return later
    pages = pages_of(response, url, readings_of(response))
    if any(page.sensitive or page.plain for page in pages):
        return "served"
    return later if markup_of(response)[1] else None


@dataclass(frozen=True, slots=True)
class Look:
    """What two answers are compared by: whether they show the same thing."""

    status: int
    location: str | None
    body: bytes


def look_of(response: Response) -> Look:
    """Return what *response* looks like."""
    return Look(response.status, response.header("location"), response.body)


def opens(response: Response, url: str, locked: str, anywhere: Look | None) -> bool | None:
    """
    Return whether *response* to *url* lets a stranger into *locked*.

    ``None``: it cannot be told (5xx: something behind the lock may have been asked; 429: another
    time it may be let in).
    *anywhere* is what the site shows on a path that does not exist: an answer that
    looks the same shows nothing of the locked place. A redirect back to the locked
    path itself, over https, is the lock doing its work.
    """
    if response.status >= 500 or is_for_now(response):  # noqa: PLR2004  # RFC 9110, 15.6
        return None
    if look_of(response) == anywhere:
        return False
    if 400 <= response.status < 500:  # noqa: PLR2004  # RFC 9110, 15.5
        return False
    target = redirect_of(response, url)
    if target is not None:
        here, there = urlsplit(locked), urlsplit(target)
        same = there.path.rstrip("/") == here.path.rstrip("/") and there.netloc == here.netloc
        return not (same and there.scheme == "https")
    return True

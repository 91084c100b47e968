"""
What an HTTP answer means: its cookies, its HSTS header, and whether it lets one in.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.audit.model import Response
    from sealgate.policy.inventory import CookieRule

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
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


@dataclass(frozen=True, slots=True)
class Cookie:
    """
    A cookie as it was set: never its value.
    """

    name: str
    secure: bool
    http_only: bool


def cookies(response: Response) -> tuple[Cookie, ...]:
    """
    Return the cookies that *response* sets (RFC 6265, 5.2), deleted ones left out.
    """
    found = []
    for line in response.values("set-cookie"):
        pair, *attributes = line.split(";")
        name, equals, value = pair.partition("=")
        given = {a.partition("=")[0].strip().lower(): a.partition("=")[2] for a in attributes}
        if not equals or not value.strip() or given.get("max-age", "").strip() == "0":
            continue
        found.append(Cookie(name.strip(), "secure" in given, "httponly" in given))
    return tuple(found)


def is_session_cookie(name: str, rules: Sequence[CookieRule] = ()) -> bool:
    """
    Return whether *name* is a session's: as the preset's *rules* say, or as it sounds.
    """
    for rule in rules:
        known = rule.name
        if name == known or (known.endswith("*") and name.startswith(known[:-1])):
            return rule.http_only
    return _SESSION.search(name) is not None and _FOR_SCRIPTS.search(name) is None


def markup_of(response: Response) -> tuple[str, bool]:
    """
    Return the text of a page, and whether all of it could be read.

    A body that came compressed, though nobody asked for that, is not read.
    """
    encoding = (response.header("content-encoding") or "identity").strip().lower()
    if encoding != "identity":
        return "", False
    for mark, codec in _BYTE_ORDER_MARKS:
        if response.body.startswith(mark):
            return response.body[len(mark) :].decode(codec, "replace"), response.whole
    given = _CHARSET.search(response.header("content-type") or "")
    try:
        codec = codecs.lookup(given.group(1)).name if given else "utf-8"
        return response.body.decode(codec, "replace"), response.whole
    except (LookupError, ValueError):
        # An encoding that is not known here, or is none for text.
        return response.body.decode("utf-8", "replace"), False


def hsts_seconds(response: Response) -> int:
    """
    Return how long a browser will insist on TLS, 0 when it will not (RFC 6797, 6.1).
    """
    # RFC 6797, 8.1: only the first header counts, and a faulty one not at all.
    value = response.header("strict-transport-security") or ""
    for directive in value.split(";"):
        name, _, number = directive.partition("=")
        if name.strip().lower() == "max-age":
            digits = number.strip().strip('"')
            return int(digits) if re.fullmatch(r"[0-9]{1,12}", digits) else 0
    return 0


def redirect_of(response: Response, url: str) -> str | None:
    """
    Return the absolute URL that *response* to *url* sends the client to, if any.
    """
    location = response.header("location")
    if response.status not in _REDIRECTS or location is None:
        return None
    try:
        target = urljoin(url, location.strip())
        urlsplit(target).port  # noqa: B018  # a port that is none raises here
    except ValueError:
        return None
    return target


def plain_answer(response: Response, url: str) -> PlainAnswer:
    """
    Return what an answer over http amounts to.

    A redirect that stays on http is content; so is 401, because it asks the browser
    for a password in clear, and a 5xx, because something behind was asked.
    """
    target = redirect_of(response, url)
    if target is not None:
        return "redirect" if urlsplit(target).scheme == "https" else "served"
    if 400 <= response.status < 500 and response.status != 401:  # noqa: PLR2004  # RFC 9110, 15.5
        return "denied"
    return "served"


@dataclass(frozen=True, slots=True)
class Look:
    """
    What two answers are compared by: whether they show the same thing.
    """

    status: int
    location: str | None
    body: bytes


def look_of(response: Response) -> Look:
    """
    Return what *response* looks like.
    """
    return Look(response.status, response.header("location"), response.body)


def opens(response: Response, url: str, locked: str, anywhere: Look | None) -> bool | None:
    """
    Return whether *response* to *url* lets a stranger into *locked*.

    ``None``: it cannot be told (5xx: something behind the lock may have been asked).
    *anywhere* is what the site shows on a path that does not exist: an answer that
    looks the same shows nothing of the locked place. A redirect back to the locked
    path itself, over https, is the lock doing its work.
    """
    if response.status >= 500:  # noqa: PLR2004  # RFC 9110, 15.6
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

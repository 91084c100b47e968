"""
What the pages of one place do: status, cookies, forms, and what they fetch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.audit.adapters.http import ask
from sealgate.audit.adapters.wire import CertificateDemandedError
from sealgate.audit.answers import cookies, hsts_seconds, is_session_cookie, markup_of, redirect_of
from sealgate.audit.page import PageFacts, read_page
from sealgate.audit.sightings import PAGE_FACTS, seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact

if TYPE_CHECKING:
    from sealgate.audit.model import Limits, Response, Target
    from sealgate.policy.inventory import CookieRule
    from sealgate.policy.observation import FactValue, Sighting

_MAX_REDIRECTS = 4
_MAX_LINKS = 6
_SERVER_ERROR = 500
_OF_MARKUP = (Fact.MIXED_CONTENT, Fact.FORMS_PLAIN, Fact.FORMS_SENSITIVE, Fact.FORMS_GET)
_REFUSED = frozenset([401, 403])


@dataclass(slots=True)
class _Walk:
    """
    The pages that were visited, and the URL of one that was not read to its end.
    """

    cut: str = ""
    pages: list[tuple[str, Response]] = field(default_factory=list)
    facts: list[PageFacts] = field(default_factory=list)


def probe_pages(
    target: Target,
    limits: Limits,
    *,
    rules: Sequence[CookieRule] = (),
    belongs: Callable[[str], bool] = lambda _path: True,
    locked: bool = False,
) -> list[Sighting]:
    """
    Observe the page at ``target.path``, where it redirects to, and its sign-in pages.

    Redirects are followed within the origin; links that look like sign-in or checkout
    are followed once, without a query, when *belongs* says that the path is part of
    this place. Only GET is sent. *rules* are what a preset knows of cookies. A page
    that is *locked* and refuses is not seen, so only its status is told.
    """
    seen_by = f"GET {target.origin}{target.path}"
    try:
        walk = _Walk()
        first = _visit(target, target.path, limits, walk)
        if first.status >= _SERVER_ERROR:
            reason = f"{target.origin}{target.path} answered {first.status}"
            return unseen(target.asset, PAGE_FACTS, reason)
        if locked and first.status in _REFUSED:
            return seen(target.asset, {Fact.HTTP_STATUS: first.status}, seen_by)
        visited = {urlsplit(url).path for url, _ in walk.pages}
        links = dict.fromkeys(path for facts in walk.facts for path in facts.sign_in_links)
        for path in [p for p in links if p not in visited and belongs(p)][:_MAX_LINKS]:
            _visit(target, path, limits, walk)
    except PeerError as error:
        return unseen(target.asset, PAGE_FACTS, f"{target.where}: {error.message}")
    values = _values(first, walk, rules)
    if not walk.cut:
        return seen(target.asset, values, seen_by)
    # Of a page that was not read to its end, what it does not have cannot be told.
    open_ended = [fact for fact in _OF_MARKUP if not values[fact]]
    told = {fact: value for fact, value in values.items() if fact not in open_ended}
    reason = f"{walk.cut} could not be read to its end ({limits.max_body_bytes} bytes at most)"
    return seen(target.asset, told, seen_by) + unseen(target.asset, open_ended, reason)


def probe_hsts(target: Target, limits: Limits) -> list[Sighting]:
    """
    Observe the HSTS header on the page at ``target.path``.
    """
    try:
        answer = ask(target, target.path, limits)
    except CertificateDemandedError:
        # Only who has a certificate gets the header; whoever runs the gateway knows of it.
        return []
    except PeerError as error:
        return unseen(target.asset, (Fact.HSTS_SECONDS,), f"{target.where}: {error.message}")
    values: dict[Fact, FactValue] = {Fact.HSTS_SECONDS: hsts_seconds(answer)}
    return seen(target.asset, values, f"GET {target.origin}{target.path}")


def _visit(target: Target, path: str, limits: Limits, walk: _Walk) -> Response:
    first = answer = ask(target, path, limits)
    for hop in range(_MAX_REDIRECTS + 1):
        url = target.origin + path
        if hop:
            answer = ask(target, path, limits)
        walk.pages.append((url, answer))
        if "html" in (answer.header("content-type") or "html").lower():
            markup, whole = markup_of(answer)
            walk.facts.append(read_page(markup, url))
            walk.cut = walk.cut or ("" if whole else url.partition("?")[0])
        onward = redirect_of(answer, url)
        if onward is None or not onward.startswith(target.origin + "/"):
            break
        path = onward.removeprefix(target.origin).partition("#")[0]
        if any(known == target.origin + path for known, _ in walk.pages):
            break
    return first


def _values(first: Response, walk: _Walk, rules: Sequence[CookieRule]) -> dict[Fact, FactValue]:
    set_cookies = [cookie for _, answer in walk.pages for cookie in cookies(answer)]
    return {
        Fact.HTTP_STATUS: first.status,
        Fact.COOKIES_INSECURE: _unique(c.name for c in set_cookies if not c.secure),
        Fact.COOKIES_SCRIPTABLE: _unique(
            c.name for c in set_cookies if not c.http_only and is_session_cookie(c.name, rules)
        ),
        Fact.MIXED_CONTENT: _unique(item for page in walk.facts for item in page.mixed),
        Fact.FORMS_PLAIN: _unique(item for page in walk.facts for item in page.plain),
        Fact.FORMS_SENSITIVE: _unique(item for page in walk.facts for item in page.sensitive),
        Fact.FORMS_GET: _unique(item for page in walk.facts for item in page.by_get),
    }


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))

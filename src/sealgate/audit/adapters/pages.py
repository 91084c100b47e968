"""
What the pages of one place do: status, cookies, forms, and what they fetch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.audit.adapters.http import ask
from sealgate.audit.adapters.wire import CertificateDemandedError
from sealgate.audit.answers import (
    cookies,
    hsts_seconds,
    is_page,
    is_session_cookie,
    leads_to,
    markup_of,
    redirect_of,
)
from sealgate.audit.css import read_css
from sealgate.audit.model import HTTPS_PORT, Target
from sealgate.audit.page import PageFacts, joined, read_page, split_url
from sealgate.audit.sightings import PAGE_FACTS, seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact

if TYPE_CHECKING:
    from sealgate.audit.model import Limits, Response
    from sealgate.policy.inventory import CookieRule
    from sealgate.policy.observation import FactValue, Sighting

_MAX_REDIRECTS = 4
_MAX_LINKS = 6
# Style sheets that are read of one place, and sheets in sheets.
_MAX_SHEETS, _MAX_IMPORTS = 12, 3
_OK = range(200, 300)
_SERVER_ERROR = 500
_OF_MARKUP = (
    Fact.MIXED_CONTENT,
    Fact.FORMS_PLAIN,
    Fact.FORMS_SENSITIVE,
    Fact.FORMS_GET,
    Fact.CARD_ELSEWHERE,
)
_REFUSED = frozenset([401, 403])


@dataclass(frozen=True, slots=True)
class Looked:
    """
    What was seen of the pages of one place, and the *paths* that are known of it.

    Paths that look as if they led to a form stand first; none has a query.
    """

    sightings: list[Sighting]
    paths: tuple[str, ...] = ()


@dataclass(slots=True)
class _Walk:
    """
    The pages that were visited, and the URL of one that was not read to its end.

    *mixed* is what style sheets load over http; *unread* one that could not be read.
    """

    cut: str = ""
    unread: str = ""
    pages: list[tuple[str, Response]] = field(default_factory=list)
    facts: list[PageFacts] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)


def look_at_pages(
    target: Target,
    limits: Limits,
    *,
    rules: Sequence[CookieRule] = (),
    belongs: Callable[[str], bool] = lambda _path: True,
    locked: bool = False,
    payees: frozenset[str] | None = None,
) -> Looked:
    """
    Observe the page at ``target.path``, where it leads to, and its sign-in pages.

    Redirects are followed within the origin; links that look like sign-in or checkout
    are followed once, without a query, when *belongs* says that the path is part of
    this place. Only GET is sent. *rules* are what a preset knows of cookies. A page
    that is *locked* and refuses is not seen, so only its status is told. *payees* are
    the hosts that may get cards from a page on which people pay.
    """
    seen_by = f"GET {target.origin}{target.path}"
    try:
        walk = _Walk()
        first = _visit(target, target.path, limits, walk)
        if first.status >= _SERVER_ERROR:
            reason = f"{target.origin}{target.path} answered {first.status}"
            return Looked(unseen(target.asset, PAGE_FACTS, reason))
        if locked and first.status in _REFUSED:
            return Looked(seen(target.asset, {Fact.HTTP_STATUS: first.status}, seen_by))
        visited = {urlsplit(url).path for url, _ in walk.pages}
        links = dict.fromkeys(path for facts in walk.facts for path in facts.sign_in_links)
        for path in [p for p in links if p not in visited and belongs(p)][:_MAX_LINKS]:
            _visit(target, path, limits, walk)
        _read_sheets(target, limits, walk)
    except PeerError as error:
        return Looked(unseen(target.asset, PAGE_FACTS, f"{target.where}: {error.message}"))
    return Looked(
        _sightings(target, first, walk, rules, payees, limits),
        tuple(path for path in _paths(target, walk) if belongs(path)),
    )


def _sightings(
    target: Target,
    first: Response,
    walk: _Walk,
    rules: Sequence[CookieRule],
    payees: frozenset[str] | None,
    limits: Limits,
) -> list[Sighting]:
    seen_by = f"GET {target.origin}{target.path}"
    values = _values(first, walk, rules, payees)
    # Of a page that was not read to its end, what it does not have cannot be told.
    open_ended = {fact for fact in _OF_MARKUP if walk.cut and not values[fact]}
    reason = f"{walk.cut} could not be read to its end ({limits.max_body_bytes} bytes at most)"
    if walk.unread and not walk.cut and not values[Fact.MIXED_CONTENT]:
        open_ended, reason = {Fact.MIXED_CONTENT}, f"{walk.unread} could not be read"
    told = {fact: value for fact, value in values.items() if fact not in open_ended}
    return seen(target.asset, told, seen_by) + unseen(
        target.asset, [fact for fact in _OF_MARKUP if fact in open_ended], reason
    )


def _paths(target: Target, walk: _Walk) -> tuple[str, ...]:
    ahead = [redirect_of(answer, url) or "" for url, answer in walk.pages]
    ahead += [goal for facts in walk.facts for goal in facts.leads_to]
    # Whichever port it names, the same host in clear is asked where it is known to answer.
    found = [parts.path for parts in map(split_url, ahead) if parts.hostname == target.server_name]
    found += [path for facts in walk.facts for path in facts.sign_in_links]
    found += [urlsplit(url).path for url, _ in walk.pages]
    found += [path for facts in walk.facts for path in facts.links]
    return tuple(dict.fromkeys(path or "/" for path in found))


def _read_sheets(target: Target, limits: Limits, walk: _Walk) -> None:
    left = [(url, 0) for facts in walk.facts for url in facts.sheets]
    asked = set[str]()
    while left and len(asked) < _MAX_SHEETS:
        url, depth = left.pop(0)
        if url in asked or not url.startswith("https://"):
            continue
        asked.add(url)
        own = url.startswith(target.origin + "/")
        try:
            answer = _fetched(target, url, limits)
        except (PeerError, ValueError):
            # A sheet of another host that does not come loads nothing.
            walk.unread = walk.unread or (url.partition("?")[0] if own else "")
            continue
        if answer.status not in _OK:
            continue
        text, whole = markup_of(answer)
        walk.unread = walk.unread or ("" if whole else url.partition("?")[0])
        sheet = read_css(text)
        parts = [joined(url, reference) for reference in (*sheet.imports, *sheet.parts)]
        walk.mixed += [
            part.partition("?")[0] for part in parts if part.lower().startswith("http://")
        ]
        if depth < _MAX_IMPORTS:
            left += [(joined(url, reference), depth + 1) for reference in sheet.imports]


def _fetched(target: Target, url: str, limits: Limits) -> Response:
    parts = urlsplit(url)
    request = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if url.startswith(target.origin + "/"):
        return ask(target, request, limits)
    host, port = parts.hostname or "", parts.port or HTTPS_PORT
    return ask(Target("", host, host, port), request, limits)


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
        ahead = redirect_of(answer, url)
        if is_page(answer):
            markup, whole = markup_of(answer)
            walk.facts.append(read_page(markup, url))
            # What a redirect shows, no browser shows.
            walk.cut = walk.cut or ("" if whole or ahead else url.partition("?")[0])
        onward = ahead or next(iter(leads_to(answer, url)), None)
        if onward is None or not onward.startswith(target.origin + "/"):
            break
        path = onward.removeprefix(target.origin).partition("#")[0]
        if any(known == target.origin + path for known, _ in walk.pages):
            break
    return first


def _values(
    first: Response, walk: _Walk, rules: Sequence[CookieRule], payees: frozenset[str] | None
) -> dict[Fact, FactValue]:
    set_cookies = [cookie for _, answer in walk.pages for cookie in cookies(answer)]
    return {
        Fact.HTTP_STATUS: first.status,
        Fact.COOKIES_INSECURE: _unique(c.name for c in set_cookies if not c.secure),
        Fact.COOKIES_SCRIPTABLE: _unique(
            c.name for c in set_cookies if not c.http_only and is_session_cookie(c.name, rules)
        ),
        Fact.MIXED_CONTENT: _unique(
            item for found in (*(page.mixed for page in walk.facts), walk.mixed) for item in found
        ),
        Fact.FORMS_PLAIN: _unique(item for page in walk.facts for item in page.plain),
        Fact.FORMS_SENSITIVE: _unique(item for page in walk.facts for item in page.sensitive),
        Fact.FORMS_GET: _unique(item for page in walk.facts for item in page.by_get),
        Fact.CARD_ELSEWHERE: _unique(_handed_over(walk, payees)),
    }


def _handed_over(walk: _Walk, payees: frozenset[str] | None) -> Iterator[str]:
    for page in walk.facts:
        goals = [(f"card to {goal}", goal) for goal in page.elsewhere]
        if payees is not None or "card" in page.sensitive:
            goals += [(f"frame from {frame}", frame) for frame in page.frames]
        for told, goal in goals:
            if split_url(goal).hostname not in (payees or ()):
                yield told


def _unique(items: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(items))

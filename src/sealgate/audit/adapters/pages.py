"""What the pages of one place do: status, cookies, forms, and what they fetch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.audit.adapters.http import ask
from sealgate.audit.adapters.wire import CertificateDemandedError
from sealgate.audit.answers import (
    cookies,
    hsts_seconds,
    is_for_now,
    is_page,
    is_session_cookie,
    leads_to,
    markup_of,
    pages_of,
    redirect_of,
)
from sealgate.audit.css import read_css
from sealgate.audit.model import HTTP_PORT, HTTPS_PORT, Target
from sealgate.audit.page import PageFacts, joined, refresh_goal, shown_url, split_url
from sealgate.audit.sightings import PAGE_FACTS, seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact

if TYPE_CHECKING:
    from sealgate.audit.model import Limits, Response
    from sealgate.policy.inventory import CookieRule
    from sealgate.policy.observation import FactValue, Sighting

_MAX_REDIRECTS = 4
_MAX_LINKS = 6
_MAX_FRAMES = 12
# Other places in clear that one place leads to.
_MAX_IN_CLEAR = 12
# Style sheets that are read of one place, and sheets in sheets.
_MAX_SHEETS, _MAX_IMPORTS = 12, 3
_OK = range(200, 300)
_SERVER_ERROR = 500
# RFC 9110, 15.5.5 and 15.5.11: there is none.
_GONE = frozenset({404, 410})
_OF_COOKIES = (Fact.COOKIES_INSECURE, Fact.COOKIES_SCRIPTABLE)
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

    Paths that look as if they led to a form stand first; none has a query. *in_clear* are other
    places to which browsers are led over http, without a query, too.
    """

    sightings: list[Sighting]
    paths: tuple[str, ...] = ()
    in_clear: tuple[str, ...] = ()


@dataclass(slots=True)
class _Walk:
    """
    The pages that were visited, and why what is not seen of them is not known either.

    *cut*: one was not read to its end; *missed*: one was not reached; *unread*: a style sheet
    was not read. *mixed* is what style sheets load over http.
    """

    cut: str = ""
    missed: str = ""
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
        if first.status >= _SERVER_ERROR or is_for_now(first):
            reason = f"{target.origin}{target.path} answered {first.status}"
            return Looked(unseen(target.asset, PAGE_FACTS, reason))
        if locked and first.status in _REFUSED:
            return Looked(seen(target.asset, {Fact.HTTP_STATUS: first.status}, seen_by))
        visited = {urlsplit(url).path for url, _ in walk.pages}
        links = dict.fromkeys(path for facts in walk.facts for path in facts.sign_in_links)
        for path in [p for p in links if p not in visited and belongs(p)][:_MAX_LINKS]:
            _visit(target, path, limits, walk)
        _visit_frames(target, limits, walk)
        _read_sheets(target, limits, walk)
    except PeerError as error:
        return Looked(unseen(target.asset, PAGE_FACTS, f"{target.where}: {error.message}"))
    sightings, in_clear = _sightings(target, first, walk, rules, payees), _in_clear(target, walk)
    if len(in_clear) > _MAX_IN_CLEAR:
        reason = f"{len(in_clear)} places in clear are led to, and {_MAX_IN_CLEAR} were looked at"
        sightings += unseen(target.asset, (Fact.PLAIN_GET,), reason)
    paths = tuple(path for path in _paths(target, walk) if belongs(path))
    return Looked(sightings, paths, in_clear[:_MAX_IN_CLEAR])


def _in_clear(target: Target, walk: _Walk) -> tuple[str, ...]:
    goals = [goal for facts in walk.facts for goal in facts.refreshes]
    for url, answer in walk.pages:
        fields = range(len(answer.values("location")))
        goals += [goal for index in fields if (goal := redirect_of(answer, url, index))]
        ahead = map(refresh_goal, answer.values("refresh"))
        goals += [joined(url, goal) for goal in ahead if goal is not None]
    found = []
    for goal in goals:
        parts = split_url(goal)
        # The same host is asked at its plain door for each path that is known.
        at_door = parts.hostname == target.server_name.lower() and (
            (parts.port or HTTP_PORT) in {HTTP_PORT, target.plain_port}
        )
        if parts.scheme == "http" and parts.hostname and not at_door:
            found.append(shown_url(goal))
    return tuple(dict.fromkeys(found))


def _sightings(
    target: Target,
    first: Response,
    walk: _Walk,
    rules: Sequence[CookieRule],
    payees: frozenset[str] | None,
) -> list[Sighting]:
    seen_by = f"GET {target.origin}{target.path}"
    values = _values(first, walk, rules, payees)
    # Of what was not read, what it does not have cannot be told.
    gaps = (
        (walk.missed, (*_OF_COOKIES, *_OF_MARKUP)),
        (walk.cut, _OF_MARKUP),
        (walk.unread, (Fact.MIXED_CONTENT,)),
    )
    untold: dict[Fact, str] = {}
    for reason, facts in gaps:
        untold |= {f: reason for f in facts if reason and not values[f] and f not in untold}
    told = {fact: value for fact, value in values.items() if fact not in untold}
    missing = [one for fact, why in untold.items() for one in unseen(target.asset, [fact], why)]
    return seen(target.asset, told, seen_by) + missing


def _paths(target: Target, walk: _Walk) -> tuple[str, ...]:
    ahead = [redirect_of(answer, url) or "" for url, answer in walk.pages]
    ahead += [goal for facts in walk.facts for goal in facts.leads_to]
    # Whichever port it names, the same host in clear is asked where it is known to answer.
    found = [parts.path for parts in map(split_url, ahead) if parts.hostname == target.server_name]
    found += [path for facts in walk.facts for path in facts.sign_in_links]
    found += [urlsplit(url).path for url, _ in walk.pages]
    found += [path for facts in walk.facts for path in facts.links]
    return tuple(dict.fromkeys(path or "/" for path in found))


def _visit_frames(target: Target, limits: Limits, walk: _Walk) -> None:
    # What a page shows in frames is part of what its visitors see.
    asked, known = 0, {url for url, _ in walk.pages}
    left = deque(url for facts in walk.facts for url in facts.framed)
    while left:
        url = left.popleft()
        path = _within(target, url)
        if path is None or target.origin + path in known:
            continue
        if asked == _MAX_FRAMES:
            walk.missed = walk.missed or f"more than {_MAX_FRAMES} frames, so not all were read"
            return
        asked += 1
        known.add(target.origin + path)
        before = len(walk.facts)
        _visit(target, path, limits, walk)
        left += [url for facts in walk.facts[before:] for url in facts.framed]


def _read_sheets(target: Target, limits: Limits, walk: _Walk) -> None:
    left = [(url, 0) for facts in walk.facts for url in facts.sheets]
    asked = set[str]()
    while left:
        url, depth = left.pop(0)
        if url in asked or not url.startswith("https://"):
            continue
        if len(asked) == _MAX_SHEETS or depth > _MAX_IMPORTS:
            most = f"{_MAX_SHEETS} style sheets, and {_MAX_IMPORTS} in each other, at most"
            walk.unread = walk.unread or f"{shown_url(url)} was not read ({most})"
            continue
        asked.add(url)
        could_not = f"{shown_url(url)} could not be read"
        try:
            answer = _fetched(target, url, limits)
        except (PeerError, ValueError):
            # It may come to a visitor, whoever's host it is.
            walk.unread = walk.unread or could_not
            continue
        ahead = redirect_of(answer, url)
        imports, parts = [ahead] if ahead else [], list[str]()
        if answer.status in _OK:
            text, whole = markup_of(answer)
            walk.unread = walk.unread or ("" if whole else could_not)
            sheet = read_css(text)
            imports = [joined(url, reference) for reference in sheet.imports]
            parts = [joined(url, reference) for reference in sheet.parts]
        elif ahead is None and answer.status not in _GONE:
            # Whoever refuses an audit, or is busy, may give it to a visitor.
            walk.unread = walk.unread or could_not
        walk.mixed += [
            shown_url(part) for part in (*imports, *parts) if part.lower().startswith("http://")
        ]
        left += [(part, depth + 1) for part in imports]


def _within(target: Target, url: str) -> str | None:
    """Return the request target that *url* is of the origin of *target*; ``None`` for others."""
    parts = split_url(url)
    here = (target.scheme, target.server_name.lower(), target.port)
    if (parts.scheme, parts.hostname, parts.port or HTTPS_PORT) != here:
        return None
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _fetched(target: Target, url: str, limits: Limits) -> Response:
    own = _within(target, url)
    if own is not None:
        return ask(target, own, limits)
    parts = urlsplit(url)
    request = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    host, port = parts.hostname or "", parts.port or HTTPS_PORT
    return ask(Target("", host, host, port), request, limits)


def probe_hsts(target: Target, limits: Limits) -> list[Sighting]:
    """Observe the HSTS header on the page at ``target.path``."""
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
    # The redirects that led here, since something was shown.
    led = set[str]()
    for hop in range(_MAX_REDIRECTS + 1):
        url = target.origin + path
        where = shown_url(url)
        if hop:
            answer = ask(target, path, limits)
        walk.pages.append((url, answer))
        if answer.status >= _SERVER_ERROR or is_for_now(answer):
            walk.missed = walk.missed or f"{where} answered {answer.status}"
        ahead = redirect_of(answer, url)
        led = {*led, url} if ahead else set()
        if is_page(answer):
            markup, whole = markup_of(answer)
            read = pages_of(answer, url, [markup])
            walk.facts += read
            whole = whole and all(facts.is_whole for facts in read)
            # What a redirect shows, no browser shows.
            most = f"could not be read to its end ({limits.max_body_bytes} bytes at most)"
            walk.cut = walk.cut or ("" if whole or ahead else f"{where} {most}")
        onward = ahead or next(iter(leads_to(answer, url)), None)
        within = None if onward is None else _within(target, onward)
        if within is None:
            return first
        path = within
        if any(known == target.origin + path for known, _ in walk.pages):
            if target.origin + path not in led:
                return first
            break
    walk.missed = walk.missed or f"{where} redirects again and again"
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

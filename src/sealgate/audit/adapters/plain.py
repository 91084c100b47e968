"""What plain HTTP does beside the TLS endpoint: nothing, a redirect, a refusal, or harm."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from sealgate.audit.adapters.beside import all_beside
from sealgate.audit.adapters.http import NoHTTPError, ask, ask_http2
from sealgate.audit.adapters.wire import (
    HungUpError,
    NoListenerError,
)
from sealgate.audit.answers import (
    cookies,
    is_for_now,
    is_page,
    is_session_cookie,
    leads_to,
    markup_of,
    pages_of,
    plain_answer,
    readings_of,
    redirect_of,
)
from sealgate.audit.model import HTTP_PORT, Target, bracketed
from sealgate.audit.page import read_page, shown_url, split_url
from sealgate.audit.reading import Spoken
from sealgate.audit.sightings import seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, FactValue, Observation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.audit.model import Limits, Response
    from sealgate.policy.conditions import Pairs
    from sealgate.policy.observation import Sighting

# As many as browsers follow (Fetch, 4.4: a redirect count of 20 is an error).
_MAX_REDIRECTS = 20
# Pages that are asked for over http beside the one that was named: as many as are known, within
# reason; once something was served, so few.
MAX_PAGES, _FEW_PAGES = 1000, 24
_AT_ONCE = 4
# Who was silent twice is not asked again: each time may take as long as the limit says.
_MAX_GAPS = 2
_OK = range(200, 300)
_SEVERAL = 2
# A refusal shorter than this is no page, so it is not compared with one.
_A_PAGE = 200


@dataclass(slots=True)
class _Seen:
    """
    What was seen over http, of all pages together: URLs are without query.

    *gaps* say what did not answer, or not to its end. *left* says what was not asked for at all,
    *unled* where clients are led that was not looked at.
    """

    words: list[str] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    served: list[str] = field(default_factory=list)
    cookies: list[str] = field(default_factory=list)
    plain: list[str] = field(default_factory=list)
    sensitive: set[str] = field(default_factory=set)
    is_read: bool | None = None  # whether all that was shown could be read
    left: str = ""
    unled: str = ""
    links: list[str] = field(default_factory=list)

    def add(self, other: _Seen) -> None:
        """Take what was seen of another page, too."""
        self.words += other.words
        self.gaps += other.gaps
        self.served += other.served
        self.cookies += other.cookies
        self.plain += other.plain
        self.sensitive |= other.sensitive
        if other.is_read is not None:
            self.is_read = other.is_read and self.is_read is not False
        self.unled = self.unled or other.unled
        self.links += other.links


def probe_plain(
    target: Target, limits: Limits, *, active: bool, pages: Iterable[str] = ()
) -> list[Sighting]:
    """
    Observe GET, and with *active* POST, over http at ``target.path`` and at each of *pages*.

    *pages* are request targets that are known or linked; so many are asked as
    :data:`MAX_PAGES` says, and what the pages in clear link to besides. How many were left out
    is told. The POST has no body and carries no credential, and goes to ``target.path`` alone.
    """
    found = _looked(target, target.path, limits)
    if found.words and found.words != ["refused"]:
        _ask_http2(target, limits, found)
        _look_at(pages, target, limits, found)
    sightings = _told(target, found)
    if not active:
        reason = "a POST is only sent to a configured site, or with --active"
        return sightings + unseen(target.asset, (Fact.PLAIN_POST,), reason)
    try:
        values: dict[Fact, FactValue] = {Fact.PLAIN_POST: _post(target, limits)}
        sightings += seen(target.asset, values, f"POST {target.plain_origin}{target.path}")
    except PeerError as error:
        reason = f"{_plain_where(target)}: {error.message}"
        sightings += unseen(target.asset, (Fact.PLAIN_POST,), reason)
    return sightings


def probe_led(target: Target, url: str, limits: Limits) -> list[Sighting]:
    """
    Observe GET at *url*, a place in clear that pages over TLS at *target* lead browsers to.

    What it serves is told of the asset of *target*: whoever asked for that is shown it.
    """
    parts = split_url(url)
    host, port = parts.hostname or "", parts.port or HTTP_PORT
    address = target.address if host == target.server_name.lower() else host
    there = Target(target.asset, host, address, plain_port=port, path=parts.path or "/")
    told = probe_plain(there, limits, active=False)
    return [
        one
        for one in told
        if one.fact is not Fact.PLAIN_POST
        # Whether that place redirects as it should is a question about itself.
        if not (
            isinstance(one, Observation) and one.fact is Fact.PLAIN_GET and one.value != "served"
        )
    ]


def _look_at(pages: Iterable[str], target: Target, limits: Limits, found: _Seen) -> None:
    asked, left = {target.path}, dict.fromkeys((*pages, *found.links))
    while len(found.gaps) < _MAX_GAPS:
        left = {path: None for path in left if path not in asked}
        most = _FEW_PAGES if "served" in found.words else MAX_PAGES
        now = list(left)[: max(0, min(_AT_ONCE, most - len(asked) + 1))]
        if not now:
            break
        asked.update(now)
        looks = all_beside([partial(_looked, target, path, limits) for path in now], _AT_ONCE)
        for look in looks:
            found.add(look)
            left |= dict.fromkeys(look.links)
    number = sum(path not in asked for path in left)
    if number:
        found.left = f"{number} of {number + len(asked)} known pages were not asked for over http"


def _told(target: Target, found: _Seen) -> list[Sighting]:
    seen_by = f"GET {target.plain_origin}{target.path}"
    silent = next(iter(found.gaps), "")
    is_served = "served" in found.words
    unasked = found.left or found.unled
    # Where nothing answered at all, that says so by itself.
    untold = unasked or (silent if found.words else "")
    about = {Fact.COOKIES_INSECURE: found.cookies, Fact.FORMS_PLAIN: found.plain}
    # What is not seen here may be seen over TLS; so only what is there is told, or not known.
    told: dict[Fact, FactValue] = {f: tuple(dict.fromkeys(v)) for f, v in about.items() if v}
    missing = [fact for fact in about if fact not in told and untold]
    if not is_served and (silent or found.left):
        gap = unseen(target.asset, (Fact.PLAIN_GET,), silent or found.left)
        return [*gap, *seen(target.asset, told, seen_by), *unseen(target.asset, missing, untold)]
    word = next(word for word in _WORST_FIRST if word in found.words)
    values: dict[Fact, FactValue] = {Fact.PLAIN_GET: word, **told}
    if found.served:
        values[Fact.PLAIN_PAGES] = tuple(dict.fromkeys(found.served))
    # Forms that are not there are only told where every page that is known was read.
    untold = untold or (
        "" if found.is_read else f"not all that {target.plain_origin} shows is read"
    )
    if found.sensitive or not untold:
        values[Fact.PLAIN_FORMS] = tuple(sorted(found.sensitive))
    elif is_served:
        missing.append(Fact.PLAIN_FORMS)
    return [*seen(target.asset, values, seen_by), *unseen(target.asset, missing, untold)]


_WORST_FIRST = ("served", "denied", "redirect", "refused")


def _looked(target: Target, path: str, limits: Limits) -> _Seen:
    found = _Seen()
    where = f"{target.plain_origin}{path}".partition("?")[0]
    try:
        word = _get(target, path, limits, found)
    except PeerError as error:
        found.gaps.append(f"{_plain_where(target)}: {error.message}")
        return found
    if word is None:
        found.gaps.append(f"{where} could not be read to its end")
        return found
    found.words.append(word)
    if word == "served":
        found.served.append(where)
    return found


def _get(target: Target, path: str, limits: Limits, found: _Seen) -> str | None:
    asked, sets = set[str](), False
    # The first request, and as many redirects.
    while len(asked) <= _MAX_REDIRECTS:
        asked.add(path)
        answer = plain_exchange(target, path, limits)
        if isinstance(answer, str):
            return answer
        url = target.plain_origin + path
        _take(answer, url, found)
        sets = sets or bool(cookies(answer))
        word = plain_answer(answer, url)
        refuses = word in {"denied", None}
        if refuses and _is_shown_over_tls(target, path, limits, answer):
            return "served"
        # Of several places each client takes the one that it likes, or none: no end is the end.
        several = _locations(answer, url)
        onward = _onward(answer, url, word) if len(several) < _SEVERAL else None
        if onward is None:
            if word is None and is_for_now(answer):
                raise PeerError(f"it answered {answer.status}, and may answer otherwise later")
            shown = leads_to(answer, url) if word == "served" else ()
            _take_ways((*several, *shown), target, url, found)
            return word
        here = _here(onward, target)
        if here is None:
            found.unled = f"{shown_url(onward)}, where {shown_url(url)} leads, was not looked at"
            return "served"
        # What stays here in clear is followed; its end counts.
        path = here
        if path in asked and not sets:
            # Nobody gets out of the circle; who sends a cookie back may.
            return "served"
        if path in asked:
            break
    found.unled = f"{shown_url(target.plain_origin + path)} redirects again and again"
    return "served"


def _onward(answer: Response, url: str, word: str | None) -> str | None:
    # Where a browser goes on to in clear, by a redirect or from a refusal.
    if word in {"denied", None}:
        goals = [goal for goal in leads_to(answer, url) if split_url(goal).scheme != "https"]
        return goals[0] if goals else None
    return redirect_of(answer, url) if word == "served" else None


def _locations(answer: Response, url: str) -> tuple[str, ...]:
    found = (redirect_of(answer, url, index) for index in range(len(answer.values("location"))))
    return tuple(dict.fromkeys(goal for goal in found if goal is not None))


def _here(url: str, target: Target) -> str | None:
    # The request target of what is asked for at the same plain door.
    origin, there = split_url(target.plain_origin), split_url(url)
    if there.scheme != "http" or there.hostname != origin.hostname:
        return None
    if (there.port or HTTP_PORT) != (origin.port or HTTP_PORT):
        return None
    return (there.path or "/") + (f"?{there.query}" if there.query else "")


def _take_ways(goals: Iterable[str], target: Target, url: str, found: _Seen) -> None:
    # What clients are shown next in clear is asked for, too.
    for goal in goals:
        here = _here(goal, target)
        if here is not None:
            found.links.append(here)
        elif split_url(goal).scheme == "http":
            found.unled = f"{shown_url(goal)}, where {shown_url(url)} leads, was not looked at"


def _take(answer: Response, url: str, found: _Seen) -> None:
    found.cookies += [
        f"{cookie.name} over http"
        for cookie in cookies(answer)
        # A session that was handed out in clear is known to whoever listened.
        if not cookie.secure or is_session_cookie(cookie.name)
    ]
    if redirect_of(answer, url) is not None or not is_page(answer):
        found.is_read = found.is_read is not False
        return
    found.is_read = found.is_read is not False and markup_of(answer)[1]
    for page in pages_of(answer, url, readings_of(answer)):
        found.is_read = found.is_read and page.is_whole
        found.plain += page.plain
        found.sensitive |= set(page.sensitive)
        found.links += page.sign_in_links


def _is_shown_over_tls(target: Target, path: str, limits: Limits, refusal: Response) -> bool:
    # A page that says "404" and shows the site all the same.
    text = "".join(markup_of(refusal)[0].split())
    if len(text) < _A_PAGE:
        return False
    try:
        answer = ask(target, path, limits)
    except PeerError:
        return False
    return answer.status in _OK and "".join(markup_of(answer)[0].split()) == text


def _ask_http2(target: Target, limits: Limits, found: _Seen) -> None:
    # Some servers serve to whoever begins with HTTP/2 what they redirect in HTTP/1.
    if "served" in found.words or found.gaps:
        return
    try:
        answer = ask_http2(target, target.path, limits)
    except PeerError:
        return
    url = target.plain_origin + target.path
    word = plain_answer(answer, url)
    if word == "served" and not 300 <= answer.status < 400:  # noqa: PLR2004  # where to, is not read
        found.words.append("served")
        found.served.append(url.partition("?")[0] + " (HTTP/2)")
        # Of its fields none is known, as a coding, so only what its body shows is told.
        found.is_read = False
        for text in readings_of(answer):
            found.sensitive |= set(read_page(text, url).sensitive)


def _post(target: Target, limits: Limits) -> str:
    answer = plain_exchange(target, target.path, limits, "POST")
    if isinstance(answer, str):
        return answer
    word = plain_answer(answer, target.plain_origin + target.path)
    if word is None and is_for_now(answer):
        raise PeerError(f"it answered {answer.status}, and may answer otherwise later")
    if word is None:
        raise PeerError("the answer could not be read to its end")
    return word


def plain_exchange(
    target: Target,
    path: str,
    limits: Limits,
    method: str = "GET",
    *,
    headers: Pairs = (),
    body: bytes = b"",
) -> Response | Literal["refused", "denied"]:
    """
    Return the answer over http, or what having none amounts to.

    Who hangs up twice without a word, or sends an alert of TLS, denies.

    Raises:
        UnreachableError: no connection, and not because the port is closed.
        SilentError: nothing came in time, so nothing is known.
        NoHTTPError: something came that is not understood.
    """
    for _ in range(2):
        try:
            return ask(
                target, path, limits, secure=False, method=method, headers=headers, body=body
            )
        except NoListenerError:
            return "refused"
        except HungUpError:
            continue
        except NoHTTPError as error:
            if error.spoken is Spoken.TLS:
                return "denied"
            if error.spoken is Spoken.HTTP_2:
                break
            if error.spoken is not Spoken.NOTHING:
                raise
    return _only_http2(target, path, limits)


def _only_http2(target: Target, path: str, limits: Limits) -> Response | Literal["denied"]:
    try:
        answer = ask_http2(target, path, limits)
    except HungUpError:
        return "denied"
    except NoHTTPError as error:
        if error.spoken is not Spoken.NOTHING:
            raise
        return "denied"
    if 300 <= answer.status < 400:  # noqa: PLR2004  # RFC 9110, 15.4
        raise PeerError("it redirects in HTTP/2, and where to is not read")
    return answer


def _plain_where(target: Target) -> str:
    host = urlsplit(target.plain_origin).hostname or target.server_name
    address = "" if host == target.address else f" at {bracketed(target.address)}"
    return f"{target.plain_origin}{address}"

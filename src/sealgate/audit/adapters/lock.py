"""Whether a locked path stays shut to a stranger, however it is spelled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sealgate.audit.adapters.beside import all_beside
from sealgate.audit.adapters.http import ask
from sealgate.audit.adapters.plain import plain_exchange
from sealgate.audit.adapters.stranger import stranger_context
from sealgate.audit.adapters.wire import CertificateDemandedError, is_about_certificate
from sealgate.audit.answers import Look, is_for_now, look_of, opens, plain_answer
from sealgate.audit.requests import NOWHERE, refused
from sealgate.audit.sightings import seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.conditions import Request
from sealgate.policy.observation import HANDSHAKE_REFUSED, Fact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealgate.audit.model import Limits, Response, Target
    from sealgate.policy.observation import FactValue, Sighting

_CONNECTIONS = 4
_SHOWN = range(200, 300)
_LED_AWAY = range(300, 400)
_ERRORS = 500  # RFC 9110, 15.6
_UNAUTHORIZED = 401  # RFC 9110, 15.5.2
_REFUSED = frozenset({_UNAUTHORIZED, 403})
# What a program behind sends with its own refusals, and no server or gateway that turns a request away.
_OF_PROGRAMS = (
    *("set-cookie", "expires", "link"),
    *("x-powered-by", "x-generator", "x-pingback", "x-redirect-by", "x-runtime"),
)
# What requests that mean a door by its conditions tell of it.
CONDITION_FACTS = (
    Fact.LOCK_STATUS_ANONYMOUS,
    Fact.LOCK_VARIANTS_OPEN,
    Fact.PLAIN_GET,
    Fact.HTTP_STATUS,
)


@dataclass(frozen=True, slots=True)
class _Unclear:
    """A spelling whose answer tells neither "shut" nor "open"."""

    status: int


def probe_lock(
    target: Target,
    plain: Sequence[Target],
    spelled: Sequence[str],
    limits: Limits,
    *,
    locked: bool,
    deeper: str | None = None,
) -> list[Sighting]:
    """
    Observe ``target.path`` and its other spellings, as nobody in particular.

    Over http each of *plain* is asked, at its own address. *locked*: TLS alone does not let
    anybody in, so each spelling has to be refused over https too; otherwise only http has to
    refuse. Spellings are sent as they stand. *deeper* is a path below that no site has: a lock
    refuses it like all else there, and a 404 shows that it does not reach below. So does one that
    refuses HEAD or POST otherwise than GET (the POST goes to *deeper*, with nothing in it).
    """
    facts = (Fact.LOCK_STATUS_ANONYMOUS, Fact.LOCK_VARIANTS_OPEN)
    seen_by = f"{len(spelled)} spellings of {target.origin}{target.path}"
    sightings: list[Sighting] = []
    try:
        if locked:
            answer = _asked(target, limits, Request(target.path))
            if answer is not None and is_for_now(answer):
                reason = f"it answered {answer.status}, and may answer otherwise later"
                return unseen(target.asset, facts, f"{target.where}: {reason}")
            status = HANDSHAKE_REFUSED if answer is None else _refusal(answer)
            sign = None if answer is None else _sign_of_a_program(answer)
            if sign is None:
                values: dict[Fact, FactValue] = {Fact.LOCK_STATUS_ANONYMOUS: status}
                sightings += seen(target.asset, values, f"GET {target.origin}{target.path}")
            else:
                reason = (
                    f"answered {status} with {sign}, as the site's own programs do, so it may have "
                    "been the site that refused"
                )
                sightings += unseen(target.asset, (Fact.LOCK_STATUS_ANONYMOUS,), reason)
            if status not in {*_REFUSED, HANDSHAKE_REFUSED}:
                reason = f"the path itself answers {status}, so no other spelling was tried"
                return sightings + unseen(target.asset, (Fact.LOCK_VARIANTS_OPEN,), reason)
            # Who gets no request through the handshake gets none through in any spelling.
            locked = status != HANDSHAKE_REFUSED
        open_ones, unclear = _tried(target, plain, spelled, limits, locked=locked)
        if locked and not open_ones:
            open_ones, more = _otherwise(target, deeper, limits)
            unclear += more
    except PeerError as error:
        known = {sighting.fact for sighting in sightings}
        left = [fact for fact in facts if fact not in known]
        return sightings + unseen(target.asset, left, f"{target.where}: {error.message}")
    if unclear and not open_ones:
        reason = (
            f"{len(unclear)} spellings were answered {unclear[0].status}, "
            "so the site behind may have been asked"
        )
        return sightings + unseen(target.asset, (Fact.LOCK_VARIANTS_OPEN,), reason)
    return sightings + seen(target.asset, {Fact.LOCK_VARIANTS_OPEN: tuple(open_ones)}, seen_by)


def probe_access(target: Target, limits: Limits) -> list[Sighting]:
    """
    Observe whether ``target.path`` is shown to anybody who asks.

    When it is not, what is asked for cannot be told from outside.
    """
    facts = (Fact.ACCESS_RUNG,)
    try:
        status = ask(target, target.path, limits).status
    except PeerError as error:
        return unseen(target.asset, facts, f"{target.where}: {error.message}")
    if status in _SHOWN:
        values: dict[Fact, FactValue] = {Fact.ACCESS_RUNG: 0}
        return seen(target.asset, values, f"GET {target.origin}{target.path}")
    reason = "from outside only the refusal shows; audit where the gateway runs"
    return unseen(target.asset, facts, reason)


def probe_conditions(
    target: Target,
    plain: Sequence[Target],
    requests: Mapping[str, Request],
    limits: Limits,
    *,
    locked: bool,
) -> list[Sighting]:
    """
    Observe whether each of *requests*, by what it is called, is refused by the gateway itself.

    *plain*, *locked*: as for :func:`probe_lock`. Where the pages of a door show by none but these, what
    http does with them and the status over https are told, too.
    """
    facts = CONDITION_FACTS
    seen_by = f"{len(requests)} requests with made-up values at {target.origin}"
    values: dict[Fact, FactValue] = {}
    open_ones: list[str] = []
    unclear: list[str] = []
    try:
        # The same request in clear may be answered otherwise at another address.
        named = [(told, door, one) for door in plain for told, one in requests.items()]
        words = all_beside(
            [partial(_plain_word, door, limits, one) for _, door, one in named], _CONNECTIONS
        )
        for (told, _, _), word in zip(named, words, strict=True):
            open_ones += [f"http: {told}"] if word == "served" else []
            unclear += [f"http: {told}"] if word is None else []
        # Links begin with GET, so that tells where people are led; no form in clear is sent on.
        led = [word for (_, _, one), word in zip(named, words, strict=True) if one.method == "GET"]
        for word in ("served", "denied", "redirect", "refused"):
            if word in (words if word == "served" else led or words) and (
                word == "served" or None not in words
            ):
                values[Fact.PLAIN_GET] = word
                break
        if locked:
            answers = all_beside(
                [partial(_asked, target, limits, one) for one in requests.values()], _CONNECTIONS
            )
            for told, answer in zip(requests, answers, strict=True):
                verdict = answer is None or refused(answer)
                open_ones += [told] if verdict is False else []
                unclear += [told] if verdict is None else []
            first = answers[0]
            values[Fact.LOCK_STATUS_ANONYMOUS] = (
                HANDSHAKE_REFUSED if first is None else _refusal(first)
            )
            if first is not None:
                values[Fact.HTTP_STATUS] = first.status
    except PeerError as error:
        return unseen(target.asset, facts, f"{target.where}: {error.message}")
    found = seen(target.asset, values, seen_by)
    if unclear and not open_ones:
        reason = f"{len(unclear)} requests were neither refused nor let in: {unclear[0]}"
        missing = [fact for fact in facts if fact not in values]
        return found + unseen(target.asset, missing, reason)
    open_names = tuple(dict.fromkeys(open_ones))
    return found + seen(target.asset, {Fact.LOCK_VARIANTS_OPEN: open_names}, seen_by)


def _plain_word(target: Target, limits: Limits, request: Request) -> str | None:
    answer = plain_exchange(
        target,
        request.target,
        limits,
        request.method,
        headers=request.headers,
        body=request.body or b"",
    )
    if isinstance(answer, str):
        return answer
    return plain_answer(answer, target.plain_origin + request.target)


def _asked(target: Target, limits: Limits, request: Request) -> Response | None:
    # None: the handshake alone keeps strangers out.
    said = partial(
        ask,
        target,
        request.target,
        limits,
        method=request.method,
        headers=request.headers,
        body=request.body or b"",
    )
    try:
        return said()
    except CertificateDemandedError:
        try:
            return said(context=stranger_context())
        except PeerError as error:
            if not is_about_certificate(error):
                raise
            return None


def _refusal(answer: Response) -> int:
    # The gateway leads browsers to its own page to sign in (303), where it tells programs 401.
    return _UNAUTHORIZED if answer.status in _LED_AWAY and refused(answer) else answer.status


def _sign_of_a_program(answer: Response) -> str | None:
    # The gateway's own refusal says so.
    if answer.status not in _REFUSED or refused(answer):
        return None
    return next((name for name in _OF_PROGRAMS if answer.header(name) is not None), None)


def _tried(
    target: Target, plain: Sequence[Target], spelled: Sequence[str], limits: Limits, *, locked: bool
) -> tuple[list[str], list[_Unclear]]:
    ways = []
    for door in plain:
        # One question first: where nothing listens, or nothing answers, no more are asked.
        anything = plain_exchange(door, NOWHERE, limits)
        if not isinstance(anything, str):
            ways.append(partial(_over_http, door, limits, look_of(anything)))
        elif anything != "refused":
            ways.append(partial(_over_http, door, limits, None))
    if locked:
        ways.append(partial(_over_tls, target, limits, look_of(ask(target, NOWHERE, limits))))
    open_ones: list[str] = []
    unclear: list[_Unclear] = []
    for way in ways:
        for result in all_beside([partial(way, one) for one in spelled], _CONNECTIONS):
            if isinstance(result, str):
                open_ones.append(result)
            elif result is not None:
                unclear.append(result)
    return list(dict.fromkeys(open_ones)), unclear


def _otherwise(
    target: Target, deeper: str | None, limits: Limits
) -> tuple[list[str], list[_Unclear]]:
    # Only a lock by path refuses whatever is asked for there, and however.
    asked = [("HEAD", target.path)]
    asked += [] if deeper is None else [("GET", deeper), ("POST", deeper)]
    open_ones: list[str] = []
    unclear: list[_Unclear] = []
    for method, path in asked:
        answer = _asked(target, limits, Request(path, method))
        if answer is None:
            continue
        if answer.status >= _ERRORS or is_for_now(answer):
            unclear.append(_Unclear(answer.status))
        elif _refusal(answer) not in _REFUSED:
            open_ones.append(path if method == "GET" else f"{method} {path}")
    return open_ones, unclear


def _over_tls(
    target: Target, limits: Limits, anywhere: Look | None, spelling: str
) -> str | _Unclear | None:
    answer = ask(target, spelling, limits)
    if answer.status in _LED_AWAY and refused(answer):
        return None
    verdict = opens(answer, target.origin + spelling, target.origin + target.path, anywhere)
    if verdict is None:
        return _Unclear(answer.status)
    return spelling if verdict else None


def _over_http(
    target: Target, limits: Limits, anywhere: Look | None, spelling: str
) -> str | _Unclear | None:
    answer = plain_exchange(target, spelling, limits)
    if isinstance(answer, str) or look_of(answer) == anywhere:
        return None
    word = plain_answer(answer, target.plain_origin + spelling)
    if word is None:
        return _Unclear(answer.status)
    return f"http: {spelling}" if word == "served" else None

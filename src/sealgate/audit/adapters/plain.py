"""
What plain HTTP does beside the TLS endpoint: nothing, a redirect, a refusal, or harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from sealgate.audit.adapters.http import ask
from sealgate.audit.adapters.wire import NoListenerError, SilentError, UnreachableError
from sealgate.audit.answers import plain_answer, redirect_of
from sealgate.audit.model import bracketed
from sealgate.audit.sightings import seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, FactValue

if TYPE_CHECKING:
    from sealgate.audit.model import Limits, Response, Target
    from sealgate.policy.observation import Sighting

_MAX_REDIRECTS = 4


def probe_plain(target: Target, limits: Limits, *, active: bool) -> list[Sighting]:
    """
    Observe GET, and with *active* POST, over http at ``target.path``.

    The POST has no body and carries no credential.
    """
    seen_by = f"GET {target.plain_origin}{target.path}"
    sightings: list[Sighting] = []
    try:
        values: dict[Fact, FactValue] = {Fact.PLAIN_GET: _get(target, limits)}
        sightings += seen(target.asset, values, seen_by)
    except PeerError as error:
        reason = f"{_plain_where(target)}: {error.message}"
        sightings += unseen(target.asset, (Fact.PLAIN_GET,), reason)
    if not active:
        reason = "a POST is only sent to a configured site, or with --active"
        return sightings + unseen(target.asset, (Fact.PLAIN_POST,), reason)
    try:
        values = {Fact.PLAIN_POST: _post(target, limits)}
        sightings += seen(target.asset, values, seen_by.replace("GET", "POST", 1))
    except PeerError as error:
        reason = f"{_plain_where(target)}: {error.message}"
        sightings += unseen(target.asset, (Fact.PLAIN_POST,), reason)
    return sightings


def _get(target: Target, limits: Limits) -> str:
    path, asked = target.path, set[str]()
    for _ in range(_MAX_REDIRECTS):
        asked.add(path)
        answer = plain_exchange(target, path, limits)
        if isinstance(answer, str):
            return answer
        onward = redirect_of(answer, target.plain_origin + path)
        if onward is None or not onward.startswith(target.plain_origin + "/"):
            return plain_answer(answer, target.plain_origin + path)
        # A redirect that stays here in clear is followed; its end counts.
        path = onward.removeprefix(target.plain_origin).partition("#")[0]
        if path in asked:
            break
    return "served"


def _post(target: Target, limits: Limits) -> str:
    answer = plain_exchange(target, target.path, limits, "POST")
    if isinstance(answer, str):
        return answer
    return plain_answer(answer, target.plain_origin + target.path)


def plain_exchange(
    target: Target, path: str, limits: Limits, method: str = "GET"
) -> Response | Literal["refused", "denied"]:
    """
    Return the answer over http, or what having none amounts to.

    Raises:
        UnreachableError: no connection, and not because the port is closed.
        SilentError: nothing came in time, so nothing is known.
    """
    try:
        return ask(target, path, limits, secure=False, method=method)
    except NoListenerError:
        return "refused"
    except (UnreachableError, SilentError):
        raise
    except PeerError:
        # Whatever listens hung up or spoke something else, as a TLS port does.
        return "denied"


def _plain_where(target: Target) -> str:
    host = urlsplit(target.plain_origin).hostname or target.server_name
    address = "" if host == target.address else f" at {bracketed(target.address)}"
    return f"{target.plain_origin}{address}"

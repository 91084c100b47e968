"""Which scripts a payment page runs: the page and each script that it names are fetched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sealgate.audit.adapters.http import ask
from sealgate.audit.answers import is_page, markup_of, redirect_of, xml_or_not
from sealgate.audit.codings import decoded
from sealgate.audit.model import HTTPS_PORT, Target
from sealgate.audit.scripts import (
    MAX_SCRIPTS,
    Script,
    ScriptPolicy,
    compare,
    nonces_of,
    read_scripts,
    says_no_store,
    script_policy,
    with_digest,
)
from sealgate.audit.sightings import seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.finding import listed
from sealgate.policy.observation import Fact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealgate.audit.model import Limits, Response
    from sealgate.policy.observation import FactValue, Sighting

PAYMENT_FACTS = (
    Fact.PAGE_STORABLE,
    Fact.SCRIPT_POLICY,
    Fact.SCRIPTS,
    Fact.SCRIPTS_UNAPPROVED,
    Fact.SCRIPTS_CHANGED,
    Fact.SCRIPTS_UNPINNED,
)
_OF_SCRIPTS = PAYMENT_FACTS[2:]
_MAX_REDIRECTS = 4
_OK = 200


class PageError(PeerError):
    """The page could not be read; the message says why."""


def fetch_scripts(
    target: Target, limits: Limits, *, belongs: Callable[[str], bool] = lambda _path: True
) -> tuple[Response, tuple[Script, ...]]:
    """
    Return the answer of the page at ``target.path``, and its scripts with their digests.

    Redirects are followed within the origin and as far as *belongs* says that the path is
    part of this place. Nothing but GET without a credential is sent, to the page's own
    host and to where its scripts come from. A script that could not be read says why.

    Raises:
        PageError: the page did not answer 200 with HTML, or could not be read to its end.
    """
    url, answer = _page(target, limits, belongs)
    markup, whole = markup_of(answer)
    where = url.partition("?")[0]
    if not whole:
        raise PageError(f"{where} could not be read to its end")
    readings = [read_scripts(markup, url, xml=xml) for xml in xml_or_not(answer)]
    scripts = tuple(dict.fromkeys(script for reading in readings for script in reading))
    if len(scripts) > MAX_SCRIPTS:
        raise PageError(f"{where} runs {len(scripts)} scripts, at most {MAX_SCRIPTS} are read")
    return answer, tuple(_filled(script, target, limits) for script in scripts)


def _page(target: Target, limits: Limits, belongs: Callable[[str], bool]) -> tuple[str, Response]:
    path = target.path
    for _ in range(_MAX_REDIRECTS + 1):
        url = target.origin + path
        where = url.partition("?")[0]
        try:
            answer = ask(target, path, limits)
        except PeerError as error:
            raise PageError(f"{target.where}: {error.message}") from error
        onward = redirect_of(answer, url)
        if onward is None:
            break
        path = onward.removeprefix(target.origin).partition("#")[0]
        inside = onward.startswith(target.origin + "/")
        if not inside or not belongs(urlsplit(onward).path or "/"):
            raise PageError(f"{where} leads to another page")
    else:
        raise PageError(f"{where} redirects again and again")
    if answer.status != _OK or not is_page(answer):
        raise PageError(f"{where} answered {answer.status}, and no page")
    return url, answer


def _filled(script: Script, page: Target, limits: Limits) -> Script:
    if script.url is None:
        return script
    parts = urlsplit(script.url)
    own = not script.foreign
    request = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    secure = parts.scheme == "https"
    try:
        host, port = parts.hostname or "", parts.port
        there = Target(
            "",
            page.server_name if own else host,
            page.address if own else host,
            page.port if own else port or HTTPS_PORT,
            port or 80,
        )
        answer = ask(there, request, limits, secure=secure)
    except (PeerError, ValueError) as error:
        reason = error.message if isinstance(error, PeerError) else "its address is none"
        return replace(script, unread=reason)
    # CSP, SRI and browsers look at what is left when the codings are off.
    content, whole = decoded(answer.body, ",".join(answer.values("content-encoding")))
    if answer.status != _OK or not (whole and answer.whole):
        reason = f"it answered {answer.status}, or did not come whole"
        return replace(script, unread=reason)
    return with_digest(script, content)


def _policy(
    answer: Response, target: Target, limits: Limits, belongs: Callable[[str], bool]
) -> ScriptPolicy:
    # A nonce is worth something where each answer has one of its own.
    nonces = nonces_of(answer)
    if nonces:
        nonces &= nonces_of(_page(target, limits, belongs)[1])
    return script_policy(answer, nonces)


def probe_scripts(
    target: Target,
    limits: Limits,
    *,
    approved: Mapping[str, frozenset[str]] | None,
    belongs: Callable[[str], bool] = lambda _path: True,
) -> list[Sighting]:
    """
    Observe the payment page at ``target.path``: whether it may be kept, and what it runs.

    *approved* are digests by the script's name; ``None``: nobody could be asked.
    """
    try:
        answer, scripts = fetch_scripts(target, limits, belongs=belongs)
    except PageError as error:
        return unseen(target.asset, PAYMENT_FACTS, error.message)
    page = f"{target.origin}{target.path}".partition("?")[0]
    values: dict[Fact, FactValue] = {
        Fact.PAGE_STORABLE: () if says_no_store(answer) else (page,),
        Fact.SCRIPTS: tuple(script.shown for script in scripts),
    }
    missing: list[Sighting] = []
    try:
        values[Fact.SCRIPT_POLICY] = _policy(answer, target, limits, belongs)
    except PageError as error:
        missing += unseen(target.asset, (Fact.SCRIPT_POLICY,), error.message)
    if approved is None:
        missing += unseen(target.asset, _OF_SCRIPTS[1:3], "no register was opened")
    else:
        result = compare(scripts, approved)
        values[Fact.SCRIPTS_UNAPPROVED] = result.unapproved
        # What was seen is judged; what was not read may have changed, unless something has.
        if result.unread and not result.changed:
            reason = f"the page runs {listed(result.unread)}"
            missing += unseen(target.asset, (Fact.SCRIPTS_CHANGED,), reason)
        else:
            values[Fact.SCRIPTS_CHANGED] = result.changed
    values[Fact.SCRIPTS_UNPINNED] = compare(scripts, {}).unpinned
    return [*seen(target.asset, values, f"GET {page}, and its scripts"), *missing]

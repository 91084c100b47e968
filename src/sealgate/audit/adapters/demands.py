"""
Whether a server insists on a client certificate, and whether it looks at the one it gets.

Some say so in the handshake, and some, nginx among them, finish it and answer each request with
an error. So a request goes out without a certificate, and one with a stranger's.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from sealgate.audit.adapters.http import SETTLE_SECONDS, NoHTTPError, ask
from sealgate.audit.adapters.reach import tls_ready
from sealgate.audit.adapters.stranger import stranger_context
from sealgate.audit.adapters.wire import (
    HungUpError,
    SilentError,
    TLSRefusedError,
    UnreachableError,
    is_about_certificate,
    observing_context,
)
from sealgate.audit.answers import look_of
from sealgate.audit.reading import Spoken
from sealgate.audit.sightings import seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, FactValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from OpenSSL import SSL

    from sealgate.audit.model import Limits, Response, Target
    from sealgate.policy.observation import Sighting

# A path that no site has: who is refused there too is refused before a path is looked at.
_NOWHERE = "/sealgate-audit-asks-for-nothing"
# The pages of nginx and what is made from it, in place of an alert (src/http/ngx_http_request.c):
# they are sent before the request is looked at, whatever it asks for.
_REFUSALS = (b"No required SSL certificate was sent", b"The SSL certificate error")
_REFUSED_STATUS = 400
_CLIENT_ERRORS = range(400, 500)


class _Treated(Enum):
    REFUSED = auto()  # before the request was looked at
    UNCLEAR = auto()  # every request alike, and not known for what
    SERVED = auto()


def probe_client_certificate(target: Target, limits: Limits, *, requested: bool) -> list[Sighting]:
    """
    Observe what *target* does without a client certificate, and with one of nobody it knows.

    *requested*: it asked for one in a handshake that has been seen.
    """
    facts = (Fact.TLS_CLIENT_CERTIFICATE,)
    if not requested:
        return _told(target, "none")
    try:
        without = _treated(target, limits, lambda: observing_context(alpn=_is_web(target)))
        if without is _Treated.SERVED:
            return _told(target, "requested")
        stranger = _treated(target, limits, lambda: stranger_context(alpn=_is_web(target)))
    except PeerError as error:
        return unseen(target.asset, facts, f"{target.where}: {error.message}")
    if stranger is _Treated.SERVED:
        return _told(target, "any")
    if without is _Treated.REFUSED and stranger is _Treated.REFUSED:
        return _told(target, "required")
    reason = (
        f"{target.where} asks for a certificate and answers every request alike without one; "
        "whether it does so for each of its pages is not seen from outside"
    )
    return unseen(target.asset, facts, reason)


def _told(target: Target, value: str) -> list[Sighting]:
    values: dict[Fact, FactValue] = {Fact.TLS_CLIENT_CERTIFICATE: value}
    seen_by = f"requests to {target.where} without a certificate, and with a stranger's"
    return seen(target.asset, values, seen_by)


def _is_web(target: Target) -> bool:
    return target.scheme == "https"


def _treated(target: Target, limits: Limits, context: Callable[[], SSL.Context]) -> _Treated:
    if _is_refused_in_handshake(target, limits, context()):
        return _Treated.REFUSED
    if not _is_web(target):
        return _Treated.SERVED
    try:
        answers = [ask(target, path, limits, context=context()) for path in ("/", _NOWHERE)]
    except PeerError as error:
        if _is_demand(error):
            return _Treated.REFUSED
        if _says_nothing(error):
            raise
        # Another alert after the handshake, or an answer that is no HTTP: it took the request.
        return _Treated.SERVED
    if all(map(_is_refusal, answers)):
        return _Treated.REFUSED
    first, second = answers
    alike = first.status in _CLIENT_ERRORS and look_of(first) == look_of(second)
    return _Treated.UNCLEAR if alike else _Treated.SERVED


def _is_refusal(answer: Response) -> bool:
    return answer.status == _REFUSED_STATUS and any(text in answer.body for text in _REFUSALS)


def _is_refused_in_handshake(target: Target, limits: Limits, context: SSL.Context) -> bool:
    # RFC 8446, 4.4.2.4: in TLS 1.3 the alert comes after the client's own handshake.
    with tls_ready(target, limits) as wire:
        try:
            wire.start_tls(context, target.server_name)
            wire.settle(SETTLE_SECONDS)
            if not _is_web(target):
                wire.send(b"NOOP\r\n")
                wire.receive(1)
        except PeerError as error:
            if isinstance(error, TLSRefusedError) and not _is_demand(error):
                raise
            return _is_demand(error)
    return False


def _is_demand(error: PeerError) -> bool:
    # RFC 5246, 7.4.6: for want of a certificate a server may send handshake_failure.
    return is_about_certificate(error) or "alert handshake failure" in error.message


def _says_nothing(error: PeerError) -> bool:
    if isinstance(error, NoHTTPError):
        return error.spoken is Spoken.NOTHING
    return isinstance(error, HungUpError | SilentError | TLSRefusedError | UnreachableError)

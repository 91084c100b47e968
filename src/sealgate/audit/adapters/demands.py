"""
Whether a server insists on a client certificate, and whether it looks at the one it gets.

Some say so in the handshake, and some, nginx among them, finish it and answer each request with
an error. Apache asks in the middle of a connection where only some of its pages demand one
(renegotiation; RFC 8446, 4.6.2). So requests go out without a certificate, and with a stranger's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING

from OpenSSL import SSL
from OpenSSL._util import lib

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
from sealgate.audit.model import Response
from sealgate.audit.reading import Spoken
from sealgate.audit.sightings import seen, unseen
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, FactValue

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.audit.model import Limits, Target
    from sealgate.policy.observation import Sighting

# A path that no site has: who is refused there too is refused before a path is looked at.
_NOWHERE = "/sealgate-audit-asks-for-nothing"
# The pages of nginx and what is made from it, in place of an alert (src/http/ngx_http_request.c):
# they are sent before the request is looked at, whatever it asks for.
_REFUSALS = (b"No required SSL certificate was sent", b"The SSL certificate error")
_REFUSED_STATUS = 400
_CLIENT_ERRORS = range(400, 500)
# No name of anybody (RFC 2606, 2).
_NOBODY = "sealgate-audit.invalid"
_SERVED = frozenset([*range(200, 400), 401])
# What OpenSSL calls the state of a client that reads a CertificateRequest.
REQUEST_STATE = b"read server certificate request"


@dataclass(frozen=True, slots=True)
class _Client:
    """
    How a client comes, and the alert that some send to it in place of one about certificates.

    GnuTLS cannot decode an empty list of certificates where it demands one, and refuses whom
    nobody vouches for as access control does (RFC 8446, 6.2). That is a demand since the two
    differ: a server that takes nobody for another reason gives that to both.
    """

    context: Callable[..., SSL.Context]
    alert: str


_WITHOUT = _Client(observing_context, "alert decode error")
_STRANGER = _Client(stranger_context, "alert access denied")


class _Treated(Enum):
    REFUSED = auto()  # before the request was looked at
    UNCLEAR = auto()  # every request alike, and not known for what
    SERVED = auto()


def probe_client_certificate(target: Target, limits: Limits, *, requested: bool) -> list[Sighting]:
    """
    Observe what *target* does without a client certificate, and with one of nobody it knows.

    *requested*: it asked for one in a handshake that has been seen. If not, it may still ask
    when it has read a request.
    """
    facts = (Fact.TLS_CLIENT_CERTIFICATE,)
    try:
        if not requested and not _asks_later(target, limits):
            return _told(target, "none")
        without = _treated(target, limits, _WITHOUT)
        if without is _Treated.SERVED:
            return _told(target, "requested")
        stranger = _treated(target, limits, _STRANGER)
    except PeerError as error:
        return unseen(target.asset, facts, f"{target.where}: {error.message}")
    if stranger is _Treated.SERVED:
        return _told(target, "any")
    if _Treated.UNCLEAR not in {without, stranger}:
        return _told(target, "named" if _is_served_unnamed(target, limits) else "required")
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


def _context(target: Target, client: _Client) -> SSL.Context:
    context = client.context(alpn=_is_web(target))
    # pyOpenSSL has no public call for this; the name is OpenSSL's own.
    lib.SSL_CTX_set_post_handshake_auth(context._context, 1)  # noqa: SLF001  # as said
    return context


def _asks_later(target: Target, limits: Limits) -> bool:
    if not _is_web(target):
        return False
    asked = False

    def watch(connection: SSL.Connection, _where: int, _result: int) -> None:
        nonlocal asked
        asked = asked or connection.get_state_string().endswith(REQUEST_STATE)

    for path in (target.path, _NOWHERE):
        context = _context(target, _WITHOUT)
        context.set_info_callback(watch)
        try:
            ask(target, path, limits, context=context)
        except PeerError:
            # What it says of other things is seen by other probes.
            continue
    return asked


def _treated(target: Target, limits: Limits, client: _Client) -> _Treated:
    refused = _in_handshake(target, limits, client)
    if refused is not None:
        return refused
    if not _is_web(target):
        return _Treated.SERVED
    answers = [_answer(target, path, limits, client) for path in ("/", _NOWHERE)]
    if None in answers:
        # Who refuses a page after the handshake need not refuse the next one.
        return _Treated.UNCLEAR if answers == [None, None] else _Treated.SERVED
    if all(isinstance(one, Response) and _is_refusal(one) for one in answers):
        return _Treated.REFUSED
    return _Treated.UNCLEAR if _are_alike(answers) else _Treated.SERVED


def _is_served_unnamed(target: Target, limits: Limits) -> bool:
    """
    Return whether requests are served whose handshake has another name than they have, or none.

    Some servers choose by the handshake whom they ask for a certificate, and by the request
    what they serve. One that gives the same to whatever name is requested serves something else.
    """
    if not _is_web(target):
        return False
    nobody = replace(target, server_name=_NOBODY)
    for name in ("", _NOBODY):
        shown = [_shown(one, name, limits) for one in (target, nobody, target)]
        if shown[0] is not None and shown[0] == shown[2] != shown[1]:
            return True
    return False


def _shown(target: Target, handshake_name: str, limits: Limits) -> tuple[int, str, bytes] | None:
    context = _context(target, _WITHOUT)
    try:
        answer = ask(target, "/", limits, context=context, handshake_name=handshake_name)
    except PeerError:
        return None
    if answer.status not in _SERVED:
        return None
    # A page of any name may show it.
    name = target.server_name
    location = (answer.header("location") or "").replace(name, "")
    return answer.status, location, answer.body.replace(name.encode(), b"")


def _answer(target: Target, path: str, limits: Limits, client: _Client) -> Response | Spoken | None:
    """Return what came for *path*, ``None`` where the connection was ended by an alert instead."""
    try:
        return ask(target, path, limits, context=_context(target, client))
    except NoHTTPError as error:
        if error.spoken is Spoken.NOTHING:
            raise
        # It took the request.
        return error.spoken
    except (HungUpError, SilentError, TLSRefusedError, UnreachableError):
        raise
    except PeerError:
        return None


def _are_alike(answers: list[Response | Spoken | None]) -> bool:
    first, second = answers
    if not (isinstance(first, Response) and isinstance(second, Response)):
        return False
    return first.status in _CLIENT_ERRORS and look_of(first) == look_of(second)


def _is_refusal(answer: Response) -> bool:
    return answer.status == _REFUSED_STATUS and any(text in answer.body for text in _REFUSALS)


def _in_handshake(target: Target, limits: Limits, client: _Client) -> _Treated | None:
    # RFC 8446, 4.4.2.4: in TLS 1.3 the alert comes after the client's own handshake. Before that
    # the server judged the certificate before its own end of it (RFC 5246, 7.3).
    with tls_ready(target, limits) as wire:
        try:
            connection = wire.start_tls(_context(target, client), target.server_name)
            if connection.get_protocol_version() >= SSL.TLS1_3_VERSION:
                wire.settle(SETTLE_SECONDS)
            if not _is_web(target):
                wire.send(b"NOOP\r\n")
                wire.receive(1)
        except PeerError as error:
            if _is_demand(error) or client.alert in error.message:
                return _Treated.REFUSED
            if isinstance(error, TLSRefusedError) or "alert" in error.message:
                raise
    return None


def _is_demand(error: PeerError) -> bool:
    # RFC 5246, 7.4.6: for want of a certificate a server may send handshake_failure.
    return is_about_certificate(error) or "alert handshake failure" in error.message

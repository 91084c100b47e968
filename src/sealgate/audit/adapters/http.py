"""
One HTTP request, sent exactly as it is spelled, and its answer as a value.

HTTP libraries tidy request targets up; a probe of a lock must not. So the request line
is written by hand. They refuse answers that browsers show; so the answer is read by
:mod:`sealgate.audit.reading`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from sealgate.audit.adapters.wire import (
    CertificateDemandedError,
    HungUpError,
    Wire,
    observing_context,
)
from sealgate.audit.http2 import AnswerFrames, request_bytes
from sealgate.audit.model import Response
from sealgate.audit.reading import AnswerReader, NotHTTPError, Spoken
from sealgate.errors import PeerError
from sealgate.policy.conditions import BODYLESS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from OpenSSL import SSL

    from sealgate.audit.model import Limits, Target
    from sealgate.policy.conditions import Pairs

# How long a peer may take to refuse a handshake that was finished on our side.
SETTLE_SECONDS = 2.0
# What may stand in a request line as it is; spaces, controls and non-ASCII may not.
_AS_IT_IS = "".join(chr(n) for n in range(0x21, 0x7F))
_READ_BYTES = 64 * 1024
# How an audit is called, and what it says to whoever refuses that: some servers serve browsers
# what they refuse to programs that they do not know.
_OWN_FIELDS = ("User-Agent: sealgate-audit", "Accept: text/html, */*;q=0.5")
_BROWSER_FIELDS = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language: en-US,en;q=0.5",
    "Upgrade-Insecure-Requests: 1",
)
_REFUSALS = range(400, 500)


class NoHTTPError(PeerError):
    """What came is no answer of HTTP/1; *spoken* is what it is."""

    def __init__(self, spoken: Spoken) -> None:
        """Keep what was spoken."""
        super().__init__(f"the answer is no HTTP, but {spoken.value}")
        self.spoken = spoken


def ask(
    target: Target,
    request_target: str,
    limits: Limits,
    *,
    secure: bool = True,
    method: str = "GET",
    headers: Pairs = (),
    body: bytes = b"",
    context: SSL.Context | None = None,
    handshake_name: str | None = None,
) -> Response:
    """
    Send one request, without a credential unless *headers* have one, and return the answer.

    *secure*: over TLS to the target's port, else in clear to its plain port. A body
    longer than the limit is cut. *context* says otherwise than usual how TLS is spoken, and
    *handshake_name* which name it has ("": none), where that is not the target's. Who refuses
    is asked again as a browser asks: what that is shown counts.

    Raises:
        CertificateDemandedError: a client certificate is demanded first.
        NoListenerError: nothing listens there.
        NoHTTPError: nothing came, or something that is no HTTP.
        PeerError: no connection, or no TLS.
    """
    host = (target.origin if secure else target.plain_origin).partition("//")[2]

    def exchanged(fields: Sequence[str]) -> Response:
        said = _request(method, request_target, host, fields, headers, body)
        if not secure:
            return _exchanged(target, said, limits, method, None)
        name = target.server_name if handshake_name is None else handshake_name
        return _exchanged(target, said, limits, method, (context or observing_context(), name))

    try:
        first = exchanged(_OWN_FIELDS)
    except HungUpError:
        return exchanged(_BROWSER_FIELDS)
    except NoHTTPError as error:
        if error.spoken is not Spoken.NOTHING:
            raise
        return exchanged(_BROWSER_FIELDS)
    if first.status not in _REFUSALS:
        return first
    try:
        second = exchanged(_BROWSER_FIELDS)
    except PeerError:
        return first
    return first if second.status in _REFUSALS else second


def _exchanged(  # what an exchange is made of
    target: Target,
    said: bytes,
    limits: Limits,
    method: str,
    tls: tuple[SSL.Context, str] | None,
) -> Response:
    port = target.plain_port if tls is None else target.port
    for patience in (0.0, SETTLE_SECONDS):
        with Wire.connect(target.address, port, limits) as wire:
            if tls is not None:
                wire.start_tls(*tls)
                if patience:
                    wire.settle(patience)
            try:
                wire.send(said)
            except PeerError:
                if tls is not None and not patience:
                    # Closed before anything was said: why, is known to who waits for it.
                    continue
                raise
            return _answer(wire, method, limits.max_body_bytes, secure=tls is not None)
    raise PeerError("the connection was closed")


def ask_http2(target: Target, request_target: str, limits: Limits) -> Response:
    """
    Return the answer to one GET in clear from a server that speaks HTTP/2 at once.

    Of its fields none is told, and of its body what fits into the first window.

    Raises:
        NoHTTPError: it does not speak HTTP/2, or its answer could not be read.
        PeerError: no connection, or nothing in time.
    """
    host = target.plain_origin.partition("//")[2]
    frames = AnswerFrames()
    with Wire.connect(target.address, target.plain_port, limits) as wire:
        wire.send(request_bytes(host, quote(request_target, safe=_AS_IT_IS)))
        try:
            while not frames.finished and (data := wire.receive(_READ_BYTES)):
                wire.send(frames.feed(data, limits.max_body_bytes))
        except PeerError:
            if not frames.speaks:
                raise
    if not frames.speaks or not frames.status:
        raise NoHTTPError(Spoken.HTTP_2 if frames.speaks else Spoken.NOTHING)
    return Response(frames.status, (), frames.body, frames.finished)


def _request(  # what a request is made of
    method: str,
    request_target: str,
    host: str,
    fields: Sequence[str],
    headers: Pairs,
    body: bytes,
) -> bytes:
    lines = [
        f"{method} {quote(request_target, safe=_AS_IT_IS)} HTTP/1.1",
        f"Host: {host}",
        *fields,
        "Accept-Encoding: identity",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers),
    ]
    if body or method not in BODYLESS:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("ascii", "replace") + body


def _answer(wire: Wire, method: str, max_bytes: int, *, secure: bool) -> Response:
    reader, broken = AnswerReader(method, max_bytes), False
    try:
        while data := wire.receive(_READ_BYTES):
            if reader.feed(data):
                break
    except CertificateDemandedError:
        raise
    except PeerError:
        if not reader.has_begun:
            raise
        # What came before it broke off was shown.
        broken = True
    try:
        response = reader.end(broken=broken)
    except NotHTTPError as error:
        raise NoHTTPError(error.spoken) from error
    if secure and reader.is_bare:
        # No browser takes an answer without a head over TLS.
        raise NoHTTPError(Spoken.ANOTHER)
    return response

"""
One HTTP request, sent exactly as it is spelled, and its answer as a value.

HTTP libraries tidy request targets up; a probe of a lock must not. So the request line
is written by hand, and only the answer is read with the standard library's parser.
"""

from __future__ import annotations

import http.client
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from sealgate.audit.adapters.wire import Wire, observing_context
from sealgate.audit.model import Response
from sealgate.errors import PeerError

if TYPE_CHECKING:
    from OpenSSL import SSL

    from sealgate.audit.model import Limits, Target

# How long a peer may take to refuse a handshake that was finished on our side.
SETTLE_SECONDS = 2.0
# What may stand in a request line as it is; spaces, controls and non-ASCII may not.
_AS_IT_IS = "".join(chr(n) for n in range(0x21, 0x7F))


def ask(
    target: Target,
    request_target: str,
    limits: Limits,
    *,
    secure: bool = True,
    method: str = "GET",
    context: SSL.Context | None = None,
) -> Response:
    """
    Send one request without a body or a credential and return the answer.

    *secure*: over TLS to the target's port, else in clear to its plain port. A body
    longer than the limit is cut. *context* says otherwise than usual how TLS is spoken.

    Raises:
        CertificateDemandedError: a client certificate is demanded first.
        NoListenerError: nothing listens there.
        PeerError: no connection, no TLS, or an answer that is no HTTP.
    """
    port = target.port if secure else target.plain_port
    host = (target.origin if secure else target.plain_origin).partition("//")[2]
    said = _request(method, request_target, host)
    for patience in (0.0, SETTLE_SECONDS):
        with Wire.connect(target.address, port, limits) as wire:
            if secure:
                wire.start_tls(context or observing_context(), target.server_name)
                if patience:
                    wire.settle(patience)
            try:
                wire.send(said)
            except PeerError:
                if secure and not patience:
                    # Closed before anything was said: why, is known to who waits for it.
                    continue
                raise
            return _answer(wire, method, limits.max_body_bytes)
    raise PeerError("the connection was closed")


def _request(method: str, request_target: str, host: str) -> bytes:
    lines = [
        f"{method} {quote(request_target, safe=_AS_IT_IS)} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: sealgate-audit",
        "Accept: text/html, */*;q=0.5",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if method == "POST":
        lines.append("Content-Length: 0")
    return "\r\n".join([*lines, "", ""]).encode("ascii", "replace")


def _answer(wire: Wire, method: str, max_bytes: int) -> Response:
    # HTTPResponse only ever asks its socket for makefile(). It is closed by hand: left to the
    # collector, it might find its reader gone, and complain.
    with closing(http.client.HTTPResponse(cast("Any", wire), method=method)) as reply:
        return _read(reply, max_bytes)


def _read(reply: http.client.HTTPResponse, max_bytes: int) -> Response:
    try:
        reply.begin()
    except (http.client.HTTPException, ValueError, OSError) as error:
        raise PeerError("the answer is no HTTP") from error
    try:
        body = reply.read(max_bytes)
        # At the end of a body that has no length of its own, one more read gives nothing.
        whole = not reply.length and (len(body) < max_bytes or not reply.read(1))
    except http.client.IncompleteRead as error:
        body, whole = error.partial, False
    except (http.client.HTTPException, ValueError, OSError) as error:
        raise PeerError("the answer broke off") from error
    headers = tuple((name.lower(), value) for name, value in reply.getheaders())
    return Response(reply.status, headers, body, whole)

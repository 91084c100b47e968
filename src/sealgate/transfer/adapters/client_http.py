"""
One GET, over plain HTTP or verified TLS, whose answer is read as it comes.

Fields and body are handed out as they are on the wire: nothing is decoded, followed or
kept. What they are worth is for the caller to verify.
"""

from __future__ import annotations

import http.client
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from sealgate.signing.model import Answer, Request
from sealgate.transfer.adapters.client_https import ClientSocket
from sealgate.transfer.adapters.client_tls import ClientContext, TLSClient
from sealgate.transfer.sending import RemoteError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.transfer.adapters.client_tls import TLSIdentity

_READ_BYTES = 256 * 1024


class Fetched:
    """
    The answer to *request*: its head, and its body while it comes.
    """

    def __init__(self, request: Request, response: http.client.HTTPResponse) -> None:
        self.request = request
        self.answer = Answer(response.status, tuple(response.getheaders()))
        self._response = response

    def body(self) -> Iterator[bytes]:
        """
        Yield the body, content codings left as they are.

        Raises:
            RemoteError: it broke off.
        """
        try:
            while chunk := self._response.read(_READ_BYTES):
                yield chunk
        except (http.client.HTTPException, ValueError) as error:
            raise RemoteError("the answer broke off") from error
        if self._response.length:
            raise RemoteError(f"the answer broke off: {self._response.length} bytes are missing")


@contextmanager
def fetched(
    request: Request, host: str, port: int, identity: TLSIdentity, *, address: str = ""
) -> Iterator[Fetched]:
    """
    Send *request* to *host*, over TLS where its scheme is https, and give the answer.

    *address* is where the connection really goes, when that is not where *host* leads.

    Raises:
        RefusedError: the certificate is not to be trusted, or not for *host*.
        RemoteError: nobody answers, or with what is no HTTP.
        UsageError: a CA file cannot be used.
    """
    client = TLSClient(address or host, port)
    try:
        if request.scheme == "https":
            client.start_tls(ClientContext(identity, alpn="http/1.1"), host)
        client.sendall(_head(request))
        # HTTPResponse only ever asks its socket for makefile().
        response = http.client.HTTPResponse(
            cast("Any", ClientSocket(client)), method=request.method
        )
        try:
            response.begin()
            # Names and values are the wire's; what breaks a line was none.
            found = Fetched(request, response)
        except (http.client.HTTPException, ValueError) as error:
            raise RemoteError("the answer is no HTTP") from error
        yield found
    finally:
        client.close()


def _head(request: Request) -> bytes:
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {request.authority}"]
    lines += [f"{name}: {value}" for name, value in request.fields]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("ascii")

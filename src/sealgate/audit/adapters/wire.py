"""
One connection with one deadline, plain or over TLS.

Every probe talks through this. TLS here verifies nobody: what the certificate is worth
is observed by :mod:`sealgate.audit.adapters.certificate` and judged by the policy, and
no probe ever sends a credential.
"""

from __future__ import annotations

import io
import ipaddress
import select
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Self, TypeVar

from OpenSSL import SSL

from sealgate.errors import PeerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.audit.model import Limits

T = TypeVar("T")
# SSL_OP_LEGACY_SERVER_CONNECT (openssl/ssl.h): also look at servers without RFC 5746.
_LEGACY_SERVER_CONNECT = 0x4


class UnreachableError(PeerError):
    """No connection: no such name, no route, or no answer in time."""


class NoListenerError(UnreachableError):
    """The host is there and says that nothing listens on the port."""


class HungUpError(PeerError):
    """The peer ended the connection without a word."""


class SilentError(PeerError):
    """The connection stands, but nothing came in time."""


class TLSRefusedError(PeerError):
    """The peer, or the protocol, ended the TLS handshake."""


class CertificateDemandedError(PeerError):
    """The peer goes no further without a client certificate, or without another one."""


class Wire:
    """One TCP connection. Every wait ends at the deadline."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        """Take *sock* over. *deadline* is on the monotonic clock, in seconds."""
        sock.setblocking(False)
        self._socket = sock
        self._tls: SSL.Connection | None = None
        self._deadline = deadline

    @classmethod
    def connect(cls, address: str, port: int, limits: Limits) -> Self:
        """
        Return a connection to *address* (a name or an IP address).

        Raises:
            NoListenerError: the port is closed.
            UnreachableError: no such name, no route, or no answer in time.
        """
        _refuse_zeros(address)
        deadline = time.monotonic() + limits.exchange_seconds
        try:
            sock = socket.create_connection((address, port), timeout=limits.connect_seconds)
        except ConnectionRefusedError as error:
            raise NoListenerError("connection refused") from error
        except TimeoutError as error:
            reason = f"no answer within {limits.connect_seconds:g} s"
            raise UnreachableError(reason) from error
        except (OSError, UnicodeError, OverflowError) as error:
            raise UnreachableError(_reason(error)) from error
        return cls(sock, deadline)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; a second call does nothing."""
        self._socket.close()

    def start_tls(self, context: SSL.Context, server_name: str) -> SSL.Connection:
        """
        Do a TLS handshake as a client and return the connection, to be looked at.

        With no *server_name*, or with an address, none is sent (RFC 6066, 3).

        Raises:
            TLSRefusedError: the handshake was ended by the peer or is impossible.
            SilentError: no answer in time.
        """
        if "\0" in server_name:
            raise TLSRefusedError("TLS handshake: the name has a zero in it")
        connection = SSL.Connection(context, self._socket)
        if server_name and not _is_address(server_name):
            connection.set_tlsext_host_name(server_name.encode("ascii", "ignore"))
        connection.set_connect_state()
        self._tls = connection
        try:
            self._wait_for(connection.do_handshake)
        except SSL.Error as error:
            raise TLSRefusedError(f"TLS handshake: {_tls_reason(error)}") from error
        return connection

    def send(self, data: bytes) -> None:
        """
        Send all of *data*.

        Raises:
            HungUpError: the peer is gone.
            SilentError: it did not read in time.
        """
        view = memoryview(data)
        while view:
            try:
                sent = self._wait_for(partial(self._sender(), bytes(view)), select.POLLOUT)
            except SSL.Error as error:
                raise PeerError(f"sending failed: {_tls_reason(error)}") from error
            except ConnectionError as error:
                raise HungUpError(_reason(error)) from error
            except OSError as error:
                raise PeerError(_reason(error)) from error
            view = view[sent:]

    def receive(self, max_bytes: int) -> bytes:
        """
        Return what comes next, at most *max_bytes*; nothing when the peer has closed.

        Raises:
            HungUpError: the connection was reset.
            SilentError: nothing came in time.
            CertificateDemandedError: the peer wants a client certificate first.
            PeerError: another TLS alert, or another fault of the connection.
        """
        try:
            if self._tls is None:
                return self._wait_for(lambda: self._socket.recv(max_bytes))
            tls = self._tls
            return self._wait_for(lambda: tls.recv(max_bytes))
        except SSL.ZeroReturnError:
            return b""
        except SSL.Error as error:
            if _is_end(error):
                # A peer that closes without close_notify (RFC 8446, 6.1): framing by
                # length still tells whether the answer was whole.
                return b""
            raise _ended_by(_tls_reason(error)) from error
        except ConnectionError as error:
            raise HungUpError(_reason(error)) from error
        except OSError as error:
            raise PeerError(_reason(error)) from error

    def settle(self, seconds: float) -> None:
        """
        Wait until the peer says something, and hear whether it takes the handshake.

        In TLS 1.3 it judges the client's certificate after the client's own handshake (RFC
        8446, 4.4.2.4); who sends at once may find the connection closed, and the reason lost.

        Raises:
            CertificateDemandedError: it wants a client certificate first.
            PeerError: it sent another alert that ends the connection.
        """
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        poller.poll(seconds * 1000)
        try:
            if self._tls is not None:
                self._tls.recv(1, socket.MSG_PEEK)
        except SSL.Error as error:
            # Anything but an alert shows again when something is sent.
            reason = _tls_reason(error)
            if "alert" in reason:
                raise _ended_by(reason) from error

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader, as :class:`http.client.HTTPResponse` asks a socket for one."""
        return io.BufferedReader(_Reader(self))

    def _sender(self) -> Callable[[bytes], int]:
        return self._socket.send if self._tls is None else self._tls.send

    def _wait_for(self, act: Callable[[], T], blocked_on: int = select.POLLIN) -> T:
        while True:
            try:
                return act()
            except BlockingIOError:
                events = blocked_on
            except SSL.WantReadError:
                events = select.POLLIN
            except SSL.WantWriteError:
                events = select.POLLOUT
            left = self._deadline - time.monotonic()
            poller = select.poll()
            poller.register(self._socket, events)
            if left <= 0 or not poller.poll(left * 1000):
                raise SilentError("no answer in time")


class _Reader(io.RawIOBase):
    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # narrower than Buffer
        data = self._wire.receive(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def addresses_of(host: str) -> tuple[str, ...]:
    """
    Return every address that *host* leads to, in the order of the system's resolver.

    Raises:
        UnreachableError: it leads nowhere.
    """
    _refuse_zeros(host)
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnreachableError(_reason(error)) from error
    return tuple(dict.fromkeys(str(item[4][0]) for item in found))


def observing_context(*, alpn: bool = True) -> SSL.Context:
    """
    Return a TLS client that speaks to anybody, old servers too, and trusts nobody.

    With *alpn* it says that it wants to speak HTTP/1.1.
    """
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    # Level 0 so that a weak server can be looked at; this is no server's setting.
    context.set_cipher_list(b"ALL:@SECLEVEL=0")
    context.set_min_proto_version(SSL.TLS1_VERSION)
    context.set_options(_LEGACY_SERVER_CONNECT)
    if alpn:
        context.set_alpn_protos([b"http/1.1"])
    context.set_verify(SSL.VERIFY_NONE)
    return context


def _refuse_zeros(name: str) -> None:
    # The system's resolver takes a name to end at a zero, so it would be another one.
    if "\0" in name:
        raise UnreachableError("the name cannot be resolved")


def is_about_certificate(error: PeerError) -> bool:
    """
    Return whether *error* says that the client's certificate, or that it has none, is refused.

    A connection that was closed without a word says nothing of the kind.
    """
    return isinstance(error, CertificateDemandedError) or _is_about_ours(error.message)


def _is_about_ours(reason: str) -> bool:
    # RFC 8446, 6.2, as OpenSSL calls them: of the client's certificate, since ours was read.
    return "alert" in reason and ("certificate" in reason or "unknown ca" in reason)


def _ended_by(reason: str) -> PeerError:
    kind = CertificateDemandedError if _is_about_ours(reason) else PeerError
    return kind(f"TLS: {reason}")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_end(error: SSL.Error) -> bool:
    return "eof" in str(error).lower()


def _tls_reason(error: SSL.Error) -> str:
    if error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1]) or "failed"
    if isinstance(error, SSL.SysCallError):
        return "the connection was closed"
    return "failed"


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return "the connection failed"

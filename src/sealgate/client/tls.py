"""
A TLS client that verifies whom it speaks to, and tells what was negotiated.

On pyOpenSSL, because the module ``ssl`` cannot name the group of a key exchange before
Python 3.15, and a class may demand a post-quantum one.
"""

from __future__ import annotations

import contextlib
import ipaddress
import select
import socket
import ssl
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from cryptography import x509
from OpenSSL import SSL

from sealgate.client.destination import unreached_hint
from sealgate.client.sending import ChannelRefusedError, RemoteError
from sealgate.errors import UsageError
from sealgate.policy.names import covered
from sealgate.protocols.ftps.transit import FTPS
from sealgate.protocols.model import Channel, Method

if TYPE_CHECKING:
    from collections.abc import Callable

    from OpenSSL import crypto

T = TypeVar("T")

CONNECT_SECONDS = 10.0
# How long one read or write may stall.
IDLE_SECONDS = 60.0
_CHUNK_BYTES = 256 * 1024
_TLS_1_2 = {
    f"ECDHE-{key}-{ours}": f"TLS_ECDHE_{key}_WITH_{iana}"
    for key in ("ECDSA", "RSA")
    for ours, iana in (
        ("AES256-GCM-SHA384", "AES_256_GCM_SHA384"),
        ("CHACHA20-POLY1305", "CHACHA20_POLY1305_SHA256"),
        ("AES128-GCM-SHA256", "AES_128_GCM_SHA256"),
    )
}
_REQUEST_STATE = b"read server certificate request"
# X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED (x509_vfy.h).
_DATES = frozenset([9, 10])


@dataclass(frozen=True, slots=True)
class TLSIdentity:
    """
    Whom a client trusts besides the system's authorities, and what it shows of itself.

    All are paths of PEM files; *certificate* is "" when it shows none.
    """

    ca_files: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""


class TLSClient:
    """One connection, in clear until :meth:`start_tls`."""

    def __init__(self, address: str, port: int) -> None:
        """
        Connect.

        Raises:
            RemoteError: nobody answers there.
        """
        self._tls: SSL.Connection | None = None
        self._asked_for_certificate = False
        self._shown = False
        self.idle_seconds = IDLE_SECONDS
        try:
            self._socket = socket.create_connection((address, port), timeout=CONNECT_SECONDS)
        except (OSError, UnicodeError) as error:
            raise RemoteError(
                f'"{address}" port {port}: {_reason(error)}', hint=unreached_hint(address, port)
            ) from error
        self._socket.setblocking(False)
        self.peer = str(self._socket.getpeername()[0])

    def start_tls(
        self, context: ClientContext, server_name: str, session: SSL.Session | None = None
    ) -> None:
        """
        Do the handshake, and verify the certificate for *server_name*.

        Raises:
            ChannelRefusedError: the certificate is not to be trusted, or not for that name.
            RemoteError: the other side broke off.
        """
        connection = SSL.Connection(context.ssl, self._socket)
        connection.set_app_data(self)
        if not _is_address(server_name):
            connection.set_tlsext_host_name(server_name.encode("ascii"))
        if session is not None:
            connection.set_session(session)
        connection.set_connect_state()
        self._tls = connection
        self._shown = context.shows_certificate
        context.failure = None
        try:
            self._wait_for(connection.do_handshake)
        except SSL.Error as error:
            if context.failure is not None:
                raise context.failure from error
            reason = _tls_reason(error)
            raise RemoteError(f'"{server_name}": the TLS handshake failed: {reason}') from error
        except OSError as error:
            reason = _reason(error)
            raise RemoteError(f'"{server_name}": the TLS handshake failed: {reason}') from error
        self._check_name(connection, server_name)

    @property
    def session(self) -> SSL.Session | None:
        """Return the session, for a second connection to resume."""
        return self._tls.get_session() if self._tls is not None else None

    @property
    def channel(self) -> Channel:
        """Return what was negotiated, in IANA's names."""
        if self._tls is None:
            return Channel(FTPS, self.peer, "", "", "")
        cipher = self._tls.get_cipher_name() or ""
        return Channel(
            # The ladder knows one kind of TLS channel, whatever is spoken over it.
            protocol=FTPS,
            peer=self.peer,
            version=self._tls.get_protocol_version_name(),
            group=self._tls.get_group_name() or "",
            cipher=_TLS_1_2.get(cipher, cipher),
        )

    @property
    def methods(self) -> frozenset[Method]:
        """Return whether we proved who we are by a certificate that was asked for."""
        proven = self._shown and self._asked_for_certificate
        return frozenset([Method.CLIENT_CERTIFICATE]) if proven else frozenset()

    def note_certificate_request(self) -> None:
        """Remember that the server asked for a certificate."""
        self._asked_for_certificate = True

    def sendall(self, data: bytes | bytearray | memoryview) -> None:
        """
        Send all of *data*.

        Raises:
            RemoteError: the other side is gone, or reads nothing.
        """
        view = memoryview(data)
        while view:
            piece = view[:_CHUNK_BYTES]
            sender = self._socket.send if self._tls is None else self._tls.send
            sent = self._moved(partial(sender, piece), select.POLLOUT)
            view = view[sent:]

    def recv(self, max_bytes: int) -> bytes:
        """
        Return what comes next; nothing once the other side has closed properly.

        Raises:
            RemoteError: it broke off instead (over TLS: without close_notify).
        """
        receive = self._socket.recv if self._tls is None else self._tls.recv
        try:
            return self._moved(partial(receive, max_bytes), select.POLLIN)
        except SSL.ZeroReturnError:
            return b""

    def finish(self) -> None:
        """
        Tell the other side that this was all (close_notify), and await its own end.

        Raises:
            RemoteError: it is gone.
        """
        try:
            if self._tls is not None:
                self._moved(self._tls.shutdown, select.POLLOUT)
            self._moved(partial(self._socket.shutdown, socket.SHUT_WR), select.POLLOUT)
            # Closing with something unread would reset what is still on its way.
            with contextlib.suppress(RemoteError):
                while self.recv(_CHUNK_BYTES):
                    pass
        finally:
            self.close()

    def close(self) -> None:
        """Close at once. Never raises."""
        self._socket.close()

    def _moved(self, act: Callable[[], T], blocked_on: int) -> T:
        try:
            return self._wait_for(act, blocked_on)
        except SSL.ZeroReturnError:
            raise
        except SSL.Error as error:
            raise RemoteError(f"the connection broke off: {_tls_reason(error)}") from error
        except OSError as error:
            raise RemoteError(f"the connection broke off: {_reason(error)}") from error

    def _wait_for(self, act: Callable[[], T], blocked_on: int = select.POLLIN) -> T:
        ends = time.monotonic() + self.idle_seconds
        while True:
            try:
                return act()
            except BlockingIOError:
                events = blocked_on
            except SSL.WantReadError:
                events = select.POLLIN
            except SSL.WantWriteError:
                events = select.POLLOUT
            poller = select.poll()
            poller.register(self._socket, events)
            left = ends - time.monotonic()
            if left <= 0 or not poller.poll(left * 1000):
                raise RemoteError("the other side has gone silent")

    def _check_name(self, connection: SSL.Connection, server_name: str) -> None:
        certificate = connection.get_peer_certificate()
        leaf = certificate.to_cryptography() if certificate is not None else None
        if leaf is None or not _is_for(leaf, server_name):
            message = f'the certificate is not for "{server_name}"'
            raise ChannelRefusedError("transit-wrong-name", message)


class ClientContext:
    """
    What TLS connections of one client have in common.

    *failure* is why the last certificate was refused, for the messages.
    """

    def __init__(self, identity: TLSIdentity, *, alpn: str = "") -> None:
        """
        Load the authorities and the client's certificate.

        Raises:
            UsageError: a file cannot be used.
        """
        self.failure: ChannelRefusedError | None = None
        self.shows_certificate = bool(identity.certificate)
        self.ssl = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self.ssl.set_min_proto_version(SSL.TLS1_2_VERSION)
        self.ssl.set_cipher_list(":".join(_TLS_1_2).encode())
        if alpn:
            self.ssl.set_alpn_protos([alpn.encode()])
        paths = ssl.get_default_verify_paths()
        if paths.cafile or paths.capath:
            self.ssl.load_verify_locations(paths.cafile, paths.capath)
        for path in identity.ca_files:
            _used(path, "CA file", partial(self.ssl.load_verify_locations, path))
        if identity.certificate:
            use = partial(self.ssl.use_certificate_chain_file, identity.certificate)
            _used(identity.certificate, "certificate", use)
            key = identity.key or identity.certificate
            _used(key, "key", partial(self.ssl.use_privatekey_file, key))
            _used(key, "key of the certificate", self.ssl.check_privatekey)
        self.ssl.set_verify(SSL.VERIFY_PEER, self._verified)
        self.ssl.set_info_callback(_watch)

    def _verified(
        self,
        _connection: SSL.Connection,
        _certificate: crypto.X509,
        error: int,
        depth: int,
        ok: int,
    ) -> bool:
        if ok:
            return True
        if error in _DATES and depth == 0:
            message = "the certificate of the server is out of its dates"
            self.failure = ChannelRefusedError("transit-expired-certificate", message)
        elif self.failure is None:
            self.failure = ChannelRefusedError(
                "transit-untrusted-chain",
                "the certificate of the server comes from an authority that is not trusted",
                hint="--ca FILE, when it is an authority of your own",
            )
        return False


def _watch(connection: SSL.Connection, _where: int, _result: int) -> None:
    client = connection.get_app_data()
    if isinstance(client, TLSClient) and connection.get_state_string().endswith(_REQUEST_STATE):
        client.note_certificate_request()


def _is_for(leaf: x509.Certificate, server_name: str) -> bool:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return False
    addresses = names.get_values_for_type(x509.IPAddress)
    hosts = [a for a in addresses if not hasattr(a, "netmask")]
    return covered(server_name, names.get_values_for_type(x509.DNSName), hosts)


def _used(path: str, what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except (SSL.Error, OSError) as error:
        message = f'{what} "{path}" cannot be used: it is no readable PEM file of that kind'
        raise UsageError(message, hint="--ca FILE, --cert FILE and --key FILE take PEM") from error


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _tls_reason(error: SSL.Error) -> str:
    if error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][0][-1]) or "failed"
    return "the connection was closed"


def _reason(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    return "the connection failed"

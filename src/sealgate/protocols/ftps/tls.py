"""
TLS as FTPS needs it, over pyOpenSSL: one context, and a connection that never blocks.

Some private names of pyOpenSSL are used, because it has no public ones for what they do:
``SSL_CTX_set1_curves_list`` (the hybrid group first), ``SSL_CTX_set_session_id_context`` on
a living context (a session of one control connection resumes only there),
``SSL_session_reused`` (RFC 4217, 10.4), ``SSL_read`` into a given buffer (no copy), and
``SSL_set_fd``, ``BIO_new_mem_buf``, ``BIO_set_mem_eof_return`` and ``SSL_set_bio`` to read
from a socket or from a buffer of ours after a handshake in memory.
Private calls are all in this file; its tests fail when one of them changes.

A data connection shakes hands and receives in memory, and is written to over the socket.
OpenSSL sends a session ticket behind each handshake of TLS 1.3, and the bindings have no
switch for it. A client that only sends (lftp) closes without having read it; its kernel then
resets the connection and throws away whatever is still on its way, so that uploads of some
hundred KiB were cut off every second time. In memory the ticket is kept back until there is
something else to send, or the upload is over. Over a socket OpenSSL asks the kernel twice for
each record of 16 KiB; in memory all that has come is taken at once, and opened where the
kernel put it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import socket
import time
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL

from sealgate.errors import ConfigError
from sealgate.protocols.ftps.transit import FTPS
from sealgate.protocols.model import Channel

if TYPE_CHECKING:
    from sealgate.storage.model import Buffer

_LIB: Any = SSL._lib  # type: ignore[attr-defined]  # noqa: SLF001  # see above
_FFI: Any = SSL._ffi  # type: ignore[attr-defined]  # noqa: SLF001
_LOG = logging.getLogger("sealgate.transfer.ftps")

HYBRID_GROUPS = ("X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024")
_CLASSICAL_GROUPS = ("X25519", "P-256", "P-384")
_TLS_1_3_SUITES = "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256"
# OpenSSL's name and IANA's: all suites of TLS 1.2 that are forward secret and AEAD (RFC 9325).
TLS_1_2_SUITES = {
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305": "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-RSA-CHACHA20-POLY1305": "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
}
_GROUP_NAMES = {"prime256v1": "secp256r1", "P-256": "secp256r1", "P-384": "secp384r1"}
# A data connection resumes as long as its control connection lives; RFC 8446, 4.6.1 allows
# a week.
_SESSION_SECONDS = 6 * 86_400
_TOKEN_BYTES = 16
_RECORD_BYTES = 16_384
# A hello with hybrid key shares takes some 2 KiB.
_HELLO_BYTES = 16_384
_MOST_PENDING_BYTES = 65_536


class TLSBrokenError(Exception):
    """The other side broke TLS off, or never spoke it; what was not finished is void."""


class TLSClosedError(Exception):
    """The other side said close_notify: all that it sent has arrived."""


class TLSNeed(Enum):
    """What a step waits for."""

    NOTHING = auto()
    READABLE = auto()
    WRITABLE = auto()


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """Where certificate chain, key and the CA of clients lie, and whether hybrid is a must."""

    chain: str
    key: str
    client_ca: str | None = None
    hybrid_required: bool = False


class ReceiveBuffer:
    """Memory that a loop reads into, again and again; only ever used by the loop's thread."""

    def __init__(self, size: int) -> None:
        """Take *size* bytes and room for two more records."""
        self.size = size
        self._bytes = bytearray(size + 2 * _RECORD_BYTES)
        self.view = memoryview(self._bytes)
        self.pointer = _FFI.from_buffer("char[]", self._bytes)


def server_context(files: TLSFiles) -> SSL.Context:
    """
    Return a context: TLS 1.2 and 1.3, forward secret AEAD, hybrid first, no renegotiation.

    A client's certificate is asked for and taken as it is: that it holds the key is proven
    by TLS, whose it is decides the authenticator by its fingerprint.

    Raises:
        ConfigError: a file cannot be read, or key and certificate do not belong together.
    """
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(
        SSL.TLS1_3_VERSION if files.hybrid_required else SSL.TLS1_2_VERSION
    )
    context.set_options(
        SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE
    )
    context.set_cipher_list(":".join(TLS_1_2_SUITES).encode())
    context.set_tls13_ciphersuites(_TLS_1_3_SUITES.encode())
    # Tickets carry sessions; the cache is for clients that take none under TLS 1.2 (curl).
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER)
    context.set_timeout(_SESSION_SECONDS)
    # One call writes all of a buffer: the records of a sealed block go out without Python.
    context.clear_mode(_LIB.SSL_MODE_ENABLE_PARTIAL_WRITE)
    groups = HYBRID_GROUPS if files.hybrid_required else (*HYBRID_GROUPS, *_CLASSICAL_GROUPS)
    _set_groups(context, groups)
    try:
        context.use_certificate_chain_file(files.chain)
        context.use_privatekey_file(files.key)
        context.check_privatekey()
        if files.client_ca is not None:
            context.load_client_ca(os.fsencode(files.client_ca))
            context.set_verify(SSL.VERIFY_PEER, lambda *_: True)
    except SSL.Error as error:
        raise ConfigError(
            f"'{files.chain}' with key '{files.key}' cannot be used for FTPS: {reason(error)}",
            hint="give a certificate chain and its own key, both PEM",
        ) from error
    return context


def _set_groups(context: SSL.Context, groups: tuple[str, ...]) -> None:
    # An OpenSSL that lacks the rarer hybrids gets the one that all clients speak.
    for wanted in (groups, tuple(name for name in groups if name not in HYBRID_GROUPS[1:])):
        if _LIB.SSL_CTX_set1_curves_list(_context(context), ":".join(wanted).encode()) == 1:
            return
        _LIB.ERR_clear_error()
    raise ConfigError(
        "this OpenSSL has no group 'X25519MLKEM768', which FTPS offers first",
        hint="install a cryptography wheel that brings OpenSSL 3.5 or later",
    )


def _context(context: SSL.Context) -> Any:
    return context._context  # noqa: SLF001


class Contexts:
    """The context in force: built again when a file changed, the old one kept if it cannot be."""

    def __init__(self, files: TLSFiles) -> None:
        """Build the first; ConfigError when that fails."""
        self._files = files
        self._seen = self._look()
        self._context = server_context(files)

    def current(self) -> SSL.Context:
        """Return the context for a new control connection."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = server_context(self._files)
                _LOG.info("took the changed certificate '%s' over", self._files.chain)
            except ConfigError as error:
                _LOG.warning("kept the old certificate: %s", error.message)
        return self._context

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(
            _stamp(name)
            for name in (self._files.chain, self._files.key, self._files.client_ca)
            if name is not None
        )


def _stamp(name: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(name)  # noqa: PTH116  # a name, asked for at every connection
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


class TLSConnection:
    """
    The server's end of TLS over a socket that does not block.

    With *resumed_from* it is the data connection of that control connection: only a session
    of that very connection resumes, everything else is a full handshake, seen by *resumed*.
    """

    def __init__(
        self,
        context: SSL.Context,
        connection: socket.socket | None,
        *,
        resumed_from: TLSConnection | None = None,
    ) -> None:
        """Wait for the client's hello on *connection*, or without one in memory."""
        self.context = context
        # OpenSSL copies the id context when a connection is made; a session carries it.
        self.token: bytes = (
            secrets.token_bytes(_TOKEN_BYTES) if resumed_from is None else resumed_from.token
        )
        _LIB.SSL_CTX_set_session_id_context(_context(context), self.token, _TOKEN_BYTES)
        self._connection = SSL.Connection(context, connection)
        self._connection.set_accept_state()
        self._ssl: Any = self._connection._ssl  # noqa: SLF001
        self.established = False

    def handshake(self) -> TLSNeed:
        """
        Go on with the handshake; NOTHING when it is done.

        Raises:
            TLSBrokenError: it cannot be done.
        """
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return TLSNeed.READABLE
        except SSL.WantWriteError:
            return TLSNeed.WRITABLE
        except (SSL.Error, OSError) as error:
            raise TLSBrokenError(reason(error)) from error
        self.established = True
        return TLSNeed.NOTHING

    def use_socket(self, connection: socket.socket) -> None:
        """Go on over *connection*, after a handshake in memory."""
        if _LIB.SSL_set_fd(self._ssl, connection.fileno()) != 1:
            raise TLSBrokenError("TLS failed")

    def feed(self, wire: ReceiveBuffer, count: int) -> None:
        """
        Read the first *count* bytes of *wire* next; all that was there before has been read.

        They are read where they are: *wire* must stay as it is until there is no record left.
        """
        source = _LIB.BIO_new_mem_buf(wire.pointer, count)
        # Its end is not the end of the connection.
        _LIB.BIO_set_mem_eof_return(source, -1)
        _LIB.SSL_set_bio(self._ssl, source, self._connection._from_ssl)  # noqa: SLF001
        # The one that pyOpenSSL made is gone.
        self._connection._into_ssl = None  # noqa: SLF001

    def open_records(self, plain: ReceiveBuffer) -> tuple[int, bool | None]:
        """
        Open all records that were fed to *plain*, which has room for as much.

        Return their size, and ``True`` behind close_notify, ``False`` behind what is none of
        the session's, ``None`` when more may come.
        """
        ssl, read, filled = self._ssl, _LIB.SSL_read, 0
        begin, room = plain.pointer, plain.size + 2 * _RECORD_BYTES
        while (count := read(ssl, begin + filled, room - filled)) > 0:
            filled += count
        error = _LIB.SSL_get_error(ssl, count)
        if error == _LIB.SSL_ERROR_WANT_READ:
            return filled, None
        _LIB.ERR_clear_error()
        return filled, bool(error == _LIB.SSL_ERROR_ZERO_RETURN)

    @property
    def resumed(self) -> bool:
        """Return whether the session is one of the control connection."""
        return bool(_LIB.SSL_session_reused(self._ssl))

    def read_into(self, buffer: ReceiveBuffer, start: int) -> int:
        """
        Read one record to *start* of *buffer*; 0 when none is there yet.

        Raises:
            TLSClosedError: close_notify came.
            TLSBrokenError: the connection ended without it.
        """
        room = buffer.size + _RECORD_BYTES - start
        count = int(_LIB.SSL_read(self._ssl, buffer.pointer + start, room))
        if count > 0:
            return count
        try:
            self._connection._raise_ssl_error(self._ssl, count)  # noqa: SLF001
        except (SSL.WantReadError, SSL.WantWriteError):
            return 0
        except SSL.ZeroReturnError as error:
            raise TLSClosedError from error
        except (SSL.Error, OSError) as error:
            raise TLSBrokenError(reason(error)) from error
        return 0

    def write(self, data: Buffer) -> bool:
        """
        Send all of *data*; False when the same must be given again later.

        Raises:
            TLSBrokenError: nobody is there any more.
        """
        try:
            self._connection.send(data)
        except (SSL.WantWriteError, SSL.WantReadError):
            return False
        except (SSL.Error, OSError) as error:
            raise TLSBrokenError(reason(error)) from error
        return True

    def say_goodbye(self) -> bool:
        """Send close_notify if it still can be sent. Never raises; tell whether it was."""
        try:
            self._connection.shutdown()
        except (SSL.Error, OSError):
            return False
        return True

    def version_and_group(self) -> tuple[str, str]:
        """Return what was negotiated of these, as :meth:`measured` does."""
        group = self._connection.get_group_name() or ""
        return self._connection.get_protocol_version_name(), _GROUP_NAMES.get(group, group)

    def measured(self, peer: str) -> Channel:
        """Return what was negotiated, in IANA's names."""
        cipher = self._connection.get_cipher_name() or ""
        version, group = self.version_and_group()
        return Channel(
            protocol=FTPS,
            peer=peer,
            version=version,
            group=group,
            cipher=TLS_1_2_SUITES.get(cipher, cipher),
            began_at=time.time(),
        )

    def client_fingerprint(self) -> str:
        """Return the SHA-256 of the client's certificate (hex of the DER), "" without one."""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None:
            return ""
        return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


class DataTLSConnection(TLSConnection):
    """
    The server's end of a data connection, which resumes the session of *resumed_from*.

    Behind the handshake it either receives or is written to.
    """

    def __init__(self, connection: socket.socket, resumed_from: TLSConnection) -> None:
        """Wait for the client's hello on *connection*."""
        super().__init__(resumed_from.context, None, resumed_from=resumed_from)
        self._socket = connection
        # What was made and not sent yet; once established, this is the ticket.
        self._made = bytearray()
        self._is_over_socket = False
        self._has_early = True

    def handshake(self) -> TLSNeed:
        """
        Go on with the handshake; NOTHING when it is done.

        Raises:
            TLSBrokenError: it cannot be done.
        """
        while True:
            try:
                self._connection.do_handshake()
                self.established = True
            except SSL.WantReadError:
                pass
            except (SSL.Error, OSError) as error:
                self._take_made()
                self._send_made()  # the alert
                raise TLSBrokenError(reason(error)) from error
            self._take_made()
            if self.established:
                if self._connection.get_protocol_version_name() != "TLSv1.3":
                    # There it is no ticket, but what the client awaits to be established.
                    self._send_made()
                return TLSNeed.NOTHING
            if not self._send_made():
                return TLSNeed.WRITABLE
            try:
                heard = self._socket.recv(_HELLO_BYTES)
            except BlockingIOError:
                return TLSNeed.READABLE
            except OSError as error:
                raise TLSBrokenError(reason(error)) from error
            if not heard:
                raise TLSBrokenError(reason(EOFError()))
            self._connection.bio_write(heard)

    def receive(self, wire: ReceiveBuffer, plain: ReceiveBuffer) -> tuple[int, bool | None]:
        """
        Open what has come, up to the size of *wire*, to the beginning of *plain*.

        Return how much that is, and whether it was the last: ``True`` behind close_notify,
        ``False`` when the connection ended without, ``None`` when it goes on. What *wire*
        held is used up.
        """
        if self._has_early:
            # What came with the end of the handshake.
            self._has_early = False
            count, whole = self.open_records(plain)
            if count or whole is not None:
                return count, whole
        try:
            count = self._socket.recv_into(wire.view, wire.size)
        except BlockingIOError:
            return 0, None
        except OSError:
            count = 0
        if not count:
            return 0, False
        self.feed(wire, count)
        return self.open_records(plain)

    def write(self, data: Buffer) -> bool:
        """
        Send all of *data*, the ticket before it; False when the same must be given again.

        Raises:
            TLSBrokenError: nobody is there any more.
        """
        if not self._send_made():
            return False
        if not self._is_over_socket:
            self.use_socket(self._socket)
            self._is_over_socket = True
        return super().write(data)

    def say_goodbye(self) -> bool:
        """Send ticket and close_notify if it still can be. Never raises; tell whether it was."""
        if self._is_over_socket:
            return super().say_goodbye()
        try:
            said = super().say_goodbye()
            self._take_made()
            return self._send_made() and said
        except TLSBrokenError:
            return False

    def _take_made(self) -> None:
        try:
            while True:
                self._made += self._connection.bio_read(_MOST_PENDING_BYTES)
        except SSL.WantReadError:
            return

    def _send_made(self) -> bool:
        """Return whether all that was made is on its way."""
        while self._made:
            try:
                del self._made[: self._socket.send(self._made)]
            except BlockingIOError:
                return False
            except OSError as error:
                raise TLSBrokenError(reason(error)) from error
        return True


# What OpenSSL says of a client that is too old, and what that client lacks. Of Mozilla's list for
# old clients ("intermediate", 5.7) only DHE is not taken (RFC 9325, 4.2, names none of it; whoever
# speaks TLS 1.2 with AES-GCM has ECDHE, too), so there is nothing that a drop could allow.
_LACKS = {
    "no shared cipher": "it has no ECDHE suite of TLS 1.2 with AES-GCM or ChaCha20-Poly1305",
    "unsupported protocol": "it speaks no TLS 1.2",
    "version too low": "it speaks no TLS 1.2",
    "no suitable key share": "it has no key exchange that is taken here",
    "no shared group": "it has no key exchange that is taken here",
}
_NO_SETTING = "no setting lets it in, so update the client, or let it use SFTP"


def reason(error: Exception) -> str:
    """Return OpenSSL's reason in words, or that the line went dead."""
    if isinstance(error, SSL.Error) and error.args and isinstance(error.args[0], list):
        reasons = [entry[-1] for entry in error.args[0] if entry and entry[-1]]
        last = reasons[-1] if reasons else "TLS failed"
        lacks = next((lack for said, lack in _LACKS.items() if said in last), None)
        return f"{last}: {lacks}; {_NO_SETTING}" if lacks else last
    return "the connection ended without close_notify"

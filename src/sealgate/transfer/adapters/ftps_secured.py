"""How a control connection gets from nothing to TLS: a balancer's header, AUTH, handshake."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

from sealgate.transfer.adapters.ftps_loop import LOG
from sealgate.transfer.adapters.ftps_tls import Need, TLSBrokenError, TLSConnection
from sealgate.transfer.adapters.proxy_protocol import ProxyHeaderError, read_header

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable

    from sealgate.transfer.adapters.ftps import FTPSServer
    from sealgate.transfer.adapters.ftps_control import ControlConnection
    from sealgate.transfer.model import Channel

BANNER = "220 Sealgate: FTP over TLS only (AUTH TLS)"
# More than the longest header that is taken.
_HEADER_BYTES = 2304
_LOOK_AGAIN_SECONDS = 0.05


class Secured:
    """The steps before the first command that counts."""

    server: FTPSServer
    socket: socket.socket
    peer: str
    tls: TLSConnection | None
    reply: Callable[[str], None]
    close: Callable[[], None]
    listen_for: Callable[..., None]
    call_later: Callable[..., object]
    secured: Callable[[Channel, str], None]
    read_sealed: Callable[[TLSConnection], None]
    _implicit: bool
    _awaiting_proxy: bool
    _lines: deque[bytes]
    _input: bytearray
    _output: Any

    def _read_proxy_header(self) -> None:
        # Only the header is taken out of the kernel: what follows it belongs to TLS.
        try:
            seen = self.socket.recv(_HEADER_BYTES, socket.MSG_PEEK)
            header = read_header(seen)
            if header is None and seen:
                # Half of it is there, and stays there: looked at again, but not all the time.
                self.listen_for(reading=False, writing=False)
                self.call_later(_LOOK_AGAIN_SECONDS, self.listen_for, reading=True, writing=False)
                return
            if header is None or header.peer is None:
                self.close()
                return
            self.socket.recv(header.size)
        except BlockingIOError:
            return
        except (OSError, ProxyHeaderError):
            self.close()
            return
        self._awaiting_proxy = False
        self.peer = header.peer[0]
        if not self.server.admits(cast("ControlConnection", self)):
            return
        self._greet()

    def _greet(self) -> None:
        if self._implicit:
            self.secure()
        else:
            self.reply(BANNER)

    def do_auth(self, argument: str) -> None:
        """Turn to TLS (RFC 4217, 4); what was sent behind the command in the clear is a trick."""
        if self.tls is not None:
            self.reply("503 TLS is there already")
        elif argument.upper() not in {"TLS", "TLS-C", "SSL", "TLS-P"}:
            self.reply("504 AUTH TLS is what there is")
        elif self._lines or self._input:
            # CVE-2011-1575 and its kind: never carried over into TLS, never answered.
            LOG.warning("%s sent commands in the clear behind AUTH TLS: hung up", self.peer)
            self.close()
        else:
            self.reply("234 now TLS")
            if self._output:
                self.close()
            else:
                self.secure()

    def secure(self) -> None:
        """Wait for the client's hello."""
        self.tls = TLSConnection(self.server.contexts.current(), self.socket)
        self.listen_for(reading=True, writing=False)

    def _shake(self) -> None:
        if self.tls is None:
            return
        try:
            need = self.tls.handshake()
        except TLSBrokenError as error:
            LOG.info("%s: TLS failed: %s", self.peer, error)
            self.close()
            return
        if need is not Need.NOTHING:
            self.listen_for(reading=need is Need.READABLE, writing=need is Need.WRITABLE)
            return
        self.secured(self.tls.measured(self.peer), self.tls.client_fingerprint())
        if self._implicit:
            self.reply(BANNER)
        self.read_sealed(self.tls)

"""
The control channel: from the bytes of one socket to lines, and from replies to bytes.

No word of FTP counts before TLS (RFC 4217, 4): a balancer's header, AUTH and the handshake
come first. CR LF ends a line and nothing else does (RFC 959, 5.3; RFC 2640, 3.1). What the
lines ask for is judged elsewhere.
"""

from __future__ import annotations

import re
import socket
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from sealgate.protocols.admission.proxy_protocol import ProxyHeaderError, read_header
from sealgate.protocols.ftps.loop import LOG, EventSocket
from sealgate.protocols.ftps.tls import (
    Contexts,
    ReceiveBuffer,
    TLSBrokenError,
    TLSClosedError,
    TLSConnection,
    TLSNeed,
)
from sealgate.protocols.lines import sentence

if TYPE_CHECKING:
    from sealgate.protocols.model import Channel

BANNER = "220 Sealgate: FTP over TLS only (AUTH TLS)"
MAX_LINE_BYTES = 8192
_MAX_QUEUED = 64
_MAX_UNREAD_REPLIES = 64
_PLAIN_READ_BYTES = 4096
# More than the longest header that is taken.
_HEADER_BYTES = 2304
_LOOK_AGAIN_SECONDS = 0.05
# Telnet's "interrupt process" and "data mark" (RFC 854), which some clients put before ABOR.
# Anywhere else IAC is no UTF-8, and refused as that.
_TELNET = re.compile(rb"^(?:\xff[\xf1-\xf9])+")
_END = b"\r\n"


def plain_address(address: str) -> str:
    """Return *address* without the prefix that an IPv6 socket gives IPv4 peers."""
    return address.removeprefix("::ffff:") if "." in address else address


class Interpreter(Protocol):
    """What the lines of a channel are for."""

    def admits(self) -> bool:
        """Return whether the client behind a proxy may come in."""

    def drain(self) -> None:
        """Do what the lines ask for, then :meth:`ControlChannel.listen`."""

    def closed(self) -> None:
        """Let go of everything: the channel is over."""


class ControlChannel:
    """
    One client's socket, its TLS, the lines that came and the replies that are not sent yet.

    *measured* is what TLS negotiated, *fingerprint* that of the client's certificate, once
    there is TLS.
    """

    def __init__(
        self,
        sock: socket.socket,
        loop: Any,
        contexts: Contexts,
        buffer: ReceiveBuffer,
        interpreter: Interpreter,
        *,
        implicit: bool,
    ) -> None:
        """Wait on *sock*; with *implicit* TLS comes before anything else."""
        self._wire = EventSocket(sock, loop, self)
        self._contexts = contexts
        self._buffer = buffer
        self._interpreter = interpreter
        self._implicit = implicit
        self._awaiting_proxy = False
        self.socket = sock
        self.peer = self._neighbour = plain_address(sock.getpeername()[0])
        self.tls: TLSConnection | None = None
        self.measured: Channel | None = None
        self.fingerprint = ""
        self.lines: deque[bytes] = deque()
        self.is_ending = False
        self._input = bytearray()
        self._output: deque[bytes] = deque()

    def begin(self, *, behind_proxy: bool) -> None:
        """Greet the client, *behind_proxy* when its address is known."""
        self._awaiting_proxy = behind_proxy
        if not behind_proxy:
            self._greet()

    @property
    def is_closed(self) -> bool:
        """Return whether it is over."""
        return self._wire.is_closed

    def takes_data_from(self, address: str) -> bool:
        """Return whether *address* is the client's, or that of the balancer before it."""
        return address in {self.peer, self._neighbour}

    # --- from nothing to TLS

    def _read_proxy_header(self) -> None:
        # Only the header is taken out of the kernel: what follows it belongs to TLS.
        try:
            seen = self.socket.recv(_HEADER_BYTES, socket.MSG_PEEK)
            header = read_header(seen)
            if header is None and seen:
                # Half of it is there, and stays there: looked at again, but not all the time.
                wire = self._wire
                wire.listen_for(reading=False, writing=False)
                wire.call_later(_LOOK_AGAIN_SECONDS, wire.listen_for, reading=True, writing=False)
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
        if self._interpreter.admits():
            self._greet()

    def _greet(self) -> None:
        if self._implicit:
            self._await_hello()
        else:
            self.reply(BANNER)

    def auth(self, argument: str) -> None:
        """Turn to TLS (RFC 4217, 4); what was sent behind the command in the clear is a trick."""
        if self.tls is not None:
            self.reply("503 TLS is there already")
        elif argument.upper() not in {"TLS", "TLS-C", "SSL", "TLS-P"}:
            self.reply("504 AUTH TLS is what there is")
        elif self.lines or self._input:
            # CVE-2011-1575 and its kind: never carried over into TLS, never answered.
            LOG.warning("%s sent commands in the clear behind AUTH TLS: hung up", self.peer)
            self.close()
        else:
            self.reply("234 now TLS")
            if self._output:
                self.close()
            else:
                self._await_hello()

    def _await_hello(self) -> None:
        self.tls = TLSConnection(self._contexts.current(), self.socket)
        self._wire.listen_for(reading=True, writing=False)

    def _shake(self, tls: TLSConnection) -> None:
        try:
            need = tls.handshake()
        except TLSBrokenError as error:
            LOG.info("%s: TLS failed: %s", self.peer, error)
            self.close()
            return
        if need is not TLSNeed.NOTHING:
            self._wire.listen_for(
                reading=need is TLSNeed.READABLE, writing=need is TLSNeed.WRITABLE
            )
            return
        self.measured = tls.measured(self.peer)
        self.fingerprint = tls.client_fingerprint()
        if self._implicit:
            self.reply(BANNER)
        self._read_sealed(tls)

    # --- lines in

    def on_readable(self) -> None:
        """Read what is there: a proxy's header, a handshake, or commands."""
        if self._awaiting_proxy:
            self._read_proxy_header()
        elif self.tls is None:
            self._read_plain()
        elif not self.tls.established:
            self._shake(self.tls)
        else:
            self._read_sealed(self.tls)

    def _read_plain(self) -> None:
        try:
            data = self.socket.recv(_PLAIN_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._take(data)

    def _read_sealed(self, tls: TLSConnection) -> None:
        """Read one record of commands; the loop tells of the next, for OpenSSL takes no more."""
        try:
            count = tls.read_into(self._buffer, 0)
        except (TLSClosedError, TLSBrokenError):
            self.close()
            return
        if count:
            self._take(bytes(self._buffer.view[:count]))

    def _take(self, data: bytes) -> None:
        self._input += data
        *lines, rest = bytes(self._input).split(_END)
        self._input = bytearray(rest)
        for line in lines:
            command = _TELNET.sub(b"", line)
            if len(line) > MAX_LINE_BYTES:
                self.end("500 the line is too long")
                return
            if command[:4].upper() == b"ABOR":
                self.lines.appendleft(command)
            else:
                self.lines.append(command)
        if len(rest) > MAX_LINE_BYTES:
            self.end("500 the line is too long")
            return
        if b"\n" in rest:
            # A client that never sends CR would wait for an answer for ever.
            self.end("500 a command ends with CR LF (RFC 959, 5.3)")
            return
        self._interpreter.drain()

    def listen(self) -> None:
        """Wait for more lines, as long as those that came and the replies are not too many."""
        if self.tls is None or self.tls.established:
            wants_lines = (
                not self.is_ending
                and len(self.lines) < _MAX_QUEUED
                and len(self._output) < _MAX_UNREAD_REPLIES
            )
            self._wire.listen_for(reading=wants_lines, writing=bool(self._output))

    # --- replies out

    def reply(self, *lines: str) -> None:
        """Send *lines*; the first and the last begin with their code."""
        if self.is_closed:
            return
        text = "\r\n".join(sentence(line) for line in lines)
        self._output.append(text.encode("utf-8", "replace") + b"\r\n")
        self._flush()

    def on_writable(self) -> None:
        """Go on with the handshake or the replies."""
        if self.tls is not None and not self.tls.established:
            self._shake(self.tls)
        else:
            self._flush()

    def _flush(self) -> None:
        while self._output and not self.is_closed:
            try:
                if not self._send(self._output[0]):
                    break
            except (TLSBrokenError, OSError):
                self.close()
                return
            self._output.popleft()
        if self.is_ending and not self._output:
            self.close()
        elif self.lines:
            self._interpreter.drain()
        else:
            self.listen()

    def _send(self, data: bytes) -> bool:
        if self.tls is not None:
            return self.tls.write(data)
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            return False
        self._output[0] = data[sent:]
        return sent == len(data)

    # --- the end

    def end(self, reply: str) -> None:
        """Say *reply* and close, when what must be said before has been said."""
        if self.is_ending or self.is_closed:
            return
        self.is_ending = True
        if self.tls is not None and not self.tls.established:
            self.close()
            return
        self.reply(reply)
        if not self._output:
            self.close()

    def on_hangup(self) -> None:
        """Close, too."""
        self.close()

    def close(self) -> None:
        """Hang up."""
        if self.is_closed:
            return
        if self.tls is not None and self.tls.established:
            self.tls.say_goodbye()
        self._wire.close()
        self.lines.clear()
        self._interpreter.closed()

"""Leads a connection to where the TLS handshake begins, and talks FTP on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.audit.adapters.wire import HungUpError, Wire
from sealgate.audit.ftp import Reply, parse_reply
from sealgate.audit.model import Opening
from sealgate.errors import PeerError

if TYPE_CHECKING:
    from sealgate.audit.model import Limits, Target

READY = 220
AUTH_TLS_TAKEN = 234


class Control:
    """The control connection of FTP over *wire*: one command, one reply."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._buffer = b""

    def reply(self) -> Reply:
        """
        Return the next reply.

        Raises:
            PeerError: the peer hung up, said nothing in time, or spoke something else.
        """
        while (found := parse_reply(self._buffer)) is None:
            chunk = self._wire.receive(65536)
            if not chunk:
                raise HungUpError("the server closed the connection")
            self._buffer += chunk
        reply, self._buffer = found
        return reply

    def greeting(self) -> Reply:
        """
        Return the greeting.

        Raises:
            PeerError: the server is not ready, or as in :meth:`reply`.
        """
        reply = self.reply()
        if reply.code != READY:
            raise PeerError(f"the greeting is {reply.code}, not 220")
        return reply

    def ask(self, command: str) -> Reply:
        """
        Send *command* and return the reply to it.

        Raises:
            PeerError: as in :meth:`reply`.
        """
        self._wire.send(command.encode("ascii") + b"\r\n")
        return self.reply()


def tls_ready(target: Target, limits: Limits) -> Wire:
    """
    Return a connection to *target* on which a TLS hello may be sent at once.

    Raises:
        UnreachableError: no connection.
        PeerError: the server did not let TLS begin.
    """
    wire = Wire.connect(target.address, target.port, limits)
    if target.opening is Opening.DIRECT:
        return wire
    try:
        _start(Control(wire))
    except HungUpError as error:
        wire.close()
        # Whoever hangs up here has refused nothing of what a hello would have offered.
        raise PeerError("the server closed the connection before TLS could begin") from error
    except BaseException:
        wire.close()
        raise
    return wire


def _start(control: Control) -> None:
    control.greeting()
    reply = control.ask("AUTH TLS")
    if reply.code != AUTH_TLS_TAKEN:
        raise PeerError(f"AUTH TLS is answered {reply.code}")

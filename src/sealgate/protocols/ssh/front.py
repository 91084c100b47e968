"""
What stands between a socket and SSH: limits, the balancer's header, and the first word.

A connection that is one too many, or comes from an address that has failed too often, is
told so in a line before the protocol begins (RFC 4253, 4.2 lets a server speak first) and
costs no key exchange.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import Counter
from typing import TYPE_CHECKING, cast

from sealgate.identity.throttle import prefix
from sealgate.protocols.admission.crowding import displaced
from sealgate.protocols.admission.proxy_protocol import ProxyHeaderError, read_header
from sealgate.protocols.model import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.protocols.model import Authenticator
    from sealgate.protocols.ssh.connection import Connection
    from sealgate.protocols.ssh.settings import SSHSettings

_BY_APPLICATION = 11  # RFC 4253, 11.1
_READ_BYTES = 256 * 1024
# A balancer sends its header at once; who does not within this time is no balancer.
_PROXY_SECONDS = 5.0
# Where every connection of the process reads into: what is not used up is copied at once.
_ARRIVED = memoryview(bytearray(_READ_BYTES))


class ConnectionLimiter:
    """
    Who is here now, and who may still come in.

    *waiting* are connections that have not signed in, with where they come from. An address
    is counted as the throttle counts it, so that an IPv6 network is one.
    """

    def __init__(self, settings: SSHSettings, authenticator: Authenticator) -> None:
        """Begin with nobody."""
        self._settings = settings
        self._authenticator = authenticator
        self._proxies = tuple(ipaddress.ip_network(one) for one in settings.trusted_proxies)
        self._addresses: Counter[str] = Counter()
        self.fronts: set[Front] = set()
        self.waiting: dict[Front, str] = {}
        self.closing = False

    def is_proxy(self, address: str) -> bool:
        """Return whether connections from *address* begin with a PROXY header."""
        if not self._proxies:
            return False
        try:
            found = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        return any(found in network for network in self._proxies)

    def enter(self, peer: str, front: Front) -> str:
        """Let *front*, which comes from *peer*, in and return "", or return why not."""
        place = prefix(peer)
        if self.closing:
            return "the server is going down"
        if self._addresses.total() >= self._settings.max_connections:
            return "too many connections"
        if self._addresses[place] >= self._settings.max_connections_per_address:
            return "too many connections from your address"
        try:
            self._authenticator.greet(peer)
        except TransferError as error:
            return error.message
        if len(self.waiting) >= self._settings.max_unauthenticated:
            gone = displaced(self.waiting, place)
            if gone is None:
                return "too many connections that have not signed in"
            del self.waiting[gone]
            gone.abort()
        self._addresses[place] += 1
        self.waiting[front] = place
        return ""

    def leave(self, peer: str) -> None:
        """Count one connection of *peer* less."""
        place = prefix(peer)
        self._addresses[place] -= 1
        if self._addresses[place] <= 0:
            del self._addresses[place]


class Front(asyncio.BufferedProtocol):
    """One connection, from the first byte on."""

    def __init__(
        self, limiter: ConnectionLimiter, begin: Callable[[str, Callable[[], None]], Connection]
    ) -> None:
        """Wait for a transport; *begin* makes the SSH connection of a peer."""
        self._limiter = limiter
        self._begin = begin
        self._transport: asyncio.Transport | None = None
        self._peer = ""
        self._header: bytes | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.connection: Connection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Look where it comes from."""
        self._transport = cast("asyncio.Transport", transport)
        self._limiter.fronts.add(self)
        name = transport.get_extra_info("peername")
        address = str(name[0]) if isinstance(name, tuple) and name else ""
        if self._limiter.is_proxy(address):
            self._header = b""
            self._timer = asyncio.get_running_loop().call_later(_PROXY_SECONDS, self._hang_up)
        else:
            self._welcome(_plain(address))

    def _welcome(self, peer: str) -> None:
        """Begin SSH, or say why not and hang up."""
        if self._transport is None:
            return
        why = self._limiter.enter(peer, self)
        if why:
            line = "".join(c if c.isprintable() else "?" for c in why)[:200]
            self._transport.write(f"Not allowed at this time: {line}\r\n".encode())
            self._transport.close()
            return
        self._peer = peer
        self.connection = self._begin(peer, self.signed_in)
        self.connection.transport.connection_made(self._transport)

    def signed_in(self) -> None:
        """Make room for others who have not."""
        self._limiter.waiting.pop(self, None)

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def is_busy(self) -> bool:
        """Return whether something is under way that should not be cut."""
        return self.connection is not None and self.connection.is_busy()

    def hang_up(self, why: str) -> None:
        """End the connection and say why."""
        if self.connection is not None:
            self.connection.transport.disconnect(_BY_APPLICATION, why)
        else:
            self.abort()

    def abort(self) -> None:
        """End the connection without a word."""
        self._hang_up()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002  # asyncio's signature
        """Return where the next bytes go."""
        return _ARRIVED

    def buffer_updated(self, nbytes: int) -> None:
        """Pass on what came."""
        data = _ARRIVED[:nbytes]
        if self._header is None:
            if self.connection is not None:
                self.connection.transport.receive(data)
            return
        self._header += data
        try:
            found = read_header(self._header)
        except ProxyHeaderError:
            self._hang_up()
            return
        if found is None:
            return
        rest, self._header = self._header[found.size :], None
        if self._timer is not None:
            self._timer.cancel()
        if found.peer is None:
            self._hang_up()  # the balancer itself asks only whether the port is open
            return
        self._welcome(found.peer[0])
        if self.connection is not None and rest:
            self.connection.transport.receive(memoryview(rest))

    def eof_received(self) -> bool:
        """Take the end of the other side's bytes as the end."""
        if self.connection is not None:
            self.connection.transport.eof_received()
        return False

    def pause_writing(self) -> None:
        """Tell the connection that the client does not read."""
        if self.connection is not None:
            self.connection.transport.pause_writing()

    def resume_writing(self) -> None:
        """Tell the connection that the client reads again."""
        if self.connection is not None:
            self.connection.transport.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up."""
        self._limiter.fronts.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self.signed_in()
        if self._peer:
            self._limiter.leave(self._peer)
            self._peer = ""
        if self.connection is not None:
            self.connection.transport.connection_lost(exc)
        self._transport = None


def _plain(address: str) -> str:
    """Return *address* without zone, and an IPv4 address that is mapped into IPv6 as IPv4."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(getattr(found, "ipv4_mapped", None) or found)

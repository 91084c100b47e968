"""
asyncssh from within: a connection that takes the short way, and hands decisions on.

asyncssh does the protocol: versions, key exchange, sign-in, channels, rekeying. What takes
time afterwards is the packets of file data. asyncssh copies the rest of its input twice for
each, makes a cipher anew for each, and sends an empty packet beside each that only CBC ever
needed (RFC 4251, 9.3.1). Here the bytes of channels take a short way, everything else goes to
asyncssh as before: a packet opened here is handed to it as if it had opened it itself.

Only methods of subclasses; nothing of asyncssh is changed (ADR 0012). No other module uses a
private name of asyncssh, and tests/unit names those that are used here: a new asyncssh is
looked at in this file, and pyproject.toml lets none in before.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Any, Protocol, cast

import asyncssh
from asyncssh.constants import MSG_IGNORE, MSG_USERAUTH_FAILURE
from asyncssh.logging import SSHLogger

from sealgate.policy.algorithms import OLDER_CIPHERS, OLDER_KEX
from sealgate.protocols.model import Channel, FileProtocol, Method
from sealgate.protocols.ssh.cipher import GCM, LENGTH_BYTES, TAG_BYTES, OpenedPacket
from sealgate.protocols.ssh.settings import CIPHERS, SSHSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from asyncssh.auth import KbdIntChallenge, KbdIntResponse
    from asyncssh.packet import SSHPacket

    from sealgate.storage.model import Buffer

LOG = logging.getLogger("sealgate.transfer.sftp")
_CHANNEL_DATA = 94  # RFC 4254, 5.2
_BLOCK = 16
_LEAST_PADDING = 4  # RFC 4253, 6
# What comes in while asyncssh still thinks about a packet; more, and the socket waits.
_MAX_WAITING_BYTES = 512 * 1024
# What may wait for a client that does not read; more, and nothing is read from it either.
# Sessions stop answering long before; this is for requests outside of them.
_MAX_UNREAD_BYTES = 2 * 1024 * 1024
_SEQUENCE = 0xFFFFFFFF
# Padding lies under the AEAD: it must be there, and tells nobody anything.
_PADDING = os.urandom(_BLOCK * 2)


class QuietLogger(SSHLogger):
    """
    A log for asyncssh's connections that keeps nothing.

    What asyncssh would tell (names, paths, sizes of packets) is not kept in any case: what is to
    be known stands in the trail. But it makes the words first and then finds out that nobody
    wants them, some sixty times for each session.
    """

    def get_child(self, child: str = "", context: str = "") -> SSHLogger:  # noqa: ARG002
        """Return itself: a channel is as quiet as its connection."""
        return self

    def log(self, level: int, msg: object, *args: object, **kwargs: object) -> None:
        """Keep nothing."""

    def debug1(self, msg: str, *args: object, **kwargs: object) -> None:
        """Keep nothing."""

    def debug2(self, msg: str, *args: object, **kwargs: object) -> None:
        """Keep nothing."""

    def packet(
        self, pktid: int | None, packet: bytes, msg: str, *args: object, **kw: object
    ) -> None:
        """Keep nothing."""


QUIET = QuietLogger()


def quick(cipher: Any) -> Any:
    """Return *cipher* of asyncssh as :class:`GCM` when it is one, else unchanged."""
    if type(cipher).__name__ != "GCMEncryption":
        return cipher
    inner = cipher._cipher  # noqa: SLF001  # key and counter stand nowhere else
    return GCM(inner._key, inner._iv)  # noqa: SLF001


class SignInSteps(Protocol):
    """Who the caller is: what they prove, one thing after the other (RFC 4252)."""

    def takes(self, method: Method) -> bool:
        """Return whether *method* may still be proven."""

    def begin(self, name: str) -> None:
        """Forget what somebody else has proven: the name is *name* now."""

    async def check_key(self, name: str, blob: bytes, message: bytes, signature: bytes) -> bool:
        """Return whether the key is known, and once there is a signature, whether it is right."""

    async def check_password(self, name: str, password: str) -> bool:
        """Return whether the password is right."""

    def question(self) -> str:
        """Return what is asked for when a code is."""

    async def check_code(self, name: str, typed: str) -> bool:
        """Return whether *typed* is a code that counts, or says that there shall be none."""

    def is_enough(self) -> bool:
        """
        Return whether what is proven is enough; what is missing, the client has been told.

        Raises:
            asyncssh.PermissionDenied: it never will be.
        """

    def may_try_again(self) -> bool:
        """Count a failure; return whether there may be another one."""


class TransportUser(Protocol):
    """What a connection is for: its caller, and what they open over it."""

    @property
    def sign_in(self) -> SignInSteps:
        """Return who decides about the caller."""

    def open_session(self) -> Any:
        """Return a channel for files and what speaks over it."""

    def open_tunnel(self, host: str, port: int) -> Awaitable[Any]:
        """Return a tunnel to *host*:*port*."""

    def go_on(self) -> None:
        """Answers can be sent again."""

    def ended(self) -> None:
        """Let go of everything."""


class DataChannel(asyncssh.SSHServerChannel[bytes]):
    """A session channel whose data take the short way."""

    _conn: Transport
    _send_buf: list[tuple[Any, int | None]]

    def take(self, data: memoryview) -> None:
        """Give *data* to the session, or keep it while the session has paused reading."""
        if self._recv_state != "open":
            raise asyncssh.ProtocolError("Channel not open for sending")
        size = len(data)
        if size > self._recv_window:
            raise asyncssh.ProtocolError("Window exceeded")
        if not size or self._send_state in {"close_pending", "closed"}:
            return
        self._recv_window -= size
        if self._recv_paused:
            self._recv_buf.append((data, None))  # type: ignore[arg-type]  # a view is as good
        else:
            self._deliver_data(data, None)  # type: ignore[arg-type]

    def put(self, *pieces: Buffer) -> None:
        """Send *pieces*, one after the other; they must not change afterwards."""
        if self._send_state != "open":
            return  # the client has hung up; it is told by connection_lost
        for piece in pieces:
            if len(piece):
                self._send_buf.append((piece, None))
                self._send_buf_len += len(piece)
        self._flush_send_buf()

    def go_on(self) -> None:
        """Send what a key exchange held up."""
        if self._conn and self._send_state != "closed":
            self._flush_send_buf()

    def _flush_send_buf(self) -> None:
        """Send what window and keys allow."""
        conn = self._conn
        while self._send_buf and self._send_window and conn.may_send_data():
            room = min(self._send_window, self._send_pktsize)
            data, kind = self._next_data(room)
            size = len(data)
            self._send_buf_len -= size
            self._send_window -= size
            chan = (self._send_chan or 0).to_bytes(4, "big")
            length = size.to_bytes(4, "big")
            if kind is None:
                conn.send_data(b"\x5e" + chan + length, data)
            else:
                conn.send_data(b"\x5f" + chan + kind.to_bytes(4, "big") + length, data)
        if self._send_buf:
            self._pause_resume_writing()
        else:
            super()._flush_send_buf()  # says the end or closes, when that was asked for

    def _next_data(self, room: int) -> tuple[Buffer, int | None]:
        """Take up to *room* bytes of one kind off what waits."""
        first, kind = self._send_buf[0]
        if len(first) >= room:
            view = memoryview(first)
            if len(first) > room:
                self._send_buf[0] = view[room:], kind
            else:
                del self._send_buf[0]
            return view[:room], kind
        taken, size = [], 0
        while self._send_buf and self._send_buf[0][1] == kind and size < room:
            piece = self._send_buf[0][0]
            part = room - size
            if len(piece) > part:
                view = memoryview(piece)
                self._send_buf[0] = view[part:], kind
                piece = view[:part]
            else:
                del self._send_buf[0]
            taken.append(piece)
            size += len(piece)
        return (taken[0] if len(taken) == 1 else b"".join(taken)), kind


class Transport(asyncssh.SSHServerConnection):
    """A server connection from *peer* whose settled state takes the short way."""

    # asyncssh's own state is untyped on purpose here: these names are its, not ours.
    _recv_encryption: Any
    _send_encryption: Any
    _inpbuf: bytes
    _packet: bytes
    _pktlen: int
    _recv_seq: int
    _recv_handler: Any
    _logger: SSHLogger

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: asyncssh.SSHServerConnectionOptions,
        settings: SSHSettings,
        peer: str,
        user: TransportUser,
    ) -> None:
        """Wait for the socket; *user* is asked for every decision."""
        self.user = user
        self.settings = settings
        self.peer = peer
        self._congested = False
        self._group = ""
        self._facts: tuple[str, ...] = ()
        self._began_at = time.time()
        super().__init__(loop, options)
        self._logger = QUIET

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin, under the address behind any balancer."""
        super().connection_made(transport)
        self._peer_addr = self._peer_host = self.peer
        high = self.settings.write_buffer_bytes
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=high, low=high // 4)

    # Receiving.

    def receive(self, data: memoryview) -> None:
        """Take what came from the socket; *data* is not kept."""
        self._reset_keepalive_timer()
        try:
            if self._settled():
                if self._inpbuf:
                    data = self._complete(data)
                if len(data) and not self._inpbuf:
                    data = data[self._take_packets(data) :]
            if len(data):
                self._inpbuf += data
                self._feed()
        except asyncssh.DisconnectError as error:
            self._send_disconnect(error.code, error.reason, error.lang)
            self._force_close(error)
        except Exception:  # noqa: BLE001  # as asyncssh: a fault ends this connection only
            self.internal_error()
        transport = self._transport
        if (
            transport is not None
            and not transport.is_closing()
            and (
                len(self._inpbuf) > _MAX_WAITING_BYTES
                or transport.get_write_buffer_size() > _MAX_UNREAD_BYTES
            )
        ):
            transport.pause_reading()

    def _complete(self, data: memoryview) -> memoryview:
        """Handle the packet that began with what waits; return what of *data* is left."""
        held = self._inpbuf
        more = max(0, _BLOCK - len(held))
        held += data[:more]
        data = data[more:]
        size = self._packet_size(held) if len(held) >= _BLOCK else 0
        missing = size - len(held)
        self._inpbuf = held
        if not size or missing > len(data):
            self._inpbuf += data
            return data[len(data) :]
        self._inpbuf = b""
        packet = memoryview(held + data[: max(0, missing)])
        used = self._take_packets(packet)
        self._inpbuf += packet[used:]
        return data[max(0, missing) :]

    def _packet_size(self, data: Buffer) -> int:
        """Return how long the packet is that *data* begin with."""
        length = int.from_bytes(data[:LENGTH_BYTES], "big")
        if length > self._max_recv_pktlen or length < _BLOCK or length % _BLOCK:
            raise asyncssh.ProtocolError("Packet of a bad size")
        return LENGTH_BYTES + length + TAG_BYTES

    def _feed(self) -> None:
        """Have asyncssh's own loop go over what waits."""
        while self._inpbuf and self._recv_handler():
            pass

    def _settled(self) -> bool:
        """Return whether the next packet may take the short way."""
        if not self._auth_complete or self._decompressor:
            return False
        if self._recv_handler != self._recv_pkthdr:
            return False  # asyncssh awaits something
        if type(self._recv_encryption) is not GCM:
            self._recv_encryption = quick(self._recv_encryption)
        return type(self._recv_encryption) is GCM

    def _recv_pkthdr(self) -> bool:
        """Read from what waits: whole packets at once where that can be done."""
        if not self._settled():
            return super()._recv_pkthdr()
        waiting = self._inpbuf
        self._inpbuf = b""
        used = self._take_packets(memoryview(waiting))
        # What asyncssh put there meanwhile cannot be: it is given one packet at a time.
        self._inpbuf = waiting[used:]
        return used > 0

    def _take_packets(self, data: memoryview) -> int:
        """Handle every whole packet in *data*; return how many bytes they took."""
        at, end = 0, len(data)
        while end - at >= _BLOCK + LENGTH_BYTES:
            size = self._packet_size(data[at : at + LENGTH_BYTES])
            length = size - LENGTH_BYTES - TAG_BYTES
            if end - at < size:
                break
            plain = self._recv_encryption.open(data[at : at + size])
            at += size
            self._rekey_bytes_sent += length  # both directions count (RFC 4344, 3.2)
            if not self._take_data(plain):
                self._take_other(plain, length)
                if not self._transport or not self._settled():
                    break
        return at

    def _take_data(self, plain: bytes) -> bool:
        """Give file data to its channel; ``False`` when the packet is anything else."""
        if plain[1] != _CHANNEL_DATA:
            return False
        chan = self._channels.get(int.from_bytes(plain[2:6], "big"))
        if not isinstance(chan, DataChannel):
            return False
        payload = len(plain) - plain[0]
        if int.from_bytes(plain[6:10], "big") != payload - 10:
            return False  # asyncssh says what is wrong with it
        chan.take(memoryview(plain)[10:payload])
        self._auth_final = True
        self._recv_seq = (self._recv_seq + 1) & _SEQUENCE
        return True

    def _take_other(self, plain: bytes, length: int) -> None:
        """Have asyncssh handle a packet that is open already."""
        cipher, stand_in = self._recv_encryption, OpenedPacket(plain)
        self._pktlen = length
        self._packet = b"\0"  # "in the middle of a packet"
        self._inpbuf = bytes(LENGTH_BYTES + length + TAG_BYTES - self._recv_blocksize)
        self._recv_encryption = stand_in
        try:
            self._recv_packet()
        finally:
            if self._recv_encryption is stand_in:
                self._recv_encryption = cipher

    def _finish_recv_packet(self, *arguments: Any, **named: Any) -> None:
        super()._finish_recv_packet(*arguments, **named)
        if named.get("is_async"):
            self.read_on()

    def read_on(self) -> None:
        """Read from the socket again, unless too much waits on either side."""
        transport = self._transport
        if (
            transport is not None
            and not transport.is_closing()
            and len(self._inpbuf) <= _MAX_WAITING_BYTES
            and transport.get_write_buffer_size() <= _MAX_UNREAD_BYTES
        ):
            transport.resume_reading()

    # Sending.

    def may_send_data(self) -> bool:
        """Return whether channel data can be sealed now: no key exchange is under way."""
        return bool(self._kex_complete and self._auth_complete and self._transport)

    def send_data(self, header: bytes, data: Buffer) -> None:
        """Seal and send one packet of *header* (type, channel, length) and *data*."""
        cipher = self._send_encryption
        if type(cipher) is not GCM:
            cipher = self._send_encryption = quick(cipher)
        if type(cipher) is not GCM or self._rekey_is_due():
            self.send_packet(header[0], header[1:] + bytes(data))
            return
        payload = len(header) + len(data)
        padding = -(1 + payload) % _BLOCK
        if padding < _LEAST_PADDING:
            padding += _BLOCK
        length = 1 + payload + padding
        plain = b"".join((padding.to_bytes(1, "big"), header, data, _PADDING[:padding]))
        out = bytearray(LENGTH_BYTES + length + TAG_BYTES)
        out[:LENGTH_BYTES] = length.to_bytes(LENGTH_BYTES, "big")
        cipher.seal_into(plain, out)
        self._transport.write(out)  # type: ignore[union-attr]  # may_send_data was asked
        self._send_seq = (self._send_seq + 1) & _SEQUENCE
        self._rekey_bytes_sent += length

    def _rekey_is_due(self) -> bool:
        return bool(
            self._rekey_bytes_sent >= self._rekey_bytes
            or (self._rekey_seconds and time.monotonic() >= self._rekey_time)
        )

    def log_sent_packet(self, *_: object) -> None:
        """Keep no log."""

    def log_received_packet(self, *_: object) -> None:
        """Keep no log."""

    def send_packet(self, pkttype: int, *args: bytes, handler: Any = None) -> None:
        """Send a packet of asyncssh's; no empty one goes beside it, an AEAD needs none."""
        if pkttype == MSG_IGNORE and args == (b"\0\0\0\0",):
            return
        super().send_packet(pkttype, *args, handler=handler)

    def _send_deferred_packets(self) -> None:
        super()._send_deferred_packets()
        if self._kex_complete and self._auth_complete:
            self.keys_agreed()

    def keys_agreed(self) -> None:
        """A key exchange is over: channels go on."""
        for chan in list(self._channels.values()):
            if isinstance(chan, DataChannel):
                chan.go_on()
        if not self._congested:
            self.resume_writing()

    # Back-pressure.

    def pause_writing(self) -> None:
        """Stop answering: the client does not read."""
        self._congested = True

    def resume_writing(self) -> None:
        """Go on answering."""
        self._congested = False
        self.read_on()
        self.user.go_on()

    def may_answer(self) -> bool:
        """Return whether an answer would leave soon; none is made before."""
        return not self._congested and self.may_send_data()

    # Channels.

    @property
    def sessions(self) -> list[object]:
        """Return what speaks over each channel, ``None`` over one that is just opened or closed."""
        return [getattr(chan, "_session", None) for chan in list(self._channels.values())]

    @property
    def data_channels(self) -> int:
        """Return how many of the channels are for files."""
        return sum(1 for one in self._channels.values() if isinstance(one, DataChannel))

    def new_data_channel(self) -> DataChannel:
        """Return a channel for files."""
        window, packet = self.settings.window_bytes, self.settings.max_packet_bytes
        self._update_recv_pktlen(packet)
        return DataChannel(
            self, self._loop, False, False, False, 0, 0, None, "strict", window, packet
        )

    # Facts.

    @property
    def client(self) -> str:
        """Return the client's version line."""
        return str(self.get_extra_info("client_version", ""))

    def signed(self, message: bytes) -> bytes:
        """Return what a signature under *message* covers (RFC 4252, 7)."""
        return len(self._session_id).to_bytes(4, "big") + self._session_id + message

    def measured(self, protocol: FileProtocol) -> Channel:
        """Return the live connection as agreed on, the weaker direction's cipher."""
        known = (*CIPHERS, *OLDER_CIPHERS)
        directions = [
            (
                str(self.get_extra_info(f"{way}_cipher", "")),
                str(self.get_extra_info(f"{way}_mac", "")),
            )
            for way in ("send", "recv")
        ]
        weaker, mac = max(
            directions, key=lambda one: known.index(one[0]) if one[0] in known else len(known)
        )
        return Channel(
            protocol=protocol,
            peer=self.peer,
            version="SSH-2.0",
            group=self._group,
            cipher=weaker,
            mac=mac if weaker in OLDER_CIPHERS else "",  # none of CIPHERS has one beside it
            strict_kex=bool(self._strict_kex),
            began_at=self._began_at,
        )

    def send_newkeys(self, k: bytes, h: bytes) -> None:
        """
        Note what a key exchange agreed on; a later one must agree on the same.

        Raises:
            asyncssh.KeyExchangeFailed: the client wanted other algorithms this time.
        """
        algorithm = self._kex.algorithm if self._kex else b""
        self._group = algorithm.decode("ascii", "replace")
        facts = (
            self._group,
            *(one.decode("ascii") for one in (self._enc_alg_cs, self._enc_alg_sc)),
        )
        if self._facts and facts != self._facts:
            # What was decided at sign-in was decided for the first algorithms.
            raise asyncssh.KeyExchangeFailed("other algorithms than at sign-in")
        self._facts = facts
        super().send_newkeys(k, h)

    async def reload_config(self) -> None:
        """Keep the options: there is no configuration file that differs by user."""

    # Signing in.

    def public_key_auth_supported(self) -> bool:
        """Return whether a key may still be proven."""
        return self.user.sign_in.takes(Method.PUBLIC_KEY)

    def password_auth_supported(self) -> bool:
        """Return whether a password may still be proven."""
        return self.user.sign_in.takes(Method.PASSWORD)

    def kbdint_auth_supported(self) -> bool:
        """Return whether a code is asked for; a password is not said this way."""
        return self.user.sign_in.takes(Method.ONE_TIME_CODE)

    def host_based_auth_supported(self) -> bool:
        """Return ``False``: hosts are no people."""
        return False

    async def validate_public_key(
        self, username: str, key_data: bytes, msg: bytes, signature: bytes
    ) -> bool:
        """Ask about a key, or a signature."""
        return await self.user.sign_in.check_key(username, key_data, msg, signature)

    async def validate_password(self, username: str, password: str) -> bool:
        """Ask about a password."""
        return await self.user.sign_in.check_password(username, password)

    async def get_kbdint_challenge(
        self,
        username: str,  # noqa: ARG002  # asyncssh's signature
        lang: str,
        submethods: str,  # noqa: ARG002
    ) -> KbdIntChallenge:
        """Return the one question: for a code (RFC 4256)."""
        return "", "", lang, ((self.user.sign_in.question(), False),)

    async def validate_kbdint_response(
        self, username: str, responses: KbdIntResponse
    ) -> KbdIntChallenge:
        """Ask about a code."""
        return len(responses) == 1 and await self.user.sign_in.check_code(username, responses[0])

    async def change_password(self, *_: object) -> bool:
        """Return ``False``: passwords are not changed here."""
        return False

    async def send_userauth_success(self) -> None:
        """Let the caller in, once what is proven is enough."""
        if self.user.sign_in.is_enough():
            await super().send_userauth_success()

    def send_userauth_failure(self, partial_success: bool) -> None:  # noqa: FBT001  # asyncssh's
        """Tell of a failure; too many of them end the connection."""
        if not partial_success and not self.user.sign_in.may_try_again():
            self._send_disconnect(
                asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE,
                "Too many authentication failures",
                "en",
            )
            self._force_close(None)
            return
        super().send_userauth_failure(partial_success)


class Owner(asyncssh.SSHServer):
    """What asyncssh asks about a connection: passed on to it."""

    def __init__(self) -> None:
        """Wait for the connection."""
        self._transport: Transport | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Keep the connection."""
        if isinstance(conn, Transport):
            self._transport = conn

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the caller's files; say which setting lets an older client in."""
        transport, self._transport = self._transport, None
        if isinstance(exc, asyncssh.KeyExchangeFailed):
            # What the client offers is behind this word; nothing else of it is told.
            offered = str(exc).partition("received ")[2].replace(",", " ").split()
            wanted = [one for one in (*OLDER_KEX, *OLDER_CIPHERS) if one in offered][:1]
            remedy = (
                f'older_clients = ["{wanted[0]}"] in the table of a drop lets it come to that drop'
                if wanted
                else "it is too old for any drop"
            )
            LOG.warning("an SSH client shares no algorithm with this server: %s", remedy)
        if transport is not None:
            transport.user.ended()

    def begin_auth(self, username: str) -> bool:
        """Show the banner to everybody alike; signing in is always required."""
        transport = self._transport
        if transport is not None:
            if transport.settings.banner:
                transport.send_auth_banner(transport.settings.banner.rstrip() + "\n")
            transport.user.sign_in.begin(username)
        return True

    def session_requested(self) -> Any:
        """Open a channel for files."""
        return self._transport.user.open_session() if self._transport else False

    def connection_requested(
        self,
        dest_host: str,
        dest_port: int,
        orig_host: str,  # noqa: ARG002  # what the client says of itself proves nothing
        orig_port: int,  # noqa: ARG002
    ) -> Any:
        """Open a tunnel."""
        return self._transport.user.open_tunnel(dest_host, dest_port) if self._transport else False


def watch_partial_success(conn: asyncssh.SSHClientConnection, half_way: Callable[[], None]) -> None:
    """
    Call *half_way* when a server takes the key of *conn*, a client's, and wants more beside it.

    asyncssh takes a partial success (RFC 4252, 5.1) for a reason to go on, and tells nobody;
    that it was the key which succeeded is known at this moment and only there.
    """
    handlers = dict(conn._packet_handlers)  # noqa: SLF001  # this file
    going_on = handlers[MSG_USERAUTH_FAILURE]

    def noting(self: object, kind: int, number: int, packet: SSHPacket) -> Awaitable[None] | None:
        method = getattr(conn._auth, "_method", b"")  # noqa: SLF001  # this file
        # The last byte of the message is the flag.
        if method == b"publickey" and packet.get_remaining_payload()[-1:] == b"\x01":
            half_way()
        return going_on(self, kind, number, packet)

    handlers[MSG_USERAUTH_FAILURE] = noting
    conn._packet_handlers = handlers  # noqa: SLF001  # of this one alone


def watch_exchanges(
    conn: asyncssh.SSHClientConnection, agreed: Callable[[str, bool], None]
) -> None:
    """
    Call *agreed* with each key exchange of *conn*, a client's, and whether it was strict.

    asyncssh tells ciphers, but not which key exchange was agreed on; it is known while new
    keys are sent, and only there.
    """
    send = conn.send_newkeys

    def noting(k: bytes, h: bytes) -> None:
        kex = conn._kex  # noqa: SLF001  # this file
        name = kex.algorithm.decode("ascii", "replace") if kex is not None else ""
        agreed(name, bool(conn._strict_kex))  # noqa: SLF001  # this file
        send(k, h)

    conn.send_newkeys = noting  # type: ignore[method-assign]

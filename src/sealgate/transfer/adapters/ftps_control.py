"""
The control connection: no word of FTP before TLS, one command after the other behind it.

RFC 959, RFC 2228, RFC 4217. Only what stands in :data:`COMMANDS` exists. Nothing that a
client sends as an argument is logged.
"""

from __future__ import annotations

import re
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from sealgate.errors import SealgateError
from sealgate.storage.model import Trouble
from sealgate.transfer.adapters.ftps_data import plain_address
from sealgate.transfer.adapters.ftps_files import FileCommands
from sealgate.transfer.adapters.ftps_loop import LOG, Outcome, Wire, outcome_of
from sealgate.transfer.adapters.ftps_port import DataPort
from sealgate.transfer.adapters.ftps_replies import CODES, sentence
from sealgate.transfer.adapters.ftps_sign_in import SignIn
from sealgate.transfer.adapters.ftps_tls import (
    Need,
    TLSBrokenError,
    TLSClosedError,
    TLSConnection,
)
from sealgate.transfer.adapters.proxy_protocol import ProxyHeaderError, read_header

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sealgate.transfer.adapters.ftps import FTPSServer
    from sealgate.transfer.model import FileSession

BANNER = "220 Sealgate: FTP over TLS only (AUTH TLS)"
MAX_LINE_BYTES = 8192
_MAX_QUEUED = 64
_MAX_UNREAD_REPLIES = 64
_PLAIN_READ_BYTES = 4096
# Telnet's "interrupt process" and "data mark", which some clients put before ABOR.
_TELNET = re.compile(rb"^(?:\xff[\xf0-\xff])+")
_PLAIN = frozenset({"AUTH", "FEAT", "HELP", "NOOP", "QUIT", "SYST"})
_BEFORE_SIGN_IN = _PLAIN | {"PBSZ", "PROT", "CCC", "USER", "PASS", "OPTS", "CLNT", "STAT"}
_AT_ONCE = frozenset({"ABOR", "NOOP", "STAT"})
# Commands that exist, and whether they need an argument.
COMMANDS = {
    "ABOR": False, "ALLO": True, "APPE": True, "AUTH": True, "CCC": False, "CDUP": False,
    "CLNT": False, "CWD": False, "DELE": True, "EPRT": False, "EPSV": False, "FEAT": False,
    "HASH": True, "HELP": False, "LIST": False, "MDTM": True, "MFMT": True, "MKD": True,
    "MLSD": False, "MLST": False, "MODE": True, "NLST": False, "NOOP": False, "OPTS": True,
    "PASS": False, "PASV": False, "PBSZ": True, "PORT": False, "PROT": True, "PWD": False,
    "QUIT": False, "REST": True, "RETR": True, "RMD": True, "RNFR": True, "RNTO": True,
    "SITE": True, "SIZE": True, "STAT": False, "STOR": True, "STRU": True, "SYST": False,
    "TYPE": True, "USER": True, "XCUP": False, "XCWD": False, "XMKD": True, "XPWD": False,
    "XRMD": True,
}  # fmt: skip
_OLD_NAMES = {"XCUP": "CDUP", "XCWD": "CWD", "XMKD": "MKD", "XPWD": "PWD", "XRMD": "RMD"}
NO_PLAIN_FTP = (
    "this server speaks no FTP without TLS, so that no password travels in the clear: "
    "use FTPS (explicit TLS) or SFTP"
)


class ControlConnection(SignIn, FileCommands, DataPort, Wire):
    """
    One client. *server* lends threads, settings and the doorkeeper.
    """

    def __init__(self, sock: socket.socket, server: FTPSServer, *, implicit: bool) -> None:
        """
        Begin on *sock*; with *implicit* TLS comes before anything else.
        """
        Wire.__init__(self, sock, server.loop)
        self.server = server
        self.peer = self.data_peer = plain_address(sock.getpeername()[0])
        self.tls: TLSConnection | None = None
        self.session: FileSession | None = None
        self.began_at = self.heard_at = time.monotonic()
        self._implicit = implicit
        self._awaiting_proxy = server.is_proxy(self.peer)
        self._input = bytearray()
        self._lines: deque[bytes] = deque()
        self._output: deque[bytes] = deque()
        self._busy = self._draining = self._ending = False
        self.reset_data()
        self.reset_sign_in()
        self.reset_commands()
        if not self._awaiting_proxy:
            self._greet()

    # --- what the server asks for

    @property
    def is_idle(self) -> bool:
        """
        Return whether nothing is under way.
        """
        return not self._busy and self._transfer is None

    def end(self, reply: str) -> None:
        """
        Say *reply* and close, when what must be said before has been said.
        """
        if self._ending or self.is_closed:
            return
        self._ending = True
        if self.tls is not None and not self.tls.established:
            self.close()
            return
        self.reply(reply)
        if not self._output:
            self.close()

    def check_time(self, now: float) -> None:
        """
        End what took too long; *now* is monotonic.
        """
        limits = self.server.settings
        if self.session is None and now - self.began_at > limits.login_seconds:
            self.end("421 signing in took too long")
        elif self._ending and now - self.heard_at > limits.idle_seconds:
            self.close()
        elif self._busy:
            return
        elif self._transfer is None and now - self.heard_at > limits.idle_seconds:
            self.end("421 nothing was asked for too long")
        else:
            self.check_data_time(now)

    # --- bytes

    def on_readable(self) -> None:
        """
        Read what is there: a proxy's header, a handshake, or commands.
        """
        if self._awaiting_proxy:
            self._read_proxy_header()
        elif self.tls is None:
            self._read_plain()
        elif not self.tls.established:
            self._shake()
        else:
            self._read_sealed(self.tls)

    def on_writable(self) -> None:
        """
        Go on with the handshake or the replies.
        """
        if self.tls is not None and not self.tls.established:
            self._shake()
        else:
            self._flush()

    def _read_proxy_header(self) -> None:
        # Only the header is taken out of the kernel: what follows it belongs to TLS.
        try:
            seen = self.socket.recv(2304, 2)  # MSG_PEEK
            header = read_header(seen)
            if header is None and seen:
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
        if not self.server.admits(self):
            return
        self._greet()

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
        buffer = self.server.line_buffer
        try:
            while not self.is_closed and self._wants_lines:
                count = tls.read_into(buffer, 0)
                if not count:
                    return
                self._take(bytes(buffer.view[:count]))
        except (TLSClosedError, TLSBrokenError):
            self.close()

    @property
    def _wants_lines(self) -> bool:
        return (
            not self._ending
            and len(self._lines) < _MAX_QUEUED
            and len(self._output) < _MAX_UNREAD_REPLIES
        )

    def _take(self, data: bytes) -> None:
        self._input += data
        *lines, rest = bytes(self._input).split(b"\n")
        self._input = bytearray(rest)
        for line in lines:
            command = _TELNET.sub(b"", line.removesuffix(b"\r"))
            if len(line) > MAX_LINE_BYTES:
                self.end("500 the line is too long")
                return
            if command[:4].upper() == b"ABOR":
                self._lines.appendleft(command)
            else:
                self._lines.append(command)
        if len(rest) > MAX_LINE_BYTES:
            self.end("500 the line is too long")
            return
        self.drain()

    def drain(self) -> None:
        """
        Do what is asked, until something has to be waited for.
        """
        if self._draining:
            return
        self._draining = True
        try:
            while self._lines and not (self._busy or self._ending or self.is_closed):
                verb = self._lines[0].partition(b" ")[0].upper().decode("ascii", "replace")
                if self._transfer is not None and verb not in _AT_ONCE:
                    break
                self.heard_at = time.monotonic()
                self._do(verb, self._lines.popleft())
        finally:
            self._draining = False
        self._listen()

    def _listen(self) -> None:
        if self.tls is None or self.tls.established:
            self.listen_for(reading=self._wants_lines, writing=bool(self._output))

    def _do(self, verb: str, line: bytes) -> None:
        needs_argument = COMMANDS.get(verb)
        if needs_argument is None:
            self.reply("500 this command does not exist here")
            return
        if self.tls is None and verb not in _PLAIN:
            self.reply(f"530 {NO_PLAIN_FTP}")
            return
        if self.session is None and verb not in _BEFORE_SIGN_IN:
            self.reply("530 sign in first, with USER and PASS")
            return
        try:
            argument = line.partition(b" ")[2].decode()
        except UnicodeDecodeError:
            self.reply("501 what is not UTF-8 is not understood (RFC 2640)")
            return
        if needs_argument and not argument:
            self.reply("501 an argument is missing")
            return
        command: Callable[[str], None] = getattr(self, f"do_{_OLD_NAMES.get(verb, verb).lower()}")
        command(argument)

    def reply(self, text: str) -> None:
        """
        Send one line, *text*, which begins with its code.
        """
        self.reply_lines(text)

    def reply_lines(self, *lines: str) -> None:
        """
        Send *lines*; the first and the last begin with their code.
        """
        if self.is_closed:
            return
        text = "\r\n".join(sentence(line) for line in lines)
        self._output.append(text.encode("utf-8", "replace") + b"\r\n")
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
        if self._ending and not self._output:
            self.close()
        elif not self._draining:
            self.drain() if self._lines else self._listen()

    def _send(self, data: bytes) -> bool:
        if self.tls is not None:
            return self.tls.write(data)
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            return False
        self._output[0] = data[sent:]
        return sent == len(data)

    # --- TLS

    def _greet(self) -> None:
        if self._implicit:
            self.secure()
        else:
            self.reply(BANNER)

    def do_auth(self, argument: str) -> None:
        """
        Turn to TLS (RFC 4217, 4); what was sent behind the command in the clear is a trick.
        """
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
        """
        Wait for the client's hello.
        """
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
        self._read_sealed(self.tls)

    # --- work

    def work(
        self,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        *,
        off_loop: bool,
        otherwise: Callable[[Exception], None] | None = None,
        lost: Callable[[Any], None] | None = None,
        sign_in: bool = False,
    ) -> None:
        """
        Do *work*, then call *then* with its value, or *otherwise* with its exception.

        Commands wait meanwhile. *lost* gets the value when the client has gone.
        """
        self._busy = True
        back = partial(self._back, then, otherwise or self.refuse, lost)
        if off_loop:
            self.server.errands.run(work, back, sign_in=sign_in)
        else:
            back(outcome_of(work))

    def _back(
        self,
        then: Callable[[Any], None],
        otherwise: Callable[[Exception], None],
        lost: Callable[[Any], None] | None,
        outcome: Outcome,
    ) -> None:
        self._busy = False
        if self.is_closed:
            if lost is not None and outcome.error is None:
                lost(outcome.value)
            self._let_go()
            return
        if outcome.error is None:
            then(outcome.value)
        else:
            otherwise(outcome.error)
        self.heard_at = time.monotonic()
        if not self._busy:
            self.drain()

    def refuse(self, error: Exception) -> None:
        """
        Reply by what *error* tells.
        """
        self.reply(self.reply_to(error))

    def reply_to(self, error: Exception) -> str:
        """
        Return the reply to *error*; a fault of ours tells nothing.
        """
        trouble = getattr(error, "trouble", None)
        if isinstance(error, SealgateError) and isinstance(trouble, Trouble):
            return f"{CODES[trouble]} {error.message}"
        LOG.error("a fault behind the FTPS server: %s", type(error).__name__)
        LOG.debug("where it happened", exc_info=error)
        return "451 the server failed"

    # --- the end

    def close(self) -> None:
        """
        Hang up; what was open is given back by a thread.
        """
        if self.is_closed:
            return
        if self.tls is not None and self.tls.established:
            self.tls.say_goodbye()
        super().close()
        self.drop_data()
        self._transfer = None
        self._lines.clear()
        self.server.forget(self)
        if not self._busy:
            self._let_go()

    def _let_go(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            self.server.errands.run(session.close, _nothing)


def _nothing(_: Outcome) -> None:
    """
    Do nothing more.
    """

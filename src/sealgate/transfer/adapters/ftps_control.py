"""
The control connection: no word of FTP before TLS, one command after the other behind it.

RFC 959, RFC 2228, RFC 4217. Only what stands in :data:`COMMANDS` exists. Nothing that a
client sends as an argument is logged. CR LF ends a command and nothing else does (RFC 959,
5.3; RFC 2640, 3.1): a line with any other end of line in it is refused whole.
"""

from __future__ import annotations

import re
import time
from collections import deque
from typing import TYPE_CHECKING

from sealgate.transfer.adapters.ftps_data import plain_address
from sealgate.transfer.adapters.ftps_files import FileCommands
from sealgate.transfer.adapters.ftps_loop import Wire
from sealgate.transfer.adapters.ftps_port import DataPort
from sealgate.transfer.adapters.ftps_secured import Secured
from sealgate.transfer.adapters.ftps_sign_in import SignIn
from sealgate.transfer.adapters.ftps_tls import (
    TLSBrokenError,
    TLSClosedError,
    TLSConnection,
)
from sealgate.transfer.adapters.ftps_work import Working
from sealgate.transfer.lines import sentence

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sealgate.transfer.adapters.ftps import FTPSServer
    from sealgate.transfer.model import FileSession

MAX_LINE_BYTES = 8192
_MAX_QUEUED = 64
_MAX_UNREAD_REPLIES = 64
_PLAIN_READ_BYTES = 4096
# Telnet's "interrupt process" and "data mark" (RFC 854), which some clients put before ABOR.
# Anywhere else IAC is no UTF-8, and refused as that.
_TELNET = re.compile(rb"^(?:\xff[\xf1-\xf9])+")
_END = b"\r\n"
# What another program could take for the end of a line or of a text.
_ENDS_ELSEWHERE = re.compile(rb"[\r\n\0]")
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


class ControlConnection(Secured, SignIn, FileCommands, DataPort, Working, Wire):
    """One client. *server* lends threads, settings and the doorkeeper."""

    def __init__(self, sock: socket.socket, server: FTPSServer, *, implicit: bool) -> None:
        """Begin on *sock*; with *implicit* TLS comes before anything else."""
        Wire.__init__(self, sock, server.loop)
        self.server = server
        self.peer = self._neighbour = plain_address(sock.getpeername()[0])
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
        """Return whether nothing is under way."""
        return not self._busy and self._transfer is None

    def takes_data_from(self, address: str) -> bool:
        """Return whether *address* is the client's, or that of the balancer before it."""
        return address in {self.peer, self._neighbour}

    def end(self, reply: str) -> None:
        """Say *reply* and close, when what must be said before has been said."""
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
        """End what took too long; *now* is monotonic."""
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
        """Read what is there: a proxy's header, a handshake, or commands."""
        if self._awaiting_proxy:
            self._read_proxy_header()
        elif self.tls is None:
            self._read_plain()
        elif not self.tls.established:
            self._shake()
        else:
            self.read_sealed(self.tls)

    def on_writable(self) -> None:
        """Go on with the handshake or the replies."""
        if self.tls is not None and not self.tls.established:
            self._shake()
        else:
            self._flush()

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

    def read_sealed(self, tls: TLSConnection) -> None:
        """Read one record of commands; the loop tells of the next, for OpenSSL takes no more."""
        buffer = self.server.line_buffer
        try:
            count = tls.read_into(buffer, 0)
        except (TLSClosedError, TLSBrokenError):
            self.close()
            return
        if count:
            self._take(bytes(buffer.view[:count]))

    @property
    def _wants_lines(self) -> bool:
        return (
            not self._ending
            and len(self._lines) < _MAX_QUEUED
            and len(self._output) < _MAX_UNREAD_REPLIES
        )

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
                self._lines.appendleft(command)
            else:
                self._lines.append(command)
        if len(rest) > MAX_LINE_BYTES:
            self.end("500 the line is too long")
            return
        if b"\n" in rest:
            # A client that never sends CR would wait for an answer for ever.
            self.end("500 a command ends with CR LF (RFC 959, 5.3)")
            return
        self.drain()

    def drain(self) -> None:
        """Do what is asked, until something has to be waited for."""
        if self._draining:
            return
        self._draining = True
        try:
            while self._lines and not (self._busy or self._ending or self.is_closed):
                word, _, argument = self._lines[0].partition(b" ")
                verb = word.upper().decode("ascii", "replace")
                if self._transfer is not None and (verb not in _AT_ONCE or argument):
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
        if _ENDS_ELSEWHERE.search(line):
            self.reply("501 CR, LF and NUL have no place in a command: CR LF ends it")
            return
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
        if needs_argument and not argument.strip():
            self.reply("501 an argument is missing")
            return
        command: Callable[[str], None] = getattr(self, f"do_{_OLD_NAMES.get(verb, verb).lower()}")
        try:
            command(argument)
        except Exception as error:  # noqa: BLE001  # told to the client, without what is ours
            self.refuse(error)

    def reply(self, text: str) -> None:
        """Send one line, *text*, which begins with its code."""
        self.reply_lines(text)

    def reply_lines(self, *lines: str) -> None:
        """Send *lines*; the first and the last begin with their code."""
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

    # --- the end

    def close(self) -> None:
        """Hang up; what was open is given back by a thread."""
        if self.is_closed:
            return
        if self.tls is not None and self.tls.established:
            self.tls.say_goodbye()
        super().close()
        self.drop_data()
        self.drop_discarded()
        self._transfer = None
        self._lines.clear()
        self.server.forget(self)
        if not self._busy:
            self._let_go()

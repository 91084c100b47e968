"""
One client's control connection: which commands exist, when, and in which order they are done.

RFC 959, RFC 2228 and RFC 4217 (PBSZ, PROT, CCC), RFC 2389 (FEAT, OPTS). Only what stands in
:data:`COMMANDS` exists. Nothing that a client sends as an argument is logged.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sealgate.protocols.ftps.channel import ControlChannel
from sealgate.protocols.ftps.data import DataPort
from sealgate.protocols.ftps.files import FILE_COMMANDS, Agreed, FileCommands
from sealgate.protocols.ftps.loop import Errands, Outcome
from sealgate.protocols.ftps.replies import FACTS
from sealgate.protocols.ftps.sign_in import FTPSSignIn
from sealgate.protocols.ftps.tasks import Tasks

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from sealgate.protocols.ftps.settings import FTPSSettings
    from sealgate.protocols.ftps.tls import Contexts, ReceiveBuffer
    from sealgate.protocols.model import Authenticator

NO_PLAIN_FTP = (
    "this server speaks no FTP without TLS, so that no password travels in the clear: "
    "use FTPS (explicit TLS) or SFTP"
)
# What another program could take for the end of a line or of a text.
_ENDS_ELSEWHERE = re.compile(rb"[\r\n\0]")
_AT_ONCE = frozenset({"ABOR", "NOOP", "STAT"})
_FEATURES = (
    "AUTH TLS", "EPSV", "HASH SHA-256*", "MDTM", "MFMT", "PBSZ", "PROT", "REST STREAM", "SIZE",
    "TVFS", "UTF8",
)  # fmt: skip


@dataclass(slots=True)
class Shared:
    """What all connections of one server use. Settings may change: times are looked at anew."""

    settings: FTPSSettings
    authenticator: Authenticator
    contexts: Contexts
    loop: Any
    errands: Errands
    line_buffer: ReceiveBuffer
    # What uploads have on the line, and the same opened: one block of one of them at a time.
    data_buffers: tuple[ReceiveBuffer, ReceiveBuffer]


class Places(Protocol):
    """What counts the connections of a server, and shares its ports out."""

    def is_proxy(self, peer: str) -> bool:
        """Return whether *peer* is a balancer that tells who is behind it."""

    def admits(self, connection: ControlConnection) -> bool:
        """Return whether the client behind a proxy may come in; it is told if not."""

    def listen_passive(self, connection: ControlConnection) -> socket.socket | None:
        """Open a data port for *connection*; ``None`` when none is free."""

    def forget(self, connection: ControlConnection) -> None:
        """Count *connection* no longer."""


class ControlConnection:
    """One client, from its first byte to its last."""

    def __init__(
        self, sock: socket.socket, shared: Shared, places: Places, *, implicit: bool
    ) -> None:
        """Begin on *sock*; with *implicit* TLS comes before anything else."""
        self._shared = shared
        self._places = places
        self._began_at = self._heard_at = time.monotonic()
        self._draining = False
        self.channel = ControlChannel(
            sock, shared.loop, shared.contexts, shared.line_buffer, self, implicit=implicit
        )
        self._tasks = Tasks(shared.errands, self.channel, self._go_on, self._give_session_back)
        self.data_port = DataPort(self.channel, shared.loop, self._listen_passive, self._go_on)
        self.sign_in = FTPSSignIn(
            self.channel, self._tasks, shared.authenticator, shared.settings.attempts
        )
        self._agreed = Agreed(buffer=implicit, private=implicit)
        self._files: FileCommands | None = None
        self.channel.begin(behind_proxy=places.is_proxy(self.channel.peer))

    @property
    def is_idle(self) -> bool:
        """Return whether nothing is under way."""
        return not self._tasks.is_busy and not self.data_port.is_busy

    def check_time(self, now: float) -> None:
        """End what took too long; *now* is monotonic."""
        limits, channel = self._shared.settings, self.channel
        if self.sign_in.session is None and now - self._began_at > limits.login_seconds:
            channel.end("421 signing in took too long")
        elif channel.is_ending and now - self._heard_at > limits.idle_seconds:
            channel.close()
        elif self._tasks.is_busy:
            return
        elif not self.data_port.is_busy and now - self._heard_at > limits.idle_seconds:
            channel.end("421 nothing was asked for too long")
        else:
            self.data_port.check_time(now, limits)

    # --- what the channel asks for

    def admits(self) -> bool:
        """Return whether the client behind a proxy may come in; it is told if not."""
        return self._places.admits(self)

    def drain(self) -> None:
        """Do what is asked, until something has to be waited for."""
        if self._draining:
            return
        self._draining = True
        channel = self.channel
        try:
            while channel.lines and not (
                self._tasks.is_busy or channel.is_ending or channel.is_closed
            ):
                word, _, argument = channel.lines[0].partition(b" ")
                verb = word.upper().decode("ascii", "replace")
                if self.data_port.is_busy and (verb not in _AT_ONCE or argument):
                    break
                self._heard_at = time.monotonic()
                self._do(verb, channel.lines.popleft())
        finally:
            self._draining = False
        channel.listen()

    def closed(self) -> None:
        """Let go of what was open; the session is given back by a thread."""
        self.data_port.close()
        self._places.forget(self)
        if not self._tasks.is_busy:
            self._give_session_back()

    def _give_session_back(self) -> None:
        # It may have to wait for a disk.
        session, self.sign_in.session = self.sign_in.session, None
        if session is not None:
            self._shared.errands.run(session.close, _nothing)

    def _go_on(self) -> None:
        """Do what was asked for while something else was under way."""
        self._heard_at = time.monotonic()
        self.drain()

    def _listen_passive(self) -> socket.socket | None:
        return self._places.listen_passive(self)

    # --- commands

    def _do(self, verb: str, line: bytes) -> None:
        reply = self.channel.reply
        if _ENDS_ELSEWHERE.search(line):
            reply("501 CR, LF and NUL have no place in a command: CR LF ends it")
            return
        needs_argument = COMMANDS.get(verb)
        if needs_argument is None:
            reply("500 this command does not exist here")
            return
        if self.channel.tls is None and verb not in _PLAIN:
            reply(f"530 {NO_PLAIN_FTP}")
            return
        if self.sign_in.session is None and verb in FILE_COMMANDS:
            reply("530 sign in first, with USER and PASS")
            return
        try:
            argument = line.partition(b" ")[2].decode()
        except UnicodeDecodeError:
            reply("501 what is not UTF-8 is not understood (RFC 2640)")
            return
        if needs_argument and not argument.strip():
            reply("501 an argument is missing")
            return
        try:
            self._run(verb, argument)
        except Exception as error:  # noqa: BLE001  # told to the client, without what is ours
            self._tasks.refuse(error)

    def _run(self, verb: str, argument: str) -> None:
        own = _PLAIN.get(verb) or _SECURED.get(verb)
        if own is not None:
            own[0](self, argument)
            return
        files = self._signed_in()
        if files is not None:
            FILE_COMMANDS[verb][0](files, argument)

    def _signed_in(self) -> FileCommands | None:
        session = self.sign_in.session
        if self._files is None and session is not None:
            self._files = FileCommands(
                session,
                self.channel,
                self._tasks,
                self.data_port,
                self._agreed,
                self._shared.settings.passive,
                self._shared.data_buffers,
            )
        return self._files

    def auth(self, argument: str) -> None:
        """Turn to TLS (RFC 4217, 4)."""
        self.channel.auth(argument)

    def user(self, name: str) -> None:
        """Take a name."""
        self.sign_in.user(name)

    def password(self, password: str) -> None:
        """Take a password."""
        self.sign_in.password(password)

    def pbsz(self, _: str) -> None:
        """Agree on no buffer (RFC 4217, 8)."""
        self._agreed.buffer = True
        self.channel.reply("200 PBSZ=0")

    def prot(self, level: str) -> None:
        """Protect data: P and nothing else (RFC 4217, 9)."""
        if not self._agreed.buffer:
            self.channel.reply("503 PBSZ 0 comes first")
        elif level.upper() == "P":
            self._agreed.private = True
            self.channel.reply("200 data connections are private")
        elif level.upper() in {"C", "S", "E"}:
            self.channel.reply("536 PROT P is required: no data travel in the clear")
        else:
            self.channel.reply("504 PROT P is what there is")

    def ccc(self, _: str) -> None:
        """Stay in TLS (RFC 4217, 12.3)."""
        self.channel.reply("533 the control connection stays in TLS")

    def feat(self, _: str) -> None:
        """Tell what is spoken (RFC 2389)."""
        chosen = ";".join(f"{fact}{'*' if fact in self._agreed.facts else ''}" for fact in FACTS)
        lines = sorted((*_FEATURES, f"MLST {chosen};"))
        self.channel.reply("211-what is spoken here", *(f" {line}" for line in lines), "211 end")

    def opts(self, argument: str) -> None:
        """Set UTF8, MLST facts or the hash."""
        words = argument.upper().split()
        if words[0] == "MLST":
            asked = set(argument.lower().partition(" ")[2].split(";"))
            self._agreed.facts = tuple(fact for fact in FACTS if fact in asked)
            self.channel.reply(
                f"200 MLST OPTS {''.join(f'{fact};' for fact in self._agreed.facts)}"
            )
        elif words in (["UTF8", "ON"], ["UTF8"], ["UTF-8", "ON"], ["UTF-8"]):
            self.channel.reply("200 names are UTF-8")
        elif words in (["HASH"], ["HASH", "SHA-256"]):
            self.channel.reply("200 SHA-256")
        else:
            self.channel.reply("501 this option does not exist here")

    def help(self, _: str) -> None:
        """Tell where to begin."""
        self.channel.reply("214 AUTH TLS, then PBSZ 0, PROT P, USER and PASS; FEAT tells the rest")

    def noop(self, _: str) -> None:
        """Answer."""
        self.channel.reply("200 here")

    def syst(self, _: str) -> None:
        """Tell how listings look; nothing about the host."""
        self.channel.reply("215 UNIX Type: L8")

    def clnt(self, _: str) -> None:
        """Hear what the client calls itself, and forget it."""
        self.channel.reply("200 noted")

    def quit(self, _: str) -> None:
        """Say goodbye."""
        self.channel.end("221 goodbye")

    def stat(self, path: str) -> None:
        """Tell the state of this connection, or list *path* in the reply."""
        files = self._signed_in()
        if not path:
            state = "signed in" if files is not None else "not signed in"
            over = ", over TLS" if self.channel.tls is not None else ""
            self.channel.reply(f"211 {state}{over}")
        elif files is None:
            self.channel.reply("530 sign in first, with USER and PASS")
        else:
            files.show(path)


def _nothing(_: Outcome) -> None:
    """Do nothing more."""


# Each command and whether it needs an argument: in the clear, and once there is TLS.
_Own = dict[str, tuple["Callable[[ControlConnection, str], None]", bool]]
_PLAIN: _Own = {
    "AUTH": (ControlConnection.auth, True),
    "FEAT": (ControlConnection.feat, False),
    "HELP": (ControlConnection.help, False),
    "NOOP": (ControlConnection.noop, False),
    "QUIT": (ControlConnection.quit, False),
    "SYST": (ControlConnection.syst, False),
}
_SECURED: _Own = {
    "CCC": (ControlConnection.ccc, False),
    "CLNT": (ControlConnection.clnt, False),
    "OPTS": (ControlConnection.opts, True),
    "PASS": (ControlConnection.password, False),
    "PBSZ": (ControlConnection.pbsz, True),
    "PROT": (ControlConnection.prot, True),
    "STAT": (ControlConnection.stat, False),
    "USER": (ControlConnection.user, True),
}
# All commands that exist, and whether they need an argument.
COMMANDS = {
    verb: needs for table in (_PLAIN, _SECURED, FILE_COMMANDS) for verb, (_, needs) in table.items()
}

"""
The commands about the connection: protection, features, modes and data ports.

RFC 959, RFC 2228 and RFC 4217 (AUTH, PBSZ, PROT, CCC), RFC 2389 (FEAT, OPTS), RFC 2428
(EPSV). Files travel as they are: TYPE I.
"""

from __future__ import annotations

import posixpath
import socket
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from sealgate.storage.model import Trouble
from sealgate.transfer.adapters.ftps_replies import (
    FACTS,
    listed,
)
from sealgate.transfer.model import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.model import Entry
    from sealgate.transfer.adapters.ftps import FTPSServer
    from sealgate.transfer.adapters.ftps_data import PassiveListener
    from sealgate.transfer.adapters.ftps_transfers import Transfer
    from sealgate.transfer.model import FileSession

_FEATURES = (
    "AUTH TLS", "EPSV", "HASH SHA-256*", "MDTM", "MFMT", "PBSZ", "PROT", "REST STREAM", "SIZE",
    "TVFS", "UTF8",
)  # fmt: skip
_MAX_DIGITS = 18
_NO_ACTIVE = "502 only passive data connections: use EPSV or PASV"


class Commands:
    """What a control connection answers about itself; what it keeps between commands."""

    server: FTPSServer
    session: FileSession | None
    socket: socket.socket
    tls: Any
    reply: Callable[[str], None]
    reply_lines: Callable[..., None]
    refuse: Callable[[Exception], None]
    end: Callable[[str], None]
    work: Callable[..., None]
    begin: Callable[[Transfer], None]
    can_transfer: Callable[[], bool]
    open_data_port: Callable[[], PassiveListener | None]

    def reset_commands(self) -> None:
        """Begin at the root, with nothing agreed on."""
        self._folder = "/"
        self._binary = False
        self._rest = 0
        self._renaming: str | None = None
        self._facts: tuple[str, ...] = FACTS
        self._epsv_only = False
        self._buffer_agreed = self._private = getattr(self, "_implicit", False)

    @property
    def files(self) -> FileSession:
        """Return the session; commands before it are refused earlier."""
        if self.session is None:
            raise TransferError(Trouble.DENIED, "sign in first")
        return self.session

    def at(self, path: str) -> str:
        """Return *path* as seen from the root; the session judges it."""
        return path if path.startswith("/") else posixpath.join(self._folder, path)

    def ask(
        self,
        path: str,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        *,
        long: bool = False,
    ) -> None:
        """Do *work* about *path*: in a thread where it may wait for a network, or is *long*."""
        self.work(work, then, off_loop=long or self.files.is_remote(path))

    def listing(
        self, path: str, then: Callable[[list[Entry]], None], *, folder: bool = False
    ) -> None:
        """Collect what lies in *path*, or *path* itself where it is a file and may be."""
        files, place = self.files, self.at(path)

        def collect() -> list[Entry]:
            entry = files.stat(place)
            if entry.is_folder:
                return list(files.list(place))
            if folder:
                raise TransferError(Trouble.NOT_FOLDER, "it is not a folder")
            return [entry]

        self.ask(place, collect, then, long=True)

    def _taken(self) -> int:
        rest, self._rest = self._rest, 0
        return rest

    # --- protection

    def do_pbsz(self, _: str) -> None:
        """Agree on no buffer (RFC 4217, 8)."""
        self._buffer_agreed = True
        self.reply("200 PBSZ=0")

    def do_prot(self, level: str) -> None:
        """Protect data: P and nothing else (RFC 4217, 9)."""
        if not self._buffer_agreed:
            self.reply("503 PBSZ 0 comes first")
        elif level.upper() == "P":
            self._private = True
            self.reply("200 data connections are private")
        elif level.upper() in {"C", "S", "E"}:
            self.reply("536 PROT P is required: no data travel in the clear")
        else:
            self.reply("504 PROT P is what there is")

    def do_ccc(self, _: str) -> None:
        """Stay in TLS (RFC 4217, 12.3)."""
        self.reply("533 the control connection stays in TLS")

    # --- about the connection

    def do_feat(self, _: str) -> None:
        """Tell what is spoken (RFC 2389)."""
        chosen = ";".join(f"{fact}{'*' if fact in self._facts else ''}" for fact in FACTS)
        lines = sorted((*_FEATURES, f"MLST {chosen};"))
        self.reply_lines("211-what is spoken here", *(f" {line}" for line in lines), "211 end")

    def do_opts(self, argument: str) -> None:
        """Set UTF8, MLST facts or the hash."""
        words = argument.upper().split()
        if words[0] == "MLST":
            asked = set(argument.lower().partition(" ")[2].split(";"))
            self._facts = tuple(fact for fact in FACTS if fact in asked)
            self.reply(f"200 MLST OPTS {''.join(f'{fact};' for fact in self._facts)}")
        elif words in (["UTF8", "ON"], ["UTF8"], ["UTF-8", "ON"], ["UTF-8"]):
            self.reply("200 names are UTF-8")
        elif words in (["HASH"], ["HASH", "SHA-256"]):
            self.reply("200 SHA-256")
        else:
            self.reply("501 this option does not exist here")

    def do_help(self, _: str) -> None:
        """Tell where to begin."""
        self.reply("214 AUTH TLS, then PBSZ 0, PROT P, USER and PASS; FEAT tells the rest")

    def do_noop(self, _: str) -> None:
        """Answer."""
        self.reply("200 here")

    def do_syst(self, _: str) -> None:
        """Tell how listings look; nothing about the host."""
        self.reply("215 UNIX Type: L8")

    def do_clnt(self, _: str) -> None:
        """Hear what the client calls itself, and forget it."""
        self.reply("200 noted")

    def do_quit(self, _: str) -> None:
        """Say goodbye."""
        self.end("221 goodbye")

    def do_stat(self, path: str) -> None:
        """Tell the state of this connection, or list *path* here."""
        if not path:
            state = "signed in" if self.session is not None else "not signed in"
            self.reply(f"211 {state}, over TLS" if self.tls is not None else f"211 {state}")
        elif self.session is None:
            self.reply("530 sign in first, with USER and PASS")
        else:
            self.listing(path, self._show)

    def _show(self, entries: list[Entry]) -> None:
        now = time.time()
        lines = (f" {listed(entry, now)}" for entry in entries)
        self.reply_lines("213-the folder", *lines, "213 end")

    def do_site(self, _: str) -> None:
        """Have none of them: what they do to hosts is not wanted."""
        self.reply("504 there are no SITE commands here")

    def do_type(self, argument: str) -> None:
        """Take binary; text is known for listings only."""
        kind = argument.upper().split()
        if kind in (["I"], ["L", "8"], ["L8"]):
            self._binary = True
            self.reply("200 binary")
        elif kind in (["A"], ["A", "N"]):
            self._binary = False
            self.reply("200 text, for listings")
        else:
            self.reply("504 TYPE I is what there is")

    def do_mode(self, argument: str) -> None:
        """Take stream mode."""
        self.reply("200 stream" if argument.upper() == "S" else "504 MODE S is what there is")

    def do_stru(self, argument: str) -> None:
        """Take file structure."""
        self.reply("200 files" if argument.upper() == "F" else "504 STRU F is what there is")

    def do_allo(self, argument: str) -> None:
        """Tell early that a file will not fit."""
        size = number(argument.split(maxsplit=1)[0])
        if size is None:
            self.reply("501 a size in bytes is wanted")
            return

        def judge(space: Any) -> None:
            if self._folder != "/" and size > space.free_bytes:
                self.reply(f"552 {size} bytes do not fit, {space.free_bytes} do")
            else:
                self.reply("200 go on")

        self.ask(self._folder, partial(self.files.space, self._folder), judge)

    # --- data ports

    def do_port(self, _: str) -> None:
        """Refuse: this server connects to nobody (RFC 2577, 3)."""
        self.reply(_NO_ACTIVE)

    do_eprt = do_port

    def do_pasv(self, _: str) -> None:
        """Open a data port for IPv4."""
        if self._epsv_only:
            self.reply("501 you asked for EPSV ALL")
            return
        announced = self.server.announced_address(self.socket)
        if announced is None:
            self.reply("425 PASV has no room for IPv6: use EPSV")
            return
        passive = self._open()
        if passive is not None:
            numbers = (*announced.split("."), str(passive.port >> 8), str(passive.port & 255))
            self.reply(f"227 passive ({','.join(numbers)})")

    def do_epsv(self, argument: str) -> None:
        """Open a data port (RFC 2428)."""
        if argument.upper() == "ALL":
            self._epsv_only = True
            self.reply("200 only EPSV from now on")
        elif argument and argument != self.server.family_number(self.socket):
            self.reply(
                f"522 another network is spoken here, use ({self.server.family_number(self.socket)})"
            )
        else:
            passive = self._open()
            if passive is not None:
                self.reply(f"229 passive (|||{passive.port}|)")

    def _open(self) -> PassiveListener | None:
        if not self._private:
            self.reply("521 PROT P comes first: no data travel in the clear")
            return None
        passive = self.open_data_port()
        if passive is None:
            self.reply("425 no data port is free, try again soon")
        return passive


def number(text: str) -> int | None:
    """Return *text* as a number of bytes, ``None`` when it is none."""
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return int(text)
    return None

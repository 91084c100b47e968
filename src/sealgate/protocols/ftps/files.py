"""
The commands of a client that is signed in: files, folders, and how their bytes travel.

Each is answered by the file session. RFC 959, RFC 2428 (EPSV), RFC 3659 (SIZE, MDTM, REST,
MLSD), draft-somers-ftp-mfxx (MFMT), draft-bryan-ftp-hash (HASH). Sizes and offsets are those
of the plain content, and files travel as they are: TYPE I.
"""

from __future__ import annotations

import hashlib
import posixpath
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sealgate.protocols.ftps.data import (
    DataPort,
    PassiveListener,
    announced_address,
    family_number,
)
from sealgate.protocols.ftps.replies import (
    FACTS,
    facts,
    listed,
    parse_time,
    quoted,
    time_value,
)
from sealgate.protocols.ftps.transfers import (
    BLOCK_BYTES,
    FileTransfer,
    IncomingTransfer,
    OutgoingTransfer,
)
from sealgate.protocols.lines import sentence
from sealgate.protocols.model import TransferError
from sealgate.storage.model import Trouble
from sealgate.storage.paths import given

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import PassivePorts
    from sealgate.protocols.ftps.channel import ControlChannel
    from sealgate.protocols.ftps.tasks import Tasks
    from sealgate.protocols.ftps.tls import ReceiveBuffer
    from sealgate.protocols.model import FileSession, Uploading
    from sealgate.storage.model import Entry, StoreReader

_NO_ASCII = "files travel as they are: send TYPE I first"
_NO_ACTIVE = "502 only passive data connections: use EPSV or PASV"
_MAX_DIGITS = 18


@dataclass(slots=True)
class Agreed:
    """What client and server agreed on, before the sign-in and behind it."""

    buffer: bool
    private: bool
    facts: tuple[str, ...] = FACTS


class FileCommands:
    """What one client asks of its file *session*, and what it keeps between commands."""

    def __init__(
        self,
        session: FileSession,
        channel: ControlChannel,
        tasks: Tasks,
        port: DataPort,
        agreed: Agreed,
        passive: PassivePorts,
        buffers: tuple[ReceiveBuffer, ReceiveBuffer],
    ) -> None:
        """Begin at the root; uploads go through *buffers*."""
        self._session = session
        self._channel = channel
        self._tasks = tasks
        self._port = port
        self._agreed = agreed
        self._passive = passive
        self._buffers = buffers
        self._folder = "/"
        self._binary = False
        self._rest = 0
        self._renaming: str | None = None
        self._epsv_only = False

    def _at(self, path: str) -> str:
        """Return *path* as seen from the root; the session judges it."""
        return path if path.startswith("/") else posixpath.join(self._folder, path)

    def _ask(
        self,
        path: str,
        work: Callable[[], Any],
        then: Callable[[Any], None],
        *,
        long: bool = False,
    ) -> None:
        """Do *work* about *path*: in a thread where it may wait for a network, or is *long*."""
        self._tasks.do(work, then, off_loop=long or self._session.is_remote(path))

    def _listing(
        self, path: str, then: Callable[[list[Entry]], None], *, folder: bool = False
    ) -> None:
        """Collect what lies in *path*, or *path* itself where it is a file and may be."""
        files, place = self._session, self._at(path)

        def collect() -> list[Entry]:
            entry = files.stat(place)
            if entry.is_folder:
                return list(files.list(place))
            if folder:
                raise TransferError(Trouble.NOT_FOLDER, "it is not a folder")
            return [entry]

        self._ask(place, collect, then, long=True)

    def _taken(self) -> int:
        rest, self._rest = self._rest, 0
        return rest

    # --- listings

    def show(self, path: str) -> None:
        """List *path* in the reply: STAT with a path."""

        def tell(entries: list[Entry]) -> None:
            now = time.time()
            lines = (f" {listed(entry, now)}" for entry in entries)
            self._channel.reply("213-the folder", *lines, "213 end")

        self._listing(path, tell)

    def list_long(self, argument: str) -> None:
        """List as ``ls -l``; options of ``ls`` are passed over."""
        now = time.time()
        self._send_list(_without_options(argument), lambda entry: listed(entry, now))

    def nlst(self, argument: str) -> None:
        """List names."""
        self._send_list(_without_options(argument), lambda entry: given(entry.path[-1]))

    def mlsd(self, path: str) -> None:
        """List facts (RFC 3659, 7)."""
        wanted = self._agreed.facts
        self._send_list(
            path, lambda entry: f"{facts(entry, wanted)} {given(entry.path[-1])}", folder=True
        )

    def mlst(self, path: str) -> None:
        """Tell facts of one file or folder."""

        def tell(entry: Entry) -> None:
            line = f" {facts(entry, self._agreed.facts)} /{'/'.join(map(given, entry.path))}"
            self._channel.reply("250-facts", line, "250 end")

        self._ask(self._at(path), partial(self._session.stat, self._at(path)), tell)

    def _send_list(self, path: str, line: Callable[[Entry], str], *, folder: bool = False) -> None:
        if not self._port.can_transfer():
            return

        def send(entries: list[Entry]) -> None:
            # Names with line ends are never stored; where one were, no line could pose as two.
            text = "".join(f"{sentence(line(entry))}\r\n" for entry in entries)
            self._port.begin(OutgoingTransfer(self._port, text.encode("utf-8", "replace")))

        self._listing(path, send, folder=folder)

    # --- files

    def retr(self, path: str) -> None:
        """Send a file, from REST on."""
        offset = self._taken()
        if not self._binary:
            self._channel.reply(f"504 {_NO_ASCII}")
            return
        if not self._port.can_transfer():
            return
        files, place = self._session, self._at(path)
        remote = files.is_remote(place)

        def opened() -> tuple[StoreReader, bytes]:
            reader = files.open_read(place)
            try:
                _check_offset(offset, reader.entry)
                # The first block now: what is damaged is refused before anything is sent.
                return reader, reader.read_at(offset, BLOCK_BYTES)
            except BaseException:
                reader.close()
                raise

        def send(found: tuple[StoreReader, bytes]) -> None:
            reader, first = found
            self._port.begin(
                FileTransfer(self._port, self._tasks, reader, offset, first, remote=remote)
            )

        self._tasks.do(opened, send, off_loop=remote)

    def stor(self, path: str) -> None:
        """Take a file; behind REST go on with what is not whole yet."""
        offset = self._taken()
        self._store(path, offset=offset or None, resume=bool(offset))

    def appe(self, path: str) -> None:
        """Go on with a file where it ends, also with a whole one."""
        self._taken()
        self._store(path, offset=None, resume=True)

    def _store(self, path: str, *, offset: int | None, resume: bool) -> None:
        if not self._binary:
            self._channel.reply(f"504 {_NO_ASCII}")
            return
        if not self._port.can_transfer():
            return
        files, place = self._session, self._at(path)
        remote = files.is_remote(place)

        def opened() -> Uploading:
            # lftp, cut off while it replaces a file, goes on at the size of the old one by itself.
            uploading = files.open_write(place, resume=resume, part_only=offset is not None)
            if offset is not None and uploading.offset != offset:
                there = uploading.offset
                uploading.abort()
                raise TransferError(
                    Trouble.UNSUPPORTED, f"the upload stands at {there}: REST {there}"
                )
            return uploading

        def take(uploading: Uploading) -> None:
            self._port.begin(
                IncomingTransfer(self._port, self._tasks, uploading, self._buffers, remote=remote)
            )

        self._tasks.do(opened, take, off_loop=remote)

    def rest(self, argument: str) -> None:
        """Remember where to go on."""
        offset = _number(argument)
        if not self._binary:
            self._channel.reply(f"504 {_NO_ASCII}")
        elif offset is None:
            self._channel.reply("501 a number of bytes is wanted")
        else:
            self._rest = offset
            self._channel.reply(f"350 going on at {offset}")

    def size(self, path: str) -> None:
        """Tell the plain size: what REST counts in."""
        if not self._binary:
            self._channel.reply(f"550 {_NO_ASCII}")
            return
        self._about_file(path, lambda entry: self._channel.reply(f"213 {entry.size}"))

    def mdtm(self, path: str) -> None:
        """Tell when a file was changed."""
        self._about_file(
            path, lambda entry: self._channel.reply(f"213 {time_value(entry.modified_at)}")
        )

    def _about_file(self, path: str, then: Callable[[Entry], None]) -> None:
        def judge(entry: Entry) -> None:
            if entry.is_folder:
                self._tasks.refuse(TransferError(Trouble.IS_FOLDER, "it is a folder"))
            else:
                then(entry)

        self._ask(self._at(path), partial(self._session.stat, self._at(path)), judge)

    def mfmt(self, argument: str) -> None:
        """Set when a file was changed."""
        text, _, path = argument.partition(" ")
        moment = parse_time(text)
        if moment is None or not path:
            self._channel.reply("501 MFMT YYYYMMDDHHMMSS NAME is wanted")
            return
        place = self._at(path)
        self._ask(
            place,
            partial(self._session.set_modified, place, moment),
            lambda _: self._channel.reply(f"213 Modify={time_value(moment)}; {path}"),
        )

    def hash(self, path: str) -> None:
        """Tell the SHA-256 of a file's plain bytes, for whoever may read it."""
        files, place = self._session, self._at(path)

        def digest() -> tuple[int, str]:
            reader = files.open_read(place)
            try:
                hashed, offset = hashlib.sha256(), 0
                while block := reader.read_at(offset, BLOCK_BYTES):
                    hashed.update(block)
                    offset += len(block)
                    if self._channel.is_closed:
                        break
                return offset, hashed.hexdigest()
            finally:
                reader.close()

        self._ask(
            place,
            digest,
            lambda found: self._channel.reply(f"213 SHA-256 0-{found[0]} {found[1]} {path}"),
            long=True,
        )

    def dele(self, path: str) -> None:
        """Remove a file."""
        self._change(path, self._session.remove, "250 removed")

    def mkd(self, path: str) -> None:
        """Make a folder."""
        self._change(path, self._session.make_folder, f"257 {quoted(self._at(path))}")

    def rmd(self, path: str) -> None:
        """Remove an empty folder."""
        self._change(path, self._session.remove_folder, "250 removed")

    def rnfr(self, path: str) -> None:
        """Say what to rename."""
        place = self._at(path)

        def remember(_: Entry) -> None:
            self._renaming = place
            self._channel.reply("350 to what?")

        self._ask(place, partial(self._session.stat, place), remember)

    def rnto(self, path: str) -> None:
        """Rename."""
        old, self._renaming = self._renaming, None
        if old is None:
            self._channel.reply("503 RNFR comes first")
            return
        self._change(path, lambda new: self._session.rename(old, new, replace=True), "250 renamed")

    def _change(self, path: str, change: Callable[[str], None], reply: str) -> None:
        place = self._at(path)
        self._ask(place, partial(change, place), lambda _: self._channel.reply(reply))

    # --- the current folder

    def pwd(self, _: str) -> None:
        """Tell the current folder."""
        self._channel.reply(f"257 {quoted(self._folder)}")

    def cwd(self, path: str) -> None:
        """Go to another folder."""
        files, place = self._session, self._at(path or "/")

        def found() -> str:
            real = files.real_path(place)
            if not files.stat(real).is_folder:
                raise TransferError(Trouble.NOT_FOLDER, "it is not a folder")
            return real

        def go(real: str) -> None:
            self._folder = real
            self._channel.reply(f"250 {quoted(real)}")

        self._ask(place, found, go)

    def cdup(self, _: str) -> None:
        """Go up."""
        self.cwd(posixpath.dirname(self._folder))

    # --- how files travel

    def site(self, _: str) -> None:
        """Have none of them: what they do to hosts is not wanted."""
        self._channel.reply("504 there are no SITE commands here")

    def set_type(self, argument: str) -> None:
        """Take binary; text is known for listings only."""
        kind = argument.upper().split()
        if kind in (["I"], ["L", "8"], ["L8"]):
            self._binary = True
            self._channel.reply("200 binary")
        elif kind in (["A"], ["A", "N"]):
            self._binary = False
            self._channel.reply("200 text, for listings")
        else:
            self._channel.reply("504 TYPE I is what there is")

    def mode(self, argument: str) -> None:
        """Take stream mode."""
        self._channel.reply(
            "200 stream" if argument.upper() == "S" else "504 MODE S is what there is"
        )

    def stru(self, argument: str) -> None:
        """Take file structure."""
        self._channel.reply(
            "200 files" if argument.upper() == "F" else "504 STRU F is what there is"
        )

    def allo(self, argument: str) -> None:
        """Tell early that a file will not fit."""
        size = _number(argument.split(maxsplit=1)[0])
        if size is None:
            self._channel.reply("501 a size in bytes is wanted")
            return

        def judge(space: Any) -> None:
            if self._folder != "/" and size > space.free_bytes:
                self._channel.reply(f"552 {size} bytes do not fit, {space.free_bytes} do")
            else:
                self._channel.reply("200 go on")

        self._ask(self._folder, partial(self._session.space, self._folder), judge)

    # --- data ports

    def abor(self, _: str) -> None:
        """Break the transfer off."""
        self._port.abort()

    def port(self, _: str) -> None:
        """Refuse: this server connects to nobody (RFC 2577, 3)."""
        self._channel.reply(_NO_ACTIVE)

    def pasv(self, _: str) -> None:
        """Open a data port for IPv4."""
        if self._epsv_only:
            self._channel.reply("501 you asked for EPSV ALL")
            return
        announced = announced_address(self._channel.socket, self._passive)
        if announced is None:
            self._channel.reply("425 PASV has no room for IPv6: use EPSV")
            return
        passive = self._open()
        if passive is not None:
            numbers = (*announced.split("."), str(passive.port >> 8), str(passive.port & 255))
            self._channel.reply(f"227 passive ({','.join(numbers)})")

    def epsv(self, argument: str) -> None:
        """Open a data port (RFC 2428)."""
        if argument.upper() == "ALL":
            self._epsv_only = True
            self._channel.reply("200 only EPSV from now on")
        elif argument and argument != family_number(self._channel.socket):
            self._channel.reply(
                f"522 another network is spoken here, use ({family_number(self._channel.socket)})"
            )
        else:
            passive = self._open()
            if passive is not None:
                self._channel.reply(f"229 passive (|||{passive.port}|)")

    def _open(self) -> PassiveListener | None:
        if not self._agreed.private:
            self._channel.reply("521 PROT P comes first: no data travel in the clear")
            return None
        passive = self._port.open()
        if passive is None:
            self._channel.reply("425 no data port is free, try again soon")
        return passive


def _number(text: str) -> int | None:
    """Return *text* as a number of bytes, ``None`` when it is none."""
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return int(text)
    return None


def _check_offset(offset: int, entry: Entry) -> None:
    if offset > entry.size:
        raise TransferError(Trouble.UNSUPPORTED, f"the file ends at {entry.size}")


def _without_options(argument: str) -> str:
    """Return *argument* without the ``-la`` that clients put before a path."""
    while argument.startswith("-"):
        argument = argument.partition(" ")[2]
    return argument


# Commands that exist behind the sign-in, and whether they need an argument.
FILE_COMMANDS: dict[str, tuple[Callable[[FileCommands, str], None], bool]] = {
    "ABOR": (FileCommands.abor, False),
    "ALLO": (FileCommands.allo, True),
    "APPE": (FileCommands.appe, True),
    "CDUP": (FileCommands.cdup, False),
    "CWD": (FileCommands.cwd, False),
    "DELE": (FileCommands.dele, True),
    "EPRT": (FileCommands.port, False),
    "EPSV": (FileCommands.epsv, False),
    "HASH": (FileCommands.hash, True),
    "LIST": (FileCommands.list_long, False),
    "MDTM": (FileCommands.mdtm, True),
    "MFMT": (FileCommands.mfmt, True),
    "MKD": (FileCommands.mkd, True),
    "MLSD": (FileCommands.mlsd, False),
    "MLST": (FileCommands.mlst, False),
    "MODE": (FileCommands.mode, True),
    "NLST": (FileCommands.nlst, False),
    "PASV": (FileCommands.pasv, False),
    "PORT": (FileCommands.port, False),
    "PWD": (FileCommands.pwd, False),
    "REST": (FileCommands.rest, True),
    "RETR": (FileCommands.retr, True),
    "RMD": (FileCommands.rmd, True),
    "RNFR": (FileCommands.rnfr, True),
    "RNTO": (FileCommands.rnto, True),
    "SITE": (FileCommands.site, True),
    "SIZE": (FileCommands.size, True),
    "STOR": (FileCommands.stor, True),
    "STRU": (FileCommands.stru, True),
    "TYPE": (FileCommands.set_type, True),
    "XCUP": (FileCommands.cdup, False),
    "XCWD": (FileCommands.cwd, False),
    "XMKD": (FileCommands.mkd, True),
    "XPWD": (FileCommands.pwd, False),
    "XRMD": (FileCommands.rmd, True),
}

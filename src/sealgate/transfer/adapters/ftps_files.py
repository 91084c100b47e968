"""
The commands about files and folders, each answered by the file session.

RFC 959, RFC 3659 (SIZE, MDTM, REST, MLSD), draft-somers-ftp-mfxx (MFMT), draft-bryan-ftp-hash
(HASH). Sizes and offsets are those of the plain content.
"""

from __future__ import annotations

import hashlib
import posixpath
import time
from functools import partial
from typing import TYPE_CHECKING

from sealgate.storage.model import Trouble
from sealgate.storage.paths import given
from sealgate.transfer.adapters.ftps_commands import Commands, number
from sealgate.transfer.adapters.ftps_replies import facts, listed, parse_time, quoted, time_value
from sealgate.transfer.adapters.ftps_transfers import BLOCK_BYTES, Download, Sending, Upload
from sealgate.transfer.lines import sentence
from sealgate.transfer.model import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.model import Entry, StoreReader
    from sealgate.transfer.model import Uploading

_NO_ASCII = "files travel as they are: send TYPE I first"


class FileCommands(Commands):
    """What a control connection answers about files once it is signed in."""

    # --- listings

    def do_list(self, argument: str) -> None:
        """List as ``ls -l``; options of ``ls`` are passed over."""
        now = time.time()
        self._send_list(_without_options(argument), lambda entry: listed(entry, now))

    def do_nlst(self, argument: str) -> None:
        """List names."""
        self._send_list(_without_options(argument), lambda entry: given(entry.path[-1]))

    def do_mlsd(self, path: str) -> None:
        """List facts (RFC 3659, 7)."""
        wanted = self._facts
        self._send_list(
            path, lambda entry: f"{facts(entry, wanted)} {given(entry.path[-1])}", folder=True
        )

    def do_mlst(self, path: str) -> None:
        """Tell facts of one file or folder."""

        def tell(entry: Entry) -> None:
            line = f" {facts(entry, self._facts)} /{'/'.join(map(given, entry.path))}"
            self.reply_lines("250-facts", line, "250 end")

        self.ask(self.at(path), partial(self.files.stat, self.at(path)), tell)

    def _send_list(self, path: str, line: Callable[[Entry], str], *, folder: bool = False) -> None:
        if not self.can_transfer():
            return

        def send(entries: list[Entry]) -> None:
            # Names with line ends are never stored; where one were, no line could pose as two.
            text = "".join(f"{sentence(line(entry))}\r\n" for entry in entries)
            self.begin(Sending(self, text.encode("utf-8", "replace")))  # type: ignore[arg-type]

        self.listing(path, send, folder=folder)

    # --- files

    def do_retr(self, path: str) -> None:
        """Send a file, from REST on."""
        offset = self._taken()
        if not self._binary:
            self.reply(f"504 {_NO_ASCII}")
            return
        if not self.can_transfer():
            return
        files, place = self.files, self.at(path)
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
            self.begin(Download(self, reader, offset, first, remote=remote))  # type: ignore[arg-type]

        self.work(opened, send, off_loop=remote)

    def do_stor(self, path: str) -> None:
        """Take a file; behind REST go on with one."""
        offset = self._taken()
        self._store(path, offset=offset or None, resume=bool(offset))

    def do_appe(self, path: str) -> None:
        """Go on with a file where it ends."""
        self._taken()
        self._store(path, offset=None, resume=True)

    def _store(self, path: str, *, offset: int | None, resume: bool) -> None:
        if not self._binary:
            self.reply(f"504 {_NO_ASCII}")
            return
        if not self.can_transfer():
            return
        files, place = self.files, self.at(path)
        remote = files.is_remote(place)

        def opened() -> Uploading:
            uploading = files.open_write(place, resume=resume)
            if offset is not None and uploading.offset != offset:
                there = uploading.offset
                uploading.abort()
                raise TransferError(
                    Trouble.UNSUPPORTED, f"the upload stands at {there}: REST {there}"
                )
            return uploading

        def take(uploading: Uploading) -> None:
            self.begin(Upload(self, uploading, self.server.data_buffers, remote=remote))  # type: ignore[arg-type]

        self.work(opened, take, off_loop=remote)

    def do_rest(self, argument: str) -> None:
        """Remember where to go on."""
        offset = number(argument)
        if not self._binary:
            self.reply(f"504 {_NO_ASCII}")
        elif offset is None:
            self.reply("501 a number of bytes is wanted")
        else:
            self._rest = offset
            self.reply(f"350 going on at {offset}")

    def do_size(self, path: str) -> None:
        """Tell the plain size: what REST counts in."""
        if not self._binary:
            self.reply(f"550 {_NO_ASCII}")
            return
        self._about_file(path, lambda entry: self.reply(f"213 {entry.size}"))

    def do_mdtm(self, path: str) -> None:
        """Tell when a file was changed."""
        self._about_file(path, lambda entry: self.reply(f"213 {time_value(entry.modified_at)}"))

    def _about_file(self, path: str, then: Callable[[Entry], None]) -> None:
        def judge(entry: Entry) -> None:
            if entry.is_folder:
                self.refuse(TransferError(Trouble.IS_FOLDER, "it is a folder"))
            else:
                then(entry)

        self.ask(self.at(path), partial(self.files.stat, self.at(path)), judge)

    def do_mfmt(self, argument: str) -> None:
        """Set when a file was changed."""
        text, _, path = argument.partition(" ")
        moment = parse_time(text)
        if moment is None or not path:
            self.reply("501 MFMT YYYYMMDDHHMMSS NAME is wanted")
            return
        place = self.at(path)
        self.ask(
            place,
            partial(self.files.set_modified, place, moment),
            lambda _: self.reply(f"213 Modify={time_value(moment)}; {path}"),
        )

    def do_hash(self, path: str) -> None:
        """Tell the SHA-256 of a file's plain bytes, for whoever may read it."""
        files, place = self.files, self.at(path)

        def digest() -> tuple[int, str]:
            reader = files.open_read(place)
            try:
                hashed, offset = hashlib.sha256(), 0
                while block := reader.read_at(offset, BLOCK_BYTES):
                    hashed.update(block)
                    offset += len(block)
                    if getattr(self, "is_closed", False):
                        break
                return offset, hashed.hexdigest()
            finally:
                reader.close()

        self.ask(
            place,
            digest,
            lambda found: self.reply(f"213 SHA-256 0-{found[0]} {found[1]} {path}"),
            long=True,
        )

    def do_dele(self, path: str) -> None:
        """Remove a file."""
        self._change(path, self.files.remove, "250 removed")

    def do_mkd(self, path: str) -> None:
        """Make a folder."""
        self._change(path, self.files.make_folder, f"257 {quoted(self.at(path))}")

    def do_rmd(self, path: str) -> None:
        """Remove an empty folder."""
        self._change(path, self.files.remove_folder, "250 removed")

    def do_rnfr(self, path: str) -> None:
        """Say what to rename."""
        place = self.at(path)

        def remember(_: Entry) -> None:
            self._renaming = place
            self.reply("350 to what?")

        self.ask(place, partial(self.files.stat, place), remember)

    def do_rnto(self, path: str) -> None:
        """Rename."""
        old, self._renaming = self._renaming, None
        if old is None:
            self.reply("503 RNFR comes first")
            return
        self._change(path, lambda new: self.files.rename(old, new, replace=True), "250 renamed")

    def _change(self, path: str, change: Callable[[str], None], reply: str) -> None:
        place = self.at(path)
        self.ask(place, partial(change, place), lambda _: self.reply(reply))

    # --- the current folder

    def do_pwd(self, _: str) -> None:
        """Tell the current folder."""
        self.reply(f"257 {quoted(self._folder)}")

    def do_cwd(self, path: str) -> None:
        """Go to another folder."""
        files, place = self.files, self.at(path or "/")

        def found() -> str:
            real = files.real_path(place)
            if not files.stat(real).is_folder:
                raise TransferError(Trouble.NOT_FOLDER, "it is not a folder")
            return real

        def go(real: str) -> None:
            self._folder = real
            self.reply(f"250 {quoted(real)}")

        self.ask(place, found, go)

    def do_cdup(self, _: str) -> None:
        """Go up."""
        self.do_cwd(posixpath.dirname(self._folder))


def _check_offset(offset: int, entry: Entry) -> None:
    if offset > entry.size:
        raise TransferError(Trouble.UNSUPPORTED, f"the file ends at {entry.size}")


def _without_options(argument: str) -> str:
    """Return *argument* without the ``-la`` that clients put before a path."""
    while argument.startswith("-"):
        argument = argument.partition(" ")[2]
    return argument

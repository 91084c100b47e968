"""
The trail of file transfer: each event to the register and to a log, in batches.

A thread takes what happened and writes it about ten times a second, so that no client
waits for a database; a process that is killed loses less than that. What the stores hold
does not rest on it: they have records of their own. Names of files are shown without any
value that stands in them.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from sealgate.detect.mask import mask_text
from sealgate.errors import SealgateError
from sealgate.register.model import TransferRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealgate.detect.scanner import Scanner
    from sealgate.protocols.model import Event
    from sealgate.register.adapters.store import Register

BATCH_SECONDS = 0.1
# One transaction; more wait for the next.
_BATCH_EVENTS = 2000
# What may wait while the register does not answer; beyond it only the log has them.
_MAX_WAITING = 100_000
_RETRY_SECONDS = 1.0
MAX_LOG_BYTES = 64 * 1024 * 1024
LOG_SCHEMA = "sealgate/transfer-event/1"


class EventWriter:
    """
    Writes events as they come. Use it in a ``with`` block, or call :meth:`close`.

    *register* is opened by the writer's own thread. *log* is the file for one line of
    JSON per event, "" for none. *complain* takes a line for a person. *scanner* finds what
    looks like data in names; it is used by the writer's thread.
    """

    def __init__(
        self,
        register: Callable[[], Register],
        log: str,
        complain: Callable[[str], None],
        scanner: Scanner,
    ) -> None:
        self._open_register = register
        self._log = log
        self._complain = complain
        self._queue: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._register: Register | None = None
        self._scanner = scanner
        self._complained = self._log_complained = False
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._live, name="sealgate events", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def note(self, event: Event) -> None:
        """Take *event*; returns at once."""
        self._queue.put(event)

    def close(self) -> None:
        """Write what is left, and end."""
        if self._thread.is_alive():
            self._ends.set()
            self._queue.put(None)
            self._thread.join()

    def _live(self) -> None:
        waiting: list[TransferRecord] = []
        retry_at = 0.0
        last = False
        while not last:
            events, last = self._gather(block=not waiting)
            records = [self._record(event) for event in events]
            self._write_log(records)
            waiting += records
            if waiting and (last or time.monotonic() >= retry_at):
                if self._write_register(waiting):
                    waiting.clear()
                else:
                    retry_at = time.monotonic() + _RETRY_SECONDS
                    del waiting[:-_MAX_WAITING]
        if waiting:
            self._complain(f"{len(waiting)} transfer events are in the log alone")
        if self._register is not None:
            self._register.close()

    def _write_log(self, records: Sequence[TransferRecord]) -> None:
        faults: list[str] = []
        write_log(self._log, records, faults.append)
        if faults and not self._log_complained:
            self._complain(faults[0])
        # Ten times a second it would be the next log that is full.
        self._log_complained = bool(faults) or (self._log_complained and not records)

    def _gather(self, *, block: bool) -> tuple[list[Event], bool]:
        """
        Return what happened within a batch's time, and whether it is the last.

        The thread sleeps meanwhile: waking up for each event would take turns with the
        servers, and cost them more than the events.
        """
        events: list[Event] = []
        with contextlib.suppress(queue.Empty):
            one = self._queue.get(timeout=None if block else BATCH_SECONDS)
            if one is not None:
                self._ends.wait(BATCH_SECONDS)
            while one is not None:
                events.append(one)
                if len(events) == _BATCH_EVENTS:
                    return events, False
                one = self._queue.get_nowait()
            return events, True
        return events, False

    def _record(self, event: Event) -> TransferRecord:
        channel = event.channel
        return TransferRecord(
            at=event.at,
            action=event.action,
            caller=event.caller,
            protocol=channel.protocol.name,
            peer=channel.peer,
            version=channel.version,
            group=channel.group,
            cipher=channel.cipher,
            mac=channel.mac,
            place=self._masked(event.place),
            classification=event.classification,
            size=event.size,
            result=self._masked(event.result) if event.result != "ok" else "ok",
            digest=event.digest,
            rule=event.rule,
            key=event.key,
            access=event.access,
            grant=event.grant,
        )

    def _masked(self, text: str) -> str:
        return mask_text(text, self._scanner) if text else text

    def _write_register(self, records: Sequence[TransferRecord]) -> bool:
        try:
            if self._register is None:
                self._register = self._open_register()
            self._register.record_transfers(records)
        except Exception as error:  # noqa: BLE001  # without this thread nothing is recorded any more
            if not self._complained:
                why = error.message if isinstance(error, SealgateError) else type(error).__name__
                self._complain(f"transfer events wait for the register: {why}")
            self._complained = True
            return False
        self._complained = False
        return True


def write_log(log: str, records: Sequence[TransferRecord], complain: Callable[[str], None]) -> None:
    """Append *records* to the file *log*, "" for none; *complain* is told when it cannot be."""
    if not log or not records:
        return
    lines = [
        json.dumps({"schema": LOG_SCHEMA, **record.values()}, ensure_ascii=False)
        for record in records
    ]
    try:
        append_lines(log, lines)
    except OSError as error:
        complain(f'transfer log "{log}" cannot be written: {error.strerror}')


def append_lines(path: str, lines: Sequence[str]) -> None:
    """
    Append *lines* to the log at *path*, which several processes share.

    One that has grown to ``MAX_LOG_BYTES`` becomes ``.1``, in place of an older one.

    Raises:
        OSError: it cannot be written.
    """
    data = "".join(f"{line}\n" for line in lines).encode()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
    while True:
        file = os.open(path, flags, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_ino != _inode(path):
                continue  # Another process has put it aside meanwhile.
            if os.fstat(file).st_size >= MAX_LOG_BYTES:
                Path(path).replace(f"{path}.1")
                continue
            _append(file, data)
            return
        finally:
            os.close(file)


def _append(file: int, data: bytes) -> None:
    begins = os.fstat(file).st_size
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(file, view) :]
    except OSError:
        # Half a line would make one of the next, which nobody could read either.
        with contextlib.suppress(OSError):
            os.ftruncate(file, begins)
        raise


def _inode(path: str) -> int:
    try:
        return Path(path).stat().st_ino
    except FileNotFoundError:
        return -1

"""
``assess`` looks at uploads: is what comes of a stricter class than its drop?

Where the drop refuses or keeps such uploads apart, they are looked at as they come, before
they are acknowledged. Where it only records them, they are looked at afterwards, when
nobody uploads, and only the first part of each. What counts is what was *found*: formats
that cannot be read, or the part behind the limit, are no mismatch. Where uploads are looked
at first, the trail tells which of them could not be seen whole; elsewhere, which of them
nobody could look at.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import math
import queue
import threading
import time
from typing import TYPE_CHECKING, BinaryIO, cast

from sealgate.assess.adapters.formats import FORMATS, UNREADABLE
from sealgate.assess.adapters.opened import OpenableFile, read_head
from sealgate.assess.classify import classify
from sealgate.assess.model import Missed
from sealgate.assess.tally import Tally
from sealgate.detect.scanner import Scanner
from sealgate.errors import SealgateError
from sealgate.protocols.session.drops import OpenDrop
from sealgate.protocols.session.hooks_stream import Passing, StoredStream
from sealgate.protocols.session.temporary_names import final_name
from sealgate.protocols.session.uploads import UploadVerdict
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.assess.model import Content
    from sealgate.policy.classification import Classification, ClassificationModel
    from sealgate.protocols.model import Event
    from sealgate.storage.model import Buffer, Entry, StorePath

RULE = "drop-class-exceeded"
# Before an upload is acknowledged: as much as a text of this kind ever has.
MAX_BYTES_FIRST = 1 << 30
# Afterwards: enough to tell what a file is about.
MAX_BYTES_AFTERWARDS = 1 << 24
# After the last byte; the look goes on with the upload, so little is left then.
VERDICT_SECONDS = 30.0
AFTERWARDS_SECONDS = 10.0
# So long nobody must have uploaded, unless what waits has waited for too long.
IDLE_SECONDS = 1.0
MAX_WAIT_SECONDS = 60.0
MAX_WAITING = 10_000
# Whoever stops the service does not wait for long.
CLOSE_SECONDS = 2.0
NOT_LOOKED_AT = "not looked at"


class SharedScanner(Scanner):
    """A scanner that several threads may use: the engine's scratch space is taken in turn."""

    def __init__(self) -> None:
        super().__init__()
        self._turn = threading.Lock()

    def hits(self, block: bytes) -> list[int]:
        """Return the anchor hits in *block*."""
        with self._turn:
            return super().hits(block)


class UploadHooks:
    """
    The hooks of one server process (implements ``Hooks``); close it.

    *model* holds the classes; *note* takes events, *complain* lines for a person.
    """

    def __init__(
        self,
        model: ClassificationModel,
        note: Callable[[Event], None],
        complain: Callable[[str], None],
        scanner: SharedScanner,
        *,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._model = model
        self._note = note
        self._complain = complain
        self._idle_seconds = idle_seconds
        self._scanner = scanner
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(MAX_WAITING)
        self._last_work = 0.0
        self._ends = threading.Event()
        self._ends_at = math.inf
        self._thread = threading.Thread(target=self._live, name="sealgate hooks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look at what waits, for a moment; of the rest the trail tells that nobody did."""
        self._ends_at = time.monotonic() + CLOSE_SECONDS
        self._ends.set()
        with contextlib.suppress(queue.Full):  # Behind as it is, the thread sees that it ends.
            self._queue.put_nowait(None)
        self._thread.join()

    def during(self, drop: OpenDrop, name: str) -> StreamInspection:
        """Begin to look at an upload to *drop* that will be called *name*."""
        return StreamInspection(
            drop.drop.classification, final_name(name), self._model, self._scanner
        )

    def at_work(self) -> None:
        """A client is at work: looks at what has come before wait."""
        self._last_work = time.monotonic()

    def afterwards(self, drop: OpenDrop, path: StorePath, entry: Entry, event: Event) -> None:
        """Look at *path* some time later, and note what was found beside *event*."""
        if drop.is_strictest or drop.is_sealed_elsewhere:
            return
        self.at_work()
        try:
            self._queue.put_nowait(_Waiting(drop, path, entry, event, self._last_work))
        except queue.Full:
            # Better not looked at than a server that stops.
            self._note_unseen(event)

    def _note_unseen(self, event: Event) -> None:
        self._note(dataclasses.replace(event, action="assessment", result=NOT_LOOKED_AT))

    def _live(self) -> None:
        while one := self._next():
            self._await_idle(one.since)
            if self._is_over() or not self._looked(one):
                self._note_unseen(one.event)

    def _next(self) -> _Waiting | None:
        with contextlib.suppress(queue.Empty):
            return self._queue.get(block=not self._ends.is_set())
        return None

    def _is_over(self) -> bool:
        return time.monotonic() >= self._ends_at

    def _looked(self, one: _Waiting) -> bool:
        """Return whether *one* was looked at, or is gone and need not be."""
        try:
            self._look(one)
        except SealgateError as error:
            if isinstance(error, StorageError) and error.trouble is Trouble.NOT_FOUND:
                return True
            self._complain(error.message)
            return False
        except Exception as error:  # noqa: BLE001  # one file must not end the thread
            self._complain(f"{type(error).__name__} while an upload was looked at")
            return False
        # One that was cut short by the end of the service was not.
        return not self._is_over()

    def _await_idle(self, since: float) -> None:
        while not self._ends.is_set():
            now = time.monotonic()
            left = min(self._last_work + self._idle_seconds, since + MAX_WAIT_SECONDS) - now
            if left <= 0:
                return
            self._ends.wait(left)

    def _look(self, one: _Waiting) -> None:
        until = time.monotonic() + AFTERWARDS_SECONDS
        reader = one.drop.store.open_read(one.path)
        try:
            if reader.entry.object_id != one.entry.object_id:
                return  # Another upload has taken its place, and waits itself.

            def opened() -> BinaryIO:
                raw = StoredStream(
                    reader,
                    MAX_BYTES_AFTERWARDS,
                    lambda: time.monotonic() < until and not self._is_over(),
                )
                return cast("BinaryIO", io.BufferedReader(raw))

            kinds, computed, _ = look_at(
                OpenableFile(final_name(one.path[-1]), opened),
                self._model,
                self._scanner,
            )
        finally:
            reader.close()
        if computed.rank > one.drop.drop.classification.rank:
            self._note(
                dataclasses.replace(
                    one.event,
                    action="assessment",
                    place="/".join((one.drop.name, *one.path)),
                    result=f"{', '.join(kinds)}: {computed.id}",
                    size=one.entry.size,
                    rule=RULE,
                )
            )


@dataclasses.dataclass(frozen=True, slots=True)
class _Waiting:
    drop: OpenDrop
    path: StorePath
    entry: Entry
    event: Event
    since: float


class StreamInspection:
    """A look at one upload while it comes, in a thread of its own (implements ``Inspection``)."""

    def __init__(
        self,
        allowed: Classification,
        name: str,
        model: ClassificationModel,
        scanner: Scanner,
    ) -> None:
        self._allowed = allowed
        self._name = name
        self._model = model
        self._scanner = scanner
        self._passing = Passing(MAX_BYTES_FIRST)
        self._found: tuple[tuple[str, ...], Classification, bool] | None = None
        self._thread: threading.Thread | None = None

    def feed(self, data: Buffer) -> None:
        """Take the next bytes; may wait while the look falls behind."""
        self._begin()
        self._passing.feed(data)

    def verdict(self) -> UploadVerdict:
        """
        Return what was found, after the last byte.

        A look that failed or lasted too long is told as if the strictest class were found:
        the drop asks that nothing passes unseen.
        """
        thread = self._begin()
        self._passing.end()
        thread.join(VERDICT_SECONDS)
        self._passing.stop()
        if self._found is None:
            return UploadVerdict(
                self._model.strictest.id, ("it could not be looked at",), True, False
            )
        kinds, computed, complete = self._found
        stricter = computed.rank > self._allowed.rank
        return UploadVerdict(computed.id, kinds, stricter, complete and not self._passing.was_cut)

    def give_up(self) -> None:
        """There is nothing more to look at."""
        self._passing.stop()
        if self._thread is not None:
            self._thread.join()

    def _begin(self) -> threading.Thread:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._look, name="sealgate inspection", daemon=True
            )
            self._thread.start()
        return self._thread

    def _look(self) -> None:
        try:
            file = OpenableFile(self._name, self._passing.open)
            self._found = look_at(file, self._model, self._scanner)
        except Exception:  # noqa: BLE001  # whatever it was, the upload was not looked at
            self._found = None
        finally:
            # A reader that stops before the end must not keep the upload waiting.
            self._passing.reader_gone()


def look_at(
    file: OpenableFile, model: ClassificationModel, scanner: Scanner
) -> tuple[tuple[str, ...], Classification, bool]:
    """Return the kinds of data found in *file*, the class that follows, and whether all was read."""
    tally = Tally(scanner)
    tally.name(file.name)
    complete = True
    for content in _contents(file):
        if isinstance(content, Missed):
            complete = False
        tally.take(content)
    kinds = tally.finish().kinds
    weighed = classify(kinds, model=model, complete=True)
    return tuple(found.kind.value for found in kinds), weighed.computed, complete


def _contents(file: OpenableFile) -> Iterator[Content]:
    head = read_head(file)
    for offset, mark, name in UNREADABLE:
        if head.startswith(mark, offset):
            yield Missed(name)
            return
    for candidate in FORMATS:
        if not candidate.seeks and candidate.claims(head, file.ending):
            yield from candidate.contents(file, None)
            return
    yield Missed("a format that is not known")

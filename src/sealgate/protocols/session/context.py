"""What all sessions of one process share, and what each notes in the trail."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from sealgate.policy.protection import AccessRung
from sealgate.protocols.model import Event, TransferError
from sealgate.protocols.session.digests import KnownDigests
from sealgate.storage.model import Trouble
from sealgate.storage.paths import given

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sealgate.identity.grants import Grant
    from sealgate.protocols.model import Caller, Channel, Refusal
    from sealgate.protocols.session.drops import OpenDrop
    from sealgate.protocols.session.uploads import UploadInspection
    from sealgate.storage.model import Entry, StorePath


# Each takes about 1 MiB while it is written, and a thread where uploads are looked at.
MOST_OPEN_FILES = 128


class OpenFiles:
    """
    How many files each caller has open in this process, over all of their sessions.

    Else one of them could use up the memory of all. Safe for several threads.
    """

    def __init__(self, most: int = MOST_OPEN_FILES) -> None:
        self._most = most
        self._lock = Lock()
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def room(self, caller: str) -> Iterator[None]:
        """
        Count one more for *caller*; not where the block fails. Give it back by :meth:`leave`.

        Raises:
            TransferError: BUSY: there are too many.
        """
        with self._lock:
            if self._open[caller] >= self._most:
                raise TransferError(
                    Trouble.BUSY, f"you have {self._most} files open: close one of them first"
                )
            self._open[caller] += 1
        try:
            yield
        except BaseException:
            self.leave(caller)
            raise

    def leave(self, caller: str) -> None:
        """Count one less for *caller*."""
        with self._lock:
            self._open[caller] -= 1
            if self._open[caller] <= 0:
                del self._open[caller]


class Hooks(Protocol):
    """Looks at uploads: while they come, or afterwards."""

    def during(self, drop: OpenDrop, name: str) -> UploadInspection:
        """Begin to look at an upload to *drop* that will be called *name*."""

    def at_work(self) -> None:
        """A client is at work: looks that nobody waits for may come later."""

    def afterwards(self, drop: OpenDrop, path: StorePath, entry: Entry, event: Event) -> None:
        """Look at *path* some time later, and note what was found beside *event*."""


@dataclass(frozen=True, slots=True)
class SessionContext:
    """What all sessions of one process share: *note* takes events, *complain* lines for a person."""

    note: Callable[[Event], None]
    complain: Callable[[str], None]
    now: Callable[[], float]
    hooks: Hooks | None = None
    left: Callable[[Any], None] = lambda _session: None
    digests: KnownDigests = field(default_factory=KnownDigests)
    open_files: OpenFiles = field(default_factory=OpenFiles)


class SessionTrail:
    """
    The events of *caller* over *channel*; whose they are never changes.

    *granted* holds, by the name of a drop, the grant that opens it now.
    """

    def __init__(self, caller: Caller, channel: Channel, context: SessionContext) -> None:
        self.granted: Mapping[str, Grant] = {}
        self._caller = caller
        self._channel = channel
        self._context = context

    def add(
        self,
        action: str,
        drop: OpenDrop,
        path: StorePath,
        *,
        size: int = 0,
        result: str = "ok",
        digest: str = "",
        rule: str = "",
    ) -> Event:
        """Note *action* on *path* of *drop*, and return the event."""
        place = "/".join((drop.name, *map(given, path)))
        return self._add(
            action, place, drop.drop.classification.id, size, result, digest=digest, rule=rule
        )

    def refusal(self, name: str, refusal: Refusal) -> None:
        """Note that the drop *name* was asked for and is refused."""
        self._add("refusal", name, "", 0, refusal.message, rule=refusal.rule)

    def _add(
        self,
        action: str,
        place: str,
        classification: str,
        size: int,
        result: str,
        *,
        digest: str = "",
        rule: str = "",
    ) -> Event:
        grant = self.granted.get(place.partition("/")[0])
        event = Event(
            at=self._context.now(),
            action=action,
            caller=self._caller.name,
            channel=self._channel,
            place=place,
            classification=classification,
            size=size,
            result=result,
            digest=digest,
            rule=rule,
            key=self._caller.key,
            access=AccessRung.VERY_HIGH if grant else self._caller.access,
            grant=grant.id if grant else "",
        )
        self._context.note(event)
        return event

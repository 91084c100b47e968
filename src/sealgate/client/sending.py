"""
What may be sent where: the place, the class of a file, and whether a channel is enough.

Pure. The client holds a channel to the same ladder as the server does; what it would
refuse as a server it does not send over as a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from sealgate.errors import ExitCode, SealgateError, UsageError
from sealgate.policy.protection import SENSITIVE_FLOOR, Column, Protection, TransitRung
from sealgate.protocols.authorize import transit_rung
from sealgate.protocols.model import Method

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from sealgate.policy.classification import Classification
    from sealgate.protocols.model import Channel
    from sealgate.storage.model import Buffer


class ChannelRefusedError(SealgateError):
    """
    Something would have travelled over a channel that its class does not allow.

    *rule* is the id of the rule that stands against it. Nothing of it was sent.
    """

    exit_code = ExitCode.FINDINGS

    def __init__(self, rule: str, message: str, *, hint: str | None = None) -> None:
        """Keep the *rule* beside *message*, which names it, too."""
        super().__init__(f"{message} ({rule})", hint=hint or f"sealgate explain {rule}")
        self.rule = rule


class RemoteError(SealgateError):
    """The other side refused, failed or went away; what it has of the file may be partial."""


class RemoteUpload(Protocol):
    """A file on its way to the other side; bytes go out in order."""

    def write(self, data: Buffer, /) -> int:
        """Send the next bytes; return how many, which is all of them."""

    def finish(self) -> None:
        """Return once the other side has acknowledged the whole file."""

    def abandon(self) -> None:
        """Break off. Never raises."""


class Remote(Protocol):
    """
    A signed-in connection. Every method may raise :class:`RemoteError`.

    *channel* is what was measured on it; *methods* is what we proved who we are with.
    """

    @property
    def channel(self) -> Channel:
        """Return the live connection as measured."""

    @property
    def methods(self) -> frozenset[Method]:
        """Return how we signed in."""

    def size(self, path: str) -> int | None:
        """Return how many bytes lie at *path*, ``None`` when that cannot be told."""

    def upload(self, path: str, *, offset: int, size: int | None) -> RemoteUpload:
        """Begin to write at *offset* of *path*; *size* is that of the whole, if known."""

    def download(self, path: str) -> Iterator[bytes]:
        """Yield the bytes at *path*, to their end."""

    def digest(self, path: str, *, length: int | None = None) -> str | None:
        """
        Return the SHA-256 (hex) that the other side gives, ``None`` when it gives none.

        With *length* that of so many bytes from the beginning.
        """

    def close(self) -> None:
        """Let go. Never raises."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""


def class_to_send(
    subject: str,
    computed: Classification,
    asked: Classification | None,
    because: str | None,
) -> Classification:
    """
    Return the class that *subject* is sent under.

    A stricter one than the data say can be *asked* for without more, a weaker one needs a
    reason.

    Raises:
        UsageError: there is none.
    """
    if asked is None:
        return computed
    if asked.rank >= computed.rank or (because and because.strip()):
        return asked
    message = (
        f'{subject} is "{computed.id}"; to send it as "{asked.id}", which is weaker, takes a reason'
    )
    raise UsageError(message, hint=f"--class {asked.id} --because REASON")


def needs_sealing(required: Protection) -> bool:
    """Return whether a file leaves this host sealed only."""
    return not required.at_rest.stored.opens_here


def needed_rung(required: Protection) -> TransitRung:
    """Return the rank in transit that a channel must have: somebody signs in over it."""
    return max(required.in_transit, SENSITIVE_FLOOR.in_transit)


def check_channel(
    subject: str,
    classification: str,
    rung: TransitRung,
    channel: Channel,
    methods: frozenset[Method],
) -> None:
    """
    Return if *channel*, over which we signed in with *methods*, has the rank *rung*.

    Raises:
        ChannelRefusedError: it has not, with the rule.
    """
    if transit_rung(channel, methods) >= rung:
        return
    required = Protection(rung).rung(Column.IN_TRANSIT)
    subject = f'{subject} is "{classification}", which must travel {required}'
    why = channel.protocol.below(subject, channel)
    if channel.protocol.rung(channel) < rung:
        raise ChannelRefusedError(why.rule, why.message)
    how = f"by {' and '.join(sorted(methods))}" if methods else "with no proof"
    found = f"we signed in {how}, not by {channel.protocol.key}"
    raise ChannelRefusedError(why.rule, f"{subject}: {found}")

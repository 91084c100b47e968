"""
What may be sent where: the place, the class of a file, and whether a channel is enough.

Pure. The client holds a channel to the same ladder as the server does; what it would
refuse as a server it does not send over as a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from sealgate.errors import ExitCode, SealgateError, UsageError
from sealgate.policy.algorithms import (
    rank_of_cipher,
    rank_of_kex,
)
from sealgate.policy.protection import SENSITIVE_FLOOR, Column, Protection, StorageRung, TransitRung
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
    return required.at_rest >= StorageRung.HIGHLY_ENCRYPTED


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
    rule, found = _defect(channel, methods)
    required = Protection(rung).rung(Column.IN_TRANSIT)
    message = f'{subject} is "{classification}", which must travel {required}: {found}'
    raise ChannelRefusedError(rule, message)


def _defect(channel: Channel, methods: frozenset[Method]) -> tuple[str, str]:
    is_tls = channel.protocol.key is Method.CLIENT_CERTIFICATE
    defects = _of_tls(channel, methods) if is_tls else _of_ssh(channel, methods)
    # The last one is what is left when all others are ruled out.
    return next((rule, found) for is_there, rule, found in defects if is_there)


def _of_ssh(channel: Channel, methods: frozenset[Method]) -> Iterator[tuple[bool, str, str]]:
    kex, cipher = channel.group, channel.cipher
    yield channel.version != "SSH-2.0", "transit-ssh-version-1", f"it speaks {channel.version}"
    yield (
        rank_of_kex(kex) < TransitRung.ENCRYPTED,
        "transit-ssh-weak-kex",
        f"the key exchange is {kex}",
    )
    yield (
        rank_of_cipher(cipher) < TransitRung.ENCRYPTED,
        "transit-ssh-weak-cipher",
        f"the cipher is {cipher}",
    )
    weak = transit_rung(channel) < TransitRung.ENCRYPTED
    unstrict = weak and not channel.strict_kex
    yield unstrict, "transit-ssh-no-strict-kex", "the server has no strict key exchange"
    yield weak, "transit-ssh-weak-mac", f"the MAC is {channel.mac}"
    classical = rank_of_kex(kex) < TransitRung.HIGHLY_ENCRYPTED
    yield classical, "transit-ssh-no-hybrid", f"the key exchange {kex} is not post-quantum"
    old = rank_of_cipher(cipher) < TransitRung.HIGHLY_ENCRYPTED
    yield old, "transit-ssh-old-cipher", f"the cipher is {cipher}"
    yield True, "transit-ssh-password-accepted", f"we signed in {_how(methods)}, not by key"


def _of_tls(channel: Channel, methods: frozenset[Method]) -> Iterator[tuple[bool, str, str]]:
    version, suite = channel.version, channel.cipher
    old = version not in {"TLSv1.2", "TLSv1.3"}
    yield old, "transit-weak-version", f"it speaks {version}"
    weak = transit_rung(channel) < TransitRung.ENCRYPTED
    yield weak, "transit-weak-cipher", f"the cipher suite is {suite}"
    yield version != "TLSv1.3", "transit-tls-1-2-accepted", f"it speaks {version}"
    best = transit_rung(channel, frozenset([Method.CLIENT_CERTIFICATE]))
    group = f"the group {channel.group or '?'} is not post-quantum"
    yield best < TransitRung.HIGHLY_ENCRYPTED, "transit-no-hybrid", group
    how = f"we signed in {_how(methods)}, not by certificate"
    yield True, "transit-client-unauthenticated", how


def _how(methods: frozenset[Method]) -> str:
    return f"by {' and '.join(sorted(methods))}" if methods else "with no proof"

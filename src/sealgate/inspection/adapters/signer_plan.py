"""What the process that signs answers is told by its parent: plain values that pickle carries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealgate.inspection.model import RelayUpstream
    from sealgate.signing.keys import SigningKey

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SignerPolicy:
    """
    One route whose answers are signed: its *asset*, and the *upstream* that answers.

    A body is held in memory up to *hold_bytes*, then in a file without a name in the folder
    *spool*. One of more than *body_bytes* is refused, and so is any while files hold
    *spool_bytes*.
    """

    asset: str
    upstream: RelayUpstream
    spool: str
    hold_bytes: int = MEBIBYTE
    body_bytes: int = 4096 * MEBIBYTE
    spool_bytes: int = 16_384 * MEBIBYTE


@dataclass(frozen=True, slots=True)
class SignerPlan:
    """
    Everything that the process needs.

    *listeners* are descriptors of listening Unix sockets, one per policy, in that order, and
    *keys* the keys of each one's site.
    """

    policies: tuple[SignerPolicy, ...]
    listeners: tuple[int, ...]
    keys: tuple[tuple[SigningKey, ...], ...]

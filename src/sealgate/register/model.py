"""
What the register keeps: plain values, so that no other room has to be known here.

Seconds are since the epoch. ``details`` are JSON values that whoever recorded them
understands; they hold places, kinds and counts, never data that was found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class RegisteredAsset:
    """
    One asset, and since when and until when it was seen.

    *classification* is the class that the last assessment came to, after the decisions
    that there were then, and *computed* what the data said; both are ``None`` while
    nobody assessed. *decided* is the class of the newest decision, if there is one.
    """

    id: str
    kind: str
    parent: str | None
    first_seen_at: float
    last_seen_at: float
    classification: str | None = None
    computed: str | None = None
    decided: str | None = None


@dataclass(frozen=True, slots=True)
class AssessmentRecord:
    """The outcome of one assessment of one asset."""

    asset: str
    kind: str
    classification: str
    computed: str
    details: Mapping[str, Any] = field(default_factory=dict)
    parent: str | None = None
    assessed_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided about the class of an asset. The newest holds; all are kept."""

    asset: str
    classification: str
    by: str
    reason: str
    decided_at: float


@dataclass(frozen=True, slots=True)
class Approval:
    """
    That a person approved one *item* of an asset, such as a script of a payment page.

    *digest* is of what was approved; of something else it says nothing. All are kept.
    """

    asset: str
    item: str
    digest: str
    by: str
    reason: str
    approved_at: float


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One audit: when, from where, and how it ended."""

    id: int
    audited_at: float
    vantage: str
    met: int
    open_findings: int
    accepted: int


@dataclass(frozen=True, slots=True)
class EvidenceRecord:
    """
    One finding, one asset's ranks, or one sighting that an audit rests on.

    *sort* is ``finding``, ``asset`` or ``sighting``.
    """

    audit: int
    sort: str
    asset: str
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TransferRecord:
    """
    One thing that happened in file transfer: who did what, from where, over what.

    *place* is shown without values. *size* is in bytes; *digest* is the SHA-256 (hex) of the
    plain bytes, *rule* the id of the rule that stood against it, *key* the fingerprint of
    the caller's key; each "" when there is none. *access* is the access rung that was reached,
    *grant* the id of the grant that it took; both ``None`` in what is older than them.
    """

    at: float
    action: str
    caller: str
    protocol: str
    peer: str
    version: str
    group: str
    cipher: str
    mac: str
    place: str
    classification: str
    size: int
    result: str
    digest: str = ""
    rule: str = ""
    key: str = ""
    access: int | None = 0
    grant: str | None = ""

    def values(self) -> dict[str, Any]:
        """Return every field by its name."""
        # Ten times faster than dataclasses.asdict, which copies deeply.
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class TrailCheck:
    """
    Whether the trail is whole.

    *entries* is its length and *head* the digest of the last one: kept elsewhere, it
    also shows a trail that was cut off or written anew. *faults* tell, entry by
    entry, what does not agree.
    """

    entries: int
    head: str
    faults: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Return whether nothing speaks for tampering."""
        return not self.faults

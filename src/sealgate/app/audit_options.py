"""How an audit looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sealgate.audit.model import Limits


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """
    How to look, and when: *now* is in seconds since the epoch.

    *active*: a POST may be sent to endpoints that nobody configured. *ca_files* are
    trusted besides the system's authorities. *resolve* gives addresses for names.
    *addresses* are this host's public ones; ``None`` means that they are found out.
    """

    now: float
    active: bool = False
    ca_files: tuple[str, ...] = ()
    resolve: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] | None = None
    limits: Limits = field(default_factory=Limits)
    progress: Callable[[str], None] = lambda _name: None

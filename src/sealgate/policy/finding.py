"""
What a report is made of. Output formats only read these values.

A finding holds place, kind and count. It never holds the data it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from sealgate.policy.observation import Fact, FactValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealgate.policy.inventory import AcceptedRisk, Asset, AssetKind
    from sealgate.policy.observation import Sighting, Vantage
    from sealgate.policy.protection import Column, Protection


class Severity(IntEnum):
    """
    How bad. Only the breach of a MUST is an ``ERROR``.
    """

    NOTE = 1
    WARNING = 2
    ERROR = 3


class Status(StrEnum):
    """
    What a rule says of an asset.
    """

    MET = "met"
    VIOLATED = "violated"
    NOT_OBSERVED = "not observed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    The answer of one rule: its status, and what was found in one sentence fragment.
    """

    status: Status
    detail: str


@dataclass(frozen=True, slots=True)
class Citation:
    """
    The clause that a rule rests on: *source* ("RFC 9325") and *clause* ("3.1.1").
    """

    source: str
    clause: str
    url: str = ""

    def __str__(self) -> str:
        """
        Return the citation as it is printed.
        """
        return f"{self.source}, {self.clause}" if self.clause else self.source


@dataclass(frozen=True, slots=True)
class Subject:
    """
    What a rule judges: an asset, what it must provide, what was seen of it, and when.

    *now* is in seconds since the epoch. *sightings* holds the parent's too.
    """

    asset: Asset
    required: Protection
    sightings: Mapping[Fact, Sighting]
    now: float


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One thing that can be right or wrong, with its clause.

    *id*, the module's name, the docs heading, the test's name and the message share
    one word. *applies_to* limits the kinds of asset. *column* is what it is about.
    *criterion* tells that the rule is part of a rung (see :mod:`sealgate.policy.ladder`)
    and so is only asked when the rung is required; other rules are always asked.
    *judge* is pure; it answers ``NOT_OBSERVED`` when a fact it needs was not seen.
    """

    id: str
    title: str
    severity: Severity
    column: Column
    vantage: Vantage
    applies_to: frozenset[AssetKind]
    citations: tuple[Citation, ...]
    why: str
    remediation: str
    judge: Callable[[Subject], Verdict]
    criterion: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One rule, broken or not observable, at one asset.

    *found* and *required* are sentence fragments; *fix* is what to type.
    *accepted* is the risk that somebody took on; then it does not count as open.
    """

    rule: Rule
    asset: Asset
    status: Status
    found: str
    required: str
    fix: str
    accepted: AcceptedRisk | None = None

    @property
    def is_open(self) -> bool:
        """
        Return whether somebody still has to act.
        """
        return self.accepted is None and self.rule.severity > Severity.NOTE


@dataclass(frozen=True, slots=True)
class AssetReport:
    """
    What one asset needs and has: ranks per column; *provided* ``None`` where unseen.
    """

    asset: Asset
    classification: str
    required: Protection
    provided: Mapping[Column, int | None]


@dataclass(frozen=True, slots=True)
class Report:
    """
    The whole verdict: open and accepted findings, what was met, what each asset has.

    *expired* are accepted risks that ended; they excuse nothing and are still shown.
    *unused* are accepted risks that met no finding.
    """

    findings: tuple[Finding, ...]
    met: int
    assets: tuple[AssetReport, ...]
    expired: tuple[AcceptedRisk, ...] = ()
    unused: tuple[AcceptedRisk, ...] = ()

    @property
    def open_findings(self) -> tuple[Finding, ...]:
        """
        Return the findings that nobody took on.
        """
        return tuple(f for f in self.findings if f.is_open)


__all__ = [
    "AssetReport",
    "Citation",
    "Fact",
    "FactValue",
    "Finding",
    "Report",
    "Rule",
    "Severity",
    "Status",
    "Subject",
    "Verdict",
]

"""
What a report is made of. Output formats only read these values.

A finding holds place, kind and count. It never holds the data it is about.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from sealgate.errors import BugError
from sealgate.policy.assets import AssetKind
from sealgate.policy.observation import Fact, FactValue, NotObserved, Observation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sealgate.policy.assets import Asset
    from sealgate.policy.declarations import Declaration
    from sealgate.policy.inventory import AcceptedRisk
    from sealgate.policy.observation import Sighting, Vantage
    from sealgate.policy.protection import Column, Protection


class Severity(IntEnum):
    """How bad. Only the breach of a MUST is an ``ERROR``."""

    NOTE = 1
    WARNING = 2
    ERROR = 3


class Status(StrEnum):
    """What a rule says of an asset."""

    MET = "met"
    VIOLATED = "violated"
    NOT_OBSERVED = "not observed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of one rule: its status, and what was found in one sentence fragment."""

    status: Status
    detail: str


def met(detail: str) -> Verdict:
    """Return the verdict that all is right, with what was seen."""
    return Verdict(Status.MET, detail)


def violated(detail: str) -> Verdict:
    """Return the verdict that something is wrong, with what was found."""
    return Verdict(Status.VIOLATED, detail)


def not_applicable(detail: str) -> Verdict:
    """Return the verdict that the rule says nothing here, and why. It never meets a rung."""
    return Verdict(Status.NOT_APPLICABLE, detail)


def listed(names: Iterable[str], *, most: int = 5) -> str:
    """Return *names* for a sentence; of more than *most* only the first, and how many follow."""
    given = list(names)
    shown = ", ".join(given[:most])
    return f"{shown} and {len(given) - most} more" if len(given) > most else shown


@dataclass(frozen=True, slots=True)
class Citation:
    """The clause that a rule rests on: *source* ("RFC 9325") and *clause* ("3.1.1")."""

    source: str
    clause: str
    url: str = ""

    def __str__(self) -> str:
        """Return the citation as it is printed."""
        return f"{self.source}, {self.clause}" if self.clause else self.source


@dataclass(frozen=True, slots=True)
class Subject:
    """
    What a rule judges: an asset, what it must provide, what was seen of it, and when.

    *now* is in seconds since the epoch. *sightings* holds the parent's too, one for
    each fact: where there are several, the rule is asked once for each.
    """

    asset: Asset
    required: Protection
    sightings: Mapping[Fact, Sighting]
    now: float
    declarations: frozenset[Declaration] = frozenset()

    def text(self, fact: Fact) -> str | None:
        """Return what was seen of a *fact* that is a word, ``None`` when it was not seen."""
        value = self._seen(fact)
        if value is None or isinstance(value, str):
            return value
        raise _mistyped(fact, value)

    def names(self, fact: Fact) -> tuple[str, ...] | None:
        """Return what was seen of a *fact* that is a list, ``None`` when it was not seen."""
        value = self._seen(fact)
        if value is None or isinstance(value, tuple):
            return value
        raise _mistyped(fact, value)

    def flag(self, fact: Fact) -> bool | None:
        """Return what was seen of a *fact* that is yes or no, ``None`` when it was not seen."""
        value = self._seen(fact)
        if value is None or isinstance(value, bool):
            return value
        raise _mistyped(fact, value)

    def number(self, fact: Fact) -> float | None:
        """Return what was seen of a *fact* that is a number, ``None`` when it was not seen."""
        value = self._seen(fact)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        raise _mistyped(fact, value)

    def looked_at(self, *facts: Fact) -> bool:
        """Return whether somebody saw, or tried to see, one of *facts*."""
        return any(fact in self.sightings for fact in facts)

    def not_observed(self, *facts: Fact) -> Verdict:
        """Return the verdict that one of *facts* was not seen, with the reasons given."""
        found = {fact: self.sightings.get(fact) for fact in facts}
        reasons = [s.reason for s in found.values() if isinstance(s, NotObserved)]
        ignored = [fact.value for fact, sighting in found.items() if sighting is None]
        if ignored:
            reasons.append(f"nobody looked at {', '.join(ignored)}")
        return Verdict(Status.NOT_OBSERVED, "; ".join(dict.fromkeys(reasons)))

    def _seen(self, fact: Fact) -> FactValue | None:
        sighting = self.sightings.get(fact)
        return sighting.value if isinstance(sighting, Observation) else None


def _mistyped(fact: Fact, value: FactValue) -> BugError:
    return BugError(
        f'fact "{fact.value}" was reported as {type(value).__name__}, which it never is',
        hint="please report this",
    )


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One thing that can be right or wrong, with its clause.

    *id*, the module's name, the docs heading, the test's name and the message share
    one word. *title* names the defect, *demand* what must hold instead. *applies_to*
    limits the kinds of asset. *column* is what it is about.
    *facts* are all that *judge* may look at. *judge* is pure; it answers
    ``NOT_OBSERVED`` when a fact it needs was not seen.
    *criterion* tells that the rule is only asked when a rung that it is part of (see
    :mod:`sealgate.policy.ladder`) is required; other rules are always asked.
    *active* tells that only a probe that sends something can see it.
    """

    id: str
    title: str
    demand: str
    severity: Severity
    column: Column
    vantage: Vantage
    applies_to: frozenset[AssetKind]
    citations: tuple[Citation, ...]
    why: str
    remediation: str
    facts: tuple[Fact, ...]
    judge: Callable[[Subject], Verdict]
    criterion: bool = False
    active: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """
    One rule, broken or not observable, at one asset.

    *found* and *required* are sentence fragments; *fix* is what to type.
    *accepted* is the risk that somebody took on; then it does not count as open.
    *demanded* tells that the rule is part of a rung that the asset's class requires.
    """

    rule: Rule
    asset: Asset
    status: Status
    found: str
    required: str
    fix: str
    accepted: AcceptedRisk | None = None
    demanded: bool = False

    @property
    def severity(self) -> Severity:
        """
        Return how bad it is here: what a required rung is made of is a MUST.

        What only an active probe can see is a note on a target that nobody configured,
        because there Sealgate may only send something when it is told to.
        """
        if self.demanded:
            return Severity.ERROR
        if (
            self.rule.active
            and self.status is Status.NOT_OBSERVED
            and self.asset.kind is AssetKind.ENDPOINT
        ):
            return Severity.NOTE
        return self.rule.severity

    @property
    def is_open(self) -> bool:
        """Return whether somebody still has to act."""
        return self.accepted is None and self.severity > Severity.NOTE


@dataclass(frozen=True, slots=True)
class AssetReport:
    """
    What one asset needs and has: ranks per column; *provided* ``None`` where unseen.

    *classification* and *collects* are ids. *columns* are the ones that say something
    of this kind of asset.
    """

    asset: Asset
    classification: str
    required: Protection
    provided: Mapping[Column, int | None]
    collects: str | None = None
    columns: tuple[Column, ...] = ()

    def is_met(self, column: Column) -> bool:
        """Return whether what was seen reaches what is required in *column*."""
        return (self.provided.get(column) or 0) >= self.required.rank(column)


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
        """Return the findings that nobody took on."""
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
    "listed",
    "met",
    "not_applicable",
    "violated",
]

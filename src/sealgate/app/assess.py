"""
Assess: read sources, find kinds, weigh them into classes, and keep the outcome.

This is the only place where the rooms of an assessment meet: sources from
:mod:`sealgate.assess.adapters`, judgement of what need not be kept from the policy, and
the register. Nothing that was found leaves here as a value.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sealgate.app.web_roots import WebRoots
from sealgate.assess.adapters.sources import source_of
from sealgate.assess.classify import classify
from sealgate.assess.minimise import (
    RULES,
    WEB_ROOT_RULE,
    advice,
    sightings_of,
)
from sealgate.assess.model import (
    Advice,
    Assessment,
    AssessRun,
    Item,
    Missed,
    NotLooked,
    Override,
    Tallied,
    Unread,
)
from sealgate.assess.naming import Shown, show_place
from sealgate.assess.tally import Tally
from sealgate.assess.together import together
from sealgate.config.reader import quoted
from sealgate.detect.scanner import Scanner
from sealgate.errors import NothingToLookAtError, UsageError
from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.evaluate import evaluate
from sealgate.policy.finding import Status
from sealgate.policy.observation import Observation
from sealgate.policy.requirements import AssetRequirement, applicable, required_of_data
from sealgate.register.adapters.store import Register
from sealgate.register.model import AssessmentRecord, Decision
from sealgate.report.assessment import assessment_value

if TYPE_CHECKING:
    from sealgate.assess.model import Content
    from sealgate.policy.classification import ClassificationModel
    from sealgate.policy.finding import Report
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import Sighting


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an assessment is: the shown place at work, assets done, bytes looked at."""

    place: str
    assets: int
    bytes_read: int


def assess(
    sources: Sequence[str],
    *,
    inventory: Inventory | None,
    register: Register | None,
    now: float,
    progress: Callable[[Progress], None] | None = None,
    web_roots: Sequence[str] = (),
    sample: int | None = None,
    scanner: Scanner | None = None,
) -> AssessRun:
    """
    Find, classify and register everything in *sources* (paths and database URLs).

    *now* is in seconds since the epoch. *web_roots* are folders that a web server
    serves from, besides those of the *inventory*. *sample* limits the rows that are read
    of each table; counts are then projected and marked. *scanner* spares a caller with
    many short runs to compile one each time; no other thread may use it meanwhile.

    Raises:
        UsageError: a source or a web root does not exist.
        NothingToLookAtError: the sources hold no file and no table.
        SourceError: the register cannot be used.
    """
    run = _Run(inventory, register, progress, scanner or Scanner())
    roots = WebRoots(inventory, web_roots, sources, lambda place: run.show(place).text)
    shown = [run.show(source).text for source in sources]
    opened = [
        source_of(source, shown=name, sample=sample)
        for source, name in zip(sources, shown, strict=True)
    ]
    for source in opened:
        for item in source.items():
            run.look_at(item, roots)
    if not run.looked:
        raise NothingToLookAtError(
            "the sources hold nothing to look at: no file and no table",
            hint="name a folder with files in it, or a database with tables",
        )
    run.sum_up_databases()
    outcome = run.judge(roots, now)
    if register is not None:
        register.record_assessments([_record(a) for a in outcome.assessments], at=now)
    return outcome


def decide(
    asset: str,
    class_id: str,
    *,
    by: str,
    reason: str,
    inventory: Inventory | None,
    register: Register,
    now: float,
) -> Decision:
    """
    Keep what a person decided about the class of *asset* (by id).

    Raises:
        UsageError: there is no such class or no such asset, or a name or reason lacks.
    """
    model = inventory.model if inventory else DEFAULT_MODEL
    if model.find(class_id) is None:
        known = ", ".join(c.id for c in model.classes)
        raise UsageError(
            f"class {quoted(class_id)} does not exist; there are {known}", hint="sealgate classes"
        )
    decision = Decision(asset, class_id, by, reason, now)
    register.record_decision(decision)
    return decision


@dataclass(slots=True)
class _Looked:
    """One asset after it was looked at, before the policy judged."""

    asset: Asset
    format: str
    tallied: Tallied
    place: str
    name_masked: bool
    exposed_as: str | None = None


class _Run:
    """One assessment while it is going on."""

    def __init__(
        self,
        inventory: Inventory | None,
        register: Register | None,
        progress: Callable[[Progress], None] | None,
        scanner: Scanner,
    ) -> None:
        self.looked: list[_Looked] = []
        self._inventory = inventory
        self._model: ClassificationModel = inventory.model if inventory else DEFAULT_MODEL
        self._progress = progress
        self._scanner = scanner
        self._ids: Counter[str] = Counter()
        self._not_looked: list[NotLooked] = []
        self._places: set[tuple[str, str]] = set()
        self._masked_databases: set[str] = set()
        self._bytes = 0
        self._decisions: dict[str, Override] = {}
        self._register_file: str | None = None
        if register is not None:
            self._register_file = os.path.realpath(register.file) if register.file else None
            for d in register.decisions():
                self._decisions[d.asset] = Override(d.classification, d.by, d.reason, d.decided_at)

    def show(self, place: str) -> Shown:
        """Return *place* as it may be shown."""
        return show_place(place, self._scanner)

    def look_at(self, item: Item | Unread, roots: WebRoots) -> None:
        """Look at one item, and keep what was found or why nothing could be."""
        kind = item.asset if isinstance(item, Unread) else item.kind
        if self._register_file is not None and _is_file(item, self._register_file):
            # The register that is being written holds kinds and places, and no data.
            return
        key = (kind.value if kind else "", item.place)
        if key in self._places:
            # Two sources may lead to the same place.
            return
        self._places.add(key)
        shown = self.show(item.place)
        if self._progress is not None:
            self._progress(Progress(shown.text, len(self.looked), self._bytes))
        if kind is None:
            self._not_looked.append(NotLooked(shown.text, _reason(item)))
            return
        if isinstance(item, Unread):
            looked = self._looked(kind, shown, "", iter((Missed(item.reason),)))
        else:
            tallied_from = item.contents()
            looked = self._looked(kind, shown, item.format, tallied_from, item.name, item.parent)
        self.looked.append(looked)
        self._bytes += looked.tallied.bytes_read
        in_database = kind in {AssetKind.TABLE, AssetKind.DATABASE}
        file = item.place if isinstance(item, Unread) else item.parent or item.place
        looked.exposed_as = roots.note(
            file, "sqlite" if in_database else looked.format, looked.tallied.kinds
        )

    def sum_up_databases(self) -> None:
        """Add each database as an asset: what its tables hold stands together in it."""
        tables: dict[str, list[_Looked]] = {}
        for looked in self.looked:
            if looked.asset.kind is AssetKind.TABLE and looked.asset.parent:
                tables.setdefault(looked.asset.parent, []).append(looked)
        for parent, held in tables.items():
            tallied = together([one.tallied for one in held])
            asset = Asset(parent, AssetKind.DATABASE)
            place = parent.partition(" ")[2]
            masked = parent in self._masked_databases
            self.looked.append(_Looked(asset, _SUMMED_UP, tallied, place, masked))

    def judge(self, roots: WebRoots, now: float) -> AssessRun:
        """Weigh every asset, and let the policy judge what need not be kept."""
        weighed = [self._assessment(looked) for looked in self.looked]
        decided = {
            a.asset.id
            for a in weighed
            if a.weighed.override is not None and a.weighed.override_refused is None
        }
        report = self._report(weighed, roots, decided, now)
        assessments = tuple(
            replace(assessment, minimisation=_minimisation(looked, report))
            for assessment, looked in zip(weighed, self.looked, strict=True)
        )
        not_looked = tuple(self._not_looked) + tuple(
            # A database only repeats what its tables could not show.
            entry
            for a in assessments
            if a.format != _SUMMED_UP
            for entry in a.not_looked
        )
        excused = decided | _accepted_unseen(report)
        return AssessRun(
            assessments=assessments,
            report=report,
            not_looked=not_looked,
            assessed_at=now,
            excused=frozenset(n for n in not_looked if n.asset in excused),
        )

    def _looked(
        self,
        kind: AssetKind,
        shown: Shown,
        format_name: str,
        contents: Iterator[Content],
        name: str = "",
        parent: str | None = None,
    ) -> _Looked:
        tally = Tally(self._scanner)
        if name:
            tally.name(name)
        told = 0
        for content in contents:
            tally.take(content)
            if self._progress is not None and tally.bytes_read - told >= _TELL_EVERY_BYTES:
                told = tally.bytes_read
                self._progress(Progress(shown.text, len(self.looked), self._bytes + told))
        wanted = f"{kind.value} {shown.text}"
        self._ids[wanted] += 1
        # Places that differ only in what is masked are told apart by their order.
        number = self._ids[wanted]
        above = None
        if parent is not None:
            shown_parent = self.show(parent)
            above = f"{AssetKind.DATABASE.value} {shown_parent.text}"
            if shown_parent.masked:
                self._masked_databases.add(above)
        asset = Asset(wanted if number == 1 else f"{wanted} ({number})", kind, parent=above)
        masked = shown.masked or number > 1
        return _Looked(asset, format_name, tally.finish(), shown.text, masked)

    def _assessment(self, looked: _Looked) -> Assessment:
        missed = looked.tallied.missed
        weighed = classify(
            looked.tallied.kinds,
            model=self._model,
            complete=all(m.partly for m in missed),
            override=self._decisions.get(looked.asset.id),
            name_masked=looked.name_masked,
        )
        return Assessment(
            asset=looked.asset,
            format=looked.format,
            kinds=looked.tallied.kinds,
            weighed=weighed,
            required=required_of_data(weighed.classification, sensitive=weighed.sensitive),
            not_looked=tuple(
                NotLooked(looked.place, m.reason, looked.asset.id, m.partly) for m in missed
            ),
            rows=looked.tallied.rows,
            bytes_read=looked.tallied.bytes_read,
            sampled=looked.tallied.sampled,
            name_masked=looked.name_masked,
        )

    def _report(
        self,
        assessments: Sequence[Assessment],
        roots: WebRoots,
        decided: set[str],
        now: float,
    ) -> Report:
        requirements = [
            AssetRequirement(a.asset, a.classification.id, applicable(a.asset.kind, a.required))
            for a in assessments
        ]
        sightings: list[Sighting] = []
        for looked in self.looked:
            if looked.format != _SUMMED_UP:
                seen = sightings_of(looked.asset.id, looked.tallied)
                # Whoever decided about an asset took on that it could not be looked at.
                sightings += [
                    s for s in seen if isinstance(s, Observation) or s.asset not in decided
                ]
        for requirement, sighting in roots.judged(self._model.weakest.id):
            requirements.append(requirement)
            sightings.append(sighting)
        accepted = self._inventory.accepted if self._inventory else ()
        report = evaluate(
            requirements,
            sightings,
            accepted=[risk for risk in accepted if risk.rule in RULES],
            now=now,
        )
        # How the stores are protected is what an audit looks at; an assessment did not.
        return replace(report, findings=tuple(f for f in report.findings if f.rule.id in RULES))


# How often a long file tells how far it is.
_TELL_EVERY_BYTES = 1 << 22
# The format of an asset that only sums up others.
_SUMMED_UP = "database of tables"


def _is_file(item: Item | Unread, path: str) -> bool:
    if isinstance(item, Unread) or item.kind not in {AssetKind.TABLE, AssetKind.DATABASE}:
        return False
    return os.path.realpath(item.parent or item.place) == path


def _reason(item: Item | Unread) -> str:
    return item.reason if isinstance(item, Unread) else ""


def _minimisation(looked: _Looked, report: Report) -> tuple[Advice, ...]:
    found = advice(looked.asset.id, looked.tallied, report)
    if looked.exposed_as is None:
        return found
    return (Advice(f"lies in a web root ({looked.exposed_as})", WEB_ROOT_RULE), *found)


def _accepted_unseen(report: Report) -> set[str]:
    unseen = [f for f in report.findings if f.status is Status.NOT_OBSERVED]
    still_open = {f.asset.id for f in unseen if f.accepted is None}
    return {f.asset.id for f in unseen} - still_open


def _record(assessment: Assessment) -> AssessmentRecord:
    return AssessmentRecord(
        asset=assessment.asset.id,
        kind=assessment.asset.kind.value,
        parent=assessment.asset.parent,
        classification=assessment.classification.id,
        computed=assessment.weighed.computed.id,
        details=assessment_value(assessment),
    )

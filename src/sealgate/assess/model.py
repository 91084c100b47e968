"""
The nouns of an assessment: what a source yields, what was found, what it weighs.

Nothing here holds a value that was found. The contents (:class:`Text`,
:class:`Columns`) do, and live only while they are looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sealgate.errors import ExitCode

if TYPE_CHECKING:
    from sealgate.detect.catalogue import Kind
    from sealgate.detect.model import Confidence
    from sealgate.policy.assets import Asset, AssetKind
    from sealgate.policy.classification import Classification
    from sealgate.policy.finding import Report
    from sealgate.policy.protection import Protection

Cell = str | bytes | None


# What a source yields.


@dataclass(frozen=True, slots=True)
class Text:
    """The next bytes of running text, in UTF-8 or an encoding that extends ASCII."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Columns:
    """
    Some rows, column by column; columns may differ in length (JSON).

    *names* identify the columns over the whole item. *from_schema* tells that a
    database or a schema gave the names; names out of the data itself (a CSV header, a
    JSON key) may be values and are shown with more care. *rows* is how many rows of
    the item these are.
    """

    names: tuple[str, ...]
    cells: tuple[Sequence[Cell], ...]
    rows: int
    from_schema: bool = False


@dataclass(frozen=True, slots=True)
class Missed:
    """
    Something of this item could not be looked at; *reason* never quotes it.

    *partly*: every byte was looked at, but not with the structure it has.
    """

    reason: str
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Sampled:
    """Only the first *read* of *total* rows are looked at, because the caller asked so."""

    read: int
    total: int


Content = Text | Columns | Missed | Sampled


@dataclass(frozen=True, slots=True)
class Item:
    """
    One thing that becomes an asset: a file or a table.

    *place* is where it is, as it is (it may carry a value and is masked before it is
    shown); *name* is the part of it that somebody chose for this item. *parent* is the
    place of the database that a table belongs to. *contents* reads: it may be called
    once, and yields :class:`Missed` where others raise.
    """

    kind: AssetKind
    place: str
    name: str
    format: str
    contents: Callable[[], Iterator[Content]]
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """
    Something that stands where data could be, but cannot be opened.

    *asset* is what it would be, or ``None`` when it can hold no data at rest (a
    socket, a link that leads in a circle).
    """

    place: str
    reason: str
    asset: AssetKind | None


class Source(Protocol):
    """Anything that data is read from: a folder, a file, a database."""

    def items(self) -> Iterable[Item | Unread]:
        """Yield what there is, one by one, in an order that does not change by itself."""
        ...


@dataclass(frozen=True, slots=True)
class SourceKind:
    """
    One kind of source; *example* is what a person may give.

    *claims* tells whether a text names one. *open* takes the text, what messages call it, and
    how many rows are read of each table, ``None`` for all; it raises UsageError.
    """

    example: str
    claims: Callable[[str], bool]
    open: Callable[[str, str, int | None], Source]


# What was found.


@dataclass(frozen=True, slots=True)
class KindFound:
    """
    One kind in one asset: how many, how sure, and in which columns or from which line.

    *records* is how many records it was found in at most: first and last name are two
    values of one person. *estimated*: projected from a sample. *at_least*: there were
    more candidates than are confirmed one by one.
    """

    kind: Kind
    count: int
    records: int
    confidence: Confidence
    where: tuple[str, ...] = ()
    estimated: bool = False
    at_least: bool = False


@dataclass(frozen=True, slots=True)
class NotLooked:
    """
    What could not be looked at, and why. Never counts as harmless.

    *asset* is the id of the asset that stands for it, when it can hold data.
    """

    place: str
    reason: str
    asset: str | None = None
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Tallied:
    """
    Everything that was found in one item.

    *empty_columns* are shown names of columns that no row fills.
    """

    kinds: tuple[KindFound, ...]
    empty_columns: tuple[str, ...] = ()
    missed: tuple[Missed, ...] = ()
    rows: int | None = None
    bytes_read: int = 0
    sampled: Sampled | None = None


# What it weighs.


class TraitName(StrEnum):
    """The guideline's three traits of a data assessment."""

    USE = "use"
    LEGAL = "legal requirements"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class TraitRanks:
    """One rank (0 to 3) per trait."""

    use: int = 0
    legal: int = 0
    value: int = 0

    @property
    def impact(self) -> int:
        """Return the high-water mark (FIPS 199, 3)."""
        return max(self.use, self.legal, self.value)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one trait has at least this rank, and the clause that says so."""

    trait: TraitName
    rank: int
    because: str
    clause: str


@dataclass(frozen=True, slots=True)
class Override:
    """
    What a person decided about the class of an asset: who, why, and when.

    *decided_at* is in seconds since the epoch.
    """

    class_id: str
    by: str
    reason: str
    decided_at: float


@dataclass(frozen=True, slots=True)
class Weighed:
    """
    The class of one asset, and how it came to it.

    *computed* is what the data says; *classification* is what holds, after a
    person's decision. *override_refused* tells why a decision was not followed.
    """

    traits: TraitRanks
    reasons: tuple[Reason, ...]
    computed: Classification
    classification: Classification
    sensitive: bool
    override: Override | None = None
    override_refused: str | None = None


@dataclass(frozen=True, slots=True)
class Advice:
    """Something that need not be kept: *rule* is the policy's rule, if one judges it."""

    what: str
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Assessment:
    """
    The whole verdict on one asset.

    *required* is the protection that its class demands of whoever keeps and sends it.
    *name_masked* tells that the asset's id had to be masked, so that it may stand for
    more than one thing over time.
    """

    asset: Asset
    format: str
    kinds: tuple[KindFound, ...]
    weighed: Weighed
    required: Protection
    minimisation: tuple[Advice, ...] = ()
    not_looked: tuple[NotLooked, ...] = ()
    rows: int | None = None
    bytes_read: int = 0
    sampled: Sampled | None = None
    name_masked: bool = False

    @property
    def classification(self) -> Classification:
        """Return the class that holds."""
        return self.weighed.classification

    @property
    def traits(self) -> TraitRanks:
        """Return the three ranks."""
        return self.weighed.traits

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Return why, strongest first."""
        return self.weighed.reasons


@dataclass(frozen=True, slots=True)
class AssessRun:
    """
    Everything that one run of ``sealgate assess`` found out.

    *not_looked* holds every place that could not be looked at, also those that are no
    asset. *report* holds the findings of the minimisation rules.
    """

    assessments: tuple[Assessment, ...]
    report: Report
    not_looked: tuple[NotLooked, ...]
    assessed_at: float
    excused: frozenset[NotLooked] = field(default=frozenset())

    @property
    def open_not_looked(self) -> tuple[NotLooked, ...]:
        """Return what nobody has decided about: a decision on an asset takes it on."""
        return tuple(n for n in self.not_looked if n not in self.excused)

    @property
    def exit_code(self) -> ExitCode:
        """Return the code from the table: what could not be looked at counts as a finding."""
        if self.report.open_findings or self.open_not_looked:
            return ExitCode.FINDINGS
        return ExitCode.OK


__all__ = [
    "Advice",
    "AssessRun",
    "Assessment",
    "Cell",
    "Columns",
    "Content",
    "Item",
    "KindFound",
    "Missed",
    "NotLooked",
    "Override",
    "Reason",
    "Sampled",
    "Source",
    "Tallied",
    "Text",
    "TraitName",
    "TraitRanks",
    "Unread",
    "Weighed",
]

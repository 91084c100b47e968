"""
The classification model: which classes there are, in order, and what each demands.

The default is the table of the guideline. An organisation may replace it in its
``sealgate.toml`` with its own names and more classes; the ladders stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.policy.protection import AccessRung, Protection, StorageRung, TransitRung

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Classification:
    """
    One class of data: its place in the order, and the protection it demands.

    *rank* counts from 0 (weakest). Two classes of one model never share a rank.
    """

    id: str
    name: str
    rank: int
    type: str
    disclosure_impact: str
    required: Protection


@dataclass(frozen=True, slots=True)
class ClassificationModel:
    """
    Every class that an organisation uses, weakest first.

    Raises:
        ValueError: no class, two of one id, or a class that demands less than a
            weaker one in some column.
    """

    classes: tuple[Classification, ...]

    def __post_init__(self) -> None:
        """Hold the laws that everything else builds on: ordered, unique, monotone."""
        if not self.classes:
            msg = "a classification model needs at least one class"
            raise ValueError(msg)
        if len({c.id for c in self.classes}) != len(self.classes):
            msg = "two classes have the same id"
            raise ValueError(msg)
        for rank, item in enumerate(self.classes):
            if item.rank != rank:
                msg = f'class "{item.id}" has rank {item.rank}, but stands at place {rank}'
                raise ValueError(msg)
        for weaker, stronger in zip(self.classes, self.classes[1:], strict=False):
            if not stronger.required.meets(weaker.required):
                msg = f'class "{stronger.id}" demands less than the weaker class "{weaker.id}"'
                raise ValueError(msg)

    @property
    def strictest(self) -> Classification:
        """Return the strictest class: what anything unknown is treated as."""
        return self.classes[-1]

    @property
    def weakest(self) -> Classification:
        """Return the class of data that anyone may have."""
        return self.classes[0]

    def find(self, class_id: str) -> Classification | None:
        """Return the class called *class_id*, or ``None`` when the model has no such class."""
        return next((c for c in self.classes if c.id == class_id), None)

    def at_impact(self, impact: int) -> Classification:
        """
        Return the class for a high-water mark of *impact* (0 to 3, FIPS 199 style).

        Models with other than four classes are stretched: 0 is always the weakest
        and 3 always the strictest class; between them the stricter one is taken.
        """
        top = len(self.classes) - 1
        return self.classes[-(-impact * top // 3)]

    def strictest_of(self, classes: Iterable[Classification]) -> Classification:
        """Return the strictest of *classes*; of none, the strictest of the model."""
        return max(classes, key=lambda c: c.rank, default=self.strictest)


# The guideline "Encrypted Client/server Communication", table "Data Classification".
DEFAULT_MODEL = ClassificationModel(
    (
        Classification("public", "Public", 0, "non-sensitive", "none", Protection()),
        Classification(
            "restricted",
            "Public Restricted",
            1,
            "externally sensitive",
            "limited",
            Protection(TransitRung.PROTECTED, AccessRung.LOW, StorageRung.PROTECTED),
        ),
        Classification(
            "confidential",
            "Organization Confidential",
            2,
            "internally sensitive",
            "significant",
            Protection(TransitRung.ENCRYPTED, AccessRung.HIGH, StorageRung.ENCRYPTED),
        ),
        Classification(
            "secret",
            "Organization Secret",
            3,
            "extremely sensitive",
            "severe",
            Protection(
                TransitRung.HIGHLY_ENCRYPTED, AccessRung.VERY_HIGH, StorageRung.HIGHLY_ENCRYPTED
            ),
        ),
    )
)

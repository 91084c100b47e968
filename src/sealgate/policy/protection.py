"""
The three ladders, and when a protection is enough.

A protection has one rank per column. Columns are compared one by one: a strong
one never makes up for a weak one, so two protections may each fail to meet the
other. What a rank means, criterion by criterion, is told in
:mod:`sealgate.policy.ladder`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum, auto
from typing import Self

from sealgate.errors import BugError


class Column(StrEnum):
    """The three things that a class decides (the guideline's table, rows 3 to 5)."""

    IN_TRANSIT = "in transit"
    ACCESS = "access"
    AT_REST = "at rest"


class _Rung(IntEnum):
    @property
    def word(self) -> str:
        """Return the guideline's word for it."""
        return self.name.lower().replace("_", " ")


class TransitRung(_Rung):
    """The ladder "in transit", weakest first."""

    UNENCRYPTED = 0
    PROTECTED = 1
    ENCRYPTED = 2
    HIGHLY_ENCRYPTED = 3


class AccessRung(_Rung):
    """The ladder "access", weakest first."""

    NONE = 0
    LOW = 1
    HIGH = 2
    VERY_HIGH = 3


class StorageRung(_Rung):
    """The ladder "at rest", weakest first; what each means for a store stands in ``STORED``."""

    NONE = 0
    PROTECTED = 1
    ENCRYPTED = 2
    HIGHLY_ENCRYPTED = 3

    @property
    def stored(self) -> Stored:
        """Return how the files of a store of this rung are kept."""
        return STORED[self]


class SealedFor(Enum):
    """
    For whom the files of a store are sealed.

    ``SITE``: for the site's keys, and the recipients that a drop names besides. ``ELSEWHERE``: for the
    recipients that a drop names alone, whose identities are not on this host.
    """

    NOBODY = auto()
    SITE = auto()
    ELSEWHERE = auto()


@dataclass(frozen=True, slots=True)
class Stored:
    """
    How the files of a store of one rung are kept.

    With *post_quantum*, every recipient is. *told* is what the plan says, with what it knows in
    braces (``report/files.py``). The form of a file is in ``storage/adapters/opened.py``.
    """

    sealed_for: SealedFor
    post_quantum: bool
    told: str

    @property
    def is_sealed(self) -> bool:
        """Return whether files are sealed at all."""
        return self.sealed_for is not SealedFor.NOBODY

    @property
    def needs_key_apart(self) -> bool:
        """Return whether a file is worth less where the site's key lies beside it."""
        return self.sealed_for is SealedFor.SITE

    @property
    def opens_here(self) -> bool:
        """Return whether this host can open a file."""
        return self.sealed_for is not SealedFor.ELSEWHERE


STORED = {
    StorageRung.NONE: Stored(SealedFor.NOBODY, False, "stored as it comes"),
    StorageRung.PROTECTED: Stored(
        SealedFor.NOBODY,
        False,
        "stored readable for its owner only, with a keyed record of its integrity",
    ),
    StorageRung.ENCRYPTED: Stored(
        SealedFor.SITE, False, "sealed for the site's key{and_recipients}, {where_the_key_lies}"
    ),
    StorageRung.HIGHLY_ENCRYPTED: Stored(
        SealedFor.ELSEWHERE,
        True,
        "sealed for {recipients} post-quantum recipients; this host cannot open it",
    ),
}
for _rung in StorageRung:
    if _rung not in STORED:
        raise BugError(f'rung "{_rung.word}" at rest has no row in STORED, policy/protection.py')


def rung_of_sealed(*, post_quantum: bool) -> StorageRung:
    """
    Return what a sealed file is worth: with *post_quantum*, all who open it have such a key.

    Where more than one rung is sealed so, it is the weakest: what a file shows tells no more.
    """
    return min(
        rung
        for rung, stored in STORED.items()
        if stored.is_sealed and stored.post_quantum is post_quantum
    )


_LADDERS: dict[Column, type[_Rung]] = {
    Column.IN_TRANSIT: TransitRung,
    Column.ACCESS: AccessRung,
    Column.AT_REST: StorageRung,
}
# The names are the guideline's own words, weakest first.
RUNG_NAMES: dict[Column, tuple[str, ...]] = {
    column: tuple(rung.word for rung in ladder) for column, ladder in _LADDERS.items()
}


@dataclass(frozen=True, slots=True)
class Protection:
    """
    One rung per column: required by a class, or provided by a channel.

    The weakest where none is given.
    """

    in_transit: TransitRung = TransitRung.UNENCRYPTED
    access: AccessRung = AccessRung.NONE
    at_rest: StorageRung = StorageRung.NONE

    @classmethod
    def of(cls, in_transit: int, access: int, at_rest: int) -> Self:
        """
        Return the protection of these ranks (0 to 3).

        Raises:
            ValueError: a rank is not on its ladder.
        """
        return cls(TransitRung(in_transit), AccessRung(access), StorageRung(at_rest))

    def rank(self, column: Column) -> int:
        """Return the rank in *column*."""
        match column:
            case Column.IN_TRANSIT:
                return self.in_transit
            case Column.ACCESS:
                return self.access
            case Column.AT_REST:
                return self.at_rest

    def rung(self, column: Column) -> str:
        """Return the guideline's word for the rank in *column*."""
        return RUNG_NAMES[column][self.rank(column)]

    def meets(self, required: Self) -> bool:
        """Return whether every column is at least as strong as in *required*."""
        return all(self.rank(column) >= required.rank(column) for column in Column)

    def at_least(self, other: Protection) -> Protection:
        """Return the weakest protection that meets both this one and *other*."""
        return Protection(
            max(self.in_transit, other.in_transit),
            max(self.access, other.access),
            max(self.at_rest, other.at_rest),
        )


NO_PROTECTION = Protection()
# DESIGN 1, floors: credentials, medical, payment and account data and access
# codes ("must not be transmitted unencrypted at all", guideline, paragraph 2).
SENSITIVE_FLOOR = Protection(TransitRung.ENCRYPTED, at_rest=StorageRung.ENCRYPTED)
# Whoever comes to a drop or a tunnel sends credentials, and is known by them.
SIGN_IN_FLOOR = Protection(SENSITIVE_FLOOR.in_transit, AccessRung.LOW)

"""
The three ladders, and when a protection is enough.

A protection has one rank per column. Columns are compared one by one: a strong
one never makes up for a weak one, so two protections may each fail to meet the
other. What a rank means, criterion by criterion, is told in
:mod:`sealgate.policy.ladder`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Self


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
    """The ladder "at rest", weakest first."""

    NONE = 0
    PROTECTED = 1
    ENCRYPTED = 2
    HIGHLY_ENCRYPTED = 3


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

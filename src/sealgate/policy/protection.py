"""
The three ladders, and when a protection is enough.

A protection has one rank per column. Columns are compared one by one: a strong
one never makes up for a weak one, so two protections may each fail to meet the
other. What a rank means, criterion by criterion, is told in
:mod:`sealgate.policy.ladder`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Column(StrEnum):
    """
    The three things that a class decides (the guideline's table, rows 3 to 5).
    """

    IN_TRANSIT = "in transit"
    ACCESS = "access"
    AT_REST = "at rest"


# The names are the guideline's own words, weakest first.
RUNG_NAMES: dict[Column, tuple[str, str, str, str]] = {
    Column.IN_TRANSIT: ("unencrypted", "protected", "encrypted", "highly encrypted"),
    Column.ACCESS: ("none", "low", "high", "very high"),
    Column.AT_REST: ("none", "protected", "encrypted", "highly encrypted"),
}
TOP_RANK = 3


@dataclass(frozen=True, slots=True)
class Protection:
    """
    One rank (0 to 3) per column: required by a class, or provided by a channel.

    Raises:
        ValueError: a rank is not on its ladder.
    """

    in_transit: int
    access: int
    at_rest: int

    def __post_init__(self) -> None:
        """
        Refuse ranks that no ladder has.
        """
        for column in Column:
            if not 0 <= self.rank(column) <= TOP_RANK:
                msg = f"{column.value} rank {self.rank(column)} is not between 0 and {TOP_RANK}"
                raise ValueError(msg)

    def rank(self, column: Column) -> int:
        """
        Return the rank in *column*.
        """
        match column:
            case Column.IN_TRANSIT:
                return self.in_transit
            case Column.ACCESS:
                return self.access
            case Column.AT_REST:
                return self.at_rest

    def rung(self, column: Column) -> str:
        """
        Return the guideline's word for the rank in *column*.
        """
        return RUNG_NAMES[column][self.rank(column)]

    def meets(self, required: Self) -> bool:
        """
        Return whether every column is at least as strong as in *required*.
        """
        return all(self.rank(column) >= required.rank(column) for column in Column)

    def at_least(self, other: Protection) -> Protection:
        """
        Return the weakest protection that meets both this one and *other*.
        """
        return Protection(
            max(self.in_transit, other.in_transit),
            max(self.access, other.access),
            max(self.at_rest, other.at_rest),
        )


NO_PROTECTION = Protection(0, 0, 0)
STRICTEST = Protection(TOP_RANK, TOP_RANK, TOP_RANK)
# DESIGN 1, floors: credentials, medical, payment and account data and access
# codes ("must not be transmitted unencrypted at all", guideline, paragraph 2).
SENSITIVE_FLOOR = Protection(2, 0, 2)

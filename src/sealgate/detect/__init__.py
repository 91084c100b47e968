"""Bytes and columns in, matches out. Pure, and below everything that looks at data."""

from sealgate.detect.catalogue import KIND_CATALOGUE, facts
from sealgate.detect.model import (
    Category,
    ColumnVerdict,
    Confidence,
    Identifies,
    Kind,
    KindFacts,
    Match,
    Trait,
    Traits,
)

__all__ = [
    "KIND_CATALOGUE",
    "Category",
    "ColumnVerdict",
    "Confidence",
    "Identifies",
    "Kind",
    "KindFacts",
    "Match",
    "Trait",
    "Traits",
    "facts",
]

"""Bytes and columns in, matches out. Pure, and below everything that looks at data."""

from sealgate.detect.catalogue import (
    KIND_CATALOGUE,
    Category,
    Identifies,
    Kind,
    KindFacts,
    Trait,
    Traits,
    facts,
)
from sealgate.detect.model import ColumnVerdict, Confidence, Match

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

"""What a detector makes: a match, how sure it is, and the verdict on a column."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sealgate.detect.catalogue import Kind


class Confidence(IntEnum):
    """
    How sure a match is.

    ``POSSIBLE`` has the shape only; ``LIKELY`` has shape and context, or a weak
    checksum; ``CONFIRMED`` has a checksum or a format that nothing else has.
    """

    POSSIBLE = 1
    LIKELY = 2
    CONFIRMED = 3


@dataclass(frozen=True, slots=True, order=True)
class Match:
    """
    One value found: where, what, and how sure.

    *start* and *end* are absolute byte offsets; *end* is exclusive. *masked* never
    reveals more than :mod:`sealgate.detect.mask` allows; the value itself is not kept.
    """

    start: int
    end: int
    kind: Kind
    confidence: Confidence
    masked: str


@dataclass(frozen=True, slots=True)
class ColumnVerdict:
    """
    What a column holds, by its name and a sample of its values.

    *kind* is ``None`` when nothing speaks for any kind. *count* is how many values of
    the whole column are taken to be of the kind, projected from the sample.
    *filled* is the projected number of values that are not empty. *reason* names
    what decided, never a value.
    """

    kind: Kind | None
    count: int
    confidence: Confidence
    reason: str
    filled: int = 0

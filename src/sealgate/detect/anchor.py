"""
What an anchor is: a short pattern that says "look here", and who looks.

Hyperscan runs all anchors over the text at once; the confirm function then reads a
small window around the hit. So the cost is one pass plus little per candidate,
whatever the number of kinds (measured in ``docs/adr/0006-detection-engine.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import hyperscan

from sealgate.detect.catalogue import Kind
from sealgate.detect.model import Confidence

Found = tuple[int, int, Kind, Confidence]
"""Start, end (exclusive), kind and confidence, as offsets into the text given."""

Confirm = Callable[[bytes, int, int, int], Found | None]
"""
``confirm(text, end, low, high)``: *end* is where the anchor ended, *low* and *high*
bound what may be read. One byte outside may be looked at by a look-behind: it is
always there when the text has it. Pure, and it never raises.
"""

POSSIBLE = Confidence.POSSIBLE
LIKELY = Confidence.LIKELY
CONFIRMED = Confidence.CONFIRMED

# Left edge of a value: something that is no letter or digit. The scanner puts a line
# feed before the data, so its start is an edge too, without an alternative that would
# cost Hyperscan most of its speed. An underscore is an edge: values stand in file names.
EDGE = "[^0-9A-Za-z]"

LONGEST_ANCHOR = 96
"""No anchor spans more bytes than this; windows overlap by as much."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """
    One short pattern with its confirm function.

    *pattern* is a Hyperscan expression over bytes, at most ``LONGEST_ANCHOR`` bytes
    wide and with one end per occurrence. *before* and *after* are how many bytes
    around its end the confirm function may read. *kinds* is what it can find. Those that stand
    *apart* begin with bytes that text seldom has: in a database of their own they cost a tenth.
    """

    name: str
    pattern: str
    kinds: frozenset[Kind]
    confirm: Confirm
    before: int = 96
    after: int = 128
    caseless: bool = False
    apart: bool = False


def compiled(
    anchors: Sequence[Anchor], expression: Callable[[Anchor], bytes]
) -> tuple[hyperscan.Database, ...]:
    """Return the databases of *anchors*: of most of them, and of those apart. An id is a place in *anchors*."""
    databases = []
    for apart in (False, True):
        chosen = [(n, a) for n, a in enumerate(anchors) if a.apart is apart]
        if chosen:
            database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
            database.compile(
                expressions=[expression(a) for _, a in chosen],
                ids=[n for n, _ in chosen],
                elements=len(chosen),
                flags=[
                    hyperscan.HS_FLAG_DOTALL | (hyperscan.HS_FLAG_CASELESS if a.caseless else 0)
                    for _, a in chosen
                ],
            )
            databases.append(database)
    return tuple(databases)


def kinds(*found: Kind) -> frozenset[Kind]:
    """Return the set of *found*: a short word for the tables of anchors."""
    return frozenset(found)

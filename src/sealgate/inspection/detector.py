"""The anchors of one policy: as few as its kinds need, for each costs every byte."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from sealgate.detect.anchor import LONGEST_ANCHOR, compiled
from sealgate.detect.catalogue import Kind
from sealgate.detect.confirm import ANCHORS
from sealgate.detect.model import Confidence
from sealgate.inspection.signs import sign_finder

if TYPE_CHECKING:
    from sealgate.detect.anchor import Anchor

# A setting called "token" or "key" is what every form with a guard against forgery has; in
# flight only tokens with their issuer's mark are taken for tokens.
_NOT_IN_FLIGHT = frozenset({"secret-key"})
_CARD = "card"
# Hyperscan spells small classes out, each member a literal of its own, and of 250 literals with
# a short one among them it tries every byte of the text in place of every other. Beside
# bytes that no text holds, the classes of these are not small (measured in ADR 0015).
_SPELLED_OUT = frozenset({"dose", "token-twilio", "token-mailgun"})
_SMALL_CLASS = re.compile(r"\[(?:a-f)?0-9")
_IN_NO_TEXT = r"\x01-\x08\x0e-\x1f"
_ID_BITS = 8
ID_MASK = (1 << _ID_BITS) - 1
ID_BITS = _ID_BITS


def _collect(anchor: int, _start: int, end: int, _flags: int, hits: Any) -> None:
    # Hyperscan calls this by name: a bound method in its place crashes the interpreter
    # (hyperscan 0.9.1).
    hits.append(end << _ID_BITS | anchor)


def _expression(anchor: Anchor) -> bytes:
    pattern = anchor.pattern
    if anchor.name in _SPELLED_OUT:
        pattern = _SMALL_CLASS.sub(lambda found: found[0] + _IN_NO_TEXT, pattern)
    return pattern.encode("latin-1")


class Detector:
    """
    Finds candidates of *kinds* in blocks of bytes. Belongs to one thread.

    *steps* are, per anchor: confirm function, bytes before and after that it may read,
    the kinds that it can find. *before* and *after* are the largest of these. *card* is the
    anchor for which :func:`~sealgate.inspection.card_sieve.may_be_cards` speaks, or None.
    """

    def __init__(self, kinds: frozenset[Kind]) -> None:
        chosen = tuple(a for a in ANCHORS if a.kinds & kinds and a.name not in _NOT_IN_FLIGHT)
        self.kinds = kinds
        self.names = tuple(a.name for a in chosen)
        self.card = self.names.index(_CARD) if _CARD in self.names else None
        self.steps = tuple((a.confirm, a.before, a.after, a.kinds & kinds) for a in chosen)
        self.before = max((a.before for a in chosen), default=0)
        self.after = max((a.after for a in chosen), default=0)
        # What must stay readable behind the point up to which all is done.
        self.context = self.before + LONGEST_ANCHOR + 2
        sign_finder()  # Now, so that no body waits for it.
        self._databases = compiled(chosen, _expression)

    def hits(self, block: bytes | memoryview) -> list[int]:
        """Return where anchors end in *block*, in order: offset and anchor in one number."""
        hits: list[int] = []
        if block:
            for database in self._databases:
                # It takes any buffer; its stubs do not say so.
                database.scan(cast("bytes", block), match_event_handler=_collect, context=hits)
            hits.sort()
        return hits


@cache
def detector_of(kinds: frozenset[Kind]) -> Detector:
    """Return the detector of *kinds*: built once in a process, which takes tens of milliseconds."""
    return Detector(kinds)


def least(kind: Kind) -> Confidence:
    """Return how sure a match of *kind* must be: a shape alone never changes an answer."""
    return Confidence.CONFIRMED if kind is Kind.ACCESS_TOKEN else Confidence.LIKELY

"""All anchors, in one visible tuple. A new detector is a new row in one of these tables."""

from __future__ import annotations

from sealgate.detect.anchor import Anchor
from sealgate.detect.catalogue import Where, check_said
from sealgate.detect.confirm import (
    contact,
    identity,
    medical,
    network,
    payment,
    people,
    secrets,
    settings,
)

ANCHORS: tuple[Anchor, ...] = (
    *contact.ANCHORS,
    *network.ANCHORS,
    *payment.ANCHORS,
    *secrets.ANCHORS,
    *settings.ANCHORS,
    *identity.ANCHORS,
    *medical.ANCHORS,
    *people.ANCHORS,
)

check_said("detect/confirm", Where.TEXT, frozenset().union(*(a.kinds for a in ANCHORS)))

"""
What the operators of payment gateways and the issuers of cards require, and no machine can see.

A person looks, and says so with name and day (``[[confirm]]``). A confirmation ends by
itself: PCI DSS has it looked at again at least once every twelve months (12.8.4).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.policy.assets import payment_gateway_asset
from sealgate.policy.observation import Fact, Observation, Vantage

if TYPE_CHECKING:
    from sealgate.policy.inventory import Confirmation, Inventory

SEEN_BY = "[[confirm]]"
_YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class Point:
    """
    One thing for a person to look at: *text* as a sentence fragment, and its *clause*.

    A confirmation holds for *days* after its day.
    """

    id: str
    text: str
    clause: str
    days: int = _YEAR_DAYS


POINTS: tuple[Point, ...] = (
    Point(
        "operator-attestation",
        "the operator's attestation of compliance is in date and covers what it does for you",
        "PCI DSS 4.0.1, 12.8.4",
    ),
    Point(
        "operator-agreement",
        "a written agreement says which requirements the operator answers for, and which you do",
        "PCI DSS 4.0.1, 12.8.2 and 12.8.5",
    ),
    Point(
        "operator-rules",
        "the site follows the operator's own rules: how its pages, keys and notifications are used",
        "TYPO3 security guideline, TLS Frontend: the policies of the gateway operator",
    ),
    Point(
        "issuer-rules",
        "the card issuers' rules are followed, strong customer authentication among them",
        "TYPO3 security guideline, TLS Frontend: the policies of card issuers; "
        "Regulation (EU) 2018/389, 4",
    ),
    Point(
        "own-validation",
        "your own self-assessment and external scans are done and in date",
        "PCI DSS 4.0.1, 11.3.2",
        90,
    ),
    Point(
        "only-way-out",
        "a firewall lets the site reach the operator through the egress listener only",
        "PCI DSS 4.0.1, 1.3.2",
        183,
    ),
)
POINT_IDS = tuple(point.id for point in POINTS)


@dataclass(frozen=True, slots=True)
class Confirmable:
    """
    One point of one asset: the newest *confirmation* there is, and whether it *holds*.

    *ends* is its last day.
    """

    asset: str
    point: Point
    confirmation: Confirmation | None
    holds: bool
    ends: dt.date | None


def confirmables(inventory: Inventory, *, now: float) -> tuple[Confirmable, ...]:
    """
    Return every point of every payment gateway of *inventory*, in the order of declaration.

    *now* is in seconds since the epoch. What was confirmed on a day that is still to come
    does not hold.
    """
    today = dt.datetime.fromtimestamp(now, tz=dt.UTC).date()
    found: list[Confirmable] = []
    for gateway in inventory.payment_gateways:
        asset = payment_gateway_asset(gateway).id
        for point in POINTS:
            given = [c for c in inventory.confirmed if (c.point, c.asset) == (point.id, asset)]
            # The clock of whoever wrote it may be in a time zone ahead of ours.
            past = [c for c in given if c.on <= today + dt.timedelta(days=1)]
            newest = max(past or given, key=lambda c: c.on, default=None)
            ends = _end(newest, point) if newest else None
            holds = bool(past) and ends is not None and today <= ends
            found.append(Confirmable(asset, point, newest, holds, ends))
    return tuple(found)


def _end(confirmation: Confirmation, point: Point) -> dt.date:
    try:
        return confirmation.on + dt.timedelta(days=point.days)
    except OverflowError:
        return dt.date.max


def confirmed_observations(inventory: Inventory, *, now: float) -> tuple[Observation, ...]:
    """Return, for each payment gateway, the points that nobody confirmed or too long ago."""
    lacking: dict[str, list[str]] = {
        payment_gateway_asset(gateway).id: [] for gateway in inventory.payment_gateways
    }
    for item in confirmables(inventory, now=now):
        if not item.holds:
            lacking[item.asset].append(item.point.id)
    return tuple(
        Observation(asset, Fact.UNCONFIRMED, tuple(points), Vantage.PERSON, SEEN_BY)
        for asset, points in lacking.items()
    )

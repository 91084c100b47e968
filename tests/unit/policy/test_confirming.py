"""What people confirm, and when that ends."""

from __future__ import annotations

import datetime as dt

import pytest

from sealgate.policy.confirming import POINTS, Point, confirmables, confirmed_observations
from sealgate.policy.inventory import Confirmation, Inventory, PaymentGateway, Upstream
from sealgate.policy.observation import Vantage

GATEWAY = PaymentGateway("Example Pay", (Upstream("https", "api.pay.example", 443),))
ASSET = "payment gateway Example Pay"
TODAY = dt.date(2026, 11, 26)
NOW = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC).timestamp()
DAY = dt.timedelta(days=1)


def state(point: Point, *days: dt.date, asset: str = ASSET) -> bool:
    """Return whether *point* holds when it was confirmed on *days*."""
    given = tuple(Confirmation(point.id, asset, "the head of finance", day) for day in days)
    inventory = Inventory("x", "y", payment_gateways=(GATEWAY,), confirmed=given)
    (found,) = [c for c in confirmables(inventory, now=NOW) if c.point == point]
    (seen,) = confirmed_observations(inventory, now=NOW)
    assert isinstance(seen.value, tuple)
    assert (point.id not in seen.value) is found.holds
    assert seen.vantage is Vantage.PERSON
    return found.holds


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point.id)
def test_a_confirmation_holds_until_its_last_day(point: Point) -> None:
    """It holds on its last day and no longer; one that was never given does not."""
    last = TODAY - point.days * DAY

    assert state(point, TODAY)
    assert state(point, last)
    assert not state(point, last - DAY)
    assert not state(point)
    assert not state(point, TODAY, asset="payment gateway Another")


def test_the_newest_confirmation_counts_and_one_to_come_does_not() -> None:
    """An old one does no harm beside a new one; nobody confirms in advance."""
    point = POINTS[0]

    assert state(point, dt.date(2020, 1, 1), TODAY)
    assert state(point, TODAY + DAY)  # written where it is tomorrow already
    assert not state(point, TODAY + 2 * DAY)
    assert state(point, TODAY, TODAY + 30 * DAY)
    assert not state(point, dt.date.max)


def test_every_point_has_a_clause() -> None:
    """Ids are told apart, and each says where it stands."""
    assert len({point.id for point in POINTS}) == len(POINTS)
    assert all(point.clause and not point.text.endswith(".") for point in POINTS)

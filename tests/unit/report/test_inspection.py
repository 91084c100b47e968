"""A plan tells what is looked into, and for what."""

from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Inspect, Inventory, Route, Site, Upstream
from sealgate.report.inspection import inspection_lines

PUBLIC, _, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes


def test_each_inspected_route_has_its_lines() -> None:
    """What visitors send is measured by what a route collects; nothing is above "secret"."""
    routes = (
        Route(Door("/"), PUBLIC, inspect=Inspect.OBSERVE),
        Route(Door("/pay"), CONFIDENTIAL, collects=SECRET, inspect=Inspect.ENFORCE),
        Route(Door("/staff"), CONFIDENTIAL, inspect=Inspect.ENFORCE),
        Route(Door("/off"), PUBLIC),
        Route(Door("/strict"), CONFIDENTIAL, inspect_by_default=True),
    )
    site = Site(("shop.example",), Upstream("http", "127.0.0.1", 80), routes)
    lines = list(inspection_lines(Inventory("f", "/s", sites=(site,))))
    above = "access key or token, card verification code, private key"
    assert lines[0].startswith("route shop.example/: a sample is read, and told: ")
    assert "IBAN" in lines[0]
    assert lines[1:] == [
        f"route shop.example/pay: held back from answers: {above}",
        "route shop.example/pay: held back from requests: nothing",
        f"route shop.example/staff: held back from answers: {above}",
        "route shop.example/staff: held back from requests: the same",
        'route shop.example/off: nothing is read, as inspect = "off" says',
    ]


def test_default_is_told_once_for_its_routes_and_where_it_does_not_hold() -> None:
    """Neighbours share a line; what would be read and is not is told beside what is."""
    routes = (
        Route(Door("/"), PUBLIC, inspect=Inspect.OBSERVE, inspect_by_default=True),
        Route(Door("/shop"), PUBLIC, inspect=Inspect.OBSERVE, inspect_by_default=True),
        Route(Door("/lost"), PUBLIC, inspect_by_default=True),
    )
    site = Site(("shop.example",), Upstream("http", "127.0.0.1", 80), routes)
    one, other = inspection_lines(Inventory("f", "/s", sites=(site,)))
    assert one.startswith("route shop.example/, route shop.example/shop: a sample is read, and ")
    assert one.endswith("(the default)")
    assert other == (
        "route shop.example/lost: no sample is read, though that is the default (see remarks)"
    )

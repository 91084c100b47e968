"""A plan tells what one client may take, and where nothing bounds it."""

from dataclasses import replace

from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Inventory, Limits, Route, Site, Upstream
from sealgate.report.limits import limit_lines, limits_data

PUBLIC = DEFAULT_MODEL.classes[0]
SITE = Site(
    ("shop.example",),
    Upstream("http", "127.0.0.1", 80),
    (Route(Door("/"), PUBLIC), Route(Door("/upload"), PUBLIC, max_body_bytes=5 * 2**30)),
)


def test_what_holds_by_default_is_told() -> None:
    """With the name of the setting where there is no limit."""
    assert list(limit_lines(Inventory("f", "/s", sites=(SITE,)))) == [
        "a request may bring 1 GiB, and may take any time to arrive (request_seconds)",
        "route shop.example/upload: a request may bring 5 GiB",
        "requests of one address to any route: any number (requests_per_second)",
        "requests of one address to routes that people sign in to, instead: 100 a second",
        "requests of one address to pages to sign in on: 600 a minute",
    ]


def test_what_was_set_is_told() -> None:
    """Where nothing is served there is nothing to bound."""
    inventory = Inventory("f", "/s", sites=(SITE,), limits=Limits(20 * 2**20, 120, 50, 0, 30))
    assert list(limit_lines(inventory)) == [
        "a request may bring 20 MiB, and must be there as a whole within 120 seconds",
        "route shop.example/upload: a request may bring 5 GiB",
        "requests of one address to any route: 50 a second",
        (
            "requests of one address to routes that people sign in to, instead: any number "
            "(session_requests_per_second)"
        ),
        "requests of one address to pages to sign in on: 30 a minute",
    ]
    assert limits_data(inventory) == {
        "max_body_bytes": 20971520,
        "request_seconds": 120,
        "requests_per_second": 50,
        "session_requests_per_second": 0,
        "sign_in_per_minute": 30,
        "routes": [{"asset": "route shop.example/upload", "max_body_bytes": 5368709120}],
    }
    assert list(limit_lines(replace(inventory, sites=()))) == []

"""Limits are read, each with its default."""

from __future__ import annotations

from sealgate.config.parse import parse
from sealgate.policy.inventory import Limits

SITE = """
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
preset = "none"
[[site.route]]
path = "/"
class = "public"
[[site.route]]
path = "/upload"
class = "public"
max_body = "5 GiB"
"""


def test_without_a_word_the_defaults_hold() -> None:
    """A body is finite, and nobody asks the sign-in service without end."""
    limits = parse(SITE, "sealgate.toml").limits
    assert limits == Limits(2**30, 0, 0, 100, 600)


def test_each_is_read() -> None:
    """0 takes a rate away."""
    limits = parse(
        '[limits]\nmax_body = "20 MiB"\nrequest_seconds = 60\nrequests_per_second = 50\n'
        f"session_requests_per_second = 0\nsign_in_per_minute = 30\n{SITE}",
        "sealgate.toml",
    ).limits
    assert limits == Limits(20 * 2**20, 60, 50, 0, 30)


def test_a_route_may_take_more_or_less() -> None:
    """Only what it says itself is noted on it."""
    [site] = parse(SITE, "sealgate.toml").sites
    assert [route.max_body_bytes for route in site.routes] == [None, 5 * 2**30]

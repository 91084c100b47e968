"""Targets and answers as values."""

from __future__ import annotations

import pytest

from sealgate.audit.model import Response, Target, bracketed


@pytest.mark.parametrize(
    ("target", "origin", "plain", "where"),
    [
        (
            Target("a", "shop.example", "192.0.2.1"),
            "https://shop.example",
            "http://shop.example",
            "192.0.2.1:443",
        ),
        (
            Target("a", "shop.example", "::1", 8443, 8080),
            "https://shop.example:8443",
            "http://shop.example:8080",
            "[::1]:8443",
        ),
        (Target("a", "::1", "::1", 444, 444), "https://[::1]:444", "http://[::1]:444", "[::1]:444"),
    ],
)
def test_origins(target: Target, origin: str, plain: str, where: str) -> None:
    """Ports that are usual are left out, IPv6 addresses stand in brackets."""
    assert (target.origin, target.plain_origin, target.where) == (origin, plain, where)


def test_headers() -> None:
    """The first value, or all of them, or none."""
    answer = Response(200, (("a", "1"), ("b", "2"), ("a", "3")), b"")
    assert answer.header("a") == "1"
    assert answer.values("a") == ("1", "3")
    assert answer.header("c") is None
    assert bracketed("::1") == "[::1]"

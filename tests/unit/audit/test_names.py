"""
Whether a certificate is made out to a name.
"""

from __future__ import annotations

import ipaddress

import pytest

from sealgate.audit.names import name_matches


@pytest.mark.parametrize(
    ("server_name", "names", "expected"),
    [
        ("shop.example", ["shop.example"], True),
        ("SHOP.example.", ["shop.EXAMPLE"], True),
        ("www.shop.example", ["shop.example"], False),
        ("shop.example", ["www.shop.example"], False),
        ("www.shop.example", ["*.shop.example"], True),
        ("a.www.shop.example", ["*.shop.example"], False),
        ("shop.example", ["*.shop.example"], False),
        ("shop.example", ["*.example"], False),
        ("www.shop.example", ["w*.shop.example"], False),
        ("www.shop.example", ["*"], False),
        ("www.shop.example", ["www.*.example"], False),
        ("shop.example", [], False),
        ("", [""], False),
        ("xn--bcher-kva.example", ["xn--bcher-kva.example"], True),
    ],
)
def test_dns_names(server_name: str, names: list[str], *, expected: bool) -> None:
    """
    One wildcard is the whole left-most label, and nothing else matches (RFC 9525, 6.3).
    """
    assert name_matches(server_name, names) is expected


def test_addresses() -> None:
    """
    An address matches an address, never a DNS name that looks like one.
    """
    address = ipaddress.ip_address("127.0.0.1")
    assert name_matches("127.0.0.1", [], [address])
    assert not name_matches("127.0.0.1", ["127.0.0.1"], [])
    assert name_matches("::1", [], [ipaddress.ip_address("0:0:0:0:0:0:0:1")])

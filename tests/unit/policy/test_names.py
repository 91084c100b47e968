"""Which names in a certificate cover which domain."""

import pytest

from sealgate.policy.names import covered, name_matches


@pytest.mark.parametrize(
    ("domain", "presented", "expected"),
    [
        ("shop.example", "shop.example", True),
        ("SHOP.example", "shop.EXAMPLE.", True),
        ("www.shop.example", "shop.example", False),
        ("www.shop.example", "*.shop.example", True),
        ("shop.example", "*.shop.example", False),
        ("a.b.shop.example", "*.shop.example", False),
        ("www.shop.example", "w*.shop.example", False),
        ("www.shop.example", "www.*.example", False),
        ("www.shop.example", "*.*.example", False),
        ("shop.example", "*.example", False),
        ("shop", "*", False),
        ("*.shop.example", "*.shop.example", True),
        ("", "", False),
        ("shop.example.", "shop.example", True),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", True),
    ],
)
def test_wildcards_are_read_as_rfc_9525_says(domain: str, presented: str, expected: bool) -> None:  # noqa: FBT001  # a table
    """A wildcard is the whole left-most label and stands for exactly one."""
    assert name_matches(domain, presented) is expected


@pytest.mark.parametrize(
    ("domain", "dns_names", "addresses", "expected"),
    [
        ("127.0.0.1", ["127.0.0.1"], [], False),
        ("127.0.0.1", [], ["127.0.0.1"], True),
        ("[::1]", [], ["0:0:0:0:0:0:0:1"], True),
        ("shop.example", ["x.example", "shop.example"], ["127.0.0.1"], True),
        ("shop.example", [], [], False),
    ],
)
def test_an_address_is_covered_by_an_address_only(
    domain: str,
    dns_names: list[str],
    addresses: list[str],
    expected: bool,  # noqa: FBT001  # a table
) -> None:
    """RFC 9525, 6.2: an address in a DNS name counts for nothing."""
    assert covered(domain, dns_names, addresses) is expected

"""What stands in a header or names a host comes from sealgate.toml, and can be nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.config.parse import parse
from sealgate.errors import ConfigError
from sealgate.gateway.translate.payment import payment_headers

SITE = """
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path = "/"
class = "public"
collects = "confidential"
payment = true
{more}
"""
PARTS = st.sampled_from(
    [
        *("https://", "http://", "js.pay.example", "*.", "*", ":443", "/v1", "/", ";", ",", " "),
        *("\r\n", "\x00", "'", '"', "'self'", "'none'", "'sha256-", "A" * 43, "=", "?", "#"),
        *("@", "%0d", "ä", "script-src", "'unsafe-inline'", "\\"),
    ]
)
SOURCES = st.lists(PARTS, min_size=1, max_size=6).map("".join)


def quoted(text: str) -> str:
    """Return *text* as a TOML string."""
    return '"' + "".join(f"\\U{ord(c):08x}" for c in text) + '"'


def headers(more: str) -> dict[str, str] | None:
    """Return the headers of a payment page that *more* is said of, ``None`` when it is refused."""
    try:
        inventory = parse(SITE.format(more=more), "sealgate.toml")
    except ConfigError:
        return None
    found = {}
    for item in payment_headers(inventory.sites[0].routes[0]):
        assert isinstance(item, dict)
        one = item["header"]
        assert isinstance(one, dict)
        found[str(one["key"])] = str(one["value"])
    return found


@given(SOURCES)
def test_no_source_gets_out_of_its_directive(source: str) -> None:
    """Whatever is taken is one word of script-src: no other directive, policy or header."""
    found = headers(f"scripts = [{quoted(source)}]")

    if found is not None:
        policy = found["content-security-policy"]
        assert policy == f"script-src {source}; object-src 'none'; base-uri 'self'"
        assert source.isascii()
        assert source.isprintable()
        assert not set(source) & set(' ;,"')


@given(SOURCES)
def test_no_address_of_reports_gets_out_of_its_directive(address: str) -> None:
    """Nor out of the quotes of Reporting-Endpoints."""
    found = headers(f"script_reports = {quoted(address)}")

    if found is not None:
        assert found["reporting-endpoints"] == f'sealgate-scripts="{address}"'
        assert not set(address) & set(" ;,\"\\'")
        assert address.isascii()
        assert address.isprintable()


@pytest.mark.parametrize(
    "source",
    [
        *("'self'", "https://js.pay.example", "https://js.pay.example:8443/v1/"),
        *("https://*.js.pay.example", "'sha256-" + "A" * 43 + "='", "'sha384-" + "a" * 64 + "'"),
    ],
)
def test_what_names_a_script_is_taken(source: str) -> None:
    """The page itself, https addresses and hashes."""
    assert headers(f"scripts = [{quoted(source)}]") is not None

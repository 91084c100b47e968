"""What may be given on the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.model import Opening
from sealgate.audit.targets import Endpoint, host_name, parse_resolve, parse_target
from sealgate.errors import UsageError
from sealgate.policy.declarations import Declaration


@pytest.mark.parametrize(
    ("text", "expected", "asset"),
    [
        ("https://shop.example", Endpoint("shop.example", 443, "/"), "https://shop.example/"),
        ("HTTPS://Shop.Example./", Endpoint("shop.example", 443, "/"), "https://shop.example/"),
        (
            "https://shop.example:8443/a/b?token=x#y",
            Endpoint("shop.example", 8443, "/a/b?token=x"),
            "https://shop.example:8443/a/b",
        ),
        ("https://[::1]:8443/", Endpoint("::1", 8443, "/"), "https://[::1]:8443/"),
        (
            "https://bücher.example/",
            Endpoint("xn--bcher-kva.example", 443, "/"),
            "https://xn--bcher-kva.example/",
        ),
        ("ssh://a.example", Endpoint("a.example", 22, "", "ssh"), "ssh://a.example"),
        (
            "sftp://a.example:2022/x",
            Endpoint("a.example", 2022, "", "sftp"),
            "sftp://a.example:2022",
        ),
        ("ftp://a.example/x", Endpoint("a.example", 21, "", "ftp"), "ftp://a.example"),
        ("ftps://[::1]:990", Endpoint("::1", 990, "", "ftps"), "ftps://[::1]:990"),
    ],
)
def test_endpoints(text: str, expected: Endpoint, asset: str) -> None:
    """Host, port and path are read; the asset's name has no query."""
    endpoint = parse_target(text)
    assert endpoint == expected
    assert endpoint.asset.id == asset


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("shop.example", "is no URL"),
        ("", "is no URL"),
        ("/srv/www", "is no URL"),
        ("https://", "names no host"),
        ("https://shop.example:0/", "names no port"),
        ("https://shop.example:99999/", "is no URL"),
        ("https://[::1/", "is no URL"),
        ("https://a b/", "is no host name"),
        ("http://shop.example/", 'scheme "http" is unknown'),
        ("gopher://shop.example/", 'scheme "gopher" is unknown'),
        ("scp://shop.example/", 'scheme "scp" is unknown'),
        ("sftp://user@shop.example/", "a user name or password"),
        ("https://user@shop.example/", "a user name or password"),
    ],
)
def test_bad_targets(text: str, found: str) -> None:
    """Each says what was found, and gives something to type."""
    with pytest.raises(UsageError, match=found) as caught:
        parse_target(text)
    assert caught.value.hint
    assert int(caught.value.exit_code) == 2


@pytest.mark.parametrize(
    "text",
    [
        "https://u:s3cr3t@shop.example/",
        "http://u:s3cr3t@x/",
        "ftp://u:s3cr3t@x/",
        "x?s3cr3t",
        "u:s3cr3t@x",
    ],
)
def test_no_message_repeats_a_secret(text: str) -> None:
    """Neither message nor hint carries what may be a password."""
    with pytest.raises(UsageError) as caught:
        parse_target(text)
    assert "s3cr3t" not in caught.value.message
    assert "s3cr3t" not in (caught.value.hint or "")


@given(st.text(max_size=60))
def test_any_text_is_an_endpoint_or_a_usage_error(text: str) -> None:
    """Nothing that can be typed raises anything else."""
    try:
        endpoint = parse_target(text)
    except UsageError:
        return
    assert 0 < endpoint.port < 65536


@pytest.mark.parametrize("port", [443, 8443])
def test_where_to_connect(port: int) -> None:
    """``--resolve`` gives the address; http is looked for where a browser would."""
    target = Endpoint("shop.example", port, "/").target({"shop.example": "127.0.0.1"})
    assert (target.server_name, target.address) == ("shop.example", "127.0.0.1")
    assert target.plain_port == (80 if port == 443 else port)


@pytest.mark.parametrize(
    ("text", "opening", "spoken"),
    [
        ("ftps://a.example", Opening.FTP, {Declaration.FTP}),
        ("ftp://a.example:990", Opening.DIRECT, {Declaration.FTP}),
        ("sftp://a.example", Opening.DIRECT, {Declaration.SSH}),
        ("https://a.example", Opening.DIRECT, set()),
    ],
)
def test_what_is_spoken(text: str, opening: Opening, spoken: set[Declaration]) -> None:
    """FTP begins in clear but on port 990; the scheme tells the rules what is spoken."""
    endpoint = parse_target(text)
    assert endpoint.target({}).opening is opening
    assert endpoint.declarations == spoken
    assert endpoint.is_file_server is bool(spoken)


def test_resolve() -> None:
    """Several hosts, IPv6 with and without brackets."""
    items = ("Shop.Example:127.0.0.1", "a.example:::1", "b.example:[::1]")
    assert parse_resolve(items) == {
        "shop.example": "127.0.0.1",
        "a.example": "::1",
        "b.example": "::1",
    }


@pytest.mark.parametrize("item", ["shop.example", "shop.example:", ":127.0.0.1", "a:b", "a b:::1"])
def test_bad_resolve(item: str) -> None:
    """Anything else is refused."""
    with pytest.raises(UsageError):
        parse_resolve([item])


def test_host_names() -> None:
    """An underscore is in use, other signs are not."""
    assert host_name("my_host.example") == "my_host.example"
    with pytest.raises(UsageError):
        host_name("shop;example")

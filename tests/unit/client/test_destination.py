"""Which URLs name a place, and which are refused before anything is connected."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.client.destination import Destination, parse_destination
from sealgate.client.sending import ChannelRefusedError
from sealgate.errors import ExitCode, SealgateError, UsageError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sftp://a.example/in/", Destination("sftp", "a.example", 22, "/in/")),
        ("SFTP://bob@A.Example:2022/x", Destination("sftp", "a.example", 2022, "/x", "bob")),
        ("ftps://a.example:990", Destination("ftps", "a.example", 990, "/")),
        ("https://[::1]/a%20b", Destination("https", "::1", 443, "/a b")),
        (
            "sftp://ann%40shop@a.example/%C3%A9",
            Destination("sftp", "a.example", 22, "/é", "ann@shop"),
        ),
    ],
)
def test_places(text: str, expected: Destination) -> None:
    """Scheme, user, host, port and path are read, and decoded once."""
    assert parse_destination(text) == expected


def test_folders_take_names() -> None:
    """Only a path that ends in a slash is a folder."""
    folder, file = parse_destination("sftp://a/in/"), parse_destination("sftp://a/in")
    assert folder.at("x.csv").path == "/in/x.csv"
    assert file.at("x.csv").path == "/in"
    assert (folder.name, file.name) == ("", "in")
    assert parse_destination("ftps://a:990/").is_implicit
    assert not parse_destination("ftps://a/").is_implicit
    assert parse_destination("https://u@[::1]:444/").origin == "https://[::1]:444"


@pytest.mark.parametrize(
    ("text", "rule"),
    [("ftp://a.example/in/", "transit-ftp-plaintext"), ("http://a.example/", "transit-plaintext")],
)
def test_what_sends_in_clear_is_refused(text: str, rule: str) -> None:
    """There is a sentence, a rule, a way out, and the code for findings."""
    with pytest.raises(ChannelRefusedError, match="in clear") as caught:
        parse_destination(text)
    assert caught.value.rule == rule
    assert caught.value.exit_code is ExitCode.FINDINGS
    assert "sftp://" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a.example",
        "/srv/in",
        "scp://a/x",
        "sftp://",
        "sftp://a:0/x",
        "sftp://a:99999/x",
        "sftp://a/../x",
        "sftp://a/%2e%2e/x",
        "sftp://a/x?y",
        "sftp://a/x%0d%0aDELE y",
        "sftp://a/%ff",
        "sftp://a b/x",
        "ftps://a%0d@b/x",
    ],
)
def test_bad_urls(text: str) -> None:
    """Each is refused with something to type."""
    with pytest.raises(UsageError) as caught:
        parse_destination(text)
    assert caught.value.hint


@pytest.mark.parametrize("text", ["sftp://u:s3cr3t@a/x", "https://u:s3cr3t@a/", "ftp://u:s3cr3t@a"])
def test_no_message_repeats_a_password(text: str) -> None:
    """A password in a URL is refused and not shown again."""
    with pytest.raises(SealgateError) as caught:
        parse_destination(text)
    assert "s3cr3t" not in caught.value.message + (caught.value.hint or "")


@given(st.text(max_size=60) | st.text(max_size=40).map("sftp://a/".__add__))
def test_any_text_is_a_place_or_refused(text: str) -> None:
    """Nothing that can be typed raises anything else, or puts a line break on a wire."""
    try:
        place = parse_destination(text)
    except (UsageError, ChannelRefusedError):
        return
    assert place.path.startswith("/")
    assert not any(c in place.path + place.user for c in "\r\n\0")

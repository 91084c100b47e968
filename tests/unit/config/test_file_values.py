"""Single values of drops, tunnels and keys: each in its one canonical form, or refused."""

from __future__ import annotations

import contextlib
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.config.file_values import (
    UNITS,
    read_file_name,
    read_pattern,
    read_ports,
    read_public_address,
    read_recipient,
    read_size,
    read_store,
    read_target,
    read_vault_address,
)
from sealgate.config.values import UnfitError
from sealgate.policy.inventory import Address, PassivePorts
from sealgate.storage.age.hybrid import HybridIdentity
from sealgate.storage.age.x25519 import X25519Identity
from sealgate.storage.paths import resolve

FOLDER = PurePosixPath("/srv")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("1 B", 1),
        ("10 GiB", 10 * 2**30),
        ("10GiB", 10 * 2**30),
        ("500 MB", 500_000_000),
        (" 2 TiB ", 2 * 2**40),
    ],
)
def test_sizes(text: str, size: int) -> None:
    """A number and a unit, of two or of ten, are bytes."""
    assert read_size(text) == size


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("10 gib", '"10 GiB"'),
        ("10 G", 'such as "10 GiB"'),
        ("1.5 GiB", 'such as "10 GiB"'),
        ("-1", 'such as "10 GiB"'),
        ("0", 'such as "10 GiB"'),
        ("9000000000 GiB", 'such as "10 GiB"'),
        ("٣ GiB", 'such as "10 GiB"'),
        ("", 'such as "10 GiB"'),
    ],
)
def test_no_sizes(text: str, hint: str) -> None:
    """Nothing, less than nothing, more than a file can hold and other units are refused."""
    with pytest.raises(UnfitError) as caught:
        read_size(text)
    assert caught.value.hint == hint


@given(st.integers(1, 2**63 - 1), st.sampled_from(sorted(UNITS)))
def test_a_size_is_its_number_times_its_unit(number: int, unit: str) -> None:
    """Whatever fits into a file offset is read exactly."""
    size = number * UNITS[unit]
    if size < 2**63:
        assert read_size(f"{number} {unit}") == size


@pytest.mark.parametrize("name", ["partners", "A-1_b.c", "2027", "x" * 64])
def test_names_are_safe_on_every_disk(name: str) -> None:
    """A name is one segment of a path and stays what it is."""
    assert read_file_name(name) == name
    assert resolve(f"/{name}") == (name,)


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "a\\b", "-rf", ".hidden", "a.", "aux", "ä", "a b", "x" * 65, "a\n"],
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    """Dots, separators, devices of Windows and what begins like an option."""
    with pytest.raises(UnfitError):
        read_file_name(name)


@given(st.text(max_size=80))
def test_any_name_is_one_safe_segment_or_refused(name: str) -> None:
    """No text gets through that a store would read as anything but one name."""
    with contextlib.suppress(UnfitError):
        assert resolve(f"/{read_file_name(name)}") == (name,)


@pytest.mark.parametrize(
    ("text", "store"),
    [
        ("file:partners", "file:/srv/partners"),
        ("file:./a/../partners/", "file:/srv/partners"),
        ("file:/var/lib/partners", "file:/var/lib/partners"),
        ("s3://bucket", "s3://bucket"),
        ("s3://bucket/in/box/", "s3://bucket/in/box"),
    ],
)
def test_stores(text: str, store: str) -> None:
    """A folder is absolute, a prefix has no slash at its end."""
    assert read_store(text, FOLDER) == store


@pytest.mark.parametrize(
    "text",
    [
        "partners",
        "file:",
        "file: ",
        "file://host/partners",
        "file:a\0b",
        "s3://",
        "s3://ab",
        "s3://Bucket",
        "s3://a..b/in",
        "s3://bucket/../in",
        "s3://bucket/in//box",
        "s3://bucket/in\nbox",
        "https://bucket/in",
    ],
)
def test_no_stores(text: str) -> None:
    """What is neither a folder nor a bucket, and what leads out of it, is refused."""
    with pytest.raises(UnfitError):
        read_store(text, FOLDER)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("127.0.0.1:5432", Address("127.0.0.1", 5432)),
        ("[::1]:22", Address("::1", 22)),
        ("localhost:80", Address("localhost", 80)),
        ("DB.example:5432", Address("db.example", 5432)),
    ],
)
def test_targets(text: str, target: Address) -> None:
    """A service has a host and a port, in the form that a client's request is held against."""
    assert read_target(text) == target


@pytest.mark.parametrize(
    "text",
    ["5432", "127.0.0.1", "127.0.0.1:0", "h:65536", "::1:22", "[h]:22", "a b:22", "h:22x", ":22"],
)
def test_no_targets(text: str) -> None:
    """Without a host, or without a port, nothing is reached."""
    with pytest.raises(UnfitError):
        read_target(text)


def test_ports() -> None:
    """A range has both of its ends; one port is a range."""
    assert read_ports("50000-50100") == PassivePorts("", 50000, 50100)
    assert read_ports("1024-1024") == PassivePorts("", 1024, 1024)
    for text in ("50100-50000", "1-2", "1024-70000", "1024", "2000-60000", "a-b", ""):
        with pytest.raises(UnfitError):
            read_ports(text)


def test_public_addresses() -> None:
    """Passive FTP has room for an IPv4 address that somebody can reach."""
    assert read_public_address("203.0.113.7") == "203.0.113.7"
    for text in ("0.0.0.0", "224.0.0.1", "::1", "files.example", "1.2.3"):  # noqa: S104  # refused
        with pytest.raises(UnfitError):
            read_public_address(text)


def test_patterns() -> None:
    """A pattern is for one name, not for a path."""
    assert read_pattern("*.csv") == "*.csv"
    for text in ("", " ", "in/*.csv", "a\0"):
        with pytest.raises(UnfitError):
            read_pattern(text)


def test_recipients_tell_whether_they_are_post_quantum() -> None:
    """Both kinds are read, and told apart."""
    classical, hybrid = X25519Identity.generate(), HybridIdentity.generate()
    assert read_recipient(f" {classical.recipient()} ") == (str(classical.recipient()), False)
    assert read_recipient(str(hybrid.recipient())) == (str(hybrid.recipient()), True)


def test_a_secret_key_is_no_recipient_and_is_not_repeated() -> None:
    """Whoever pastes the wrong half is told so, and the half is told to nobody."""
    secret = X25519Identity.generate().secret_text()
    with pytest.raises(UnfitError) as caught:
        read_recipient(secret)
    assert secret[20:30] not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("text", ["https://vault.example:8200/", "http://127.0.0.1:8200"])
def test_vault_addresses(text: str) -> None:
    """Vault is reached by https, or on this machine."""
    assert read_vault_address(text) == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "vault.example",
        "http://vault.example:8200",
        "http://localhost.example:8200",
        "https://me:x@vault.example",
        "https://vault.example/?a=b",
        "https://vault.example:port",
        "ftp://vault.example",
        "https://",
    ],
)
def test_no_vault_addresses(text: str) -> None:
    """A token is never sent in clear over a network."""
    with pytest.raises(UnfitError):
        read_vault_address(text)

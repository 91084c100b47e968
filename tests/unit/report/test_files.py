"""Doors, drops and tunnels as a plan tells them."""

from __future__ import annotations

import json

import pytest

from sealgate.policy.classification import DEFAULT_MODEL, Classification
from sealgate.policy.inventory import (
    Address,
    Drop,
    Inventory,
    KeySettings,
    Listen,
    OnMismatch,
    PassivePorts,
    Tunnel,
)
from sealgate.report.files import (
    PLAIN_FTP,
    door_lines,
    drop_lines,
    files_data,
    size_text,
    tunnel_lines,
)
from tests.listening import file_listeners

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
DROP = Drop(
    "partners",
    CONFIDENTIAL,
    "file:/srv/partners",
    ("group:partners",),
    read=("user:anna",),
    delete=(),
    quota_bytes=10 * 2**30,
    max_file_bytes=1500,
    retention_days=90,
    file_names=("*.csv",),
    on_mismatch=OnMismatch.QUARANTINE,
)
TUNNEL = Tunnel("console", SECRET, Address("::1", 5432), ("group:dba",))
LISTEN = Listen(
    files=file_listeners(
        ftps=(Address("::", 21), Address("127.0.0.1", 2121)),
        ftps_implicit=(Address("::", 990),),
    ),
    ftps_passive=PassivePorts("203.0.113.7", 50000, 50010),
    ftps_domain="files.example",
)
WHOLE = Inventory(
    "sealgate.toml",
    ".sealgate",
    listen=LISTEN,
    drops=(DROP,),
    tunnels=(TUNNEL,),
    keys=KeySettings("passphrase"),
)


def test_doors() -> None:
    """Every address, what is spoken there, and that plain FTP is not."""
    assert door_lines(WHOLE) == (
        "sftp on :2022: SFTP, SCP and tunnels",
        "ftps on :21, 127.0.0.1:2121: explicit TLS (AUTH TLS), as files.example",
        "ftps on :990: TLS from the first byte, as files.example",
        "ftps data connections on ports 50000-50010, told as 203.0.113.7",
        PLAIN_FTP,
    )


def test_without_drops_and_tunnels_there_are_no_doors() -> None:
    """A configuration of sites alone says nothing of files; a tunnel alone opens SSH only."""
    assert door_lines(Inventory("s", ".", listen=LISTEN)) == ()
    alone = Inventory("s", ".", listen=LISTEN, tunnels=(TUNNEL,))
    assert door_lines(alone) == ("sftp on :2022: tunnels", PLAIN_FTP)
    assert [door["protocol"] for door in files_data(alone, {})["doors"]] == ["sftp"]


def test_a_drop_with_everything() -> None:
    """Who may do what, how much fits, and how it is kept; an empty list is nobody."""
    (found,) = drop_lines(WHOLE, {"partners": None})
    assert found.split("\n    ") == [
        "partners (confidential): file:/srv/partners",
        'sealed for the site\'s key, kept apart (protection = "passphrase")',
        "may come in: group:partners",
        "read: user:anna; write: all of them; list: all of them; delete: nobody",
        "holds 10 GiB; 1500 B a file; files named *.csv; removed after 90 days",
        "an upload of a stricter class: quarantine",
    ]


@pytest.mark.parametrize(
    ("classification", "says"),
    [
        (PUBLIC, "stored as it comes"),
        (RESTRICTED, "readable for its owner only"),
        (CONFIDENTIAL, "sealed for the site's key and 1 recipients, but it lies there"),
        (SECRET, "sealed for 1 post-quantum recipients; this host cannot open it"),
    ],
)
def test_how_a_drop_is_kept(classification: Classification, says: str) -> None:
    """Each rung in a sentence, and what spoils it."""
    drop = Drop("in", classification, "file:/in", recipients=("age1…",))
    (found,) = drop_lines(Inventory("s", ".", drops=(drop,)), {"in": "it lies there"})
    assert says in found


def test_nobody_looked_is_told() -> None:
    """A drop of which nothing is known is not said to be apart."""
    (found,) = drop_lines(WHOLE, {})
    assert "but nobody looked" in found
    assert files_data(WHOLE, {})["drops"][0]["keys_apart"] is False


def test_a_tunnel() -> None:
    """Where it leads, and for whom."""
    assert tunnel_lines(WHOLE) == ("console (secret): [::1]:5432\n    may come in: group:dba",)


def test_as_data() -> None:
    """The same for machines; "all of them" is null and "nobody" an empty list."""
    data = json.loads(json.dumps(files_data(WHOLE, {"partners": None})))
    assert data["doors"][0] == {"protocol": "sftp", "address": ":2022"}
    (drop,) = data["drops"]
    assert (drop["read"], drop["write"], drop["delete"]) == (["user:anna"], None, [])
    assert drop["keys_apart"] is True
    assert data["tunnels"][0]["target"] == "[::1]:5432"


def test_what_comes_from_outside_is_shown_safely() -> None:
    """Control characters in a folder's name do not reach the terminal."""
    drop = Drop("in", PUBLIC, "file:/in\x1b[2J")
    (found,) = drop_lines(Inventory("s", ".", drops=(drop,)), {})
    assert "\x1b" not in found


@pytest.mark.parametrize(
    ("size", "text"), [(1, "1 B"), (1024, "1 KiB"), (1536, "1536 B"), (2**40, "1 TiB")]
)
def test_sizes(size: int, text: str) -> None:
    """Exact, in the largest unit that fits."""
    assert size_text(size) == text

"""The command line of old scp."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.protocols.ssh.scp_command import SCPCommand, read_scp_command

GOOD = {
    "scp -t /a": SCPCommand(True, ("/a",)),
    "scp -r -p -d -t -- '/a b'": SCPCommand(True, ("/a b",), True, True, True),
    "scp -v -f a 'b\"c'": SCPCommand(False, ("a", 'b"c')),
    "scp -pf x": SCPCommand(False, ("x",), preserve=True),
    r"scp -f a\ b\;c": SCPCommand(False, ("a b;c",)),
    "scp -f -- -x": SCPCommand(False, ("-x",)),
    "/usr/bin/scp -t .": SCPCommand(True, (".",)),
}


@pytest.mark.parametrize(("line", "asked"), GOOD.items())
def test_what_clients_send_is_understood(line: str, asked: SCPCommand) -> None:
    """Flags in any order, quoting as a shell has it, and paths that begin with a dash."""
    assert read_scp_command(line) == asked


@pytest.mark.parametrize(
    "line",
    [
        "",
        "scp",
        "scp -t",
        "scp -f",
        "scp -t -f a",
        "scp a b",
        "scp -S /bin/sh -t a",
        "scp -t a b",
        "sh -c 'scp -t a'",
        "scp -t 'a",
        "/opt/scp -t a",
        "scp -t " + "a" * 9000,
    ],
)
def test_everything_else_is_no_scp(line: str) -> None:
    """Other programs, other flags, open quotes."""
    with pytest.raises(ValueError):  # noqa: PT011  # one kind of failure
        read_scp_command(line)


@given(st.text(max_size=60))
def test_no_line_does_anything_else(line: str) -> None:
    """Fuzz: read or refused."""
    try:
        asked = read_scp_command(line)
    except ValueError:
        return
    assert asked.paths

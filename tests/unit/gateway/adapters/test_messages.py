"""What Envoy says, in one printable line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.gateway.adapters.messages import (
    MAX_REASON_CHARACTERS,
    one_line,
    read_tail,
    reason_in,
    refused,
)
from sealgate.gateway.model import EnvoyFiles

STAMP = "[2026-11-24 09:08:10.932][19572]"


@pytest.mark.parametrize(
    ("message", "said"),
    [
        pytest.param(
            "error adding listener 'https': cannot bind '0.0.0.0:443': Permission denied",
            "cannot bind 0.0.0.0:443: permission denied",
            id="bind",
        ),
        pytest.param(
            "goo.gle/debugonly \nname: x\n: Proto constraint validation failed (A.B: embedded"
            " message failed validation | caused by C.Status: value must be positive)",
            "C.Status: value must be positive",
            id="constraint",
        ),
        pytest.param(
            "Protobuf message (near 1:2: no  such   field:   'port') has unknown fields",
            'this envoy does not know the field "port"',
            id="unknown-field",
        ),
        pytest.param(
            "error initializing configuration '/f': route: unknown cluster 'x'",
            "route: unknown cluster 'x'",
            id="plain",
        ),
    ],
)
def test_the_relevant_part_is_kept(message: str, said: str) -> None:
    """Introductions, dumps and chains of causes are cut."""
    assert one_line(message) == said


def test_control_characters_and_length_are_cut() -> None:
    """A message cannot move a terminal's cursor, nor fill its screen."""
    said = one_line("a\x1b[2Jb\x07" + "c" * 1000)
    assert said.isprintable()
    assert len(said) == MAX_REASON_CHARACTERS


def test_the_last_complaint_counts() -> None:
    """Information, warnings that every start brings and earlier complaints are passed over."""
    log = (
        f"{STAMP}[error][config] [a.cc:1] first\n"
        f"{STAMP}[critical][main] [a.cc:2] second\nwith: more\n"
        f"{STAMP}[warning][main] [a.cc:3] There is no configured limit to anything\n"
        f"{STAMP}[info][main] [a.cc:4] exiting\n"
    )
    assert reason_in(log) == "second"


def test_a_log_of_no_level_gives_its_last_line() -> None:
    """A loader's or shell's message has no level and is told as it is."""
    assert reason_in("envoy: cannot load library\n") == "envoy: cannot load library"
    assert reason_in("") == "envoy gave no reason"


def test_only_the_end_of_a_log_is_read(tmp_path: Path) -> None:
    """Reading starts at the given byte; a missing log is empty."""
    log = tmp_path / "log"
    log.write_bytes(b"one\ntwo\n")
    assert read_tail(str(log), since_byte=4) == "two\n"
    assert read_tail(str(tmp_path / "none")) == ""


def test_a_refusal_tells_where_the_files_are() -> None:
    """The hint leads to the files that Envoy did not take."""
    error = refused("because", EnvoyFiles("/state/envoy", {}))
    assert error.message == "envoy refused the configuration: because"
    assert "/state/envoy" in (error.hint or "")

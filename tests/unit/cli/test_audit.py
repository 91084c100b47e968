"""``sealgate audit``: bad input is told in one line, with a hint and the right exit code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from sealgate.cli import run

if TYPE_CHECKING:
    from pathlib import Path

URL = "https://127.0.0.1:1/"
NOBODY = 65534


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["shop.example"], "is no URL"),
        (["gopher://shop.example/"], 'scheme "gopher" is unknown'),
        ([URL, "ssh://shop.example:99999"], "is no URL"),
        ([URL, "--class", "top"], 'class "top" does not exist; there are public,'),
        (["--class", "public"], "needs a TARGET"),
        ([URL, "--ca", "/none/ca.pem"], "cannot be read: no such file"),
        ([URL, "--ca", "/"], "cannot be read"),
        ([URL, "--ca", "/etc/hostname"], "holds no PEM certificate"),
        ([URL, "--resolve", "shop.example"], "is not HOST:ADDRESS"),
        ([URL, "--output", "/none/report.txt"], 'output "/none/report.txt" cannot be written'),
        ([URL, "--format", "xml"], "is not one of"),
        ([URL, "-c", "/none/sealgate.toml"], "does not exist"),
        ([], 'no "sealgate.toml"'),
        (["--nonsense"], "no such option"),
    ],
)
def test_bad_input(
    arguments: list[str],
    found: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Exit code 2; one error, one hint; nothing on standard output."""
    monkeypatch.chdir(tmp_path)
    assert run(["audit", *arguments]) == 2
    printed = capsys.readouterr()
    assert found in printed.err
    assert printed.err.count("sealgate: error: ") == 1
    assert printed.err.count("sealgate: hint: ") == 1
    assert printed.out == ""


def test_a_ca_file_without_permission(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A CA file that may not be read is told before anything is asked."""
    ca = tmp_path / "ca.pem"
    ca.touch(mode=0)
    me = os.geteuid()
    if me == 0:
        os.seteuid(NOBODY)  # root may read everything
    try:
        assert run(["audit", URL, "--ca", str(ca)]) == 2
    finally:
        os.seteuid(me)
    assert "permission denied" in capsys.readouterr().err


def test_nothing_declared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A configuration without a site is nothing to look at: no verdict, exit code 3 or 2."""
    config = tmp_path / "sealgate.toml"
    config.write_text("", "utf-8")
    assert run(["audit", "-c", str(config)]) in {2, 3}
    assert "site" in capsys.readouterr().err


def test_no_progress_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """Progress is for a terminal; the report alone is on standard output."""
    assert run(["audit", URL]) == 10
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "transit-unreachable" in printed.out

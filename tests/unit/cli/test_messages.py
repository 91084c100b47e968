"""What every command has in common: exit codes, and how errors are said."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import sealgate.cli as front
from sealgate.cli import COMMANDS, SHOW_TRACEBACK, cli, run
from sealgate.cli.messages import complain, notice, typable
from sealgate.cli.output import in_colour
from sealgate.errors import ConfigError, ExitCode, Fault, SourceError


@pytest.mark.parametrize(
    ("arguments", "words", "hint"),
    [
        (["frobnicate"], 'no such command "frobnicate"', "sealgate --help"),
        (["asess"], 'no such command "asess"', "sealgate assess"),
        (["user", "pasword", "anna"], 'no such command "pasword"', "sealgate user password"),
        (["audit", "--fromat", "json"], 'no such option "--fromat"', "--format, or see"),
        (["user", "add"], 'missing argument "name"', "sealgate user add NAME"),
        (
            ["grant", "ask"],
            "missing",
            "sealgate grant ask ASSET --reason REASON --for TIME --as NAME",
        ),
        (["demo", "now"], 'unexpected extra argument "now"', "sealgate demo --help"),
        (["plan", "--format", "xml"], '"xml" is not one of "text", "json"', "plan --help"),
        (["get", "report.csv"], '"report.csv" is no url', "sftp://partner@files.example/in/"),
        (["plan", "--frobnicate"], "no such option", "sealgate plan --help"),
        (["explain", "transit-no-hstss"], '"transit-no-hstss"', "transit-no-hsts"),
        (["plan", "-c", "absent.toml"], '"absent.toml"', ""),
        (["plan"], "sealgate.toml", "sealgate init"),
    ],
)
def test_wrong_usage_ends_with_2_and_a_hint(
    arguments: list[str],
    words: str,
    hint: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The message names the thing, the hint can be typed, nothing goes to standard output."""
    monkeypatch.chdir(tmp_path)
    assert run(arguments) == ExitCode.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    first, *rest = err.splitlines()
    assert first.startswith("sealgate: error: ")
    assert words in first.lower()
    assert not first.endswith(".")
    assert any(line.startswith("sealgate: hint: ") and hint in line for line in rest) or not hint


def test_a_name_cannot_speak_for_sealgate(capsys: pytest.CaptureFixture[str]) -> None:
    """Line ends and control sequences in names of files are shown, not obeyed."""
    name = "a\x1b[2J\nsealgate: all is well\x9b1m\u202e"
    complain(SourceError(f'"{name}" is no regular file', hint=f"ls '{name}'"))
    [error, hint] = capsys.readouterr().err.splitlines()
    assert error.isprintable()
    assert hint.isprintable()
    assert "\\nsealgate: all is well" in error


def test_every_fault_is_said_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """One line a fault, in a form that editors can jump to, each with its hint."""
    faults = [Fault("a.toml", 3, "one", "do this"), Fault("a.toml", 9, "two")]
    complain(ConfigError("two faults", faults=faults, hint="sealgate plan"))
    assert capsys.readouterr().err.splitlines() == [
        "sealgate: error: a.toml:3: one",
        "sealgate: hint: do this",
        "sealgate: error: a.toml:9: two",
        "sealgate: hint: sealgate plan",
    ]


def test_an_extra_is_installed_where_sealgate_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The hint names the environment's own pip, unless that is the one that is found anyway."""
    (tmp_path / "bin").mkdir()
    own = tmp_path / "bin" / "pip"
    own.write_text("#!/bin/sh\n")
    own.chmod(0o755)
    monkeypatch.setattr("sys.prefix", str(tmp_path))
    complain(SourceError("no library", hint='pip install "sealgate[s3]"'))
    assert f'hint: {own} install "sealgate[s3]"' in capsys.readouterr().err
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert typable('pip install "sealgate[s3]"') == 'pip install "sealgate[s3]"'
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("sys.prefix", sys.base_prefix)
    assert typable('pip install "sealgate[s3]"') == 'pip install "sealgate[s3]"'


def test_other_errors_and_notices_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Both go to standard error and begin with the program's name."""
    complain(SourceError('"x" cannot be read'))
    notice("ready")
    assert capsys.readouterr().err == 'sealgate: error: "x" cannot be read\nsealgate: ready\n'


def test_an_error_of_our_own_shows_no_data(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bug ends with 1 and tells type and place; the exception's text stays inside."""

    @click.command()
    def broken() -> None:
        raise KeyError("4111111111111111")

    monkeypatch.setattr(front, "cli", broken)
    monkeypatch.delenv(SHOW_TRACEBACK, raising=False)
    assert run([]) == ExitCode.FAILED
    err = capsys.readouterr().err
    assert "4111" not in err
    assert "KeyError at test_messages.py:" in err
    monkeypatch.setenv(SHOW_TRACEBACK, "1")
    with pytest.raises(KeyError):
        run([])


def test_every_command_loads_and_has_help() -> None:
    """Each entry of the table leads to a command that tells what it does, in whole sentences."""
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        assert command.help, name
        if isinstance(command, click.Group):
            help_text = " ".join(command.get_help(click.Context(command)).split())
            for inner in command.commands.values():
                first = " ".join((inner.help or "").strip().split("\n\n")[0].split())
                assert f"{inner.name} {first}" in help_text


def test_the_help_names_every_command_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Commands stand under what they are for, and the first thing to type is told."""
    assert run(["--help"]) == ExitCode.OK
    said = capsys.readouterr().out
    assert re.findall(r"^  ([a-z]+)  +\S", said, re.MULTILINE) == list(COMMANDS)
    assert 'Begin with "sealgate demo"' in said


def test_a_reader_that_leaves_is_no_traceback() -> None:
    """``sealgate classes | true`` ends quietly."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", "classes"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=30,
    )
    os.close(write)
    assert "Traceback" not in done.stderr
    assert done.returncode != 0


@pytest.mark.parametrize(
    ("variable", "value", "coloured"),
    [("NO_COLOR", "1", False), ("NO_COLOR", "", True), ("TERM", "dumb", False)],
)
def test_who_wants_no_colour_gets_none(
    variable: str, value: str, *, coloured: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal too; an empty NO_COLOR means nothing (no-color.org)."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv(variable, value)
    assert in_colour() is coloured

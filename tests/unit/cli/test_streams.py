"""Standard streams that are full, closed or gone, and signals, as shells make them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sealgate.cli import run
from sealgate.errors import ExitCode
from tests.waiting import wait_until

COMMAND = f"{sys.executable} -m sealgate"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run *line* in *folder*, as somebody types it."""
    # Without buffers nothing is left to be written when a command ends.
    usual = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return subprocess.run(
        ["bash", "-c", line.replace("sealgate", COMMAND, 1)],
        cwd=folder,
        env=usual,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("line", "code", "told"),
    [
        ("sealgate explain >/dev/full", 1, "standard output cannot be written: no space left"),
        ("sealgate explain >&-", 1, "standard output cannot be written: bad file descriptor"),
        (
            "sealgate seal - --passphrase-file p -o out <&-",
            1,
            "standard input cannot be read: bad file",
        ),
        ("sealgate seal p --passphrase-file p -o - >&-", 1, "standard output cannot be written"),
        ("sealgate explain nope 2>/dev/full", 2, ""),
        ("sealgate explain nope 2>&-", 2, ""),
        ("mkdir d; cd d; rmdir ../d; sealgate plan", 1, "the current folder is not there any more"),
    ],
)
def test_what_cannot_be_read_or_written_is_told(
    line: str, code: int, told: str, tmp_path: Path
) -> None:
    """A full disk, a closed stream and a folder that is gone are no bugs, and no success."""
    (tmp_path / "p").write_text("a passphrase\n")
    done = shell(line, tmp_path)
    assert done.returncode == code
    assert told in done.stderr
    assert "contradicts" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "ignored" not in done.stderr


def test_a_pipe_that_breaks_elsewhere_is_told(tmp_path: Path) -> None:
    """Only a reader of standard output that leaves is no news."""
    (tmp_path / "big").write_bytes(bytes(1 << 20))
    (tmp_path / "p").write_text("a passphrase\n")
    os.mkfifo(tmp_path / "out")
    line = "(head -c 1 out >seen &) ; sealgate seal big --passphrase-file p -o out"
    done = shell(line, tmp_path)
    assert done.returncode == ExitCode.FAILED
    assert "what was written to went away: broken pipe" in done.stderr


def test_init_keeps_nothing_when_the_recovery_identity_was_not_shown(tmp_path: Path) -> None:
    """An identity that nobody saw could never open what is sealed for it."""
    done = shell("sealgate init >/dev/full", tmp_path)
    assert done.returncode == ExitCode.FAILED
    assert not (tmp_path / "sealgate.toml").exists()
    again = shell("sealgate init", tmp_path)
    assert again.returncode == 0
    assert "AGE-SECRET-KEY-1" in again.stdout


@pytest.mark.parametrize("output", [">/dev/full", ">&-"])
def test_a_key_is_not_issued_when_its_password_was_not_shown(output: str, tmp_path: Path) -> None:
    """Nobody could open the file, and the certificate in it would be valid."""
    (tmp_path / "sealgate.toml").write_text(
        '[[site]]\ndomains = ["shop.example"]\nupstream = "http://127.0.0.1:8080"\n'
        '[[site.route]]\npath = "/"\nclass = "public"\n'
    )
    done = shell(f"sealgate key issue anna --p12 a.p12 {output}", tmp_path)
    assert done.returncode == ExitCode.FAILED
    assert "standard output cannot be written" in done.stderr
    assert not (tmp_path / "a.p12").exists()
    assert "no keys" in shell("sealgate key list", tmp_path).stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_half_written(number: signal.Signals, tmp_path: Path) -> None:
    """What was begun is removed, and the exit code is the shell's."""
    (tmp_path / "p").write_text("a passphrase\n")
    arguments = ["seal", "-", "--passphrase-file", "p", "-o", "out"]
    running = subprocess.Popen(
        [sys.executable, "-m", "sealgate", *arguments],
        cwd=tmp_path,
        # It stays open, so that the command is at work until it is told to end.
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: any(tmp_path.glob(".sealgate-*")) or running.poll() is not None)
        running.send_signal(number)
        assert running.wait(30) == 128 + number
    finally:
        running.kill()
        running.communicate()
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_help_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    """A command without its arguments shows help as it is, and ends as wrong usage."""
    assert run([]) == ExitCode.USAGE
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Usage: sealgate")
    assert any(line.startswith("  explain ") for line in lines)

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sealgate.cli import run
from sealgate.storage.age.file import SealWriter
from sealgate.storage.age.keys import HybridIdentity, PassphraseRecipient, X25519Identity
from tests.terminal import on_terminal

# What was damaged, or typed wrong, nobody can mend by a hint.
NO_HINT = ("cut off", "is not what was sealed", "passphrase is wrong", "wrong")
ONE, TWO = X25519Identity.generate(), X25519Identity.generate()
HYBRID = HybridIdentity.generate()
SEALGATE = [sys.executable, "-m", "sealgate"]


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every command in a folder of its own, with a file and keys."""
    (tmp_path / "plain").write_bytes(b"plain text\n")
    for name, identity in (("one", ONE), ("two", TWO), ("hybrid", HYBRID)):
        (tmp_path / name).write_text(identity.secret_text() + "\n")
    (tmp_path / "word").write_text("correct horse\n")
    (tmp_path / "wrong").write_text("battery staple\n")
    monkeypatch.chdir(tmp_path)


def names(folder: str) -> list[str]:
    """Return what lies in *folder*."""
    return sorted(path.name for path in Path(folder).iterdir())


@pytest.mark.parametrize(("identity", "name"), [(ONE, "one"), (HYBRID, "hybrid")])
@pytest.mark.parametrize("armor", [[], ["--armor"]])
def test_a_file_goes_there_and_back(
    identity: X25519Identity | HybridIdentity,
    name: str,
    armor: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Nothing is printed, and the plain file stays."""
    assert run(["seal", *armor, "-r", str(identity.recipient()), "plain"]) == 0
    assert Path("plain.age").read_bytes().startswith(b"-----BEGIN" if armor else b"age-enc")
    assert run(["open", "-i", name, "-o", "back", "plain.age"]) == 0
    assert Path("back").read_bytes() == Path("plain").read_bytes()
    assert capsys.readouterr() == ("", "")


def test_standard_streams_go_there_and_back() -> None:
    """As between programs in a shell."""
    plain = secrets.token_bytes(300_000)
    command = [*SEALGATE, "seal", "-r", str(ONE.recipient()), "-"]
    sealed = subprocess.run(command, input=plain, capture_output=True, check=True).stdout
    command = [*SEALGATE, "open", "-i", "one", "-"]
    assert subprocess.run(command, input=sealed, capture_output=True, check=True).stdout == plain
    cut = subprocess.run(command, input=sealed[:-1], capture_output=True, check=False)
    assert cut.returncode == 1
    assert plain.startswith(cut.stdout)
    assert cut.stdout
    assert b"what was written is only a beginning" in cut.stderr
    foreign = subprocess.run(command, input=b"hello", capture_output=True, check=False)
    assert (foreign.returncode, foreign.stdout) == (1, b"")
    assert b"error: not a sealed file" in foreign.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["seal", "-r", "age1wrong", "plain"], 2, 'the recipient "age1wrong" cannot be read'),
        (["seal", "-r", "hello", "plain"], 2, "unknown kind"),
        (["seal", "-R", "missing", "plain"], 1, '"missing" cannot be read: no such file'),
        (["seal", "-r", str(ONE.recipient()), "missing"], 1, '"missing" cannot be read'),
        (["seal", "-r", str(ONE.recipient())], 2, "no file was given"),
        (["seal", "plain"], 2, "no recipient was given"),
        (["seal", "-p", "-r", str(ONE.recipient()), "plain"], 2, "the only recipient"),
        (
            ["seal", "-r", str(ONE.recipient()), "-r", str(HYBRID.recipient()), "plain"],
            2,
            "cannot share",
        ),
        (["seal", "-r", str(ONE.recipient()), "-o", "plain", "plain"], 2, "input itself"),
        (["seal", "-r", str(ONE.recipient()), "-o", "no/out", "plain"], 1, "cannot be written"),
        (["open", "-i", "one"], 2, "no file was given"),
        (["open", "-i", "one", "plain"], 2, "does not end in .age"),
        (["open", "-i", "one", "-o", "out", "plain"], 1, "not a sealed file"),
        (["open", "-i", "plain", "-o", "out", "sealed"], 2, "unknown kind"),
        (["open", "-i", "missing", "-o", "out", "sealed"], 1, "cannot be read"),
        (["open", "-i", "two", "-o", "out", "sealed"], 1, "sealed for somebody else"),
        (["open", "-i", "one", "-o", "sealed", "sealed"], 2, "input itself"),
        (["open", "-o", "out", "sealed"], 2, "no identity was given"),
        (["open", "-i", "one", "-o", "out", "cut"], 1, "cut off"),
        (["open", "-i", "one", "-o", "out", "changed"], 1, "is not what was sealed"),
        (["open", "--passphrase-file", "wrong", "-o", "out", "locked"], 1, "passphrase is wrong"),
        (["open", "-i", "locked", "-o", "out", "sealed", "--passphrase-file", "wrong"], 1, "wrong"),
        (["open", "--passphrase-file", "missing", "-o", "out", "locked"], 1, "cannot be read"),
    ],
)
def test_bad_input_is_told(
    arguments: list[str], code: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each with its exit code and a sentence, and nothing is left at OUT."""
    run(["seal", "-r", str(ONE.recipient()), "-o", "sealed", "plain"])
    sealed = Path("sealed").read_bytes()
    Path("cut").write_bytes(sealed[:-20])
    Path("changed").write_bytes(sealed[:-20] + bytes([sealed[-20] ^ 1]) + sealed[-19:])
    with Path("locked").open("wb") as file:
        locked = PassphraseRecipient("correct horse", work_factor=5)
        with SealWriter(file, [locked]) as writer:
            writer.write(b"plain text")
    before = names(".")
    capsys.readouterr()
    assert run(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.startswith("sealgate: error: ")
    # What a person can mend has a hint; a file that is damaged nobody can.
    assert ("sealgate: hint: " in err) or told in NO_HINT
    assert "SECRET-KEY-1" not in err
    assert names(".") == before
    assert Path("plain").read_bytes() == b"plain text\n"
    assert Path("sealed").read_bytes() == sealed


def test_no_permission_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither to read nor to write; root, who may always, is shown a folder that nobody writes to."""
    if os.geteuid() == 0:
        target = "/proc/out"
    else:
        Path("shut").mkdir(mode=0o500)
        target = "shut/out"
    assert run(["seal", "-r", str(ONE.recipient()), "-o", target, "plain"]) == 1
    assert f'"{target}" cannot be written' in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_leaves_nothing(number: int, code: int) -> None:
    """Neither a half file nor a temporary one."""
    os.mkfifo("pipe")
    command = [*SEALGATE, "seal", "-r", str(ONE.recipient()), "-o", "out", "pipe"]
    with (
        subprocess.Popen(command, stderr=subprocess.DEVNULL) as child,
        Path("pipe").open("wb", buffering=0) as pipe,
    ):
        pipe.write(b"x" * 50_000)
        while not any(name.startswith(".sealgate-") for name in names(".")):
            assert child.poll() is None
            time.sleep(0.01)
        child.send_signal(number)
        assert child.wait(timeout=60) == code
    assert names(".") == ["hybrid", "one", "pipe", "plain", "two", "word", "wrong"]


def test_one_that_fails_does_not_keep_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code tells that not all was done, the message which."""
    Path("tree").mkdir()
    for name in ("a", "b", "c"):
        Path("tree", name).write_bytes(name.encode())
    assert run(["seal", "-r", str(ONE.recipient()), "tree"]) == 0
    Path("tree.age/b.age").write_bytes(b"age-encryption.org/v1\n")
    assert run(["open", "-i", "one", "-o", "back", "tree.age"]) == 1
    assert names("back") == ["a", "c"]
    assert (
        'sealgate: error: "tree.age/b.age": the sealed file is cut off' in capsys.readouterr().err
    )


def test_without_recipient_the_key_of_the_site_seals(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A site's file opens with the site's key, and with nobody else's."""
    assert run(["init", "site"]) == 0
    capsys.readouterr()
    config = str(tmp_path / "site/sealgate.toml")
    assert run(["seal", "-c", config, "plain"]) == 0
    assert run(["open", "-c", config, "-o", "back", "plain.age"]) == 0
    assert Path("back").read_bytes() == b"plain text\n"
    assert run(["open", "-i", "one", "-o", "other", "plain.age"]) == 1
    assert run(["seal", "-r", str(ONE.recipient()), "-o", "foreign", "plain"]) == 0
    assert run(["open", "-c", config, "-o", "other", "foreign"]) == 1
    assert "sealed for somebody else" in capsys.readouterr().err


def test_a_passphrase_needs_no_site(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither to seal nor to open, and an empty one is refused."""
    assert run(["seal", "--passphrase-file", "word", "plain"]) == 0
    assert run(["open", "--passphrase-file", "word", "-o", "back", "plain.age"]) == 0
    assert Path("back").read_bytes() == b"plain text\n"
    Path("word").write_text("\n")
    assert run(["seal", "--passphrase-file", "word", "--force", "plain"]) == 2
    assert "is empty" in capsys.readouterr().err


def test_a_terminal_is_spared() -> None:
    """No sealed bytes and no binary content, but armour and text."""
    recipient = str(ONE.recipient())
    code, printed = on_terminal([*SEALGATE, "seal", "-r", recipient, "-o", "-", "plain"])
    assert code == 2
    assert b"not for the terminal" in printed
    code, printed = on_terminal([*SEALGATE, "seal", "-a", "-r", recipient, "-o", "-", "plain"])
    assert code == 0
    assert b"-----BEGIN AGE ENCRYPTED FILE-----" in printed
    Path("binary").write_bytes(b"\x1b[2J\x00")
    run(["seal", "-r", recipient, "plain"])
    run(["seal", "-r", recipient, "binary"])
    for name, wanted in (("plain.age", b"plain text"), ("binary.age", b"it is not for the term")):
        command = f'exec "{SEALGATE[0]}" -m sealgate open -i one - < {name}'
        _, printed = on_terminal(["/bin/sh", "-c", command])
        assert wanted in printed
        assert b"\x1b[2J\x00" not in printed

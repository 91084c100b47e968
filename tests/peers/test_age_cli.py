"""The ``age`` program opens what ``sealgate seal`` wrote, and the other way round."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sealgate.cli import run
from tests.terminal import on_terminal

pytestmark = pytest.mark.peer("age")

SIZES = [0, 1, 65536, 9_000_001]


def keygen(folder: Path) -> tuple[Path, str]:
    """Return a key file that age-keygen made, and its recipient."""
    path = folder / "key.txt"
    subprocess.run(["age-keygen", "-o", str(path)], check=True, capture_output=True)
    (line,) = [x for x in path.read_text().splitlines() if x.startswith("# public key: ")]
    return path, line.removeprefix("# public key: ")


def ssh_keygen(folder: Path, *arguments: str, passphrase: str = "") -> tuple[Path, str]:
    """Return a key file that ssh-keygen made, and its public line."""
    path = folder / "id"
    command = ["ssh-keygen", "-q", *arguments, "-N", passphrase, "-f", str(path)]
    subprocess.run(command, check=True)
    return path, path.with_suffix(".pub").read_text().strip()


MAKERS: dict[str, Callable[[Path], tuple[Path, str]]] = {
    "x25519": keygen,
    "ssh-ed25519": lambda folder: ssh_keygen(folder, "-t", "ed25519"),
    "ssh-rsa": lambda folder: ssh_keygen(folder, "-t", "rsa", "-b", "2048"),
    "ssh-rsa in PEM": lambda folder: ssh_keygen(folder, "-t", "rsa", "-b", "2048", "-m", "PEM"),
}


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("armor", [[], ["-a"]])
def test_files_go_both_ways(tmp_path: Path, kind: str, armor: list[str]) -> None:
    """Each kind of key, in binary and in armour, in sizes around the chunk's."""
    identity, recipient = MAKERS[kind](tmp_path)
    for size in SIZES:
        plain = tmp_path / "plain"
        plain.write_bytes(secrets.token_bytes(size))
        ours, theirs = tmp_path / "ours.age", tmp_path / "theirs.age"
        assert run(["seal", *armor, "-r", recipient, "-o", str(ours), str(plain)]) == 0
        back = subprocess.run(
            ["age", "-d", "-i", str(identity), str(ours)], capture_output=True, check=True
        )
        assert back.stdout == plain.read_bytes()
        command = ["age", *armor, "-r", recipient, "-o", str(theirs), str(plain)]
        subprocess.run(command, check=True)
        out = tmp_path / "out"
        assert run(["open", "-i", str(identity), "-o", str(out), str(theirs)]) == 0
        assert out.read_bytes() == plain.read_bytes()


def test_an_encrypted_ssh_key_opens(tmp_path: Path) -> None:
    """The key file's passphrase is asked for, and a wrong one is told."""
    identity, recipient = ssh_keygen(tmp_path, "-t", "ed25519", passphrase="open it")
    sealed = tmp_path / "a.age"
    subprocess.run(["age", "-r", recipient, "-o", str(sealed)], input=b"ssh", check=True)
    word = tmp_path / "word"
    word.write_text("open it\n")
    out = tmp_path / "out"
    options = ["-i", str(identity), "-o", str(out), "--passphrase-file", str(word)]
    assert run(["open", *options, str(sealed)]) == 0
    assert out.read_bytes() == b"ssh"
    word.write_text("another\n")
    out.unlink()
    assert run(["open", *options, str(sealed)]) == 1
    assert not out.exists()


def test_recipients_files_are_read_alike(tmp_path: Path) -> None:
    """Comments, several lines and an SSH key: everybody in the file can open."""
    identity, recipient = keygen(tmp_path)
    ssh_identity, ssh_recipient = ssh_keygen(tmp_path, "-t", "ed25519")
    people = tmp_path / "people"
    people.write_text(f"# the partners\n\n{recipient}\n{ssh_recipient} somebody@example\n")
    plain = tmp_path / "plain"
    plain.write_bytes(b"for both")
    assert run(["seal", "-R", str(people), str(plain)]) == 0
    for each in (identity, ssh_identity):
        command = ["age", "-d", "-i", str(each), f"{plain}.age"]
        assert subprocess.run(command, capture_output=True, check=True).stdout == b"for both"


def test_passphrases_go_both_ways(tmp_path: Path) -> None:
    """What was sealed with a passphrase on a terminal opens at the other program."""
    word = tmp_path / "word"
    word.write_text("correct horse\n")
    plain = tmp_path / "plain"
    plain.write_bytes(b"by word")
    typed([sys.executable, "-m", "sealgate", "seal", "-p", str(plain)], ["correct horse"] * 2)
    told = typed(["age", "-d", f"{plain}.age"], ["correct horse"])
    assert b"by word" in told
    theirs = tmp_path / "theirs.age"
    typed(["age", "-p", "-o", str(theirs), str(plain)], ["correct horse"] * 2)
    out = tmp_path / "out"
    assert run(["open", "--passphrase-file", str(word), "-o", str(out), str(theirs)]) == 0
    assert out.read_bytes() == b"by word"


def test_a_sealed_identity_file_opens(tmp_path: Path) -> None:
    """A key file that age sealed with a passphrase serves as an identity."""
    identity, recipient = keygen(tmp_path)
    locked = tmp_path / "key.age"
    typed(["age", "-p", "-a", "-o", str(locked), str(identity)], ["correct horse"] * 2)
    word, sealed, out = tmp_path / "word", tmp_path / "a.age", tmp_path / "out"
    word.write_text("correct horse\n")
    subprocess.run(["age", "-r", recipient, "-o", str(sealed)], input=b"twice", check=True)
    options = ["-i", str(locked), "--passphrase-file", str(word), "-o", str(out)]
    assert run(["open", *options, str(sealed)]) == 0
    assert out.read_bytes() == b"twice"


def typed(command: list[str], answers: list[str]) -> bytes:
    """Run *command* on a terminal of its own, type *answers*, and return what it printed."""
    code, printed = on_terminal(command, answers)
    assert code == 0, printed
    return printed

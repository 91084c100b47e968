"""``sealgate user password`` and ``sealgate key add`` as a person types them."""

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from sealgate.app.users import open_identities
from sealgate.cli import run
from sealgate.config.load import load

CONFIG = """
[[site]]
domains  = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path  = "/"
class = "public"
"""
WORDS = "correct horse battery staple"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a configuration, where alice is known."""
    (tmp_path / "sealgate.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    assert run(["user", "add", "alice"]) == 0
    return tmp_path


def piped(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Have *content* be standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))


def is_right(password: str) -> bool:
    """Return whether it is alice's password."""
    with open_identities(load("sealgate.toml")) as store:
        return store.credentials.check_password("alice", password)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\nsecond line\n"])
def test_a_password_is_piped_in(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], end: bytes
) -> None:
    """The first line; it is shown nowhere, and can be taken away."""
    piped(monkeypatch, WORDS.encode() + end)
    assert run(["user", "password", "alice", "--stdin"]) == 0
    out, err = capsys.readouterr()
    assert '"alice" has a new password' in out
    assert WORDS not in out + err
    assert is_right(WORDS)
    assert run(["user", "list"]) == 0
    assert re.search(r"alice .* 0 +0 +yes", capsys.readouterr().out)
    assert run(["user", "password", "alice", "--remove"]) == 0
    assert run(["user", "password", "alice", "--remove"]) == 0
    out = capsys.readouterr().out
    assert "no password any more" in out
    assert "had no password" in out
    assert not is_right(WORDS)


def test_a_person_types_it_twice(folder: Path) -> None:
    """On a terminal, unseen; two that differ are none."""

    def typed(*lines: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "sealgate", "user", "password", "alice"],
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
        ) as process:
            os.close(theirs)
            assert process.stdout is not None
            shown = b""
            for number, line in enumerate(lines, start=1):
                while shown.count(b": ") < number and (byte := process.stdout.read(1)):
                    shown += byte
                os.write(ours, f"{line}\n".encode())
            shown += process.stdout.read()
            process.wait(timeout=60)
        os.close(ours)
        return process.returncode, shown.decode()

    code, shown = typed(WORDS, WORDS + "r")
    assert (code, "differ" in shown) == (2, True)
    code, shown = typed(WORDS, WORDS)
    assert (code, WORDS in shown) == (0, False)
    assert is_right(WORDS)


@pytest.mark.parametrize(
    ("content", "options", "told"),
    [
        (b"short\n", ["--stdin"], "at least 15 are required"),
        (b"", ["--stdin"], "has 0 characters"),
        (b"\xff" * 20, ["--stdin"], "not UTF-8"),
        (b"x" * 5000, ["--stdin"], "longer than 1024 bytes"),
        (b"Correct Horse Battery Staple\n", ["--stdin", "--common", "list"], "on the list"),
        (WORDS.encode(), ["--stdin", "--common", "gone"], "cannot be read"),
        (WORDS.encode(), [], "no terminal to ask"),
        (WORDS.encode(), ["--stdin", "--remove"], "not both"),
    ],
    ids=range(8),
)
def test_a_bad_password_is_refused(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: bytes,
    options: list[str],
    told: str,
) -> None:
    """With the reason, without the password, and nothing is set."""
    (folder / "list").write_bytes(b"123456\n\xff\xfe\n" + WORDS.encode() + b"\n")
    piped(monkeypatch, content)
    assert run(["user", "password", "alice", *options]) in {1, 2}
    out, err = capsys.readouterr()
    assert told in err
    assert "taple" not in out + err
    assert not is_right(WORDS)


def test_an_unknown_user_is_told_before_anything_is_typed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the command that would add it."""
    assert run(["user", "password", "bob"]) == 2
    assert 'no user "bob"' in capsys.readouterr().err
    assert run(["user", "password", "bob", "--remove"]) == 2


def test_an_ssh_key_is_added_listed_and_revoked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Beside the certificates, under its fingerprint."""
    key = Ed25519PrivateKey.generate().public_key()
    line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b" alice@laptop\n"
    (folder / "id.pub").write_bytes(line)
    assert run(["key", "add", "alice", "id.pub"]) == 0
    found = re.search(r"added ssh-ed25519 (SHA256:\S{43})", capsys.readouterr().out)
    assert found
    assert run(["key", "issue", "alice", "--out", "alice"]) == 0
    capsys.readouterr()
    assert run(["key", "list"]) == 0
    out = capsys.readouterr().out
    assert re.search(rf"{re.escape(found[1])}  alice .* living +ssh-ed25519  alice@laptop", out)
    assert re.search(r"[0-9a-f]{30,}  alice .* living", out)
    assert run(["key", "revoke", found[1]]) == 0
    assert f"revoked {found[1]}" in capsys.readouterr().out
    assert run(["key", "add", "alice", "id.pub"]) == 2
    assert "was revoked" in capsys.readouterr().err

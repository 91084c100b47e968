"""``sealgate key`` and ``sealgate user`` as a person types them."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from sealgate.cli import run
from sealgate.storage.age.hybrid import HybridIdentity

CONFIG = """
[[site]]
domains  = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path  = "/"
class = "public"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder with a configuration."""
    (tmp_path / "sealgate.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_user_gets_a_key_and_loses_it(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The whole life of one certificate, each step with exit code 0 and a plain answer."""
    assert run(["user", "add", "alice", "--group", "editors"]) == 0
    assert run(["key", "issue", "alice", "--p12", "alice.p12"]) == 0
    out, err = capsys.readouterr()
    assert 'added "alice" in editors' in out
    password = re.search(r"^password: (\S+)$", out, re.MULTILINE)
    serial = re.search(r"^serial: (\S+)$", out, re.MULTILINE)
    assert password
    assert serial
    assert "shown this once" in err
    assert out.count("no gateway is running") == 2
    content = (folder / "alice.p12").read_bytes()
    assert pkcs12.load_key_and_certificates(content, password[1].encode())[0]
    assert run(["key", "list"]) == 0
    assert re.search(rf"{serial[1]}  alice .* living", capsys.readouterr().out)
    assert run(["user", "list"]) == 0
    assert re.search(r"alice +editors +1", capsys.readouterr().out)
    assert run(["key", "revoke", serial[1]]) == 0
    assert f'revoked {serial[1]} of "alice"' in capsys.readouterr().out
    assert run(["key", "revoke", "alice"]) == 0
    assert "revoked before" in capsys.readouterr().out
    assert run(["user", "group", "alice", "--add", "staff", "--remove", "editors"]) == 0
    assert '"alice" is in staff' in capsys.readouterr().out
    assert run(["user", "remove", "alice"]) == 0
    assert run(["user", "list"]) == 0
    assert "no users" in capsys.readouterr().out


def test_the_configuration_may_be_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With ``-c``, state is kept beside that file, wherever one stands."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    config = ["-c", str(folder / "sealgate.toml")]
    assert run(["key", "issue", "bob", "--out", "bob", "--days", "3", *config]) == 0
    assert {p.name for p in elsewhere.iterdir()} == {"bob.crt", "bob.key"}
    assert (folder / ".sealgate").is_dir()
    out, err = capsys.readouterr()
    assert "password" not in out
    assert 'user "bob" was added' in err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["user", "remove", "nobody"], 'there is no user "nobody"'),
        (["user", "group", "nobody"], "nothing to change"),
        (["user", "add", "a\tb"], "U+0009"),
        (["user", "add", "a", "--group", "b c"], "group name"),
        (["key", "issue", "a" * 65], "65 bytes long"),
        (["key", "issue", "a", "--days", "0"], "0 days"),
        (["key", "issue", "a", "--days", "x"], '"x" is not a valid integer'),
        (["key", "issue", "a", "--password-env", "X"], "give --p12"),
        (["key", "issue", "a", "--p12", "f", "--password-env", "NOT_SET_HERE"], "is not set"),
        (["key", "issue", "a", "--p12", "f", "--password-file", "gone"], "No such file"),
        (
            ["key", "issue", "a", "--p12", "f", "--password-file", "x", "--password-env", "X"],
            "not both",
        ),
        (["key", "issue", "a", "--legacy-p12"], "for a PKCS#12 file"),
        (["key", "revoke", "nobody"], "neither a serial, a fingerprint nor a user"),
        (["key", "list", "-c", "gone.toml"], '"gone.toml" does not exist'),
    ],
)
def test_bad_input_is_exit_code_2_with_a_reason(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """Never a traceback, and no file is left behind."""
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.startswith("sealgate: error: ")
    assert {p.name for p in folder.iterdir()} <= {"sealgate.toml", ".sealgate"}


def test_a_key_that_does_not_fit_on_the_disk_is_not_issued(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing of it is left, no password is told, and nobody is recorded as having it."""
    (folder / "small").mkdir()
    # A mount of our own, which goes with the process that made it.
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    script = (
        "mount -t tmpfs -o size=4k none small && head -c 4096 /dev/zero >small/full && "
        '"$0" -m sealgate key issue anna --p12 small/a.p12; echo "code $?"; ls small'
    )
    told = subprocess.run(
        [*unshare, "sh", "-c", script, sys.executable], capture_output=True, text=True, check=True
    )
    assert told.stdout == "code 1\nfull\n"
    assert '"small/a.p12" cannot be written: No space left on device' in told.stderr
    assert run(["key", "list"]) == 0
    assert "no keys" in capsys.readouterr().out
    assert run(["user", "list"]) == 0
    assert "no users" in capsys.readouterr().out
    # A device that is always full is no new file.
    assert run(["key", "issue", "anna", "--p12", "/dev/full"]) == 2
    assert '"/dev/full" exists already' in capsys.readouterr().err


@pytest.mark.parametrize("way", ["file", "variable"])
def test_a_password_can_be_given_without_a_question(
    way: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From a file (its first line) or a variable; it is not printed."""
    (folder / "secret").write_text("correct horse\nmore\n")
    monkeypatch.setenv("P12_PASSWORD", "correct horse")
    given = ["--password-file", "secret"] if way == "file" else ["--password-env", "P12_PASSWORD"]
    assert run(["key", "issue", "alice", "--p12", "a.p12", *given]) == 0
    out, err = capsys.readouterr()
    assert "correct horse" not in out + err
    assert pkcs12.load_key_and_certificates((folder / "a.p12").read_bytes(), b"correct horse")[0]


@pytest.mark.parametrize(
    ("typed", "code", "told"),
    [
        (("correct horse", "correct horse"), 0, "issued to"),
        (("",), 0, "password: "),
        (("correct horse", "another horse"), 2, "differ"),
        (("short",), 2, "at least 8"),
    ],
)
def test_on_a_terminal_the_password_is_asked_for(
    typed: tuple[str, ...], code: int, told: str, folder: Path
) -> None:
    """Twice, and never shown; an empty answer has one made."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "sealgate", "key", "issue", "alice", "--p12", "a.p12"],
        cwd=folder,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        shown = b""
        for question, answer in zip((b"made): ", b"again: "), typed, strict=False):
            # What is typed before the question is thrown away by the terminal.
            while not shown.endswith(question):
                byte = process.stdout.read(1)
                assert byte, shown
                shown += byte
            os.write(ours, f"{answer}\n".encode())
        shown += process.stdout.read()
        process.wait(timeout=60)
    os.close(ours)
    assert (process.returncode, told in shown.decode()) == (code, True), shown
    assert b"horse" not in shown
    assert (folder / "a.p12").exists() == (code == 0)


def test_a_damaged_register_is_exit_code_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sealgate failed, so there is no verdict, and the way out is told."""
    (folder / ".sealgate").mkdir()
    (folder / ".sealgate" / "register.sqlite").write_bytes(b"rubbish " * 1000)
    assert run(["user", "list"]) == 1
    assert "restore a backup" in capsys.readouterr().err


def test_trust_prints_the_ca_and_makes_it_where_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The path that is printed is there, and the same the next time."""
    assert run(["trust"]) == 0
    first = capsys.readouterr().out
    assert run(["trust"]) == 0
    assert capsys.readouterr().out == first
    assert str(folder / ".sealgate" / "authority" / "server-ca.pem") in first
    assert (folder / ".sealgate" / "authority" / "server-ca.pem").is_file()


def test_a_secret_drop_gets_its_recipient(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """The file is its owner's alone and opens what is sealed for the line printed; nothing is kept."""
    before = {path.name for path in folder.rglob("*")}
    assert run(["key", "recipient", "--out", "key.txt"]) == 0
    out, err = capsys.readouterr()
    recipient = out.strip()
    assert recipient.startswith("age1pq1")
    assert "SECRET" not in out + err
    assert (folder / "key.txt").stat().st_mode & 0o777 == 0o600
    assert {path.name for path in folder.rglob("*")} - before == {"key.txt"}
    (folder / "plan").write_text("the plan")
    assert run(["seal", "-r", recipient, "plan"]) == 0
    assert run(["open", "-i", "key.txt", "plan.age", "-o", "again"]) == 0
    assert (folder / "again").read_text() == "the plan"
    content = (folder / "key.txt").read_text()
    assert run(["key", "recipient", "--out", "key.txt"]) == 2
    assert (folder / "key.txt").read_text() == content
    assert run(["key", "recipient", "--out", "nowhere/key.txt"]) != 0


def test_without_a_file_the_identity_is_shown_once(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """What is shown is an identity file as it stands, and each time another one."""
    before = sorted(folder.rglob("*"))
    shown = []
    for _ in range(2):
        assert run(["key", "recipient"]) == 0
        shown.append(capsys.readouterr().out)
    assert sorted(folder.rglob("*")) == before
    assert shown[0] != shown[1]
    for text in shown:
        identity = HybridIdentity.parse(text.splitlines()[-1])
        assert f"# public key: {identity.recipient()}" in text

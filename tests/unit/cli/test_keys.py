"""``sealgate keys`` as a person types it."""

import re
import stat
from pathlib import Path

import pytest

from sealgate.cli import run
from sealgate.storage.adapters import keystore_seal

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
    monkeypatch.setattr(keystore_seal, "WORK_FACTOR", 8)
    return tmp_path


def test_keys_are_added_listed_and_exported(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """The newest first; the plain key file is told as what it is."""
    assert run(["keys"]) == 0
    assert "no site keys yet" in capsys.readouterr().out
    assert run(["keys", "add"]) == 0
    assert run(["keys", "add"]) == 0
    out = capsys.readouterr().out
    first, second = re.findall(r"^current: ([0-9a-f]{8})  age1", out, re.MULTILINE)
    assert f"retired: {first}" in out
    assert run(["keys"]) == 0
    listed = capsys.readouterr().out
    assert run(["keys", "list"]) == 0
    assert capsys.readouterr().out == listed
    assert re.search(rf"{second} .* current  age1.*\n{first} .* retired  age1", listed)
    assert "protection: file" in listed
    assert "kept apart: no: the site keys are a readable file" in listed
    assert "AGE-SECRET-KEY" not in listed
    assert run(["keys", "export"]) == 0
    recipient = capsys.readouterr().out.strip()
    assert recipient in listed.splitlines()[1]
    assert run(["keys", "export", "--identities", "site.txt"]) == 0
    content = (folder / "site.txt").read_text()
    assert content.count("AGE-SECRET-KEY-1") == 2
    assert recipient in content
    assert stat.S_IMODE((folder / "site.txt").stat().st_mode) == 0o600
    assert "AGE-SECRET-KEY" not in capsys.readouterr().out
    assert run(["keys", "export", "--identities", "site.txt"]) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert run(["keys", "export", "--identities", "no/site.txt"]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_the_protection_is_changed_by_one_command(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until then nothing opens, and the list says what to do."""
    assert run(["keys", "add"]) == 0
    (folder / "sealgate.toml").write_text(CONFIG + '[keys]\nprotection = "passphrase"\n')
    (folder / "words").write_text("correct horse battery staple\n")
    monkeypatch.setenv("SEALGATE_KEY_PASSPHRASE_FILE", "words")
    assert run(["keys", "add"]) == 2
    assert "hint: sealgate keys protect" in capsys.readouterr().err
    assert run(["keys"]) == 0
    assert "sealgate keys protect" in capsys.readouterr().err
    assert run(["keys", "protect"]) == 0
    assert "protected by passphrase, before by file" in capsys.readouterr().out
    assert run(["keys", "add"]) == 0
    (folder / "words").write_text("wrong\n")
    capsys.readouterr()
    assert run(["keys", "add"]) == 1
    assert "the passphrase of the site keys is wrong" in capsys.readouterr().err


def test_an_old_key_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a year the list says what to do."""
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    assert run(["keys", "add"]) == 0
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0 + 366 * 86400)
    capsys.readouterr()
    assert run(["keys"]) == 0
    out, err = capsys.readouterr()
    assert re.search(r" 366 +current", out)
    assert "a year old: sealgate keys add" in err


def test_bad_input_is_told(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    """Nothing to export, a damaged file, a file that is open to others, no configuration."""
    assert run(["keys", "export"]) == 2
    assert "no site keys" in capsys.readouterr().err
    assert run(["keys", "add"]) == 0
    path = folder / ".sealgate/keys/site-keys.json"
    good = path.read_bytes()
    path.write_bytes(good[:100])
    assert run(["keys"]) == 1
    assert "is damaged" in capsys.readouterr().err
    path.write_bytes(good)
    path.chmod(0o644)
    assert run(["keys", "add"]) == 1
    assert "chmod 600" in capsys.readouterr().err
    assert run(["keys", "-c", "gone.toml"]) == 2


def test_help_tells_both_kinds_of_keys_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command names the other."""
    assert run(["keys", "--help"]) == 0
    assert "another thing: sealgate key." in " ".join(capsys.readouterr().out.split())
    assert run(["key", "--help"]) == 0
    assert "another thing: sealgate keys." in " ".join(capsys.readouterr().out.split())

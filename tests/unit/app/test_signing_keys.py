from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.cli import run
from sealgate.errors import ExitCode, SourceError, UsageError
from sealgate.inspection.adapters.signing_keys import SigningKeys
from sealgate.signing.keys import KEPT_SECONDS, current_key, read_keys

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0
DAY = 86_400.0


def test_a_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    """Who asks again, in another process, gets the same one."""
    keys = SigningKeys(str(tmp_path), "a.example")
    assert keys.held() == ()
    made = keys.keys(NOW)
    assert SigningKeys(str(tmp_path), "a.example").keys(NOW + 400 * DAY) == made
    (file,) = (tmp_path / "signing/a.example").glob("*.pem")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert SigningKeys(str(tmp_path), "b.example").keys(NOW) != made


def test_the_next_key_is_there_before_it_signs(tmp_path: Path) -> None:
    """There is one next key at a time; the former one goes when nothing of it holds any more."""
    keys = SigningKeys(str(tmp_path), "a.example")
    (old,) = keys.keys(NOW)
    new = keys.rotate(NOW, after_seconds=7 * DAY)
    assert keys.keys(NOW) == (old, new)
    assert current_key(keys.held(), NOW + 7 * DAY - 1) == old
    assert current_key(keys.held(), NOW + 7 * DAY) == new
    with pytest.raises(UsageError, match="a next key is published already"):
        keys.rotate(NOW + DAY, after_seconds=7 * DAY)
    assert keys.keys(NOW + 7 * DAY + KEPT_SECONDS) == (new,)
    assert keys.held() == (new,)


def test_a_key_that_became_known_is_gone_at_once(tmp_path: Path) -> None:
    """So is a next key that waited beside it."""
    keys = SigningKeys(str(tmp_path), "a.example")
    keys.keys(NOW)
    keys.rotate(NOW, after_seconds=7 * DAY)
    only = keys.rotate(NOW + DAY, after_seconds=0)
    assert keys.keys(NOW + DAY) == (only,)
    assert current_key(keys.held(), NOW + DAY) == only


@pytest.mark.parametrize("how", ["cut", "renamed"])
def test_a_damaged_key_is_told(tmp_path: Path, how: str) -> None:
    """Nothing is signed with it, and no other is made in its place."""
    keys = SigningKeys(str(tmp_path), "a.example")
    keys.keys(NOW)
    (file,) = (tmp_path / "signing/a.example").glob("*.pem")
    if how == "cut":
        file.write_bytes(file.read_bytes()[:40])
    else:
        file.rename(file.with_name(f"{int(NOW)}-{'A' * 43}.pem"))
    with pytest.raises(SourceError, match="is damaged"):
        keys.keys(NOW)


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a configuration of one site."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sealgate.toml").write_text(
        '[[site]]\ndomains = ["a.example", "www.a.example"]\nupstream = "http://127.0.0.1:9"\n'
        '[[site.route]]\npath = "/"\nclass = "public"\n'
    )
    return tmp_path


def test_what_is_printed_can_be_pinned(
    configured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The whole output is a file of keys, the next one among them."""
    del configured
    assert run(["keys", "signing"]) == ExitCode.NOTHING_TO_LOOK_AT
    assert run(["keys", "signing", "--rotate"]) == ExitCode.USAGE
    capsys.readouterr()
    assert run(["keys", "signing", "www.a.example", "--rotate", "--after", "7"]) == ExitCode.OK
    printed = capsys.readouterr().out
    assert len(read_keys(printed.encode())) == 2
    assert printed.count("# a.example: ") == 2
    assert "signs, from " in printed
    assert "next, from " in printed
    assert "PRIVATE" not in printed
    assert run(["keys", "signing"]) == ExitCode.OK
    assert capsys.readouterr().out == printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["b.example"], 'site "b.example" is not declared'),
        (["--after", "3"], "--after is for --rotate"),
    ],
)
def test_what_keys_signing_refuses(
    configured: Path,
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each with what to type."""
    del configured
    assert run(["keys", "signing", *arguments]) == ExitCode.USAGE
    assert message in capsys.readouterr().err

"""Beginning an installation: what is written, and that nothing is ever overwritten."""

from __future__ import annotations

import re
import shlex
import stat
from pathlib import Path

import pytest
from cryptography import x509

from sealgate.app.init import begin
from sealgate.cli import run
from sealgate.config.load import load
from sealgate.config.presets import PRESETS
from sealgate.errors import SealgateError, UsageError
from sealgate.storage.age.keys import parse_identities

NOW = 1_800_000_000.0


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_written_loads(tmp_path: Path, preset: str) -> None:
    """For every preset the new configuration loads, with the domain that was asked for."""
    begun = begin(str(tmp_path), preset=preset, domain="Shop.Example", now=NOW)

    (site,) = load(begun.config).sites
    assert (site.name, site.preset) == ("shop.example", preset)
    assert len(begun.next_steps) == 3


def test_both_authorities_are_there_and_their_keys_are_private(tmp_path: Path) -> None:
    """A server CA for the site's domain and another one for clients, keys for the owner only."""
    begun = begin(str(tmp_path), preset="none", domain="shop.example", now=NOW)

    server = x509.load_pem_x509_certificate(Path(begun.server_authority).read_bytes())
    client = x509.load_pem_x509_certificate(Path(begun.client_authority).read_bytes())
    names = server.extensions.get_extension_for_class(x509.NameConstraints).value
    assert [n.value for n in names.permitted_subtrees or ()] == ["shop.example"]
    assert server.public_key() != client.public_key()
    state = tmp_path / ".sealgate"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    keys = list(state.rglob("*.key"))
    assert len(keys) == 2
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_a_recovery_identity_is_shown_once_and_kept_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its recipient is in the configuration; the identity is in no file at all."""
    assert run(["init", str(tmp_path), "--domain", "shop.example"]) == 0

    out, err = capsys.readouterr()
    (shown,) = re.findall(r"identity \(this once\): (AGE-SECRET-KEY-1\S+)", out)
    (identity,) = parse_identities(shown)
    recipients = load(str(tmp_path / "sealgate.toml")).keys.recovery
    assert recipients == (str(identity.recipient()),)
    assert "kept nowhere" in err
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= 5
    assert all(shown.encode() not in path.read_bytes() for path in written)


def test_the_folder_is_made(tmp_path: Path) -> None:
    """A folder that is not there yet is made, with its parents."""
    begun = begin(str(tmp_path / "a" / "b"), preset="none", domain=None, now=NOW)

    assert Path(begun.config).is_file()
    assert load(begun.config).sites[0].name == "localhost"


def test_a_configuration_is_never_overwritten(tmp_path: Path) -> None:
    """Where a configuration is, nothing at all is made or changed."""
    config = tmp_path / "sealgate.toml"
    config.write_text("# mine\n", encoding="utf-8")

    with pytest.raises(UsageError, match="already there, and is never overwritten"):
        begin(str(tmp_path), preset="none", domain=None, now=NOW)

    assert config.read_text(encoding="utf-8") == "# mine\n"
    assert [path.name for path in tmp_path.iterdir()] == ["sealgate.toml"]


def test_an_authority_is_never_overwritten(tmp_path: Path) -> None:
    """Where an authority is, that somebody may trust, none is made and no file is written."""
    begun = begin(str(tmp_path), preset="none", domain=None, now=NOW)
    Path(begun.config).unlink()
    before = Path(begun.server_authority).read_bytes()

    with pytest.raises(UsageError, match=r"authority .* is never overwritten"):
        begin(str(tmp_path), preset="none", domain="other.example", now=NOW)

    assert Path(begun.server_authority).read_bytes() == before
    assert not Path(begun.config).exists()


def test_what_could_not_be_finished_is_taken_away(tmp_path: Path) -> None:
    """When the keys cannot be made, no configuration stays behind."""
    (tmp_path / ".sealgate").write_text("in the way", encoding="utf-8")

    with pytest.raises(SealgateError):
        begin(str(tmp_path), preset="none", domain=None, now=NOW)

    assert not (tmp_path / "sealgate.toml").exists()


@pytest.mark.parametrize(
    ("preset", "domain", "message", "hint"),
    [
        ("typo", None, 'preset "typo" does not exist', '--preset "typo3"'),
        ("x", None, 'preset "x" does not exist', "--preset none"),
        ("none", "a b", 'domain "a b" must be a domain name', "--domain shop.example"),
        ("none", 'a"\n[x]', "must be a domain name", "--domain shop.example"),
        ("none", "*.a.example", "wildcards are not served", "--domain shop.example"),
    ],
)
def test_a_wrong_answer_is_an_error_with_a_hint(
    tmp_path: Path, preset: str, domain: str | None, message: str, hint: str
) -> None:
    """A preset or domain that is none is refused before anything is written."""
    with pytest.raises(UsageError) as caught:
        begin(str(tmp_path), preset=preset, domain=domain, now=NOW)

    assert message in caught.value.message
    assert caught.value.hint == hint
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    """A file cannot hold a configuration."""
    (tmp_path / "file").write_text("", encoding="utf-8")

    with pytest.raises(UsageError, match="is no folder"):
        begin(str(tmp_path / "file"), preset="none", domain=None, now=NOW)


def test_the_command_prints_settings_and_three_steps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``sealgate init`` tells what it made, what belongs into the CMS, and what comes next."""
    monkeypatch.chdir(tmp_path)
    code = run(["init", "my site", "--preset", "nextcloud", "--domain", "cloud.example"])

    said = capsys.readouterr().out
    assert code == 0
    assert "wrote my site/sealgate.toml" in said
    assert "'overwritehost' => 'cloud.example'," in said
    steps = said.partition("Next:\n")[2]
    assert re.findall(r"^  (\d)\. ", steps, re.MULTILINE) == ["1", "2", "3"]
    typed = re.findall(r"^ {7}sealgate (.+)", steps, re.MULTILINE)
    config = "-c 'my site/sealgate.toml'"
    assert typed[:3] == [f"plan {config}", f"serve {config}", f"trust {config}"]
    # Every step can be typed as it stands.
    for line in typed:
        if not line.startswith("serve"):
            assert run(shlex.split(line)) == 0, line


def test_who_names_no_preset_gets_the_one_that_counts_then(tmp_path: Path) -> None:
    """What ``init`` writes is no weaker than what would hold if it wrote nothing."""
    assert run(["init", str(tmp_path)]) == 0

    path = tmp_path / "sealgate.toml"
    (written,) = load(str(path)).sites
    path.write_text(path.read_text("utf-8").replace('preset = "generic"\n', ""), "utf-8")
    (usual,) = load(str(path)).sites
    assert written.preset == usual.preset == "generic"
    assert [str(r.door) for r in written.routes if r.shut]


def test_versions_that_take_the_same_settings_are_told_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two names stand over one text."""
    assert run(["init", str(tmp_path), "--preset", "typo3"]) == 0

    said = capsys.readouterr().out
    heads = "TYPO3 12 and later, config/system/additional.php\n  TYPO3 11, typo3conf/"
    assert heads in said
    assert said.count("['BE']['lockSSL'] = true;") == 2


def test_the_command_twice_is_a_usage_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second time exits 2 with a hint and without a traceback."""
    run(["init", str(tmp_path)])
    code = run(["init", str(tmp_path)])

    assert code == 2
    assert "never overwritten\nsealgate: hint: sealgate plan" in capsys.readouterr().err

"""Each way to keep the key file closed that is in the table is read, opened and written down."""

from dataclasses import fields
from pathlib import Path

import pytest

from sealgate.config.parse import parse
from sealgate.errors import ConfigError
from sealgate.policy.files import UNPROTECTED
from sealgate.policy.inventory import KeySettings
from sealgate.storage.adapters.keystore_protect import PROTECTIONS, protection_of, protector_for
from sealgate.storage.keyring import Detail, KeyProtection

ROOT = Path(__file__).parents[4]
REFERENCE = (ROOT / "docs" / "reference" / "config.md").read_text()
HOWTO = (ROOT / "docs" / "howto" / "site-keys.md").read_text()
EACH = pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda each: each.name)


def details(protection: KeyProtection) -> dict[str, Detail | None]:
    """Return what may stand beside *protection*, by the name of its setting."""
    return {"key": protection.key, "address": protection.address}


def read(protection: KeyProtection, values: dict[str, str]) -> KeySettings:
    """Return what ``[keys]`` means with *values* beside *protection*."""
    lines = [f'{name} = "{value}"' for name, value in values.items()]
    text = "\n".join(["[keys]", f'protection = "{protection.name}"', *lines, ""])
    return parse(text, "sealgate.toml", folder="/srv").keys


@EACH
def test_each_is_read_and_opened(
    protection: KeyProtection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own examples beside it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "nowhere-1")
    values = {n: d.example for n, d in details(protection).items() if d is not None}
    settings = read(protection, values)
    expected = (protection.name, values.get("key", ""), values.get("address", ""))
    assert (settings.protection, settings.key, settings.address) == expected
    protector = protector_for(settings, lambda: "five words from a list")
    assert callable(protector.wrap)
    assert callable(protector.unwrap)


@EACH
def test_each_takes_what_it_needs_and_no_more(protection: KeyProtection) -> None:
    """What is missing is named with an example, what means nothing is named, too."""
    for name, detail in details(protection).items():
        others = {n: d.example for n, d in details(protection).items() if d is not None}
        if detail is None:
            others[name] = "something"
        else:
            del others[name]
        if detail is None or detail.needed:
            with pytest.raises(ConfigError) as caught:
                read(protection, others)
            (fault,) = caught.value.faults
            hint = f'{name} = "{detail.example}"' if detail else f"remove the line with {name}"
            assert fault.hint == hint
        else:
            assert read(protection, others).protection == protection.name


@EACH
def test_each_is_in_the_reference_and_in_the_guide(protection: KeyProtection) -> None:
    """By its name, and as it is written; that of a readable file is what there is without a line."""
    row = next(line for line in REFERENCE.splitlines() if line.startswith("| `protection`"))
    assert f"`{protection.name}`" in row
    assert protection.name == UNPROTECTED or f'protection = "{protection.name}"' in HOWTO
    ours = [variable for variable in protection.beside if variable.startswith("SEALGATE_")]
    assert not [variable for variable in ours if f"`{variable}`" not in HOWTO]


def test_one_of_them_keeps_nothing_apart() -> None:
    """It is what holds when nothing is set."""
    assert [each.name for each in PROTECTIONS if not each.is_apart] == [UNPROTECTED]
    assert {each.name: each.default for each in fields(KeySettings)}["protection"] == UNPROTECTED


def test_a_name_is_one_protection() -> None:
    """Another one is none."""
    assert [protection_of(each.name) for each in PROTECTIONS] == list(PROTECTIONS)
    with pytest.raises(ValueError, match="is no protection"):
        protection_of("safe")

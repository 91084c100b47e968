"""What keeps people from signing in through a provider is told before serving."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from sealgate.config.parse import parse
from sealgate.policy.inventory import Inventory
from sealgate.serve.sign_in_material import provider_faults, sign_in_remarks

TEXT = """\
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path = "/"
class = "restricted"
[[identity_provider]]
name = "login"
issuer = "https://login.example"
client_id = "sealgate"
client_secret = "file:secret"
"""


def inventory(folder: Path, more: str = "") -> Inventory:
    """Return what :data:`TEXT` declares, in *folder*, with the secret that it names."""
    (folder / "secret").write_text("s3cr3t")
    (folder / "secret").chmod(0o600)
    return parse(TEXT + more, "sealgate.toml", folder=str(folder))


def test_nothing_is_missing(tmp_path: Path) -> None:
    """With its libraries and its secret a provider can be served."""
    assert not list(provider_faults(inventory(tmp_path)))


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its libraries: the line, what is missing, and what to type."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "authlib" else real(name)
    )
    (fault,) = provider_faults(inventory(tmp_path))
    assert str(fault).endswith(
        'sealgate.toml:7: identity provider "login" is to be asked, but "authlib" is not installed'
    )
    assert fault.hint == 'pip install "sealgate[oidc]"'


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Before anything is served; with the line of the provider."""
    one = inventory(tmp_path)
    (tmp_path / "secret").chmod(0o644)
    (fault,) = provider_faults(one)
    assert "sealgate.toml:7: client secret" in str(fault)
    assert str(fault).endswith("can be read by others than its owner")
    assert fault.hint == f"chmod 600 '{tmp_path}/secret'"


def test_the_plan_tells_what_a_provider_is_worth(tmp_path: Path) -> None:
    """Its name and issuer, the rung, what happens to strangers, and how long a change takes."""
    (remark,) = sign_in_remarks(inventory(tmp_path))[1:]
    assert remark == (
        'people may sign in through identity provider "login" (https://login.example), which is '
        'worth access "low"; who has no account is refused; what is taken from them there holds '
        "at their next sign-in, after 12 hours at the latest"
    )
    more = 'counts_as_key = ["acr:phr", "amr:hwk"]\nunknown_users = "add"\n'
    (remark,) = sign_in_remarks(inventory(tmp_path, more))[1:]
    assert (
        'access "low", and a key where it says acr:phr, amr:hwk; who has no account is added'
        in (remark)
    )

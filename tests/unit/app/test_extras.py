"""What comes as an extra and is not there: told by plan and serve alike, with what to type."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealgate.app.extras import TESTED, missing_extras
from sealgate.config.load import load
from sealgate.errors import ConfigError
from sealgate.serve.deployment import plan as deploy
from sealgate.serve.observe import observe
from sealgate.serve.plan import plan

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory

CONFIG = """\
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path = "/"
class = "public"
[[site.route]]
path = "/members"
class = "restricted"
[[drop]]
name = "inbox"
class = "restricted"
store = "file:inbox"
admit = ["group:partners"]
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Return a site with members and a drop."""
    (tmp_path / "sealgate.toml").write_text(CONFIG)
    return load(str(tmp_path / "sealgate.toml"))


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Have it look as if the libraries *names* were not installed."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in names else real(name)
    )


def test_with_everything_nothing_is_missing(inventory: Inventory) -> None:
    """The extras of the tests are all there."""
    assert missing_extras(inventory) == ()


def test_plan_and_serve_name_the_extra(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line of the first part that needs it, what is missing, and what to type."""
    without(monkeypatch, "starlette", "uvicorn", "asyncssh")
    signing, files = missing_extras(inventory)
    said = 'people are to sign in here, but "starlette" and "uvicorn" are not installed'
    assert str(signing) == f"{inventory.source}:7: {said}"
    assert signing.hint == 'pip install "sealgate[signin]"'
    said = 'files are to be served here, but "asyncssh" is not installed'
    assert str(files) == f"{inventory.source}:10: {said}"
    assert files.hint == 'pip install "sealgate[transfer]"'
    planned = [str(fault) for fault in plan(inventory, now=1_800_000_000.0).refusals]
    assert {str(signing), str(files)} <= set(planned)


def test_serve_tells_all_that_is_missing_at_once(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to start again for each extra, and none is told twice."""
    without(monkeypatch, "starlette", "asyncssh")
    with pytest.raises(ConfigError) as caught:
        deploy(inventory, observe(inventory, now=1_800_000_000.0)).check()
    told = [str(fault) for fault in caught.value.faults]
    assert told == [str(fault) for fault in missing_extras(inventory)]
    assert len(told) == 2


def test_only_what_is_used_is_needed(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without FTPS its library may be away, and without members and drops everything may."""
    without(monkeypatch, "pyftpdlib")
    assert missing_extras(inventory) == ()
    (tmp_path / "sealgate.toml").write_text(CONFIG + '[listen]\nftps = ":21"\n')
    (fault,) = missing_extras(load(inventory.source))
    assert '"pyftpdlib" is not installed' in fault.message
    without(monkeypatch, "starlette", "asyncssh")
    (tmp_path / "sealgate.toml").write_text(CONFIG.partition('[[site.route]]\npath = "/m')[0])
    assert missing_extras(load(inventory.source)) == ()


@pytest.mark.parametrize("other", ["2.25.0", "2.240.1", "3.0", "2.2", "2.25rc1"])
def test_a_version_that_was_not_tested_is_refused_with_what_to_type(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    """Private names may have gone with it: it says what was found and what is required."""
    assert missing_extras(inventory) == ()
    real = importlib.metadata.version
    monkeypatch.setattr(
        importlib.metadata, "version", lambda name: other if name == "asyncssh" else real(name)
    )
    (fault,) = missing_extras(inventory)
    assert f'"asyncssh" {other} is installed; 2.24.* is required' in fault.message
    assert fault.hint == 'pip install "asyncssh==2.24.*"'
    told = [one.message for one in plan(inventory, now=1_800_000_000.0).refusals]
    assert fault.message in told, "plan says so beforehand"


def test_what_was_tested_is_what_is_installed_and_allowed() -> None:
    """The caps of the package, those that serve checks and the installed versions are the same."""
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    allowed = {*project["dependencies"], *project["optional-dependencies"]["transfer"]}
    for name, minor in TESTED.items():
        first, second = minor.split(".")
        assert f"{name}>={minor},<{first}.{int(second) + 1}" in allowed
        assert importlib.metadata.version(name).startswith(f"{minor}.")

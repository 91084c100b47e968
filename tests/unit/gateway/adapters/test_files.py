"""Files that are whole or absent, and one static form of them all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from sealgate.errors import BugError
from sealgate.gateway.adapters.files import (
    flattened,
    remove_files,
    versioned,
    write_files,
)
from sealgate.gateway.model import EnvoyFiles, JSONObject


def test_a_version_follows_the_content_and_nothing_else() -> None:
    """Equal contents have equal versions, whatever version they came with."""
    one: JSONObject = {"resources": ["a"]}
    version = versioned("cds.json", one)["version_info"]
    assert versioned("cds.json", {**one, "version_info": "7"})["version_info"] == version
    assert versioned("cds.json", {"resources": ["b"]})["version_info"] != version


def test_a_bootstrap_has_no_version() -> None:
    """The bootstrap is no discovery answer and keeps its fields."""
    assert versioned("bootstrap.json", {"node": {}}) == {"node": {}}


def test_files_are_replaced_whole_and_private(tmp_path: Path) -> None:
    """A written file is the owner's alone, and no temporary one stays behind."""
    write_files(str(tmp_path), {"cds.json": {"resources": ["a"]}})
    write_files(str(tmp_path), {"cds.json": {"resources": ["b"]}})
    [path] = (tmp_path / "cds").iterdir()
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(path.read_text())["resources"] == ["b"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_not_kept_is_removed(tmp_path: Path) -> None:
    """Only configuration files go: logs and sockets stay."""
    (tmp_path / "envoy.log").touch()
    # As they stood before each had a folder of its own.
    (tmp_path / "lds.json").touch()
    write_files(
        str(tmp_path), {name: {} for name in ("bootstrap.json", "lds.json", "rds-old.json")}
    )
    remove_files(str(tmp_path), keep={"bootstrap.json": None, "lds.json": None})
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*"))
    assert left == ["bootstrap.json", "envoy.log", "lds", "lds/lds.json", "rds-old"]


def test_the_static_form_holds_no_dynamic_source(plain_files: Callable[..., EnvoyFiles]) -> None:
    """Routes and secrets stand where listeners named their sources."""
    text = json.dumps(flattened(plain_files().files))
    assert "config_source" not in text
    assert "dynamic_resources" not in text
    assert '"route_config": {"name": "site"' in text
    assert '"tls_certificate_sds_secret_configs": [{"name": "site"}]' in text


def test_a_listener_without_its_routes_is_refused(plain_files: Callable[..., EnvoyFiles]) -> None:
    """A listener whose routes no file holds would answer 404 to everything."""
    files = plain_files(lambda files: files.pop("rds-site.json")).files
    with pytest.raises(BugError, match='names the routes "site", which no file holds'):
        flattened(files)

"""What the fork server is asked to import ahead, for a configuration."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from sealgate import fork_server
from sealgate.config.load import load
from sealgate.demo.geography import make_country_database
from sealgate.serve.preloading import preload

SITE = """
[[site]]
domains = ["a.test"]
upstream = "http://127.0.0.1:9"
[[site.route]]
path = "/"
class = "public"
inspect = "{inspect}"
"""
SIGN_IN = """
[[site.route]]
path = "/in"
class = "restricted"
"""
DROP = """
[access]
countries = ["DE"]
geo_database = "country.mmdb"
[keys]
protection = "passphrase"
[[drop]]
name = "in"
class = "confidential"
store = "file:stores/in"
admit = ["user:anna"]
"""
RELAY = "sealgate.inspection.adapters.relay_worker"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (SITE.format(inspect="off"), set()),
        (SITE.format(inspect="enforce"), {RELAY}),
        (SITE.format(inspect="off") + SIGN_IN, {"sealgate.signin.adapters.child", RELAY}),
        (DROP, {"sealgate.protocols.workers", "sealgate.protocols.ssh.server"}),
    ],
    ids=["nothing", "bodies", "sign-in", "files"],
)
def test_what_will_be_needed_is_imported_ahead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, wanted: set[str]
) -> None:
    """Each is a module with what its process is, and nothing else is imported."""
    asked: list[str] = []
    monkeypatch.setattr(fork_server.FORK_SERVER, "load", asked.extend)
    (tmp_path / "sealgate.toml").write_text(text)
    make_country_database(tmp_path / "country.mmdb")
    preload(load(str(tmp_path / "sealgate.toml")))
    assert set(asked) == wanted
    assert all(importlib.import_module(name) for name in asked)

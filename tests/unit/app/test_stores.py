"""Stored data that an assessment found becomes a requirement at rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.app.stores import registered_stores
from sealgate.database import sqlite_url
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.evaluate import evaluate
from sealgate.policy.inventory import Drop, Inventory
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage
from sealgate.register.adapters.store import Register
from sealgate.register.model import AssessmentRecord, Decision

INVENTORY = Inventory(source="sealgate.toml", state_folder=".sealgate")


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    """An empty register."""
    with Register(sqlite_url(str(tmp_path / "register.sqlite"))) as opened:
        yield opened


def assessed(
    register: Register, asset: str, class_id: str, *, sensitive: bool = False, at: float = 1.0
) -> None:
    """Record that *asset* was found to be of that class."""
    kind = asset.partition(" ")[0]
    record = AssessmentRecord(asset, kind, class_id, class_id, {"sensitive": sensitive})
    register.record_assessments([record], at=at)


def ranks(register: Register) -> dict[str, int]:
    """Return the rank at rest that each store must provide."""
    required, _ = registered_stores(INVENTORY, register)
    return {r.asset.id: r.required.at_rest for r in required}


def test_the_class_decides(register: Register) -> None:
    """Public stores are left out; tables are judged with their database."""
    assessed(register, "file /srv/press.txt", "public")
    assessed(register, "file /srv/list.csv", "restricted")
    assessed(register, "database /srv/shop.sqlite", "confidential")
    assessed(register, "table /srv/shop.sqlite:customers", "confidential")
    assert ranks(register) == {"file /srv/list.csv": 1, "database /srv/shop.sqlite": 2}


def test_the_floor_holds_for_public_data(register: Register) -> None:
    """Sensitive kinds need encryption at rest, whatever the class is called."""
    assessed(register, "file /srv/a.txt", "public", sensitive=True)
    assert ranks(register) == {"file /srv/a.txt": 2}


def test_a_class_that_is_gone_is_the_strictest(register: Register) -> None:
    """Fail closed when the model no longer has the class."""
    assessed(register, "file /srv/a.txt", "internal")
    assert ranks(register) == {"file /srv/a.txt": 3}


def test_a_new_decision_can_only_raise_at_once(register: Register) -> None:
    """A stricter decision holds before the next assessment, a weaker one does not."""
    assessed(register, "file /srv/a.txt", "restricted")
    assessed(register, "file /srv/b.txt", "restricted")
    register.record_decision(Decision("file /srv/a.txt", "secret", "A", "because", 2.0))
    register.record_decision(Decision("file /srv/b.txt", "public", "A", "because", 2.0))
    assert ranks(register) == {"file /srv/a.txt": 3, "file /srv/b.txt": 1}


def test_a_server_is_told_to_be_out_of_sight(register: Register) -> None:
    """What a remote database does at rest is not observed, with the reason."""
    assessed(register, "database postgresql://db.example/shop", "confidential")
    _, [seen] = registered_stores(INVENTORY, register)
    assert isinstance(seen, NotObserved)
    assert "server" in seen.reason


def test_files_in_the_store_of_a_drop_rest_as_the_drop_keeps_them(register: Register) -> None:
    """They are the drop's, whose own store says what it is worth; others are looked at."""
    drops = (
        Drop("in", DEFAULT_MODEL.weakest, "file:/srv/in"),
        Drop("cloud", DEFAULT_MODEL.weakest, "s3://bucket/srv/inbox"),
    )
    assessed(register, "file /srv/in/list.csv", "confidential")
    assessed(register, "file /srv/in/../inbox/a.csv", "confidential")
    required, seen = registered_stores(
        Inventory("sealgate.toml", ".sealgate", drops=drops), register
    )
    assert {r.asset.id: r.asset.parent for r in required} == {
        "file /srv/in/list.csv": "drop in",
        "file /srv/in/../inbox/a.csv": None,
    }
    assert [s.asset for s in seen] == ["file /srv/in/../inbox/a.csv"]

    kept = Observation("drop in", Fact.AT_REST_RUNG, 1, Vantage.HOST, "a test")
    report = evaluate(required, [*seen, kept], now=0.0)
    assert ("at-rest-unsealed", "file /srv/in/list.csv") in [
        (f.rule.id, f.asset.id) for f in report.open_findings
    ]

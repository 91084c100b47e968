"""A decision in the register holds against sealgate.toml."""

from pathlib import Path

import pytest

from sealgate.app.decided import weaker_than_decided
from sealgate.app.state import database_url, has_database, open_register
from sealgate.config.parse import parse
from sealgate.policy.inventory import Inventory
from sealgate.register.model import AssessmentRecord, Decision
from sealgate.serve.plan import plan

TEXT = """
[[site]]
domains = ["localhost"]
upstream = "http://127.0.0.1:8080"

[[site.route]]
path = "/"
class = "public"

[[site.route]]
path = "/list"
class = "restricted"
access = "site"
"""


def inventory(folder: Path) -> Inventory:
    """Return a site with a public and a restricted route."""
    return parse(TEXT, "sealgate.toml", folder=str(folder))


def decide(declared: Inventory, asset: str, *class_ids: str) -> None:
    """Record decisions about *asset*, the last one newest."""
    with open_register(declared) as register:
        record = AssessmentRecord(asset, "route", class_ids[0], class_ids[0])
        register.record_assessments([record], at=1.0)
        for at, class_id in enumerate(class_ids):
            register.record_decision(Decision(asset, class_id, "the owner", "why", float(at)))


def test_nobody_decided_and_nothing_is_made(tmp_path: Path) -> None:
    """Without a register there is no fault, and looking makes no file."""
    declared = inventory(tmp_path)
    assert weaker_than_decided(declared) == ()
    assert not has_database(declared)
    assert list(tmp_path.iterdir()) == []


def test_a_route_weaker_than_decided_is_a_fault(tmp_path: Path) -> None:
    """The fault names the line, both classes and who decided; plan refuses with it."""
    declared = inventory(tmp_path)
    decide(declared, "route localhost/list", "public", "confidential")
    [fault] = weaker_than_decided(declared)
    assert fault.line == 10
    assert '"restricted"' in fault.message
    assert '"confidential", decided by the owner' in fault.message
    assert fault.hint is not None
    assert 'class = "confidential"' in fault.hint
    assert str(fault) in [str(refusal) for refusal in plan(declared, now=0.0).refusals]


@pytest.mark.parametrize("asset", ["drop in", "tunnel db"])
def test_a_drop_or_tunnel_weaker_than_decided_is_a_fault(tmp_path: Path, asset: str) -> None:
    """They are held to decisions as routes are."""
    text = (
        '[[drop]]\nname = "in"\nclass = "public"\nstore = "file:in"\nadmit = ["user:a"]\n'
        '[[tunnel]]\nname = "db"\nclass = "public"\ntarget = "h:1"\nadmit = ["user:a"]\n'
    )
    declared = parse(text, "sealgate.toml", folder=str(tmp_path))
    decide(declared, asset, "restricted")
    [fault] = weaker_than_decided(declared)
    assert fault.line == (1 if asset == "drop in" else 6)
    assert f'"{asset}": the class is "public"' in fault.message
    assert str(fault) in [str(refusal) for refusal in plan(declared, now=0.0).refusals]


def test_only_the_newest_decision_counts(tmp_path: Path) -> None:
    """Somebody decided for less later on: the declared class is enough."""
    declared = inventory(tmp_path)
    decide(declared, "route localhost/list", "secret", "restricted")
    assert weaker_than_decided(declared) == ()


def test_a_class_that_is_gone_is_the_strictest(tmp_path: Path) -> None:
    """Fail closed when the decided class is no longer in the model."""
    declared = inventory(tmp_path)
    decide(declared, "route localhost/", "internal")
    [fault] = weaker_than_decided(declared)
    assert '"internal"' in fault.message


def test_the_database_is_where_it_is_configured(tmp_path: Path) -> None:
    """The state folder by default, else the URL; a server's database is taken to be there."""
    assert database_url(inventory(tmp_path)) == f"sqlite:///{tmp_path}/.sealgate/register.sqlite"
    text = TEXT + '\n[register]\nurl = "postgresql+psycopg://db.example/sealgate"\n'
    team = parse(text, "sealgate.toml", folder=str(tmp_path))
    assert database_url(team) == "postgresql+psycopg://db.example/sealgate"
    assert has_database(team)

from __future__ import annotations

import datetime as dt
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from sealgate.errors import SourceError, UsageError
from sealgate.policy.assets import Asset, AssetKind
from sealgate.policy.evaluate import evaluate
from sealgate.policy.inventory import AcceptedRisk
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage
from sealgate.policy.protection import Protection
from sealgate.policy.requirements import AssetRequirement
from sealgate.register.adapters import store
from sealgate.register.adapters.store import Register
from sealgate.register.model import Approval, AssessmentRecord, Decision

NOW = 1_800_000_000.5


def record(asset: str = "file /a", classification: str = "public") -> AssessmentRecord:
    """Return an assessment of a file."""
    return AssessmentRecord(
        asset, "file", classification, classification, {"kinds": [{"count": 3}], "rows": None}
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Give the URL of a register that does not exist yet."""
    return f"sqlite:///{tmp_path / 'register.sqlite'}"


def test_assessments_are_kept_with_their_history(url: str) -> None:
    """A second assessment of an asset is one more row; the asset has the newest class."""
    with Register(url) as register:
        register.record_assessments([record(), record("file /b")], at=NOW)
        register.record_assessments([record(classification="secret")], at=NOW + 1)
    with Register(url) as register:
        history = register.assessments("file /a")
        assert [(a.classification, a.assessed_at) for a in history] == [
            ("public", NOW),
            ("secret", NOW + 1),
        ]
        assert history[0].details == {"kinds": [{"count": 3}], "rows": None}
        first, second = register.assets()
        assert (first.id, first.classification) == ("file /a", "secret")
        assert (first.first_seen_at, first.last_seen_at) == (NOW, NOW + 1)
        assert (second.id, second.classification, second.last_seen_at) == ("file /b", "public", NOW)


def test_one_run_may_name_an_asset_twice(url: str) -> None:
    """The same asset twice in one run is one asset with two assessments."""
    with Register(url) as register:
        register.record_assessments([record(), record(classification="secret")], at=NOW)
        assert len(register.assets()) == 1
        assert len(register.assessments("file /a")) == 2


def test_nothing_is_recorded_of_nothing(url: str) -> None:
    """An empty run changes nothing."""
    with Register(url) as register:
        register.record_assessments([], at=NOW)
        assert register.assets() == ()
        assert register.check_trail().entries == 0


def test_many_assets_are_recorded(url: str) -> None:
    """More assets than fit into one statement are kept, and known again the next time."""
    records = [record(f"file /{number:05d}") for number in range(1201)]
    with Register(url) as register:
        register.record_assessments(records, at=NOW)
        register.record_assessments(records, at=NOW + 1)
        assert len(register.assets()) == 1201
        assert {a.last_seen_at for a in register.assets()} == {NOW + 1}


def test_decisions_are_kept_all(url: str) -> None:
    """The newest decision is the asset's, earlier ones and assessments stay."""
    with Register(url) as register:
        register.record_assessments([record()], at=NOW)
        for class_id in ("secret", "restricted"):
            register.record_decision(Decision("file /a", class_id, "the owner", "because", NOW))
        assert [d.classification for d in register.decisions()] == ["secret", "restricted"]
        assert register.decisions("file /b") == ()
        (asset,) = register.assets()
        assert (asset.classification, asset.decided) == ("public", "restricted")


@pytest.mark.parametrize(
    ("asset", "by", "reason"),
    [("file /b", "me", "why"), ("file /a", " ", "why"), ("file /a", "me", "")],
)
def test_a_decision_needs_an_asset_a_person_and_a_reason(
    url: str, asset: str, by: str, reason: str
) -> None:
    """A decision about nothing, by nobody or without a reason is refused, and not kept."""
    with Register(url) as register:
        register.record_assessments([record()], at=NOW)
        with pytest.raises(UsageError):
            register.record_decision(Decision(asset, "public", by, reason, NOW))
        assert register.decisions() == ()


def test_an_audit_is_kept_with_its_evidence(url: str) -> None:
    """Findings with who accepted them, ranks of each asset, and sightings can be read again."""
    asset = Asset("table shop:cards", AssetKind.TABLE)
    sightings = (
        Observation(
            asset.id, Fact.KINDS_NEVER_STORED, ("card-verification",), Vantage.HOST, "assess"
        ),
        NotObserved(asset.id, Fact.AT_REST_RUNG, "nobody looked", Vantage.HOST),
    )
    risk = AcceptedRisk(
        "minimise-stored-cvv", asset.id, "the head of IT", "for a week", dt.date(2100, 1, 1)
    )
    report = evaluate(
        [AssetRequirement(asset, "confidential", Protection.of(0, 0, 2))],
        sightings,
        accepted=[risk],
        now=NOW,
    )
    with Register(url) as register:
        number = register.record_audit(
            report, at=NOW, vantage=Vantage.HOST, sightings=iter(sightings)
        )
        (audit,) = register.audits()
        assert (audit.id, audit.vantage, audit.audited_at) == (number, "host", NOW)
        assert (audit.open_findings, audit.accepted) == (len(report.open_findings), 1)
        evidence = register.evidence(number)
        findings = {e.details["rule"]: e.details for e in evidence if e.sort == "finding"}
        assert findings["minimise-stored-cvv"]["accepted"] == {
            "by": "the head of IT",
            "reason": "for a week",
            "until": "2100-01-01",
        }
        assert findings["at-rest-unobserved"]["status"] == "not observed"
        (ranks,) = [e.details for e in evidence if e.sort == "asset"]
        assert ranks["class"] == "confidential"
        assert ranks["required"]["at rest"] == 2
        assert ranks["provided"]["at rest"] is None
        seen = [e.details for e in evidence if e.sort == "sighting"]
        assert seen == [
            {
                "fact": "data.kinds-never-stored",
                "vantage": "host",
                "value": ["card-verification"],
                "seen by": "assess",
            },
            {"fact": "at-rest.rung", "vantage": "host", "not observed": "nobody looked"},
        ]
        assert register.check_trail().whole
        assert [a.id for a in register.assets()] == [asset.id]


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """The register tells where sensitive data is, so nobody else may read it."""
    path = tmp_path / "state" / "register.sqlite"
    with Register(f"sqlite:///{path}") as register:
        assert register.file == str(path)
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_acknowledged_writes_survive_a_killed_process(tmp_path: Path, url: str) -> None:
    """Whatever was acknowledged before kill -9 is there, whole, and the trail agrees."""
    program = f"""
from sealgate.register.adapters.store import Register
from sealgate.register.model import AssessmentRecord
register = Register({url!r})
number = 0
while True:
    number += 1
    record = AssessmentRecord("file /%d" % number, "file", "public", "public", {{}})
    register.record_assessments([record], at=float(number))
    print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = 0
    with process.stdout:
        while acknowledged < 40:
            acknowledged = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        # Lines that were still in the pipe were acknowledged too.
        for line in process.stdout:
            acknowledged = int(line) if line.endswith("\n") else acknowledged
    assert process.wait() == -signal.SIGKILL
    with Register(url) as register:
        ids = {asset.id for asset in register.assets()}
        assert {f"file /{n}" for n in range(1, acknowledged + 1)} <= ids
        assert register.check_trail().whole


def test_two_processes_write_one_after_the_other(url: str) -> None:
    """Writers at the same time do not lose entries, and the trail stays whole."""
    program = f"""
import sys
from sealgate.register.adapters.store import Register
from sealgate.register.model import AssessmentRecord
with Register({url!r}) as register:
    for number in range(25):
        record = AssessmentRecord("file /" + sys.argv[1], "file", "public", "public", {{}})
        register.record_assessments([record], at=float(number))
"""
    writers = [subprocess.Popen([sys.executable, "-c", program, name]) for name in "abc"]
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    with Register(url) as register:
        assert [len(register.assessments(f"file /{name}")) for name in "abc"] == [25, 25, 25]
        check = register.check_trail()
        assert (check.entries, check.faults) == (75, ())


@pytest.mark.parametrize(
    "content", [b"no database at all", b"SQLite format 3\x00" + b"\xff" * 8192]
)
def test_a_damaged_file_is_told(tmp_path: Path, url: str, content: bytes) -> None:
    """A register that cannot be read is a clear error with a hint, and is left as it is."""
    path = tmp_path / "register.sqlite"
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        Register(url)
    assert caught.value.hint
    assert path.read_bytes() == content


def test_damage_while_it_is_open_is_told(tmp_path: Path, url: str) -> None:
    """A register that breaks under our hands is a clear error too."""
    with Register(url) as register:
        register.record_assessments([record(f"file /{n}") for n in range(3000)], at=NOW)
    path = tmp_path / "register.sqlite"
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xff" * (len(data) - 8192)
    path.write_bytes(data)
    with pytest.raises(SourceError), Register(url) as register:
        register.assets()


def test_a_newer_register_is_refused(tmp_path: Path, url: str) -> None:
    """A file that a later version wrote is not touched."""
    Register(url).close()
    with closing(sqlite3.connect(tmp_path / "register.sqlite")) as connection, connection:
        connection.execute("UPDATE register_version SET version_num = 'r9999'")
    with pytest.raises(SourceError):
        Register(url)


def test_approvals_are_kept_and_vouched_for(url: str) -> None:
    """All that was approved stays, in order, and the trail notices a change."""
    asset, site = "route shop.example/checkout", "site shop.example"
    first = Approval(asset, "https://js.pay.example/v1", "sha256-a", "me", "takes cards", NOW)
    again = Approval(asset, "https://js.pay.example/v1", "sha256-b", "me", "new version", NOW + 1)
    with Register(url) as register:
        register.record_approvals([first], kind="route", parent=site)
        register.record_approvals([again], kind="route", parent=site)
        register.record_approvals([], kind="route", parent=site)
        assert register.approvals(asset) == (first, again)
        assert register.approvals("route shop.example/") == ()
        assert [(a.id, a.parent) for a in register.assets()] == [(asset, site)]
        assert register.check_trail().whole
        for by, reason in (("", "why"), ("me", " ")):
            with pytest.raises(UsageError, match="who and why"):
                register.record_approvals(
                    [Approval(asset, "x", "sha256-c", by, reason, NOW)], kind="route", parent=site
                )
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE approvals SET digest = 'sha256-evil' WHERE id = 1")
        connection.commit()
    with Register(url) as register:
        assert not register.check_trail().whole


def test_an_older_register_is_brought_up_to_date_without_loss(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a later revision in place, a file of the first schema gains it and keeps its rows."""
    with Register(url) as register:
        register.record_assessments([record()], at=NOW)
        register.record_decision(Decision("file /a", "secret", "me", "why", NOW))
    later = tmp_path / "migrations"
    shutil.copytree(store.MIGRATIONS, later, ignore=shutil.ignore_patterns("__pycache__"))
    (later / "versions" / "r0005_later.py").write_text(
        "import sqlalchemy as sa\n"
        "from alembic import op\n"
        'revision = "r0005"\n'
        'down_revision = "r0004"\n'
        "def upgrade():\n"
        '    with op.batch_alter_table("assets") as assets:\n'
        '        assets.add_column(sa.Column("owner", sa.Text))\n',
        "utf-8",
    )
    monkeypatch.setattr(store, "MIGRATIONS", later)
    monkeypatch.setattr(store, "HEAD", "r0005")
    with Register(url) as register:
        assert [a.id for a in register.assets()] == ["file /a"]
        assert [d.classification for d in register.decisions()] == ["secret"]
        assert register.check_trail().whole
    with closing(sqlite3.connect(tmp_path / "register.sqlite")) as connection:
        assert connection.execute("SELECT owner FROM assets").fetchall() == [(None,)]
        assert connection.execute("SELECT * FROM register_version").fetchall() == [("r0005",)]

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sealgate.app.assess import Progress, assess, decide
from sealgate.app.state import open_register
from sealgate.errors import ExitCode, NothingToLookAtError, UsageError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.finding import Status
from sealgate.policy.inventory import AcceptedRisk, Door, Inventory, Route, Site, Upstream
from sealgate.policy.protection import Protection
from sealgate.register.adapters.store import Register

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealgate.assess.model import Assessment, AssessRun

NOW = 1_800_000_000.0
ARCHIVE = b"PK\x03\x04" + b"\x00" * 40


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    """Give a register that is closed afterwards."""
    with Register(f"sqlite:///{tmp_path / 'state' / 'register.sqlite'}") as opened:
        yield opened


@pytest.fixture
def share(tmp_path: Path) -> Path:
    """Give an empty folder."""
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


def look(
    share: Path,
    register: Register | None = None,
    inventory: Inventory | None = None,
    web_roots: tuple[str, ...] = (),
) -> AssessRun:
    """Assess *share*."""
    return assess(
        [str(share)], inventory=inventory, register=register, now=NOW, web_roots=web_roots
    )


def named(run: AssessRun, name: str) -> Assessment:
    """Return the assessment whose id ends in *name*."""
    return next(a for a in run.assessments if a.asset.id.endswith(name))


def declared(state: Path, *, web_root: str | None = None, accepted: str | None = None) -> Inventory:
    """Return what a sealgate.toml with one site declares."""
    route = Route(Door("/"), DEFAULT_MODEL.weakest)
    site = Site(("shop.example",), Upstream("http", "127.0.0.1", 8080), (route,), web_root=web_root)
    risks = []
    if accepted:
        risks = [
            AcceptedRisk(rule, accepted, "the owner", "known", dt.date(2100, 1, 1))
            for rule in ("minimise-stored-cvv", "minimise-clear-password", "transit-no-hsts")
        ]
    return Inventory("sealgate.toml", str(state), sites=(site,), accepted=tuple(risks))


def test_what_is_found_is_kept_in_the_register(share: Path, register: Register) -> None:
    """Class, kinds and reasons of each asset can be read again, and the trail vouches."""
    (share / "a.txt").write_text("a@example.org\n")
    run = look(share, register)
    assert run.exit_code is ExitCode.OK
    (asset,) = register.assets()
    assert (asset.id, asset.classification) == (f"file {share}/a.txt", "restricted")
    (kept,) = register.assessments(asset.id)
    assert kept.assessed_at == NOW
    assert kept.details["kinds"][0]["kind"] == "email"
    assert kept.details["kinds"][0]["where"] == ["line 1"]
    assert register.check_trail().whole


def test_a_decision_holds_from_the_next_run_on(share: Path, register: Register) -> None:
    """What a person decided wins, and the class that the data says is kept beside it."""
    (share / "a.txt").write_text("a@example.org\n")
    asset = look(share, register).assessments[0].asset.id
    decide(
        asset,
        "public",
        by="press",
        reason="it is public",
        inventory=None,
        register=register,
        now=NOW,
    )
    assessment = look(share, register).assessments[0]
    assert assessment.classification.id == "public"
    assert assessment.weighed.computed.id == "restricted"
    assert [a.classification for a in register.assessments(asset)] == ["restricted", "public"]


def test_sensitive_data_keeps_its_floor(share: Path, register: Register) -> None:
    """No decision lowers what credentials need in transit and at rest."""
    (share / "a.env").write_text("DB_PASSWORD=kq7Vw2pLx9\n")
    asset = look(share, register).assessments[0].asset.id
    decide(asset, "public", by="me", reason="why", inventory=None, register=register, now=NOW)
    assessment = look(share, register).assessments[0]
    assert assessment.classification.id == "public"
    assert assessment.required == Protection.of(2, 0, 2)


def test_a_class_that_does_not_exist_cannot_be_decided(share: Path, register: Register) -> None:
    """The message names the classes that there are."""
    (share / "a.txt").write_text("x\n")
    asset = look(share, register).assessments[0].asset.id
    with pytest.raises(UsageError, match="public, restricted, confidential, secret"):
        decide(asset, "x", by="me", reason="why", inventory=None, register=register, now=NOW)


def test_a_gap_counts_until_somebody_decides(share: Path, register: Register) -> None:
    """What could not be looked at is strictest and a finding, until a person takes it on."""
    (share / "a.zip").write_bytes(ARCHIVE)
    run = look(share, register)
    assert run.exit_code is ExitCode.FINDINGS
    assert {f.status for f in run.report.findings} == {Status.NOT_OBSERVED}
    asset = run.assessments[0].asset.id
    decide(asset, "public", by="me", reason="logos", inventory=None, register=register, now=NOW)
    again = look(share, register)
    assert again.exit_code is ExitCode.OK
    assert again.not_looked == run.not_looked
    assert again.report.findings == ()


def test_a_gap_may_be_an_accepted_risk(share: Path, tmp_path: Path) -> None:
    """Who accepts every rule that could not look at an asset has taken its gap on."""
    (share / "a.zip").write_bytes(ARCHIVE)
    (share / "b.zip").write_bytes(ARCHIVE)
    inventory = declared(tmp_path, accepted=f"file {share}/a.zip")
    run = look(share, inventory=inventory)
    assert [n.place for n in run.open_not_looked] == [f"{share}/b.zip"]
    # Risks that other commands judge are not told as unused here.
    assert run.report.unused == ()


def test_a_name_that_is_masked_cannot_be_decided_down(share: Path, register: Register) -> None:
    """Two files that differ only in what is masked are two assets; neither can be lowered."""
    for name in ("a@example.org.zip", "b@example.org.zip"):
        (share / name).write_bytes(ARCHIVE)
    run = look(share, register)
    ids = [a.asset.id for a in run.assessments]
    assert ids == [f"file {share}/[email].zip", f"file {share}/[email].zip (2)"]
    for asset in ids:
        decide(asset, "public", by="me", reason="why", inventory=None, register=register, now=NOW)
    again = look(share, register)
    assert {a.classification.id for a in again.assessments} == {"secret"}
    assert again.exit_code is ExitCode.FINDINGS


def test_tables_are_summed_up_in_their_database(share: Path) -> None:
    """A name in one table and a diagnosis in another are beside each other in the database."""
    with closing(sqlite3.connect(share / "x.db")) as connection, connection:
        connection.execute("CREATE TABLE people (full_name TEXT)")
        connection.execute("CREATE TABLE visits (diagnosis TEXT)")
        connection.executemany("INSERT INTO people VALUES (?)", [("Greta Keller",)] * 5)
        connection.executemany("INSERT INTO visits VALUES (?)", [("J45.0",)] * 5)
    run = look(share)
    assert named(run, ":people").classification.id == "restricted"
    assert named(run, ":visits").classification.id == "confidential"
    assert named(run, "x.db").classification.id == "secret"
    assert named(run, ":people").asset.parent == named(run, "x.db").asset.id


@pytest.mark.parametrize("configured", [True, False])
def test_files_in_a_web_root_are_found(
    share: Path,
    tmp_path: Path,
    configured: bool,  # noqa: FBT001  # a case of the table
) -> None:
    """Repositories, settings, dumps and backups in a web root are a finding of the site."""
    root = share / "www"
    (root / ".git").mkdir(parents=True)
    for name in (".git/HEAD", ".git/config", "index.html", ".env", "shop.sql", "old.php.bak"):
        (root / name).write_text("walnut\n")
    (share / "outside.sql").write_text("walnut\n")
    with closing(sqlite3.connect(root / "cache")) as connection, connection:
        connection.execute("CREATE TABLE t (a)")
    if configured:
        run = look(share, inventory=declared(tmp_path, web_root=str(root)))
    else:
        run = look(share, web_roots=(str(root),))
    (finding,) = run.report.findings
    assert finding.rule.id == "minimise-file-in-web-root"
    assert finding.asset.id == ("site shop.example" if configured else f"file {root}/")
    for told in (
        ".git/ (repository)",
        ".env (settings)",
        "shop.sql (dump)",
        "old.php.bak (backup)",
    ):
        assert told in finding.found
    assert "cache (dump)" in finding.found
    assert "index.html" not in finding.found
    assert "outside" not in finding.found
    assert named(run, "/.env").minimisation[0].what == "lies in a web root (settings)"
    assert named(run, "/index.html").minimisation == ()


def test_a_clean_web_root_is_met_only_when_all_of_it_was_seen(share: Path) -> None:
    """Of a root that the sources hold in part, nothing good is said."""
    (share / "www" / "css").mkdir(parents=True)
    (share / "www" / "index.html").write_text("walnut\n")
    (share / "www" / "css" / "a.css").write_text("walnut\n")
    root = (str(share / "www"),)
    whole, part = look(share, web_roots=root), look(share / "www" / "css", web_roots=root)
    assert f"file {share}/www/" in [a.asset.id for a in whole.report.assets]
    assert f"file {share}/www/" not in [a.asset.id for a in part.report.assets]


def test_a_web_root_that_is_no_folder_is_told(share: Path) -> None:
    """A wrong --web-root is an error, not a root without findings."""
    with pytest.raises(UsageError, match="is no folder"):
        look(share, web_roots=(str(share / "nowhere"),))


def test_nothing_to_look_at_is_no_verdict(share: Path) -> None:
    """An empty folder gives no verdict."""
    with pytest.raises(NothingToLookAtError):
        look(share)


def test_only_links_that_lead_nowhere_are_nothing_to_look_at(share: Path) -> None:
    """What can hold no data is no asset."""
    (share / "a").symlink_to(share / "nowhere")
    with pytest.raises(NothingToLookAtError):
        look(share)


def test_sources_that_overlap_are_read_once(share: Path) -> None:
    """A file that two sources lead to is one asset."""
    (share / "a.txt").write_text("x\n")
    sources = [str(share), str(share / "a.txt"), str(share)]
    run = assess(sources, inventory=None, register=None, now=NOW)
    assert len(run.assessments) == 1


def test_the_register_that_is_written_is_not_assessed(share: Path) -> None:
    """A register inside the source holds no data; another one is a database like any."""
    (share / "a.txt").write_text("x\n")
    Register(f"sqlite:///{share / 'other.sqlite'}").close()
    with Register(f"sqlite:///{share / 'register.sqlite'}") as register:
        run = look(share, register)
    places = {a.asset.id.rpartition("/")[2].partition(":")[0] for a in run.assessments}
    assert places == {"a.txt", "other.sqlite"}


def test_progress_is_told_with_masked_places(share: Path) -> None:
    """Every asset is told before it is read, and a long file while it is."""
    (share / "a@example.org").write_text("walnut bowl\n" * 900_000)
    told: list[Progress] = []
    assess([str(share)], inventory=None, register=None, now=NOW, progress=told.append)
    assert len(told) > 1
    assert {p.place for p in told} == {f"{share}/[email]"}
    assert [p.bytes_read for p in told] == sorted(p.bytes_read for p in told)


def test_the_register_is_where_the_configuration_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL, else the state folder, else a folder where we are."""
    monkeypatch.chdir(tmp_path)
    state = declared(tmp_path / "state")
    with open_register(None) as register:
        assert register.file == str(tmp_path / ".sealgate" / "register.sqlite")
    with open_register(state) as register:
        assert register.file == str(tmp_path / "state" / "register.sqlite")

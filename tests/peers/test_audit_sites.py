"""``sealgate audit`` of a configured site that nginx serves, each right but for one thing."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import pytest

from sealgate.app import audit_ways
from sealgate.app.audit import audit_sites
from sealgate.app.audit_options import AuditOptions
from sealgate.cli import run
from sealgate.config.load import load
from sealgate.policy.observation import Fact, NotObserved, Observation
from sealgate.register.adapters.store import Register
from tests.peers.audited import (
    ACCOUNT,
    BACKEND,
    LOCK,
    Ground,
    make_ground,
    nginx,
    open_rules,
    redirecting_server,
)
from tests.ports import free_port, listens
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.peer("nginx")


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Write the configuration of one shop with three kinds of route."""
    return make_ground(tmp_path)


def test_a_right_site_passes(ground: Ground) -> None:
    """Nothing is wrong, and with the host's word on access nothing is left open."""
    with nginx(ground.folder / "n", ground.right(), *ground.ports):
        report = ground.judge("127.0.0.2")
    assert open_rules(report) == set()
    assert report.met > 20


def test_access_is_not_observed_from_outside(ground: Ground) -> None:
    """Without the host's word the refusal alone proves no key and no country: exit 10."""
    with nginx(ground.folder / "n", ground.right(), *ground.ports):
        code, found, _ = ground.run()
    assert code == 10
    assert found == {f"access-anonymous: {BACKEND}"}


def test_an_audit_is_kept(ground: Ground) -> None:
    """What was found, and what it rests on, is in the register; an endpoint's is not."""
    with nginx(ground.folder / "n", ground.right(), *ground.ports):
        ground.run()
        ground.run(f"https://127.0.0.1:{ground.https}/")
    with Register(f"sqlite:///{ground.folder}/.sealgate/register.sqlite") as register:
        [audit] = register.audits()
        evidence = register.evidence(audit.id)
    assert audit.open_findings == 1
    assert any("access-anonymous" in repr(item) for item in evidence)
    assert any("tls.versions" in repr(item) for item in evidence)


def test_an_assessed_store_is_judged(ground: Ground) -> None:
    """A database that an assessment put into the register is part of the audit."""
    database = ground.folder / "shop.sqlite"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE customers (name TEXT, email TEXT, password TEXT)")
        connection.execute("INSERT INTO customers VALUES ('A B', 'a@b.example', 'walnut-bowl')")
    config = str(ground.folder / "sealgate.toml")
    assert run(["assess", str(database), "-c", config, "--output", os.devnull]) in {0, 10}
    with nginx(ground.folder / "n", ground.right(), *ground.ports):
        code, found, _ = ground.run()
    assert code == 10
    assert any(f.startswith("at-rest-unobserved: ") and "shop.sqlite" in f for f in found)


def test_backend_over_http(ground: Ground) -> None:
    """A backend that plain HTTP serves is found at its route."""
    served = 'location /typo3 { return 200 "backend"; }'
    plain = redirecting_server(ground.http, ground.https, served)
    with nginx(ground.folder / "n", ground.right(plain=plain), *ground.ports):
        report = ground.judge()
    assert ("transit-backend-unlocked", BACKEND) in open_rules(report)
    assert {asset for _, asset in open_rules(report)} == {BACKEND}


def test_a_spelling_opens_the_backend(ground: Ground) -> None:
    """A lock that minds letter case is open to whoever shouts."""
    careless = 'location /typo3 { return 403; } location ~* ^/TYPO3 { return 200 "in"; }'
    locations = f"location ^~ /typo3 {{ return 403; }} {careless.partition('}')[2]} {ACCOUNT}"
    with nginx(ground.folder / "n", ground.right(locations=locations), *ground.ports):
        report = ground.judge()
    [finding] = report.open_findings
    assert (finding.rule.id, finding.asset.id) == ("transit-backend-unlocked", BACKEND)
    assert "/TYPO3" in finding.found


@pytest.mark.parametrize("kind", ["kept", "open"])
def test_a_route_of_any_folder_opens_a_locked_script(ground: Ground, kind: str) -> None:
    """A lock of one file lets through what stands behind it where a route with ``*`` fits."""
    path = ground.folder / "sealgate.toml"
    text = path.read_text("utf-8").replace('path = "/typo3"', 'path = "/admin.php"')
    path.write_text(
        f'{text}\n[[site.route]]\npath = "/*/*/pub"\nclass = "public"\n', encoding="utf-8"
    )
    lock = "location ~* admin(\\.|%2e)php { return 403; }"
    careless = "location ~* ^/admin.php/.*/pub$ { return 200 'in'; }" if kind == "open" else ""
    locations = f"{careless} {lock} {ACCOUNT}"
    with nginx(ground.folder / "n", ground.right(locations=locations), *ground.ports):
        report = ground.judge()
    found = {
        finding.rule.id: finding.found
        for finding in report.open_findings
        if finding.asset.id == "route shop.localhost/admin.php"
    }
    if kind == "kept":
        assert "transit-backend-unlocked" not in found
    else:
        assert "/admin.php/x/pub" in found["transit-backend-unlocked"]


@pytest.mark.parametrize(
    ("locations", "found"),
    [
        # One spelling of a page is refused, and what lies below it is served.
        (
            'location = /typo3 { return 403; } location ~* "^/typo3[/;.]" { return 200 "in"; }',
            "open when spelled",
        ),
        (
            "location ~* '^/typo3/?[;.]?$' { return 403; } location ~* ^/typo3 { return 404; }",
            "/typo3/sealgate-audit-asks-for-nothing",
        ),
        # A folder without an index, which nginx does not list.
        (
            """location ~* '^/typo3/?[;.]?$' { return 403; } location ~ ^/typo3/.*php { return 200; }""",
            "/typo3/sealgate-audit-asks-for-nothing",
        ),
        (
            "location ~* ^/typo3/[^.] { return 302 /login; } location ~* ^/typo3 { return 401; }",
            "/typo3/sealgate-audit-asks-for-nothing",
        ),
    ],
)
def test_a_refusal_of_one_page_is_no_lock(ground: Ground, locations: str, found: str) -> None:
    """What is refused at the path itself alone is open to whoever knows what lies below."""
    right = ground.right(locations=f"{locations} {ACCOUNT}")
    with nginx(ground.folder / "n", right, *ground.ports):
        report = ground.judge()
    told = {f.rule.id: f.found for f in report.open_findings if f.asset.id == BACKEND}
    assert found in told["transit-backend-unlocked"]


@pytest.mark.parametrize(
    ("served", "found"),
    [
        ("HEAD", "HEAD /typo3"),
        ("POST", "POST /typo3/sealgate-audit-asks-for-nothing"),
        ("(?!GET|HEAD)", "POST /typo3/sealgate-audit-asks-for-nothing"),
    ],
)
def test_a_refusal_of_one_method_is_no_lock(ground: Ground, served: str, found: str) -> None:
    """What refuses a page alone, as Apache's <Limit GET> does, lets forms through."""
    careless = f"if ($request_method ~ ^{served}) {{ return 404; }} return 403;"
    locations = LOCK.replace("return 403;", careless)
    with nginx(
        ground.folder / "n", ground.right(locations=f"{locations} {ACCOUNT}"), *ground.ports
    ):
        report = ground.judge()
    told = {f.rule.id: f.found for f in report.open_findings if f.asset.id == BACKEND}
    assert found in told["transit-backend-unlocked"]


@pytest.mark.parametrize(
    "header", ["Set-Cookie a=b", "Expires 0", "X-Powered-By PHP/8", 'Link "</wp-json/>; rel=x"']
)
def test_a_refusal_of_the_site_itself_is_no_lock(ground: Ground, header: str) -> None:
    """What a program behind sends shows that the request may have come to it."""
    locations = LOCK.replace("return 403;", f"add_header {header} always; return 403;")
    with nginx(
        ground.folder / "n", ground.right(locations=f"{locations} {ACCOUNT}"), *ground.ports
    ):
        report = ground.judge()
    told = {f.rule.id: f for f in report.open_findings if f.asset.id == BACKEND}
    assert told["transit-backend-unlocked"].status.value == "not observed"
    assert header.partition(" ")[0].lower() in told["transit-backend-unlocked"].found


def test_an_open_backend(ground: Ground) -> None:
    """A backend that answers anybody over TLS is unlocked, whatever the host promises."""
    locations = f'location /typo3 {{ return 200 "in"; }} {ACCOUNT}'
    with nginx(ground.folder / "n", ground.right(locations=locations), *ground.ports):
        report = ground.judge()
    rules = {rule for rule, asset in open_rules(report) if asset == BACKEND}
    assert {"transit-backend-unlocked", "access-anonymous", "access-no-key"} <= rules


def test_upstream_beside_the_gateway(ground: Ground) -> None:
    """A site behind that also answers on another address of the host is found."""
    behind = f"listen 127.0.0.1:{ground.upstream}; listen 127.0.0.2:{ground.upstream};"
    with nginx(ground.folder / "n", ground.right(behind=behind), *ground.ports):
        report = ground.judge("127.0.0.2")
    assert open_rules(report) == {("transit-backend-bypass", "site shop.localhost")}
    [finding] = report.open_findings
    assert f"127.0.0.2:{ground.upstream}" in finding.found


def test_upstream_that_is_down(ground: Ground) -> None:
    """Of a site behind that does not answer, it cannot be told where else it would."""
    servers = ground.right(behind=f"listen 127.0.0.1:{free_port()};")
    with nginx(ground.folder / "n", servers, ground.https, ground.http):
        report = ground.judge("127.0.0.2")
    assert open_rules(report) == {("transit-backend-bypass", "site shop.localhost")}
    assert "nothing answers" in report.open_findings[0].found


def test_account_without_a_password(ground: Ground) -> None:
    """``access = "site"`` is believed only when the page asks for a password."""
    locations = f'{LOCK} location = /account {{ return 200 "your orders"; }}'
    with nginx(ground.folder / "n", ground.right(locations=locations), *ground.ports):
        report = ground.judge()
    assert open_rules(report) == {("access-site-unverified", "route shop.localhost/account")}


def test_post_over_http(ground: Ground) -> None:
    """A configured site is asked by POST: a redirect comes too late for the body."""
    plain = (
        f"server {{ listen 127.0.0.1:{ground.http};"
        f" return 308 https://shop.localhost:{ground.https}$request_uri; }}"
    )
    with nginx(ground.folder / "n", ground.right(plain=plain), *ground.ports):
        report = ground.judge()
    assert {rule for rule, _ in open_rules(report)} == {"transit-post-accepted"}


def test_two_names_one_certificate(ground: Ground) -> None:
    """A site with two names is judged by both: a certificate for one is not enough."""
    config = ground.folder / "sealgate.toml"
    text = config.read_text("utf-8")
    config.write_text(
        text.replace('["shop.localhost"]', '["shop.localhost", "www.shop.localhost"]'), "utf-8"
    )
    with nginx(ground.folder / "n", ground.right(), *ground.ports):
        report = ground.judge()
    assert open_rules(report) == {("transit-wrong-name", "site shop.localhost")}


def test_files_in_the_web_root(ground: Ground) -> None:
    """A dump in the web root is found by name, and its content is not read."""
    root = ground.folder / "htdocs"
    (root / "old").mkdir(parents=True)
    (root / "index.html").touch()
    dump = root / "old" / "shop.sql.gz"
    dump.touch(mode=0o000)
    config = ground.folder / "sealgate.toml"
    text = config.read_text("utf-8").replace("upstream =", f'web_root = "{root}"\nupstream =')
    config.write_text(text, "utf-8")
    with nginx(ground.folder / "n", ground.right(), *ground.ports):
        report = ground.judge()
    assert open_rules(report) == {("minimise-file-in-web-root", "site shop.localhost")}
    assert "old/shop.sql.gz" in report.open_findings[0].found


def test_a_gateway_that_is_down(ground: Ground) -> None:
    """When nothing listens, everything is told as not observed, and the exit code is 10."""
    code, found, data = ground.run()
    assert code == 10
    assert "transit-unreachable: site shop.localhost" in found
    assert f"access-anonymous: {BACKEND}" in found
    statuses = {f["rule"]: f["status"] for f in data["findings"] if f["open"]}
    assert statuses["transit-unreachable"] == "not observed"


def test_a_gap_is_never_an_observation(ground: Ground) -> None:
    """Of a gateway that is down, nothing but its silence and the configuration is seen."""
    inventory = load(str(ground.folder / "sealgate.toml"))
    sightings = audit_sites(inventory, AuditOptions(time.time(), addresses=())).sightings
    seen = {s.fact: s.value for s in sightings if isinstance(s, Observation)}
    assert seen == {
        Fact.PLAIN_GET: "refused",
        Fact.PLAIN_POST: "refused",
        Fact.UPSTREAM_PROTECTED: True,
    }
    assert any(isinstance(s, NotObserved) for s in sightings)


def test_each_address_of_a_name_has_the_lock(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One server that refuses does not make up for another that lets anybody in."""
    first, second = "127.0.0.2", "127.0.0.3"
    named = {"two.example": (first, second), "127.0.0.1": ("127.0.0.1",)}
    monkeypatch.setattr(audit_ways, "addresses_of", named.__getitem__)

    def found(locations: str) -> dict[str, str]:
        other = ground.right(locations=locations, behind=f"listen {second}:{ground.upstream};")
        servers = ground.right().replace("listen 127.0.0.1", f"listen {first}")
        servers += other.replace("listen 127.0.0.1", f"listen {second}")
        options = AuditOptions(
            time.time(),
            ca_files=(str(ground.authority.path),),
            addresses=(),
            resolve={"shop.localhost": "two.example"},
        )
        inventory = load(str(ground.folder / "sealgate.toml"))
        with nginx(ground.folder / "n", servers):
            for port, address in product((ground.https, ground.http), (first, second)):
                assert wait_until(partial(listens, port, address))
            report = audit_sites(inventory, options).report
        return {f.rule.id: f.found for f in report.open_findings if f.asset.id == BACKEND}

    assert "transit-backend-unlocked" not in found(f"{LOCK} {ACCOUNT}")
    opened = f'location = /typo3 {{ return 200 "in"; }} {ACCOUNT}'
    told = found(opened)["transit-backend-unlocked"]
    assert told == f"{second}:{ground.https}: answers 200 without a client certificate"

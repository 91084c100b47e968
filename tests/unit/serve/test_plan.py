"""The plan: what serve will do, told without doing it, and what it would refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from sealgate.app.init import begin
from sealgate.app.keys import Delivery, issue_key, local_authority
from sealgate.app.users import open_identities
from sealgate.cli import run
from sealgate.config.load import load
from sealgate.config.presets import PRESETS
from sealgate.policy.inventory import Operator
from sealgate.policy.protection import Column
from sealgate.serve.plan import Plan, plan

NOW = 1_800_000_000.0
SITE = """\
[access]
countries = ["DE"]
geo_database = "country.mmdb"
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path = "/"
class = "public"
"""
LOCK = """\
[[site.route]]
path = "/backend"
class = "confidential"
backend = true
admit = ["group:editors"]
"""


def config(folder: Path, text: str) -> str:
    """Write *text* as the configuration in *folder*, with a country database beside it."""
    writer = MMDBWriter(4, "Test-Country")
    writer.insert_network(IPSet(["127.0.0.2/32"]), {"country": {"iso_code": "DE"}})
    writer.to_db_file(str(folder / "country.mmdb"))
    path = folder / "sealgate.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def planned(folder: Path, text: str, now: float = NOW) -> Plan:
    """Return the plan for *text*."""
    return plan(load(config(folder, text)), now=now)


def admit_anna(folder: Path) -> None:
    """Issue a client certificate to anna, an editor."""
    inventory = load(str(folder / "sealgate.toml"))
    issue_key(
        inventory,
        "anna",
        Delivery(prefix=str(folder / "anna")),
        groups=["editors"],
        days=30,
        by="test",
        now=NOW,
    )


@pytest.mark.parametrize("preset", ["typo3", "none"])
def test_what_init_writes_is_a_good_plan(tmp_path: Path, preset: str) -> None:
    """Right after init, serve would start; the preset's doors are named as shut."""
    begun = begin(str(tmp_path), preset=preset, domain="shop.example", now=NOW)

    made = plan(load(begun.config), now=NOW)

    assert made.is_good
    assert [door.asset for door in made.shut] == (
        [
            "route shop.example/typo3",
            "route shop.example/?__typo3_install",
            "route shop.example/typo3/install.php",
        ]
        if preset == "typo3"
        else []
    )
    assert [site.preset.name for site in made.settings] == (["typo3"] if preset == "typo3" else [])


def test_a_plan_writes_nothing(tmp_path: Path) -> None:
    """Neither keys, nor a database, nor a folder come into being."""
    planned(tmp_path, SITE + LOCK)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["country.mmdb", "sealgate.toml"]


def test_a_lock_that_nobody_could_open_is_refused(tmp_path: Path) -> None:
    """Without a living certificate of an editor, serve would not start."""
    made = planned(tmp_path, SITE + LOCK)

    assert not made.is_good
    (fault,) = made.refusals
    assert "nobody who may enter (group:editors)" in fault.message
    assert fault.hint == "sealgate key issue NAME --group editors"
    (fault,) = planned(tmp_path, SITE + LOCK.replace("group:editors", "user:anna b")).refusals
    assert fault.hint == "sealgate key issue 'anna b'"


def test_a_lock_with_somebody_to_enter_is_a_good_plan(tmp_path: Path) -> None:
    """With a living certificate the backend gets what its class demands."""
    config(tmp_path, SITE + LOCK)
    admit_anna(tmp_path)

    made = planned(tmp_path, SITE + LOCK)

    assert made.is_good
    (backend,) = [a for a in made.report.assets if a.asset.id == "route shop.example/backend"]
    assert {c.value: backend.provided.get(c) for c in backend.columns} == {
        "in transit": 2,
        "access": 2,
    }


def test_a_certificate_that_ended_admits_nobody(tmp_path: Path) -> None:
    """The plan is for a moment: after the certificate's end serve would not start."""
    config(tmp_path, SITE + LOCK)
    admit_anna(tmp_path)

    assert not planned(tmp_path, SITE + LOCK, NOW + 31 * 86_400).is_good


def test_where_the_site_asks_the_audit_has_the_last_word(tmp_path: Path) -> None:
    """A password that the site asks for is named as left to the audit, and keeps nothing back."""
    made = planned(
        tmp_path,
        SITE + '[[site.route]]\npath = "/account"\nclass = "restricted"\naccess = "site"\n',
    )

    assert made.is_good
    assert [(asset.asset.id, column) for asset, column in made.for_the_audit] == [
        ("route shop.example/account", Column.ACCESS)
    ]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            '[[site.route]]\npath = "/own"\nclass = "restricted"\nadmit = ["group:staff"]\n',
            "nobody is known who may enter (group:staff)",
        ),
        (
            '[[site.route]]\npath = "/x"\nclass = "secret"\nadmit = ["user:anna"]\n',
            'on the same host is "secret", which has a host name of its own',
        ),
        (
            (
                '[[drop]]\nname = "in"\nclass = "confidential"\nstore = "file:in"\n'
                'admit = ["user:anna"]\n'
            ),
            (
                '"drop in": "confidential" demands "encrypted" at rest, but the site keys are a '
                "readable file"
            ),
        ),
    ],
    ids=["sign-in", "secret", "drop"],
)
def test_what_this_version_cannot_keep_is_refused(tmp_path: Path, more: str, message: str) -> None:
    """A promise that is not built yet is a reason not to start."""
    made = planned(tmp_path, SITE + more)

    assert not made.is_good
    assert any(message in fault.message for fault in made.refusals)


def test_a_secret_tunnel_is_served_and_its_plan_tells_who_is_missing(tmp_path: Path) -> None:
    """It gives all that the class demands, once people have what they need."""
    more = (
        '[[tunnel]]\nname = "db"\nclass = "secret"\ntarget = "127.0.0.1:1"\nadmit = ["user:anna"]\n'
    )
    made = planned(tmp_path, SITE + more)
    assert made.is_good
    assert [remark.partition(":")[0] for remark in made.remarks if "tunnel" in remark] == [
        "tunnel db",
        "tunnel db",
    ]
    assert any("nobody may approve one yet" in remark for remark in made.remarks)


FILES = """\
[listen]
ftps = ":21"
ftps_domain = "files.example"
[access]
countries = ["DE"]
geo_database = "country.mmdb"
[keys]
protection = "passphrase"
[[drop]]
name = "partners"
class = "confidential"
store = "file:partners"
admit = ["group:partners"]
read = ["user:anna"]
[[tunnel]]
name = "console"
class = "confidential"
target = "127.0.0.1:5432"
admit = ["group:dba"]
"""


def ranks(made: Plan, asset_id: str) -> dict[str, int | None]:
    """Return what is provided of one asset, by column."""
    (asset,) = [a for a in made.report.assets if a.asset.id == asset_id]
    return {c.value: asset.provided.get(c) for c in asset.columns}


def test_drops_alone_are_a_good_plan(tmp_path: Path) -> None:
    """Without a site there is no gateway, so that neither Envoy nor a page is missing."""
    program = tmp_path / "envoy"
    program.write_text("#!/bin/sh\necho hello\n", encoding="utf-8")
    program.chmod(0o755)

    made = planned(tmp_path, FILES + f'[gateway]\nenvoy = "{program}"\n')

    assert made.refusals == ()
    assert made.is_good
    assert ranks(made, "drop partners") == {"in transit": 2, "access": 2, "at rest": 2}
    assert ranks(made, "tunnel console") == {"in transit": 2, "access": 2}
    assert ranks(made, "file server") == {"in transit": 2}
    assert made.why_not_apart == {"partners": None}


def test_a_passphrase_beside_the_store_is_no_passphrase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that opens the keys, on the store's own volume, makes the store weaker."""
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse", encoding="utf-8")
    monkeypatch.setenv("SEALGATE_KEY_PASSPHRASE_FILE", str(secret))

    made = planned(tmp_path, FILES)

    (fault,) = made.refusals
    assert f'"{secret}"' in fault.message
    assert fault.hint == "move it, or the store, to another volume"
    assert ranks(made, "drop partners")["at rest"] == 1
    assert "at-rest-unsealed" in {finding.rule.id for finding in made.expected}


def test_a_weaker_store_that_somebody_accepts_is_served_and_shown(tmp_path: Path) -> None:
    """The table says "accepted", and serve would start."""
    risk = (
        '[[accept]]\nrule = "at-rest-unsealed"\nasset = "drop partners"\nby = "me"\n'
        'reason = "a trial"\nuntil = 2099-01-01\n'
    )

    made = planned(tmp_path, FILES.replace("passphrase", "file") + risk)

    assert made.is_good
    assert ranks(made, "drop partners")["at rest"] == 1
    assert [r.asset for r in made.accepted] == ["drop partners"]


def test_the_certificate_of_ftps_is_judged_like_any_other(tmp_path: Path) -> None:
    """A given certificate of another name, and of an authority that nobody trusts, is refused."""
    authority = local_authority(load(config(tmp_path, FILES)))
    kept = authority.server_certificates({"a": ["other.example"]}, NOW).certificates["a"]
    given = f'[tls]\ncertificate = {{ chain = "{kept.chain}", key = "{kept.key}" }}\n'

    made = planned(tmp_path, given + FILES)

    assert any("does not cover" in fault.message for fault in made.refusals)
    assert ("drop partners", Column.IN_TRANSIT) in [
        (asset.asset.id, column) for asset, column in made.unmet
    ]
    # A tunnel goes through SSH, which has no certificate.
    assert ranks(made, "tunnel console")["in transit"] == 2


def test_a_tunnel_to_another_machine_is_a_finding(tmp_path: Path) -> None:
    """What happens behind the tunnel is not Sealgate's, and is told as such."""
    made = planned(tmp_path, FILES.replace("127.0.0.1:5432", "db.example:5432"))

    assert made.is_good
    assert [(f.rule.id, f.asset.id) for f in made.expected] == [
        ("transit-upstream-plaintext", "tunnel console")
    ]


def test_drops_and_tunnels_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document has doors, drops and tunnels, and every key of theirs is documented."""
    page = Path(__file__).parents[3] / "docs" / "reference" / "json.md"
    part = page.read_text(encoding="utf-8").partition("`sealgate/plan/1`")[2]

    code, data = read_json(tmp_path, FILES, capsys)

    assert code == 0
    assert data["doors"] == [
        {"protocol": "sftp", "address": ":2022"},
        {"protocol": "ftps", "address": ":21"},
    ]
    assert data["drops"][0]["read"] == ["user:anna"]
    assert data["tunnels"][0]["target"] == "127.0.0.1:5432"
    for one in ("doors", "drops", "tunnels"):
        (row,) = [line for line in part.splitlines() if line.startswith(f"| `{one}` |")]
        assert [key for key in data[one][0] if f"`{key}`" not in row] == []


def test_drops_and_tunnels_in_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where they are reached, who may do what, and that plain FTP does not exist."""
    code = run(["plan", "-c", config(tmp_path, FILES)])

    said = capsys.readouterr().out
    assert code == 0
    assert "file transfer:\n  sftp on :2022: SFTP, SCP and tunnels\n  ftps on :21: " in said
    assert "  plain FTP does not exist here" in said
    assert "    read: user:anna; write: all of them;" in said
    assert "tunnels:\n  console (confidential): 127.0.0.1:5432\n" in said


def test_an_upstream_that_others_can_read_along_is_refused_and_found(tmp_path: Path) -> None:
    """What a class never sends in clear is not sent in clear behind the gateway either."""
    text = SITE.replace("127.0.0.1", "192.0.2.7") + LOCK.replace("confidential", "restricted")
    text = text.replace('admit = ["group:editors"]', 'access = "site"')

    made = planned(tmp_path, text)

    assert any("http://192.0.2.7:8080" in fault.message for fault in made.refusals)
    assert "transit-upstream-plaintext" in {finding.rule.id for finding in made.expected}


def test_an_envoy_that_is_none_is_refused(tmp_path: Path) -> None:
    """A program that is not Envoy is found before serving."""
    program = tmp_path / "envoy"
    program.write_text("#!/bin/sh\necho hello\n", encoding="utf-8")
    program.chmod(0o755)

    made = planned(tmp_path, SITE + f'[gateway]\nenvoy = "{program}"\n')

    assert any("does not tell a version" in fault.message for fault in made.refusals)


def test_accepted_risks_are_shown_until_they_end(tmp_path: Path) -> None:
    """A risk whose last day is over is shown apart from those that hold."""
    risk = (
        '[[accept]]\nrule = "transit-no-hsts"\nasset = "{asset}"\nby = "me"\nreason = "a trial"\n'
        "until = {until}\n"
    )
    text = (
        SITE
        + risk.format(asset="site a", until="2020-01-01")
        + risk.format(asset="site b", until="2099-01-01")
    )

    made = planned(tmp_path, text)

    assert [risk.asset for risk in made.expired] == ["site a"]
    assert [risk.asset for risk in made.accepted] == ["site b"]


def test_a_given_certificate_of_another_key_is_refused_once(tmp_path: Path) -> None:
    """Two sites that share a broken certificate give one reason, not one each."""
    authority = local_authority(load(config(tmp_path, SITE)))
    kept = authority.server_certificates(
        {"a": ["shop.example", "b.example"], "b": ["b.example"]}, NOW
    ).certificates
    given = f'[tls]\ncertificate = {{ chain = "{kept["a"].chain}", key = "{kept["b"].key}" }}\n'
    second = SITE[SITE.index("[[site]]") :].replace("shop.example", "b.example")

    made = planned(tmp_path, given + SITE + second)

    assert len([f for f in made.refusals if "does not match certificate" in f.message]) == 1
    assert not any("there is no server certificate" in f.message for f in made.refusals)


def test_a_given_certificate_of_an_unknown_authority_is_weaker_than_required(
    tmp_path: Path,
) -> None:
    """A chain that leads to no root of this machine does not make the channel encrypted."""
    authority = local_authority(load(config(tmp_path, SITE)))
    kept = authority.server_certificates({"a": ["shop.example"]}, NOW).certificates["a"]
    given = f'[tls]\ncertificate = {{ chain = "{kept.chain}", key = "{kept.key}" }}\n'
    collects = '[[site.route]]\npath = "/pay"\nclass = "public"\ncollects = "confidential"\n'

    made = planned(tmp_path, given + SITE + collects)

    assert not made.refusals
    assert ("route shop.example/pay", Column.IN_TRANSIT) in [
        (asset.asset.id, column) for asset, column in made.unmet
    ]
    assert "transit-untrusted-chain" in {finding.rule.id for finding in made.expected}


def test_the_operator_of_the_local_authority_is_foreseen(tmp_path: Path) -> None:
    """With the operator's name given, nobody will miss it in the certificate."""
    made = planned(tmp_path, SITE + '[operator]\nname = "Shop Ltd"\n')

    assert load(str(tmp_path / "sealgate.toml")).operator == Operator("Shop Ltd")
    assert "certificate-no-operator" not in {f.rule.id for f in made.report.findings}


def read_json(
    folder: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> tuple[int, dict[str, Any]]:
    """Return exit code and answer of ``sealgate plan --format json``."""
    code = run(["plan", "-c", config(folder, text), "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_the_command_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The document has its schema, the ranks of every asset, and the reasons with their lines."""
    code, data = read_json(tmp_path, SITE + LOCK, capsys)

    assert code == 10
    assert data["schema"] == "sealgate/plan/1"
    assert data["good"] is False
    assert data["refusals"][0]["line"] == 10
    doors = {f"route shop.example{door}" for door in PRESETS["generic"].doors}
    assert {asset["id"] for asset in data["assets"]} == {
        "site shop.example",
        "route shop.example/",
        "route shop.example/backend",
        *doors,
    }
    assert data["assets"][2]["columns"]["access"] == {"required": 2, "provided": 2, "met": True}


def test_every_key_of_the_json_is_documented(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """docs/reference/json.md names each member of sealgate/plan/1."""
    page = Path(__file__).parents[3] / "docs" / "reference" / "json.md"
    part = page.read_text(encoding="utf-8").partition("`sealgate/plan/1`")[2]

    _, data = read_json(tmp_path, SITE, capsys)

    assert [key for key in data if f"| `{key}` |" not in part] == []


def test_the_command_in_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table, the reasons with file and line, and the verdict in the last line."""
    code = run(
        [
            "plan",
            "-c",
            config(tmp_path, SITE.replace("[[site]]", '[[site]]\npreset = "django"') + LOCK),
        ]
    )

    said = capsys.readouterr().out
    assert code == 10
    assert said.startswith("asset ")
    assert f'serve refuses to start:\n  {tmp_path}/sealgate.toml:11: "route shop.' in said
    assert "    hint: sealgate key issue NAME --group editors\n" in said
    assert "SECURE_PROXY_SSL_HEADER" in said
    assert "\nwhat one client may take:\n  a request may bring 1 GiB, and may take any time" in said
    assert said.endswith("serve would not start: 1 reason\n")


def test_the_command_tells_how_to_open_a_shut_door(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A shut door is named with the route to declare, and the exit code is 0."""
    code = run(
        ["plan", "-c", config(tmp_path, SITE.replace("[[site]]", '[[site]]\npreset = "django"'))]
    )

    said = capsys.readouterr().out
    assert code == 0
    assert (
        "shut until you say who may enter:\n  route shop.example/admin, /*/admin (preset:django)"
        in said
    )
    assert 'path = "/admin", class = "confidential", backend = true' in said
    assert said.endswith("serve would start and give every part what its class demands\n")


def test_it_says_how_long_a_revocation_takes(tmp_path: Path) -> None:
    """Where people sign in, the plan tells how long a session outlives what it rests on."""
    made = planned(tmp_path, SITE + '[[site.route]]\npath = "/own"\nclass = "restricted"\n')
    assert "within 56 seconds" in " ".join(made.remarks)


VAULT = """
[[site]]
domains = ["vault.example"]
upstream = "http://127.0.0.1:8081"
[[site.route]]
path = "/"
class = "secret"
admit = ["user:anna"]
"""


def test_what_is_secret_is_planned_with_its_delay_and_who_approves(tmp_path: Path) -> None:
    """The plan tells how long a revocation takes, and that somebody must be able to approve."""
    made = planned(tmp_path, SITE + VAULT)
    told = "\n".join(made.remarks)
    assert "what is taken from them holds within 56 seconds" in told
    assert "a grant that is ended by a command ends at once" in told
    assert "route vault.example/: it takes a grant, and nobody may approve one yet" in told
    assert not made.unmet
    with open_identities(made.inventory) as people:
        people.add("ben", [], roles=["approver"], by="test", now=1)
    assert "nobody may approve" not in "\n".join(plan(made.inventory, now=1e9).remarks)

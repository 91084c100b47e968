"""What certificates will show, judged before anything is served."""

from __future__ import annotations

from pathlib import Path

import pytest

from sealgate.app.keys import local_authority
from sealgate.config.parse import parse
from sealgate.policy.inventory import Inventory
from sealgate.policy.observation import Fact, FactValue, NotObserved, Observation
from sealgate.serve import expected
from sealgate.serve.expected import ExpectedCertificate, expected_certificates

NOW = 1_800_000_000.0
DAY = 86_400.0
SITE = """\
[[site]]
domains = ["shop.example"]
upstream = "http://127.0.0.1:8080"
[[site.route]]
path = "/"
class = "public"
"""


def read(folder: Path, text: str) -> Inventory:
    """Return the inventory of *text* in *folder*."""
    return parse(text, "sealgate.toml", folder=str(folder))


def values(item: ExpectedCertificate) -> dict[Fact, FactValue]:
    """Return what was expected, by fact."""
    return {s.fact: s.value for s in item.sightings if isinstance(s, Observation)}


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    """Return an inventory with a given certificate, whose authority this machine trusts."""
    local = read(tmp_path, '[operator]\nname = "Shop Ltd"\n' + SITE)
    issued = local_authority(local).server_certificates({"a": ["shop.example"]}, NOW)
    monkeypatch.setattr(expected, "SYSTEM_ROOTS", issued.authority.path)
    kept = issued.certificates["a"]
    return read(
        tmp_path, f'[tls]\ncertificate = {{ chain = "{kept.chain}", key = "{kept.key}" }}\n' + SITE
    )


def test_the_local_authority_will_issue_what_is_needed(tmp_path: Path) -> None:
    """A certificate of the local authority is for the site's names and lives from now."""
    (item,) = expected_certificates(read(tmp_path, SITE), NOW)

    assert item.files is not None
    assert values(item) == {
        Fact.CERTIFICATE_CHAIN_VALID: True,
        Fact.CERTIFICATE_NAME_MATCHES: True,
        Fact.CERTIFICATE_NOT_BEFORE: NOW,
        Fact.CERTIFICATE_NOT_AFTER: NOW + 14 * DAY,
        Fact.CERTIFICATE_OPERATOR: "",
        Fact.CERTIFICATE_PUBLIC: False,
    }


def test_what_is_foreseen_of_the_local_authority_comes_true(tmp_path: Path) -> None:
    """The certificate that it really issues ends when it was said to."""
    inventory = read(tmp_path, SITE)
    (item,) = expected_certificates(inventory, NOW)

    issued = local_authority(inventory).server_certificates({"a": ["shop.example"]}, NOW)

    end = values(item)[Fact.CERTIFICATE_NOT_AFTER]
    assert isinstance(end, float)
    assert abs(issued.certificates["a"].not_after - end) < DAY


def test_a_given_certificate_is_read(given: Inventory) -> None:
    """Chain, name and operator of a good certificate are told."""
    (item,) = expected_certificates(given, NOW + DAY)

    told = values(item)
    assert item.faults == ()
    assert item.files is not None
    assert told[Fact.CERTIFICATE_CHAIN_VALID] is True
    assert told[Fact.CERTIFICATE_NAME_MATCHES] is True
    assert told[Fact.CERTIFICATE_OPERATOR] == "Shop Ltd"


def test_a_certificate_out_of_date_still_has_its_chain(given: Inventory) -> None:
    """Its end is one defect and no second one; it cannot be served."""
    (item,) = expected_certificates(given, NOW + 100 * DAY)

    assert item.files is None
    assert len(item.faults) == 1
    assert values(item)[Fact.CERTIFICATE_CHAIN_VALID] is True


def test_a_certificate_of_another_name_is_a_fault(given: Inventory, tmp_path: Path) -> None:
    """A domain that the certificate lacks is told at the line of [tls]."""
    tls = given.tls
    text = f'[tls]\ncertificate = {{ chain = "{tls.chain}", key = "{tls.key}" }}\n' + SITE
    (item,) = expected_certificates(
        read(tmp_path, text.replace("shop.example", "other.example")), NOW
    )

    assert item.files is None
    assert [(f.line, "does not cover" in f.message) for f in item.faults] == [(1, True)]
    assert values(item)[Fact.CERTIFICATE_NAME_MATCHES] is False


def test_a_chain_to_no_root_is_seen(given: Inventory, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the system's real roots the private chain is not valid."""
    monkeypatch.undo()

    (item,) = expected_certificates(given, NOW)

    assert values(item)[Fact.CERTIFICATE_CHAIN_VALID] is False


def test_without_roots_nothing_is_said_of_the_chain(
    given: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without authorities cannot look, and that never counts as valid."""
    monkeypatch.setattr(expected, "SYSTEM_ROOTS", "/nowhere/roots.pem")

    (item,) = expected_certificates(given, NOW)

    (gap,) = [s for s in item.sightings if isinstance(s, NotObserved)]
    assert gap.fact is Fact.CERTIFICATE_CHAIN_VALID
    assert "/nowhere/roots.pem" in gap.reason


def test_files_that_are_no_certificate_are_faults(tmp_path: Path) -> None:
    """Nothing is expected of a file that holds something else."""
    (tmp_path / "a.pem").write_text("hello", encoding="utf-8")

    (item,) = expected_certificates(
        read(tmp_path, '[tls]\ncertificate = { chain = "a.pem", key = "a.pem" }\n' + SITE), NOW
    )

    assert item.files is None
    assert item.faults
    assert item.sightings == ()


def test_ftps_shows_a_certificate_for_its_own_name(tmp_path: Path) -> None:
    """Only where it is served; what is seen of it is the file server's."""
    drop = '[[drop]]\nname = "in"\nclass = "public"\nstore = "file:in"\nadmit = ["user:a"]\n'
    door = '[listen]\nftps = ":21"\nftps_domain = "files.example"\n'

    assert expected_certificates(read(tmp_path, drop), NOW) == ()
    assert expected_certificates(read(tmp_path, door), NOW) == ()
    (item,) = expected_certificates(read(tmp_path, door + drop), NOW)

    assert item.site == "file server"
    assert item.files is not None
    assert item.files.chain.endswith("/certificates/files.example.pem")
    assert {s.asset for s in item.sightings} == {"file server"}
    assert values(item)[Fact.CERTIFICATE_NAME_MATCHES] is True

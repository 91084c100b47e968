"""How to trust the local CA: the page and the command say the same, and it is true."""

import re
import subprocess
from pathlib import Path

import pytest

from sealgate.app.keys import local_authority
from sealgate.app.trust import (
    guides,
    local_sites,
    new_authority_remarks,
    render_page,
    render_text,
    trust,
)
from sealgate.errors import UsageError
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, Inventory, Route, Site, TLSSettings, Upstream
from sealgate.serve.plan import plan

NOW = 1_800_000_000.0
ROOT = Path(__file__).parents[3]
GIVEN = TLSSettings("chain.pem", "key.pem")


def site(*domains: str, tls: TLSSettings | None = None) -> Site:
    """Return a public site."""
    upstream = Upstream("http", "127.0.0.1", 8080)
    return Site(domains, upstream, (Route(Door("/"), DEFAULT_MODEL.weakest),), tls=tls)


def inventory(folder: Path, *sites: Site, tls: TLSSettings | None = None) -> Inventory:
    """Return an inventory with *sites*."""
    state = str(folder / "state of it")
    return Inventory("sealgate.toml", state, sites=sites, tls=tls or TLSSettings())


def test_only_sites_without_a_given_certificate_use_the_local_ca(tmp_path: Path) -> None:
    """A site's own setting stands over the general one."""
    one, two = site("a.example"), site("b.example", "c.example", tls=GIVEN)
    assert local_sites(inventory(tmp_path, one, two)) == {"a.example": ("a.example",)}
    three = site("d.example", tls=TLSSettings())
    assert local_sites(inventory(tmp_path, one, three, tls=GIVEN)) == {"d.example": ("d.example",)}


def test_without_a_local_site_there_is_nothing_to_trust(tmp_path: Path) -> None:
    """No CA is made for nothing."""
    with pytest.raises(UsageError, match="nothing to trust"):
        trust(inventory(tmp_path, site("a.example", tls=GIVEN)), NOW)
    assert not list(tmp_path.iterdir())


def test_a_new_domain_is_said_to_replace_the_ca_before_it_does(tmp_path: Path) -> None:
    """The plan says so, too, and touches nothing; a site of a domain that is covered changes nothing."""
    before = inventory(tmp_path, site("a.example"))
    assert new_authority_remarks(before, NOW) == ()
    made = local_authority(before).server(["a.example"], NOW)
    assert new_authority_remarks(before, NOW) == ()
    assert new_authority_remarks(inventory(tmp_path, site("www.a.example")), NOW) == ()
    grown = inventory(tmp_path, site("a.example"), site("b.example"))
    [said] = new_authority_remarks(grown, NOW)
    assert said.startswith("the local CA will be replaced by serve and reload, because a site has")
    assert said in plan(grown, now=NOW).remarks
    assert new_authority_remarks(inventory(tmp_path, site("b.example"), tls=GIVEN), NOW) == ()
    kept = local_authority(before).find_server(["a.example"], NOW)
    assert kept is not None
    assert kept.fingerprint == made.fingerprint


def test_a_ca_that_cannot_be_read_is_not_told_here(tmp_path: Path) -> None:
    """Serving refuses, and says why."""
    declared = inventory(tmp_path, site("a.example"))
    Path(local_authority(declared).server(["a.example"], NOW).path).write_text("no certificate")
    assert new_authority_remarks(declared, NOW) == ()


@pytest.mark.peer("openssl")
def test_the_fingerprint_is_what_openssl_shows(tmp_path: Path) -> None:
    """The command to compare is the one that is printed, also for a path with spaces."""
    told = trust(inventory(tmp_path, site("a.example")), NOW)
    text = render_text(told)
    command = re.search(r"openssl x509 .*", text)
    assert command is not None
    shown = subprocess.run(command[0], shell=True, check=True, capture_output=True, text=True)  # noqa: S602  # as a person types it
    assert shown.stdout.strip().endswith(f"={told.fingerprint}")
    assert told.fingerprint in text
    assert told.path in text


def test_looking_replaces_nothing_but_tells_what_will_be(tmp_path: Path) -> None:
    """A gateway may be serving with the old CA: it is replaced at its next start."""
    old = trust(inventory(tmp_path, site("a.example")), NOW)
    new = trust(inventory(tmp_path, site("a.example"), site("b.example")), NOW)
    assert new.fingerprint == old.fingerprint
    assert not old.warning
    assert "Note: this CA is replaced" in render_text(new)
    local = local_authority(inventory(tmp_path, site("a.example")))
    assert local.server(["a.example"], NOW).reason == ""


@pytest.mark.parametrize(
    "system",
    ["Debian", "Ubuntu", "Fedora", "macOS", "Windows", "Firefox", "Chrome", "curl", "Java"],
)
def test_each_system_has_a_guide(system: str) -> None:
    """With commands, or with what to click."""
    found = [guide for guide in guides("/ca.pem", "shop.example") if system in guide.system]
    assert found
    assert all(guide.commands or "Import" in guide.note for guide in found)


def test_the_page_is_the_same_text() -> None:
    """``docs/howto/trust-the-local-ca.md`` is what the command says, with a path to replace."""
    page = (ROOT / "docs" / "howto" / "trust-the-local-ca.md").read_text()
    assert page == render_page()
    for guide in guides(".sealgate/authority/server-ca.pem", "shop.example"):
        for command in (*guide.commands, *guide.undo):
            assert f"$ {command}\n" in page

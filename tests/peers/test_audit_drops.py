"""Our own file servers, audited with their configuration, and sent to and fetched from."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.app.audit_stores import drop_store_sightings
from sealgate.config.load import load
from sealgate.policy.evaluate import evaluate
from sealgate.policy.finding import Status
from sealgate.policy.observation import Observation
from sealgate.policy.protection import Column
from sealgate.policy.requirements import declared
from tests.peers.fileservers import make_key
from tests.peers.served import Place, site_running
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLAIN = "nothing of note\n" * 20_000
CARDS = "name,card\n" + "Anna Berg,4111111111111111\n" * 9


@dataclass(frozen=True, slots=True)
class Served:
    """A running ``sealgate serve`` with two drops and a tunnel, and who may use them."""

    place: Place
    sftp: str
    ftps: str

    @property
    def store(self) -> Path:
        """Return the folder of the confidential drop."""
        return self.place.folder / "partners"

    def audit(self) -> tuple[int, dict[tuple[str, str], str], dict[str, Any]]:
        """Return exit code, open findings as (asset, rule) -> status, and the JSON."""
        done = self.place.sealgate("audit", "--format", "json")
        assert done.returncode in {0, 10}, done.stderr
        data = json.loads(done.stdout)
        found = {(f["asset"], f["rule"]): f["status"] for f in data["findings"] if f["open"]}
        return done.returncode, found, data

    def key_options(self) -> tuple[str, ...]:
        """Return the options that sign ann in with her SSH key."""
        shown = subprocess.check_output(
            ["ssh-keyscan", "-t", "ed25519", "-p", self.sftp.rpartition(":")[2], "127.0.0.1"],
            stderr=subprocess.DEVNULL,
            text=True,
        )
        known = self.place.folder / "known_hosts"
        known.write_text(shown)
        return ("--known-hosts", str(known), "-i", str(self.place.folder / "ann_key"))

    def certificate_options(self) -> tuple[str, ...]:
        """Return the options that sign ann in with her certificate."""
        ca = self.place.state / "authority" / "server-ca.pem"
        return ("--ca", str(ca), "--cert", "ann.crt", "--key", "ann.key")


DROPS = """
[[drop]]
name = "partners"
class = "confidential"
store = "file:partners"
admit = ["user:ann"]

[[drop]]
name = "leaflets"
class = "restricted"
store = "file:leaflets"
admit = ["user:ann"]

[[tunnel]]
name = "console"
class = "confidential"
target = "127.0.0.1:5432"
admit = ["user:ann"]

[[accept]]
rule = "at-rest-unsealed"
asset = "drop partners"
by = "the head of IT"
reason = "the key lies in a file for this test"
until = 2099-01-01
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Run everything once for all tests here."""
    folder = tmp_path_factory.mktemp("served")
    sftp, ftps, implicit = free_port(), free_port(), free_port()
    with site_running() as site:
        place = Place(folder, site.server_port)
        place.write("/")
        listen = (
            f'[listen]\nsftp = "127.0.0.1:{sftp}"\nftps = "127.0.0.1:{ftps}"\n'
            f'ftps_implicit = "127.0.0.1:{implicit}"\nftps_passive = {{ ports = "32710-32750" }}'
        )
        place.config.write_text(place.config.read_text().replace("[listen]", listen) + DROPS)
        make_key(folder / "ann_key")
        (folder / "one.txt").write_text(PLAIN)
        (folder / "cards.csv").write_text(CARDS)
        assert place.sealgate("user", "add", "ann").returncode == 0
        assert place.sealgate("key", "add", "ann", str(folder / "ann_key.pub")).returncode == 0
        place.issue("ann")
        with place.serving():
            yield Served(place, f"sftp://ann@127.0.0.1:{sftp}", f"ftps://ann@localhost:{ftps}")


def test_our_own_servers_pass(served: Served) -> None:
    """Server, drops and tunnel reach what their classes demand, each part really observed."""
    _, found, data = served.audit()
    files = {key: status for key, status in found.items() if not key[0].startswith(("site", "rou"))}
    assert files == {}
    columns = {a["id"]: a["columns"] for a in data["assets"]}
    assert columns["file server"]["in_transit"]["provided"] == 2
    assert columns["drop partners"]["access"]["provided"] == 2
    assert columns["drop partners"]["at_rest"]["provided"] == 1, "the key is a readable file"
    assert columns["drop leaflets"]["at_rest"]["provided"] == 1
    assert columns["tunnel console"]["in_transit"]["provided"] == 2
    assert columns["tunnel console"]["access"]["provided"] == 2


@pytest.mark.parametrize("scheme", ["sftp", "ftps"])
def test_files_go_to_a_drop_and_come_back(served: Served, scheme: str) -> None:
    """What is sent to a drop is compared, lies there sealed, and comes back as it was."""
    url, options = (
        (served.sftp, served.key_options())
        if scheme == "sftp"
        else (served.ftps, served.certificate_options())
    )
    done = served.place.sealgate("send", "one.txt", "cards.csv", f"{url}/partners/", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("SHA-256 by the other side") + done.stdout.count("read back") == 2
    back = served.place.sealgate("get", f"{url}/partners/cards.csv", "-o", "back", *options)
    assert back.returncode == 0, back.stderr
    assert (served.place.folder / "back").read_text() == CARDS
    objects = [path for path in (served.store / "objects").rglob("*") if path.is_file()]
    assert objects
    assert not any(b"4111111111111111" in path.read_bytes() for path in objects)


def test_a_drop_that_one_is_not_admitted_to(served: Served) -> None:
    """The server's own words reach whoever sends."""
    url = f"{served.sftp}/elsewhere/x.txt"
    done = served.place.sealgate("send", "one.txt", url, *served.key_options())
    assert done.returncode == 1
    assert "error" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_that_others_may_enter(served: Served) -> None:
    """
    A folder that is opened to others is found on the host, whatever the servers promise.

    Whoever opens the store shuts it again, so it is looked at within this process.
    """
    inventory = load(str(served.place.config))
    served.store.chmod(0o755)
    found = {look.asset: look for look in drop_store_sightings(inventory)}
    served.store.chmod(0o700)
    seen = found["drop partners"]
    assert isinstance(seen, Observation)
    assert seen.value == 0
    report = evaluate(declared(inventory), [seen], now=0.0)
    assert "at-rest-unprotected" in {f.rule.id for f in report.findings if f.asset.id == seen.asset}


def test_an_object_that_is_not_sealed(served: Served) -> None:
    """Plain bytes among sealed ones are found, and so is an object that others may read."""
    planted = served.store / "objects/zz"
    planted.mkdir(mode=0o700)
    (planted / "zz").write_text("plain bytes")
    (planted / "zz").chmod(0o644)
    inventory = load(str(served.place.config))
    try:
        seen = {look.asset: look for look in drop_store_sightings(inventory)}["drop partners"]
        report = evaluate(declared(inventory), [seen], now=0.0)
        [found] = [
            f
            for f in report.findings
            if f.asset.id == seen.asset and f.rule.id == "at-rest-unprotected"
        ]
        assert found.status is Status.VIOLATED
        (planted / "zz").chmod(0o600)
        [seen] = [one for one in drop_store_sightings(inventory) if one.asset == seen.asset]
    finally:
        (planted / "zz").unlink()
        planted.rmdir()
    report = evaluate(declared(inventory), [seen], now=0.0)
    [drop] = [asset for asset in report.assets if asset.asset.id == seen.asset]
    assert drop.provided[Column.AT_REST] == 1

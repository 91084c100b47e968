"""The main job on a small shop: assess, configure, serve, audit, all on loopback."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.assess import assess
from sealgate.app.audit import audit_sites, record
from sealgate.app.audit_host import host_sightings
from sealgate.app.audit_options import AuditOptions
from sealgate.app.keys import Delivery, issue_key, local_authority
from sealgate.app.state import DATABASE_NAME, open_register
from sealgate.config.load import load
from sealgate.database import sqlite_url
from sealgate.demo.configuration import Ports, TableClass, render_configuration
from sealgate.demo.geography import ALLOWED, OTHER, UNKNOWN, make_country_database
from sealgate.demo.partner import (
    DROP,
    PARTNER,
    PartnerFiles,
    let_partner_in,
    partner_commands,
    passphrase_in_memory,
)
from sealgate.demo.shop.data import make_database
from sealgate.errors import PeerError
from sealgate.files import write_durably
from sealgate.policy.assets import AssetKind
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.serve.running import Options, RunningGateway

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.app.audit import Audit
    from sealgate.assess.model import AssessRun
    from sealgate.policy.inventory import Inventory

# The person who may enter the backend, and the group that the backend admits.
EDITOR, EDITORS = "owner", "editors"
CERTIFICATE_DAYS = 30.0
SHOP_STARTS_SECONDS = 15.0
_NOBODY = "sealgate demo"


@dataclass(frozen=True, slots=True)
class Laid:
    """What the demo laid out in *folder* before anything is served."""

    folder: Path
    ports: Ports
    run: AssessRun
    inventory: Inventory

    @property
    def database(self) -> Path:
        """Return the shop's database."""
        return self.folder / "shop.sqlite"

    @property
    def shop_log(self) -> Path:
        """Return the file with one line for each request that reached the shop."""
        return self.folder / "shop.log"

    @property
    def certificate(self) -> tuple[Path, Path]:
        """Return the certificate that may enter the backend, and its key."""
        return self.folder / f"{EDITOR}.crt", self.folder / f"{EDITOR}.key"

    @property
    def partner(self) -> PartnerFiles:
        """Return the partner's things."""
        return PartnerFiles(self.folder)

    def drops(self) -> dict[str, object]:
        """Return what a script needs to deliver as the partner, by drop, as JSON values."""
        certificate, key = self.partner.certificate
        return {
            DROP: {
                "sftp": f"sftp://{PARTNER}@127.0.0.1:{self.ports.sftp}/{DROP}",
                "ftps": f"ftp://{PARTNER}@localhost:{self.ports.ftps}/{DROP}",
                "ssh_key": str(self.partner.ssh_key),
                "known_hosts": str(self.partner.known_hosts),
                "client_certificate": str(certificate),
                "client_key": str(key),
                "delivery": str(self.partner.delivery),
                "store": str(self.partner.store),
            }
        }

    def ready(self) -> dict[str, object]:
        """Return what a script needs to drive the demo: URLs and paths, as JSON values."""
        certificate, key = self.certificate
        return {
            "https": f"https://localhost:{self.ports.https}",
            "http": f"http://localhost:{self.ports.http}",
            "ca": local_authority(self.inventory).server_path,
            "client_certificate": str(certificate),
            "client_key": str(key),
            "config": self.inventory.source,
            "register": str(Path(self.inventory.state_folder) / DATABASE_NAME),
            "shop_log": str(self.shop_log),
            "drops": self.drops(),
            "addresses": {"allowed": ALLOWED, "other": OTHER, "unknown": UNKNOWN},
        }


@contextlib.contextmanager
def shop_running() -> Iterator[tuple[Path, int]]:
    """
    Make a temporary folder with the shop's database, and run the shop on loopback.

    The folder goes with the demo. The shop is a process of its own, as a site would be;
    it is handed its listening socket, so that no port is guessed.

    Raises:
        PeerError: the shop did not start.
    """
    with tempfile.TemporaryDirectory(prefix="sealgate-demo-") as name, passphrase_in_memory():
        folder = Path(name)
        make_database(folder / "shop.sqlite")
        (folder / "shop.log").touch(mode=0o600)
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            # No user's input stands in this command.
            shop = subprocess.Popen(  # noqa: S603
                [
                    *(sys.executable, "-m", "sealgate.demo.shop"),
                    *("--database", str(folder / "shop.sqlite")),
                    *("--log", str(folder / "shop.log"), "--fd", str(listening.fileno())),
                ],
                pass_fds=[listening.fileno()],
                stdin=subprocess.PIPE,
            )
        try:
            _await_shop(shop, port)
            yield folder, port
        finally:
            shop.terminate()
            try:
                shop.wait(10)
            except subprocess.TimeoutExpired:
                shop.kill()


def _await_shop(shop: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + SHOP_STARTS_SECONDS
    while time.monotonic() < deadline and shop.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            with contextlib.closing(connection):
                connection.request("GET", "/robots.txt")
                if connection.getresponse().status == http.HTTPStatus.OK:
                    return
        time.sleep(0.05)
    raise PeerError(
        "the example shop did not start",
        hint="run `python -m sealgate.demo.shop --database shop.sqlite --log shop.log` to see why",
    )


def lay_out(folder: Path, shop_port: int, now: float) -> Laid:
    """
    Assess the shop's database and write the configuration, the country file and a key.

    *now* is in seconds since the epoch.
    """
    source = [sqlite_url(str(folder / "shop.sqlite"))]
    run = assess(source, inventory=None, register=None, now=now)
    make_country_database(folder / "country.mmdb")
    https, http, sftp, ftps = _free_ports(4)
    ports = Ports(https, http, sftp, ftps, shop_port)
    config = folder / "sealgate.toml"
    config.write_text(
        render_configuration(
            _tables_of(run),
            [c.id for c in DEFAULT_MODEL.classes],
            ports=ports,
            database=_database_of(run),
            now=now,
        )
    )
    inventory = load(str(config))
    # Now that there is a configuration, it says where the register is.
    with open_register(inventory) as register:
        run = assess(source, inventory=inventory, register=register, now=now)
    issue_key(
        inventory,
        EDITOR,
        Delivery(prefix=str(folder / EDITOR)),
        groups=[EDITORS],
        days=CERTIFICATE_DAYS,
        by=_NOBODY,
        now=now,
    )
    let_partner_in(
        inventory,
        PartnerFiles(folder),
        ports.sftp,
        by=_NOBODY,
        days=CERTIFICATE_DAYS,
        now=now,
    )
    return Laid(folder, ports, run, inventory)


def _tables_of(run: AssessRun) -> dict[str, TableClass]:
    return {
        a.asset.id.rpartition(":")[2]: TableClass(
            a.classification.id,
            ", ".join(f"{k.kind} \N{MULTIPLICATION SIGN}{k.count}" for k in a.kinds)
            or "nothing found",
        )
        for a in run.assessments
        if a.asset.kind is AssetKind.TABLE
    }


def _database_of(run: AssessRun) -> str:
    [database] = [a.asset.id for a in run.assessments if a.asset.kind is AssetKind.DATABASE]
    return database


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server((ALLOWED, 0))) for _ in range(count)]
        return [s.getsockname()[1] for s in sockets]


@contextlib.contextmanager
def gateway_running(laid: Laid, tell: Callable[[str], None]) -> Iterator[RunningGateway]:
    """
    Serve the demo's configuration as ``sealgate serve`` does, in this process.

    *tell* takes what the gateway says to a person later on.

    Raises:
        SealgateError: it cannot be served; see :meth:`RunningGateway.start`.
    """
    with RunningGateway(laid.inventory, Options(drain_seconds=2, tell=tell)) as gateway:
        yield gateway


def stay(gateway: RunningGateway) -> None:
    """
    Serve until SIGTERM, SIGINT, or the end of the terminal (SIGHUP). Main thread only.

    Raises:
        GatewayError: Envoy crashed again and again.
    """
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: gateway.request_stop())
    gateway.wait()


def audit_demo(laid: Laid, now: float, progress: Callable[[str], None]) -> Audit:
    """Audit the running demo as ``sealgate audit`` does, and keep it in the register."""
    options = AuditOptions(now, progress=progress)
    with open_register(laid.inventory) as register:
        audit = audit_sites(
            laid.inventory, options, host_sightings(laid.inventory, now=now), register
        )
        record(register, audit)
    return audit


def write_ready(path: Path, laid: Laid) -> None:
    """
    Write the ready file in one piece, so that whoever waits for it never reads half.

    Raises:
        GatewayError: it cannot be written there.
    """
    write_durably(path.absolute(), json.dumps(laid.ready(), indent=2).encode() + b"\n")


def commands(laid: Laid, program: str) -> list[tuple[str, str]]:
    """Return commands to try, each with what it shows; *program* is how sealgate is typed."""
    ready = laid.ready()
    ca = f"--cacert {ready['ca']}"
    key = f"--cert {ready['client_certificate']} --key {ready['client_key']}"
    https, http = ready["https"], ready["http"]
    return [
        (f"curl {ca} {https}/", "the public page"),
        (f"curl -i {http}/", "308: the plain port serves nothing"),
        (f"curl -i -d user=a {http}/typo3/login", "403: it never reaches the shop"),
        (f"curl -i {ca} {https}/typo3/", "403: no certificate"),
        (f"curl -i {ca} {key} {https}/typo3/", "200: the right key, from the right country"),
        (f"curl -i {ca} {key} --interface {OTHER} {https}/typo3/", "403: another country"),
        (f"curl -i --path-as-is {ca} {https}/%2574ypo3/", "403: the same door, spelled oddly"),
        *partner_commands(laid.partner, str(ready["ca"]), laid.ports.sftp, laid.ports.ftps),
        (f"{program} audit -c {ready['config']}", "the verdict again"),
    ]

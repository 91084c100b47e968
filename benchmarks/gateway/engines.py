"""
The gateways that are compared: the same TLS 1.3 and the same nginx behind each.

``bare`` is Envoy with the least that proxies a site over TLS, written by hand; it is
what Sealgate's translation is held against. ``asking`` is the same, but for a request
for a client certificate.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from sealgate.gateway.adapters.admin import Admin
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.files import write_files
from sealgate.gateway.model import ADMIN_SOCKET, TLS_GROUPS, CertificateFiles, Material
from sealgate.gateway.translate import translate
from sealgate.gateway.translate.inspection import MOST_SHARE, SHARE_KEY, next_share
from sealgate.inspection.adapters.relay_plan import RelayPlan
from sealgate.inspection.adapters.relay_process import RelayProcess
from sealgate.policy.assets import route_asset
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import (
    AccessSettings,
    Address,
    Door,
    Inventory,
    Listen,
    Route,
    Site,
    Upstream,
    default_inspect,
)
from sealgate.serve.listening import bound
from sealgate.serve.relay_policies import RELAY_FOLDER, policies, relay_sockets

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "localhost"
BODY_BYTES = 1024
SERVER_CORE, LOAD_CORE = "0", "1"
START_SECONDS = 60


def cpu_seconds(pid: int) -> float:
    """Return the processor time of every thread of *pid* so far, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


@dataclass
class Engine:
    """One running gateway: where it listens, its process, and the relay that reads its samples."""

    name: str
    port: int
    process: subprocess.Popen[bytes]
    relay: RelayProcess | None = None

    def cpu_seconds(self) -> float:
        """Return its processor time so far, that of its relay included."""
        relay = cpu_seconds(self.relay.pid) if self.relay is not None else 0.0
        return cpu_seconds(self.process.pid) + relay

    def resident_mib(self) -> float:
        """Return the resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def make_keys(folder: Path) -> str:
    """Write server, authority and client certificates; return the client's fingerprint."""
    authority = ec.generate_private_key(ec.SECP256R1())
    _write_pair(folder, "server", NAME, authority)
    _write_pair(folder, "client", "editor", authority)
    certificate = x509.load_pem_x509_certificate((folder / "client.pem").read_bytes())
    (folder / "authority.pem").write_bytes((folder / "server.pem").read_bytes())
    pair = (folder / "client.pem").read_bytes() + (folder / "client.key").read_bytes()
    (folder / "client-pair.pem").write_bytes(pair)
    return certificate.fingerprint(hashes.SHA256()).hex()


def _write_pair(folder: Path, file: str, name: str, signer: ec.EllipticCurvePrivateKey) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "benchmark")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    (folder / f"{file}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / f"{file}.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def start_site(folder: Path) -> Engine:
    """Start nginx on the load's core, answering 1 KiB at once."""
    port = free_port()
    (folder / "nginx.conf").write_text(
        f"""
worker_processes 1; daemon off; master_process off;
error_log {folder}/nginx.err; pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 3600;
  client_body_temp_path {folder}/n1; proxy_temp_path {folder}/n2;
  fastcgi_temp_path {folder}/n3; uwsgi_temp_path {folder}/n4; scgi_temp_path {folder}/n5;
  server {{ listen 127.0.0.1:{port};
    location / {{ default_type text/plain; return 200 "{"x" * BODY_BYTES}"; }} }}
}}
"""
    )
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    return started("nginx", port, [nginx, "-c", str(folder / "nginx.conf")], LOAD_CORE, folder)


def start_bare(
    folder: Path, site: Engine, *, asks: bool = False, groups: Sequence[str] = TLS_GROUPS
) -> Engine:
    """
    Start Envoy with a minimal TLS proxy configuration.

    One that *asks* wants to see a client certificate, as every lock must, and does
    nothing with it: what it costs more is the price of asking in TLS itself.
    """
    config, port = bare(folder, site, asks=asks, groups=groups)
    return envoy(config.stem, port, config, folder)


def bare(
    folder: Path, site: Engine, *, asks: bool = False, groups: Sequence[str] = TLS_GROUPS
) -> tuple[Path, int]:
    """Write the configuration for :func:`start_bare`; return it and the port."""
    name = "asking" if asks else "bare"
    port = free_port()
    kind = "type.googleapis.com/envoy.extensions."
    manager = {
        "@type": kind + "filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "bare",
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": NAME},
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "site"}}],
                }
            ]
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": kind + "filters.http.router.v3.Router"},
            }
        ],
    }
    tls: dict[str, Any] = {
        "@type": kind + "transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {
            "tls_params": {"ecdh_curves": list(groups)},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [
                {
                    "certificate_chain": {"filename": str(folder / "server.pem")},
                    "private_key": {"filename": str(folder / "server.key")},
                }
            ],
        },
    }
    if asks:
        tls["common_tls_context"]["validation_context"] = {
            "trusted_ca": {"filename": str(folder / "authority.pem")},
            "trust_chain_verification": "ACCEPT_UNTRUSTED",
        }
    config = {
        "static_resources": {
            "listeners": [
                {
                    "address": _address(port),
                    "filter_chains": [
                        {
                            "filters": [{"name": "manager", "typed_config": manager}],
                            "transport_socket": {"name": "tls", "typed_config": tls},
                        }
                    ],
                }
            ],
            "clusters": [
                {
                    "name": "site",
                    "connect_timeout": "5s",
                    "type": "STATIC",
                    "load_assignment": {
                        "cluster_name": "site",
                        "endpoints": [
                            {"lb_endpoints": [{"endpoint": {"address": _address(site.port)}}]}
                        ],
                    },
                }
            ],
        }
    }
    (folder / f"{name}.json").write_text(json.dumps(config))
    return folder / f"{name}.json", port


def _address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def start_sealgate(folder: Path, site: Engine, fingerprint: str) -> Engine:
    """
    Start Envoy on the translation of a site with a public ``/`` and a locked ``/typo3``.

    As by default, a sample of public answers is read: by a relay on the same core, which is
    there all the time, as it is under load.
    """
    config, port, relay = sealgate(folder, site, fingerprint)
    return replace(envoy("sealgate", port, config, folder), relay=relay)


def sealgate(folder: Path, site: Engine, fingerprint: str) -> tuple[Path, int, RelayProcess]:
    """Write the configuration for :func:`start_sealgate`; return it, the port, and the relay."""
    port = free_port()
    public, _, confidential, _ = DEFAULT_MODEL.classes
    locked = Route(Door("/typo3"), confidential, admit=("user:editor",))
    declared = Site(
        (NAME,),
        Upstream("http", "127.0.0.1", site.port),
        (
            Route(Door("/"), public, inspect=default_inspect(public)),
            locked,
            Route(Door("/", query="__typo3_install"), confidential, admit=("user:editor",)),
            Route(
                Door("/typo3/sysext/*/Resources/Public"), public, inspect=default_inspect(public)
            ),
        ),
        preset="typo3",
    )
    inventory = Inventory(
        "sealgate.toml",
        str(folder),
        Listen((Address("127.0.0.1", port),), ()),
        access=AccessSettings(("DE",), "country.mmdb"),
        sites=(declared,),
    )
    database = folder / "country.mmdb"
    _write_countries(database)
    run = folder / "sealgate"
    run.mkdir()
    material = Material(
        str(run),
        {NAME: CertificateFiles(str(folder / "server.pem"), str(folder / "server.key"))},
        str(folder / "authority.pem"),
        {route_asset(declared, locked).id: (fingerprint,)},
        str(database),
        relays=relay_sockets(inventory),
    )
    relay = _start_relay(inventory)
    write_files(str(run), translate(inventory, material).files)
    return run / "bootstrap.json", port, relay


def bound_samples(folder: Path, requests_per_second: float) -> None:
    """Have that Envoy take as many samples as ``sealgate serve`` lets it under such a load."""
    share = next_share(MOST_SHARE, requests_per_second * MOST_SHARE / 10_000)
    Admin(str(folder / "sealgate" / ADMIN_SOCKET)).set_share(SHARE_KEY, share)


def _start_relay(inventory: Inventory) -> RelayProcess:
    known = policies(inventory)
    (Path(inventory.state_folder) / RELAY_FOLDER).mkdir()
    listeners = [bound(path) for path in known]
    plan = RelayPlan(tuple(known.values()), tuple(one.fileno() for one in listeners))
    relay = RelayProcess(plan, lambda _seen: None)
    relay.await_ready()
    os.sched_setaffinity(relay.pid, {int(SERVER_CORE)})
    for one in listeners:
        one.close()
    return relay


def _write_countries(path: Path) -> None:
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="GeoLite2-Country")
    writer.insert_network(IPSet(["127.0.0.0/8"]), {"country": {"iso_code": "DE"}})
    writer.to_db_file(str(path))


def envoy(name: str, port: int, config: Path, folder: Path) -> Engine:
    """Start Envoy with one worker on *config*."""
    return started(name, port, envoy_command(config), SERVER_CORE, folder)


def envoy_command(config: Path) -> list[str]:
    """Return the command that runs Envoy with one worker on *config*."""
    return [
        find_envoy().path,
        "--config-path",
        str(config),
        "--concurrency",
        "1",
        "--log-level",
        "error",
        "--disable-hot-restart",
    ]


def start_caddy(folder: Path, site: Engine) -> Engine:
    """Start Caddy as a TLS proxy, with one thread for the one core."""
    port = free_port()
    (folder / "Caddyfile").write_text(
        f"""
{{
  admin off
  auto_https off
  log default {{
    output discard
  }}
}}
https://{NAME}:{port} {{
  bind 127.0.0.1
  tls {folder}/server.pem {folder}/server.key
  reverse_proxy 127.0.0.1:{site.port}
}}
"""
    )
    caddy = Path(sys.executable).parent / "caddy"
    command = [str(caddy), "run", "--config", str(folder / "Caddyfile")]
    return started("caddy", port, command, SERVER_CORE, folder, GOMAXPROCS="1", HOME=str(folder))


def started(
    name: str, port: int, command: Sequence[str], core: str, folder: Path, **more: str
) -> Engine:
    """Start *command* on *core*, with *more* in its environment; return when *port* is open."""
    log = (folder / f"{name}.log").open("wb")
    process = subprocess.Popen(
        ["taskset", "-c", core, *command],
        stdout=log,
        stderr=log,
        env={**os.environ, **more},
    )
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return Engine(name, port, process)
        time.sleep(0.02)
    process.kill()
    message = f"{name} did not start: {(folder / f'{name}.log').read_text()[-2000:]}"
    raise SystemExit(message)

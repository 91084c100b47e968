"""Real servers to audit: nginx with whatever is wrong with it, and certificates per run."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from sealgate.app.audit import audit_sites
from sealgate.app.audit_options import AuditOptions
from sealgate.cli import run
from sealgate.config.load import load
from sealgate.policy.observation import Fact, Observation, Vantage
from tests.ports import await_listener, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.finding import Report
    from sealgate.policy.observation import Sighting

NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Files:
    """One certificate on disk."""

    chain: Path
    key: Path


class Authority:
    """A certificate authority for one test run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Audit test root")])
        now = dt.datetime.now(dt.UTC)
        public = self._key.public_key()
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 400 * DAY)
            .not_valid_after(now + 400 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.path = folder / "root.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self,
        *names: str,
        begins_days: float = -1,
        ends_days: float = 60,
        operator: str | None = "Shop Ltd",
    ) -> Files:
        """Return a certificate for *names*, valid between two days counted from now."""
        now = dt.datetime.now(dt.UTC)
        key = ec.generate_private_key(ec.SECP256R1())
        subject = [x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")]
        if operator:
            subject.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, operator))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(x509.Name(subject))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins_days * DAY)
            .not_valid_after(now + ends_days * DAY)
            .add_extension(x509.SubjectAlternativeName([_name(n) for n in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        stem = f"leaf-{certificate.serial_number:x}"
        files = Files(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        files.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return files


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@contextmanager
def nginx(folder: Path, servers: str, *ports: int) -> Iterator[None]:
    """Run nginx with *servers* (``server`` blocks) until the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = folder / "nginx.conf"
    config.write_text(
        f"""
        daemon off; master_process off; pid {folder}/nginx.pid;
        error_log {folder}/error.log warn;
        # Each listener takes one of these, and where few are left nginx hangs up on who waits.
        events {{ worker_connections 1024; }}
        http {{
            access_log off; {temporary}
            default_type text/html;
            {servers}
        }}
        """,
        "utf-8",
    )
    log = folder / "start.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [NGINX, "-c", str(config), "-p", str(folder), "-e", str(folder / "early.log")],
            stdout=output,
            stderr=output,
        )
        try:
            for port in ports:
                await_listener(port, process, log)
            yield
        finally:
            process.terminate()
            process.wait(10)


def https_server(  # the rest is told together
    files: Files,
    port: int,
    *,
    name: str = "shop.localhost",
    hsts: str = "max-age=63072000",
    protocols: str = "TLSv1.2 TLSv1.3",
    ciphers: str = "ECDHE+AESGCM:ECDHE+CHACHA20",
    body: str = "<p>welcome</p>",
    locations: str = "",
) -> str:
    """Return an nginx server that is right in every respect that no argument changes."""
    header = f'add_header Strict-Transport-Security "{hsts}" always;' if hsts else ""
    return f"""
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name {name};
        ssl_certificate {files.chain}; ssl_certificate_key {files.key};
        ssl_protocols {protocols}; ssl_ciphers {ciphers};
        ssl_conf_command Options PrioritizeChaCha;
        ssl_ecdh_curve X25519MLKEM768:X25519:prime256v1;
        {header}
        location = / {{ return 200 "{body}"; }}
        location / {{ return 404; }}
        {locations}
    }}
    """


def apache_command(folder: Path, files: Files, more: str, port: int) -> list[str]:
    """Return what starts an Apache, in a folder of its own, that is right but for what *more* sets."""
    own = folder / f"apache-{port}"
    (own / "www").mkdir(parents=True)
    (own / "www" / "index.html").write_text("<p>welcome</p>", "utf-8")
    modules = ("mpm_event", "authz_core", "dir", "ssl", "headers")
    loaded = "\n".join(
        f"LoadModule {one}_module /usr/lib/apache2/modules/mod_{one}.so" for one in modules
    )
    (own / "apache.conf").write_text(
        f"""{loaded}
        ServerRoot {own}
        PidFile {own}/pid
        ErrorLog {own}/log
        Listen 127.0.0.1:{port}
        ServerName shop.localhost
        DocumentRoot {own}/www
        DirectoryIndex index.html
        ForceType text/html
        SSLEngine on
        SSLCertificateFile {files.chain}
        SSLCertificateKeyFile {files.key}
        SSLProtocol -all +TLSv1.2 +TLSv1.3
        SSLCipherSuite ECDHE+AESGCM:ECDHE+CHACHA20
        Header always set Strict-Transport-Security "max-age=63072000"
        {more}
        """,
        "utf-8",
    )
    return ["apache2", "-X", "-f", str(own / "apache.conf")]


def redirecting_server(port: int, https_port: int, locations: str = "") -> str:
    """Return an nginx server for http that redirects GET and refuses all else."""
    return f"""
    server {{
        listen 127.0.0.1:{port};
        if ($request_method !~ ^(GET|HEAD)$) {{ return 403; }}
        location / {{ return 308 https://shop.localhost:{https_port}$request_uri; }}
        {locations}
    }}
    """


BACKEND = "route shop.localhost/typo3"
# What nginx can do of a lock: it resolves a path once, and compares without case. It
# serves nothing under names that it does not know, so what it misses is a 404.
LOCK = 'location ~* "^/typo3(?:[/;.]|$)" { return 403; }'
ACCOUNT = (
    'location = /account { return 200 "<form method=post action=/in>'
    '<input type=password name=p></form>"; }'
)


@dataclass(frozen=True, slots=True)
class Ground:
    """Three free ports, a certificate and a folder with ``sealgate.toml`` in it."""

    folder: Path
    files: Files
    authority: Authority
    https: int
    http: int
    upstream: int

    def run(self, *extra: str) -> tuple[int, set[str], dict[str, Any]]:
        """Run the command and return its exit code, the open (rule, asset), the JSON."""
        out = self.folder / "report.json"
        code = run(
            [
                *("audit", "-c", str(self.folder / "sealgate.toml"), "--format", "json"),
                *("--ca", str(self.authority.path), "--output", str(out), *extra),
            ]
        )
        data = json.loads(out.read_text("utf-8"))
        found = {f"{f['rule']}: {f['asset']}" for f in data["findings"] if f["open"]}
        return code, found, data

    def judge(self, *addresses: str, host: tuple[Sighting, ...] | None = None) -> Report:
        """
        Return the verdict when *addresses* are this host's public ones.

        *host* is what the gateway's host tells; by default that it asks for a key.
        """
        inventory = load(str(self.folder / "sealgate.toml"))
        options = AuditOptions(
            time.time(), ca_files=(str(self.authority.path),), addresses=addresses
        )
        if host is None:
            host = (Observation(BACKEND, Fact.ACCESS_RUNG, 2, Vantage.HOST, "a test"),)
        return audit_sites(inventory, options, host).report

    def right(self, **other: str) -> str:
        """Return the nginx servers that nothing is wrong with, but for what *other* says."""
        locations = other.get("locations", f"{LOCK} {ACCOUNT}")
        plain = other.get("plain", redirecting_server(self.http, self.https))
        behind = other.get("behind", f"listen 127.0.0.1:{self.upstream};")
        front = https_server(self.files, self.https, locations=locations)
        return f'{front} {plain} server {{ {behind} return 200 "behind"; }}'

    @property
    def ports(self) -> tuple[int, int, int]:
        """Return the ports that nginx must be listening on."""
        return self.https, self.http, self.upstream


def open_rules(report: Report) -> set[tuple[str, str]]:
    """Return rule and asset of everything that somebody has to act on."""
    return {(f.rule.id, f.asset.id) for f in report.open_findings}


def make_ground(folder: Path) -> Ground:
    """Write the configuration of one shop with three kinds of route into *folder*."""
    authority = Authority(folder)
    countries = MMDBWriter(4, "Country", languages=["en"])
    countries.insert_network(IPSet(["127.0.0.1/32"]), {"country": {"iso_code": "DE"}})
    countries.to_db_file(str(folder / "country.mmdb"))
    https, http, upstream = free_port(), free_port(), free_port("127.0.0.1", "127.0.0.2")
    (folder / "sealgate.toml").write_text(
        f"""
        [listen]
        https = "127.0.0.1:{https}"
        http = "127.0.0.1:{http}"

        [access]
        countries = ["DE"]
        geo_database = "{folder}/country.mmdb"

        [[site]]
        domains = ["shop.localhost"]
        upstream = "http://127.0.0.1:{upstream}"
        preset = "none"

        [[site.route]]
        path = "/"
        class = "public"

        [[site.route]]
        path = "/account"
        class = "restricted"
        access = "site"

        [[site.route]]
        path = "/typo3"
        class = "confidential"
        backend = true
        admit = ["group:editors"]
        """,
        "utf-8",
    )
    return Ground(folder, authority.issue("shop.localhost"), authority, https, http, upstream)

"""A gateway to attack: a site that tells what reached it, and a real Envoy in front."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.envoy import Envoy
from sealgate.gateway.model import CertificateFiles, Material
from sealgate.gateway.translate import translate
from tests.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sealgate.policy.inventory import Inventory

ALLOWED, OTHER, UNKNOWN = "127.0.0.1", "127.0.0.2", "127.0.0.3"
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as PEM files."""

    chain: Path
    key: Path

    @property
    def fingerprint(self) -> str:
        """Return the SHA-256 of the DER, as the identity store keeps it."""
        certificate = x509.load_pem_x509_certificate(self.chain.read_bytes())
        return certificate.fingerprint(hashes.SHA256()).hex()


class Keys:
    """Certificates for one run: an authority, and what it signed or did not sign."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signer = ec.generate_private_key(ec.SECP256R1())
        self._issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.authority = self._write("authority", self._issuer, self._signer, [], ca=True)

    def server(self, *names: str) -> Pair:
        """Return a server certificate for *names*."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        return self._write(names[0], subject, None, [x509.DNSName(name) for name in names])

    def client(self, file: str, identity: str, *, self_signed: bool = False) -> Pair:
        """Return a client certificate with *identity* as its URI SAN."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity)])
        uri = x509.UniformResourceIdentifier(f"urn:sealgate:user:{identity}")
        return self._write(file, subject, None, [uri], self_signed=self_signed)

    def _write(
        self,
        file: str,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey | None,
        names: list[x509.GeneralName],
        *,
        ca: bool = False,
        self_signed: bool = False,
    ) -> Pair:
        key = key or ec.generate_private_key(ec.SECP256R1())
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if self_signed else self._issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        certificate = builder.sign(key if self_signed else self._signer, hashes.SHA256())
        pair = Pair(self._folder / f"{file}.pem", self._folder / f"{file}.key")
        pair.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return pair


def write_countries(path: Path) -> Path:
    """Write a country database: 127.0.0.1 is in DE, 127.0.0.2 in FR, nothing else is known."""
    writer = MMDBWriter(ip_version=6, ipv4_compatible=True, database_type="GeoLite2-Country")
    for address, code in ((ALLOWED, "DE"), (OTHER, "FR"), ("198.51.100.7", "DE")):
        writer.insert_network(IPSet([f"{address}/32"]), {"country": {"iso_code": code}})
    writer.to_db_file(str(path))
    return path


@dataclass
class Told:
    """One request as it reached the site."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body_bytes: int = 0

    def value(self, name: str) -> str | None:
        """Return the header *name* (lower case), ``None`` when it is absent."""
        return next((v for n, v in self.headers if n == name), None)


@dataclass
class EchoSite:
    """A site that keeps every request, and answers by the first segment of the path."""

    port: int = 0
    requests: list[Told] = field(default_factory=list)
    # Let go once for each event of ``/events`` that arrived.
    may_go_on: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def answer(self, told: Told) -> bytes:
        """Return the whole answer to *told*."""
        body = json.dumps({"target": told.target, "headers": told.headers}).encode("utf-8")
        more = ""
        if told.target.startswith("/cookies"):
            more = (
                "Set-Cookie: be_typo_user=1; Path=/\r\nSet-Cookie: other=2; SameSite=None\r\n"
                "set-cookie: PHPSESSID=3; secure; HttpOnly\r\nSet-Cookie: wp_x=4\r\n"
            )
        if told.target.startswith("/hsts"):
            more = "Strict-Transport-Security: max-age=5; includeSubDomains\r\n"
        length = len(body)
        if told.method == "HEAD":
            body = b""
        head = (
            f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: echo\r\n"
            f"X-Told: {len(self.requests)}\r\n{more}Content-Length: {length}\r\n\r\n"
        )
        return head.encode("latin-1") + body


class _Handler(socketserver.StreamRequestHandler):
    """Speaks just enough HTTP/1.1 to notice anything that a gateway changed."""

    def handle(self) -> None:
        site: EchoSite = self.server.site  # type: ignore[attr-defined]  # set by echo_site
        with contextlib.suppress(ConnectionError):
            while self._one(site):
                pass

    def _one(self, site: EchoSite) -> bool:
        line = self.rfile.readline()
        if not line:
            return False
        method, target, _ = line.decode("latin-1").split(" ", 2)
        headers: list[tuple[str, str]] = []
        while (text := self.rfile.readline().decode("latin-1").strip()) != "":
            name, _, value = text.partition(":")
            headers.append((name.lower(), value.strip()))
        told = Told(method, target, headers)
        site.requests.append(told)
        if told.value("expect"):
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        told.body_bytes = self._body(told)
        self.request_ended(site, told)
        return True

    def _body(self, told: Told) -> int:
        left = int(told.value("content-length") or 0)
        total = 0
        while left:
            data = self.rfile.read(min(left, 65536))
            if not data:
                break
            left -= len(data)
            total += len(data)
        if told.value("transfer-encoding") == "chunked":
            # A body that breaks off ends as well.
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                total += len(self.rfile.read(size))
                self.rfile.readline()
            while trailer := self.rfile.readline().decode("latin-1").strip():
                name, _, value = trailer.partition(":")
                told.headers.append((f"trailer {name.lower()}", value.strip()))
        return total

    def request_ended(self, site: EchoSite, told: Told) -> None:
        if told.target == "/websocket" and told.value("upgrade"):
            self.wfile.write(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\n\r\n"
            )
            while data := self.connection.recv(1024):
                self.wfile.write(b"echo " + data)
            return
        if told.target == "/events":
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            self.wfile.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
            for number in range(3):
                event = f"data: {number}\n\n".encode()
                self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
                site.may_go_on.acquire(timeout=PATIENCE_SECONDS)
            self.wfile.write(b"0\r\nx-end: yes\r\n\r\n")
            return
        if told.target.startswith("/large/"):
            size = int(told.target.rpartition("/")[2])
            self.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
            block = b"x" * 65536
            for _ in range(size // len(block)):
                self.wfile.write(block)
            return
        self.wfile.write(site.answer(told))


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class _UnixServer(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


@contextlib.contextmanager
def echo_site(
    *,
    tls: ssl.SSLContext | None = None,
    unix: Path | None = None,
    site: EchoSite | None = None,
) -> Iterator[EchoSite]:
    """Run an echo *site* on loopback (over *tls*, or on the socket *unix*) until the block ends."""
    site = site or EchoSite()
    server: Any
    server = _UnixServer(str(unix), _Handler) if unix else _Server((ALLOWED, 0), _Handler)
    server.site = site
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
        server.handle_error = lambda *_: None  # a peer that refuses the certificate
    if unix is None:
        site.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Gateway:
    """A running Envoy on the translation of *inventory*."""

    inventory: Inventory
    material: Material
    envoy: Envoy
    folder: Path

    @property
    def port(self) -> int:
        """Return the port for https."""
        return self.inventory.listen.https[0].port

    @property
    def plain_port(self) -> int:
        """Return the port for http."""
        return self.inventory.listen.http[0].port

    def change(self, inventory: Inventory | None = None, material: Material | None = None) -> None:
        """Take another inventory or other material over live."""
        self.inventory = inventory or self.inventory
        self.material = material or self.material
        self.envoy.apply(translate(self.inventory, self.material))

    @property
    def pid(self) -> int:
        """Return the process that Envoy runs in."""
        pid = self.envoy.pid
        assert pid is not None
        return pid

    def access_log(self) -> list[dict[str, Any]]:
        """Return the lines of the access log, once Envoy has written them."""
        text = (self.folder / "access.log").read_text("utf-8")
        return [json.loads(line) for line in text.splitlines()]


@contextlib.contextmanager
def gateway(
    inventory: Inventory,
    folder: Path,
    certificates: Mapping[str, Pair],
    **material: Any,
) -> Iterator[Gateway]:
    """Run Envoy on the translation of *inventory* until the block ends."""
    given = {name: CertificateFiles(str(p.chain), str(p.key)) for name, p in certificates.items()}
    made = Material(str(folder), given, **material)
    envoy = Envoy(find_envoy(), str(folder), workers=1)
    envoy.start(translate(inventory, made))
    try:
        yield Gateway(inventory, made, envoy, folder)
    finally:
        envoy.kill()


@dataclass
class Reply:
    """What a client got: status, headers in lower case, body."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return every value of the header *name*."""
        return [value for n, value in self.headers if n == name]


class Client:
    """One TLS connection that is kept, with any bytes as request line and headers."""

    def __init__(
        self,
        port: int,
        *,
        name: str = "shop.example",
        pair: Pair | None = None,
        source: str = ALLOWED,
        resumes: Client | None = None,
        version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        hello: bytes = b"",
    ) -> None:
        if resumes is not None:
            # Python lets a session be resumed only in the context that it was made in.
            context: ssl.SSLContext = resumes.context
            session: ssl.SSLSession | None = resumes.tls.session
        else:
            context, session = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), None
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.maximum_version = version
            if pair is not None:
                context.load_cert_chain(pair.chain, pair.key)
        raw = socket.create_connection((ALLOWED, port), 10, (source, 0))
        raw.sendall(hello)
        self.context: ssl.SSLContext = context
        self.name = name
        with contextlib.ExitStack() as failed:
            failed.callback(raw.close)
            self.tls: ssl.SSLSocket = context.wrap_socket(
                raw, server_hostname=name, session=session
            )
            failed.pop_all()
        OPEN.append(self)

    def send(
        self, target: str | bytes, *headers: str, method: str = "GET", body: bytes = b""
    ) -> None:
        """Send one request; Host is the connection's own name unless *headers* holds one."""
        raw = target if isinstance(target, bytes) else target.encode("utf-8", "surrogateescape")
        lines = list(headers)
        if not any(line.lower().startswith("host:") for line in lines):
            lines.insert(0, f"Host: {self.name}")
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
        start = method.encode() + b" " + raw + b" HTTP/1.1\r\n"
        self.tls.sendall(start + head + b"\r\n" + body)

    def receive(self, method: str = "GET") -> Reply:
        """Return the next answer."""
        answer = HTTPResponse(self.tls, method=method)
        answer.begin()
        headers = [(name.lower(), value) for name, value in answer.getheaders()]
        return Reply(answer.status, headers, answer.read())

    def ask(self, target: str | bytes, *headers: str, method: str = "GET") -> Reply:
        """Send one request and return its answer."""
        self.send(target, *headers, method=method)
        return self.receive(method)


# Every connection made, so that a test need not close its own.
OPEN: list[Client] = []


def close_all() -> None:
    """Close every connection that a test left open."""
    while OPEN:
        OPEN.pop().tls.close()


def run(*command: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a real client with *data* on its standard input."""
    program = shutil.which(command[0])
    assert program is not None, f"{command[0]} is not installed (packages-debian.txt)"
    return subprocess.run(
        [program, *command[1:]], input=data, capture_output=True, check=False, timeout=30
    )

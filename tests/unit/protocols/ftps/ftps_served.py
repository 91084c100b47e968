"""
An FTPS server in a thread, over a plain folder and three people, for tests of the server.

The authenticator and the session are small stand-ins for the protocols; what is really stored
and really decided is tested with the real ones in tests/peers.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from ftplib import FTP_TLS, error_reply
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from sealgate.policy.inventory import PassivePorts
from sealgate.protocols.ftps import server as ftps
from sealgate.protocols.ftps.server import FTPSServer
from sealgate.protocols.ftps.settings import FTPSSettings
from sealgate.protocols.ftps.tls import TLSFiles
from sealgate.protocols.model import Channel, KeyOffer, Method, MoreProof, TransferError
from sealgate.storage.model import Entry, Space, StorageError, Trouble
from sealgate.storage.paths import resolve
from tests.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.storage.model import Buffer
    from tests.unit.protocols.ftps.ftps_apart import Apart

# Below the range that the kernel takes ports of outgoing connections from.
PASSIVE = PassivePorts(first=31_000, last=31_499)
PASSWORD = "correct horse battery staple"


def certificate(folder: Path, name: str) -> tuple[Path, Path, str]:
    """Write a self-signed certificate for *name*; return chain, key and fingerprint."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain, secret, hashlib.sha256(made.public_bytes(Encoding.DER)).hexdigest()


class Gate:
    """Where a piece of work waits as long as the test keeps it shut; it is open at first."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._lock = threading.Lock()
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Return how many stand before it."""
        return self._waiting

    @contextmanager
    def shut(self) -> Iterator[None]:
        """Let nothing through until the block ends."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def pass_through(self) -> None:
        """Wait until it is open; for ever would keep a failed test from ending."""
        with self._lock:
            self._waiting += 1
        try:
            assert self._open.wait(4 * PATIENCE_SECONDS)
        finally:
            with self._lock:
                self._waiting -= 1


@dataclass
class FolderReader:
    """A file of the folder."""

    entry: Entry
    path: Path
    troubled: Trouble | None = None
    closed: bool = False

    def read_at(self, offset: int, size: int) -> bytes:
        """Read; behind 1 MiB with the trouble that the test wants."""
        if self.troubled is not None and offset >= 1 << 20:
            raise StorageError(self.troubled, "the file was changed from outside")
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(size)

    def close(self) -> None:
        """Note that it was closed."""
        self.closed = True


@dataclass
class FolderUploading:
    """An upload into the folder: ``NAME.part`` until it is closed."""

    context: House
    path: Path
    offset: int
    state: str = "open"
    modified_at: float | None = None

    @property
    def part(self) -> Path:
        """Return where the bytes lie until then."""
        return self.path.with_name(self.path.name + ".part")

    def write_at(self, offset: int, data: Buffer) -> None:
        """Append."""
        if offset != self.offset:
            raise TransferError(Trouble.UNSUPPORTED, "a hole")
        if self.context.quota is not None and offset + len(data) > self.context.quota:
            raise TransferError(Trouble.QUOTA, "the drop's quota is used up")
        self.context.store_gate.pass_through()
        with self.part.open("r+b" if self.part.exists() else "wb") as file:
            file.seek(offset)
            file.write(data)
        self.offset += len(data)

    def set_modified(self, modified_at: float) -> None:
        """Remember."""
        self.modified_at = modified_at

    def close(self) -> None:
        """Finish."""
        self.context.store_gate.pass_through()
        if self.context.commit_trouble is not None:
            raise TransferError(self.context.commit_trouble, "it could not be kept")
        self.part.touch()
        self.part.replace(self.path)
        self.state = "closed"

    def abort(self) -> None:
        """Keep the part."""
        if self.state == "open":
            self.state = "aborted"


@dataclass
class FolderSession:
    """The files below a folder."""

    context: House
    name: str
    uploads: list[FolderUploading] = field(default_factory=list)
    closed: bool = False

    def _at(self, path: bytes | str) -> Path:
        try:
            return self.context.folder.joinpath(*resolve(path))
        except StorageError as error:
            raise TransferError(error.trouble, error.message) from error

    def is_remote(self, _path: bytes | str) -> bool:
        """Return what the test wants."""
        return self.context.remote

    def on_change(self, tell: Callable[[], None]) -> None:
        """Change nothing."""

    def real_path(self, path: bytes | str) -> str:
        """Return the normal form."""
        return "/" + str(self._at(path).relative_to(self.context.folder)).removeprefix(".")

    def _entry(self, path: Path) -> Entry:
        inner = path.relative_to(self.context.folder).parts
        partial = not path.exists() and path.with_name(path.name + ".part").exists()
        place = path.with_name(path.name + ".part") if partial else path
        if not place.exists():
            raise TransferError(Trouble.NOT_FOUND, "there is no such file or folder")
        found = place.stat()
        folder = place.is_dir()
        return Entry(
            inner, folder, 0 if folder else found.st_size, found.st_mtime, self.name, "restricted",
            partial, "" if folder else f"id{found.st_ino}",
        )  # fmt: skip

    def stat(self, path: bytes | str) -> Entry:
        """Look."""
        return self._entry(self._at(path))

    def list(self, path: bytes | str) -> Iterator[Entry]:
        """List."""
        for one in sorted(self._at(path).iterdir()):
            yield self._entry(one)

    def open_read(self, path: bytes | str) -> FolderReader:
        """Open."""
        place = self._at(path)
        entry = self._entry(place)
        if entry.is_folder:
            raise TransferError(Trouble.IS_FOLDER, "it is a folder")
        reader = FolderReader(entry, place, self.context.read_trouble)
        self.context.readers.append(reader)
        return reader

    def open_write(
        self,
        path: bytes | str,
        *,
        resume: bool = False,
        part_only: bool = False,
        exclusive: bool = False,  # noqa: ARG002
    ) -> FolderUploading:
        """Begin or go on."""
        place = self._at(path)
        if part_only and place.exists():
            raise TransferError(Trouble.UNSUPPORTED, "it is a whole file")
        if not place.parent.is_dir():
            raise TransferError(Trouble.NOT_FOUND, "its folder is missing")
        uploading = FolderUploading(self.context, place, 0)
        if resume and place.exists():
            uploading.part.write_bytes(place.read_bytes())
        if not resume:
            uploading.part.unlink(missing_ok=True)
        uploading.offset = uploading.part.stat().st_size if uploading.part.exists() else 0
        self.uploads.append(uploading)
        self.context.uploads.append(uploading)
        return uploading

    def rename(self, old: bytes | str, new: bytes | str, *, replace: bool) -> None:  # noqa: ARG002
        """Rename."""
        self._at(old).replace(self._at(new))

    def remove(self, path: bytes | str) -> None:
        """Remove."""
        self.stat(path)
        self._at(path).unlink()

    def make_folder(self, path: bytes | str) -> None:
        """Make."""
        try:
            self._at(path).mkdir()
        except FileExistsError as error:
            raise TransferError(Trouble.EXISTS, "it is there already") from error

    def remove_folder(self, path: bytes | str) -> None:
        """Remove."""
        try:
            self._at(path).rmdir()
        except OSError as error:
            raise TransferError(Trouble.NOT_EMPTY, "it is not empty") from error

    def set_modified(self, path: bytes | str, modified_at: float) -> None:
        """Set."""
        os.utime(self._at(path), (modified_at, modified_at))

    def space(self, _path: bytes | str) -> Space:
        """Tell a thousand bytes."""
        return Space(2000, 1000, 10, 5)

    def close(self) -> None:
        """Abort what is open."""
        for one in self.uploads:
            one.abort()
        self.closed = True


@dataclass
class House:
    """
    The authenticator of the tests, and what tests want of the store.

    ``anna`` comes in by password, ``bert`` by certificate, ``carl`` with both.
    """

    folder: Path
    fingerprints: dict[str, str] = field(default_factory=dict)
    remote: bool = False
    quota: int | None = None
    store_gate: Gate = field(default_factory=Gate)
    password_gate: Gate = field(default_factory=Gate)
    read_trouble: Trouble | None = None
    commit_trouble: Trouble | None = None
    turned_away: set[str] = field(default_factory=set)
    peers: list[str] = field(default_factory=list)
    channels: list[Channel] = field(default_factory=list)
    methods: list[frozenset[Method]] = field(default_factory=list)
    uploads: list[FolderUploading] = field(default_factory=list)
    readers: list[FolderReader] = field(default_factory=list)
    sessions: list[FolderSession] = field(default_factory=list)
    passwords: int = 0
    is_usual_here: bool = False

    def greet(self, peer: str) -> None:
        """Turn away whom the test wants turned away."""
        self.peers.append(peer)
        if peer in self.turned_away:
            raise TransferError(Trouble.DENIED, "too many attempts from your address")

    def knows_key(self, name: str, offer: KeyOffer) -> bool:
        """Look the fingerprint up."""
        assert offer.method is Method.CLIENT_CERTIFICATE
        return self.fingerprints.get(name) == offer.fingerprint

    def is_usual(self, *_: object) -> bool:
        """Return whether they signed in before, which the test says."""
        return self.is_usual_here

    def check_password(self, name: str, password: str, _peer: str) -> bool:
        """Compare, when the test lets it."""
        self.password_gate.pass_through()
        self.passwords += 1
        return name in {"anna", "carl"} and password == PASSWORD

    def more_proof(self, *_: object, **__: object) -> MoreProof | None:
        """Ask for nothing more."""
        return None

    def check_second(
        self, name: str, typed: str, peer: str, _ways: frozenset[Method]
    ) -> Method | None:
        """Compare, too."""
        return Method.PASSWORD if self.check_password(name, typed, peer) else None

    def failed(self, name: str, peer: str, why: str) -> None:
        """Take no note."""

    def sign_in(
        self,
        name: str,
        methods: frozenset[Method],
        channel: Channel,
        *,
        key: str = "",  # noqa: ARG002
    ) -> FolderSession:
        """Let in whoever brings what is needed."""
        both = frozenset({Method.PASSWORD, Method.CLIENT_CERTIFICATE})
        if name == "carl" and methods != both:
            raise TransferError(
                Trouble.DENIED, "a certificate and a password are required", rule="access-factors"
            )
        self.channels.append(channel)
        self.methods.append(methods)
        session = FolderSession(self, name)
        self.sessions.append(session)
        return session

    def may_tunnel(self, *_: object, **__: object) -> None:
        """Is not asked here."""


@dataclass
class Served:
    """A running server: *port* is explicit, *implicit_port* implicit TLS."""

    server: FTPSServer
    context: House
    port: int
    implicit_port: int
    chain: Path
    key: Path

    def settle(self, **changed: Any) -> None:
        """Change settings while it runs: limits of time are looked at each second."""
        self.server.shared.settings = replace(self.server.shared.settings, **changed)

    @contextmanager
    def polls(self) -> Iterator[list[float]]:
        """Note each turn of the server's loop while the block lasts."""
        loop, turns = self.server.loop, list[float]()
        poll = loop.poll

        def counted(timeout: float) -> None:
            turns.append(timeout)
            poll(timeout)

        loop.poll = counted
        try:
            yield turns
        finally:
            loop.poll = poll

    def rests(self) -> bool:
        """Return whether the loop sleeps: one that spins turns thousands of times meanwhile."""
        with self.polls() as turns:
            time.sleep(0.5)
        return len(turns) < 20


def listening(host: str = "127.0.0.1") -> socket.socket:
    """Return a bound socket on a free port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family)
    bound.bind((host, 0))
    return bound


@contextmanager
def served(folder: Path, **changed: Any) -> Iterator[Served]:
    """Run a server over *folder*/files; *changed* are settings that differ from the usual."""
    files = folder / "files"
    files.mkdir()
    chain, key, _ = certificate(folder, "localhost")
    context = House(files)
    client_ca = changed.pop("client_ca", None)
    hybrid = changed.pop("hybrid_required", False)
    host = changed.pop("host", "127.0.0.1")
    tls = TLSFiles(str(chain), str(key), client_ca and str(client_ca), hybrid)
    settings = replace(FTPSSettings(tls=tls, passive=PASSIVE, fault_seconds=0.2), **changed)
    explicit, implicit = listening(host), listening(host)
    ports = explicit.getsockname()[1], implicit.getsockname()[1]
    server = FTPSServer([explicit], [implicit], context, settings)
    thread = threading.Thread(target=server.serve_forever)
    # Limits of time are looked at more often, so that nobody waits a second for them.
    with patch.object(ftps, "_SWEEP_SECONDS", 0.1):
        thread.start()
        try:
            yield Served(server, context, *ports, chain, key)
        finally:
            server.request_stop()
            thread.join(PATIENCE_SECONDS)
            assert not thread.is_alive()


class Client(FTP_TLS):
    """``ftplib`` with the one thing that it lacks: data connections resume the session."""

    resumes = True
    encoding = "utf-8"

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        """Connect the data connection inside the session of the control connection."""
        connection, size = super(FTP_TLS, self).ntransfercmd(cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        return (
            self.context.wrap_socket(
                connection,
                server_hostname=self.host,
                session=self.sock.session if self.resumes else None,
            ),
            size,
        )

    def close(self) -> None:
        """Close whatever is open."""
        super().close()


def trusting(chain: Path) -> ssl.SSLContext:
    """Return a client's context that trusts the certificate in *chain*."""
    context = ssl.create_default_context(cafile=str(chain))
    context.check_hostname = False
    return context


@contextmanager
def client(
    where: Served | Apart,
    user: str = "anna",
    password: str = PASSWORD,
    context: ssl.SSLContext | None = None,
) -> Iterator[Client]:
    """Sign in, and out."""
    one = Client(context=context or trusting(where.chain), timeout=PATIENCE_SECONDS)
    try:
        one.connect("127.0.0.1", where.port)
        one.login(user, password)
        one.prot_p()
        one.voidcmd("TYPE I")
        yield one
    finally:
        try:
            if one.sock is not None:
                one.quit()
        except (OSError, error_reply, EOFError):
            pass
        finally:
            one.close()


def descriptors() -> int:
    """Return how many files and sockets this process has open."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def read_all(data: ssl.SSLSocket) -> bytes:
    """Return everything up to the end, which must be close_notify."""
    got = b""
    while block := data.recv(1 << 20):
        got += block
    return got


class Raw:
    """A client made of sockets, for what no decent client does."""

    def __init__(self, port: int, *, source: str = "127.0.0.1", target: str = "127.0.0.1") -> None:
        """Connect, and read nothing yet."""
        self.sock: socket.socket = socket.create_connection(
            (target, port), PATIENCE_SECONDS, (source, 0)
        )
        self._seen = b""

    def send(self, data: bytes) -> None:
        """Send *data* as it is."""
        self.sock.sendall(data)

    def reply(self) -> str:
        """Return the next reply, "" when the server hung up."""
        lines: list[str] = []
        while True:
            while b"\n" not in self._seen:
                try:
                    more = self.sock.recv(65536)
                except ConnectionResetError:
                    more = b""
                if not more:
                    return ""
                self._seen += more
            line, _, self._seen = self._seen.partition(b"\n")
            lines.append(line.decode().rstrip("\r"))
            if lines[-1][:3].isdigit() and lines[-1][3:4] == " ":
                return "\n".join(lines)

    def ask(self, command: str) -> str:
        """Send one command and return its reply."""
        self.send(command.encode() + b"\r\n")
        return self.reply()

    def outcome(self, command: str) -> str:
        """Send one command for a transfer and return how it ended."""
        reply = self.ask(command)
        return self.reply() if reply.startswith("1") else reply

    def is_silent(self) -> bool:
        """Return whether nothing has come from the server."""
        patience = self.sock.gettimeout()
        self.sock.settimeout(0.1)
        try:
            self._seen += self.sock.recv(65536)
        except TimeoutError:
            pass
        finally:
            self.sock.settimeout(patience)
        return not self._seen

    def code(self, command: str) -> int:
        """Return only the code of the reply to *command*."""
        return int(self.ask(command)[:3] or 0)

    def secure(self, context: ssl.SSLContext) -> None:
        """Go over to TLS."""
        assert self.reply().startswith("220")
        assert self.ask("AUTH TLS").startswith("234")
        self.sock = context.wrap_socket(self.sock, server_hostname="localhost")

    def sign_in(self, where: Served | Apart, context: ssl.SSLContext | None = None) -> None:
        """Go over to TLS and sign in."""
        self.secure(context or trusting(where.chain))
        for command in ("USER anna", f"PASS {PASSWORD}", "PBSZ 0", "PROT P", "TYPE I"):
            assert self.ask(command)[0] in "23"

    def passive(self) -> int:
        """Ask for a data port."""
        told = self.ask("EPSV")
        assert told.startswith("229 "), told
        return int(told.split("|")[3])

    def data(
        self, context: ssl.SSLContext, *, session: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket:
        """Ask for a data port, connect to it and resume the session, or *session*."""
        connection = socket.create_connection(("127.0.0.1", self.passive()), PATIENCE_SECONDS)
        assert isinstance(self.sock, ssl.SSLSocket)
        return context.wrap_socket(
            connection, server_hostname="localhost", session=session or self.sock.session
        )

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up."""
        self.close()

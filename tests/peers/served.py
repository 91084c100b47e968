"""A configuration in a folder, a site behind it, and ``sealgate serve`` as a process."""

from __future__ import annotations

import contextlib
import io
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sealgate.cli import run
from sealgate.demo.geography import make_country_database
from tests.commands import run_here
from tests.ports import free_port
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

# How long a busy machine may take to start a gateway; nothing is judged by it.
START_SECONDS = 60.0


class Site(ThreadingHTTPServer):
    """
    A site that answers ``ok`` to everything, and ``/slow`` over two seconds.

    The second half of ``/held`` comes once *may_end* is set.
    *seen* holds the target of each request that reached it, *heard* its headers.
    """

    daemon_threads = True
    # Envoy keeps connections to it open for ever.
    block_on_close = False

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Pages)
        self.seen: list[str] = []
        self.heard: list[dict[str, str]] = []
        self.may_end = threading.Event()


class _Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Or the second of two small writes waits 40 ms for an acknowledgement.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        assert isinstance(self.server, Site)
        self.server.seen.append(self.path)
        self.server.heard.append({name.lower(): value for name, value in self.headers.items()})
        self.rfile.read(int(self.headers.get("content-length") or 0))
        pieces = {"/slow": 20, "/held": 2}.get(self.path, 1)
        body = b"ok" * 1024 if pieces > 1 else b"ok"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) * pieces))
        self.end_headers()
        for number in range(pieces):
            if number and self.path == "/held":
                self.server.may_end.wait(2 * PATIENCE_SECONDS)
            elif number:
                time.sleep(0.1)
            self.wfile.write(body)
            self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name
        pass


@contextlib.contextmanager
def site_running(port: int = 0) -> Iterator[Site]:
    """Run a :class:`Site`."""
    server = Site(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.may_end.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class Place:
    """A folder with a ``sealgate.toml`` for the site at *upstream* (a port)."""

    folder: Path
    upstream: int
    https: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)

    @property
    def config(self) -> Path:
        """Return the configuration file."""
        return self.folder / "sealgate.toml"

    @property
    def state(self) -> Path:
        """Return the state folder."""
        return self.folder / ".sealgate"

    @property
    def ready_file(self) -> Path:
        """Return the file that tells that everything listens."""
        return self.folder / "ready.json"

    @property
    def url(self) -> str:
        """Return the site's own URL."""
        return f"https://localhost:{self.https}"

    def write(self, *routes: str, tls: str = "", head: str = "") -> None:
        """Write the configuration: *routes* are paths; a leading ``!`` locks one."""
        make_country_database(self.folder / "country.mmdb")
        lines = [head, "[listen]"]
        lines += [f'https = "127.0.0.1:{self.https}"', f'http = "127.0.0.1:{self.http}"']
        lines += ["[operator]", 'name = "Shop Ltd"', 'country = "DE"']
        lines += ["[tls]", tls] if tls else []
        lines += ["[access]", 'countries = ["DE"]', 'geo_database = "country.mmdb"', "[[site]]"]
        lines += ['domains = ["localhost"]', f'upstream = "http://127.0.0.1:{self.upstream}"']
        for route in routes or ("/",):
            lines += ["[[site.route]]", f'path = "{route.lstrip("!")}"']
            if route.startswith("!"):
                lines += ['class = "confidential"', 'admit = ["group:editors"]']
            else:
                lines += ['class = "public"']
        self.config.write_text("\n".join(lines) + "\n")

    def sealgate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command on this configuration, in this folder."""
        return run_here([*arguments, "-c", str(self.config)], self.folder)

    def start(self, *options: str, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        """Start ``sealgate serve`` and do not wait."""
        command = [*prefix, sys.executable, "-m", "sealgate", "serve", "-c", str(self.config)]
        return subprocess.Popen(
            [*command, "--workers", "1", *options],
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )

    @contextlib.contextmanager
    def serving(self, *options: str) -> Iterator[Serving]:
        """Run ``sealgate serve`` until the block ends."""
        self.ready_file.unlink(missing_ok=True)
        process = self.start("--ready-file", str(self.ready_file), *options)
        try:
            wait_until(
                lambda: self.ready_file.exists() or process.poll() is not None, START_SECONDS
            )
            if process.poll() is not None:
                raise AssertionError(process.communicate()[1])
            yield Serving(self, process, json.loads(self.ready_file.read_text()))
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.communicate(timeout=40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                raise

    def issue(self, name: str, *options: str) -> None:
        """Issue a client certificate to *name*: ``NAME.crt`` and ``NAME.key`` in the folder."""
        prefix = str(self.folder / name)
        command = ["key", "issue", name, "--out", prefix, *options, "-c", str(self.config)]
        # In this process: a new one would take ten times as long.
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = run(command)
        assert code == 0, said.getvalue()

    def trust(self, ca: Path | None = None, key: str | None = None) -> ssl.SSLContext:
        """Return a client's settings: the local CA, and the client certificate of *key*."""
        context = ssl.create_default_context(
            cafile=str(ca or self.state / "authority" / "server-ca.pem")
        )
        if key is not None:
            context.load_cert_chain(self.folder / f"{key}.crt", self.folder / f"{key}.key")
        return context

    @contextlib.contextmanager
    def connected(self, context: ssl.SSLContext) -> Iterator[HTTPSConnection]:
        """Give a connection that is kept open until the block ends."""
        connection = HTTPSConnection(
            "localhost", self.https, context=context, timeout=PATIENCE_SECONDS
        )
        try:
            yield connection
        finally:
            connection.close()

    def curl(self, path: str, *options: str) -> str:
        """Return what curl printed for *path*: the body, then the status on a line of its own."""
        command = ["curl", "--silent", "--max-time", "60", "--path-as-is", "--write-out"]
        command += ["\n%{http_code}", "--cacert", str(self.state / "authority" / "server-ca.pem")]
        done = subprocess.run(
            [*command, *options, f"{self.url}{path}"], capture_output=True, text=True, check=False
        )
        return done.stdout

    def status(self, path: str, *options: str) -> int:
        """Return the status of *path* as curl saw it; 0 when there was no answer."""
        return int(self.curl(path, *options).rpartition("\n")[2])

    def shown_certificate(self) -> str:
        """Return the PEM of the certificate that a new handshake shows."""
        return ssl.get_server_certificate(("127.0.0.1", self.https))


@dataclass
class Serving:
    """A running ``sealgate serve``: its process, and what its ready file said."""

    place: Place
    process: subprocess.Popen[str]
    ready: dict[str, Any]


def status_on(connection: HTTPSConnection, path: str) -> int:
    """Return the status of a request on the open *connection*, which stays open."""
    connection.request("GET", path, headers={"Host": "localhost"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def given_certificate(folder: Path, name: str, days: int = 90, domain: str = "localhost") -> None:
    """Write ``NAME.pem`` and ``NAME.key`` in *folder*, self-signed for *domain*, by openssl."""
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(folder / f"{name}.key")]
    command += ["-out", str(folder / f"{name}.pem"), "-subj", f"/CN={domain}", "-days", str(days)]
    command += ["-addext", f"subjectAltName=DNS:{domain}"]
    command += ["-addext", "basicConstraints=critical,CA:FALSE"]
    subprocess.run(command, check=True, capture_output=True)

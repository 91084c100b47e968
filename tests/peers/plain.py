"""A mirror behind the gateway over plain HTTP: nginx serves it, and somebody in between changes it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.served import Place
from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXT = b"line of open data\n" * 400
LARGE = bytes(range(256)) * 12_288  # 3 MiB: more than is held in memory

_NGINX = """\
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    types {{ text/plain txt; }}
    default_type application/octet-stream;
    gzip on;
    gzip_types text/plain;
    gzip_min_length 100;
    client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
    uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
    server {{
        listen 127.0.0.1:{port};
        absolute_redirect off;
        root {folder}/pages;
        location = /pub {{ default_type text/plain; return 200 "a mirror"; }}
        location /pub/echo {{
            default_type text/plain;
            return 200 "[$http_cookie][$http_authorization][$http_range][$http_x_token][$args]";
        }}
        location /pub/cookie {{
            add_header Set-Cookie "sid=1";
            add_header Strict-Transport-Security "max-age=9";
            add_header X-Many one; add_header X-Many two;
            add_header Content-Digest "md5=:AAAA:";
            return 200 "cookie";
        }}
        location /pub/odd {{ add_header X-Odd "caf\xc3\xa9"; return 200 "odd"; }}
        location /pub/private {{ add_header WWW-Authenticate Basic; return 401; }}
        location /pub/moved {{ return 302 http://elsewhere.example/; }}
        location /pub/none {{ return 204; }}
        location / {{ }}
    }}
}}
"""


@dataclass
class Mirror(Place):
    """A :class:`Place` whose ``/pub`` is served signed over plain HTTP, by nginx behind it."""

    nginx: subprocess.Popen[bytes] | None = field(default=None)

    def declare(self, *more: str) -> None:
        """Write the configuration, with *more* lines of TOML behind it."""
        self.write("/", "/pub", "/pub/upload")
        text = self.config.read_text()
        text = text.replace('path = "/pub"\n', 'path = "/pub"\nplain_http = true\n')
        text = text.replace(
            'path = "/pub/upload"\n', 'path = "/pub/upload"\ncollects = "confidential"\n'
        )
        self.config.write_text("\n".join([text, *more]))

    @property
    def plain(self) -> str:
        """Return the origin in clear."""
        return f"http://localhost:{self.http}"

    @property
    def ca(self) -> str:
        """Return the authority of the site's certificate."""
        return str(self.state / "authority" / "server-ca.pem")

    @property
    def keys_url(self) -> str:
        """Return where the keys are published."""
        return f"{self.url}/.well-known/http-message-signatures-directory"

    def get(self, path: str, *options: str) -> tuple[int, dict[str, str], bytes]:
        """Return what curl got over plain HTTP: status, fields in lower case, body."""
        command = ["curl", "--silent", "--max-time", "60", "--path-as-is", "--include"]
        done = subprocess.run(
            [*command, *options, f"{self.plain}{path}"], capture_output=True, check=True
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(": ")
            assert name.lower() not in fields, f"{name} is there twice"
            fields[name.lower()] = value
        return int(first.split()[1]), fields, body


@contextlib.contextmanager
def mirror_running(folder: Path) -> Iterator[Mirror]:
    """Run nginx with pages in *folder*, and give the place in front of it."""
    pages = folder / "pages" / "pub"
    (pages / "upload").mkdir(parents=True)
    (pages / "data.txt").write_bytes(TEXT)
    (pages / "large.bin").write_bytes(LARGE)
    (pages / "upload" / "index.html").write_text("a form")
    (folder / "pages" / "index.html").write_text("home")
    port = free_port()
    config = folder / "nginx.conf"
    # Its workers would run as a user who must not look into this folder.
    user = "user root;\n" if os.geteuid() == 0 else ""
    config.write_bytes((user + _NGINX.format(folder=folder, port=port)).encode("latin-1"))
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    process = subprocess.Popen([nginx, "-c", str(config), "-p", str(folder)])
    try:
        assert wait_until(lambda: _answers(port)), "nginx does not start"
        mirror = Mirror(folder, port, nginx=process)
        mirror.declare()
        yield mirror
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@dataclass
class Between:
    """Somebody between a client and the plain port, who passes on what *change* makes of it."""

    port: int
    change: Callable[[bytes], bytes] = lambda data: data
    last: bytes = b""
    replay: bytes = b""

    def serve(self, connection: socket.socket) -> None:
        """Answer one request, after which the connection ends."""
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                piece = connection.recv(65536)
                if not piece:
                    return
                head += piece
            if self.replay:
                connection.sendall(self.replay)
                return
            with socket.create_connection(("127.0.0.1", self.port), 30) as onward:
                onward.sendall(head)
                answer = b""
                # Envoy ends a connection a second after its answer.
                while not _is_whole(head, answer) and (piece := onward.recv(65536)):
                    answer += piece
            self.last = answer
            connection.sendall(self.change(answer))


def _is_whole(asked: bytes, answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
    has_body = asked.startswith(b"GET ") and b" 304 " not in head.partition(b"\r\n")[0]
    return bool(end and has_body and length and len(body) >= int(length[1]))


@contextlib.contextmanager
def between(port: int) -> Iterator[Between]:
    """Run somebody in between, at *port* of 127.0.0.2, in front of the same port of 127.0.0.1."""
    with socket.create_server(("127.0.0.2", port)) as listener:
        made = Between(port)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=made.serve, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(30)


@contextlib.contextmanager
def forwarded(port: int) -> Iterator[None]:
    """Lead *port* of 127.0.0.2 to the same port of 127.0.0.1, as it is."""

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def both(connection: socket.socket) -> None:
        with (
            connection,
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 30) as onward,
        ):
            back = threading.Thread(target=pump, args=(onward, connection), daemon=True)
            back.start()
            pump(connection, onward)
            back.join(30)

    with socket.create_server(("127.0.0.2", port)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(target=both, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(30)

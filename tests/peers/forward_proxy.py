"""
A forward proxy: who goes through it comes from the address that it was told.

A browser cannot choose its address, but its proxy can, and can change it as a traveller does.
"""

from __future__ import annotations

import contextlib
import select
import socket
import socketserver
import threading
from typing import TYPE_CHECKING

from tests.peers.gatewayed import ALLOWED
from tests.waiting import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator


class ForwardProxy(socketserver.ThreadingTCPServer):
    """Tunnels (CONNECT: RFC 9110, 9.3.6) to ports of this machine, from the address *source*."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__((ALLOWED, 0), _Tunnel)
        self.source = ALLOWED
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """Return where it listens."""
        return int(self.server_address[1])

    def move(self, source: str) -> None:
        """Come from *source* from now on; whatever is open is cut, as on a journey."""
        with self._lock:
            self.source = source
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def reaching(self, port: int) -> Iterator[socket.socket]:
        """Give a connection to *port* of this machine."""
        with self._lock:
            far = socket.create_connection((ALLOWED, port), PATIENCE_SECONDS, (self.source, 0))
            self._open.add(far)
        try:
            yield far
        finally:
            with self._lock:
                self._open.discard(far)
            far.close()


class _Tunnel(socketserver.StreamRequestHandler):
    # Or the first bytes of the tunnel would stay in the buffer of the request.
    rbufsize = 0

    def handle(self) -> None:
        assert isinstance(self.server, ForwardProxy)
        method, _, rest = self.rfile.readline().decode("latin-1").partition(" ")
        host, _, port = rest.partition(" ")[0].rpartition(":")
        while self.rfile.readline().strip():
            pass
        if method != "CONNECT" or not f".{host}".endswith(".localhost"):
            # Browsers look for news of their makers, too.
            self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
            return
        with contextlib.suppress(OSError), self.server.reaching(int(port)) as far:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            self._pass_on(far)

    def _pass_on(self, far: socket.socket) -> None:
        into = {self.connection: far, far: self.connection}
        while True:
            for one in select.select(list(into), [], [])[0]:
                data = one.recv(65536)
                if not data:
                    return
                into[one].sendall(data)


@contextlib.contextmanager
def forward_proxy() -> Iterator[ForwardProxy]:
    """Run a proxy that comes from the allowed address until it is moved."""
    with ForwardProxy() as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
            thread.join()

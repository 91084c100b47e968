"""Servers that turn worse once ``sealgate send`` has measured them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sealgate.client.access import ClientAccess
from sealgate.client.connect import connect
from sealgate.client.destination import parse_destination
from sealgate.client.sending import ChannelRefusedError
from sealgate.client.tls import TLSIdentity
from sealgate.policy.protection import TransitRung
from sealgate.protocols.model import Method
from tests.peers.audited import Authority, Files

TOP = TransitRung.HIGHLY_ENCRYPTED


@contextlib.contextmanager
def forgetful(files: Files, ca: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Give the port of a server that asks for a certificate once, and all that it hears."""
    heard: list[bytes] = []
    first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    first.load_cert_chain(files.chain, files.key)
    later = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    later.load_cert_chain(files.chain, files.key)
    first.verify_mode = ssl.CERT_REQUIRED
    first.load_verify_locations(ca)
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        context = first
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(peer, server_side=True) as tls:
                context = later
                tls.settimeout(5)
                while data := tls.recv(65536):
                    heard.append(data)
                    if data.endswith(b"end"):
                        tls.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")
                        tls.unwrap()
                        break

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1], heard
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)


def test_each_https_connection_proves_itself(tmp_path: Path) -> None:
    """What needs a proof by certificate goes over no connection on which none was asked for."""
    authority = Authority(tmp_path)
    files, mine, key = authority.issue("shop.localhost"), tmp_path / "me", tmp_path / "me.key"
    command = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=me"]
    subprocess.run([*command, "-keyout", key, "-out", mine], check=True, capture_output=True)
    with forgetful(files, mine) as (port, heard):
        identity = TLSIdentity((str(authority.path),), str(mine), str(key))
        access = ClientAccess(
            lambda _what: "", TOP, tls=identity, resolve={"shop.localhost": "127.0.0.1"}
        )
        place = parse_destination(f"https://shop.localhost:{port}/in/")
        with connect(place, access) as remote:
            assert remote.methods == frozenset([Method.CLIENT_CERTIFICATE])
            upload = remote.upload("/in/a", offset=0, size=3)
            upload.write(b"end")
            upload.finish()
            before = len(heard)
            with pytest.raises(ChannelRefusedError, match="transit-client-unauthenticated"):
                remote.upload("/in/b", offset=0, size=3)
            assert heard[before:] == []

"""
Rows of the matrix about server software as it is set up: nginx, Apache, vsftpd, pyftpdlib.

Most are sound, as the guides of their makers and Mozilla's have them.
"""

from __future__ import annotations

import ftplib
import socket
import ssl
import subprocess
import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tests.peers.audited import apache_command, https_server
from tests.peers.certified import Made, Wish, made
from tests.peers.fileservers import vsftpd_command
from tests.peers.matrix import HOST, Row, Yard
from tests.peers.matrix_tls import (
    CIPHER,
    NO_HSTS,
    STRONG,
    VERSION,
    nothing_old,
    old_version,
    openssl_connects,
    suite,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.peers.audited import Files

SOUND = frozenset[str]()
# What Mozilla's guide calls "intermediate" below TLS 1.3.
INTERMEDIATE = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
    "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"
)
CBC = "ECDHE-ECDSA-AES128-SHA"
# Before sign-in nobody is told whether data and commands in clear are refused.
UNTOLD = frozenset(["transit-ftp-clear-data", "transit-ftp-clear-control"])

# pyftpdlib, told to demand TLS; "stock" obeys what came in clear behind AUTH.
_PYFTPDLIB = """
import sys
from OpenSSL import SSL
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer

port, chain, key, kind = sys.argv[1:]
context = SSL.Context(SSL.TLS_SERVER_METHOD)
context.use_certificate_chain_file(chain)
context.use_privatekey_file(key)
context.set_min_proto_version(SSL.TLS1_2_VERSION)
context.set_cipher_list(b"ECDHE+AESGCM:ECDHE+CHACHA20")

class Handler(TLS_FTPHandler):
    certfile, keyfile, ssl_context = chain, key, context
    authorizer = DummyAuthorizer()
    tls_control_required = kind != "clear"
    tls_data_required = True

    def ftp_AUTH(self, line):
        super().ftp_AUTH(line)
        if kind != "stock":
            self.ac_in_buffer = b""

Handler.authorizer.add_user("a", "b", ".", perm="elr")
FTPServer(("127.0.0.1", int(port)), Handler).serve_forever()
"""


def server_rows(yard: Yard, root: Made) -> Iterator[Row]:
    """Yield the rows; *root* is the authority that the audit trusts."""
    files = {
        key: made(Wish(names=(HOST,), key=key), root).written(yard.folder, f"servers-{key}")
        for key in ("P-256", "P-384", "RSA-3072")
    }
    yield from _nginx_rows(yard, files)
    yield from _apache_rows(yard, files)
    yield from _vsftpd_rows(yard, root, files)
    yield from _pyftpdlib_rows(yard, files["P-256"])


def _nginx_rows(yard: Yard, files: dict[str, Files]) -> Iterator[Row]:
    def row(name: str, key: str, more: str = "", **other: str) -> Row:
        def block(port: int) -> str:
            server = https_server(files[key], port, name=HOST, **other)
            return server.replace("location = /", f"{more}\nlocation = /", 1)

        port = yard.nginx(block)
        return Row(
            f"nginx as set up: {name}",
            f"https://{HOST}:{port}/",
            second=partial(nothing_old, port),
        )

    primes = yard.folder / "ffdhe2048.pem"
    made_of = ("-algorithm", "DH", "-pkeyopt", "group:ffdhe2048")
    subprocess.run(
        ["openssl", "genpkey", "-genparam", *made_of, "-out", str(primes)],
        check=True,
        capture_output=True,
    )
    second = files["RSA-3072"]
    beside = f"ssl_certificate {second.chain}; ssl_certificate_key {second.key};"
    yield row("RSA 3072", "RSA-3072")
    yield row("P-384", "P-384")
    yield row("ECDSA and RSA", "P-256", beside)
    yield row(
        "Mozilla intermediate, with a prime of RFC 7919",
        "P-256",
        f"{beside} ssl_dhparam {primes};",
        ciphers=INTERMEDIATE,
    )
    yield row("Mozilla modern, HTTP/2", "P-256", "http2 on;", protocols="TLSv1.3")


def _apache_rows(yard: Yard, files: dict[str, Files]) -> Iterator[Row]:
    def row(
        name: str,
        more: str,
        broken: frozenset[str] = SOUND,
        second: Callable[[int], bool] = nothing_old,
        key: str = "P-256",
    ) -> Row:
        port = yard.process(partial(apache_command, yard.folder, files[key], more))
        url = f"https://{HOST}:{port}/"
        return Row(f"Apache as set up: {name}", url, broken, second=partial(second, port))

    yield row("TLS 1.3 only", "SSLProtocol TLSv1.3")
    yield row("RSA 3072, Mozilla intermediate", f"SSLCipherSuite {INTERMEDIATE}", key="RSA-3072")
    yield row("P-384", "", key="P-384")
    yield row("a hybrid group first", "SSLOpenSSLConfCmd Groups X25519MLKEM768:X25519:P-256")
    yield row("CBC beside", f"SSLCipherSuite {STRONG}:{CBC}", CIPHER, lambda port: suite(port, CBC))
    yield row(
        "TLS 1.1 beside",
        f"SSLProtocol -all +TLSv1.1 +TLSv1.2\nSSLCipherSuite {STRONG}:ECDHE:@SECLEVEL=0",
        VERSION | CIPHER,
        lambda port: old_version(port, "tls1_1"),
    )
    yield row(
        "no HSTS",
        "Header always unset Strict-Transport-Security",
        NO_HSTS,
        nothing_old,
    )


def _ftp_row(
    name: str, port: int, broken: frozenset[str], second: Callable[[int], bool], clause: str = ""
) -> Row:
    url = f"ftps://{HOST}:{port}"
    return Row(name, url, broken, clause, partial(second, port), unseen=UNTOLD)


def _vsftpd_rows(yard: Yard, root: Made, files: dict[str, Files]) -> Iterator[Row]:
    def row(
        name: str,
        broken: frozenset[str],
        second: Callable[[int], bool],
        given: Files = files["P-256"],
        **settings: str,
    ) -> Row:
        def command(port: int) -> list[str]:
            folder: Path = yard.folder / f"vsftpd-{port}"
            folder.mkdir()
            return vsftpd_command(folder, given, port, **settings)

        return _ftp_row(f"vsftpd: {name}", yard.process(command), broken, second)

    def leaf(name: str, wish: Wish) -> Files:
        return made(wish, root).written(yard.folder, f"vsftpd-{name}")

    right = Wish(names=(HOST,))
    yield row("right", SOUND, ftp_is_right)
    yield row("AES-GCM only", SOUND, ftp_is_right, ssl_ciphers="ECDHE+AESGCM")
    yield row("RSA 3072", SOUND, ftp_is_right, files["RSA-3072"])
    yield row("P-384", SOUND, ftp_is_right, files["P-384"])
    yield row("no anonymous users", SOUND, ftp_is_right, anonymous_enable="NO")
    yield row(
        "passwords in clear",
        frozenset(["transit-ftp-plaintext"]),
        takes_names_in_clear,
        force_local_logins_ssl="NO",
    )
    yield row(
        "CBC beside",
        CIPHER,
        lambda port: _ftp_speaks(port, "-tls1_2", "-cipher", CBC),
        ssl_ciphers=f"{STRONG}:{CBC}",
    )
    yield row(
        "another name",
        frozenset(["transit-wrong-name"]),
        lambda port: not _ftp_verifies(port, yard),
        leaf("name", replace(right, names=("other.example",))),
    )
    yield row(
        "expired",
        frozenset(["transit-expired-certificate"]),
        lambda port: not _ftp_verifies(port, yard),
        leaf("expired", replace(right, begins_days=-90, ends_days=-1)),
    )


def _pyftpdlib_rows(yard: Yard, files: Files) -> Iterator[Row]:
    def row(kind: str, broken: frozenset[str], second: Callable[[int], bool]) -> Row:
        def command(port: int) -> list[str]:
            given = (str(port), str(files.chain), str(files.key), kind)
            return [sys.executable, "-c", _PYFTPDLIB, *given]

        return _ftp_row(f"pyftpdlib: {kind}", yard.process(command), broken, second)

    yield row("right", SOUND, lambda port: ftp_is_right(port) and not _obeys_what_came_before(port))
    yield row("stock", frozenset(["transit-ftp-injection"]), _obeys_what_came_before)
    yield row("clear", frozenset(["transit-ftp-plaintext"]), takes_names_in_clear)


def _ftp_speaks(port: int, *options: str) -> bool:
    return openssl_connects(port, "-starttls", "ftp", *options)


def _ftp_verifies(port: int, yard: Yard) -> bool:
    trust = ("-CAfile", str(yard.folder / "root.pem"), "-verify_hostname", HOST)
    return _ftp_speaks(port, *trust, "-verify_return_error")


def takes_names_in_clear(port: int) -> bool:
    """Return whether the FTP server asks for a password in clear."""
    # RFC 959, 5.4: 331 asks for the password.
    with ftplib.FTP() as client:  # noqa: S321  # what is asked is whether it takes clear text
        client.connect("127.0.0.1", port, timeout=60)
        try:
            return client.sendcmd("USER nobody-at-all").startswith("331")
        except (ftplib.error_perm, ftplib.error_temp):
            return False


def ftp_is_right(port: int) -> bool:
    """Return whether the FTP server speaks TLS as it should, and asks for no password without it."""
    old = ("-tls1_1", "-cipher", "ALL:COMPLEMENTOFALL@SECLEVEL=0")
    return _ftp_speaks(port) and not _ftp_speaks(port, *old) and not takes_names_in_clear(port)


def _obeys_what_came_before(port: int) -> bool:
    # The class of CVE-2011-1575: what was sent in clear behind AUTH must not count once TLS stands.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=60) as plain:
        plain.recv(4096)
        plain.sendall(b"AUTH TLS\r\nNOOP\r\n")
        if not plain.recv(4096).startswith(b"234"):
            return False
        with context.wrap_socket(plain) as secured:
            secured.sendall(b"PBSZ 0\r\n")
            return b"PBSZ" not in secured.recv(4096).partition(b"\r\n")[0]

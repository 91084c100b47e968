"""Rows of the matrix about TLS itself: versions, suites, groups, in several engines."""

from __future__ import annotations

import socket
import subprocess
from functools import partial
from typing import TYPE_CHECKING

from tests.peers.audited import https_server
from tests.peers.certified import Made, Wish, authority, made
from tests.peers.matrix import HOST, Row, Yard
from tests.peers.matrix_certificates import answering, served_by

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Sequence

VERSION = frozenset(["transit-weak-version"])
CIPHER = frozenset(["transit-weak-cipher"])
NO_HSTS = frozenset(["transit-no-hsts"])
STRONG = "ECDHE+AESGCM:ECDHE+CHACHA20"


def openssl_connects(port: int, *options: str) -> bool:
    """Return whether ``openssl s_client`` gets through the handshake."""
    command = [
        "openssl",
        "s_client",
        "-connect",
        f"127.0.0.1:{port}",
        "-servername",
        HOST,
        *options,
    ]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=60, check=False)
    return done.returncode == 0 and b"Cipher is (NONE)" not in done.stdout


def old_version(port: int, version: str) -> bool:
    """Return whether ``openssl s_client`` speaks *version* with the server."""
    return openssl_connects(port, f"-{version}", "-cipher", "ALL:COMPLEMENTOFALL@SECLEVEL=0")


def suite(port: int, name: str) -> bool:
    """Return whether ``openssl s_client`` agrees on the suite *name*, as OpenSSL calls it."""
    return openssl_connects(port, "-tls1_2", "-cipher", f"{name}:@SECLEVEL=0")


def nothing_old(port: int) -> bool:
    """Return whether ``openssl s_client`` finds neither an old version nor a weak suite."""
    return (
        openssl_connects(port)
        and not old_version(port, "tls1_1")
        and not suite(
            port, "ALL:!ECDHE+AESGCM:!ECDHE+CHACHA20:!ECDHE+AESCCM:!DHE+AESGCM:!DHE+CHACHA20"
        )
    )


def tls_rows(yard: Yard, root: Made) -> Iterator[Row]:
    """Yield the rows; *root* is the authority that the audit trusts."""
    good = made(Wish(names=(HOST,)), root).written(yard.folder, "tls")
    rsa = made(Wish(names=(HOST,), key="RSA-2048"), root).written(yard.folder, "tls-rsa")

    def nginx_row(
        name: str,
        broken: frozenset[str],
        second: Callable[[int], bool],
        **other: str,
    ) -> Row:
        port = yard.nginx(lambda port: https_server(good, port, name=HOST, **other))
        return Row(
            f"nginx: {name}", f"https://{HOST}:{port}/", broken, second=partial(second, port)
        )

    yield nginx_row("right", frozenset(), nothing_old)
    yield nginx_row("TLS 1.3 only", frozenset(), nothing_old, protocols="TLSv1.3")
    yield nginx_row("TLS 1.2 only", frozenset(), nothing_old, protocols="TLSv1.2")
    yield nginx_row("AES-GCM only", frozenset(), nothing_old, ciphers="ECDHE+AESGCM")
    yield nginx_row("CCM", frozenset(), nothing_old, ciphers="ECDHE+AESCCM:!AESCCM8")
    yield nginx_row(
        "TLS 1.1 beside",
        VERSION | CIPHER,
        lambda port: old_version(port, "tls1_1"),
        protocols="TLSv1.1 TLSv1.2 TLSv1.3",
        ciphers=f"{STRONG}:ECDHE:@SECLEVEL=0",
    )
    yield nginx_row(
        "TLS 1.0 only",
        VERSION | CIPHER,
        lambda port: old_version(port, "tls1"),
        protocols="TLSv1",
        ciphers="ECDHE:@SECLEVEL=0",
    )
    yield nginx_row(
        "CBC beside",
        CIPHER,
        lambda port: suite(port, "ECDHE-ECDSA-AES128-SHA"),
        ciphers=f"{STRONG}:ECDHE-ECDSA-AES128-SHA",
    )
    yield nginx_row(
        "CCM with a short tag",
        CIPHER,
        lambda port: suite(port, "ECDHE-ECDSA-AES128-CCM8"),
        ciphers=f"{STRONG}:ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0",
    )

    def s_server(
        name: str, broken: frozenset[str], second: Callable[[int], bool], *options: str
    ) -> Row:
        def command(port: int) -> Sequence[str]:
            files = ["-cert", str(rsa.chain), "-key", str(rsa.key)]
            return ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", *files, *options]

        port = yard.process(command)
        url = f"https://{HOST}:{port}/"
        return Row(f"s_server: {name}", url, broken | NO_HSTS, second=partial(second, port))

    yield s_server(
        "right but for HSTS", frozenset(), nothing_old, "-cipher", "ECDHE+AESGCM:DHE+AESGCM"
    )
    yield s_server(
        "static RSA beside",
        CIPHER,
        lambda port: suite(port, "AES128-GCM-SHA256"),
        *("-cipher", "ECDHE+AESGCM:AES128-GCM-SHA256"),
    )


# Suites that a server may take besides right ones, by number, the hello's version, and what the
# IANA calls them; most are in no library any more, so a script answers for the server.
ODD_SUITES: tuple[tuple[int, int, str], ...] = (
    (0x00BA, 0x0303, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256"),
    (0xC07A, 0x0303, "TLS_RSA_WITH_CAMELLIA_128_GCM_SHA256"),
    (0xC07F, 0x0303, "TLS_DH_RSA_WITH_CAMELLIA_256_GCM_SHA384"),
    (0x00A0, 0x0303, "TLS_DH_RSA_WITH_AES_128_GCM_SHA256"),
    (0xC031, 0x0303, "TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256"),
    (0x001F, 0x0301, "TLS_KRB5_WITH_3DES_EDE_CBC_SHA"),
    (0x00A6, 0x0303, "TLS_DH_anon_WITH_AES_128_GCM_SHA256"),
    (0xC018, 0x0303, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"),
    (0x0003, 0x0303, "TLS_RSA_EXPORT_WITH_RC4_40_MD5"),
    (0x003B, 0x0303, "TLS_RSA_WITH_NULL_SHA256"),
    (0xC010, 0x0303, "TLS_ECDHE_RSA_WITH_NULL_SHA"),
    (0xC102, 0x0303, "TLS_GOSTR341112_256_WITH_28147_CNT_IMIT"),
    (0x0081, 0x0303, "TLS_GOSTR341001_WITH_28147_CNT_IMIT"),
    (0xC050, 0x0303, "TLS_RSA_WITH_ARIA_128_GCM_SHA256"),
    (0xC09C, 0x0303, "TLS_RSA_WITH_AES_128_CCM"),
    (0x00A8, 0x0303, "TLS_PSK_WITH_AES_128_GCM_SHA256"),
    (0xC01E, 0x0303, "TLS_SRP_SHA_DSS_WITH_AES_128_CBC_SHA"),
    (0x0096, 0x0303, "TLS_RSA_WITH_SEED_CBC_SHA"),
    (0xE053, 0x0303, "TLS_ECC_SM4_GCM_SM3"),
    (0xFEFF, 0x0303, "SSL_RSA_FIPS_WITH_3DES_EDE_CBC_SHA"),
    (0xC0B4, 0x0304, "TLS_SHA256_SHA256"),
    (0x00C6, 0x0304, "TLS_SM4_GCM_SM3"),
)
_OLD = 0x0301
# What the server takes whenever it can.
_RIGHT = {0x1301, 0x1302, 0x1303, 0xC02B, 0xC02C, 0xCCA9}
# A SERVER-HELLO of SSL 2.0 with one cipher and no certificate.
_SSL2_ANSWER = b"\x80\x0e\x04\x00\x01\x00\x02\x00\x00\x00\x03\x00\x00\x01\x00\x80"


def _offer(hello: bytes) -> tuple[int, set[int]]:
    # RFC 8446, 4.1.2: behind the headers of record and message a version, a random and a session.
    position = 9 + 34 + 1 + hello[9 + 34]
    length = int.from_bytes(hello[position : position + 2], "big")
    listed = hello[position + 2 : position + 2 + length]
    suites = {int.from_bytes(listed[i : i + 2], "big") for i in range(0, length, 2)}
    version = int.from_bytes(hello[9:11], "big")
    return (0x0304 if b"\x00\x2b\x00\x03\x02\x03\x04" in hello else version), suites


def _server_hello(version: int, suite: int) -> bytes:
    extensions = b"\x00\x06\x00\x2b\x00\x02\x03\x04" if version == 0x0304 else b""  # TLS 1.3
    body = min(version, 0x0303).to_bytes(2, "big") + bytes(32) + b"\x00"
    body += suite.to_bytes(2, "big") + b"\x00" + extensions
    messages = b"\x02" + len(body).to_bytes(3, "big") + body
    if version < 0x0304:  # TLS 1.3
        messages += b"\x0e\x00\x00\x00"
    return b"\x16\x03\x03" + len(messages).to_bytes(2, "big") + messages


def odd(context: ssl.SSLContext, version: int, suite: int, peer: socket.socket) -> None:
    """
    Answer a hello of *version* that offers *suite* with it, and everything else by TLS.

    A version of 0 stands for SSL 2.0.
    """
    head = peer.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
    if head[:1] != b"\x16":  # a handshake record
        if version == 0 and head[:1] == b"\x80":  # a CLIENT-HELLO of SSL 2.0
            peer.sendall(_SSL2_ANSWER)
        return
    whole = 5 + int.from_bytes(head[3:5], "big")
    hello = peer.recv(whole, socket.MSG_PEEK | socket.MSG_WAITALL)
    asked, suites = _offer(hello)
    better = version >= 0x0303 and suites & _RIGHT  # TLS 1.2
    if asked == version and suite in suites and not better:
        peer.sendall(_server_hello(version, suite))
        return
    answering(context, peer)


def odd_rows(yard: Yard, root: Made) -> Iterator[Row]:
    """Yield servers that are right, and take one suite, or SSL 2.0, that nobody offers any more."""
    context = served_by(made(Wish(names=(HOST,)), root).written(yard.folder, "odd"))
    for suite_number, version, name in ODD_SUITES:
        port = yard.scripted(partial(odd, context, version, suite_number))
        broken = CIPHER | VERSION if version == _OLD else CIPHER
        clause = "RFC 9325, 4.1 and 4.2"
        yield Row(f"also takes {name}", f"https://{HOST}:{port}/", broken, clause)
    port = yard.scripted(partial(odd, context, 0, 0))
    yield Row("also takes SSL 2.0", f"https://{HOST}:{port}/", VERSION | CIPHER, "RFC 6176, 3")
    port = yard.scripted(partial(odd, context, 0x0300, 0x000A))
    yield Row("also takes SSL 3.0", f"https://{HOST}:{port}/", VERSION | CIPHER, "RFC 7568, 3")
    right = (
        (0xC02B, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (0xC05C, "ECDHE-ECDSA-ARIA128-GCM-SHA256"),
        (0xC086, "ECDHE-ECDSA-CAMELLIA128-GCM-SHA256"),
        (0xC0AC, "ECDHE-ECDSA-AES128-CCM"),
        (0xD001, "ECDHE-PSK-AES128-GCM-SHA256"),
        (0xCCAC, "ECDHE-PSK-CHACHA20-POLY1305"),
    )
    for suite_number, name in right:
        port = yard.scripted(partial(odd, context, 0x0303, suite_number))
        yield Row(f"also takes {name}", f"https://{HOST}:{port}/", backed="RFC 9325, 4.1 and 4.2")


def trusted(yard: Yard) -> Made:
    """Return an authority, written into the yard as ``root.pem``."""
    root = authority("Matrix root")
    (yard.folder / "root.pem").write_bytes(root.pem)
    return root

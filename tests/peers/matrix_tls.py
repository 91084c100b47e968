"""
Rows of the matrix about TLS itself: versions, suites, groups, in several engines.
"""

from __future__ import annotations

import subprocess
from functools import partial
from typing import TYPE_CHECKING

from tests.peers.audited import https_server
from tests.peers.certified import Made, Wish, authority, made
from tests.peers.matrix import HOST, Row, Yard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

VERSION = frozenset(["transit-weak-version"])
CIPHER = frozenset(["transit-weak-cipher"])
NO_HSTS = frozenset(["transit-no-hsts"])
STRONG = "ECDHE+AESGCM:ECDHE+CHACHA20"


def openssl_connects(port: int, *options: str) -> bool:
    """
    Return whether ``openssl s_client`` gets through the handshake.
    """
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
    """
    Return whether ``openssl s_client`` speaks *version* with the server.
    """
    return openssl_connects(port, f"-{version}", "-cipher", "ALL:COMPLEMENTOFALL@SECLEVEL=0")


def suite(port: int, name: str) -> bool:
    """
    Return whether ``openssl s_client`` agrees on the suite *name*, as OpenSSL calls it.
    """
    return openssl_connects(port, "-tls1_2", "-cipher", f"{name}:@SECLEVEL=0")


def nothing_old(port: int) -> bool:
    """
    Return whether ``openssl s_client`` finds neither an old version nor a weak suite.
    """
    return (
        openssl_connects(port)
        and not old_version(port, "tls1_1")
        and not suite(
            port, "ALL:!ECDHE+AESGCM:!ECDHE+CHACHA20:!ECDHE+AESCCM:!DHE+AESGCM:!DHE+CHACHA20"
        )
    )


def tls_rows(yard: Yard, root: Made) -> Iterator[Row]:
    """
    Yield the rows; *root* is the authority that the audit trusts.
    """
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


def trusted(yard: Yard) -> Made:
    """
    Return an authority, written into the yard as ``root.pem``.
    """
    root = authority("Matrix root")
    (yard.folder / "root.pem").write_bytes(root.pem)
    return root

"""
Rows of the matrix about servers besides nginx, Apache, OpenSSH and vsftpd, right and not.

HAProxy, Caddy, lighttpd, gnutls-serv, Dropbear, ProFTPD and Pure-FTPd.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from tests.peers.certified import Made, Wish, made
from tests.peers.ftp_servers import proftpd_command, pure_ftpd_command
from tests.peers.matrix import HOST, Row, Yard
from tests.peers.matrix_servers import (
    CBC,
    INTERMEDIATE,
    SOUND,
    UNTOLD,
    ftp_is_right,
    takes_names_in_clear,
)
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
from tests.peers.web_servers import (
    caddy_command,
    caddy_site,
    gnutls_command,
    haproxy_command,
    lighttpd_command,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.peers.audited import Files

DROPBEAR = shutil.which("dropbear") or "/usr/sbin/dropbear"
UNAUTHENTICATED = frozenset(["transit-client-unauthenticated"])
EXPIRED = frozenset(["transit-expired-certificate"])
NAME = frozenset(["transit-wrong-name"])
# What a client that has no certificate never sees of a host that demands one.
BEHIND_A_CERTIFICATE = frozenset(
    [
        "transit-no-hsts",
        "transit-form-plaintext",
        "transit-form-get",
        "transit-insecure-cookie",
        "transit-scriptable-cookie",
        "transit-mixed-content",
        "payment-elsewhere",
        "minimise-leftover-served",
    ]
)
# GnuTLS: what RFC 9325, 4.2 recommends, and no more.
GNUTLS_STRONG = (
    "NONE:+VERS-TLS1.3:+VERS-TLS1.2:+ECDHE-ECDSA:+ECDHE-RSA:+AES-256-GCM:+AES-128-GCM:"
    "+CHACHA20-POLY1305:+AEAD:+GROUP-ALL:+SIGN-ALL:+COMP-NULL:+CTYPE-ALL"
)


def other_rows(yard: Yard, root: Made) -> Iterator[Row]:
    """Yield the rows; *root* is the authority that the audit trusts."""
    right = Wish(names=(HOST,))
    wishes = {
        "right": right,
        "RSA": replace(right, key="RSA-3072"),
        "P-384": replace(right, key="P-384"),
        # GnuTLS takes a key for what its certificate says that it is for.
        "keys": replace(
            right,
            key="RSA-3072",
            key_usage=frozenset(["digital_signature", "key_encipherment"]),
        ),
        "name": replace(right, names=("other.example",)),
        "expired": replace(right, begins_days=-90, ends_days=-1),
    }
    files = {
        name: made(wish, root).written(yard.folder, f"others-{name}")
        for name, wish in wishes.items()
    }
    yield from _haproxy_rows(yard, files)
    yield from _caddy_rows(yard, files)
    yield from _lighttpd_rows(yard, files)
    yield from _gnutls_rows(yard, files)
    yield from _dropbear_rows(yard)
    yield from _ftp_rows(yard, files)


def _verifies(port: int, yard: Yard) -> bool:
    trust = ("-CAfile", str(yard.folder / "root.pem"), "-verify_hostname", HOST)
    return openssl_connects(port, *trust, "-verify_return_error")


def _haproxy_rows(yard: Yard, files: dict[str, Files]) -> Iterator[Row]:
    def row(
        name: str,
        broken: frozenset[str] = SOUND,
        second: Callable[[int], bool] = nothing_old,
        given: str = "right",
        **more: str,
    ) -> Row:
        def command(port: int) -> list[str]:
            return haproxy_command(yard.folder, files[given], port, **more)

        port = yard.process(command)
        return Row(
            f"HAProxy: {name}", f"https://{HOST}:{port}/", broken, second=partial(second, port)
        )

    yield row("right")
    yield row("TLS 1.3 only", least="TLSv1.3")
    yield row("RSA 3072, Mozilla intermediate", given="RSA", suites=INTERMEDIATE)
    yield row("HTTP/2", bind="alpn h2,http/1.1")
    yield row("a page that clients without a certificate do not get", front="http-request deny")
    yield row(
        "TLS 1.1 beside",
        VERSION | CIPHER,
        lambda port: old_version(port, "tls1_1"),
        least="TLSv1.1",
        suites=f"{STRONG}:ECDHE:@SECLEVEL=0",
    )
    yield row("CBC beside", CIPHER, lambda port: suite(port, CBC), suites=f"{STRONG}:{CBC}")
    yield row("no HSTS", NO_HSTS, hsts="")
    yield row("another name", NAME, lambda port: not _verifies(port, yard), given="name")
    yield row("expired", EXPIRED, lambda port: not _verifies(port, yard), given="expired")
    yield from _secret_rows(yard, files["right"])


def _secret_rows(yard: Yard, files: Files) -> Iterator[Row]:
    """Yield hosts of class "secret": TLS 1.3, a hybrid group only, and a client's certificate."""
    own = f"ca-file {yard.folder / 'root.pem'} curves X25519MLKEM768"

    def row(name: str, bind: str, broken: frozenset[str], *, takes: bool) -> Row:
        def command(port: int) -> list[str]:
            return haproxy_command(yard.folder, files, port, bind=f"{own} {bind}", least="TLSv1.3")

        port = yard.process(command)
        return Row(
            f"HAProxy, secret: {name}",
            f"https://{HOST}:{port}/",
            broken,
            second=lambda: _serves_strangers(port) is takes,
            unseen=frozenset() if takes else BEHIND_A_CERTIFICATE,
            class_id="secret",
        )

    yield row("required", "verify required", SOUND, takes=False)
    yield row("optional", "verify optional", UNAUTHENTICATED, takes=True)
    yield row(
        "anybody's will do", "verify required crt-ignore-err all", UNAUTHENTICATED, takes=False
    )


def _serves_strangers(port: int) -> bool:
    given = ("--resolve", f"{HOST}:{port}:127.0.0.1", f"https://{HOST}:{port}/")
    done = subprocess.run(
        ["curl", "--silent", "--insecure", "--curves", "X25519MLKEM768", *given],
        capture_output=True,
        timeout=60,
        check=False,
    )
    return b"welcome" in done.stdout


def _caddy_rows(yard: Yard, files: dict[str, Files]) -> Iterator[Row]:
    def row(
        name: str,
        broken: frozenset[str] = SOUND,
        second: Callable[[int], bool] = nothing_old,
        given: str = "right",
        **more: str,
    ) -> Row:
        def command(port: int) -> list[str]:
            return caddy_command(yard.folder, caddy_site(files[given], port, **more))

        port = yard.process(command)
        return Row(
            f"Caddy: {name}", f"https://{HOST}:{port}/", broken, second=partial(second, port)
        )

    cbc = "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"
    yield row("right, as it comes")
    yield row("RSA 3072", given="RSA")
    yield row("P-384", given="P-384")
    yield row("TLS 1.3 only", tls="protocols tls1.3")
    yield row("a hidden name", site="header -Server")
    yield row(
        "CBC beside",
        CIPHER,
        lambda port: suite(port, CBC),
        tls=f"ciphers TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 {cbc}",
    )
    yield row("no HSTS", NO_HSTS, hsts="")
    yield row("another name", NAME, lambda port: not _verifies(port, yard), given="name")
    yield row("expired", EXPIRED, lambda port: not _verifies(port, yard), given="expired")


def _lighttpd_rows(yard: Yard, files: dict[str, Files]) -> Iterator[Row]:
    def row(
        name: str,
        broken: frozenset[str],
        second: Callable[[int], bool],
        more: str = "",
    ) -> Row:
        def command(port: int) -> list[str]:
            return lighttpd_command(yard.folder, files["right"], port, more)

        port = yard.process(command)
        return Row(
            f"lighttpd: {name}", f"https://{HOST}:{port}/", broken, second=partial(second, port)
        )

    def tls_1_2(suites: str) -> str:
        given = f'("MinProtocol" => "TLSv1.2", "CipherString" => "{suites}")'
        return f"ssl.openssl.ssl-conf-cmd = {given}"

    yield row("right, as it comes", SOUND, nothing_old)
    yield row("TLS 1.2 beside", SOUND, nothing_old, tls_1_2(STRONG))
    yield row("CBC beside", CIPHER, lambda port: suite(port, CBC), tls_1_2(f"{STRONG}:{CBC}"))
    yield row("no HSTS", NO_HSTS, nothing_old, 'setenv.set-response-header := ("X-A" => "b")')


def _gnutls_rows(yard: Yard, files: dict[str, Files]) -> Iterator[Row]:
    def row(
        name: str,
        broken: frozenset[str],
        second: Callable[[int], bool],
        *,
        given: str = "right",
        priority: str = GNUTLS_STRONG,
    ) -> Row:
        def command(port: int) -> list[str]:
            return gnutls_command(files[given], port, "--priority", priority)

        port = yard.process(command)
        # It knows no fields to add.
        url = f"https://{HOST}:{port}/"
        return Row(f"GnuTLS: {name}", url, broken | NO_HSTS, second=partial(second, port))

    yield row("right but for HSTS", SOUND, nothing_old)
    yield row("RSA 3072", SOUND, nothing_old, given="RSA")
    yield row("TLS 1.3 only", SOUND, nothing_old, priority=f"{GNUTLS_STRONG}:-VERS-TLS1.2")
    yield row(
        "CBC beside",
        CIPHER,
        lambda port: suite(port, CBC),
        priority=f"{GNUTLS_STRONG}:+AES-128-CBC:+SHA1",
    )
    yield row(
        "static RSA beside",
        CIPHER,
        lambda port: suite(port, "AES128-GCM-SHA256"),
        given="keys",
        priority=f"{GNUTLS_STRONG}:+RSA",
    )
    yield row(
        "TLS 1.1 beside",
        VERSION | CIPHER,
        lambda port: old_version(port, "tls1_1"),
        priority=f"{GNUTLS_STRONG}:+VERS-TLS1.1:+AES-128-CBC:+SHA1",
    )
    yield row(
        "nobody proves who they are, beside",
        CIPHER,
        lambda port: _gnutls_connects(port, "+ANON-ECDH"),
        priority=f"{GNUTLS_STRONG}:+ANON-ECDH:+AES-128-CBC:+SHA1",
    )
    yield row("another name", NAME, lambda port: not _verifies(port, yard), given="name")
    yield row("expired", EXPIRED, lambda port: not _verifies(port, yard), given="expired")


def _gnutls_connects(port: int, exchange: str) -> bool:
    priority = f"NONE:+VERS-TLS1.2:{exchange}:+AES-128-CBC:+SHA1:+GROUP-ALL:+SIGN-ALL:+COMP-NULL"
    given = ("--insecure", "--priority", priority, "--port", str(port), "127.0.0.1")
    done = subprocess.run(
        ["gnutls-cli", *given], input=b"", capture_output=True, timeout=60, check=False
    )
    return b"Handshake was completed" in done.stdout


def _dropbear_rows(yard: Yard) -> Iterator[Row]:
    def key(kind: str, *size: str) -> str:
        path = yard.folder / "-".join(["dropbear", kind, *size])
        if not path.exists():
            given = ["-t", kind, "-f", str(path), *(["-s", *size] if size else [])]
            subprocess.run(["dropbearkey", *given], check=True, capture_output=True)
        return str(path)

    def row(name: str, broken: frozenset[str], least: int, *keys: str) -> Row:
        def command(port: int) -> Sequence[str]:
            given = [part for one in keys for part in ("-r", one)]
            return [DROPBEAR, "-F", "-E", "-s", *given, "-p", f"127.0.0.1:{port}"]

        port = yard.process(command)

        def second() -> bool:
            bits = _host_key_bits(port)
            return _offers_nothing_old(port) and len(bits) == len(keys) and min(bits) == least

        return Row(f"Dropbear: {name}", f"ssh://127.0.0.1:{port}", broken, second=second)

    yield row("as it comes, Ed25519", SOUND, 256, key("ed25519"))
    yield row("ECDSA", SOUND, 384, key("ecdsa", "384"))
    yield row("Ed25519 and RSA 3072", SOUND, 256, key("ed25519"), key("rsa", "3072"))
    yield row("RSA 1024", frozenset(["transit-ssh-weak-host-key"]), 1024, key("rsa", "1024"))


def _host_key_bits(port: int) -> list[int]:
    scanned = subprocess.run(
        ["ssh-keyscan", "-p", str(port), "127.0.0.1"], capture_output=True, timeout=60, check=True
    )
    told = subprocess.run(
        ["ssh-keygen", "-lf", "-"],
        input=scanned.stdout,
        capture_output=True,
        timeout=60,
        check=True,
    )
    return [int(line.split()[0]) for line in told.stdout.decode().splitlines()]


def _offers_nothing_old(port: int) -> bool:
    # What ssh says that the server offers; RFC 9142, 4 and RFC 8758 name what is old.
    options = ("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null")
    given = [part for one in options for part in ("-o", one)]
    done = subprocess.run(
        ["ssh", "-vv", *given, "-p", str(port), "nobody@127.0.0.1", "true"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    told = done.stderr.decode().partition("peer server KEXINIT proposal")[2]
    offered = told.partition("first_kex_follows")[0]
    return bool(offered) and not re.search(r"sha1|md5|cbc|arcfour|3des|group1-|-96\b", offered)


def _ftp_rows(yard: Yard, files: dict[str, Files]) -> Iterator[Row]:
    def row(
        name: str,
        command: Callable[[int], list[str]],
        broken: frozenset[str] = SOUND,
        second: Callable[[int], bool] = ftp_is_right,
    ) -> Row:
        port = yard.process(command)
        url = f"ftps://{HOST}:{port}"
        return Row(name, url, broken, second=partial(second, port), unseen=UNTOLD)

    in_clear = frozenset(["transit-ftp-plaintext"])

    def proftpd(more: str = "") -> Callable[[int], list[str]]:
        return lambda port: proftpd_command(yard.folder, files["right"], port, more)

    def pure(given: str = "right", **settings: str) -> Callable[[int], list[str]]:
        return lambda port: pure_ftpd_command(yard.folder, files[given], port, **settings)

    yield row("ProFTPD: right", proftpd())
    yield row(
        "ProFTPD: passwords in clear", proftpd("TLSRequired data"), in_clear, takes_names_in_clear
    )
    yield row("Pure-FTPd: right", pure())
    yield row("Pure-FTPd: RSA 3072", pure("RSA"))
    yield row("Pure-FTPd: passwords in clear", pure(TLS="1"), in_clear, takes_names_in_clear)
    yield row(
        "Pure-FTPd: CBC beside",
        pure(TLSCipherSuite=f"{STRONG}:{CBC}"),
        CIPHER,
        lambda port: openssl_connects(port, "-starttls", "ftp", "-tls1_2", "-cipher", CBC),
    )
    yield row(
        "Pure-FTPd: expired",
        pure("expired"),
        EXPIRED,
        lambda port: (
            not openssl_connects(
                port,
                *("-starttls", "ftp", "-CAfile", str(yard.folder / "root.pem")),
                *("-verify_hostname", HOST, "-verify_return_error"),
            )
        ),
    )

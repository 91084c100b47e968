"""
Web servers besides nginx and Apache: Caddy, HAProxy, lighttpd, and those that come with OpenSSL and GnuTLS.

Each is right but for what is added, and shows one page.
"""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.peers.unpacked import PLACE, command
from tests.ports import await_listener, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.peers.audited import Files

HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
SUITES = "ECDHE+AESGCM:ECDHE+CHACHA20"
HSTS = "max-age=63072000"


@contextmanager
def serving(folder: Path, start: Callable[[int], Sequence[str]]) -> Iterator[int]:
    """Run what *start* gives for a port until the block ends."""
    port = free_port()
    log = folder / f"{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            start(port), stdout=output, stderr=output, stdin=subprocess.DEVNULL, cwd=folder
        )
        try:
            await_listener(port, process, log)
            yield port
        finally:
            process.terminate()
            process.wait(10)


def caddy_site(files: Files, port: int, *, tls: str = "", site: str = "", hsts: str = HSTS) -> str:
    """Return a Caddyfile with *tls* in its ``tls`` block and *site* in the site's."""
    field = f'header Strict-Transport-Security "{hsts}"' if hsts else ""
    inner = f"{{\n{tls}\n}}" if tls else ""
    return f"""
    {{
        admin off
        auto_https off
    }}
    https://shop.localhost:{port} {{
        bind 127.0.0.1
        tls {files.chain} {files.key} {inner}
        {field}
        header Content-Type text/html
        {site}
        respond / "<p>welcome</p>"
        respond "nothing" 404
    }}
    """


def caddy_command(folder: Path, text: str, *, act: str = "run") -> list[str]:
    """Return what gives the Caddyfile *text* to ``caddy run``, or has it do another *act*."""
    own = folder / f"caddy-{len(list(folder.glob('caddy-*')))}"
    own.mkdir()
    (own / "Caddyfile").write_text(text, "utf-8")
    given = ["--config", str(own / "Caddyfile"), "--adapter", "caddyfile"]
    return [*command("caddy", XDG_CONFIG_HOME=own, XDG_DATA_HOME=own), act, *given]


def haproxy_config(
    folder: Path,
    files: Files,
    port: int,
    *,
    bind: str = "",
    front: str = "",
    suites: str = SUITES,
    least: str = "TLSv1.2",
    hsts: str = HSTS,
) -> Path:
    """Return a configuration with *bind* on the line of its port and *front* in its frontend."""
    both = folder / f"haproxy-{port}.pem"
    both.write_bytes(files.chain.read_bytes() + files.key.read_bytes())
    field = f'http-after-response set-header Strict-Transport-Security "{hsts}"' if hsts else ""
    config = folder / f"haproxy-{port}.cfg"
    config.write_text(
        f"""
global
    ssl-default-bind-ciphers {suites}
    ssl-default-bind-options ssl-min-ver {least}
    tune.ssl.default-dh-param 2048
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend shop
    bind 127.0.0.1:{port} ssl crt {both} {bind}
    {field}
    {front}
    http-request return status 200 content-type text/html string "<p>welcome</p>" if {{ path / }}
    http-request return status 404 content-type text/html string "nothing"
""",
        "utf-8",
    )
    return config


def haproxy_command(folder: Path, files: Files, port: int, **more: str) -> list[str]:
    """Return what starts HAProxy, as in :func:`haproxy_config`."""
    return [HAPROXY, "-db", "-f", str(haproxy_config(folder, files, port, **more))]


def lighttpd_command(folder: Path, files: Files, port: int, more: str = "") -> list[str]:
    """Return what starts lighttpd with *more* in its file."""
    own = folder / f"lighttpd-{port}"
    own.mkdir()
    (own / "index.html").write_text("<p>welcome</p>", "utf-8")
    config = own / "lighttpd.conf"
    config.write_text(
        f"""
        server.document-root = "{own}"
        server.bind = "127.0.0.1"
        server.port = {port}
        server.modules = ("mod_openssl", "mod_setenv", "mod_redirect")
        index-file.names = ("index.html")
        mimetype.assign = ("" => "text/html")
        ssl.engine = "enable"
        ssl.pemfile = "{files.chain}"
        ssl.privkey = "{files.key}"
        setenv.set-response-header = ("Strict-Transport-Security" => "{HSTS}")
        {more}
        """,
        "utf-8",
    )
    modules = str(PLACE / "usr" / "lib" / "lighttpd")
    return [*command("lighttpd"), "-D", "-m", modules, "-f", str(config)]


def openssl_command(files: Files, port: int, *options: str) -> list[str]:
    """Return what starts ``openssl s_server``."""
    given = ["-cert", str(files.chain), "-key", str(files.key), "-www", *options]
    return ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", *given]


def gnutls_command(files: Files, port: int, *options: str) -> list[str]:
    """Return what starts ``gnutls-serv``."""
    given = ["--x509certfile", str(files.chain), "--x509keyfile", str(files.key), *options]
    return ["gnutls-serv", "--http", "--quiet", "--port", str(port), *given]

"""Each setting that a remedy names is one that the real server takes where it is said to stand."""

from __future__ import annotations

import http.client
import re
import shutil
import subprocess
import sys
import threading
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from sealgate.policy.servers import FIXES, Server
from tests.peers.audited import NGINX, Authority, apache_command, https_server, nginx
from tests.peers.fileservers import SSHD, make_key, vsftpd
from tests.peers.ftp_servers import proftpd_config, pure_ftpd_command
from tests.peers.unpacked import PLACE, command
from tests.peers.web_servers import (
    HAPROXY,
    caddy_command,
    caddy_site,
    haproxy_config,
    serving,
)
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.peers.audited import Files

    Settings = Callable[[str, Server], list[str]]

# What is quoted and is no setting: something to run.
RUN = frozenset(
    [
        "certbot renew",
        "nginx -t && nginx -s reload",
        "apachectl graceful",
        "ssh-keygen -t ed25519 -f /etc/ssh/ssh_host_ed25519_key",
    ]
)
# What newer versions alone take, as the remedy says: another stands beside it, or it says which.
NEWER = {"trust_pool file FILE": "before Caddy 2.8", "curves x25519mlkem768": "Caddy 2.10 or later"}
# Names other distributions have.
ELSEWHERE = frozenset(["ssl_tlsv1_1=NO", "ssl_tlsv1_2=NO"])
# A name alone, and how it is tried; "" where everything is in a block of that name already.
ALONE = {
    "ssl_dhparam": "ssl_dhparam DHPARAM;",
    "ssl_certificate": "ssl_certificate CHAIN;",
    "add_header": "add_header X-A b;",
    "SSLCertificateFile": "SSLCertificateFile CHAIN",
    "rsa_cert_file": "rsa_cert_file=CHAIN",
    "TLSCertificateChainFile": "TLSCertificateChainFile FILE",
    "NoSessionReuseRequired": "TLSOptions NoSessionReuseRequired",
    "CertFile": "",
    "Redirect": "",
    "return": "",
    "route": "",
    "fastcgi_pass": "",
    "session.cookie_secure = 1": "",
    "session.cookie_httponly = 1": "",
    "http://NAME": "",
    "tls": "",
    "client_auth": "",
    "reverse_proxy": "",
    "auto_https": "",
    "global": "",
    "crt": "",
    "crt-list": "",
    "verify": "",
    "ciphers": "ciphers TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "curves": "curves x25519",
    "server.modules": "",
    '$HTTP["scheme"] == "http"': "",
    '$HTTP["request-method"] !~ "^(GET|HEAD)$"': "",
}


@pytest.fixture(scope="module")
def files(authority: Authority) -> Files:
    """Make a certificate for all servers here."""
    return authority.issue("shop.localhost")


@pytest.fixture
def settings(authority: Authority, files: Files) -> Callable[[str, Server], list[str]]:
    """Return what gives the settings that the remedy of a rule names, filled in."""
    primes = files.chain.parent / "ffdhe2048.pem"
    if not primes.exists():
        made_of = ("-algorithm", "DH", "-pkeyopt", "group:ffdhe2048")
        subprocess.run(
            ["openssl", "genpkey", "-genparam", *made_of, "-out", str(primes)],
            check=True,
            capture_output=True,
        )
    filled = {
        r"\bFILE\b": str(authority.path),
        r"\bNAME\b": "session",
        r"\bCHAIN\b": str(files.chain),
        r"\bDHPARAM\b": str(primes),
    }

    def named(rule: str, server: Server) -> list[str]:
        text = FIXES[rule][server]
        found = []
        for quoted in re.findall(r"`([^`]+)`", text):
            if quoted in NEWER:
                assert NEWER[quoted] in text
            elif quoted not in RUN | ELSEWHERE:
                setting = ALONE.get(quoted, quoted)
                for name, value in filled.items():
                    setting = re.sub(name, value, setting)
                found += [setting] if setting else []
        return found

    return named


def of(server: Server) -> list[str]:
    """Return the rules that have a remedy for *server*."""
    return [rule for rule, fixes in FIXES.items() if server in fixes]


def accepted(given: list[str], folder: Path) -> None:
    """Run what checks a configuration, and require that it takes it."""
    done = subprocess.run(
        given, capture_output=True, text=True, timeout=60, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.peer("nginx")
@pytest.mark.parametrize("rule", of(Server.NGINX))
def test_nginx(tmp_path: Path, files: Files, settings: Settings, rule: str) -> None:
    """`nginx -t` takes what stands in a server block."""
    given = "\n".join(settings(rule, Server.NGINX))
    replaced = "" if "ssl_certificate " in given else f"ssl_certificate {files.chain};"
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"""
        pid {tmp_path}/pid; events {{ }}
        http {{
            access_log off;
            server {{
                listen 127.0.0.1:1 ssl;
                {replaced} ssl_certificate_key {files.key};
                {given}
                location / {{ proxy_pass http://127.0.0.1:2; }}
            }}
        }}
        """,
        "utf-8",
    )
    accepted([NGINX, "-t", "-q", "-c", str(config), "-e", str(tmp_path / "log")], tmp_path)


@pytest.mark.peer("apache2")
@pytest.mark.parametrize("rule", of(Server.APACHE))
def test_apache(tmp_path: Path, files: Files, settings: Settings, rule: str) -> None:
    """`apachectl -t` takes what stands in a host."""
    given = "\n".join(nested(settings(rule, Server.APACHE)))
    more = f"{APACHE_MODULES}\n<VirtualHost 127.0.0.1:1>\n{given}\n</VirtualHost>"
    start = apache_command(tmp_path, files, more, 1)
    accepted([start[0], "-t", *start[2:]], tmp_path)


APACHE_MODULES = "\n".join(
    f"LoadModule {one}_module /usr/lib/apache2/modules/mod_{one}.so"
    for one in ("alias", "rewrite", "proxy", "proxy_http")
)


def nested(given: list[str]) -> list[str]:
    """Return *given* with each section around what follows it, and ended."""
    sections = [line for line in given if line.startswith("<")]
    ends = [f"</{line.strip('<>').split(maxsplit=1)[0]}>" for line in sections]
    return [*given, *reversed(ends)]


@pytest.mark.peer("caddy")
@pytest.mark.parametrize("rule", of(Server.CADDY))
def test_caddy(tmp_path: Path, files: Files, settings: Settings, rule: str) -> None:
    """`caddy validate` takes what stands in a site, in its `tls`, or in its `reverse_proxy`."""
    given = settings(rule, Server.CADDY)
    proxied = [one for one in given if one.startswith("header_")]
    of_clients = [one for one in given if one.startswith(("mode", "trusted"))]
    of_tls = [one for one in given if one.startswith(("protocols", "ciphers", "curves"))]
    if of_clients:
        of_tls.append("\n".join(["client_auth {", *of_clients, "}"]))
    site = routed([one for one in given if one not in {*proxied, *of_clients, *of_tls}])
    if proxied:
        site.append("\n".join(["reverse_proxy 127.0.0.1:2 {", *proxied, "}"]))
    text = caddy_site(files, 1, tls="\n".join(of_tls), site="\n".join(site))
    accepted(caddy_command(tmp_path, text, act="validate"), tmp_path)


def routed(given: list[str]) -> list[str]:
    """Return *given* with what answers or redirects in a ``route``, where the order counts."""
    ordered = [one for one in given if one.startswith(("respond", "redir"))]
    return [
        *(one for one in given if one not in ordered),
        *(["\n".join(["route {", *ordered, "}"])] if ordered else []),
    ]


@pytest.mark.peer("haproxy")
@pytest.mark.parametrize("rule", of(Server.HAPROXY))
def test_haproxy(tmp_path: Path, files: Files, settings: Settings, rule: str) -> None:
    """`haproxy -c` takes what stands under `global`, on the bind line, or in the frontend."""
    given = settings(rule, Server.HAPROXY)
    on_all = [one for one in given if one.startswith("ssl-default-")]
    bind = [one for one in given if one.startswith(("ssl-min-ver", "verify"))]
    front = [one for one in given if one not in {*on_all, *bind}]
    config = haproxy_config(
        tmp_path, files, 1, bind=" ".join(bind), front="\n".join(front), hsts=""
    )
    lines = "\n".join(["global", *on_all])
    config.write_text(config.read_text("utf-8").replace("global", lines, 1), "utf-8")
    # A warning says of a rule that it has no effect.
    accepted([HAPROXY, "-c", "-q", "-dW", "-f", str(config)], tmp_path)


MODULES = '"mod_openssl", "mod_setenv", "mod_access", "mod_redirect"'


def lighttpd() -> list[str]:
    """Return what starts lighttpd with its modules."""
    return [*command("lighttpd"), "-m", str(PLACE / "usr" / "lib" / "lighttpd")]


@pytest.mark.peer("lighttpd")
@pytest.mark.parametrize("rule", of(Server.LIGHTTPD))
def test_lighttpd(tmp_path: Path, files: Files, settings: Settings, rule: str) -> None:
    """`lighttpd -tt` takes what stands in its file, or in the condition that is named."""
    inner = conditional(rule, settings)
    config = tmp_path / "lighttpd.conf"
    config.write_text(
        f"""
        server.document-root = "{tmp_path}"
        server.port = 1
        server.modules = ({MODULES})
        ssl.engine = "enable"
        ssl.pemfile = "{files.chain}"
        ssl.privkey = "{files.key}"
        {inner}
        """,
        "utf-8",
    )
    accepted([*lighttpd(), "-tt", "-f", str(config)], tmp_path)


def conditional(rule: str, settings: Settings) -> str:
    """Return what is named for lighttpd, in the condition that is named."""
    given = "\n".join(settings(rule, Server.LIGHTTPD))
    condition = re.search(r"`(\$HTTP[^`]+)`", FIXES[rule][Server.LIGHTTPD])
    return f"{condition[1]} {{\n{given}\n}}" if condition else given


@pytest.mark.peer("sshd")
@pytest.mark.parametrize("rule", of(Server.OPENSSH))
def test_openssh(tmp_path: Path, settings: Settings, rule: str) -> None:
    """`sshd -t` takes it."""
    config = tmp_path / "sshd_config"
    lines = [f"HostKey {make_key(tmp_path / 'key')}", *settings(rule, Server.OPENSSH)]
    config.write_text("\n".join([*lines, ""]), "utf-8")
    accepted([SSHD, "-t", "-f", str(config)], tmp_path)


@pytest.mark.peer("vsftpd")
@pytest.mark.parametrize("rule", of(Server.VSFTPD))
def test_vsftpd(tmp_path: Path, files: Files, settings: Settings, rule: str) -> None:
    """It starts with what is named, which it does not where it does not know a setting."""
    given = dict(one.split("=", 1) for one in settings(rule, Server.VSFTPD))
    with vsftpd(tmp_path, files, **given):
        pass


@pytest.mark.peer("proftpd")
@pytest.mark.parametrize("rule", of(Server.PROFTPD))
def test_proftpd(tmp_path: Path, files: Files, settings: Settings, rule: str) -> None:
    """`proftpd -t` takes it."""
    config = proftpd_config(tmp_path, files, 1, "\n".join(nested(settings(rule, Server.PROFTPD))))
    accepted([*command("proftpd"), "-t", "-c", str(config)], tmp_path)


@pytest.mark.peer("pure-ftpd")
@pytest.mark.parametrize("rule", of(Server.PURE_FTPD))
def test_pure_ftpd(tmp_path: Path, files: Files, settings: Settings, rule: str) -> None:
    """It starts with what is named, in its file or behind the command."""
    given = settings(rule, Server.PURE_FTPD)
    options = [one for one in given if one.startswith("--")]
    lines = dict(one.split(" ", 1) for one in given if one not in options)

    with serving(tmp_path, lambda port: pure_ftpd_command(tmp_path, files, port, **lines)):
        pass
    both = tmp_path / "both.pem"
    both.write_bytes(files.chain.read_bytes() + files.key.read_bytes())

    def start(port: int) -> list[str]:
        return [*command("pure-ftpd"), "-S", f"127.0.0.1,{port}", f"--certfile={both}", *options]

    with serving(tmp_path, start):
        pass


@pytest.mark.peer("vsftpd", "pure-ftpd")
def test_what_a_server_does_not_know_keeps_it_from_starting(tmp_path: Path, files: Files) -> None:
    """So those that check no file tell it by that: the names that Red Hat has for vsftpd, too."""
    for name in ELSEWHERE:
        with (
            pytest.raises(AssertionError, match="nothing listens"),
            vsftpd(tmp_path, files, **dict([name.split("=", 1)])),
        ):
            pass
    with (
        pytest.raises(AssertionError, match="nothing listens"),
        serving(tmp_path, lambda port: pure_ftpd_command(tmp_path, files, port, TLSLevel="2")),
    ):
        pass


@pytest.mark.parametrize("rule", of(Server.PYFTPDLIB))
def test_pyftpdlib(tmp_path: Path, settings: Settings, rule: str) -> None:
    """The handler that it comes with has what is named."""
    names = [one.partition(" ")[0] for one in settings(rule, Server.PYFTPDLIB)]
    looks = "import sys; from pyftpdlib.handlers import TLS_FTPHandler as handler\n"
    looks += "assert all(hasattr(handler, name) for name in sys.argv[1:])"
    # `minimum_version` is of a context, and no attribute of the handler.
    of_handler = [name for name in names if name != "minimum_version"]
    accepted([sys.executable, "-c", looks, *of_handler], tmp_path)


# What port 80 does with both remedies for it, in the order that they are told in.
PORT_80 = ("transit-post-accepted", "transit-no-redirect")


@pytest.mark.peer("nginx")
def test_nginx_redirects_and_refuses(tmp_path: Path, settings: Settings) -> None:
    """Over http a GET is redirected, and a POST refused."""
    given = "\n".join(one for rule in PORT_80 for one in settings(rule, Server.NGINX))
    port = free_port()
    with nginx(tmp_path, f"server {{ listen 127.0.0.1:{port}; {given} }}", port):
        assert answers(port) == (308, 403)


@pytest.mark.peer("apache2")
def test_apache_redirects_and_refuses(tmp_path: Path, files: Files, settings: Settings) -> None:
    """The same, whatever stands first."""
    given = "\n".join(one for rule in reversed(PORT_80) for one in settings(rule, Server.APACHE))

    def start(port: int) -> list[str]:
        host = f"<VirtualHost 127.0.0.1:{port}>\nSSLEngine off\n{given}\n</VirtualHost>"
        return apache_command(tmp_path, files, f"{APACHE_MODULES}\n{host}", port)

    with serving(tmp_path, start) as port:
        assert answers(port) == (301, 403)


@pytest.mark.peer("caddy")
def test_caddy_redirects_and_refuses(tmp_path: Path, files: Files, settings: Settings) -> None:
    """The same."""
    given = "\n".join(routed(settings(PORT_80[0], Server.CADDY)))

    def start(port: int) -> list[str]:
        plain = f"http://shop.localhost:{port} {{\nbind 127.0.0.1\n{given}\n}}"
        return caddy_command(tmp_path, f"{caddy_site(files, free_port())}\n{plain}")

    with serving(tmp_path, start) as port:
        assert answers(port) == (308, 403)


@pytest.mark.peer("haproxy")
def test_haproxy_redirects_and_refuses(tmp_path: Path, settings: Settings) -> None:
    """The same."""
    given = [one for rule in PORT_80 for one in settings(rule, Server.HAPROXY)]

    def start(port: int) -> list[str]:
        config = tmp_path / "haproxy.cfg"
        times = [f"timeout {kind} 30s" for kind in ("connect", "client", "server")]
        listed = ["defaults", "mode http", *times, "frontend shop", f"bind 127.0.0.1:{port}"]
        config.write_text("\n".join([*listed, *given, ""]), "utf-8")
        return [HAPROXY, "-db", "-f", str(config)]

    with serving(tmp_path, start) as port:
        assert answers(port) == (308, 403)


@pytest.mark.peer("lighttpd")
def test_lighttpd_redirects_and_refuses(tmp_path: Path, settings: Settings) -> None:
    """The same."""
    given = [conditional(rule, settings) for rule in PORT_80]

    def start(port: int) -> list[str]:
        config = tmp_path / "lighttpd.conf"
        usual = f'server.document-root = "{tmp_path}"\nserver.bind = "127.0.0.1"\n'
        lines = [f"server.port = {port}", f"server.modules = ({MODULES})", *given, ""]
        config.write_text(usual + "\n".join(lines), "utf-8")
        return [*lighttpd(), "-D", "-f", str(config)]

    with serving(tmp_path, start) as port:
        assert answers(port) == (301, 403)


def answers(port: int) -> tuple[int, int]:
    """Return what a GET gets and what a POST gets."""
    said = []
    for method in ("GET", "POST"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        with closing(connection):
            connection.request(method, "/login", headers={"Host": f"shop.localhost:{port}"})
            said.append(connection.getresponse().status)
    return said[0], said[1]


class Application(BaseHTTPRequestHandler):
    """Sets two cookies, with what they lack."""

    def do_GET(self) -> None:  # the name that is called
        """Answer."""
        self.send_response(200)
        self.send_header("Set-Cookie", "session=1; Path=/")
        self.send_header("Set-Cookie", "other=2")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def application() -> Iterator[str]:
    """Run an application to stand before; return its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Application) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.peer("nginx", "apache2", "caddy", "haproxy", "curl")
@pytest.mark.parametrize("server", [Server.NGINX, Server.APACHE, Server.CADDY, Server.HAPROXY])
@pytest.mark.parametrize(
    ("rule", "cookies"),
    [
        ("transit-insecure-cookie", ["session=1; Path=/; Secure", "other=2; Secure"]),
        ("transit-scriptable-cookie", ["session=1; Path=/; HttpOnly", "other=2"]),
    ],
)
def test_cookies_of_an_application_behind_get_what_they_lack(  # all that it stands on
    tmp_path: Path,
    files: Files,
    settings: Settings,
    application: str,
    rule: str,
    cookies: list[str],
    server: Server,
) -> None:
    """And those that are not named stay as they are."""
    if server not in FIXES[rule]:
        assert (rule, server) == ("transit-scriptable-cookie", Server.CADDY)
        return
    given = settings(rule, server)

    def start(port: int) -> list[str]:
        if server is Server.APACHE:
            proxied = "\n".join([APACHE_MODULES, f"ProxyPass / http://{application}/", *given])
            return apache_command(tmp_path, files, proxied, port)
        if server is Server.CADDY:
            block = "\n".join([f"reverse_proxy {application} {{", *given, "}"])
            return caddy_command(tmp_path, caddy_site(files, port, site=f"route {{\n{block}\n}}"))
        backend = f"use_backend b if TRUE\nbackend b\nserver s {application}\nfrontend other"
        config = haproxy_config(tmp_path, files, port, front="\n".join([*given, backend]))
        return [HAPROXY, "-db", "-f", str(config)]

    if server is Server.NGINX:
        port = free_port()
        locations = f"location /a {{ proxy_pass http://{application}; {' '.join(given)} }}"
        with nginx(tmp_path, https_server(files, port, locations=locations), port):
            assert cookies_of(port) == cookies
        return
    with serving(tmp_path, start) as port:
        assert cookies_of(port) == cookies


def cookies_of(port: int) -> list[str]:
    """Return the cookies that are set by a page of the application, written one way."""
    url = f"https://shop.localhost:{port}/a"
    there = ["--resolve", f"shop.localhost:{port}:127.0.0.1", url]
    given = ["curl", "--silent", "--insecure", "--include", "--http1.1", *there]
    done = subprocess.run(given, capture_output=True, text=True, timeout=60, check=True)
    set_ones = re.findall(r"^set-cookie: (.*?)\r?$", done.stdout, re.IGNORECASE | re.MULTILINE)
    names = {"secure": "Secure", "httponly": "HttpOnly"}
    return [
        "; ".join(names.get(p.strip().lower(), p.strip()) for p in one.split(";"))
        for one in set_ones
    ]


@pytest.mark.peer("dropbear")
def test_dropbear(tmp_path: Path) -> None:
    """It starts with what it is told to start with, and its keys are made as it is said."""
    dropbear = shutil.which("dropbear") or "/usr/sbin/dropbear"
    key = tmp_path / "key"
    accepted(["dropbearkey", "-t", "ed25519", "-f", str(key)], tmp_path)
    given = partial("{} -F -E -s -r {} -p 127.0.0.1:{}".format, dropbear, key)
    with serving(tmp_path, lambda port: given(port).split()):
        pass

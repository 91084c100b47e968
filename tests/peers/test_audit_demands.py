"""
Whether a server requires a client certificate: each says so in its own way.

nginx by an answer, Apache in the middle of a connection, the others in the handshake.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters.demands import probe_client_certificate
from sealgate.audit.model import Limits, Opening, Target
from sealgate.policy.observation import Fact, Observation
from tests.peers.audited import Authority, apache_command, https_server, nginx
from tests.peers.fileservers import vsftpd
from tests.peers.ftp_servers import proftpd_command
from tests.peers.web_servers import (
    caddy_command,
    caddy_site,
    gnutls_command,
    haproxy_command,
    openssl_command,
    serving,
)
from tests.ports import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.peers.audited import Files

_ASKS_FOR_SHOP = "{ var(txn.host) -m str shop.localhost }"
_REFUSES = "if ($ssl_client_verify != SUCCESS) { return 403; }"


@pytest.mark.peer("nginx")
@pytest.mark.parametrize(
    ("settings", "value"),
    [
        ("ssl_verify_client on;", "required"),
        ("ssl_verify_client optional;", "requested"),
        ("ssl_verify_client optional_no_ca;", "requested"),
        # Each location asks for itself, so nobody outside can tell of all of them.
        (f"ssl_verify_client optional; {_REFUSES}", None),
        (
            "ssl_verify_client on; error_page 495 496 =403 @shut; location @shut { return 403; }",
            None,
        ),
    ],
)
def test_nginx(tmp_path: Path, settings: str, value: str | None) -> None:
    """Its own page for a missing certificate, and for a stranger's, tells that it requires one."""
    authority, port = Authority(tmp_path), free_port()
    block = https_server(
        authority.issue("shop.localhost"),
        port,
        locations=f"ssl_client_certificate {authority.path}; {settings}",
    )
    with nginx(tmp_path / "n", block, port):
        assert said_of(port) == value


def said_of(
    port: int, *, requested: bool = True, path: str = "/", scheme: str = "https"
) -> str | None:
    """Return what is said of the server at *port*, ``None`` where it is not observed."""
    opening = Opening.DIRECT if scheme == "https" else Opening.FTP
    target = Target(
        "a", "shop.localhost", "127.0.0.1", port, path=path, scheme=scheme, opening=opening
    )
    [look] = probe_client_certificate(target, Limits(), requested=requested)
    assert look.fact is Fact.TLS_CLIENT_CERTIFICATE
    return str(look.value) if isinstance(look, Observation) else None


@pytest.fixture(scope="module")
def files(authority: Authority) -> Files:
    """Make a certificate for all servers here."""
    return authority.issue("shop.localhost")


@pytest.mark.peer("apache2")
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize(
    ("asks", "value"),
    [("require", "required"), ("optional", "requested"), ("optional_no_ca", "requested")],
)
def test_apache(  # a setting and a version for each row
    tmp_path: Path, authority: Authority, files: Files, asks: str, value: str, version: str
) -> None:
    """For a whole host Apache asks in the handshake."""
    more = f"SSLProtocol {version}\nSSLCACertificateFile {authority.path}\nSSLVerifyClient {asks}"
    with serving(tmp_path, partial(apache_command, tmp_path, files, more)) as port:
        assert said_of(port) == value


@pytest.mark.peer("apache2")
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize(
    ("place", "asks", "value"),
    [
        # It demands one for every page that was asked for; of the others nobody can tell.
        ("Location /", "require", None),
        ("Directory /", "require", None),
        ("Location /", "optional", "requested"),
        ("Location /", "optional_no_ca", "requested"),
        # A page that demands one says nothing of the next.
        ("LocationMatch ^/$", "require", "requested"),
        ("LocationMatch ^/s", "require", "requested"),
        ("Location /index.html", "require", "requested"),
        ("Location /admin", "require", "none"),
        ("Location /admin", "optional", "none"),
    ],
)
def test_apache_asks_page_by_page(  # one place, one setting, one version
    tmp_path: Path,
    authority: Authority,
    files: Files,
    place: str,
    asks: str,
    value: str | None,
    version: str,
) -> None:
    """Where only some pages ask, it does so once it has read the request, by what TLS has for that."""
    block = f"<{place}>\nSSLVerifyClient {asks}\n</{place.split(maxsplit=1)[0]}>"
    more = f"SSLProtocol {version}\nSSLCACertificateFile {authority.path}\n{block}"
    with serving(tmp_path, partial(apache_command, tmp_path, files, more)) as port:
        assert said_of(port, requested=False) == value
        if "admin" in place:
            assert said_of(port, requested=False, path="/admin") == "requested"


@pytest.mark.peer("haproxy")
@pytest.mark.parametrize(
    ("bind", "front", "value"),
    [
        ("verify required", "", "required"),
        ("verify required ssl-max-ver TLSv1.2", "", "required"),
        ("verify optional", "", "requested"),
        ("verify optional ssl-max-ver TLSv1.2", "", "requested"),
        ("verify required crt-ignore-err all", "", "any"),
        ("verify optional", "http-request deny unless { ssl_c_used }", None),
        (
            "verify optional crt-ignore-err all ca-ignore-err all",
            "http-request deny unless { ssl_c_used 1 } { ssl_c_verify 0 }",
            None,
        ),
    ],
)
def test_haproxy(  # what is set, and where
    tmp_path: Path,
    authority: Authority,
    files: Files,
    bind: str,
    front: str,
    value: str | None,
) -> None:
    """HAProxy says it in the handshake, unless its rules do so for each request."""
    given = {"bind": f"ca-file {authority.path} {bind}", "front": front}
    with serving(tmp_path, lambda port: haproxy_command(tmp_path, files, port, **given)) as port:
        assert said_of(port) == value


@pytest.mark.peer("haproxy")
@pytest.mark.parametrize(
    ("first", "front", "value"),
    [
        # The first line is for who names nobody that is listed.
        ("shop", "", "required"),
        ("other", "", "named"),
        ("other", f"http-request redirect location /in if {_ASKS_FOR_SHOP}", "named"),
        # The remedy: it is misdirected unless both names are the same (RFC 9110, 15.5.20).
        (
            "other",
            "http-request deny deny_status 421 unless { ssl_fc_sni,strcmp(txn.host) eq 0 }",
            "required",
        ),
        # The same page for whatever name: of this host nothing is shown.
        (
            "other",
            "http-request return content-type text/html string all unless { ssl_c_used }",
            "required",
        ),
    ],
)
def test_haproxy_with_a_list_of_names(  # what is first, and what is told of each
    tmp_path: Path,
    authority: Authority,
    files: Files,
    first: str,
    front: str,
    value: str,
) -> None:
    """Whom it asks the handshake says, and what it serves the request: the two may differ."""
    demanding = f"[verify required ca-file {authority.path}] shop.localhost"
    lines = {"shop": demanding, "other": "[verify none] other.localhost"}

    def start(port: int) -> list[str]:
        by_host = f"http-request set-var(txn.host) req.hdr(host),field(1,:)\n{front}"
        started = haproxy_command(tmp_path, files, port, front=by_host)
        config = tmp_path / f"haproxy-{port}.cfg"
        both = tmp_path / f"haproxy-{port}.pem"
        listed = tmp_path / f"haproxy-{port}.list"
        ordered = sorted(lines, key=lambda name: name != first)
        listed.write_text("".join(f"{both} {lines[name]}\n" for name in ordered), "utf-8")
        text = config.read_text("utf-8").replace(f"crt {both}", f"crt-list {listed}")
        # Only this host has the page.
        page = text.replace("if { path / }", f"if {{ path / }} {_ASKS_FOR_SHOP}")
        config.write_text(page, "utf-8")
        return started

    with serving(tmp_path, start) as port:
        assert said_of(port) == value


@pytest.mark.peer("nginx")
@pytest.mark.parametrize("protocols", ["TLSv1.2", "TLSv1.3"])
def test_nginx_compares_both_names(
    tmp_path: Path, authority: Authority, files: Files, protocols: str
) -> None:
    """A host beside that demands nothing serves no request for the one that does (421)."""
    port = free_port()
    demanding = f"ssl_client_certificate {authority.path}; ssl_verify_client on;"
    blocks = [
        https_server(files, port, name="other.localhost", protocols=protocols),
        https_server(files, port, protocols=protocols, locations=demanding, body="shop"),
    ]
    with nginx(tmp_path / "n", "\n".join(blocks), port):
        assert said_of(port) == "required"


@pytest.mark.peer("apache2")
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_apache_compares_both_names(
    tmp_path: Path, authority: Authority, files: Files, version: str
) -> None:
    """So does Apache."""

    def start(port: int) -> list[str]:
        usual = (
            f"SSLEngine on\nSSLCertificateFile {files.chain}\nSSLCertificateKeyFile {files.key}\n"
            f"SSLProtocol {version}"
        )
        demands = f"SSLCACertificateFile {authority.path}\nSSLVerifyClient require"
        names = {"other.localhost": "", "shop.localhost": demands}
        hosts = [
            f"<VirtualHost *:{port}>\nServerName {name}\n{usual}\n{more}\n</VirtualHost>"
            for name, more in names.items()
        ]
        return apache_command(tmp_path, files, "\n".join(hosts), port)

    with serving(tmp_path, start) as port:
        assert said_of(port) == "required"


@pytest.mark.peer("caddy")
@pytest.mark.parametrize("versions", ["tls1.2 tls1.2", "tls1.3 tls1.3"])
@pytest.mark.parametrize(
    ("mode", "value"),
    [
        ("require_and_verify", "required"),
        ("require", "any"),
        ("verify_if_given", "requested"),
        ("request", "requested"),
    ],
)
def test_caddy(  # a mode and a version for each row
    tmp_path: Path, authority: Authority, files: Files, mode: str, value: str, versions: str
) -> None:
    """Caddy says it in the handshake."""
    trusted = f"trusted_ca_cert_file {authority.path}" if "verify" in mode else ""
    tls = f"protocols {versions}\nclient_auth {{\nmode {mode}\n{trusted}\n}}"

    def start(port: int) -> list[str]:
        return caddy_command(tmp_path, caddy_site(files, port, tls=tls))

    with serving(tmp_path, start) as port:
        assert said_of(port) == value


@pytest.mark.peer("openssl")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize(
    ("options", "value"),
    [
        (("-Verify", "2", "-verify_return_error"), "required"),
        (("-Verify", "2"), "any"),
        (("-verify", "2", "-verify_return_error"), "requested"),
        (("-verify", "2"), "requested"),
    ],
)
def test_openssl(  # options and a version for each row
    tmp_path: Path,
    authority: Authority,
    files: Files,
    options: tuple[str, ...],
    value: str,
    version: str,
) -> None:
    """OpenSSL's server goes on with whom nobody vouches for unless it is told otherwise."""
    given = ("-CAfile", str(authority.path), version, *options)
    with serving(tmp_path, lambda port: openssl_command(files, port, *given)) as port:
        assert said_of(port) == value


@pytest.mark.peer("gnutls-serv")
@pytest.mark.parametrize("version", ["TLS1.2", "TLS1.3"])
@pytest.mark.parametrize(
    ("options", "value"),
    [
        (("--require-client-cert", "--verify-client-cert"), "required"),
        (("--require-client-cert",), "any"),
        (("--verify-client-cert",), "requested"),
        ((), "requested"),
    ],
)
def test_gnutls(  # options and a version for each row
    tmp_path: Path,
    authority: Authority,
    files: Files,
    options: tuple[str, ...],
    value: str,
    version: str,
) -> None:
    """GnuTLS refuses by alerts that do not speak of certificates."""
    priority = f"NORMAL:-VERS-ALL:+VERS-{version}"
    given = ("--priority", priority, "--x509cafile", str(authority.path), *options)
    with serving(tmp_path, lambda port: gnutls_command(files, port, *given)) as port:
        assert said_of(port) == value


@pytest.mark.peer("vsftpd")
@pytest.mark.parametrize(
    ("settings", "value"),
    [
        ({"require_cert": "YES", "validate_cert": "YES"}, "required"),
        ({"require_cert": "YES"}, "any"),
        ({"validate_cert": "YES"}, "requested"),
    ],
)
def test_vsftpd(
    tmp_path: Path, authority: Authority, files: Files, settings: dict[str, str], value: str
) -> None:
    """An FTP server says it in the handshake behind AUTH TLS."""
    with vsftpd(tmp_path, files, ca_certs_file=str(authority.path), **settings) as port:
        assert said_of(port, scheme="ftps") == value


@pytest.mark.peer("proftpd")
@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize(("verifies", "value"), [("on", "required"), ("optional", "requested")])
def test_proftpd(  # a setting and a version for each row
    tmp_path: Path, authority: Authority, files: Files, verifies: str, value: str, version: str
) -> None:
    """ProFTPD does, too."""
    more = (
        f"TLSProtocol {version}\nTLSCACertificateFile {authority.path}\nTLSVerifyClient {verifies}"
    )
    with serving(tmp_path, lambda port: proftpd_command(tmp_path, files, port, more)) as port:
        assert said_of(port, scheme="ftps") == value

"""``sealgate audit ftp://…`` and ``ftps://…`` against vsftpd and pyftpdlib, right but for one thing."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters.certificate import Trust
from sealgate.audit.adapters.ftp import probe_ftp
from sealgate.audit.adapters.tls import probe_tls
from sealgate.audit.model import Limits, Opening, Target
from sealgate.policy.observation import Fact, Observation
from tests.peers.audited import Authority, Files
from tests.peers.fileservers import audited, vsftpd
from tests.peers.test_audit_ssh import answering
from tests.ports import await_listener, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sealgate.policy.observation import FactValue

pytestmark = pytest.mark.peer("vsftpd")

STOCK = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import TLS_FTPHandler
from pyftpdlib.servers import FTPServer

class Handler(TLS_FTPHandler):
    certfile, keyfile = sys.argv[2:4]
    authorizer = DummyAuthorizer()
    tls_control_required = tls_data_required = True

Handler.authorizer.add_user("a", "b", ".", perm="elr")
FTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
# vsftpd takes PROT C before anybody has signed in, and refuses the data later; to CCC it says that
# a sign-in comes first, as to all that it does not know: neither is seen.
ALWAYS = {"transit-ftp-clear-data", "transit-ftp-clear-control"}


@pytest.fixture(scope="module")
def right(authority: Authority) -> Files:
    """Make a certificate that nothing is wrong with."""
    return authority.issue("ftp.localhost")


@contextmanager
def pyftpdlib(folder: Path, files: Files) -> Iterator[int]:
    """Run pyftpdlib as it comes, told to demand TLS."""
    port, log = free_port(), folder / "pyftpdlib.log"
    command = [sys.executable, "-c", STOCK, str(port), str(files.chain), str(files.key)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as peer:
        try:
            await_listener(port, peer, log)
            yield port
        finally:
            peer.terminate()


# What a server says that is as it should be, by command; "TLS " before it: once TLS stands.
RIGHT = {
    "AUTH": "234 go on",
    "USER": "530 TLS comes first",
    "TLS USER": "331 and your password?",
    "TLS PBSZ": "200 PBSZ=0",
    "TLS PROT": "536 PROT P is what there is",
    "TLS CCC": "533 CCC is refused",
}


@contextmanager
def saying(files: Files, replies: Mapping[str, str]) -> Iterator[int]:
    """
    Run a server that answers each command as *replies* say, "" by hanging up.

    "AUTH+" is for AUTH TLS with something behind it. What came behind is thrown away.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.chain, files.key)
    replies = {**RIGHT, **replies}

    def answer(peer: socket.socket, prefix: str = "") -> None:
        while came := peer.recv(4096):
            line, _, behind = came.partition(b"\r\n")
            verb = prefix + line.decode().partition(" ")[0]
            key = f"{verb}+" if behind and f"{verb}+" in replies else verb
            reply = replies.get(key, "502 unknown")
            if not reply:
                return
            peer.sendall(reply.encode() + b"\r\n")
            if reply.startswith("234"):
                with context.wrap_socket(peer, server_side=True) as secured:
                    answer(secured, "TLS ")
                return

    def serve(server: socket.socket) -> None:
        while True:
            try:
                peer, _ = server.accept()
            except OSError:
                return
            peer.settimeout(20)
            with suppress(OSError, UnicodeError), peer:
                peer.sendall(b"220 ready\r\n")
                answer(peer)

    with closing(socket.create_server(("127.0.0.1", 0), backlog=64)) as server:
        threads = [threading.Thread(target=serve, args=(server,), daemon=True) for _ in range(4)]
        for thread in threads:
            thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def facts(authority: Authority, port: int) -> dict[Fact, FactValue]:
    """Return what a probe saw of the server at *port*; what it could not see is not in it."""
    target = Target("a", "ftp.localhost", "127.0.0.1", port, scheme="ftps", opening=Opening.FTP)
    trust = Trust((str(authority.path),))
    looks = probe_ftp(target, trust, time.time(), Limits(), active=True)
    return {s.fact: s.value for s in looks if isinstance(s, Observation)}


@pytest.mark.parametrize(
    ("replies", "fact", "expected"),
    [
        ({}, Fact.FTP_PLAIN_LOGIN, "refused"),
        ({}, Fact.FTP_INJECTION, False),
        ({}, Fact.FTP_PROT_CLEAR, False),
        ({}, Fact.FTP_CCC, False),
        # A name that nobody has is refused with TLS too: nothing is known of real ones.
        ({"USER": "530 no", "TLS USER": "530 no"}, Fact.FTP_PLAIN_LOGIN, None),
        ({"USER": "530 no"}, Fact.FTP_PLAIN_LOGIN, "refused"),
        ({"USER": "421 no cleartext sessions"}, Fact.FTP_PLAIN_LOGIN, "refused"),
        ({"USER": "421 too many"}, Fact.FTP_PLAIN_LOGIN, None),
        ({"AUTH": "431 not now"}, Fact.FTP_TLS, None),
        ({"AUTH": "431 not now"}, Fact.TLS_VERSIONS, None),
        # Refused for what came behind, or for another reason.
        ({"AUTH+": "503 one at a time"}, Fact.FTP_INJECTION, False),
        ({"AUTH+": "421 too many"}, Fact.FTP_INJECTION, None),
        ({"AUTH+": ""}, Fact.FTP_INJECTION, False),
        # Nobody has signed in, so that nothing is told.
        ({"TLS PBSZ": "530 sign in", "TLS PROT": "503 PBSZ"}, Fact.FTP_PROT_CLEAR, None),
        ({"TLS PROT": "530 sign in"}, Fact.FTP_PROT_CLEAR, None),
        # Pure-FTPd does not list CCC, refuses it to strangers, and takes it from all others.
        ({"TLS CCC": "530 sign in"}, Fact.FTP_CCC, None),
        ({"TLS CCC": "503 sign in"}, Fact.FTP_CCC, None),
        ({"TLS CCC": "534 not at this point"}, Fact.FTP_CCC, None),
        ({"TLS CCC": "550 no"}, Fact.FTP_CCC, None),
        ({"TLS CCC": "500 what?"}, Fact.FTP_CCC, False),
        ({"TLS CCC": "502 what?"}, Fact.FTP_CCC, False),
        ({"TLS CCC": "200 in clear now"}, Fact.FTP_CCC, True),
        # Without PROT (RFC 2228, 3) data connections are always in clear.
        ({"TLS PROT": "502 what?"}, Fact.FTP_PROT_CLEAR, None),
        ({"TLS PROT": "200 clear"}, Fact.FTP_PROT_CLEAR, None),
        ({"TLS PROT": "550 what?"}, Fact.FTP_PROT_CLEAR, None),
    ],
)
def test_only_a_refusal_that_says_something_counts(
    authority: Authority,
    right: Files,
    replies: dict[str, str],
    fact: Fact,
    expected: FactValue | None,
) -> None:
    """What a server refuses to everybody, or for the moment, tells nothing of the rule."""
    with saying(right, replies) as port:
        assert facts(authority, port).get(fact) == expected


def test_who_hangs_up_before_tls_has_refused_no_version(authority: Authority, right: Files) -> None:
    """A server that answers AUTH TLS once and then hangs up is not known to speak no TLS."""
    with saying(right, {"AUTH": "234 go on"}) as port:
        assert Fact.TLS_VERSIONS in facts(authority, port)
    target = Target("a", "ftp.localhost", "127.0.0.1", 0, scheme="ftps", opening=Opening.FTP)
    with saying(right, {"AUTH": ""}) as port:
        looks = probe_tls(replace(target, port=port), Limits())
    assert not [s for s in looks if isinstance(s, Observation)]


def test_a_list_of_users_hides_nothing(authority: Authority, right: Files, tmp_path: Path) -> None:
    """A vsftpd that lets some users in without TLS and refuses all other names is not met."""
    users = tmp_path / "users"
    users.write_text("anna\n")
    settings = {
        "force_local_logins_ssl": "NO",
        "anonymous_enable": "NO",
        "userlist_enable": "YES",
        "userlist_deny": "NO",
        "userlist_file": str(users),
    }
    with vsftpd(tmp_path / "v", right, **settings) as port:
        _, found = look(tmp_path, authority, port)
    assert found["transit-ftp-plaintext"] == "not observed"


def look(
    folder: Path, authority: Authority, port: int, *extra: str, scheme: str = "ftps"
) -> tuple[int, dict[str, str]]:
    """Return the exit code and the open findings of an audit with active probes."""
    options = ("--active", "--ca", str(authority.path), "--resolve", "ftp.localhost:127.0.0.1")
    code, found, _ = audited(folder, f"{scheme}://ftp.localhost:{port}", *options, *extra)
    return code, found


def test_tls_that_is_demanded(authority: Authority, right: Files, tmp_path: Path) -> None:
    """Where TLS is demanded, everything is observed but what a stranger cannot try: PROT C and CCC."""
    with vsftpd(tmp_path / "v", right) as port:
        code, found = look(tmp_path, authority, port)
    assert code == 10
    assert set(found) == ALWAYS
    assert set(found.values()) == {"not observed"}


def test_plain_ftp(authority: Authority, right: Files, tmp_path: Path) -> None:
    """A server without TLS takes passwords in clear, and that is told first."""
    with vsftpd(tmp_path / "v", right, ssl_enable="NO") as port:
        code, found = look(tmp_path, authority, port, scheme="ftp")
    assert code == 10
    assert found["transit-ftp-plaintext"] == "violated"
    assert found["transit-weak-version"] == "violated"


@pytest.mark.parametrize(
    ("settings", "rules"),
    [
        ({"force_local_logins_ssl": "NO"}, {"transit-ftp-plaintext": "violated"}),
        ({"force_anon_logins_ssl": ""}, {"transit-ftp-plaintext": "not observed"}),
        (
            {"ssl_ciphers": "ALL:@SECLEVEL=0", "ssl_tlsv1": "YES", "ssl_tlsv12": "YES"},
            {"transit-weak-cipher": "violated", "transit-weak-version": "violated"},
        ),
    ],
)
def test_each_sabotage_has_its_rule(
    authority: Authority,
    right: Files,
    tmp_path: Path,
    settings: dict[str, str],
    rules: dict[str, str],
) -> None:
    """One setting that is wrong is told by the rule that is about it."""
    with vsftpd(tmp_path / "v", right, **settings) as port:
        code, found = look(tmp_path, authority, port)
    assert code == 10
    assert rules.items() <= found.items(), found


@pytest.mark.parametrize(
    ("name", "days", "rule"),
    [
        ("other.example", 60, "transit-wrong-name"),
        ("ftp.localhost", -1, "transit-expired-certificate"),
    ],
)
def test_certificates(
    authority: Authority, tmp_path: Path, name: str, days: float, rule: str
) -> None:
    """The certificate behind AUTH TLS is judged like that of a site."""
    files = authority.issue(name, begins_days=-90, ends_days=days)
    with vsftpd(tmp_path / "v", files) as port:
        code, found = look(tmp_path, authority, port)
    assert code == 10
    assert found[rule] == "violated"


def test_an_untrusted_certificate(right: Files, tmp_path: Path) -> None:
    """A certificate of an authority that nobody trusts is told as that."""
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with vsftpd(tmp_path / "v", right) as port:
        code, found = look(tmp_path, Authority(stranger), port)
    assert code == 10
    assert set(found) == {"transit-untrusted-chain", *ALWAYS}


def test_held_to_secret(authority: Authority, right: Files, tmp_path: Path) -> None:
    """Held to "secret", vsftpd lacks the hybrid group."""
    with vsftpd(tmp_path / "v", right) as port:
        code, found = look(tmp_path, authority, port, "--class", "secret")
    assert code == 10
    assert {"transit-no-hybrid", "transit-classical-accepted"} <= set(found)


@pytest.mark.parametrize("opening", [Opening.DIRECT, Opening.FTP])
def test_implicit_tls(authority: Authority, right: Files, tmp_path: Path, opening: Opening) -> None:
    """TLS from the first byte is seen whole, also where the port does not say so."""
    with vsftpd(tmp_path / "v", right, implicit_ssl="YES") as port:
        target = Target("a", "ftp.localhost", "127.0.0.1", port, scheme="ftps", opening=opening)
        trust = Trust((str(authority.path),))
        # The first look waits for a greeting that never comes.
        limits = Limits(exchange_seconds=6)
        looks = probe_ftp(target, trust, time.time(), limits, active=True)
    found = {s.fact: s.value for s in looks if isinstance(s, Observation)}
    assert found[Fact.FTP_TLS] == "implicit"
    assert found[Fact.FTP_PLAIN_LOGIN] == "refused"
    assert Fact.FTP_CCC not in found
    assert Fact.FTP_PROT_CLEAR not in found
    assert found[Fact.CERTIFICATE_NAME_MATCHES] is True
    assert "TLSv1.3" in str(found[Fact.TLS_VERSIONS])


def test_commands_in_clear_behind_auth_tls(
    authority: Authority, right: Files, tmp_path: Path
) -> None:
    """Pyftpdlib as it comes executes what was slipped in before TLS (class of CVE-2011-1575)."""
    with pyftpdlib(tmp_path, right) as port:
        code, found = look(tmp_path, authority, port)
    assert code == 10
    assert found["transit-ftp-injection"] == "violated"
    assert "transit-ftp-plaintext" not in found, "USER is refused before TLS"


def test_nothing_is_slipped_in_unasked(authority: Authority, right: Files, tmp_path: Path) -> None:
    """Without --active the question is not asked, and that is what is told."""
    with pyftpdlib(tmp_path, right) as port:
        url = f"ftps://ftp.localhost:{port}"
        options = ("--ca", str(authority.path), "--resolve", "ftp.localhost:127.0.0.1")
        _, found, data = audited(tmp_path, url, *options)
    assert found.get("transit-ftp-injection") != "violated"
    [finding] = [f for f in data["findings"] if f["rule"] == "transit-ftp-injection"]
    assert "--active" in finding["found"]


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-x\r\n", b"421 too many\r\n", b"220-" + b"x\r\n" * 40_000, b"\x16\x03"]
)
def test_something_else_there(authority: Authority, tmp_path: Path, answer: bytes) -> None:
    """A port that speaks no FTP, or too much of it, is a finding and never a traceback."""
    with answering(answer) as port:
        code, found = look(tmp_path, authority, port)
    assert code == 10
    assert found["transit-ftp-plaintext"] == "not observed"


def test_nothing_there(authority: Authority, tmp_path: Path) -> None:
    """A host that does not answer is a finding: what was not observed is not protected."""
    code, found = look(tmp_path, authority, free_port())
    assert code == 10
    assert found == {"transit-unreachable": "not observed"}

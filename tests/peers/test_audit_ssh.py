"""``sealgate audit ssh://…`` against OpenSSH, right but for one thing, and against worse."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters.methods import ask_methods
from sealgate.audit.adapters.software import probe_software
from sealgate.audit.adapters.ssh import probe_ssh
from sealgate.audit.model import Limits, Target
from sealgate.audit.ssh import packet, string
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, NotObserved, Observation
from tests.peers.fileservers import audited, make_key, sshd
from tests.peers.web_servers import serving
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.peer("openssh-server")


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make one good host key for all tests here."""
    return make_key(tmp_path_factory.mktemp("host") / "ed25519")


def seen(port: int, *, active: bool = False) -> dict[Fact, object]:
    """Return everything that the probe sees, and "" for what it could not."""
    target = Target("a", "localhost", "127.0.0.1", port, scheme="ssh")
    looks = probe_ssh(target, Limits(exchange_seconds=5), active=active)
    return {s.fact: s.value if isinstance(s, Observation) else "" for s in looks}


def test_a_right_server_passes(key: Path, tmp_path: Path) -> None:
    """A server with nothing wrong exits 0, and everything was really looked at."""
    with sshd(tmp_path / "s", key) as port:
        code, found, data = audited(tmp_path, f"ssh://127.0.0.1:{port}", "--active")
    assert (code, found) == (0, {})
    assert data["summary"]["not_observed"] == 0
    assert data["assets"][0]["columns"]["in_transit"]["provided"] == 2


def test_the_top_rung_can_be_seen(key: Path, tmp_path: Path) -> None:
    """The hybrid exchange alone, AEADs and keys meet "secret"."""
    settings = {"KexAlgorithms": "mlkem768x25519-sha256", "PubkeyAuthentication": "yes"}
    with sshd(tmp_path / "s", key, **settings) as port:
        url = f"sftp://127.0.0.1:{port}"
        code, found, data = audited(tmp_path, url, "--active", "--class", "secret")
    assert (code, found) == (0, {})
    assert data["assets"][0]["columns"]["in_transit"]["provided"] == 3


@pytest.mark.parametrize(
    ("settings", "extra", "rule"),
    [
        ({"KexAlgorithms": "curve25519-sha256,diffie-hellman-group14-sha1"}, (), "weak-kex"),
        ({"KexAlgorithms": "diffie-hellman-group-exchange-sha1"}, (), "weak-kex"),
        ({"Ciphers": "aes256-gcm@openssh.com,aes256-cbc"}, (), "weak-cipher"),
        ({"Ciphers": "aes256-gcm@openssh.com,3des-cbc"}, (), "weak-cipher"),
        ({"MACs": "hmac-sha2-256-etm@openssh.com,hmac-md5"}, (), "weak-mac"),
        ({"HostKeyAlgorithms": "ssh-rsa", "HostKey": "RSA 3072"}, (), "weak-host-key"),
        (
            {"HostKeyAlgorithms": "rsa-sha2-512", "HostKey": "RSA 1024", "RequiredRSASize": "1024"},
            (),
            "weak-host-key",
        ),
        ({"KexAlgorithms": "curve25519-sha256"}, ("--class", "secret"), "no-hybrid"),
        ({}, ("--class", "secret"), "classical-accepted"),
        (
            {"Ciphers": "aes256-gcm@openssh.com,aes128-gcm@openssh.com"},
            ("--class", "secret"),
            "old-cipher",
        ),
        ({"PasswordAuthentication": "yes"}, ("--class", "secret"), "password-accepted"),
    ],
)
def test_each_sabotage_has_its_rule(
    key: Path, tmp_path: Path, settings: dict[str, str], extra: tuple[str, ...], rule: str
) -> None:
    """One setting that is wrong ends with 10 and the rule that is about it."""
    if "HostKey" in settings:
        size = settings["HostKey"].split()[1]
        rsa = make_key(tmp_path / "rsa", "rsa", "-b", size)
        settings = {**settings, "HostKey": str(rsa)}
    with sshd(tmp_path / "s", key, **settings) as port:
        code, found, _ = audited(tmp_path, f"ssh://127.0.0.1:{port}", "--active", *extra)
    assert code == 10
    assert found[f"transit-ssh-{rule}"] == "violated"
    if not extra:
        assert set(found) == {f"transit-ssh-{rule}"}, "and nothing else"


def test_openssh_as_it_comes(key: Path, tmp_path: Path) -> None:
    """OpenSSH's own defaults have weak MACs, and passwords for whoever is held to keys."""
    defaults = {"KexAlgorithms": "", "Ciphers": "", "MACs": "", "HostKeyAlgorithms": ""}
    with sshd(tmp_path / "s", key, **defaults, PasswordAuthentication="") as port:
        code, found, _ = audited(tmp_path, f"ssh://127.0.0.1:{port}", "--active")
        facts = seen(port, active=True)
    assert code == 10
    assert found == {"transit-ssh-weak-mac": "violated"}
    assert facts[Fact.SSH_PROTOCOL] == "2.0"
    assert facts[Fact.SSH_STRICT_KEX] is True
    assert "password" in str(facts[Fact.SSH_AUTH_METHODS])
    kex = facts[Fact.SSH_KEX]
    assert isinstance(kex, tuple)
    assert "mlkem768x25519-sha256" in kex
    assert not any("strict" in name or "ext-info" in name for name in kex)


@pytest.mark.parametrize(
    "kex",
    [
        "curve25519-sha256@libssh.org",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "mlkem768x25519-sha256",
        "sntrup761x25519-sha512",
        "diffie-hellman-group1-sha1",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group-exchange-sha256",
    ],
)
def test_the_host_key_is_seen_through_every_exchange(key: Path, tmp_path: Path, kex: str) -> None:
    """Whatever one exchange a server has, it shows its host key through it."""
    with sshd(tmp_path / "s", key, KexAlgorithms=kex) as port:
        found = seen(port)
    assert found[Fact.SSH_HOST_KEYS] == ("Ed25519",)
    assert found[Fact.SSH_KEX] == (kex,)


@pytest.mark.parametrize(
    "kex", ["diffie-hellman-group16-sha512", "diffie-hellman-group-exchange-sha256"]
)
def test_libraries_say_nothing_of_their_plans(key: Path, tmp_path: Path, kex: str) -> None:
    """What a library will drop one day is nothing to whoever audits: stderr stays empty."""
    with sshd(tmp_path / "s", key, KexAlgorithms=kex) as port:
        url = f"ssh://127.0.0.1:{port}"
        command = [sys.executable, "-m", "sealgate", "audit", url, "--active"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")


def test_all_host_keys_are_seen(key: Path, tmp_path: Path) -> None:
    """A server with three keys shows three; the signatures of RSA share one."""
    rsa, ecdsa = make_key(tmp_path / "rsa", "rsa"), make_key(tmp_path / "ecdsa", "ecdsa")
    keys = f"{key}\nHostKey {rsa}\nHostKey {ecdsa}"
    with sshd(tmp_path / "s", key, HostKeyAlgorithms="", HostKey=keys) as port:
        found = seen(port)[Fact.SSH_HOST_KEYS]
    assert isinstance(found, tuple)
    assert set(found) == {"RSA-3072", "ECDSA-256", "Ed25519"}


@pytest.mark.parametrize(
    ("kind", "algorithms", "expected"),
    [
        ("ed25519", "ssh-ed25519-cert-v01@openssh.com,ssh-ed25519", "Ed25519"),
        ("rsa", "rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-512", "RSA-3072"),
        ("ecdsa", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ECDSA-256"),
    ],
)
def test_a_certified_host_key_is_worth_what_the_key_is(
    tmp_path: Path, kind: str, algorithms: str, expected: str
) -> None:
    """Where an authority vouches for host keys, the key in the certificate is seen."""
    own, authority = make_key(tmp_path / "own", kind), make_key(tmp_path / "authority")
    sign = ["ssh-keygen", "-q", "-h", "-s", str(authority), "-I", "host", f"{own}.pub"]
    subprocess.run(sign, check=True)
    certificate = f"{own}\nHostCertificate {own}-cert.pub"
    with sshd(tmp_path / "s", own, HostKey=certificate, HostKeyAlgorithms=algorithms) as port:
        assert seen(port)[Fact.SSH_HOST_KEYS] == (expected,)
        _, found, _ = audited(tmp_path, f"ssh://127.0.0.1:{port}")
    assert "transit-ssh-weak-host-key" not in found


def test_a_sign_in_is_only_begun_when_it_may(key: Path, tmp_path: Path) -> None:
    """Without --active no user name goes out, and the methods are a note."""
    with sshd(tmp_path / "s", key) as port:
        facts = seen(port)
        code, found, _ = audited(tmp_path, f"ssh://127.0.0.1:{port}")
    assert facts[Fact.SSH_AUTH_METHODS] == ""
    assert (code, found) == (0, {}), "passwords are a matter of the top rung"
    assert "nobody" not in (tmp_path / "s/sshd.log").read_text()


@contextmanager
def answering(*chunks: bytes, stays: bool = False) -> Iterator[int]:
    """
    Run a server that sends *chunks* whatever is asked, then hangs up.

    With *stays* it reads what comes, until there is silence for a second.
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.settimeout(1)
                    try:
                        for chunk in chunks:
                            peer.sendall(chunk)
                        while peer.recv(4096) and stays:
                            pass
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize(
    ("group", "told"),
    [
        (packet(b"\x1f" + string(b"\0" + b"\xff" * 128) + string(b"\2")), "1024 bits"),
        (packet(b"\x1f" + string(b"\0" + b"\xff" * 256) + string(b"\2")), ""),
        (packet(b"\x03" + bytes(4)), "with a group that was not shown"),
    ],
)
def test_a_short_group_is_seen(tmp_path: Path, group: bytes, told: str) -> None:
    """What is called like a strong exchange may have any group, and is asked for the shortest."""
    names = (b"diffie-hellman-group-exchange-sha256", b"ssh-ed25519", b"aes256-gcm@openssh.com")
    lists = (*names, names[2], *[b"hmac-sha2-256"] * 2, b"none", b"none", b"", b"")
    first = packet(b"\x14" + bytes(16) + b"".join(map(string, lists)) + bytes(5))
    with answering(b"SSH-2.0-x\r\n", first, group, stays=True) as port:
        facts = seen(port)
        _, found, _ = audited(tmp_path, f"ssh://127.0.0.1:{port}")
    name = names[0].decode()
    assert facts[Fact.SSH_KEX] == (f"{name} ({told})" if told else name,)
    assert found.get("transit-ssh-weak-kex") == ("violated" if told else None)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-x\r\n\x7f\xff\xff\xff\x04",
        b"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x01" + bytes(10),
        b"SSH-2.0-x\r\n\0\0\0\x0c\x0a\x14" + bytes(10),
    ],
)
def test_something_else_there(tmp_path: Path, answer: bytes) -> None:
    """A port that speaks no SSH, or breaks its framing, is a finding and never a traceback."""
    with answering(answer) as port:
        code, found, _ = audited(tmp_path, f"ssh://127.0.0.1:{port}", "--active")
    assert code == 10
    assert found["transit-ssh-weak-kex"] == "not observed"


@pytest.mark.peer("dropbear")
def test_dropbear(tmp_path: Path) -> None:
    """Its signals are no key exchange, and what it lacks is told in its own words, not in OpenSSH's."""
    key = tmp_path / "rsa"
    made = ["dropbearkey", "-t", "rsa", "-s", "1024", "-f", str(key)]
    subprocess.run(made, check=True, capture_output=True)
    dropbear = shutil.which("dropbear") or "/usr/sbin/dropbear"
    given = [dropbear, "-F", "-E", "-s", "-r", str(key)]
    with serving(tmp_path, lambda port: [*given, "-p", f"127.0.0.1:{port}"]) as port:
        code, found, data = audited(tmp_path, f"ssh://127.0.0.1:{port}", "--active")
    assert (code, found) == (10, {"transit-ssh-weak-host-key": "violated"})
    [told] = [f["fix"] for f in data["findings"] if f["open"]]
    assert "dropbearkey" in told


def test_who_answers_is_read_from_the_identification_alone() -> None:
    """Neither the lines before it nor the names of methods behind it tell the software."""
    behind = packet(b"\x14" + bytes(16) + string(b"curve25519-sha256,aes256-gcm@openssh.com"))
    with answering(b"This was OpenSSH\r\nSSH-2.0-dropbear_2025.89\r\n" + behind) as port:
        target = Target("a", "localhost", "127.0.0.1", port, scheme="ssh")
        [look] = probe_software(target, Limits(exchange_seconds=5))
    assert isinstance(look, Observation)
    assert look.value == "Dropbear"


def test_the_first_version_of_ssh(tmp_path: Path) -> None:
    """A server of version 1 alone is told as that."""
    with answering(b"SSH-1.5-OldRouter\r\n") as port:
        code, found, _ = audited(tmp_path, f"ssh://127.0.0.1:{port}")
    assert code == 10
    assert found["transit-ssh-version-1"] == "violated"


def test_nothing_there(tmp_path: Path) -> None:
    """A host that does not answer is a finding: what was not observed is not protected."""
    code, found, _ = audited(tmp_path, f"sftp://127.0.0.1:{free_port()}")
    assert code == 10
    assert found == {"transit-unreachable": "not observed"}


def test_a_server_that_says_nothing_is_left(tmp_path: Path) -> None:
    """A sign-in that never gets an answer ends in time, and is not observed."""
    with answering() as port, pytest.raises(PeerError):
        ask_methods("127.0.0.1", port, Limits(exchange_seconds=0.5))
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    target = Target("a", "localhost", "127.0.0.1", free_port(), scheme="ssh")
    looks = probe_ssh(target, Limits(), active=True)
    assert all(isinstance(look, NotObserved) for look in looks)

"""``sealgate send`` and ``sealgate get`` over FTPS (vsftpd) and HTTPS (nginx, openssl)."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from sealgate.cli import run
from sealgate.storage.age.keys import HybridIdentity
from tests.peers.audited import Authority, Files, https_server, nginx
from tests.peers.fileservers import vsftpd
from tests.ports import await_listener, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CARDS = "name,card\n" + "Anna Berg,4111111111111111\n" * 9
PLAIN = "nothing of note\n" * 50_000


@pytest.fixture(scope="module")
def right(authority: Authority) -> Files:
    """Make a certificate that nothing is wrong with."""
    return authority.issue("shop.localhost")


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in a new folder with two files, and give a password where one is asked for."""
    (tmp_path / "one.txt").write_text(PLAIN)
    (tmp_path / "cards.csv").write_text(CARDS)
    (tmp_path / "password").write_text("guest@example\n")
    monkeypatch.setenv("SEALGATE_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def trusting(authority: Authority, *extra: str) -> list[str]:
    """Return the options that trust *authority* and find the name."""
    return ["--ca", str(authority.path), "--resolve", "shop.localhost:127.0.0.1", *extra]


@contextmanager
def dav(folder: Path, files: Files, extra: str = "") -> Iterator[str]:
    """Run nginx as a place to PUT to, and yield its URL."""
    port, root = free_port(), folder / "root"
    root.mkdir(parents=True)
    root.chmod(0o777)
    place = f"""
        location /in/ {{ root {root}; dav_methods PUT; create_full_put_path on; {extra}
            client_max_body_size 100m; client_body_temp_path {root}/t; }}
    """
    with nginx(folder / "nginx", https_server(files, port, locations=place), port):
        yield f"https://shop.localhost:{port}/in/"


@pytest.mark.peer("vsftpd")
def test_ftps(
    authority: Authority, right: Files, ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files go to vsftpd over TLS, are compared, and come back; it demands session reuse."""
    settings = {"require_ssl_reuse": "YES", "strict_ssl_read_eof": "YES"}
    with vsftpd(ready / "v", right, **settings) as port:
        url = f"ftps://anonymous@shop.localhost:{port}/in/"
        options = trusting(authority)
        assert run(["send", "one.txt", "cards.csv", url, *options]) == 0
        assert run(["get", f"{url}cards.csv", "-o", "back.csv", *options]) == 0
    said = capsys.readouterr().out
    assert (ready / "v/root/in/one.txt").read_text() == PLAIN
    assert (ready / "back.csv").read_text() == CARDS
    assert said.count("read back and compared") == 2
    assert "TLSv1.3" in said


@pytest.mark.peer("vsftpd")
def test_ftps_goes_on(
    authority: Authority, right: Files, ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An upload goes on where it broke off, and begins anew where something else is there."""
    with vsftpd(ready / "v", right) as port:
        url, drop = f"ftps://anonymous@shop.localhost:{port}/in/", ready / "v/root/in"
        for name, text in (("one.txt", PLAIN[:400_000]), ("other.txt", "x" * 400_000)):
            (drop / name).write_text(text)
            shutil.chown(drop / name, "ftp")
        assert run(["send", "one.txt", url, *trusting(authority)]) == 0
        assert "resumed at 400000" in capsys.readouterr().out
        assert run(["send", "one.txt", f"{url}other.txt", *trusting(authority)]) == 0
        assert "resumed" not in capsys.readouterr().out
    assert (drop / "one.txt").read_text() == PLAIN
    assert (drop / "other.txt").read_text() == PLAIN


@pytest.mark.peer("vsftpd")
def test_ftps_that_cannot_be_read_back(
    authority: Authority, right: Files, ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the server shows nothing of a file, it says that nothing but its size was compared."""
    with vsftpd(ready / "v", right, anon_umask="077", download_enable="NO") as port:
        url = f"ftps://anonymous@shop.localhost:{port}/in/"
        assert run(["send", "one.txt", url, *trusting(authority)]) == 0
    assert "checked: its size only" in capsys.readouterr().out


@pytest.mark.peer("vsftpd")
@pytest.mark.parametrize(
    ("settings", "extra", "rule"),
    [
        ({"ssl_enable": "NO"}, [], "transit-ftp-plaintext"),
        ({}, ["--class", "secret"], "transit-no-hybrid"),
    ],
)
def test_ftps_below_the_class(
    authority: Authority,
    right: Files,
    ready: Path,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, str],
    extra: list[str],
    rule: str,
) -> None:
    """Without TLS, or with too little of it, neither name nor file goes."""
    if extra:
        extra = [*extra, "-r", str(HybridIdentity.generate().recipient())]
    with vsftpd(ready / "v", right, **settings, log_ftp_protocol="YES") as port:
        url = f"ftps://anonymous@shop.localhost:{port}/in/"
        assert run(["send", "one.txt", url, *trusting(authority), *extra]) == 10
    assert rule in capsys.readouterr().err
    assert not list((ready / "v/root/in").iterdir())


@pytest.mark.peer("vsftpd")
def test_implicit_tls(
    authority: Authority,
    right: Files,
    ready: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the port for it TLS begins with the first byte; on another the greeting is awaited."""
    monkeypatch.setattr("sealgate.client.ftps.GREETING_SECONDS", 0.3)
    with vsftpd(ready / "v", right, implicit_ssl="YES") as port:
        url = f"ftps://anonymous@shop.localhost:{port}/in/"
        assert run(["send", "one.txt", url, *trusting(authority)]) == 1
        assert "the port must be 990" in capsys.readouterr().err
        monkeypatch.setattr("sealgate.client.destination.IMPLICIT_FTPS_PORT", port)
        assert run(["send", "one.txt", url, *trusting(authority)]) == 0
    assert (ready / "v/root/in/one.txt").read_text() == PLAIN


@pytest.mark.peer("vsftpd")
def test_a_wrong_password(
    authority: Authority, right: Files, ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who is not let in is told so, and the password is not repeated."""
    (ready / "password").write_text("s3cr3t\n")
    with vsftpd(ready / "v", right) as port:
        url = f"ftps://nobodyatall@shop.localhost:{port}/in/"
        assert run(["send", "one.txt", url, *trusting(authority)]) == 1
    err = capsys.readouterr().err
    assert "nobodyatall" in err
    assert "s3cr3t" not in err


@pytest.mark.parametrize(
    ("name", "days", "trusted", "rule"),
    [
        ("other.example", 60, True, "transit-wrong-name"),
        ("shop.localhost", -1, True, "transit-expired-certificate"),
        ("shop.localhost", 60, False, "transit-untrusted-chain"),
    ],
)
@pytest.mark.peer("nginx")
@pytest.mark.peer("vsftpd")
def test_certificates_are_verified(
    authority: Authority,
    ready: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    days: float,
    trusted: bool,  # noqa: FBT001  # a row of the table
    rule: str,
) -> None:
    """What is wrong with a certificate is told by its rule, and nothing is sent."""
    files = authority.issue(name, begins_days=-90, ends_days=days)
    options = trusting(authority) if trusted else trusting(authority)[2:]
    with vsftpd(ready / "v", files) as port:
        url = f"ftps://anonymous@shop.localhost:{port}/in/"
        assert run(["send", "one.txt", url, *options]) == 10
    assert rule in capsys.readouterr().err
    assert not list((ready / "v/root/in").iterdir())
    with dav(ready / "d", files) as url:
        assert run(["send", "one.txt", url, *options]) == 10
    assert rule in capsys.readouterr().err
    assert not (ready / "d/root/in").exists()


@pytest.mark.peer("nginx")
def test_https(
    authority: Authority, right: Files, ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files are PUT to nginx, compared, and come back."""
    with dav(ready / "d", right) as url:
        assert run(["send", "one.txt", "cards.csv", url, *trusting(authority)]) == 0
        assert run(["get", f"{url}cards.csv", "-o", "back.csv", *trusting(authority)]) == 0
        said = capsys.readouterr().out
        assert run(["get", f"{url}missing.csv", *trusting(authority)]) == 1
        assert run(["send", "one.txt", url.replace("/in/", "/else/"), *trusting(authority)]) == 1
    err = capsys.readouterr().err
    assert (ready / "d/root/in/one.txt").read_text() == PLAIN
    assert (ready / "back.csv").read_text() == CARDS
    assert said.count("read back and compared") == 2
    assert "X25519MLKEM768" in said
    assert "404" in err


@pytest.mark.peer("nginx")
def test_https_with_a_password(
    authority: Authority, right: Files, ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user in the URL signs in with the password from the file."""
    words = "guest@example"
    hashed = subprocess.check_output(["openssl", "passwd", "-apr1", words]).decode().strip()
    users = ready / "users"
    users.write_text(f"ann:{hashed}\n")
    with dav(ready / "d", right, f"auth_basic x; auth_basic_user_file {users};") as url:
        assert run(["send", "one.txt", url, *trusting(authority)]) == 1
        named = url.replace("https://", "https://ann@")
        assert run(["send", "one.txt", named, *trusting(authority)]) == 0
        assert run(["get", f"{named}one.txt", "-o", "back", *trusting(authority)]) == 0
    assert "401" in capsys.readouterr().err
    assert (ready / "back").read_text() == PLAIN


@pytest.mark.peer("nginx")
def test_secret_takes_a_certificate(
    authority: Authority, right: Files, ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With TLS 1.3, the hybrid group and a client certificate, "secret" goes: sealed."""
    me = ready / "me.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=me"]
    subprocess.run([*command, "-keyout", str(me), "-out", str(me) + ".crt"], check=True)
    me.write_text(me.read_text() + (ready / "me.pem.crt").read_text())
    recipient = str(HybridIdentity.generate().recipient())
    asks = f"ssl_verify_client optional_no_ca; ssl_client_certificate {authority.path};"
    with dav(ready / "d", right) as plain:
        secret = ["--class", "secret", "-r", recipient, *trusting(authority)]
        shown = ["--cert", str(me)]
        assert run(["send", "one.txt", plain, *secret]) == 10
        assert "transit-client-unauthenticated" in capsys.readouterr().err
        # The server does not ask for the certificate, so nobody has proved anything.
        assert run(["send", "one.txt", plain, *secret, *shown]) == 10
        assert "transit-client-unauthenticated" in capsys.readouterr().err
    port, root = free_port(), ready / "e"
    root.mkdir()
    root.chmod(0o777)
    place = f"{asks} location /in/ {{ root {root}; dav_methods PUT; create_full_put_path on; }}"
    with nginx(ready / "n", https_server(right, port, locations=place), port):
        url = f"https://shop.localhost:{port}/in/"
        assert run(["send", "one.txt", url, *secret, *shown]) == 0
    assert (root / "in/one.txt.age").read_bytes().startswith(b"age-encryption.org/v1\n")


@pytest.mark.peer("openssl")
def test_old_tls_is_refused(
    authority: Authority, right: Files, ready: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server with suites without forward secrecy gets no byte of a request."""
    port, log = free_port(), ready / "log"
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-tls1_2"]
    command += ["-cert", str(right.chain), "-key", str(right.key)]
    command += ["-cipher", "ECDHE-ECDSA-AES128-SHA256"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as peer:
        try:
            await_listener(port, peer, log)
            url = f"https://shop.localhost:{port}/in/"
            assert run(["send", "one.txt", url, *trusting(authority)]) == 1
        finally:
            peer.terminate()
    assert "handshake" in capsys.readouterr().err


@pytest.mark.parametrize(
    "greeting",
    [b"", b"220 hello\r\n234 go on\r\n230 in clear\r\n", b"SSH-2.0-x\r\n", b"\0" * 100],
)
def test_a_hostile_ftp_server(
    authority: Authority, ready: Path, capsys: pytest.CaptureFixture[str], greeting: bytes
) -> None:
    """A server that hangs up, speaks something else, or goes on in clear gets no name."""
    heard = bytearray()
    with closing(socket.create_server(("127.0.0.1", 0))) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                peer.settimeout(5)
                peer.sendall(greeting)
                if greeting:
                    heard.extend(peer.recv(4096))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"ftps://ann@shop.localhost:{server.getsockname()[1]}/in/"
        code = run(["send", "one.txt", url, *trusting(authority)])
        thread.join(5)
    assert code in {1, 10}
    assert b"USER" not in heard
    assert "Traceback" not in capsys.readouterr().err

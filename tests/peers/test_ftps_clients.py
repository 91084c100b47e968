import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from ftplib import FTP_TLS
from pathlib import Path

import pytest

from sealgate.register.model import TransferRecord
from tests.peers.transferred import PASSWORD, FilePlace, file_place
from tests.waiting import wait_until

CONTENT = os.urandom(3_000_000)


@pytest.fixture(name="place", scope="module")
def _place() -> Iterator[FilePlace]:
    # A short path on a disk: what is acknowledged must get there.
    folder = Path(tempfile.mkdtemp(prefix="ftps-", dir="/var/tmp"))
    try:
        with file_place(folder) as place, place.serving():
            yield place
    finally:
        shutil.rmtree(folder)


@pytest.fixture(name="here")
def _here(tmp_path: Path) -> Path:
    (tmp_path / "file").write_bytes(CONTENT)
    tree = tmp_path / "tree"
    (tree / "sub").mkdir(parents=True)
    for number in range(12):
        (tree / f"file {number}").write_bytes(os.urandom(9_000))
    (tree / "sub" / "ä ö.txt").write_bytes(b"umlauts")
    (tree / "empty").touch()
    return tmp_path


def _run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def _same(one: Path, other: Path) -> bool:
    seen = [
        {str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*") if p.is_file()}
        for top in (one, other)
    ]
    return seen[0] == seen[1] and bool(seen[0])


def _curl(place: FilePlace, *arguments: str, key: bool = False) -> subprocess.CompletedProcess[str]:
    command = ["curl", "-sS", "--fail", "--ssl-reqd", "--cacert", str(place.ca)]
    if key:
        command += ["--cert", str(place.folder / "anna.crt")]
        command += ["--key", str(place.folder / "anna.key"), "-u", "anna:"]
    else:
        command += ["-u", f"anna:{PASSWORD}"]
    return _run(*command, *arguments)


@pytest.mark.peer("curl")
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_puts_and_gets(place: FilePlace, here: Path, version: str) -> None:
    """A file there and back, a range of it, and a listing, under TLS 1.2 and 1.3."""
    url = f"ftp://localhost:{place.ftps}/inbox/curl-{version}"
    tls = ("--tls-max", version)
    done = _curl(place, *tls, "-T", str(here / "file"), url)
    assert done.returncode == 0, done.stderr
    assert _curl(place, *tls, "-o", str(here / "back"), url).returncode == 0
    assert (here / "back").read_bytes() == CONTENT
    assert _curl(place, *tls, "-r", "1000-1999", "-o", str(here / "range"), url).returncode == 0
    assert (here / "range").read_bytes() == CONTENT[1000:2000]
    listing = _curl(place, *tls, f"ftp://localhost:{place.ftps}/inbox/").stdout
    assert f" {len(CONTENT)} " in listing
    assert f"curl-{version}" in listing


@pytest.mark.peer("curl")
def test_curl_goes_on_with_a_broken_upload(place: FilePlace, here: Path) -> None:
    """What a cut upload left is gone on with by -C -, and the whole is right."""
    context = place.trust()
    with _signed_in(place, context) as one:
        data = one.transfercmd("STOR /inbox/resumed")
        data.sendall(CONTENT[:1_000_000])
        data.shutdown(socket.SHUT_WR)
        said = one.getmultiline()
        assert said.startswith("426 ")
        data.close()
        # Shown where nothing was kept.
        print(said)
        kept = one.size("/inbox/resumed")
        assert kept is not None
        assert 0 < kept <= 1_000_000
    url = f"ftp://localhost:{place.ftps}/inbox/resumed"
    done = _curl(place, "-C", "-", "-T", str(here / "file"), url)
    assert done.returncode == 0, done.stderr
    assert _curl(place, "-o", str(here / "back"), url).returncode == 0
    assert (here / "back").read_bytes() == CONTENT


@pytest.mark.peer("curl")
def test_curl_comes_in_by_certificate(place: FilePlace, here: Path) -> None:
    """The confidential drop opens for the certificate, and not for the password alone."""
    url = f"ftp://localhost:{place.ftps}/partners/by-key"
    refused = _curl(place, "-T", str(here / "file"), url)
    assert refused.returncode != 0
    done = _curl(place, "-T", str(here / "file"), url, key=True)
    assert done.returncode == 0, done.stderr

    def events() -> list[TransferRecord]:
        return [event for event in place.events() if event.place == "partners/by-key"]

    # The trail is written in batches.
    assert wait_until(events)
    assert [(event.action, event.result, event.size) for event in events()] == [
        ("upload", "ok", len(CONTENT))
    ]
    assert events()[0].group == "X25519MLKEM768"
    assert events()[0].protocol == "ftps"


@pytest.mark.peer("curl")
def test_curl_over_implicit_tls(place: FilePlace, here: Path) -> None:
    """TLS from the first byte works as well."""
    url = f"ftps://localhost:{place.ftps_implicit}/inbox/implicit"
    done = _curl(place, "-T", str(here / "file"), url)
    assert done.returncode == 0, done.stderr
    assert _curl(place, "-o", str(here / "back"), url).returncode == 0
    assert (here / "back").read_bytes() == CONTENT


@pytest.mark.peer("curl")
def test_curl_without_tls_is_refused(place: FilePlace) -> None:
    """Plain FTP: 530 to USER, so that no password leaves the client."""
    done = _run(
        *("curl", "-sv", "-u", f"anna:{PASSWORD}", f"ftp://localhost:{place.ftps}/inbox/"),
    )
    assert done.returncode == 67
    assert "< 530 " in done.stderr
    assert "> USER anna" in done.stderr
    assert "> PASS" not in done.stderr


@pytest.mark.peer("lftp")
@pytest.mark.parametrize("scheme", ["ftp", "ftps"])
def test_lftp_mirrors_both_ways(place: FilePlace, here: Path, scheme: str) -> None:
    """A tree with umlauts and an empty file there and back, explicit and implicit."""
    port = place.ftps if scheme == "ftp" else place.ftps_implicit
    script = (
        f"set ssl:ca-file {place.ca}; set ftp:ssl-force true; set ftp:ssl-protect-data true; "
        "set cmd:fail-exit true; set net:max-retries 2; set net:timeout 10; "
        f"open -u anna,'{PASSWORD}' {scheme}://localhost:{port}; "
        f"mirror -R {here}/tree /inbox/lftp-{scheme}; mirror /inbox/lftp-{scheme} {here}/back; "
        f"mv /inbox/lftp-{scheme}/empty /inbox/lftp-{scheme}/moved; "
        f"rm /inbox/lftp-{scheme}/moved; ls /inbox/lftp-{scheme}"
    )
    done = _run("lftp", "-c", script, LFTP_HOME=str(here))
    assert done.returncode == 0, done.stderr
    assert _same(here / "tree", here / "back")
    assert "moved" not in done.stdout
    assert "file 11" in done.stdout


@pytest.mark.peer("lftp")
def test_lftp_comes_in_by_certificate(place: FilePlace, here: Path) -> None:
    """232 is understood."""
    script = (
        f"set ssl:ca-file {place.ca}; set ftp:ssl-force true; set ftp:ssl-protect-data true; "
        f"set ssl:cert-file {place.folder}/anna.crt; set ssl:key-file {place.folder}/anna.key; "
        "set cmd:fail-exit true; set net:max-retries 2; set net:timeout 10; "
        f"open -u anna,- ftp://localhost:{place.ftps}; put {here}/file -o /partners/lftp"
    )
    done = _run("lftp", "-c", script, LFTP_HOME=str(here))
    assert done.returncode == 0, done.stderr


@pytest.mark.peer("rclone")
def test_rclone_copies_both_ways(place: FilePlace, here: Path) -> None:
    """With TLS 1.2 and one connection, as its library needs (docs/howto/ftps.md)."""
    obscured = _run("rclone", "obscure", PASSWORD).stdout.strip()
    environment = {
        "RCLONE_CONFIG": "/dev/null",
        "RCLONE_CONFIG_X_TYPE": "ftp",
        "RCLONE_CONFIG_X_HOST": "localhost",
        "RCLONE_CONFIG_X_PORT": str(place.ftps),
        "RCLONE_CONFIG_X_USER": "anna",
        "RCLONE_CONFIG_X_PASS": obscured,
        "RCLONE_CONFIG_X_EXPLICIT_TLS": "true",
        "RCLONE_CONFIG_X_DISABLE_TLS13": "true",
        "RCLONE_CONFIG_X_CONCURRENCY": "1",
        "SSL_CERT_FILE": str(place.ca),
    }
    done = _run("rclone", "copy", str(here / "tree"), "x:/inbox/rclone", **environment)
    assert done.returncode == 0, done.stderr
    done = _run("rclone", "copy", "x:/inbox/rclone", str(here / "back"), **environment)
    assert done.returncode == 0, done.stderr
    assert _same(here / "tree", here / "back")


class _Resuming(FTP_TLS):
    """The subclass of ten lines that Python's client needs."""

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        """Resume the session of the control connection."""
        connection, size = super(FTP_TLS, self).ntransfercmd(cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        return self.context.wrap_socket(
            connection, server_hostname=self.host, session=self.sock.session
        ), size


@contextlib.contextmanager
def _signed_in(place: FilePlace, context: ssl.SSLContext) -> Iterator[FTP_TLS]:
    one = _Resuming(context=context, timeout=20)
    one.connect("localhost", place.ftps)
    try:
        one.login("anna", PASSWORD)
        one.prot_p()
        one.voidcmd("TYPE I")
        yield one
        one.quit()
    finally:
        one.close()


def test_ftplib_with_session_reuse(place: FilePlace, here: Path) -> None:
    """Python's own client, with a few lines more, does everything."""
    with _signed_in(place, place.trust()) as one:
        one.mkd("/inbox/python")
        one.cwd("/inbox/python")
        with (here / "file").open("rb") as file:
            assert one.storbinary("STOR file", file).startswith("226 ")
        assert one.size("file") == len(CONTENT)
        got = bytearray()
        one.retrbinary("RETR file", got.extend, rest=1_234_567)
        assert got == CONTENT[1_234_567:]
        one.rename("file", "other")
        assert [name for name, _ in one.mlsd()] == ["other"]
        one.delete("other")
        one.rmd("/inbox/python")


def test_what_is_acknowledged_is_sealed(place: FilePlace, here: Path) -> None:
    """Nothing of the content of a confidential file lies in the store as it came."""
    needle = CONTENT[500_000:500_064]
    url = f"ftp://localhost:{place.ftps}/partners/sealed"
    done = _curl(place, "-T", str(here / "file"), url, key=True)
    assert done.returncode == 0, done.stderr
    stored = [path for path in (place.folder / "stores/partners").rglob("*") if path.is_file()]
    assert stored
    assert not any(needle in path.read_bytes() for path in stored)


@pytest.mark.peer("openssl")
def test_openssl_sees_the_hybrid_group(place: FilePlace) -> None:
    """s_client negotiates TLS 1.3 with X25519MLKEM768, and verifies the certificate."""
    done = subprocess.run(
        [
            *("openssl", "s_client", "-starttls", "ftp", "-connect", f"localhost:{place.ftps}"),
            *("-CAfile", str(place.ca), "-verify_return_error", "-verify_hostname", "localhost"),
        ],
        input="QUIT\r\n",
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert "X25519MLKEM768" in done.stdout
    assert "TLSv1.3" in done.stdout
    assert "Verify return code: 0 (ok)" in done.stdout


def test_our_own_audit_finds_nothing(place: FilePlace) -> None:
    """The project's probe, with injection and clear data tried, meets every rule of "confidential"."""
    done = _run(
        *(sys.executable, "-m", "sealgate", "audit", f"ftp://localhost:{place.ftps}"),
        *("--active", "--class", "confidential", "--ca", str(place.ca)),
    )
    assert done.returncode == 0, done.stdout
    assert "0 findings, 0 accepted, 0 not observed" in done.stdout

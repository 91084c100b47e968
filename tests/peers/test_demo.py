"""The whole walk on loopback: ``sealgate demo``, driven by curl and openssl from outside."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.commands import run_here
from tests.waiting import wait_until


@dataclass(frozen=True)
class Demo:
    """A running demo: its ready file, and the process."""

    ready: dict[str, Any]
    process: subprocess.Popen[bytes]
    out: Path

    def try_printed(self, what: str) -> subprocess.CompletedProcess[str]:
        """Run the command that the demo printed below the words *what*, as it stands there."""
        lines = self.out.read_text().splitlines()
        command = lines[lines.index(f"# {what}") + 1]
        return subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=False, timeout=60
        )

    def curl(
        self, url: str, *options: str, source: str = "allowed"
    ) -> subprocess.CompletedProcess[str]:
        """Ask *url* from one of the demo's addresses; *options* go to curl."""
        return subprocess.run(
            [
                *("curl", "--silent", "--show-error", "--max-time", "60", "--path-as-is"),
                *("--cacert", self.ready["ca"]),
                *("--interface", self.ready["addresses"][source]),
                *options,
                url,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=40,
        )

    def status(self, url: str, *options: str, source: str = "allowed") -> int:
        """Return the status code of the answer to *url*; 0 when there was none."""
        done = self.curl(
            url, "--output", os.devnull, "--write-out", "%{http_code}", *options, source=source
        )
        return int(done.stdout or 0)

    @property
    def key(self) -> tuple[str, ...]:
        """Return curl's options for the certificate that may enter the backend."""
        return ("--cert", self.ready["client_certificate"], "--key", self.ready["client_key"])

    def sealgate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command on the demo's configuration."""
        command, *rest = arguments
        group = [rest.pop(0)] if command in {"key", "user"} else []
        return run_here([command, *group, "-c", self.ready["config"], *rest], Path.cwd())

    def issue(self, name: str, folder: Path, group: str) -> tuple[str, ...]:
        """Make an identity in *group* with a certificate; return curl's options for it."""
        added = self.sealgate("user", "add", name, "--group", group)
        assert added.returncode == 0, added.stderr
        issued = self.sealgate("key", "issue", name, "--out", str(folder / name))
        assert issued.returncode == 0, issued.stderr
        files = [p for p in folder.iterdir() if p.name.startswith(name)]
        [certificate] = [p for p in files if b"BEGIN CERTIFICATE" in p.read_bytes()]
        [key] = [p for p in files if b"PRIVATE KEY" in p.read_bytes()]
        return ("--cert", str(certificate), "--key", str(key))

    def shop_log(self) -> list[dict[str, Any]]:
        """Return what reached the shop, one entry a request."""
        return [json.loads(line) for line in Path(self.ready["shop_log"]).read_text().splitlines()]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One demo for all tests here, stopped at the end."""
    folder = tmp_path_factory.mktemp("demo")
    ready = folder / "ready.json"
    with (folder / "out").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "sealgate", "demo", "--ready-file", str(ready)],
            stdout=out,
            stderr=out,
        )
    try:
        wait_until(lambda: ready.exists() or process.poll() is not None, 120)
        assert ready.exists(), (folder / "out").read_text()
        yield Demo(json.loads(ready.read_text()), process, folder / "out")
    finally:
        # As when its terminal is closed: it must not go on behind it.
        process.send_signal(signal.SIGHUP)
        ended = process.wait(30)
    assert ended == 0, (folder / "out").read_text()


def test_the_plain_port_redirects_and_refuses(demo: Demo) -> None:
    """GET is sent to https with its path; POST is refused and never reaches the shop."""
    before = len(demo.shop_log())
    got = demo.curl(f"{demo.ready['http']}/some/page?x=1", "--head")
    assert " 308 " in got.stdout.splitlines()[0]
    assert f"location: {demo.ready['https']}/some/page?x=1" in got.stdout.lower()
    posted = demo.curl(
        f"{demo.ready['http']}/typo3/login", "--data", "username=a", "--write-out", "%{http_code}"
    )
    assert posted.stdout.endswith("403")
    assert "clear" in posted.stdout
    assert len(demo.shop_log()) == before


def test_the_backend_refuses_strangers(demo: Demo, tmp_path: Path) -> None:
    """No certificate, a forged one, another identity's, another country, no country: 403."""
    url = f"{demo.ready['https']}/typo3/"
    assert demo.status(url) == 403
    assert demo.status(url, *self_signed_copy(demo.ready["client_certificate"], tmp_path)) == 403
    assert demo.status(url, *demo.issue("mallory", tmp_path, "guests")) == 403
    assert demo.status(url, *demo.key, source="other") == 403
    assert demo.status(url, *demo.key, source="unknown") == 403
    assert demo.status(url, *demo.key) == 200


def test_a_refusal_names_the_rule_and_what_to_do(demo: Demo) -> None:
    """People get a page, programs get problem+json; both tell the same."""
    url = f"{demo.ready['https']}/typo3/"
    page = demo.curl(url, "--include").stdout
    assert "text/html" in page
    assert "Organization Confidential" in page
    program = demo.curl(url, "--header", "accept: application/json", "--include").stdout
    assert "application/problem+json" in program
    assert json.loads(program.partition("\n\n")[2])["status"] == 403


def test_revocation_holds_at_once(demo: Demo, tmp_path: Path) -> None:
    """A certificate works, is revoked, and is refused by the very next request."""
    url = f"{demo.ready['https']}/typo3/"
    options = demo.issue("temp", tmp_path, "editors")
    assert demo.status(url, *options) == 200
    revoked = demo.sealgate("key", "revoke", "temp")
    assert revoked.returncode == 0, revoked.stderr
    assert demo.status(url, *options) == 403
    assert demo.status(url, *demo.key) == 200


def test_full_and_resumed_handshakes_are_admitted(demo: Demo, tmp_path: Path) -> None:
    """The certificate counts on a resumed TLS session too, with TLS 1.2 and 1.3."""
    host = demo.ready["https"].removeprefix("https://")
    port = host.rpartition(":")[2]
    request = f"GET /typo3/ HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    for version in ("-tls1_2", "-tls1_3"):
        session = tmp_path / f"session{version}"
        for resumed, step in ((False, "-sess_out"), (True, "-sess_in")):
            done = subprocess.run(
                [
                    *("openssl", "s_client", "-connect", f"127.0.0.1:{port}"),
                    *("-servername", "localhost", "-CAfile", demo.ready["ca"], "-ign_eof"),
                    *("-cert", demo.ready["client_certificate"]),
                    *("-key", demo.ready["client_key"], version, step, str(session)),
                ],
                input=request,
                capture_output=True,
                text=True,
                check=False,
                timeout=20,
            )
            assert "HTTP/1.1 200" in done.stdout, done.stdout + done.stderr
            assert ("Reused, " in done.stdout) == resumed, version


def test_the_hybrid_group_is_negotiated(demo: Demo) -> None:
    """A client that knows X25519MLKEM768 gets it, a classical client comes in too."""
    port = demo.ready["https"].rpartition(":")[2]
    for groups, expected in (
        ("X25519MLKEM768", "Negotiated TLS1.3 group: X25519MLKEM768"),
        ("X25519:X25519MLKEM768", "Negotiated TLS1.3 group: X25519MLKEM768"),
        ("X25519", "Peer Temp Key: X25519"),
    ):
        done = subprocess.run(
            [
                *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-groups", groups),
                *("-servername", "localhost", "-CAfile", demo.ready["ca"]),
            ],
            input="",
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
        assert expected in done.stdout, groups
        assert "Verify return code: 0 (ok)" in done.stdout


def test_public_neighbours_of_the_lock_stay_public(demo: Demo) -> None:
    """A path that only begins like the locked one is served."""
    for path in ("/", "/typo3temp/", "/typo3temp/shop.css", "/login", "/checkout", "/robots.txt"):
        assert demo.status(demo.ready["https"] + path) == 200, path


SPELLINGS = (
    *("/typo3", "/typo3/", "/TYPO3/", "/Typo3/index.php", "//typo3/", "/typo3//", "/./typo3/"),
    *("/x/../typo3/", "/typo3temp/../typo3/", "/typo3temp/%2e%2e/typo3/", "/%74ypo3/"),
    *("/%2574ypo3/", "/typo3%2f", "/%2ftypo3/", "/typo3;x/", "/;a/typo3/", "/typo3%3bx/"),
    *("/index.php/typo3/", "/typo3temp/a.php/typo3/", "/\\typo3/", "/%5ctypo3/", "/typo3./"),
    *("/typo3%20/", "/x%2f..%2ftypo3/", "/%54YPO3/", "/?__typo3_install", "/?%5f_typo3_install"),
    *("/?a=1&__typo3_install=1", "/typo3%00/", "/typo3%3f/"),
)


@pytest.mark.parametrize("path", SPELLINGS)
def test_every_spelling_of_the_lock_is_refused(demo: Demo, path: str) -> None:
    """However the locked path is written, the shop does not see the request."""
    before = len(demo.shop_log())
    status = demo.status(demo.ready["https"] + path)
    assert status in {400, 403}, path
    assert len(demo.shop_log()) == before


def test_forged_forwarding_headers_do_not_reach_the_shop(demo: Demo) -> None:
    """What a client claims about itself is dropped or replaced by what is true."""
    forged = (
        *("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Proto: http", "X-Forwarded-Host: evil.example"),
        *("X-Forwarded-Port: 1", "X-Forwarded-Server: evil.example", "X-Real-IP: 6.6.6.6"),
        *("Forwarded: for=6.6.6.6", "X-Original-URL: /typo3/", "X-Rewrite-URL: /typo3/"),
        *("Front-End-Https: on", "X_Forwarded_Proto: https", "X_Real_IP: 6.6.6.6"),
    )
    headers = [word for line in forged for word in ("--header", line)]
    assert demo.status(f"{demo.ready['https']}/robots.txt?forged", *headers) == 200
    [told] = [e["told"] for e in demo.shop_log() if "forged" in e["path"] or e["told"]][-1:]
    assert "6.6.6.6" not in json.dumps(told)
    assert "evil" not in json.dumps(told)
    assert not [name for name in told if "_" in name]
    assert told["x-forwarded-for"] == demo.ready["addresses"]["allowed"]
    assert told["x-forwarded-proto"] == "https"
    assert not {"forwarded", "front-end-https", "x-original-url", "x-rewrite-url"} & told.keys()


def test_the_shop_signs_people_in_with_a_hardened_cookie(demo: Demo) -> None:
    """The site's own sign-in works through the gateway; its cookie gains what it lacks."""
    done = demo.curl(
        f"{demo.ready['https']}/login",
        *("--include", "--data", "email=greta.lindqvist0@example.org&password=walnut-bowl"),
    )
    [cookie] = [li for li in done.stdout.splitlines() if li.lower().startswith("set-cookie:")]
    assert "; secure" in cookie.lower()
    assert "; httponly" in cookie.lower()
    assert "; samesite=lax" in cookie.lower()
    assert "strict-transport-security: max-age=300" in done.stdout.lower()
    assert "includesubdomains" not in done.stdout.lower()


def test_the_audit_agrees_and_its_accepted_risks_are_needed(demo: Demo, tmp_path: Path) -> None:
    """As declared the audit ends with 0; without the accepted risks it ends with 10."""
    # As it is printed, so that it can be typed.
    good = demo.try_printed("the verdict again")
    assert good.returncode == 0, good.stdout + good.stderr
    assert "the shop's owner" in good.stdout
    # What a server process warns of is told as Sealgate's.
    assert (
        "\nsealgate: 127.0.0.1 sent commands in the clear behind AUTH TLS" in demo.out.read_text()
    )
    config = Path(demo.ready["config"])
    text = config.read_text()
    bare = config.with_name("bare.toml")
    bare.write_text(text.partition("# A risk that somebody took on.")[0])
    done = subprocess.run(
        [sys.executable, "-m", "sealgate", "audit", "-c", str(bare)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    bare.unlink()
    assert done.returncode == 10, done.stdout + done.stderr
    assert "at-rest-unobserved" in done.stdout


@pytest.mark.peer("sftp")
@pytest.mark.peer("lftp")
def test_the_partner_delivers_by_the_printed_commands(demo: Demo) -> None:
    """What sftp delivers lies sealed on the disk, and lftp sees it over FTPS."""
    put = demo.try_printed("a partner delivers over SFTP; the file is sealed as it comes")
    assert put.returncode == 0, put.stderr
    drop = demo.ready["drops"]["partners"]
    lies = demo.try_printed("what lies on the disk: an age file")
    assert lies.stdout.splitlines() == ["age-encryption.org/v1"]
    sent = Path(drop["delivery"]).read_bytes()
    assert b"DE89370400440532013000" in sent
    for path in Path(drop["store"]).rglob("*"):
        assert not path.is_file() or b"DE89370400440532013000" not in path.read_bytes()
    listed = demo.try_printed("the same drop over FTPS, with a certificate")
    assert listed.returncode == 0, listed.stderr
    assert f"{len(sent)} " in listed.stdout
    assert "orders.csv" in listed.stdout


@pytest.mark.peer("sftp")
@pytest.mark.peer("curl")
def test_the_drop_refuses_other_countries_and_plain_ftp(demo: Demo) -> None:
    """The rule is named over SSH; over FTP the name is refused before a password is sent."""
    abroad = demo.try_printed("refused: the right key, from another country")
    assert abroad.returncode != 0
    assert "rule access-no-key" in abroad.stderr
    plain = demo.try_printed("530: plain FTP does not exist")
    assert plain.returncode != 0
    assert "< 530 " in plain.stderr
    assert "> PASS" not in plain.stderr


def test_plan_and_audit_cover_the_drop(demo: Demo) -> None:
    """All three columns of the drop are required, provided and observed."""
    for command in ("plan", "audit"):
        done = demo.sealgate(command, "--format", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        assets = {asset["id"]: asset for asset in json.loads(done.stdout)["assets"]}
        columns = assets["drop partners"]["columns"]
        assert {name: found["provided"] for name, found in columns.items()} == {
            "in_transit": 2,
            "access": 2,
            "at_rest": 2,
        }, command
        assert all(found["met"] for found in columns.values())


def self_signed_copy(certificate: str, folder: Path) -> tuple[str, ...]:
    """Return curl's options for a stranger's certificate with the same names in it."""
    original = x509.load_pem_x509_certificate(Path(certificate).read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        x509.CertificateBuilder()
        .subject_name(original.subject)
        .issuer_name(original.issuer)
        .public_key(key.public_key())
        .serial_number(original.serial_number)
        .not_valid_before(original.not_valid_before_utc)
        .not_valid_after(original.not_valid_after_utc)
    )
    for extension in original.extensions:
        if not isinstance(extension.value, x509.AuthorityKeyIdentifier | x509.SubjectKeyIdentifier):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    forged = builder.sign(key, hashes.SHA256())
    paths = folder / "forged.pem", folder / "forged.key"
    paths[0].write_bytes(forged.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return ("--cert", str(paths[0]), "--key", str(paths[1]))

"""What is served over plain HTTP: signed or not at all, through the real Envoy, to curl."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.processes import with_descendants
from sealgate.app.audit import Audit, audit_sites
from sealgate.app.audit_options import AuditOptions
from sealgate.cli import run
from sealgate.config.load import load
from sealgate.errors import ExitCode
from sealgate.policy.protection import Column
from sealgate.serve.plan import plan
from sealgate.signing.keys import read_keys, signing_key
from sealgate.signing.model import Answer, Request
from sealgate.signing.verify import BodyDigest, verify_head
from tests.peers.npm_peers import installed
from tests.peers.plain import LARGE, TEXT, Mirror, between, forwarded, mirror_running
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.peers.served import Serving


@dataclass
class World:
    """The mirror while it is served, and a stranger's folder with its key."""

    mirror: Mirror
    serving: Serving
    folder: Path

    def signer(self) -> int:
        """Return the process that signs, 0 while there is none."""
        for pid in with_descendants(self.serving.process.pid):
            with contextlib.suppress(OSError):
                if b"signer_worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return pid
        return 0

    def published(self) -> Any:
        """Return the keys that the site publishes."""
        done = subprocess.run(
            ["curl", "--silent", "--fail", "--cacert", self.mirror.ca, self.mirror.keys_url],
            capture_output=True,
            check=True,
        )
        return json.loads(done.stdout)["keys"]

    def deceived(self, path: str) -> list[str]:
        """Return the arguments that verify *path* by the pinned key, through whoever is in between."""
        pin = str(self.folder / "site.pem")
        url = f"{self.mirror.plain}{path}"
        return ["verify", url, "--key", pin, "--resolve", "localhost:127.0.0.2"]

    def is_verified(self, path: str, *options: str, method: str = "GET") -> bytes:
        """Fetch *path* with curl, verify it as a program would, and return the body."""
        status, fields, body = self.mirror.get(path, *options)
        asked = [o.partition(": ") for o in options if ": " in o]
        request = Request(
            method,
            f"localhost:{self.mirror.http}",
            path,
            tuple((name.lower(), value) for name, _, value in asked),
        )
        keys = read_keys(json.dumps({"keys": self.published()}).encode())
        verified = verify_head(
            request, Answer(status, tuple(fields.items())), keys, now=time.time()
        )
        digest = BodyDigest(verified)
        digest.update(body)
        digest.check()
        return body


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Serve the mirror once for all tests; those that end the signer leave another one."""
    with mirror_running(tmp_path_factory.mktemp("mirror")) as mirror, mirror.serving() as serving:
        folder = tmp_path_factory.mktemp("stranger")
        printed = mirror.sealgate("keys", "signing")
        assert printed.returncode == 0, printed.stderr
        (folder / "site.pem").write_text(printed.stdout)
        yield World(mirror, serving, folder)


# Serving


def test_curl_gets_the_file_and_what_proves_it(world: World) -> None:
    """A program without TLS gets the same bytes, with digest and signature."""
    status, fields, body = world.mirror.get("/pub/data.txt")
    assert (status, body) == (200, TEXT)
    assert fields["content-digest"].startswith("sha-256=:")
    assert fields["content-length"] == str(len(TEXT))
    assert 'tag="sealgate-response"' in fields["signature-input"]
    assert world.is_verified("/pub/data.txt") == TEXT


@pytest.mark.parametrize(
    ("path", "options", "body"),
    [
        ("/pub/data.txt?version=2&x=%20", [], TEXT),
        ("/pub/large.bin", [], LARGE),
        ("/pub/large.bin", ["--header", "Range: bytes=0-9"], LARGE),
        ("/pub/none", [], b""),
        ("/pub/cookie", [], b"cookie"),
        ("/pub/odd", [], b"odd"),
    ],
)
def test_every_answer_is_verified(world: World, path: str, options: list[str], body: bytes) -> None:
    """A query, a body that was spooled, a range (answered whole), nothing at all."""
    assert world.is_verified(path, *options) == body


@pytest.mark.parametrize(("path", "status"), [("/pub/absent", 404), ("/pub/moved", 302)])
def test_other_answers_are_signed_too(world: World, path: str, status: int) -> None:
    """Whoever stands in between cannot make a file disappear, or lead elsewhere."""
    assert world.mirror.get(path)[0] == status
    world.is_verified(path)


def test_the_digest_is_over_the_coded_content(world: World) -> None:
    """What is compressed is signed as it is sent."""
    body = world.is_verified("/pub/data.txt", "--header", "Accept-Encoding: gzip")
    assert body != TEXT
    assert gzip.decompress(body) == TEXT


def test_head_is_signed_without_a_body(world: World) -> None:
    """RFC 9530, B.2: the digest is that of nothing, and the length that of GET."""
    status, fields, body = world.mirror.get("/pub/data.txt", "--head")
    assert (status, body, fields["content-length"]) == (200, b"", str(len(TEXT)))
    assert fields["content-digest"].endswith(":47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")
    world.is_verified("/pub/data.txt", "--head", method="HEAD")


def test_not_modified_is_signed_for_its_condition(world: World) -> None:
    """A mirror is asked again and again; a 304 is worth the version that was asked for."""
    etag = world.mirror.get("/pub/data.txt")[1]["etag"]
    condition = ("--header", f"If-None-Match: {etag}")
    assert world.mirror.get("/pub/data.txt", *condition)[0] == 304
    world.is_verified("/pub/data.txt", *condition)


def test_neither_side_learns_who_asks(world: World) -> None:
    """No cookie and no token reaches the site; no cookie and no promise of TLS comes back."""
    body = world.is_verified(
        "/pub/echo?a", "--header", "Cookie: sid=1", "--header", "X-Token: t", "--range", "0-1"
    )
    assert body == b"[][][][][a]"
    _, fields, _ = world.mirror.get("/pub/cookie")
    assert not {"set-cookie", "strict-transport-security"} & set(fields)
    assert fields["x-many"] == "one, two"
    assert "md5" not in fields["content-digest"]
    assert "x-odd" not in world.mirror.get("/pub/odd")[1]


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/pub/data.txt", ["--user", "anna:secret"], 403),
        ("/pub/data.txt", ["--header", "Proxy-Authorization: Basic eDp5"], 403),
        ("/pub/data.txt", ["--request", "POST"], 403),
        ("/pub/data.txt", ["--request", "DELETE"], 403),
        ("/pub/data.txt", ["--request", "GET", "--data", "x"], 308),
        ("/pub/private", [], 403),
        ("/", [], 308),
        ("/pub/upload", [], 308),
        ("/pub/upload/", [], 308),
        ("/pub/UPLOAD", [], 308),
        ("/pub//upload", [], 308),
        ("/pub/%75pload", [], 308),
        ("/pub/x/../upload", [], 308),
        ("/pub/..", [], 308),
        ("/public", [], 308),
        ("/pub/data.txt", ["--header", "Host: other.example"], 421),
        ("/.well-known/http-message-signatures-directory", [], 308),
    ],
)
def test_what_is_not_served_in_clear(
    world: World, path: str, options: list[str], status: int
) -> None:
    """Credentials, other methods, other routes however they are spelled, and other names."""
    found, fields, body = world.mirror.get(path, *options)
    assert found == status
    assert "signature" not in fields
    assert b"form" not in body
    assert "www-authenticate" not in fields


# Verifying


@pytest.mark.parametrize("key", ["published", "pinned", "configured"])
def test_verify_writes_what_the_site_signed(
    world: World, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the key that the site publishes over TLS, that was pinned, or that lies on this host."""
    url, out = f"{world.mirror.plain}/pub/large.bin", tmp_path / "large.bin"
    how, known = {
        "published": (
            ["--key", world.mirror.keys_url, "--ca", world.mirror.ca],
            f"known from https://localhost:{world.mirror.https}/",
        ),
        "pinned": (["--key", str(world.folder / "site.pem")], "known from /"),
        "configured": (
            ["-c", str(world.mirror.config)],
            'known from the configured site "localhost"',
        ),
    }[key]
    assert run(["verify", url, "-o", str(out), *how]) == ExitCode.OK
    assert known in capsys.readouterr().out
    assert out.read_bytes() == LARGE


def test_keys_are_taken_over_verified_tls_only(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the authority the list of keys is not believed."""
    url = f"{world.mirror.plain}/pub/data.txt"
    assert run(["verify", url, "--key", world.mirror.keys_url, "--ca", world.mirror.ca]) == 0
    assert run(["verify", url, "--key", world.mirror.keys_url]) == ExitCode.FINDINGS
    assert "transit-untrusted-chain" in capsys.readouterr().err


_VERIFY_ALONE = """
import pathlib, sys
from sealgate.cli import run
code = run(sys.argv[1:])
# Not getrusage: its maximum is inherited from whoever started us.
status = pathlib.Path("/proc/self/status").read_text()
print(status.partition("VmHWM:")[2].split()[0], file=sys.stderr)
sys.exit(code)
"""


def test_memory_does_not_grow_with_the_body(world: World, tmp_path: Path) -> None:
    """Neither that of the signer nor that of who verifies, with 256 MiB."""
    size = 256 * 1024 * 1024
    big = world.mirror.folder / "pages/pub/big.bin"
    with big.open("wb") as file:
        file.truncate(size)
    try:
        pin, out = str(world.folder / "site.pem"), tmp_path / "big.bin"
        asked = ["verify", f"{world.mirror.plain}/pub/big.bin", "--key", pin, "-o", str(out)]
        done = subprocess.run(
            [sys.executable, "-c", _VERIFY_ALONE, *asked],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == ExitCode.OK, done.stderr
        assert out.stat().st_size == size
        assert int(done.stderr.split()[-1]) < 200 * 1024
        told = Path(f"/proc/{world.signer()}/status").read_text()
        assert int(re.findall(r"VmHWM:\s+(\d+)", told)[0]) < 150 * 1024
    finally:
        big.unlink()


CHANGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "the body": (lambda a: a.replace(b"open data", b"0pen data"), "the body is not the one"),
    "the type": (lambda a: a.replace(b"text/plain", b"text/html"), "the signature does not fit"),
    "the signature": (
        lambda a: re.sub(rb"\r\nsignature:[^\r]*", b"", a),
        "the answer carries no signature",
    ),
    "the tag": (lambda a: a.replace(b"sealgate-response", b"sealgate-elsewise"), "another purpose"),
    "the end": (
        lambda a: re.sub(rb"expires=\d+", b"expires=9999999999", a),
        "the signature does not fit",
    ),
    "the algorithm": (lambda a: a.replace(b'alg="ed25519"', b'alg="hmac-sha256"'), "claims the"),
    "the cover": (
        lambda a: a.replace(b'"content-digest" ', b""),
        'does not cover "content-digest"',
    ),
    "a redirect": (
        lambda a: a.replace(b"200 OK", b"302 Found", 1).replace(b"200 Signed", b"302 Found", 1),
        "the signature does not fit",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_whoever_stands_in_between_is_noticed(
    world: World, what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that was changed on the way is written."""
    change, says = CHANGES[what]
    out = tmp_path / "data.txt"
    with between(world.mirror.http) as proxy:
        proxy.change = change
        code = run([*world.deceived("/pub/data.txt"), "-o", str(out)])
        assert proxy.last
        assert change(proxy.last) != proxy.last
    assert code == ExitCode.FINDINGS
    assert says in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def _interim(status: str) -> bytes:
    return f"HTTP/1.1 {status}\r\nLink: </a>; rel=preload\r\n\r\n".encode() * 2


@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_interim_answers_are_passed_over(world: World, status: str) -> None:
    """What comes before the answer is none, however often (RFC 9110, 15.2)."""
    first = _interim(status)
    with between(world.mirror.http) as proxy:
        proxy.change = lambda answer: first + answer
        assert run(world.deceived("/pub/data.txt")) == ExitCode.OK


def test_an_answer_for_one_address_is_none_for_another(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """A signed answer is replayed where something else was asked for."""
    with between(world.mirror.http) as proxy:
        assert run(world.deceived("/pub/echo")) == ExitCode.OK
        proxy.replay = proxy.last
        assert run(world.deceived("/pub/echo")) == ExitCode.OK  # within its time it is the same
        assert run(world.deceived("/pub/data.txt")) == ExitCode.FINDINGS
    assert "was made for another address" in capsys.readouterr().err


# Auditing


def _audited(world: World, address: str) -> Audit:
    options = AuditOptions(now=time.time(), resolve={"localhost": address}, addresses=())
    return audit_sites(load(str(world.mirror.config)), options)


def _unsigned(audit: Audit) -> list[tuple[str, str]]:
    return [
        (finding.asset.id, finding.found)
        for finding in audit.report.findings
        if finding.rule.id == "transit-unsigned"
    ]


def test_the_audit_finds_the_signature(world: World) -> None:
    """From outside, too, the route is worth "protected" in transit, and the site "encrypted"."""
    audit = _audited(world, "127.0.0.1")
    assert _unsigned(audit) == []
    ranks = {a.asset.id: a.provided[Column.IN_TRANSIT] for a in audit.report.assets}
    assert ranks["route localhost/pub"] == 1
    assert ranks["route localhost/pub/upload"] == ranks["site localhost"] == 2
    assert [
        (f.asset.id, f.rule.id, f.found) for f in audit.report.open_findings if "/pub" in f.asset.id
    ] == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda a: a.replace(b"a mirror", b"A MIRROR"), "the body is not the one"),
        pytest.param(*CHANGES["the signature"], marks=pytest.mark.soak),
    ],
)
def test_the_audit_finds_who_stands_in_between(
    world: World, change: Callable[[bytes], bytes], says: str
) -> None:
    """A changed body, a signature taken away: a finding on the route, by its rule."""
    with between(world.mirror.http) as proxy, forwarded(world.mirror.https):
        proxy.change = change
        found = _unsigned(_audited(world, "127.0.0.2"))
    assert [asset for asset, _ in found] == ["route localhost/pub"]
    assert says in found[0][1]


@pytest.mark.soak
@pytest.mark.parametrize("status", ["100 Continue", "102 Processing", "103 Early Hints"])
def test_interim_answers_are_passed_over_by_the_audit(world: World, status: str) -> None:
    """It judges the answer that comes after them."""
    first = _interim(status)
    with between(world.mirror.http) as proxy, forwarded(world.mirror.https):
        proxy.change = lambda answer: first + answer
        assert _unsigned(_audited(world, "127.0.0.2")) == []


def test_the_plan_tells_what_it_will_be_worth(world: World) -> None:
    """Required against provided, before anything is served."""
    made = plan(load(str(world.mirror.config)), now=time.time())
    assert made.is_good
    ranks = {a.asset.id: a.provided[Column.IN_TRANSIT] for a in made.report.assets}
    assert ranks["route localhost/pub"] == 1


# Another implementation


def _told(world: World, path: str, *options: str, method: str = "GET") -> dict[str, Any]:
    status, fields, body = world.mirror.get(path, *options)
    return {
        "method": method,
        "url": f"{world.mirror.plain}{path}",
        "asked": [],
        "status": status,
        "fields": [{"name": name, "value": value} for name, value in fields.items()],
        "body": base64.b64encode(body).decode(),
        "keys": world.published(),
    }


def _peer(verb: str, told: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    place = installed("http_message_sig")
    return subprocess.run(
        ["node", str(place / "peer.mjs"), verb],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("path", ["/pub/data.txt", "/pub/data.txt?a=b", "/pub/cookie"])
def test_another_implementation_verifies_what_is_served(world: World, path: str) -> None:
    """http-message-sig takes signature, digest and published key as they are, and no change."""
    told = _told(world, path)
    done = _peer("verify", told)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"keyid": told["keys"][-1]["kid"], "tag": "sealgate-response"}
    told["url"] += "x"
    assert _peer("verify", told).returncode != 0


def test_what_another_implementation_signs_is_verified() -> None:
    """The other way round."""
    private = Ed25519PrivateKey.generate()
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    raw = private.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    key = signing_key(pem, 0.0)
    public = private.public_key().public_bytes_raw()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": _unpadded(public), "d": _unpadded(raw)}
    now = int(time.time())
    told = {
        "method": "GET",
        "url": "http://mirror.example/file?a=1",
        "asked": [],
        "status": 200,
        "fields": [{"name": "content-type", "value": "text/plain"}],
        "body": base64.b64encode(b"hello").decode(),
        "key": jwk,
        "parameters": {
            "created": now,
            "expires": now + 300,
            "keyid": key.kid,
            "alg": "ed25519",
            "tag": "sealgate-response",
        },
    }
    done = _peer("sign", told)
    assert done.returncode == 0, done.stderr
    fields = tuple((f["name"], f["value"]) for f in json.loads(done.stdout)["fields"])
    request = Request("GET", "mirror.example", "/file?a=1")
    keys = {key.kid: private.public_key()}
    digest = BodyDigest(verify_head(request, Answer(200, fields), keys, now=time.time()))
    digest.update(b"hello")
    digest.check()


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# Together with what else a route may be


def test_what_is_masked_over_tls_is_masked_in_clear_and_signed_so(tmp_path: Path) -> None:
    """The way in clear leads through the relay that inspects, too."""
    with mirror_running(tmp_path) as mirror:
        (tmp_path / "pages/pub/card.txt").write_bytes(b"card 4111 1111 1111 1111\n" * 20)
        text = mirror.config.read_text()
        mirror.config.write_text(
            text.replace('class = "public"\n', 'class = "public"\ninspect = "enforce"\n')
        )
        with mirror.serving() as serving:
            body = World(mirror, serving, tmp_path).is_verified("/pub/card.txt")
    assert body == b"card **** **** **** ****\n" * 20


# Failing closed


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_without_a_signer_nothing_unsigned_leaves(world: World, how: signal.Signals) -> None:
    """Killed or stopped: there is a signed answer or none, and soon a signed one again."""
    assert wait_until(world.signer)
    before = world.signer()
    os.kill(before, how)
    seen = []

    def served() -> bool:
        status, fields, body = world.mirror.get("/pub/data.txt", "--no-keepalive")
        seen.append(status)
        assert ("signature" in fields) == (status == 200)
        assert (TEXT[:16] in body) == (status == 200)
        return status == 200

    assert wait_until(served), seen
    assert set(seen) <= {200, 503}
    assert wait_until(lambda: world.signer() not in {0, before})
    assert world.is_verified("/pub/data.txt") == TEXT


def test_a_key_that_became_known_is_replaced_at_once(world: World) -> None:
    """After a reload the next answers are signed with the new key, which is published."""
    before = {key["kid"] for key in world.published()}
    made = world.mirror.sealgate("keys", "signing", "--rotate", "--after", "0")
    assert made.returncode == 0, made.stderr
    assert world.mirror.sealgate("reload").returncode == 0

    def is_new() -> bool:
        (named,) = re.findall(
            r'keyid="([^"]+)"', world.mirror.get("/pub/data.txt")[1]["signature-input"]
        )
        return named not in before and {key["kid"] for key in world.published()} == {named}

    assert wait_until(is_new)
    assert world.is_verified("/pub/data.txt") == TEXT
    (world.folder / "site.pem").write_text(made.stdout)

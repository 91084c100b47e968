"""``sealgate audit URL`` against real servers, each right but for one thing."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.audit.adapters.lock import probe_conditions, probe_lock
from sealgate.audit.model import Limits, Target
from sealgate.audit.requests import requests_for
from sealgate.cli import run
from sealgate.config.values import read_credential
from sealgate.policy.inventory import Door
from sealgate.policy.observation import Fact, Observation
from tests.peers.audited import Authority, Files, https_server, nginx
from tests.ports import await_listener, free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.peer("nginx")


@pytest.fixture(scope="module")
def right(authority: Authority) -> Files:
    """Make a certificate that nothing is wrong with."""
    return authority.issue("shop.localhost")


def audited(
    port: int, authority: Authority, out: Path, *extra: str, path: str = "/"
) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return the exit code, the open findings as rule -> status, and the whole JSON."""
    report = out / "report.json"
    code = run(
        [
            "audit",
            f"https://shop.localhost:{port}{path}",
            *("--ca", str(authority.path), "--resolve", "shop.localhost:127.0.0.1"),
            *("--format", "json", "--output", str(report), *extra),
        ]
    )
    data = json.loads(report.read_text("utf-8"))
    found = {f["rule"]: f["status"] for f in data["findings"] if f["open"]}
    return code, found, data


def test_a_right_server_passes(authority: Authority, right: Files, tmp_path: Path) -> None:
    """A server with nothing wrong exits 0, and everything was really looked at."""
    port = free_port()
    with nginx(tmp_path / "n", https_server(right, port), port):
        code, found, data = audited(port, authority, tmp_path, "--active")
    assert (code, found) == (0, {})
    assert data["schema"] == "sealgate/audit/1"
    assert data["summary"]["not_observed"] == 0
    assert data["summary"]["met"] > 10


@pytest.mark.parametrize(
    ("begins", "ends", "rules"),
    [
        (-90, -1, {"transit-expired-certificate"}),
        (1, 90, {"transit-expired-certificate"}),
    ],
)
def test_dates(  # two fixtures and one row of the table
    authority: Authority, tmp_path: Path, begins: float, ends: float, rules: set[str]
) -> None:
    """A certificate out of its dates is told as that, and not as an untrusted chain."""
    port = free_port()
    files = authority.issue("shop.localhost", begins_days=begins, ends_days=ends)
    with nginx(tmp_path / "n", https_server(files, port), port):
        code, found, _ = audited(port, authority, tmp_path)
    assert code == 10
    assert set(found) == rules


def test_wrong_name(authority: Authority, tmp_path: Path) -> None:
    """A certificate for another name is told as that alone."""
    port = free_port()
    with nginx(tmp_path / "n", https_server(authority.issue("other.example"), port), port):
        code, found, _ = audited(port, authority, tmp_path)
    assert code == 10
    assert set(found) == {"transit-wrong-name"}


def test_untrusted_chain(right: Files, tmp_path: Path) -> None:
    """A certificate of an authority that nobody trusts is told as that alone."""
    port = free_port()
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    with nginx(tmp_path / "n", https_server(right, port), port):
        code, found, _ = audited(port, Authority(stranger), tmp_path)
    assert code == 10
    assert set(found) == {"transit-untrusted-chain"}


def test_old_versions(authority: Authority, right: Files, tmp_path: Path) -> None:
    """TLS 1.0 and 1.1 beside 1.2 are found, with the CBC suites that they bring."""
    port = free_port()
    server = https_server(
        right, port, protocols="TLSv1 TLSv1.1 TLSv1.2 TLSv1.3", ciphers="ECDHE:@SECLEVEL=0"
    )
    with nginx(tmp_path / "n", server, port):
        code, found, data = audited(port, authority, tmp_path)
    assert code == 10
    assert set(found) == {"transit-weak-version", "transit-weak-cipher"}
    [finding] = [f for f in data["findings"] if f["rule"] == "transit-weak-version"]
    assert "TLSv1," in finding["found"]
    assert "TLSv1.1" in finding["found"]
    assert finding["fix"].startswith("set `ssl_protocols TLSv1.2 TLSv1.3;`"), "nginx was recognised"


def test_only_an_old_version(authority: Authority, right: Files, tmp_path: Path) -> None:
    """A server of OpenSSL that speaks TLS 1.0 alone is seen whole, its certificate too."""
    openssl = shutil.which("openssl")
    assert openssl, "openssl is in packages-debian.txt"
    port, log = free_port(), tmp_path / "log"
    command = [openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet", "-tls1"]
    command += ["-cert", str(right.chain), "-key", str(right.key), "-cipher", "ALL:@SECLEVEL=0"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as peer:
        try:
            await_listener(port, peer, log)
            code, found, data = audited(port, authority, tmp_path)
        finally:
            peer.terminate()
    assert code == 10
    assert set(found) == {"transit-weak-version", "transit-weak-cipher", "transit-no-hsts"}
    assert all(status == "violated" for status in found.values())
    assert data["summary"]["not_observed"] <= 1, "only the POST was not asked for"


def test_no_hsts(authority: Authority, right: Files, tmp_path: Path) -> None:
    """A server without Strict-Transport-Security is told as that alone."""
    port = free_port()
    with nginx(tmp_path / "n", https_server(right, port, hsts=""), port):
        code, found, _ = audited(port, authority, tmp_path)
    assert code == 10
    assert set(found) == {"transit-no-hsts"}


LOGIN = (
    "<form method=post action=http://shop.localhost/login>"
    "<input name=user><input type=password name=pass></form>"
)


def test_form_that_posts_to_http(authority: Authority, right: Files, tmp_path: Path) -> None:
    """A sign-in form that posts to http is found on the page that was given."""
    port = free_port()
    with nginx(tmp_path / "n", https_server(right, port, body=LOGIN), port):
        code, found, data = audited(port, authority, tmp_path)
    assert code == 10
    assert set(found) == {"transit-form-plaintext"}
    [finding] = [f for f in data["findings"] if f["rule"] == "transit-form-plaintext"]
    assert "http://shop.localhost/login" in finding["found"]


def test_form_behind_a_link(authority: Authority, right: Files, tmp_path: Path) -> None:
    """The same form is found when a link on the page leads to it."""
    port = free_port()
    server = https_server(
        right,
        port,
        body="<a href=/enter>Sign in</a>",
        locations=f'location = /enter {{ return 200 "{LOGIN}"; }}',
    )
    with nginx(tmp_path / "n", server, port):
        code, found, _ = audited(port, authority, tmp_path)
    assert code == 10
    assert set(found) == {"transit-form-plaintext"}


def test_cookies_mixed_content_and_get_forms(
    authority: Authority, right: Files, tmp_path: Path
) -> None:
    """Each fault of a page has its own rule."""
    port = free_port()
    page = "<script src=http://cdn.example/a.js></script><form><input type=password name=p></form>"
    location = (
        'location = /bad { add_header Set-Cookie "PHPSESSID=abc; Path=/";'
        ' add_header Strict-Transport-Security "max-age=63072000"; '
        f'return 200 "{page}"; }}'
    )
    with nginx(tmp_path / "n", https_server(right, port, locations=location), port):
        code, found, _ = audited(port, authority, tmp_path, path="/bad?token=s3cr3t")
        report = (tmp_path / "report.json").read_text("utf-8")
    assert code == 10
    assert set(found) == {
        "transit-insecure-cookie",
        "transit-scriptable-cookie",
        "transit-mixed-content",
        "transit-form-get",
    }
    assert "s3cr3t" not in report, "a query may carry a value"
    assert "abc" not in report


def test_a_page_that_is_too_long(authority: Authority, right: Files, tmp_path: Path) -> None:
    """Of a page that was not read to its end, what it lacks is not observed."""
    port, root = free_port(), tmp_path / "root"
    root.mkdir()
    (root / "long").write_text("x" * 3_000_000 + LOGIN, "utf-8")
    header = 'add_header Strict-Transport-Security "max-age=63072000";'
    location = f"location = /long {{ root {root}; {header} }}"
    with nginx(tmp_path / "n", https_server(right, port, locations=location), port):
        code, found, _ = audited(port, authority, tmp_path, path="/long")
    assert code == 10
    assert found["transit-form-plaintext"] == "not observed"
    assert set(found.values()) == {"not observed"}


def test_a_class_that_demands_more(authority: Authority, right: Files, tmp_path: Path) -> None:
    """Held to "secret", the right server lacks what the top rung asks for."""
    port = free_port()
    with nginx(tmp_path / "n", https_server(right, port), port):
        code, found, _ = audited(port, authority, tmp_path, "--class", "secret")
    assert code == 10
    assert {"transit-tls-1-2-accepted", "transit-client-unauthenticated"} <= set(found)
    assert "transit-no-hybrid" not in found, "X25519MLKEM768 alone was accepted"


@pytest.mark.parametrize("verified", [["-verify_return_error"], []])
def test_the_top_rung_can_be_seen(
    authority: Authority, right: Files, tmp_path: Path, verified: list[str]
) -> None:
    """
    TLS 1.3, the hybrid group alone and a required client certificate meet "secret".

    A server that takes any certificate at all, as this one does without that option, does not.
    """
    openssl = shutil.which("openssl")
    assert openssl, "openssl is in packages-debian.txt"
    port, log = free_port(), tmp_path / "log"
    command = [openssl, "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet", "-tls1_3"]
    command += ["-cert", str(right.chain), "-key", str(right.key), "-Verify", "1"]
    command += ["-groups", "X25519MLKEM768", *verified]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as peer:
        try:
            await_listener(port, peer, log)
            _, found, data = audited(port, authority, tmp_path, "--class", "secret")
        finally:
            peer.terminate()
    [asset] = data["assets"]
    wrong = {rule for rule in found if found[rule] == "violated"}
    assert wrong == (set() if verified else {"transit-client-unauthenticated"})
    assert asset["columns"]["in_transit"]["provided"] == (3 if verified else 2)


@pytest.mark.parametrize(
    ("whose", "status"), [(("-Verify", "1"), 200), (("-Verify", "1", "-verify_return_error"), 0)]
)
def test_a_demand_that_any_certificate_meets_is_no_lock(
    right: Files, tmp_path: Path, whose: tuple[str, ...], status: int
) -> None:
    """The audit shows a certificate that it made itself; who takes it lets strangers in."""
    port, log = free_port(), tmp_path / "log"
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet"]
    command += ["-cert", str(right.chain), "-key", str(right.key), *whose]
    target = Target("route x", "shop.localhost", "127.0.0.1", port, free_port())
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as peer:
        try:
            await_listener(port, peer, log)
            found = probe_lock(target, [target], ["/X"], Limits(), locked=True)
        finally:
            peer.terminate()
    told = {one.fact: one.value for one in found if isinstance(one, Observation)}
    assert told[Fact.LOCK_STATUS_ANONYMOUS] == status
    if not status:
        assert told[Fact.LOCK_VARIANTS_OPEN] == ()


MARK = "add_header Sealgate-Id 1-1 always;"
IN_URL = f'location / {{ {MARK} if ($arg_do) {{ return 403; }} return 200 "in"; }}'
ON_BASIC = (
    f'location / {{ {MARK} if ($http_authorization ~ "^Basic") {{ return 403; }} return 200; }}'
)
AS_SENT = f"location / {{ {MARK} if ($request_method = DELETE) {{ return 403; }} return 200; }}"
EACH = f"location / {{ {MARK} return 403; }}"


@pytest.mark.parametrize(
    ("locations", "door", "open_ones"),
    [
        (EACH, Door("/x", query="do"), ()),
        (EACH.replace(MARK, ""), Door("/x", credentials=(read_credential("cookie:a*"),)), ("GET",)),
        (IN_URL, Door("/x", query="do"), ("in a form", "in a multipart form")),
        (ON_BASIC, Door("/x", credentials=(read_credential("authorization"),)), ("(Bearer)",)),
        (
            AS_SENT,
            Door("/x", methods=("DELETE",)),
            ("=DELETE in the URL", "=DELETE in a form", "=DELETE in a multipart form", ": DELETE"),
        ),
        (f"location / {{ {MARK} return 503; }}", Door("/x", query="do"), None),
    ],
    ids=["each", "by the site", "in the URL only", "Basic only", "as sent only", "unclear"],
)
def test_a_door_that_is_half_shut_is_found(
    right: Files, tmp_path: Path, locations: str, door: Door, open_ones: tuple[str, ...] | None
) -> None:
    """What reads a door in one place, or in one way, lets the others in; a 5xx tells nothing."""
    port = free_port()
    server = https_server(right, port).replace("location / { return 404; }", "")
    server = server.rpartition("}")[0] + locations + "}"
    target = Target("route x", "shop.localhost", "127.0.0.1", port, free_port())
    with nginx(tmp_path / "n", server, port):
        requests = requests_for(door, overrides=True)
        found = probe_conditions(target, [target], requests, Limits(), locked=True)
    told = {one.fact: one.value for one in found if isinstance(one, Observation)}
    assert told[Fact.PLAIN_GET] == "refused"
    if open_ones is None:
        assert Fact.LOCK_VARIANTS_OPEN not in told
        return
    names = told[Fact.LOCK_VARIANTS_OPEN]
    assert isinstance(names, tuple)
    assert len(names) == len(open_ones)
    assert all(one in name for one, name in zip(open_ones, names, strict=True))


def test_sarif_is_valid(authority: Authority, right: Files, tmp_path: Path) -> None:
    """The SARIF of a real audit names the rule as its result."""
    port = free_port()
    with nginx(tmp_path / "n", https_server(right, port, hsts=""), port):
        out = tmp_path / "report.sarif"
        code = run(
            [
                *("audit", f"https://shop.localhost:{port}", "--ca", str(authority.path)),
                *("--resolve", "shop.localhost:127.0.0.1", "--format", "sarif"),
                *("--output", str(out)),
            ]
        )
    results = json.loads(out.read_text("utf-8"))["runs"][0]["results"]
    assert code == 10
    assert [r["ruleId"] for r in results if r["level"] != "note"] == ["transit-no-hsts"]


def test_nothing_there(authority: Authority, tmp_path: Path) -> None:
    """A host that does not answer is a finding: what was not observed is not protected."""
    code, found, data = audited(free_port(), authority, tmp_path)
    assert code == 10
    assert found == {"transit-unreachable": "not observed"}
    assert data["summary"]["not_observed"] == 2, "the POST that was not asked for is a note"
    assert data["assets"][0]["columns"]["in_transit"]["provided"] is None


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"\x16\x03\x03\xff\xff", b"\x00"]
)
def test_something_else_there(authority: Authority, tmp_path: Path, answer: bytes) -> None:
    """A port that speaks no TLS, or hangs up, is a finding and never a traceback."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.recv(1)
                    peer.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        code, found, _ = audited(port, authority, tmp_path)
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    assert code == 10
    assert "transit-weak-version" in found

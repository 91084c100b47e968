"""What monitoring learns of a running gateway, and what it does not."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import time

import pytest

from tests.peers.served import Place, Site, status_on
from tests.ports import free_port
from tests.waiting import PATIENCE_SECONDS, wait_until


def asked(port: int, path: str, method: str = "GET", host: str = "") -> tuple[int, str]:
    """Return status and body of *path*."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)
    try:
        connection.request(method, path, headers={"Host": host} if host else {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def figures(port: int) -> dict[str, float]:
    """Return every figure by its name and labels."""
    status, text = asked(port, "/metrics")
    assert status == 200
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            assert re.fullmatch(
                r'[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [-+0-9.eInf]+', line
            )
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


def configure(place: Place, port: int, *routes: str) -> None:
    """Have monitoring ask *place* at *port*."""
    place.write(*routes)
    text = place.config.read_text()
    place.config.write_text(text.replace("[listen]", f'[listen]\nmetrics = "127.0.0.1:{port}"'))


@pytest.fixture
def port(place: Place) -> int:
    """Have *place* monitored, and return the port."""
    port = free_port()
    configure(place, port, "/")
    return port


def test_figures_tell_what_happened(place: Place, port: int) -> None:
    """Requests, refusals, certificates and the last audit are counted; nobody is named."""
    configure(place, port, "/", "!/inside")
    place.issue("anna", "--group", "editors")
    with place.serving():
        assert asked(port, "/healthz") == asked(port, "/readyz") == (200, "ok\n")
        before = figures(port)
        assert place.status("/page?secret=value") == 200
        assert place.status("/inside/") == 403
        key = ("--cert", f"{place.folder}/anna.crt", "--key", f"{place.folder}/anna.key")
        assert [place.status("/inside/", *key) for _ in range(2)] == [200, 200]
        audited = place.sealgate("audit")
        assert wait_until(
            lambda: figures(port)['sealgate_refused_at_locks_total{door="https"}'] > 0
        )
        admitted = 'sealgate_admitted_at_locks_total{door="https"}'
        assert wait_until(lambda: figures(port)[admitted] >= 2)
        after = figures(port)
        text = asked(port, "/metrics")[1]
    assert audited.returncode in {0, 10}, audited.stderr
    assert after[admitted] == 2
    assert after["sealgate_ready"] == 1
    for name in ('sealgate_requests_total{door="https"}', "sealgate_tls_handshakes_total"):
        assert after[name] >= before[name] + 2
    assert after['sealgate_responses_total{door="https",code="2xx"}'] >= 1
    assert after['sealgate_responses_total{door="https",code="4xx"}'] >= 1
    assert after['sealgate_certificate_end_time_seconds{site="localhost"}'] > time.time() + 86_400
    assert 0 < time.time() - after["sealgate_start_time_seconds"] < 120
    for private in ("anna", "secret", "inside", "127.0.0.1"):
        assert private not in text


def test_refused_haste_is_counted(place: Place, port: int) -> None:
    """Whoever asks too often is seen as a number, and as nobody."""
    place.config.write_text(f"{place.config.read_text()}\n[limits]\nrequests_per_second = 1\n")
    with place.serving(), place.connected(place.trust()) as quick:
        assert figures(port)['sealgate_requests_limited_total{rate="requests"}'] == 0
        assert wait_until(lambda: status_on(quick, "/page") == 429)
        assert wait_until(
            lambda: figures(port)['sealgate_requests_limited_total{rate="requests"}'] > 0
        )


def test_a_frozen_envoy_is_not_ready_and_a_draining_one_neither(
    place: Place, port: int, site: Site
) -> None:
    """Whoever spreads requests is told in time to send them elsewhere."""
    with place.serving() as serving:
        envoy = serving.ready["envoy_pid"]
        os.kill(envoy, signal.SIGSTOP)
        try:
            assert asked(port, "/readyz") == (503, "envoy does not serve\n")
            assert asked(port, "/healthz")[0] == 200
        finally:
            os.kill(envoy, signal.SIGCONT)
        assert wait_until(lambda: asked(port, "/readyz")[0] == 200)
        # A download that runs holds the end up.
        with socket.create_connection(("127.0.0.1", place.https), PATIENCE_SECONDS) as plain:
            context = place.trust()
            with context.wrap_socket(plain, server_hostname="localhost") as secured:
                secured.sendall(b"GET /held HTTP/1.1\r\nHost: localhost\r\n\r\n")
                secured.recv(100)
                serving.process.terminate()
                assert wait_until(lambda: asked(port, "/readyz")[0] == 503)
                assert asked(port, "/metrics")[1].count("sealgate_ready 0") == 1
                site.may_end.set()


def test_nothing_else_is_answered(place: Place, port: int, site: Site) -> None:
    """Three paths, two methods, and slow or rude clients keep nobody out."""
    with place.serving():
        for path in ("/", "/stats", "/quitquitquit", "/metrics/", "/../metrics"):
            assert asked(port, path)[0] == 404, path
        for method in ("POST", "PUT", "DELETE"):
            assert asked(port, "/metrics", method)[0] == 501
        assert asked(port, "/metrics", "HEAD") == (200, "")
        # A name that somebody else made lead here (DNS rebinding).
        for host in (
            "evil.example",
            f"evil.example:{port}",
            "127.0.0.1.evil.example",
            "[::1].x",
            "",
        ):
            named = asked(port, "/metrics", host=host)
            assert named[0] == (421 if host else 200), host
            assert ("sealgate_" in named[1]) is not bool(host)
        for host in (f"127.0.0.1:{port}", "LOCALHOST", f"localhost.:{port}", f"[::1]:{port}"):
            assert asked(port, "/metrics", host=host)[0] == 200, host
        slow = [socket.create_connection(("127.0.0.1", port), 5) for _ in range(40)]
        try:
            assert wait_until(lambda: _answers(port))
        finally:
            for one in slow:
                one.close()
    assert site.seen == []


def _answers(port: int) -> bool:
    try:
        return asked(port, "/healthz")[0] == 200
    except (OSError, http.client.HTTPException):
        return False


def test_another_address_is_taken_over_live(place: Place, port: int) -> None:
    """A reload moves the endpoint, or shuts it."""
    other = free_port()
    with place.serving():
        configure(place, other, "/")
        done = place.sealgate("reload")
        assert "monitoring" in done.stdout, done.stderr
        assert asked(other, "/readyz")[0] == 200
        assert not _answers(port)

"""Attacks on a serving gateway from its own host: its control socket, and a stopped Envoy."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from pathlib import Path
from typing import Any

import pytest
from lupa.luajit21 import LuaRuntime

from sealgate.gateway.translate.cookies import cookie_program
from sealgate.policy.inventory import CookieRule
from tests.peers.served import Place, site_running, status_on
from tests.waiting import wait_until


def told(place: Place, line: bytes) -> dict[str, Any]:
    """Return what the control socket of *place* answers to *line*."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(5)
        channel.connect(str(place.state / "control.sock"))
        channel.sendall(line)
        answer: dict[str, Any] = json.loads(channel.recv(65536))
        return answer


def test_garbage_on_the_control_socket_ends_nothing(tmp_path: Path) -> None:
    """Whatever is sent there is answered with a refusal, and the gateway serves on."""
    with site_running() as site:
        place = Place(tmp_path, site.server_port)
        place.write("/")
        with place.serving() as serving:
            for path in (place.state, place.state / "envoy", place.state / "control.sock"):
                assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
            for line in (
                b"\xff\xfe\n",
                b"[1]\n",
                b"[" * 4000 + b"\n",  # deeper than Python's own limit
                b'{"command": ' + b"9" * 4000 + b"}\n",
                b'{"command": {"command": "reload"}}\n',
                b"x" * 5000,
            ):
                assert told(place, line)["ok"] is False
            assert serving.process.poll() is None
            assert told(place, b'{"command": "status"}\n')["ok"] is True
            assert place.status("/") == 200


def test_a_revocation_that_envoy_does_not_confirm_fails_and_is_made_up_for(
    tmp_path: Path,
) -> None:
    """While Envoy stands still the command says that it failed; then nobody gets in again."""
    with site_running() as site:
        place = Place(tmp_path, site.server_port)
        place.write("/", "!/typo3")
        place.issue("alice", "--group", "editors")
        with place.serving() as serving, place.connected(place.trust(key="alice")) as open_one:
            assert status_on(open_one, "/typo3/") == 200
            envoy: int = serving.ready["envoy_pid"]
            os.kill(envoy, signal.SIGSTOP)
            try:
                done = place.sealgate("key", "revoke", "alice")
            finally:
                os.kill(envoy, signal.SIGCONT)
            assert done.returncode == 1, done.stderr
            assert "envoy" in done.stderr
            files = ("--cert", f"{tmp_path}/alice.crt", "--key", f"{tmp_path}/alice.key")
            assert wait_until(lambda: place.status("/typo3/", *files) == 403)
            assert status_on(open_one, "/typo3/") == 403
            assert place.sealgate("key", "revoke", "alice").returncode == 0


@pytest.mark.parametrize(
    ("cookie", "gained"),
    [
        ("a=b; Secure x", "; Secure"),
        ("a=b; Secure\x0c", "; Secure"),
        ("a=b; xSecure", "; Secure"),
        ('a="x; secure"', "; Secure"),
        ("a=b; Path=/secure", "; Secure"),
        ("a=b;\tSECURE ", ""),
        ("a=b; Secure=no", ""),
        ("a=b; ; secure", ""),
        ("sid=1; HttpOnly y; SECURE", "; HttpOnly; SameSite=Lax"),
        ("sid=1; samesite=None; secure; httponly=1", ""),
    ],
)
def test_only_what_a_browser_takes_for_secure_counts(cookie: str, gained: str) -> None:
    """A cookie gains Secure unless a browser would find it there (RFC 6265, 5.2)."""
    lua: Any = LuaRuntime()
    lua.execute(cookie_program([CookieRule("sid", http_only=True, same_site="Lax")]))
    assert lua.globals()["hardened"](cookie) == cookie + gained

"""Authorities that answer in another shape than ACME's; the real one is in peers/test_acme.py."""

from __future__ import annotations

import http.server
import threading
from typing import TYPE_CHECKING

import pytest

from sealgate.errors import BugError, GatewayError
from sealgate.gateway.adapters.acme import AcmeAuthority
from sealgate.gateway.adapters.acme_account import translated
from sealgate.gateway.adapters.acme_state import AcmeError
from sealgate.policy.inventory import AcmeSettings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DIRECTORY = (
    '{"newNonce": "BASE/n", "newAccount": "BASE/account", "newOrder": "BASE/order",'
    ' "revokeCert": "BASE/r", "keyChange": "BASE/k"}'
)


class Odd(http.server.BaseHTTPRequestHandler):
    """Answers what it was given for a path."""

    said: dict[str, str]

    def do_GET(self) -> None:
        """Answer."""
        base = f"http://{self.headers['Host']}"
        body = self.said.get(self.path, "{}").replace("BASE", base).encode()
        self.send_response(201)
        for name, value in (
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Replay-Nonce", "AAAA"),
            ("Location", f"{base}/somewhere"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_POST = do_GET  # noqa: N815  # the library's names

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def authority() -> Iterator[str]:
    """Give the URL of one, without the last slash."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "said",
    [
        {"/": "[]"},
        {"/": '"a text"'},
        {"/": "{}"},
        {"/": "<html>"},
        {"/": DIRECTORY, "/account": "[]"},
        {"/": DIRECTORY, "/order": "[]"},
        {"/": DIRECTORY, "/order": "{}"},
    ],
)
def test_an_odd_answer_is_a_failure_that_is_told(
    said: dict[str, str], authority: str, tmp_path: Path
) -> None:
    """A failure is counted, told and waited after; any other exception would end the thread."""
    Odd.said = said
    one = AcmeAuthority(AcmeSettings(directory=f"{authority}/"), str(tmp_path))
    with pytest.raises(AcmeError, match="does not speak ACME as expected"):
        one.issue("a.example", ("a.example",), show=lambda _proofs: None, stop=threading.Event())


def test_our_own_words_stay() -> None:
    """What Sealgate says itself is not taken for the authority's."""
    for own in (GatewayError("the folder cannot be written"), BugError("a bug")):
        with pytest.raises(type(own)) as raised, translated(AcmeSettings()):
            raise own
        assert raised.value is own

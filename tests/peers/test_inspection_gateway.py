"""``sealgate serve`` with inspected routes: what leaves through the real Envoy, and what never does."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import os
import re
import signal
import socket
import ssl
import string
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import brotli
import pytest

from sealgate.app.state import database_url
from sealgate.config.load import load
from sealgate.gateway.adapters.admin import Admin
from sealgate.gateway.translate.inspection import SHARE_KEY
from sealgate.register.adapters.store import Register
from tests.peers.inspecting import (
    CARD,
    IBAN,
    KEY,
    chunked_answer,
    length_answer,
    noise,
    site,
)
from tests.peers.served import Place, given_certificate
from tests.processes import lives
from tests.waiting import wait_until

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.client import HTTPSConnection

    from sealgate.policy.inventory import Inventory
    from tests.peers.inspecting import Answer, Site
    from tests.peers.served import Serving

PAGE = b"<p>" + CARD + b" and " + IBAN + b"</p>"
MASKED = b"<p>**** **** **** **** and " + b"*" * 22 + b"</p>"
CLEAN = noise(700_000)
PACKED = gzip.compress(b"nothing in it, page after page. " * 4000)
# Values that show only as the page, or the JSON, reads.
SPELT = b"<td>4111&nbsp;1111&#160;1111&nbsp;1111</td><td>&#52;111111111111111</td> Tom &amp; Jerry"
SPELT_MASKED = (
    b"<td>****&nbsp;****&#160;****&nbsp;****</td><td>&#42;***************</td> Tom &amp; Jerry"
)
ESCAPED = rb'{"a": "\u0034111\u00a01111 1111 1111", "b": "\u003cb\u003e4111111111111111", "c": "\u00fc\n"}'
ESCAPED_MASKED = rb'{"a": "\u002a***\u00a0**** **** ****", "b": "\u003cb\u003e****************", "c": "\u00fc\n"}'

ANSWERS: dict[bytes, Answer] = {
    b"/json": [length_answer(b'{"card": 4111111111111111}', "Content-Type: application/json")],
    b"/gzip": [length_answer(gzip.compress(PAGE), "Content-Encoding: gzip")],
    b"/chunks": chunked_answer(b"<p>4111 11", b"11 1111 1111 and DE8937", b"0400440532013000</p>"),
    b"/spelt": [length_answer(SPELT, "Content-Type: text/html")],
    b"/spelt-chunks": chunked_answer(*(SPELT[at : at + 5] for at in range(0, len(SPELT), 5))),
    b"/spelt-gzip": [length_answer(gzip.compress(SPELT), "Content-Encoding: gzip")],
    b"/spelt-br": [length_answer(brotli.compress(SPELT), "Content-Encoding: br")],
    b"/spelt-zstd": [length_answer(zstd.compress(SPELT), "Content-Encoding: zstd")],
    b"/escaped": [length_answer(ESCAPED, "Content-Type: application/json")],
    b"/clean": [length_answer(CLEAN)],
    b"/packed": [length_answer(PACKED, "Content-Encoding: gzip")],
    b"/key": [length_answer(KEY)],
    b"/late": [length_answer(b"nothing yet. " * 40_000 + KEY)],
}


def _answer(request: bytes) -> Answer:
    page = [length_answer(PAGE, "Content-Type: text/html")]
    return ANSWERS.get(request.split(b" ")[1].partition(b"?")[0], page)


def _write(place: Place, upstream: str, inspect: str, *, more: str = "") -> None:
    place.write("/")
    text = place.config.read_text()
    text = text.replace(f'"http://127.0.0.1:{place.upstream}"', f'"unix:{upstream}"')
    place.config.write_text(f'{text}inspect = "{inspect}"\n{more}')


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Yield a site that shows cards, accounts and keys."""
    with site(tmp_path_factory.mktemp("site"), _answer) as made:
        yield made


@pytest.fixture(scope="module")
def enforced(tmp_path_factory: pytest.TempPathFactory, behind: Site) -> Iterator[Serving]:
    """Yield a gateway that enforces on that site."""
    place = Place(tmp_path_factory.mktemp("gateway"), 1)
    _write(place, behind.path, "enforce")
    with place.serving() as serving:
        yield serving


def _got(place: Place, path: str, *options: str) -> tuple[int, bytes]:
    """Return status and raw body, 0 where the transfer was cut."""
    ca = str(place.state / "authority" / "server-ca.pem")
    done = subprocess.run(
        [
            *("curl", "-s", "--max-time", "60", "--http1.1", "--cacert", ca, "-o", "-"),
            *("-w", "%{stderr}%{http_code}", *options, f"{place.url}{path}"),
        ],
        capture_output=True,
        check=False,
    )
    return (int(done.stderr or 0) if done.returncode == 0 else 0), done.stdout


def _relays(place: Place) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "cwd").readlink()
            if b"inspection.adapters.relay_worker" in command and environment == place.folder:
                found.append(int(entry.name))
    return [pid for pid in found if lives(pid)]


@pytest.mark.parametrize("path", ["/", "/gzip", "/chunks"])
def test_values_are_masked_before_they_leave(enforced: Serving, path: str) -> None:
    """HTML with a length, packed and in chunks that part the values: the client sees the masks."""
    status, body = _got(enforced.place, path, "-H", "Accept-Encoding: gzip, deflate")
    assert (status, body) == (200, MASKED)


def test_json_stays_json_and_clean_bodies_stay_themselves(enforced: Serving) -> None:
    """A masked number is a number; clean bodies arrive to the byte, packed ones packed."""
    assert _got(enforced.place, "/json") == (200, b'{"card": 9999999999999999}')
    assert _got(enforced.place, "/clean") == (200, CLEAN)
    assert _got(enforced.place, "/packed", "-H", "Accept-Encoding: gzip") == (200, PACKED)


@pytest.mark.parametrize(
    ("path", "masked"),
    [
        ("/spelt", SPELT_MASKED),
        ("/spelt-chunks", SPELT_MASKED),
        ("/spelt-gzip", SPELT_MASKED),
        ("/spelt-br", SPELT_MASKED),
        ("/spelt-zstd", SPELT_MASKED),
        ("/escaped", ESCAPED_MASKED),
    ],
)
def test_values_in_references_and_escapes_are_masked(
    enforced: Serving, path: str, masked: bytes
) -> None:
    """Where they stand, in chunks that part the references, and packed; the rest stays."""
    assert _got(enforced.place, path, "-H", "Accept-Encoding: gzip, br, zstd") == (200, masked)


def test_key_is_blocked_with_a_page_and_cut_in_mid_body(enforced: Serving) -> None:
    """The client is told the rule, or sees that the answer is cut; no line of the key leaves."""
    status, body = _got(enforced.place, "/key")
    assert status == 502
    assert b"inspect-above-class" in body
    status, body = _got(enforced.place, "/late")
    assert status == 0
    assert b"MIIE" not in body
    assert b"PRIVATE" not in body


def test_trailers_of_a_request_pass_a_relay_only_where_the_route_says_so(
    tmp_path: Path, behind: Site
) -> None:
    """What enforces drops them as every route does; what lets them pass drops the gateway's names."""
    place = Place(tmp_path, 1)
    more = (
        '[[site.route]]\npath = "/sum"\nclass = "public"\ninspect = "enforce"\n'
        "request_trailers = true\n"
    )
    _write(place, behind.path, "enforce", more=more)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with place.serving():
        for path in (b"/sum", b"/other"):
            with (
                socket.create_connection(("127.0.0.1", place.https), 30) as bare,
                context.wrap_socket(bare, server_hostname="localhost") as tls,
            ):
                tls.sendall(
                    b"POST " + path + b" HTTP/1.1\r\nHost: localhost\r\n"
                    b"Transfer-Encoding: chunked\r\n\r\n"
                    b"3\r\nabc\r\n0\r\nX-Sum: 7\r\nX-Sealgate-User: eve\r\n\r\n"
                )
                assert tls.recv(65536).startswith(b"HTTP/1.1 200")
            told = behind.requests[-1].lower()
            assert told.startswith(b"post " + path)
            assert (b"x-sum: 7" in told) is (path == b"/sum")
            assert b"eve" not in told


def test_what_a_relay_refuses_is_found_in_the_log(enforced: Serving, behind: Site) -> None:
    """The id stands in the page, the problem and the header, as in the log; no client chooses it."""
    log = enforced.place.state / "envoy" / "access.log"
    forged = ("-i", "-H", "Sealgate-Id: 1-1", "--data", "card=4111+1111+1111+1111")
    told = []
    for accept in ("text/html", "application/json"):
        status, answer = _got(enforced.place, "/pay", *forged, "-H", f"Accept: {accept}")
        assert status == 422
        head, _, body = answer.partition(b"\r\n\r\n")
        (told_in_head,) = re.findall(rb"sealgate-id: ([0-9]+-[0-9]+)", head)
        assert told_in_head in body
        told.append(told_in_head.decode())
    assert "1-1" not in told

    def logged() -> bool:
        text = log.read_text(encoding="utf-8")
        return all(f'"id":"{one}"' in text for one in told)

    assert wait_until(logged)
    assert _got(enforced.place, "/pay", "-H", "Sealgate-Id: 1-1", "--data", "name=anna")[0] == 200
    assert b"sealgate-id" not in behind.requests[-1].lower()


def test_form_with_a_card_never_reaches_the_site(enforced: Serving, behind: Site) -> None:
    """A form, a query and a WebSocket: refused with a reason, and unknown to the site."""
    before = len(behind.requests)
    assert _got(enforced.place, "/pay", "--data", "card=4111+1111+1111+1111")[0] == 422
    assert _got(enforced.place, "/pay?card=4111111111111111")[0] == 422
    assert _got(enforced.place, "/pay", "--data", "card=4111%26nbsp%3B1111+1111+1111")[0] == 422
    assert _got(enforced.place, "/pay?card=%5Cu0034111111111111111")[0] == 422
    as_json = ("-H", "Content-Type: application/json", "--data")
    assert _got(enforced.place, "/pay", *as_json, r'{"card": "\u0034111 1111 1111 1111"}')[0] == 422
    upgrade = (
        "-H",
        "Connection: Upgrade",
        "-H",
        "Upgrade: websocket",
        "-H",
        "Sec-WebSocket-Version: 13",
    )
    assert _got(enforced.place, "/socket", *upgrade, "-H", "Sec-WebSocket-Key: eA==")[0] in {
        403,
        415,
    }
    assert len(behind.requests) == before
    assert _got(enforced.place, "/pay", "--data", "name=Anna")[0] == 200
    assert behind.requests[-1].endswith(b"name=Anna")


def test_ranges_and_unreadable_encodings_are_not_asked_for(enforced: Serving, behind: Site) -> None:
    """Two ranges could part a card, so the site is never asked for one."""
    _got(enforced.place, "/", "-r", "0-9", "-H", "Accept-Encoding: sdch, br;q=0.5")
    asked = behind.requests[-1].lower()
    assert b"\r\nrange:" not in asked
    assert b"accept-encoding: br;q=0.5\r\n" in asked


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_nothing_leaves_while_the_relay_is_gone_or_stuck(
    enforced: Serving, how: signal.Signals
) -> None:
    """In mid-body and for new requests: no card leaves, and soon another relay works."""
    place, may_end = enforced.place, threading.Event()
    head, *pieces = chunked_answer(*[b"<td>" + CARD + b"</td>\n"] * 30)
    ANSWERS[b"/half"] = [head, *pieces[:15], may_end, *pieces[15:]]
    relays = _relays(place)
    with place.connected(place.trust()) as connection:
        connection.request("GET", "/half", headers={"Host": "localhost"})
        answer = connection.getresponse()
        first = answer.read(20)
        for relay in relays:
            os.kill(relay, how)
        may_end.set()
        rest = b""
        with contextlib.suppress(http.client.HTTPException, OSError):
            rest = answer.read()
        assert CARD[:9] not in first + rest
        assert rest.count(b"</td>") < 29, "the client must not take it for whole"
    status, body = _got(place, "/")
    assert CARD not in body
    assert (status, body) == (200, MASKED) or status in {0, 502, 503, 504}
    assert wait_until(lambda: _got(place, "/") == (200, MASKED))
    assert not set(relays) & set(_relays(place))


def test_finds_are_told_and_registered_without_values(enforced: Serving) -> None:
    """The register says which route sent what kind on which path; no value is in it."""
    _got(enforced.place, "/json")
    inventory = load(str(enforced.place.config))
    others = iter(string.ascii_lowercase)

    def found() -> str:
        with Register(database_url(inventory)) as register:
            return repr(register.assessments("route localhost/"))

    def is_told() -> bool:
        # It is told again when the paths that show it have doubled since.
        _got(enforced.place, f"/{next(others, '')}")
        return "'/json'" in found()

    assert wait_until(is_told)
    assert "payment-card" in found()
    assert "4111" not in found()


def test_route_is_inspected_and_let_go_under_requests(tmp_path: Path, behind: Site) -> None:
    """A reload turns inspection on and off without a failed request."""
    place = Place(tmp_path, 1)
    _write(place, behind.path, "off")
    with place.serving():
        assert _got(place, "/") == (200, PAGE)
        for inspect, body in (
            ("enforce", MASKED),
            ("observe", PAGE),
            ("enforce", MASKED),
            ("off", PAGE),
        ):
            _write(place, behind.path, inspect)
            done = place.sealgate("reload")
            assert done.returncode == 0, done.stderr
            assert "inspection" in done.stdout
            for _ in range(20):
                assert _got(place, "/") == (200, body)
        # Nothing is under way, so none has anything to finish.
        assert wait_until(lambda: not _relays(place))


def _sample_all(place: Place) -> None:
    """Have every answer sampled, until the gateway finds that too many."""
    Admin(str(place.state / "envoy" / "admin.sock")).set_share(SHARE_KEY, 10_000)


def _share(place: Place) -> int:
    """Return of how many in ten thousand answers Envoy takes a sample."""
    _, body = Admin(str(place.state / "envoy" / "admin.sock"))._ask("GET", "/runtime?format=json")
    told = json.loads(json.loads(body)["entries"][SHARE_KEY]["final_value"])
    assert told["denominator"] == "TEN_THOUSAND"
    return int(told["numerator"])


def _asked(connection: HTTPSConnection, times: int = 50) -> set[tuple[int, bool]]:
    """Return with which status each of so many requests was answered, and whether with the page."""
    found = set()
    for _ in range(times):
        connection.request("GET", "/", headers={"Host": "localhost"})
        answer = connection.getresponse()
        found.add((answer.status, answer.read() == PAGE))
    return found


class _PageServer(ThreadingHTTPServer):
    block_on_close = False
    is_gone = False


class _Pages(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        assert isinstance(self.server, _PageServer)
        if self.server.is_gone:
            self.close_connection = True
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.send_header("X-Told", f"{self.headers['Host']} {self.headers['X-Forwarded-Proto']}")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name
        pass


@pytest.fixture
def pages() -> Iterator[_PageServer]:
    """Run a site on a port whose every page shows a card and an account."""
    server = _PageServer(("127.0.0.1", 0), _Pages)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_public_route_is_sampled_by_default_and_never_waits(
    tmp_path: Path, pages: _PageServer
) -> None:
    """
    Nobody asked for it: a relay comes with the samples, tells each find once, and may die.

    Where samples are too many, fewer are taken.
    """
    place = Place(tmp_path, pages.server_address[1])
    place.write("/")
    # By its name: Envoy's way to the relay, which has none, must not depend on it.
    text = place.config.read_text().replace("http://127.0.0.1:", "http://localhost:")
    place.config.write_text(text)
    inventory = load(str(place.config))
    seen: set[tuple[int, bool]] = set()
    with place.serving() as serving, place.connected(place.trust()) as connection:

        def ask_until(holds: Callable[[], object]) -> None:
            def asks_on() -> object:
                seen.update(_asked(connection))
                return holds()

            assert wait_until(asks_on)

        assert _relays(place) == [], "one that waits for samples would cost memory"
        _sample_all(place)
        ask_until(lambda: _is_registered(inventory))
        ask_until(lambda: _share(place) < 100)
        for how in (signal.SIGSTOP, signal.SIGKILL):
            (relay,) = _relays(place)
            os.kill(relay, how)
            _sample_all(place)
            ask_until(lambda: relay not in _relays(place) and _relays(place))  # noqa: B023  # at once
        assert seen == {(200, True)}
        serving.process.terminate()
        said = serving.process.communicate(timeout=40)[1]
    assert said.count("the site answers with what is above its class") == 1, said
    assert said.count("the relay that reads samples of answers ended or hung") == 1, said
    with Register(database_url(inventory)) as register:
        assert len(register.assessments("route localhost/")) == 1


def test_relay_that_crashes_at_its_start_is_missed_by_nobody(
    tmp_path: Path, pages: _PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests go to the site, it is told once, and the pauses between two starts grow."""
    starts = tmp_path / "starts"
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "uvloop.py").write_text(
        f'with open({str(starts)!r}, "a") as file:\n    file.write("x")\nraise SystemExit(3)\n'
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    place = Place(tmp_path, pages.server_address[1])
    place.write("/")
    began = time.monotonic()
    with place.serving() as serving, place.connected(place.trust()) as connection:
        seen: set[tuple[int, bool]] = set()

        def was_started_often() -> bool:
            _sample_all(place)
            seen.update(_asked(connection))
            return starts.exists() and len(starts.read_text()) >= 3

        assert wait_until(was_started_often)
        assert seen == {(200, True)}
        serving.process.terminate()
        said = serving.process.communicate(timeout=40)[1]
    # After pauses of 1, 2, 4 … seconds: at least so much time for so many starts.
    many = len(starts.read_text())
    assert 2 ** (many - 1) - 1 <= time.monotonic() - began + 1
    assert said.count("error:") == 1, said


def test_without_the_libraries_the_default_is_left_out_and_said(
    tmp_path: Path, pages: _PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gateway without the extra serves, and tells what to install."""
    (tmp_path / "without").mkdir()
    (tmp_path / "without" / "sitecustomize.py").write_text(
        'import sys\nfor name in ("isal", "brotli", "uvloop"):\n    sys.modules[name] = None\n'
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "without"))
    place = Place(tmp_path, pages.server_address[1])
    place.write("/")
    hint = '"isal", "brotli" and "uvloop" are not installed: pip install "sealgate[inspect]"'
    with place.serving() as serving, place.connected(place.trust()) as connection:
        assert _asked(connection, 300) == {(200, True)}
        assert _relays(place) == []
        serving.process.terminate()
        assert hint in serving.process.communicate(timeout=40)[1]


def test_one_class_is_enforced_as_a_whole(tmp_path: Path, behind: Site) -> None:
    """A site may read a path in another way than the gateway, so half a class is no protection."""
    place = Place(tmp_path, 1)
    more = '[[site.route]]\npath = "/shop"\nclass = "public"\n'
    _write(place, behind.path, "enforce", more=more)
    process = place.start()
    assert process.wait(60) == 2
    assert "same class" in (process.communicate()[1])


@pytest.mark.parametrize(
    ("inspect", "body"),
    [("enforce", MASKED), pytest.param("observe", PAGE, marks=pytest.mark.soak)],
)
def test_site_behind_tls_is_reached_through_the_gateway(
    tmp_path: Path, pages: _PageServer, inspect: str, body: bytes
) -> None:
    """The way back to a site that speaks TLS is verified by Envoy as without a relay."""
    given_certificate(tmp_path, "behind")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "behind.pem", tmp_path / "behind.key")
    pages.socket = context.wrap_socket(pages.socket, server_side=True)
    place = Place(tmp_path, 1)
    place.write("/")
    text = place.config.read_text()
    upstream = f'upstream = "https://localhost:{pages.server_address[1]}"'
    text = text.replace(
        'upstream = "http://127.0.0.1:1"', f'{upstream}\nupstream_ca = "behind.pem"'
    )
    place.config.write_text(f'{text}inspect = "{inspect}"\n')
    inventory = load(str(place.config))
    with place.serving(), place.connected(place.trust()) as connection:

        def is_registered() -> bool:
            if inspect == "observe":
                _sample_all(place)
                assert _asked(connection) == {(200, True)}
            for _ in range(5):
                connection.request("GET", "/", headers={"Host": "localhost"})
                answer = connection.getresponse()
                assert answer.status == 200
                assert answer.getheader("X-Told") == "localhost https"
                assert answer.read() == body
            return _is_registered(inventory)

        assert wait_until(is_registered)
        if inspect == "observe":
            pages.is_gone = True
            _sample_all(place)
            for _ in range(100):
                connection.request("GET", "/", headers={"Host": "localhost"})
                answer = connection.getresponse()
                assert answer.status == 503
                assert b"The site does not answer" in answer.read()


def _is_registered(inventory: Inventory) -> bool:
    with Register(database_url(inventory)) as register:
        return "payment-card" in repr(register.assessments("route localhost/"))

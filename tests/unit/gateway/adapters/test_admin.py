"""What a real Envoy says of itself over its admin socket."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

import pytest

from sealgate.errors import GatewayError
from sealgate.gateway.adapters.admin import Admin
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.files import versioned, write_files
from sealgate.gateway.adapters.process import EnvoyProcess
from sealgate.gateway.model import EnvoyFiles
from tests.waiting import PATIENCE_SECONDS, wait_until

QUESTIONS = (
    Admin.subscriptions,
    Admin.active_requests,
    Admin.counters,
    Admin.listening,
    Admin.listener_faults,
)


@pytest.fixture
def process(plain_files: Callable[..., EnvoyFiles]) -> Iterator[EnvoyProcess]:
    """Return a running Envoy; it does not outlive the test."""
    files = plain_files()
    write_files(files.folder, files.files)
    one = EnvoyProcess(find_envoy(), files.folder, workers=1)
    one.start()
    yield one
    one.kill()


def test_versions_are_those_that_were_written(
    process: EnvoyProcess, plain_files: Callable[..., EnvoyFiles]
) -> None:
    """Each source reports the version of its file, and no rejection."""
    files = plain_files().files
    seen = process.admin.subscriptions()
    assert {name.rpartition("rds.")[2]: version for name, version in seen.versions.items()} == {
        "cluster_manager.cds": versioned("cds.json", files["cds.json"])["version_info"],
        "listener_manager.lds": versioned("lds.json", files["lds.json"])["version_info"],
        "site": versioned("rds-site.json", files["rds-site.json"])["version_info"],
        "sds.site": versioned("sds-site.json", files["sds-site.json"])["version_info"],
    }
    assert set(seen.rejected.values()) == {0}
    assert seen.warming == 0


def test_our_own_question_is_no_active_request(process: EnvoyProcess) -> None:
    """Asking does not count, or a drain would never end."""
    assert process.admin.active_requests() == 0


def test_a_listener_that_was_refused_tells_why(
    process: EnvoyProcess, plain_files: Callable[..., EnvoyFiles]
) -> None:
    """There is no fault at first; moving to an address of another machine brings one."""
    assert process.admin.listener_faults() == ()
    files = plain_files()
    text = json.dumps(files.files["lds.json"]).replace("127.0.0.1", "192.0.2.1")
    write_files(files.folder, {"lds.json": json.loads(text)})
    assert wait_until(process.admin.listener_faults)
    fault, *_ = process.admin.listener_faults()
    assert "192.0.2.1" in fault


def test_nobody_behind_the_socket_is_an_error(tmp_path: Path) -> None:
    """An Envoy that does not answer is not ready, and every other question fails loudly."""
    admin = Admin(str(tmp_path / "admin.sock"))
    assert not admin.is_ready()
    for ask in (*QUESTIONS, Admin.start_drain):
        with pytest.raises(GatewayError, match="does not answer on its admin socket"):
            ask(admin)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}", "envoy answered 503"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"configs": [', "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "cannot be read"),
    ],
)
def test_an_answer_that_says_nothing_is_an_error(tmp_path: Path, answer: bytes, told: str) -> None:
    """What was not told is not "no fault", "no listener" or "no request"."""
    path = str(tmp_path / "admin.sock")

    def serve(listener: socket.socket) -> None:
        for _ in QUESTIONS:
            connection, _address = listener.accept()
            with connection:
                while not connection.recv(4096).endswith(b"\r\n\r\n"):
                    pass
                connection.sendall(answer)

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        for ask in QUESTIONS:
            with pytest.raises(GatewayError, match=told):
                ask(Admin(path, timeout_seconds=30))
        thread.join(30)


def test_a_socket_in_a_deep_folder_is_reached(
    process: EnvoyProcess, plain_files: Callable[..., EnvoyFiles], tmp_path: Path
) -> None:
    """The limit of 107 bytes for a socket's path does not hold for asking."""
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.parent.mkdir()
    deep.symlink_to(plain_files().folder)
    assert Admin(str(deep / "admin.sock")).is_ready()


def test_share_that_is_not_taken_is_an_error(process: EnvoyProcess) -> None:
    """This one has no layer for it; that of a gateway has."""
    with pytest.raises(GatewayError, match="503"):
        process.admin.set_share("sealgate.samples", 7)


def test_share_is_of_ten_thousand(plain_files: Callable[..., EnvoyFiles], port: int) -> None:
    """Envoy takes a bare number for percent, which would be a hundred times as much."""
    share = {"numerator": 0, "denominator": "TEN_THOUSAND"}

    def sampled(files: dict[str, Any]) -> None:
        files["bootstrap.json"]["layered_runtime"] = {
            "layers": [{"name": "told", "admin_layer": {}}]
        }
        routes = files["rds-site.json"]["resources"][0]["virtual_hosts"][0]["routes"]
        fraction = {"default_value": share, "runtime_key": "sealgate.samples"}
        answer = {"status": 204}
        routes.insert(
            0,
            {"match": {"prefix": "/", "runtime_fraction": fraction}, "direct_response": answer},
        )

    files = plain_files(sampled)
    write_files(files.folder, files.files)
    one = EnvoyProcess(find_envoy(), files.folder, workers=1)
    one.start()
    try:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = HTTPSConnection("127.0.0.1", port, context=context, timeout=PATIENCE_SECONDS)

        def samples() -> int:
            found = 0
            for _ in range(200):
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                found += answer.status == 204
            return found

        assert samples() == 0
        one.admin.set_share("sealgate.samples", 10_000)
        assert samples() == 200
        one.admin.set_share("sealgate.samples", 100)
        assert samples() < 100
        connection.close()
    finally:
        one.kill()

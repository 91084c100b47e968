"""Nothing counts as applied until Envoy says so, and what it refuses is taken back."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealgate.errors import BugError, GatewayError
from sealgate.gateway.adapters import envoy as envoy_module
from sealgate.gateway.adapters.admin import Admin
from sealgate.gateway.adapters.binary import find_envoy
from sealgate.gateway.adapters.envoy import VALIDATE_SECONDS, Envoy, patience, validate
from sealgate.gateway.adapters.files import Written, write_files
from sealgate.gateway.adapters.process import READY_SECONDS, EnvoyProcess
from sealgate.gateway.model import ADMIN_SOCKET, EnvoyFiles, place_of
from tests.ports import free_port
from tests.waiting import wait_until

Files = dict[str, Any]
Maker = Callable[..., EnvoyFiles]


@pytest.fixture
def envoy(plain_files: Maker) -> Iterator[Envoy]:
    """Return a running gateway that answers "one"; it does not outlive the test."""
    one = Envoy(find_envoy(), plain_files().folder, workers=1)
    one.start(plain_files())
    yield one
    one.kill()


def _answer(text: str, status: int = 200) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        [host] = files["rds-site.json"]["resources"][0]["virtual_hosts"]
        host["routes"][0]["direct_response"] = {"status": status, "body": {"inline_string": text}}

    return change


def _listen_on(port: int) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        files["lds.json"]["resources"][0]["address"]["socket_address"]["port_value"] = port

    return change


def _unknown_field(files: Files) -> None:
    files["rds-site.json"]["resources"][0]["not_a_field"] = True


def _unknown_field_of_a_listener(files: Files) -> None:
    files["lds.json"]["resources"][0]["not_a_field"] = True


def _no_certificate(files: Files) -> None:
    certificate = files["sds-site.json"]["resources"][0]["tls_certificate"]
    certificate["certificate_chain"]["filename"] = "/nowhere.pem"


def _get(port: int) -> str:
    return httpx.get(f"https://127.0.0.1:{port}/", verify=_unverified()).text


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_a_change_is_in_effect_when_apply_returns(
    envoy: Envoy, plain_files: Maker, port: int
) -> None:
    """The very next request on an open connection is answered by the new routes."""
    with httpx.Client(verify=_unverified(), base_url=f"https://127.0.0.1:{port}") as client:
        assert client.get("/").text == "one"
        for number in range(20):
            assert envoy.apply(plain_files(_answer(f"{number}"))) == ("rds-site.json",)
            assert client.get("/").text == f"{number}"


def test_a_change_of_one_file_has_envoy_read_no_other(envoy: Envoy, plain_files: Maker) -> None:
    """Or as many changes would be the square of them: the second reads what the first brought again."""

    def read() -> dict[str, object]:
        admin = Admin(str(Path(plain_files().folder, ADMIN_SOCKET)))
        return admin._statistics(
            "^(cluster_manager.cds|listener_manager.lds|sds.site).update_attempt$"
        )

    before = read()
    assert len(before) == 3
    assert envoy.apply(plain_files(_answer("two"))) == ("rds-site.json",)
    assert read() == before


def test_an_unchanged_configuration_changes_nothing(envoy: Envoy, plain_files: Maker) -> None:
    """Equal files are not written again."""
    assert envoy.apply(plain_files()) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(_answer("x", 4), "Status: value must be inside range", id="bad-value"),
        pytest.param(_unknown_field, 'does not know the field "not_a_field"', id="unknown-field"),
    ],
)
@pytest.mark.parametrize("validated", [True, False], ids=["by-validation", "by-the-running-one"])
def test_what_envoy_refuses_is_taken_back(
    envoy: Envoy,
    plain_files: Maker,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[Files], None],
    said: str,
    validated: bool,  # noqa: FBT001  # pytest passes parameters by name
) -> None:
    """The reason is told, the old configuration answers, and the next change is taken."""
    with monkeypatch.context() as patched:
        if not validated:
            patched.setattr(envoy_module, "validate", lambda *_, **_others: None)
        with pytest.raises(GatewayError, match="envoy refused the configuration") as raised:
            envoy.apply(plain_files(change))
    assert said in raised.value.message
    assert _get(port) == "one"
    envoy.apply(plain_files(_answer("two")))
    assert _get(port) == "two"


def test_an_envoy_that_reads_for_long_is_waited_for(
    envoy: Envoy, plain_files: Maker, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it reads what is large it answers nobody; a stopped one is as silent."""
    pid = envoy.pid
    assert pid is not None
    continued = threading.Timer(2.5, os.kill, (pid, signal.SIGCONT))

    def write_and_stop(folder: str, files: Files) -> dict[str, Written]:
        written = write_files(folder, files)
        if list(files) == ["rds-site.json"]:  # not what is written to be judged first
            os.kill(pid, signal.SIGSTOP)
            continued.start()
        return written

    monkeypatch.setattr(envoy_module, "CONFIRM_SECONDS", 30)
    monkeypatch.setattr(envoy_module, "write_files", write_and_stop)
    try:
        assert envoy.apply(plain_files(_answer("two"))) == ("rds-site.json",)
    finally:
        continued.join()
    assert _get(port) == "two"


def test_the_larger_a_step_the_longer_it_may_take() -> None:
    """A table of a hundred certificates has megabytes; a usual change has a few kilobytes."""
    assert patience({"rds-site.json": Written("1", 10_000)}) == 5
    assert patience({"rds-site.json": Written("1", 1_500_000), "cds.json": Written("1", 0)}) == 20


def test_the_larger_its_files_the_longer_a_start_may_take(
    plain_files: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is given for reading comes on top, also where they are judged before."""
    given: list[float] = []
    run = subprocess.run

    def noted(*args: Any, timeout: float, **others: Any) -> Any:
        given.append(timeout)
        return run(*args, timeout=timeout, **others)

    monkeypatch.setattr(envoy_module, "reading_seconds", lambda _files: 7)
    monkeypatch.setattr(
        EnvoyProcess, "start", lambda _self, *, ready_seconds: given.append(ready_seconds)
    )
    monkeypatch.setattr(Envoy, "_confirm", lambda *_args, **_others: None)
    binary = find_envoy()
    monkeypatch.setattr(subprocess, "run", noted)
    Envoy(binary, plain_files().folder, workers=1).start(plain_files())
    validate(plain_files(), binary)
    assert given == [READY_SECONDS + 7, VALIDATE_SECONDS + 7]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(_answer("x", 4), "Status: value must be inside range", id="bad-value"),
        pytest.param(_unknown_field, 'does not know the field "not_a_field"', id="unknown-field"),
        pytest.param(_unknown_field_of_a_listener, '"not_a_field"', id="listener"),
        pytest.param(_no_certificate, "nowhere.pem", id="certificate"),
    ],
)
def test_what_envoy_refuses_at_a_start_is_not_served(
    plain_files: Maker, port: int, change: Callable[[Files], None], said: str
) -> None:
    """It ends, with the reason in its own words; no other Envoy is asked before."""
    one = Envoy(find_envoy(), plain_files().folder, workers=1)
    with pytest.raises(GatewayError, match="envoy refused the configuration") as raised:
        one.start(plain_files(change))
    assert said in raised.value.message
    assert not one.is_running()
    with socket.socket() as closed:
        assert closed.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_is_named_and_the_old_listener_stays(
    envoy: Envoy, plain_files: Maker, port: int
) -> None:
    """A listener that cannot bind its new address goes on at the old one."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other = int(taken.getsockname()[1])
        with pytest.raises(GatewayError) as raised:
            envoy.apply(plain_files(_listen_on(other)))
    assert f"cannot bind 127.0.0.1:{other}: address already in use" in raised.value.message
    assert _get(port) == "one"


def test_a_listener_moves_without_a_restart(envoy: Envoy, plain_files: Maker) -> None:
    """A new listen address is taken over live."""
    other = free_port()
    pid = envoy.pid
    envoy.apply(plain_files(_listen_on(other)))
    assert _get(other) == "one"
    assert envoy.pid == pid


def test_a_changed_bootstrap_needs_a_restart(envoy: Envoy, plain_files: Maker) -> None:
    """What a running Envoy cannot take over is refused, with what to do."""

    def change(files: Files) -> None:
        files["bootstrap.json"]["node"]["id"] = "other"

    with pytest.raises(GatewayError, match="needs a restart") as raised:
        envoy.apply(plain_files(change))
    assert "sealgate serve" in (raised.value.hint or "")


def test_nothing_can_be_applied_before_the_start(plain_files: Maker) -> None:
    """There is no running configuration to change."""
    with pytest.raises(BugError, match="was not started"):
        Envoy(find_envoy(), plain_files().folder).apply(plain_files())


def test_a_port_in_use_stops_the_start(plain_files: Maker, port: int) -> None:
    """Envoy calls itself ready although it could not bind; Sealgate does not."""
    one = Envoy(find_envoy(), plain_files().folder, workers=1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        with pytest.raises(GatewayError, match=f"cannot bind 127.0.0.1:{port}"):
            one.start(plain_files())
    assert not one.is_running()


def test_a_certificate_is_taken_over_by_its_new_paths(
    envoy: Envoy, plain_files: Maker, port: int
) -> None:
    """New handshakes see the new certificate as soon as apply returns."""
    folder = Path(plain_files().folder)
    before = ssl.get_server_certificate(("127.0.0.1", port))

    def change(files: Files) -> None:
        certificate = files["sds-site.json"]["resources"][0]["tls_certificate"]
        certificate["certificate_chain"]["filename"] = str(folder / "new.pem")
        certificate["private_key"]["filename"] = str(folder / "new.key")

    _second_certificate(folder)
    assert envoy.apply(plain_files(change)) == ("sds-site.json",)
    after = ssl.get_server_certificate(("127.0.0.1", port))
    assert before != after == (folder / "new.pem").read_text()


def test_several_gateways_run_side_by_side(envoy: Envoy, plain_files: Maker, port: int) -> None:
    """A second Envoy on this machine neither fails nor disturbs the first."""
    other = free_port()
    folder = Path(plain_files().folder)
    second_folder = folder.with_name("second")
    shutil.copytree(folder, second_folder, ignore=shutil.ignore_patterns("*.sock", "*.log"))

    def change(files: Files) -> None:
        _listen_on(other)(files)
        _answer("second")(files)
        files["bootstrap.json"]["admin"]["address"]["pipe"]["path"] = str(
            second_folder / "admin.sock"
        )
        for name in ("cds", "lds"):
            source = files["bootstrap.json"]["dynamic_resources"][f"{name}_config"]
            source["path_config_source"]["path"] = str(second_folder / place_of(f"{name}.json"))
        manager = files["lds.json"]["resources"][0]["filter_chains"][0]["filters"][0]
        source = manager["typed_config"]["rds"]["config_source"]["path_config_source"]
        source["path"] = str(second_folder / place_of("rds-site.json"))

    second = Envoy(find_envoy(), str(second_folder), workers=1)
    second.start(EnvoyFiles(str(second_folder), plain_files(change).files))
    try:
        assert (_get(port), _get(other)) == ("one", "second")
    finally:
        second.kill()
    assert _get(port) == "one"


def test_requests_go_on_through_changes(envoy: Envoy, plain_files: Maker, port: int) -> None:
    """None of the requests of a busy connection fails while everything changes under it."""
    statuses: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        with httpx.Client(verify=_unverified(), base_url=f"https://127.0.0.1:{port}") as client:
            while not stop.is_set():
                statuses.append(client.get("/").status_code)

    asking = threading.Thread(target=ask)
    asking.start()

    def other_listener(number: int) -> Callable[[Files], None]:
        def change(files: Files) -> None:
            _answer(str(number))(files)
            files["lds.json"]["resources"][0]["per_connection_buffer_limit_bytes"] = 65536 + number

        return change

    for number in range(5):
        envoy.apply(plain_files(other_listener(number)))
    assert wait_until(lambda: len(statuses) > 20)
    stop.set()
    asking.join()
    assert set(statuses) == {200}


def test_a_missing_key_is_found_before_anything_runs(plain_files: Maker) -> None:
    """Validation reads the certificates that the files name."""
    files = plain_files()
    (Path(files.folder) / "site.key").unlink()
    with pytest.raises(GatewayError, match="private key"):
        validate(files)


def _second_certificate(folder: Path) -> None:
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-keyout", str(folder / "new.key"), "-out", str(folder / "new.pem")]
    subprocess.run(
        [*command, "-subj", "/CN=new", "-days", "2"],
        check=True,
        capture_output=True,
    )

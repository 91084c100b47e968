"""How it starts, refuses to start, and ends."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from sealgate.config.load import load
from sealgate.errors import GatewayError
from sealgate.policy.inventory import Address, Inventory, Listen
from sealgate.serve.running import Options, RunningGateway
from tests.peers.served import Place, Site, given_certificate, site_running
from tests.ports import free_port
from tests.processes import lives, resident_bytes, starved_seconds
from tests.waiting import wait_until

MAX_READY_SECONDS = 3.0
MAX_IDLE_BYTES = 150 * 2**20


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return exit code and standard error of *process*, which ends by itself."""
    said = process.communicate(timeout=40)[1]
    return process.returncode, said


def test_it_is_ready_soon_and_small(place: Place) -> None:
    """
    Ready in under 3 seconds, under 150 MiB for Envoy and Python together when idle.

    A neighbour on the same machine may hold one start up, so the quickest of three counts.
    """
    place.write("/", "!/inside")
    place.issue("anna", "--group", "editors")
    for _ in range(3):
        begun, starved = time.monotonic(), starved_seconds()
        with place.serving() as serving:
            took = time.monotonic() - begun - (starved_seconds() - starved)
            pids = serving.ready["pid"], serving.ready["envoy_pid"]
            resident = sum(resident_bytes(pid) for pid in pids)
            assert place.status("/") == 200
        assert resident < MAX_IDLE_BYTES
        if took < MAX_READY_SECONDS:
            break
    assert took < MAX_READY_SECONDS


def test_what_was_there_must_be_there_again(place: Place) -> None:
    """A folder that lost its authority or its users is not served, and plan says so."""
    place.write("/", "!/inside")
    place.issue("anna", "--group", "editors")
    with place.serving():
        pass
    for lost in ("register.sqlite", "authority"):
        there, away = place.state / lost, place.folder / "away"
        there.rename(away)
        planned = place.sealgate("plan")
        assert planned.returncode == 10, planned.stdout
        assert f"{lost}" in planned.stdout
        assert "is gone" in planned.stdout
        code, said = ended(place.start())
        assert code == 2, said
        assert "is gone" in said
        assert not there.exists()
        away.rename(there)
    with place.serving():
        assert place.status("/") == 200


def test_the_ready_file_tells_where_it_listens(place: Place) -> None:
    """Scripts find process ids and addresses there, and nothing after the end."""
    with place.serving() as serving:
        assert serving.ready == {
            "pid": serving.process.pid,
            "envoy_pid": serving.ready["envoy_pid"],
            "https": [f"127.0.0.1:{place.https}"],
            "http": [f"127.0.0.1:{place.http}"],
            "egress": [],
            "sftp": [],
            "ftps": [],
            "ftps_implicit": [],
            "state_folder": str(place.state),
        }
        assert lives(serving.ready["envoy_pid"])
    assert not place.ready_file.exists()
    assert not lives(serving.ready["envoy_pid"])


def test_a_port_in_use_is_named(place: Place) -> None:
    """Exit code 1, the address, and the command that tells who has it."""
    with socket.create_server(("127.0.0.1", place.http)):
        code, said = ended(place.start())
    assert code == 1
    assert f"error: cannot listen on 127.0.0.1:{place.http}: the port is in use" in said
    assert f"hint: ss -tlnp 'sport = :{place.http}'" in said
    assert "Traceback" not in said


def test_a_port_below_1024_needs_a_capability(place: Place) -> None:
    """Without CAP_NET_BIND_SERVICE the error says what to give the service."""
    place.https = 443
    place.write("/")
    prefix = ("setpriv", "--bounding-set", "-net_bind_service", "--inh-caps", "-net_bind_service")
    code, said = ended(place.start(prefix=prefix if os.geteuid() == 0 else ()))
    assert code == 1
    assert "cannot listen on 127.0.0.1:443: ports below 1024 are not allowed to this user" in said
    assert "AmbientCapabilities=CAP_NET_BIND_SERVICE" in said


def test_an_address_of_another_machine_is_named(place: Place) -> None:
    """A typing error in the address is told as such."""
    place.config.write_text(
        place.config.read_text().replace(f"127.0.0.1:{place.https}", f"192.0.2.1:{place.https}")
    )
    code, said = ended(place.start())
    assert code == 1
    assert "this machine does not have that address" in said


def test_what_cannot_be_kept_is_refused_all_at_once(place: Place) -> None:
    """Exit code 2, each fault with file, line and what to type; nothing listens."""
    place.write("/", "!/inside", "!/other")
    code, said = ended(place.start())
    assert code == 2
    assert said.count("nobody who may enter (group:editors) has a living client certificate") == 2
    assert "hint: sealgate key issue NAME --group editors\n" in said
    assert said.count("sealgate.toml:") == 2
    assert place.status("/") == 0


def test_a_given_certificate_is_checked_first(place: Place) -> None:
    """A key that does not match, a wrong name and a date that passed are all told at once."""
    given_certificate(place.folder, "site", domain="other.example")
    given_certificate(place.folder, "other")
    place.write("/", tls='certificate = { chain = "site.pem", key = "other.key" }')
    code, said = ended(place.start())
    assert code == 2
    assert "does not match certificate" in said
    assert "localhost" in said
    assert said.count("sealgate: error: ") == 2


def test_one_folder_is_served_once(place: Place) -> None:
    """A second serve says who serves already, and does not disturb the first."""
    with place.serving() as serving:
        code, said = ended(place.start())
        assert code == 1
        assert f"is served already, by process {serving.process.pid}" in said
        assert "hint: sealgate reload" in said
        assert place.status("/") == 200


def test_a_reload_with_nobody_there_ends_with_3(place: Place) -> None:
    """Exit code 3, and what to type."""
    done = place.sealgate("reload")
    assert done.returncode == 3
    assert "no gateway of this configuration is running" in done.stderr
    assert "hint: sealgate serve" in done.stderr


def test_a_gateway_that_does_not_answer_is_no_absent_one(place: Place) -> None:
    """A revocation that a stuck gateway did not take over fails loudly."""
    place.write("/", "!/inside")
    place.issue("anna", "--group", "editors")
    with place.serving():
        (place.state / "control.sock").unlink()
        done = place.sealgate("key", "revoke", "anna")
    assert done.returncode == 1
    assert "a gateway runs, but does not answer on its control socket" in done.stderr


def test_envoy_dies_with_a_killed_sealgate(place: Place) -> None:
    """Kill -9 leaves no gateway behind, and the next start finds nothing in its way."""
    with place.serving() as serving:
        serving.process.kill()
        assert wait_until(lambda: not lives(serving.ready["envoy_pid"]))
        assert place.status("/") == 0
    assert place.sealgate("reload").returncode == 3
    with place.serving():
        assert place.status("/") == 200


def test_a_crashed_envoy_is_started_again(place: Place) -> None:
    """The site is back within seconds, by another process, and the crash is told."""
    with place.serving() as serving:
        os.kill(serving.ready["envoy_pid"], signal.SIGKILL)
        assert wait_until(lambda: place.status("/") == 0)
        assert wait_until(lambda: place.status("/") == 200)
        os.kill(serving.process.pid, signal.SIGTERM)
        code, said = ended(serving.process)
    assert code == 0
    assert "envoy ended, and is started again" in said
    assert "envoy runs again" in said


def test_an_envoy_that_always_crashes_ends_the_gateway(place: Place) -> None:
    """After five crashes within a minute it gives up loudly, with exit code 1."""
    with place.serving() as serving:

        def gave_up() -> bool:
            for child in _children(serving.process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            return serving.process.poll() is not None

        assert wait_until(gave_up, 90)
        code, said = ended(serving.process)
    assert code == 1
    assert "envoy ended 5 times within 60 seconds; nothing is served any more" in said
    assert "Traceback" not in said


def test_a_running_download_ends_before_the_gateway_does(place: Place, site: Site) -> None:
    """SIGTERM: nothing new is accepted, what runs is finished, exit code 0."""
    with place.serving() as serving, place.connected(place.trust()) as slow:
        slow.request("GET", "/held", headers={"Host": "localhost"})
        answer = slow.getresponse()
        os.kill(serving.process.pid, signal.SIGTERM)
        assert wait_until(lambda: place.status("/") == 0)
        assert serving.process.poll() is None
        site.may_end.set()
        assert len(answer.read()) == 2 * 2048
        code, said = ended(serving.process)
    assert code == 0
    assert "were cut" not in said


def test_a_download_without_end_is_cut(place: Place) -> None:
    """After the time for draining it is cut, which is told; the exit code stays 0."""
    with (
        place.serving("--drain-seconds", "0.3") as serving,
        place.connected(place.trust()) as slow,
    ):
        slow.request("GET", "/held", headers={"Host": "localhost"})
        slow.getresponse()
        os.kill(serving.process.pid, signal.SIGTERM)
        code, said = ended(serving.process)
    assert code == 0
    assert "requests that were still running after 0.3 seconds were cut" in said


def test_a_second_signal_cuts(place: Place) -> None:
    """Whoever presses Ctrl-C twice does not wait."""
    with (
        place.serving("--drain-seconds", "1000") as serving,
        place.connected(place.trust()) as slow,
    ):
        slow.request("GET", "/held", headers={"Host": "localhost"})
        slow.getresponse()
        os.kill(serving.process.pid, signal.SIGINT)
        assert wait_until(lambda: place.status("/") == 0)
        assert serving.process.poll() is None
        os.kill(serving.process.pid, signal.SIGINT)
        code, _ = ended(serving.process)
    assert code == 0


def test_a_site_that_is_down_gets_a_page(tmp_path: Path) -> None:
    """It starts and says so; visitors see a page, and the site when it comes back."""
    place = Place(tmp_path, upstream=0)
    place.upstream = free_port()
    place.write("/")
    with place.serving() as serving:
        body, _, status = place.curl("/").rpartition("\n")
        assert status == "503"
        assert "<html" in body.lower()
        with site_running(place.upstream):
            assert wait_until(lambda: place.status("/") == 200)
        os.kill(serving.process.pid, signal.SIGTERM)
        said = ended(serving.process)[1]
    assert 'the site behind "localhost" does not answer' in said


def test_ports_may_be_chosen(place: Place) -> None:
    """Port 0 is a free one, which a reload keeps."""

    def with_any_port() -> Inventory:
        listen = Listen((Address("127.0.0.1", 0),), (Address("127.0.0.1", 0),))
        return dataclasses.replace(load(str(place.config)), listen=listen)

    options = Options(workers=1, load=with_any_port)
    with RunningGateway(with_any_port(), options) as gateway:
        [https], [http] = gateway.addresses.https, gateway.addresses.http
        assert 0 not in {https.port, http.port}
        place.write("/", "/added")
        assert gateway.reload().changed[0] == 'routes of "localhost"'
        assert gateway.addresses.https == (https,)
        place.https = https.port
        assert place.status("/") == 200


def test_a_gateway_that_ended_takes_no_orders(place: Place) -> None:
    """A caller that comes too late gets an error and does not hang."""
    gateway = RunningGateway(load(str(place.config)), Options(workers=1))
    with gateway:
        assert gateway.status()["envoy_pid"] == gateway.pid
    assert gateway.stop()
    with pytest.raises(GatewayError, match="no gateway is running"):
        gateway.reload()


def test_systemd_is_told(place: Place) -> None:
    """A service of Type=notify counts as started when everything listens."""
    path = place.folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(path))
        listening.settimeout(20)
        os.environ["NOTIFY_SOCKET"] = str(path)
        try:
            with place.serving():
                assert listening.recv(64) == b"READY=1"
                assert place.status("/") == 200
        finally:
            del os.environ["NOTIFY_SOCKET"]


def test_two_gateways_run_on_one_machine(site: Site, place: Place, tmp_path: Path) -> None:
    """Each has its own folder, ports and Envoy."""
    other = Place(tmp_path / "other", site.server_port)
    other.folder.mkdir()
    other.write("/")
    with place.serving(), other.serving():
        assert (place.status("/"), other.status("/")) == (200, 200)


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task").iterdir()
    found: list[int] = []
    for task in text:
        with contextlib.suppress(OSError):
            found += map(int, (task / "children").read_text().split())
    return found

"""What changes while it serves: no request fails, and no admission outlives its end."""

from __future__ import annotations

import http.client
import os
import re
import signal
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from sealgate.app.reload import NotRunning, status
from sealgate.config.load import load
from sealgate.gateway.model import place_of
from sealgate.serve.running import Options, RunningGateway
from tests.peers.served import Place, given_certificate, site_running, status_on
from tests.processes import await_said
from tests.waiting import wait_until

# How many requests are not to fail.
requests = pytest.mark.parametrize("least", [400, pytest.param(2000, marks=pytest.mark.soak)])


class Asker:
    """A busy client on one connection: *least* requests, and until it is enough."""

    def __init__(self, place: Place, context: ssl.SSLContext, least: int) -> None:
        self._least = least
        self.statuses: list[int | str] = []
        self.enough = threading.Event()
        self._place, self._context = place, context
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        with self._place.connected(self._context) as connection:
            while len(self.statuses) < self._least or not self.enough.is_set():
                try:
                    self.statuses.append(status_on(connection, "/"))
                except (OSError, http.client.HTTPException) as error:
                    self.statuses.append(repr(error))
                    connection.close()

    def join(self) -> None:
        """Wait until all requests are done."""
        self.enough.set()
        self._thread.join()


@requests
def test_reloads_fail_no_request_and_a_raised_class_reaches_open_connections(
    place: Place, least: int
) -> None:
    """A route is added and the certificate renewed under requests; then one is locked."""
    given_certificate(place.folder, "site")
    given = 'certificate = { chain = "site.pem", key = "site.key" }'
    place.write("/", tls=given)
    place.issue("anna", "--group", "editors")
    context = place.trust(place.folder / "site.pem")
    with place.serving(), place.connected(context) as open_one:
        before = place.shown_certificate()
        assert status_on(open_one, "/inside/page") == 200
        socket_of_it = open_one.sock
        asker = Asker(place, context, least)
        assert wait_until(lambda: len(asker.statuses) > 100)
        place.write("/", "/added", tls=given)
        first = place.sealgate("reload")
        given_certificate(place.folder, "site")
        second = place.sealgate("reload")
        asker.join()
        # The new route is sampled, as is the default, by a way of its own.
        parts = ('routes of "localhost"', "upstreams", "inspection")
        assert first.returncode == 0
        assert first.stdout == "".join(f"changed: {part}\n" for part in parts)
        # The watch may have been quicker than the command.
        assert second.returncode == 0, second.stderr
        assert len(asker.statuses) >= least
        assert set(asker.statuses) == {200}
        assert before != place.shown_certificate() == (place.folder / "site.pem").read_text()
        place.write("/", "!/inside", tls=given)
        third = place.sealgate("reload")
        assert third.returncode == 0, third.stderr
        assert open_one.sock is socket_of_it, "the refusal must come on the open connection"
        assert status_on(open_one, "/inside/page") == 403
        # It ends with that, so that the next one is asked for a certificate.
        assert open_one.sock is None
        with place.connected(place.trust(place.folder / "site.pem")) as next_one:
            assert status_on(next_one, "/") == 200


def test_a_revocation_holds_on_open_and_resumed_connections(place: Place) -> None:
    """When ``key revoke`` returns, the next request with that key is refused everywhere."""
    place.write("/", "!/inside")
    place.issue("anna", "--group", "editors")
    place.issue("ben", "--group", "editors")
    with place.serving(), place.connected(place.trust(key="anna")) as open_one:
        assert status_on(open_one, "/inside/") == 200
        session = place.folder / "session.pem"
        assert _asked_by_openssl(place, "anna", "-sess_out", str(session)) == (200, False)
        assert _asked_by_openssl(place, "anna", "-sess_in", str(session)) == (200, True)
        done = place.sealgate("key", "revoke", "anna")
        assert done.returncode == 0, done.stderr
        assert "gateway: the running gateway enforces it" in done.stdout
        assert status_on(open_one, "/inside/") == 403
        assert _asked_by_openssl(place, "anna", "-sess_in", str(session)) == (403, True)
        assert _asked_by_openssl(place, "anna") == (403, False)
        assert _asked_by_openssl(place, "ben") == (200, False)


def test_an_issued_key_admits_at_once(place: Place) -> None:
    """When ``key issue`` returns, the running gateway lets it in."""
    place.write("/", "!/inside")
    place.issue("anna", "--group", "editors")
    with place.serving():
        place.issue("ben", "--group", "editors")
        assert place.status("/inside/", "--cert", "ben.crt", "--key", "ben.key") == 0
        key = ("--cert", str(place.folder / "ben.crt"), "--key", str(place.folder / "ben.key"))
        assert place.status("/inside/", *key) == 200
        place.sealgate("user", "group", "ben", "--remove", "editors")
        assert place.status("/inside/", *key) == 403


def test_a_renewed_certificate_is_taken_over_by_itself(place: Place) -> None:
    """What certbot puts in place is served without a command; a broken one is not."""
    given_certificate(place.folder, "site")
    place.write("/", tls='certificate = { chain = "site.pem", key = "site.key" }')
    with place.serving() as serving:
        given_certificate(place.folder, "next")
        _turn_links(place.folder, "next")
        renewed = (place.folder / "next.pem").read_text()
        assert wait_until(lambda: place.shown_certificate() == renewed)
        given_certificate(place.folder, "other")
        (place.folder / "broken.key").write_bytes((place.folder / "other.key").read_bytes())
        (place.folder / "broken.pem").write_bytes((place.folder / "next.pem").read_bytes())
        _turn_links(place.folder, "broken")
        said = await_said(serving.process, "does not match certificate")
        # It looks again each second, and says no more about the same.
        time.sleep(2.5)
        assert place.shown_certificate() == renewed
        os.kill(serving.process.pid, signal.SIGTERM)
        said += serving.process.communicate(timeout=60)[1]
    assert 'certificate of "localhost": renewed, and taken over' in said
    assert "does not match certificate" in said
    assert said.count("does not match certificate") == 1


def test_the_local_certificate_is_renewed_in_time(place: Place) -> None:
    """Once a third of its life is left, the next look at the clock brings a new one."""
    passed, looks = 0.0, 0

    def now() -> float:
        nonlocal looks
        looks += 1
        return time.time() + passed

    options = Options(workers=1, now=now, tick_seconds=0.05)
    with RunningGateway(load(str(place.config)), options):
        first = place.shown_certificate()
        passed = 9 * 86400.0
        before = looks
        assert wait_until(lambda: looks > before + 5)
        assert place.shown_certificate() == first
        passed = 9.5 * 86400.0
        assert wait_until(lambda: place.shown_certificate() != first)


def test_a_key_that_ends_admits_no_longer(place: Place) -> None:
    """The end of a client certificate holds on an open connection, without any command."""
    place.write("/", "!/inside")
    place.issue("anna", "--group", "editors", "--days", "1")
    place.issue("ben", "--group", "editors", "--days", "9")
    passed = 0.0
    options = Options(workers=1, now=lambda: time.time() + passed, tick_seconds=0.05)
    with (
        RunningGateway(load(str(place.config)), options),
        place.connected(place.trust(key="anna")) as open_one,
    ):
        assert status_on(open_one, "/inside/") == 200
        passed = 86400.0 + 60
        assert wait_until(lambda: status_on(open_one, "/inside/") == 403)
        assert status_on(open_one, "/") == 200


def test_a_replaced_country_file_is_followed(place: Place) -> None:
    """A new country file decides, a damaged one in its place does not."""
    place.write("/", "!/inside")
    place.issue("anna", "--group", "editors")
    key = ("--cert", str(place.folder / "anna.crt"), "--key", str(place.folder / "anna.key"))
    database = place.folder / "country.mmdb"
    options = Options(workers=1, tick_seconds=0.05)
    with RunningGateway(load(str(place.config)), options):
        assert place.status("/inside/", *key) == 200
        good = database.read_bytes()
        # Where 127.0.0.1 was in Germany, it is now in Denmark.
        _put(database, good.replace(b"BDE", b"BDK"))
        assert wait_until(lambda: place.status("/inside/", *key) == 403)
        _put(database, b"no database at all")
        time.sleep(0.5)
        assert place.status("/inside/", *key) == 403
        _put(database, good)
        assert wait_until(lambda: place.status("/inside/", *key) == 200)


def test_a_broken_configuration_changes_nothing(place: Place) -> None:
    """Faults come with file and line and exit code 2; what was served goes on."""
    with place.serving():
        text = place.config.read_text()
        place.config.write_text(text + 'clas = "public"\n')
        done = place.sealgate("reload")
        assert done.returncode == 2
        assert f"sealgate.toml:{len(text.splitlines()) + 1}:" in done.stderr
        assert "Traceback" not in done.stderr
        assert place.status("/") == 200
        place.write("/", "!/inside")
        refused = place.sealgate("reload")
        assert refused.returncode == 2
        assert "nobody who may enter" in refused.stderr
        assert place.status("/inside/") == 200
        place.config.write_text(text)
        assert place.sealgate("reload").stdout == "nothing changed\n"


def test_a_hangup_reloads(place: Place) -> None:
    """SIGHUP does what ``sealgate reload`` does, and tells the outcome on standard error."""
    with place.serving() as serving:
        place.config.write_text(place.config.read_text() + "[nonsense]\n")
        os.kill(serving.process.pid, signal.SIGHUP)
        said = await_said(serving.process, "error: ")
        place.write("/", "/added")
        os.kill(serving.process.pid, signal.SIGHUP)
        routes = place.state / "envoy" / place_of("rds-https-localhost.json")
        assert wait_until(lambda: "/added" in routes.read_text())
        os.kill(serving.process.pid, signal.SIGTERM)
        said += serving.process.communicate(timeout=60)[1]
    assert 'reloaded: routes of "localhost"' in said


def test_a_moved_listener_is_taken_over(place: Place) -> None:
    """A new port is listened on after a reload, by the same Envoy, and the old one is shut."""
    with place.serving() as serving:
        old = place.https
        place.https = Place(place.folder, 0).https
        place.write("/")
        done = place.sealgate("reload")
        assert done.returncode == 0, done.stderr
        assert place.status("/") == 200
        assert _status_of(place)["envoy_pid"] == serving.ready["envoy_pid"]
        place.https = old
        assert wait_until(lambda: place.status("/") == 0)


def test_sites_come_and_go(place: Place) -> None:
    """A second site is served after a reload, with a certificate of its own, and is removed."""
    place.write("/")
    with place.serving():
        alone = place.config.read_text()
        second = alone[alone.index("[[site]]") :].replace('"localhost"', '"second.localhost"')
        place.config.write_text(alone + second)
        done = place.sealgate("reload")
        assert done.returncode == 0, done.stderr
        other = ("--resolve", f"second.localhost:{place.https}:127.0.0.1")
        url = f"https://second.localhost:{place.https}/"
        assert _curl_status(place, url, *other) == 200
        place.config.write_text(alone)
        assert place.sealgate("reload").returncode == 0
        assert _curl_status(place, url, *other) != 200
        assert place.status("/") == 200


@requests
def test_everything_changes_under_requests(place: Place, least: int) -> None:
    """Another upstream, a site more, a site less, another lock: no request fails."""
    place.write("/")
    place.issue("anna", "--group", "editors")
    with place.serving(), site_running() as other:
        asker = Asker(place, place.trust(), least)
        alone = place.config.read_text()
        second = alone[alone.index("[[site]]") :].replace('"localhost"', '"second.localhost"')
        moved = alone.replace(f":{place.upstream}", f":{other.server_port}")
        locked = moved + '[[site.route]]\npath = "/in"\nclass = "confidential"\n'
        for text in (alone + second, moved, locked + 'admit = ["group:editors"]\n', alone):
            place.config.write_text(text)
            done = place.sealgate("reload")
            assert done.returncode == 0, done.stderr
            assert "changed: " in done.stdout
        asker.join()
        assert set(asker.statuses) == {200}
        assert other.seen


def test_a_revocation_reaches_connections_of_a_replaced_listener(place: Place) -> None:
    """A connection that an older listener took up is refused all the same."""
    place.write("/", "!/inside")
    place.issue("anna", "--group", "editors")
    with place.serving(), place.connected(place.trust(key="anna")) as open_one:
        assert status_on(open_one, "/inside/") == 200
        kept = open_one.sock
        text = place.config.read_text()
        second = text[text.index("[[site]]") :].replace('"localhost"', '"second.localhost"')
        place.config.write_text(text + second)
        done = place.sealgate("reload")
        assert "changed: listeners" in done.stdout
        assert place.sealgate("key", "revoke", "anna").returncode == 0
        open_one.request("GET", "/inside/", headers={"Host": "localhost"})
        assert open_one.sock is kept
        assert open_one.getresponse().status == 403


def _curl_status(place: Place, url: str, *options: str) -> int:
    ca = str(place.state / "authority" / "server-ca.pem")
    command = ["curl", "--silent", "--cacert", ca, "--output", os.devnull, "--write-out"]
    done = subprocess.run(
        [*command, "%{http_code}", *options, url], capture_output=True, text=True, check=False
    )
    return int(done.stdout or 0)


def _status_of(place: Place) -> dict[str, object]:
    told = status(str(place.state))
    assert not isinstance(told, NotRunning)
    return told


def _asked_by_openssl(place: Place, key: str, *options: str) -> tuple[int, bool]:
    """Return the status of /inside/ and whether the session was resumed."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{place.https}"]
    command += ["-servername", "localhost", "-cert", str(place.folder / f"{key}.crt")]
    command += ["-key", str(place.folder / f"{key}.key"), "-ign_eof", *options]
    request = "GET /inside/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    done = subprocess.run(
        command, input=request, capture_output=True, text=True, check=False, timeout=20
    )
    # The answer may come in the middle of what openssl tells of the session.
    found = re.search(r"HTTP/1\.1 (\d+)", done.stdout)
    assert found is not None, done.stderr
    return int(found[1]), "\nReused, " in done.stdout


def _turn_links(folder: Path, name: str) -> None:
    """Have site.pem and site.key lead to *name*, as certbot does."""
    for ending in ("key", "pem"):
        link = folder / f".link.{ending}"
        link.unlink(missing_ok=True)
        link.symlink_to(f"{name}.{ending}")
        link.replace(folder / f"site.{ending}")


def _put(path: Path, data: bytes) -> None:
    beside = path.with_suffix(".beside")
    beside.write_bytes(data)
    beside.replace(path)

"""Certificates from a real ACME authority: issued, renewed under load, revoked, missed."""

from __future__ import annotations

import json
import ssl
import stat
import threading
import time
from http.client import HTTPException
from pathlib import Path

import pytest
from cryptography import x509

from tests.peers.pebbled import Pebble, pebble_running
from tests.peers.served import Place, Serving, Site, status_on
from tests.waiting import wait_until

pytestmark = pytest.mark.peer("pebble")
ISSUE_SECONDS = 30.0
# Between two requests of one client; without it, clients and not the gateway take the time.
PAUSE_SECONDS = 0.02


def running(place: Place, **more: object) -> object:
    """Run Pebble, which looks for proofs at the doors of *place*."""
    return pebble_running(
        place.folder / "pebble",
        http_port=place.http,
        tls_port=place.https,
        **more,  # type: ignore[arg-type]  # options of pebble_running
    )


def configure(place: Place, pebble: Pebble, *more: str) -> None:
    """Have the certificates of *place* fetched from *pebble*."""
    lines = ['certificate = "acme"', 'contact = "hostmaster@shop.example"']
    lines += [f'directory = "{pebble.directory}"', f'directory_ca = "{pebble.ca}"', *more]
    place.write("/", tls="\n".join(lines))


def issuer(place: Place) -> str:
    """Return who issued the certificate that a new handshake shows."""
    shown = x509.load_pem_x509_certificate(place.shown_certificate().encode())
    return shown.issuer.rfc4514_string()


def trusted(place: Place, pebble: Pebble) -> Path:
    """Write the root of *pebble* into a file, and return that."""
    path = place.folder / "root.pem"
    path.write_text(pebble.root())
    return path


def await_issued(place: Place) -> None:
    """Wait until the gateway shows a certificate of the authority."""
    assert wait_until(lambda: "Pebble" in issuer(place), ISSUE_SECONDS), issuer(place)


class Load:
    """Clients that ask all the time: one on a connection that it keeps, one on new ones."""

    def __init__(self, place: Place, *roots: Path) -> None:
        self.outcomes: list[int | str] = []
        self._place, self._enough = place, threading.Event()
        bundle = place.folder / "bundle.pem"
        bundle.write_text("".join(root.read_text() for root in roots))
        self._context = ssl.create_default_context(cafile=str(bundle))
        self._threads = [
            threading.Thread(target=self._ask, kwargs={"keeps": one}) for one in (True, False)
        ]
        for thread in self._threads:
            thread.start()

    def _ask(self, *, keeps: bool) -> None:
        while not self._enough.wait(PAUSE_SECONDS):
            with self._place.connected(self._context) as connection:
                try:
                    self.outcomes.append(status_on(connection, "/"))
                    while keeps and not self._enough.wait(PAUSE_SECONDS):
                        self.outcomes.append(status_on(connection, "/"))
                except (OSError, HTTPException) as error:
                    self.outcomes.append(repr(error))

    def join(self) -> list[int | str]:
        """Stop, and return what each request came to."""
        self._enough.set()
        for thread in self._threads:
            thread.join()
        return self.outcomes


@pytest.mark.parametrize("requests", [300, pytest.param(2000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_issued_renewed_under_load_and_revoked(
    place: Place, site: Site, challenge: str, requests: int
) -> None:
    """The first certificate comes by itself; a renewal and a revocation fail no request."""
    with running(place) as pebble:  # type: ignore[attr-defined]
        configure(place, pebble, f'challenge = "{challenge}"')
        with place.serving() as serving:
            assert "stand-in" in issuer(place)
            await_issued(place)
            root = trusted(place, pebble)
            first = place.shown_certificate()
            load = Load(place, root)
            assert wait_until(lambda: len(load.outcomes) > requests // 10)
            done = place.sealgate("certificate", "renew", "localhost")
            assert done.returncode == 0, done.stderr
            assert wait_until(lambda: place.shown_certificate() != first, ISSUE_SECONDS)
            second = place.shown_certificate()
            done = place.sealgate("certificate", "revoke", "localhost")
            assert done.returncode == 0, done.stderr
            assert pebble.is_revoked(second.encode())
            assert not pebble.is_revoked(first.encode())
            assert wait_until(lambda: place.shown_certificate() != second, ISSUE_SECONDS)
            assert wait_until(lambda: len(load.outcomes) > requests, 120)
            outcomes = load.join()
            assert set(outcomes) == {200}, set(outcomes)
            assert "error" not in _stopped(serving)
        # The proofs were answered by us: the site has seen none of these requests.
        assert not [path for path in site.seen if "acme" in path]
        assert len({first, second, (place.folder / "x").name}) == 3
        # Kept for their owner only, and nothing of a proof or an order stays.
        kept = [path for path in (place.state / "acme").rglob("*") if path.is_file()]
        assert all(stat.S_IMODE(p.stat().st_mode) == 0o600 for p in kept if p.suffix == ".key")
        assert not [path for path in kept if path.parent.name in {"orders", "proofs"}]


def _stopped(serving: Serving) -> str:
    serving.process.terminate()
    return serving.process.communicate(timeout=40)[1]


def test_issued_by_a_record_that_a_program_sets(place: Place) -> None:
    """DNS-01: the program is called to set the record and to remove it, and needs no port."""
    with running(place) as pebble:  # type: ignore[attr-defined]
        hook, calls = place.folder / "hook.sh", place.folder / "calls"
        hook.write_text(
            "#!/bin/sh\n"
            f'echo "$1 $2" >> {calls}\n'
            'case "$1" in\n'
            f'  present) curl -s -d "{{\\"host\\":\\"$2\\",\\"value\\":\\"$3\\"}}" {pebble.dns}/set-txt ;;\n'
            f'  cleanup) curl -s -d "{{\\"host\\":\\"$2\\"}}" {pebble.dns}/clear-txt ;;\n'
            "esac\n"
        )
        hook.chmod(0o755)
        configure(place, pebble, 'challenge = "dns-01"', f'dns_hook = "{hook}"')
        with place.serving():
            await_issued(place)
        record = "_acme-challenge.localhost."
        assert calls.read_text().splitlines() == [f"present {record}", f"cleanup {record}"]


def test_short_lives_are_renewed_by_themselves(place: Place) -> None:
    """A certificate of 30 seconds is renewed before a third of that is left, and no request fails."""
    with running(place, life_seconds=30) as pebble:  # type: ignore[attr-defined]
        configure(place, pebble)
        with place.serving():
            await_issued(place)
            load = Load(place, trusted(place, pebble))
            first = place.shown_certificate()
            assert wait_until(lambda: place.shown_certificate() != first, 40)
            outcomes = load.join()
    assert set(outcomes) == {200}, set(outcomes)


def test_a_failing_authority_is_asked_rarely_and_told_of(place: Place) -> None:
    """When proofs are not believed, the stand-in stays; log, plan and audit say why."""
    with pebble_running(place.folder / "pebble", http_port=1, tls_port=1) as pebble:
        configure(place, pebble)
        with place.serving() as serving:
            known = place.state / "acme" / "sites" / "localhost.json"
            assert wait_until(
                lambda: known.exists() and json.loads(known.read_text())["failures"], 20
            )
            time.sleep(2.5)
            assert json.loads(known.read_text())["failures"] == 1
            assert "stand-in" in issuer(place)
            planned = place.sealgate("plan")
            audited = place.sealgate("audit")
            listed = place.sealgate("certificate", "list")
            log = _stopped(serving)
        assert 'error: no certificate for "localhost": the authority does not believe' in log
        assert pebble.orders() == 1
    for told in (planned, audited):
        assert "certificate-not-kept" in told.stdout, told.stdout
    assert audited.returncode == listed.returncode == 10
    assert "has not issued" in listed.stdout


def test_an_order_is_gone_on_with_after_a_crash(place: Place) -> None:
    """Killed after the order was made: the next start takes the same order up."""
    with running(place, settings={"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": "3"}) as pebble:  # type: ignore[attr-defined]
        configure(place, pebble)
        orders = place.state / "acme" / "orders"
        with place.serving() as serving:
            assert wait_until(lambda: any(orders.glob("*.json")))
            serving.process.kill()
            serving.process.communicate()
        with place.serving():
            await_issued(place)
        assert pebble.orders() == 1

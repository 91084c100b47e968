"""A secret host as a person meets it: Chromium with a client certificate, a code, a passkey."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealgate.app.grants import approve_grant
from sealgate.app.users import tell_gateway
from sealgate.identity.adapters.schema import GRANTS, GRANTS_OF
from sealgate.identity.totp import STEP_SECONDS, code_at
from tests.peers.browsed import browsing
from tests.peers.forward_proxy import forward_proxy
from tests.peers.gatewayed import ALLOWED, OTHER, write_countries
from tests.peers.granted import MODEL, VAULT, GrantedPlace, vault
from tests.peers.served import site_running
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.browsed import Browser
    from tests.peers.forward_proxy import ForwardProxy

pytestmark = [
    pytest.mark.peer("envoy"),
    pytest.mark.peer("chromium"),
    pytest.mark.peer("certutil"),
]

ASSET = f"route {VAULT}/"
# Where the certificate alone decides, without any page to sign in.
DESK = '\n[[site.route]]\npath = "/desk"\nclass = "confidential"\nadmit = ["group:board"]\n'
LAST_SECONDS = 3.0
PASSWORD = "of the file"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[GrantedPlace]:
    """Serve a vault, with anna on the board, who has a certificate, and clara, who approves."""
    with contextlib.ExitStack() as held:
        site = held.enter_context(site_running())
        port = site.server_address[1]
        place = GrantedPlace(tmp_path, port, routes=DESK)
        place.declare(vault(port) + MODEL)
        write_countries(tmp_path / "country.mmdb")
        with place.people() as people:
            people.add("anna", ["board"], by="test", now=1)
            people.add("clara", [], roles=["approver"], by="test", now=1)
        (tmp_path / "password").write_text(PASSWORD)
        place.issue(
            "anna", "--p12", f"{tmp_path}/anna.p12", "--password-file", f"{tmp_path}/password"
        )
        held.enter_context(place.serving())
        yield place


def test_a_person_is_led_to_what_is_secret(place: GrantedPlace, tmp_path: Path) -> None:
    """
    The grant is asked for and approved, a code and a passkey are proven; then it runs out.

    Before that they travel: abroad, neither the grant nor the certificate opens anything.
    With SEALGATE_SCREENSHOTS=FOLDER each page is kept there, to be looked at.
    """
    shots = Path(os.environ.get("SEALGATE_SCREENSHOTS", str(tmp_path)))
    p12 = (tmp_path / "anna.p12", PASSWORD)
    with forward_proxy() as proxy, browsing(tmp_path, VAULT, p12=p12, proxy=proxy) as browser:
        browser.add_authenticator()
        browser.open(f"{place.vault_url}/?a=1")
        browser.await_text("signed in as anna")
        assert browser.url == f"{place.vault_url}/.sealgate/sign-in?to=/%3Fa%3D1"
        assert "Organization Secret: sign in with a key from an allowed country" in browser.text
        assert f'sealgate grant ask "{ASSET}" --as anna' in browser.text
        browser.screenshot(shots / "grant-1-needed.png")

        asked = place.sealgate(
            *("grant", "ask", ASSET, "--as", "anna", "--reason", "the minutes", "--for", "1h")
        )
        assert asked.returncode == 0, asked.stderr
        browser.click("main a")
        browser.await_text("waits for another person")
        browser.screenshot(shots / "grant-2-waits.png")

        # Another person with another login; on this machine, there is one login.
        grant = asked.stdout.split()[1].rstrip(":")
        approve_grant(place.inventory, grant, "clara", by="clara's login", now=time.time())
        browser.click("main a")
        browser.await_text("no second factor")
        assert "sealgate user totp anna" in browser.text
        browser.screenshot(shots / "grant-3-no-second-factor.png")

        secret = place.totp("anna")
        browser.open(f"{place.vault_url}/?a=1")
        browser.await_text("Confirm that it is you")
        browser.screenshot(shots / "grant-4-code.png")
        code = code_at(secret, int(time.time() // STEP_SECONDS))
        _send(browser, str(999999 - int(code)).zfill(6))
        browser.await_text("not right")
        browser.screenshot(shots / "grant-5-wrong-code.png")
        _send(browser, code)
        browser.await_url(f"{place.vault_url}/?a=1")
        assert browser.text == "ok"

        _prove_by_passkey(place, browser, shots)

        _travel(place, browser, proxy, shots)

        end = _let_end_soon(place)
        assert wait_until(lambda: _ran_out(place, browser)), browser.text
        assert time.time() >= end
        browser.screenshot(shots / "grant-6-ran-out.png")


def _send(browser: Browser, code: str) -> None:
    browser.type("#code", code)
    browser.click("form[method=post] button")


def _prove_by_passkey(place: GrantedPlace, browser: Browser, shots: Path) -> None:
    with place.people() as people:
        invited = people.second_factors.make_enrolment("anna", by="test", now=time.time())
    browser.open(f"{place.vault_url}/.sealgate/passkey/new")
    browser.type("#enrolment", invited)
    browser.type("#label", "laptop")
    browser.click("#register button")
    browser.await_text("is registered")
    # Signed out, she is known by her certificate alone, and has to prove a second factor.
    browser.open(f"{place.vault_url}/.sealgate/")
    browser.click("form[method=post] button")
    browser.await_text("not signed in")
    browser.open(f"{place.vault_url}/")
    browser.await_text("Confirm that it is you")
    browser.screenshot(shots / "grant-8-code-or-passkey.png")
    browser.click("#passkey button")
    browser.await_url(f"{place.vault_url}/")
    assert browser.text == "ok"


def _travel(place: GrantedPlace, browser: Browser, proxy: ForwardProxy, shots: Path) -> None:
    # The same browser with the same certificate, session and grant, from another address.
    browser.open(f"{place.url}/desk")
    assert browser.text == "ok"
    proxy.move(OTHER)
    browser.open(f"{place.vault_url}/")
    browser.await_text("You come from FR")
    assert "grant ask" not in browser.text
    browser.screenshot(shots / "grant-7-abroad.png")
    browser.open(f"{place.url}/desk")
    browser.await_text("Not from this country")
    browser.screenshot(shots / "grant-9-desk-abroad.png")
    proxy.move(ALLOWED)
    browser.open(f"{place.vault_url}/")
    assert browser.text == "ok"
    browser.open(f"{place.url}/desk")
    assert browser.text == "ok"


def _let_end_soon(place: GrantedPlace) -> float:
    # As if an hour had passed, but for the last seconds: for those, the test waits. The gateway
    # is told once, for nobody changes grants like this, and has to see the end by itself.
    end = time.time() + LAST_SECONDS
    with place.people() as people, people._database.writing() as connection:
        for grant in people.grants.all():
            begun = end - grant.minutes * 60
            values = {"approved_at": begun, "asked_at": begun - 1}
            GRANTS_OF.change(connection, GRANTS.c.id == grant.id, values)
    tell_gateway(place.inventory)
    return end


def _ran_out(place: GrantedPlace, browser: Browser) -> bool:
    browser.open(f"{place.vault_url}/")
    return "Your grant ran out." in browser.text

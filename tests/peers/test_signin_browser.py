"""Signing in as a person does: Chromium, a password, a passkey, another country, signing out."""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.peers.browsed import browsing
from tests.peers.forward_proxy import forward_proxy
from tests.peers.gatewayed import ALLOWED, OTHER, UNKNOWN, write_countries
from tests.peers.served import site_running
from tests.peers.signed import PASSWORD, SignedPlace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.browsed import Browser
    from tests.peers.forward_proxy import ForwardProxy

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("chromium")]

ROUTES = """
[[site.route]]
path = "/members"
class = "restricted"

[[site.route]]
path = "/board"
class = "confidential"
access = "high"
admit = ["group:board"]
"""


@pytest.fixture
def place(tmp_path: Path) -> Iterator[SignedPlace]:
    """Serve a members' page and a board, with anna on it."""
    with contextlib.ExitStack() as held:
        site = held.enter_context(site_running())
        place = SignedPlace(tmp_path, site.server_address[1], routes=ROUTES)
        place.declare()
        write_countries(tmp_path / "country.mmdb")
        place.add("anna", ["board"])
        held.enter_context(place.serving())
        yield place


def test_a_person_signs_in_and_steps_up(place: SignedPlace, tmp_path: Path) -> None:
    """
    Password, then a passkey with the operator's code, then the board, then abroad, then out.

    Abroad, the same browser with the same session comes from another address.

    With SEALGATE_SCREENSHOTS=FOLDER each page is kept there, to be looked at.
    """
    shots = Path(os.environ.get("SEALGATE_SCREENSHOTS", str(tmp_path)))
    with forward_proxy() as proxy, browsing(tmp_path, proxy=proxy) as browser:
        browser.add_authenticator()
        browser.open(f"{place.url}/members?a=1")
        assert browser.url == f"{place.url}/.sealgate/sign-in?to=/members%3Fa%3D1"
        browser.screenshot(shots / "1-sign-in.png")
        browser.type("#name", "anna")
        browser.type("#password", "something else entirely")
        browser.click("form[method=post] button")
        browser.await_text("do not belong together")
        browser.screenshot(shots / "2-wrong.png")
        browser.type("#name", "anna")
        browser.type("#password", PASSWORD)
        browser.click("form[method=post] button")
        browser.await_url(f"{place.url}/members?a=1")
        assert browser.text == "ok"
        assert browser.run("return document.cookie") == ""
        browser.open(f"{place.url}/.sealgate/nowhere")
        assert "There is no such page" in browser.text

        browser.open(f"{place.url}/board")
        assert "signed in as anna" in browser.text
        assert "Organization Confidential: sign in with a key" in browser.text
        browser.screenshot(shots / "3-step-up.png")
        with place.people() as people:
            code = people.second_factors.make_enrolment("anna", by="test", now=time.time())
        browser.open(f"{place.url}/.sealgate/passkey/new")
        browser.type("#enrolment", code)
        browser.type("#label", "laptop")
        browser.click("#register button")
        browser.await_text("is registered")
        browser.screenshot(shots / "4-registered.png")

        browser.open(f"{place.url}/board")
        browser.click("#passkey button")
        browser.await_url(f"{place.url}/board")
        assert browser.text == "ok"

        _travel(place, browser, proxy, shots)

        browser.open(f"{place.url}/.sealgate/")
        browser.screenshot(shots / "5-account.png")
        browser.click("form[method=post] button")
        browser.await_text("not signed in")
        browser.open(f"{place.url}/members")
        assert "/.sealgate/sign-in" in browser.url


def _travel(place: SignedPlace, browser: Browser, proxy: ForwardProxy, shots: Path) -> None:
    # The same browser with the same session, from other addresses.
    proxy.move(OTHER)
    browser.open(f"{place.url}/members")
    assert browser.text == "ok"  # a password is enough, from wherever
    browser.open(f"{place.url}/board")
    browser.await_text("You come from FR")
    browser.screenshot(shots / "6-abroad.png")
    proxy.move(UNKNOWN)
    browser.open(f"{place.url}/board")
    browser.await_text("It is not known from which country you come")
    browser.screenshot(shots / "7-nowhere.png")
    proxy.move(ALLOWED)
    browser.click("main a")
    browser.await_url(f"{place.url}/board")
    assert browser.text == "ok"

"""Signing in through a provider as a person does: Chromium, the button, the provider's own page."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.peers.browsed import browsing
from tests.peers.oidc_peer import LOGIN_PASSWORD
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.peers.provided import World

pytestmark = [
    pytest.mark.peer("envoy"),
    pytest.mark.peer("chromium"),
    pytest.mark.peer("node"),
]


def test_a_person_signs_in_through_the_provider(provided_world: World, tmp_path: Path) -> None:
    """
    The button, the provider's page, back to where they came from; then out, here and there.

    The provider is another site for the browser, so cookies and policies hold as they do
    outside. With SEALGATE_SCREENSHOTS=FOLDER each page is kept there, to be looked at.
    """
    world = provided_world
    shots = Path(os.environ.get("SEALGATE_SCREENSHOTS", str(tmp_path)))
    with browsing(tmp_path, "127.0.0.1") as browser:
        browser.open(f"{world.place.url}/staff?a=1")
        assert "Sign in with Example Ltd" in browser.text
        browser.screenshot(shots / "oidc-1-sign-in.png")
        browser.click("form[action='/.sealgate/oidc/login'] button")
        browser.await_text("Example login")
        assert browser.url.startswith(f"{world.provider.issuer}/login/")
        browser.screenshot(shots / "oidc-2-provider.png")
        browser.type("#user", "anna")
        browser.type("#pass", LOGIN_PASSWORD)
        browser.click("#go")
        browser.await_url(f"{world.place.url}/staff?a=1")
        assert browser.text == "ok"
        assert browser.run("return document.cookie") == ""

        # The provider knows them still, so it asks for nothing; it names no key, so the board stays shut.
        browser.open(f"{world.place.url}/board")
        assert "Organization Confidential: sign in with a key" in browser.text
        browser.screenshot(shots / "oidc-3-key.png")
        world.provider.change({})
        browser.click("form[action='/.sealgate/oidc/login'] button")
        assert wait_until(lambda: "POST /token" in world.provider.change({}))
        browser.await_text("More is needed here")
        assert browser.url == f"{world.place.url}/.sealgate/sign-in?to=/board"

        browser.open(f"{world.place.url}/.sealgate/")
        browser.click("form[method=post] button")
        browser.await_text("Sign out at Example Ltd, too")
        browser.screenshot(shots / "oidc-4-out.png")
        browser.open(f"{world.place.url}/members")
        assert "/.sealgate/sign-in" in browser.url

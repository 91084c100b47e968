"""An editor of a real WordPress in Chromium, through the gateway: by certificate, and signed in."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from tests.peers.browsed import Browser, browsing
from tests.peers.cms_behind import sign_in_by_passkey
from tests.peers.gatewayed import write_countries
from tests.peers.signed import SignedPlace, pkcs12
from tests.peers.wordpressed import EDITOR, PASSWORD, WordPress, wordpress_running
from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("chromium")]

# Who is in, by which the backend's one declared route is followed by all of the preset's doors.
ROUTE = """
[[site.route]]
path = "/wp-admin"
class = "confidential"
backend = true
access = "high"
admit = ["group:editors"]
"""


@pytest.fixture(scope="module")
def wordpress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WordPress, SignedPlace]]:
    """Run WordPress and the gateway before it."""
    ports = free_port(), free_port()
    place = SignedPlace(tmp_path_factory.mktemp("gateway"), *ports, routes=ROUTE)
    place.declare()
    text = place.config.read_text()
    place.config.write_text(text.replace("[[site]]", '[[site]]\npreset = "wordpress"', 1))
    write_countries(place.folder / "country.mmdb")
    place.issue("alice", "--group", "editors")
    place.add("anna", ["editors"], password=False)
    with contextlib.ExitStack() as held:
        folder = tmp_path_factory.mktemp("wordpress")
        running = held.enter_context(wordpress_running(folder, *ports))
        held.enter_context(place.serving())
        yield running, place


def _work(browser: Browser, wordpress: WordPress, title: str, folder: Path) -> None:
    """Sign in to WordPress, write a post in the block editor, upload a file, look at both."""
    browser.open(f"{wordpress.home}/wp-login.php")
    browser.type("#user_login", EDITOR)
    browser.type("#user_pass", PASSWORD)
    browser.click("#wp-submit")
    assert wait_until(lambda: "/wp-admin/" in browser.url), (browser.url, browser.text)
    browser.open(f"{wordpress.home}/wp-admin/post-new.php")
    ready = "return !!(window.wp && wp.data && wp.data.select('core/editor') && "
    ready += "wp.data.select('core/editor').getCurrentPostId() && "
    ready += "document.querySelector('.editor-post-publish-panel__toggle'))"
    assert wait_until(lambda: browser.run(ready)), (browser.url, browser.text)
    browser.run(
        f"wp.data.dispatch('core/editor').editPost({{title: '{title}'}});"
        "wp.data.dispatch('core/block-editor').insertBlocks(wp.blocks.createBlock("
        f"'core/paragraph', {{content: 'written as {title}'}}))"
    )
    browser.run("document.querySelector('.editor-post-publish-panel__toggle').click()")
    sure = ".editor-post-publish-panel .editor-post-publish-button"
    assert wait_until(lambda: browser.run(f"return !!document.querySelector('{sure}')"))
    browser.run(f"document.querySelector('{sure}').click()")
    published = "return wp.data.select('core/editor').isCurrentPostPublished()"
    assert wait_until(lambda: browser.run(published)), browser.text

    picture = folder / f"{title}.png"
    # Larger than what the gateway holds of a body: who is admitted is not bounded by that.
    picture.write_bytes(PIXEL + bytes(200_000))
    browser.open(f"{wordpress.home}/wp-admin/media-new.php?browser-uploader")
    browser.type("#async-upload", str(picture))
    browser.click("#html-upload")
    assert wait_until(lambda: "/wp-admin/upload.php" in browser.url), (browser.url, browser.text)
    browser.open(f"{wordpress.home}/{title}/")
    assert f"written as {title}" in browser.text


PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d4944415478da63fcffff3f030005fe02fea735819b0000000049454e44ae426082"
)


def _kept(wordpress: WordPress, title: str) -> None:
    posts = wordpress.query("SELECT post_title, post_status, post_mime_type FROM wp_posts")
    assert f"{title}\tpublish\t" in posts
    assert f"{title}\tinherit\timage/png" in posts


def test_an_editor_works_by_certificate(
    wordpress: tuple[WordPress, SignedPlace], tmp_path: Path
) -> None:
    """With the certificate in the browser, everything that an editor does is done."""
    running, place = wordpress
    with browsing(tmp_path, p12=pkcs12(place, "alice")) as browser:
        _work(browser, running, "certified", tmp_path)
    _kept(running, "certified")


@pytest.mark.soak
def test_an_editor_works_signed_in(
    wordpress: tuple[WordPress, SignedPlace], tmp_path: Path
) -> None:
    """With a passkey on the gateway's own pages, too, and no certificate."""
    running, place = wordpress
    with browsing(tmp_path) as browser:
        sign_in_by_passkey(browser, place, "anna", "/wp-login.php")
        _work(browser, running, "passkeyed", tmp_path)
    _kept(running, "passkeyed")

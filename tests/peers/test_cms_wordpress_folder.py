"""A real WordPress below a folder of its site, behind its preset: what is open, and the same ways."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.peers.cms_behind import client, served_behind, through
from tests.peers.cms_ways import Way, arrived, not_working, send
from tests.peers.gatewayed import ALLOWED, OTHER
from tests.peers.test_cms_wordpress import (
    PASSWORDS,
    SESSIONS,
    STRANGERS,
    bare,
    stolen_from,
)
from tests.peers.wordpressed import WordPress, wordpress_running
from tests.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.signed import SignedPlace

# WordPress and DokuWiki stand for all in `make test`, where test_preset_doors has the doors of each.
pytestmark = pytest.mark.soak

BELOW = "/blog"
BACKEND = f"""
[[site.route]]
path = "{BELOW}/wp-admin"
class = "confidential"
backend = true
access = "high"
admit = ["group:editors"]
"""


def _below(way: Way) -> Way:
    return replace(way, target=f"{BELOW}{way.target}")


STRANGERS_BELOW, PASSWORDS_BELOW, SESSIONS_BELOW = (
    tuple(map(_below, ways)) for ways in (STRANGERS, PASSWORDS, SESSIONS)
)


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Return where WordPress listens, and where the gateway does."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def wordpress(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]
) -> Iterator[WordPress]:
    """Run WordPress below the folder."""
    folder = tmp_path_factory.mktemp("wordpress")
    with wordpress_running(folder, *ports, below=BELOW) as running:
        yield running


@pytest.fixture(scope="module")
def values(wordpress: WordPress) -> dict[str, str]:
    """Return what a thief knows."""
    return stolen_from(wordpress)


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int], wordpress: WordPress
) -> Iterator[SignedPlace]:
    """Serve it through the gateway; only the folder's ``wp-admin`` is declared."""
    folder = tmp_path_factory.mktemp("gateway")
    with served_behind(folder, ports, "wordpress", BACKEND) as running:
        yield running


@pytest.mark.parametrize(
    "ways",
    [STRANGERS_BELOW, PASSWORDS_BELOW, SESSIONS_BELOW],
    ids=["no", "password", "session"],
)
def test_each_way_works_on_the_bare_site(
    wordpress: WordPress, values: dict[str, str], ways: tuple[Way, ...]
) -> None:
    """What the gateway is to stop does reach the door where nothing stands before it."""
    assert not_working(ways, bare(wordpress), lambda _way: values) == [], wordpress.site.told


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_no_way_arrives(
    place: SignedPlace, wordpress: WordPress, values: dict[str, str], comes_from: str
) -> None:
    """Below the folder no request comes to a back door without a certificate."""
    before = wordpress.state()
    ways = (*STRANGERS_BELOW, *PASSWORDS_BELOW, *SESSIONS_BELOW)
    stand = through(place, comes_from=comes_from)

    assert arrived(ways, stand, wordpress.site, lambda _way: values) == []
    assert wordpress.state() == before


def test_public_pages_stay_open(place: SignedPlace, wordpress: WordPress) -> None:
    """Pages, feeds, maps, comments and the contact form come from anywhere."""
    shown = {
        "/": "Open words",
        "/open-words/": "findable words",
        "/contact/": f'action="{wordpress.home}/wp-admin/admin-post.php"',
        "/feed/": "The Boss",
        "/wp-sitemap.xml": "wp-sitemap-posts-post-1.xml",
        "/wp-sitemap-posts-post-1.xml": "/open-words/",
        "/wp-json/wp/v2/posts": "findable words",
        "/?rest_route=/wp/v2/posts": "findable words",
        "/wp-includes/js/jquery/jquery.min.js": "jQuery",
    }
    for comes_from in (ALLOWED, OTHER):
        with client(place, comes_from=comes_from) as stranger:
            told = {path: stranger.get(f"{BELOW}{path}") for path in shown}
        assert {p: t.status_code for p, t in told.items()} == dict.fromkeys(shown, 200)
        assert [path for path, text in shown.items() if text not in told[path].text] == []


def test_visitors_comment_and_write_by_the_contact_form(
    place: SignedPlace, wordpress: WordPress
) -> None:
    """The declared folder tells where the scripts lie that read ``author`` as a name."""
    with client(place) as stranger:
        page = stranger.post(
            f"{BELOW}/wp-comments-post.php",
            data={
                "author": "1st Visitor",
                "email": "visitor@example.org",
                "comment": "what a visitor says",
                "comment_post_ID": str(wordpress.posts["open"]),
                "comment_parent": "0",
            },
        )
        assert page.status_code == 200
        assert "what a visitor says" in page.text
        for path in ("/wp-admin/admin-post.php", "/wp-admin/admin-ajax.php"):
            sent = {"action": "contact", "message": f"by {path}", "author": "1st Visitor"}
            assert stranger.post(f"{BELOW}{path}", data=sent).text == f"thanks, by {path}"


@pytest.mark.soak
def test_who_is_admitted_comes_in(
    place: SignedPlace, wordpress: WordPress, values: dict[str, str]
) -> None:
    """The refusals are the gateway's: with the certificate the same session works."""
    stand = through(place, "alice")
    works = [way for way in SESSIONS_BELOW if way.name in {"settings", "dashboard", "draft"}]

    assert len(works) == 3
    assert all(send(way, stand, values).status == 200 for way in works), wordpress.site.told

"""A real WordPress behind its preset: what stays open, what an editor does, and ways to its back doors."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from sealgate.config.presets.wordpress import WORDPRESS
from tests.peers.cms_behind import served_bare, verdicts
from tests.peers.cms_ways import (
    Sent,
    Stand,
    Way,
    arrived,
    as_json,
    form,
    multipart,
    not_working,
    send,
)
from tests.peers.gatewayed import ALLOWED, OTHER, write_countries
from tests.peers.signed import SignedPlace
from tests.peers.wordpressed import (
    ADMIN,
    PASSWORD,
    WordPress,
    plain_permalinks,
    wordpress_running,
)
from tests.ports import free_port
from tests.waiting import PATIENCE_SECONDS

USERS = '"slug":"boss-admin"'
SETTINGS = '"use_smilies"'
BASIC = (("Authorization", "Basic {basic}"),)
SESSION = (("Cookie", "{session}"),)
WITH_NONCE = (*SESSION, ("X-WP-Nonce", "{nonce}"))


def _call(method: str, *values: str) -> Sent:
    # XML-RPC.
    parameters = "".join(f"<param><value>{value}</value></param>" for value in values)
    body = (
        f"<methodCall><methodName>{method}</methodName><params>{parameters}</params></methodCall>"
    )
    return Sent(f'<?xml version="1.0"?>{body}', "text/xml")


_NEW_ADMIN = (
    '{"requests":[{"path":"/wp/v2/users","method":"POST","body":{"username":"USER","email":'
    '"USER@example.org","password":"a long enough one","roles":["administrator"]}}]}'
)
MADE = '"roles":["administrator"]'


def _batch(user: str) -> Sent:
    return as_json(_NEW_ADMIN.replace("USER", user))


STRANGERS = (
    Way("users", "/wp-json/wp/v2/users", USERS),
    Way("users slash", "/wp-json/wp/v2/users/", USERS),
    Way("one user", "/wp-json/wp/v2/users/1", USERS),
    Way("users head", "/wp-json/wp/v2/users", "X-WP-Total: 1", method="HEAD"),
    Way("users case", "/wp-json/WP/v2/Users", USERS),
    Way("users script", "/index.php/wp-json/wp/v2/users", USERS),
    Way("users other script", "/wp-blog-header.php/wp-json/wp/v2/users", USERS),
    Way("users percent", "/%77p-json/wp/v2/%75sers", USERS),
    Way("users percent prefix", "/%77p-json/wp/v2/users", USERS),
    Way("users percent slash", "/wp-json%2Fwp/v2/users", USERS),
    Way("users double slash", "//wp-json/wp/v2/users", USERS),
    Way("plain users", "/?rest_route=/wp/v2/users", USERS),
    Way("plain users page", "/open-words/?rest_route=/wp/v2/users", USERS),
    Way("plain users file", "/index.php?rest_route=/wp/v2/users", USERS),
    Way("plain users trackback", "/wp-trackback.php?rest_route=/wp/v2/users", USERS),
    Way("plain users percent", "/?%72est_route=%2Fwp%2Fv2%2Fusers", USERS),
    Way("plain users dot", "/?rest.route=/wp/v2/users", USERS),
    Way("plain users space", "/?rest+route=/wp/v2/users", USERS),
    Way("plain users bracket", "/?rest[route=/wp/v2/users", USERS),
    Way("plain users last", "/?rest_route=/wp/v2/posts&rest_route=/wp/v2/users", USERS),
    Way("plain users case", "/?rest_route=/WP/V2/USERS", USERS),
    Way("body users", "/?_method=GET", USERS, sent=form("rest_route=/wp/v2/users")),
    Way(
        "body users percent", "/?_method=GET", USERS, sent=form("%72est%5Froute=%2Fwp%2Fv2%2Fusers")
    ),
    Way("body users dot", "/?_method=GET", USERS, sent=form("rest.route=/wp/v2/users")),
    Way("body users parts", "/?_method=GET", USERS, sent=multipart(rest_route="/wp/v2/users")),
    Way(
        "body users part dot",
        "/?_method=GET",
        USERS,
        sent=multipart(**{"rest.route": "/wp/v2/users"}),
    ),
    Way(
        "body users against path",
        "/wp-json/wp/v2/posts?_method=GET",
        USERS,
        sent=form("rest_route=/wp/v2/users"),
    ),
    Way(
        "body users override",
        "/",
        USERS,
        sent=form("rest_route=/wp/v2/users"),
        headers=(("X-HTTP-Method-Override", "GET"),),
    ),
    Way(
        "users override",
        "/wp-json/wp/v2/users",
        USERS,
        method="POST",
        headers=(("X-HTTP-Method-Override", "GET"),),
    ),
    Way("users method", "/wp-json/wp/v2/users?_method=GET", USERS, method="POST"),
    Way("embedded author", "/wp-json/wp/v2/posts?_embed=author", USERS),
    Way("embedded all", "/wp-json/wp/v2/posts?_embed", USERS),
    Way("embedded list", "/wp-json/wp/v2/posts?_embed[]=author", USERS),
    Way("embedded plain", "/?rest_route=/wp/v2/posts&_embed=wp:term,author", USERS),
    Way("author number", "/?author=1", "/author/boss-admin/"),
    Way("author body", "/", "author-boss-admin", sent=form("author=1")),
    Way("author body parts", "/", "author-boss-admin", sent=multipart(author="1")),
    Way("author name", "/?author_name=boss-admin", "/author/boss-admin/"),
    Way("author page", "/author/boss-admin/", "author-boss-admin"),
    Way("author page script", "/index.php/author/boss-admin/", "{home}/author/boss-admin/"),
    Way("author page percent", "/%61uthor/boss-admin/", "author-boss-admin"),
    Way("author feed", "/author/boss-admin/feed/", "<title>The Boss"),
    Way("author feed number", "/?feed=rss2&author=1", "<title>The Boss"),
    Way(
        "embed of others", "/wp-json/oembed/1.0/embed?url={home}/open-words/", "author\\/boss-admin"
    ),
    Way(
        "embed of others plain",
        "/?rest_route=/oembed/1.0/embed&url={home}/open-words/",
        "author\\/boss-admin",
    ),
    Way("map of users", "/wp-sitemap-users-1.xml", "/author/boss-admin/"),
    Way("map of users zero", "/wp-sitemap-users-01.xml", "{home}/wp-sitemap-users-1.xml"),
    Way("map of users zeros", "/wp-sitemap-users-00001.xml", "{home}/wp-sitemap-users-1.xml"),
    Way("map of users word", "/wp-sitemap-users-x-1.xml", "/author/boss-admin/"),
    Way("map of users percent", "/wp-sitemap-users%2D01.xml", "{home}/wp-sitemap-users-1.xml"),
    Way(
        "map of users script", "/index.php/wp-sitemap-users-01.xml", "{home}/wp-sitemap-users-1.xml"
    ),
    Way("map of users slash", "/wp-sitemap-users-01.xml/", "{home}/wp-sitemap-users-1.xml"),
    Way("map of users none", "/wp-sitemap-users-0.xml", "{home}/wp-sitemap-users-1.xml"),
    Way("map of users body", "/", "/author/boss-admin/", sent=form("sitemap=users&paged=1")),
    Way("sign in page", "/wp-login.php", 'name="log"'),
    Way("sign in page case", "/wp-login.php/", 'name="log"'),
    Way("sign in page info", "/wp-login.php/x.css", 'name="log"'),
    Way("sign in page dots", "/x/..%2fwp-login.php", 'name="log"'),
    Way("sign in page slashes", "///wp-login.php", 'name="log"'),
    Way(
        "sign in", "/wp-login.php", "wordpress_logged_in_", sent=form("log=boss-admin&pwd={known}")
    ),
    Way("lost password", "/wp-login.php?action=lostpassword", 'name="user_login"'),
    Way(
        "lost password body",
        "/wp-login.php",
        "check",
        sent=form("action=lostpassword&user_login=boss-admin"),
    ),
    Way(
        "post password",
        "/wp-login.php?action=postpass",
        "wp-postpass_",
        sent=form("post_password=x"),
    ),
    Way("registration", "/wp-login.php?action=register", "registration=disabled"),
    Way("dashboard", "/wp-admin/", "wp-login.php"),
    Way("installer", "/wp-admin/install.php", "Already Installed"),
    Way("upgrader", "/wp-admin/upgrade.php", "No Update Required"),
    Way("configurer", "/wp-admin/setup-config.php", "wp-config.php"),
    Way("repairer", "/wp-admin/maint/repair.php", "WP_ALLOW_REPAIR"),
    Way("admin scripts", "/wp-admin/load-styles.php?load=login", ".login"),
    Way("mail", "/wp-mail.php", "disabled by the administrator"),
    Way("calls", "/xmlrpc.php", "system.multicall", sent=_call("system.listMethods")),
    Way(
        "calls sign in", "/xmlrpc.php", "isAdmin", sent=_call("wp.getUsersBlogs", ADMIN, "{plain}")
    ),
)
"""
What a stranger may try. Who knows an administrator's password counts as one.
"""

PASSWORDS = (
    Way("calls", "/xmlrpc.php", "isAdmin", sent=_call("wp.getUsersBlogs", ADMIN, "{password}")),
    Way("me", "/wp-json/wp/v2/users/me?context=edit", '"capabilities"', headers=BASIC),
    Way("settings", "/wp-json/wp/v2/settings", SETTINGS, headers=BASIC),
    Way(
        "settings set",
        "/wp-json/wp/v2/settings",
        '"title":"A1"',
        sent=as_json('{"title":"A1"}'),
        headers=BASIC,
    ),
    Way("settings plain", "/?rest_route=/wp/v2/settings", SETTINGS, headers=BASIC),
    Way("settings page", "/contact/?rest_route=/wp/v2/settings", SETTINGS, headers=BASIC),
    Way("settings script", "/index.php/wp-json/wp/v2/settings", SETTINGS, headers=BASIC),
    Way(
        "settings body",
        "/?_method=GET",
        SETTINGS,
        sent=form("rest_route=/wp/v2/settings"),
        headers=BASIC,
    ),
    Way(
        "settings parts",
        "/?_method=GET",
        SETTINGS,
        sent=multipart(rest_route="/wp/v2/settings"),
        headers=BASIC,
    ),
    Way(
        "settings against url",
        "/wp-json/wp/v2/posts",
        '"title":"A2"',
        sent=form("rest_route=/wp/v2/settings&title=A2"),
        headers=BASIC,
    ),
    Way(
        "settings lower case",
        "/wp-json/wp/v2/settings",
        SETTINGS,
        headers=(("authorization", "basic {basic}"),),
    ),
    Way(
        "settings spaces",
        "/wp-json/wp/v2/settings",
        SETTINGS,
        headers=(("Authorization", "BASIC  {basic}"),),
    ),
    Way("drafts", "/wp-json/wp/v2/posts?status=draft", "unfinished plans", headers=BASIC),
    Way("posts", "/wp-json/wp/v2/posts", '"B1"', sent=as_json('{"title":"B1"}'), headers=BASIC),
    Way(
        "posts override",
        "/wp-json/wp/v2/posts/{open}",
        "findable words",
        sent=as_json("{}"),
        headers=(*BASIC, ("X-HTTP-Method-Override", "PUT")),
    ),
    Way("plugins", "/wp-json/wp/v2/plugins", "akismet", headers=BASIC),
    Way(
        "plugin on",
        "/wp-json/wp/v2/plugins/akismet/akismet",
        '"status":"active"',
        sent=as_json('{"status":"active"}'),
        headers=BASIC,
    ),
    Way("batch", "/wp-json/batch/v1", MADE, sent=_batch("batch1"), headers=BASIC),
    Way("batch plain", "/?rest_route=/batch/v1", MADE, sent=_batch("batch2"), headers=BASIC),
    Way("batch script", "/index.php/wp-json/batch/v1", MADE, sent=_batch("batch3"), headers=BASIC),
    Way("batch case", "/wp-json/Batch/V1", MADE, sent=_batch("batch4"), headers=BASIC),
    Way(
        "more passwords",
        "/wp-json/wp/v2/users/1/application-passwords",
        '"password":"',
        sent=as_json('{"name":"mine"}'),
        headers=BASIC,
    ),
    Way("health", "/wp-json/wp-site-health/v1/directory-sizes", "uploads_size", headers=BASIC),
    Way("files", "/wp-json/wp/v2/themes", '"twentytwentyfive"', headers=BASIC),
)
"""
What somebody may try who stole an administrator's application password.
"""

SESSIONS = (
    Way("nonce", "/wp-admin/admin-ajax.php?action=rest-nonce", "{nonce}", headers=SESSION),
    Way("settings", "/wp-json/wp/v2/settings", SETTINGS, headers=WITH_NONCE),
    Way(
        "settings set",
        "/wp-json/wp/v2/settings",
        '"title":"C1"',
        sent=as_json('{"title":"C1"}'),
        headers=WITH_NONCE,
    ),
    Way("settings in url", "/wp-json/wp/v2/settings?_wpnonce={nonce}", SETTINGS, headers=SESSION),
    Way(
        "settings in body",
        "/?_method=GET",
        SETTINGS,
        sent=form("rest_route=/wp/v2/settings&_wpnonce={nonce}"),
        headers=SESSION,
    ),
    Way(
        "posts plain",
        "/?rest_route=/wp/v2/posts",
        '"D1"',
        sent=as_json('{"title":"D1"}'),
        headers=WITH_NONCE,
    ),
    Way("batch", "/?rest_route=/batch/v1", MADE, sent=_batch("batch5"), headers=WITH_NONCE),
    Way(
        "settings by dots",
        "/wp-json/wp/v2/settings",
        SETTINGS,
        headers=(("Cookie", "wordpress.logged.in_{hash}={logged_in}"), ("X-WP-Nonce", "{nonce}")),
    ),
    Way(
        "settings by spaces",
        "/wp-json/wp/v2/settings",
        SETTINGS,
        headers=(
            ("Cookie", "a=b;  wordpress logged in_{hash}={logged_in}"),
            ("X-WP-Nonce", "{nonce}"),
        ),
    ),
    Way(
        "settings by bracket",
        "/wp-json/wp/v2/settings",
        SETTINGS,
        headers=(("Cookie", "wordpress[logged_in_{hash}={logged_in}"), ("X-WP-Nonce", "{nonce}")),
    ),
    Way(
        "draft by the other cookie",
        "/?p={draft}",
        "unfinished plans",
        headers=(("Cookie", "wordpress_sec_{hash}={secure}"),),
    ),
    Way("ajax", "/wp-admin/admin-ajax.php?action=wipe", "wiped by boss-admin", headers=SESSION),
    Way(
        "ajax body",
        "/wp-admin/admin-ajax.php",
        "wiped by boss-admin",
        sent=form("action=wipe"),
        headers=SESSION,
    ),
    Way(
        "ajax parts",
        "/wp-admin/admin-ajax.php",
        "wiped by boss-admin",
        sent=multipart(action="wipe"),
        headers=SESSION,
    ),
    Way(
        "ajax case",
        "/wp-admin//admin-ajax.php/?action=wipe",
        "wiped by boss-admin",
        headers=SESSION,
    ),
    Way("post", "/wp-admin/admin-post.php?action=wipe", "wiped by boss-admin", headers=SESSION),
    Way(
        "post body",
        "/wp-admin/admin-post.php",
        "wiped by boss-admin",
        sent=form("action=wipe"),
        headers=SESSION,
    ),
    Way("dashboard", "/wp-admin/", "Dashboard", headers=SESSION),
    Way("users page", "/wp-admin/users.php", "erika@example.org", headers=SESSION),
    Way("plugin editor", "/wp-admin/plugin-editor.php", "akismet", headers=SESSION),
    Way("theme editor", "/wp-admin/theme-editor.php", "style.css", headers=SESSION),
    Way("options", "/wp-admin/options.php", "admin_email", headers=SESSION),
    Way("export", "/wp-admin/export.php?download=true", "unfinished plans", headers=SESSION),
    Way("draft", "/?p={draft}", "unfinished plans", headers=SESSION),
    Way("draft preview", "/?p={draft}&preview=true", "unfinished plans", headers=SESSION),
    Way("private", "/closed-words/", "private plans", headers=SESSION),
    Way("private search", "/?s=plans", "private plans", headers=SESSION),
    Way("bar", "/", "wp-admin-bar-my-account", headers=SESSION),
    Way(
        "comment as administrator",
        "/wp-comments-post.php",
        "#comment-",
        sent=form("comment=<b>boss</b>+{unique}&comment_post_ID={open}"),
        headers=SESSION,
    ),
    Way("sign out", "/wp-login.php?action=logout", "log out", headers=SESSION),
)
"""
What somebody may try who stole an administrator's session cookie.
"""


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Return where WordPress listens, and where the gateway does."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def wordpress(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]
) -> Iterator[WordPress]:
    """Run WordPress."""
    with wordpress_running(tmp_path_factory.mktemp("wordpress"), *ports) as running:
        yield running


@pytest.fixture(scope="module")
def values(wordpress: WordPress) -> dict[str, str]:
    """Return what a thief knows: a password, an application password, cookies and their nonce."""
    return stolen_from(wordpress)


def stolen_from(wordpress: WordPress) -> dict[str, str]:
    """Return the values that ways are filled in with, as *wordpress* has them."""
    held = {
        "home": wordpress.home,
        "plain": PASSWORD,
        "known": PASSWORD.replace(" ", "+"),
        "password": wordpress.password,
        "basic": base64.b64encode(f"{ADMIN}:{wordpress.password}".encode()).decode(),
        "session": "; ".join(f"{name}={value}" for name, value in wordpress.cookies.items()),
        "hash": wordpress.hash,
        "logged_in": wordpress.cookies[f"wordpress_logged_in_{wordpress.hash}"],
        "secure": wordpress.cookies[f"wordpress_sec_{wordpress.hash}"],
        **{name: str(number) for name, number in wordpress.posts.items()},
    }
    path = urlsplit(wordpress.home).path
    asked = Way("nonce", f"{path}/wp-admin/admin-ajax.php?action=rest-nonce", "", headers=SESSION)
    told = send(asked, bare(wordpress), held)
    return {**held, "nonce": told.text.partition("\n\n")[2].strip(), "unique": "words"}


def bare(wordpress: WordPress) -> Stand:
    """Return where WordPress itself is asked."""
    return Stand(wordpress.site.port, urlsplit(wordpress.home).netloc)


@pytest.mark.parametrize(
    "ways", [STRANGERS, PASSWORDS, SESSIONS], ids=["no", "password", "session"]
)
def test_each_way_works_on_the_bare_site(
    wordpress: WordPress, values: dict[str, str], ways: tuple[Way, ...]
) -> None:
    """What the gateway is to stop does reach the door where nothing stands before it."""
    assert not_working(ways, bare(wordpress), lambda _way: values) == [], wordpress.site.told


@dataclass(frozen=True)
class Behind:
    """WordPress as the world sees it: through the gateway, whose people are in ``editors``."""

    place: SignedPlace
    wordpress: WordPress

    def client(self, key: str | None = None, comes_from: str = ALLOWED) -> httpx.Client:
        """Return a browser's worth of HTTP for a stranger, or for who holds *key*."""
        return httpx.Client(
            base_url=self.place.url,
            transport=httpx.HTTPTransport(
                verify=self.place.trust(key=key), local_address=comes_from
            ),
            follow_redirects=True,
            timeout=PATIENCE_SECONDS,
        )

    def stand(self, key: str | None = None, comes_from: str = ALLOWED) -> Stand:
        """Return where the gateway is asked by a stranger, or by who holds *key*."""
        host = f"localhost:{self.place.https}"
        return Stand(self.place.https, host, self.place.trust(key=key), comes_from)


BACKEND = """
[[site.route]]
path = "/wp-admin"
class = "confidential"
backend = true
access = "high"
admit = ["group:editors"]
"""


@pytest.fixture(scope="module")
def behind(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int], wordpress: WordPress
) -> Iterator[Behind]:
    """Serve WordPress through the gateway; only ``/wp-admin`` is declared, the rest is the preset's."""
    place = SignedPlace(tmp_path_factory.mktemp("gateway"), *ports, routes=BACKEND)
    place.declare()
    text = place.config.read_text()
    place.config.write_text(text.replace("[[site]]", '[[site]]\npreset = "wordpress"', 1))
    write_countries(place.folder / "country.mmdb")
    place.issue("alice", "--group", "editors")
    with place.serving():
        yield Behind(place, wordpress)


EVERY_WAY = (*STRANGERS, *PASSWORDS, *SESSIONS)


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_no_way_arrives(behind: Behind, values: dict[str, str], comes_from: str) -> None:
    """Without a certificate no request comes to a back door, whoever's credentials it carries."""
    before = behind.wordpress.state()

    found = arrived(
        EVERY_WAY, behind.stand(comes_from=comes_from), behind.wordpress.site, lambda _way: values
    )

    assert found == []
    assert behind.wordpress.state() == before


def test_no_way_arrives_with_the_key_from_a_refused_country(
    behind: Behind, values: dict[str, str]
) -> None:
    """A certificate is one factor: from abroad it opens nothing."""
    stand = behind.stand("alice", OTHER)

    assert arrived(SESSIONS, stand, behind.wordpress.site, lambda _way: values) == []


# An account is made once; an address that was pretty is none any more.
_ONCE = frozenset(["batch", "batch plain", "embed of others plain"])


def test_no_way_arrives_where_permalinks_are_plain(behind: Behind, values: dict[str, str]) -> None:
    """Every page is then ``/?p=``, and the API ``/?rest_route=``."""
    wordpress = behind.wordpress
    ways = [way for way in EVERY_WAY if "rest_route" in f"{way.target}{way.sent.body}"]
    with plain_permalinks(wordpress):
        assert (
            not_working(
                [w for w in ways if w.target.startswith("/?") and w.name not in _ONCE],
                bare(wordpress),
                lambda _way: values,
            )
            == []
        )
        assert arrived(ways, behind.stand(), wordpress.site, lambda _way: values) == []
        with behind.client() as stranger:
            assert "findable words" in stranger.get(f"/?p={wordpress.posts['open']}").text
            assert "findable words" in stranger.get("/?rest_route=/wp/v2/posts").text


def test_public_pages_stay_open(behind: Behind) -> None:
    """Pages, search, feeds, maps, media and what blocks read come from anywhere."""
    wordpress = behind.wordpress
    shown = {
        "/": "Open words",
        "/open-words/": "findable words",
        f"/?p={wordpress.posts['open']}": "findable words",
        "/contact/": 'action="https://localhost',
        "/?s=findable": "findable words",
        "/feed/": "The Boss",
        "/?feed=rss2": "findable words",
        "/comments/feed/": "<rss",
        "/open-words/feed/": "<rss",
        "/wp-sitemap.xml": "wp-sitemap-posts-post-1.xml",
        "/wp-sitemap-posts-post-1.xml": "/open-words/",
        "/robots.txt": "Sitemap",
        "/wp-json/": '"namespaces"',
        "/wp-json/wp/v2/posts": "findable words",
        "/wp-json/wp/v2/posts?search=findable&_fields=title,content": "findable words",
        "/wp-json/wp/v2/pages": "Contact",
        "/wp-json/wp/v2/comments": "[",
        "/wp-json/wp/v2/categories": "uncategorized",
        "/wp-json/wp/v2/search?search=findable": "Open words",
        "/?rest_route=/wp/v2/posts": "findable words",
        "/index.php/wp-json/wp/v2/posts": "findable words",
        wordpress.media: "public media",
        "/wp-includes/js/jquery/jquery.min.js": "jQuery",
        "/wp-includes/css/dist/block-library/style.min.css": "wp-block",
        "/wp-content/themes/twentytwentyfive/style.css": "Twenty Twenty-Five",
        "/wp-cron.php?doing_wp_cron": "",
    }
    for comes_from in (ALLOWED, OTHER):
        with behind.client(comes_from=comes_from) as stranger:
            told = {path: stranger.get(path) for path in shown}
        assert {path: answer.status_code for path, answer in told.items()} == dict.fromkeys(
            shown, 200
        )
        assert [path for path, text in shown.items() if text not in told[path].text] == []


def test_visitors_comment_and_write_by_the_contact_form(behind: Behind) -> None:
    """Comments, and a plug-in's form by each of the doors that WordPress has for plug-ins."""
    wordpress = behind.wordpress
    with behind.client() as stranger:
        page = stranger.post(
            "/wp-comments-post.php",
            data={
                "author": "1st Visitor",
                "email": "visitor@example.org",
                "url": "",
                "comment": "what a visitor says",
                "comment_post_ID": str(wordpress.posts["open"]),
                "comment_parent": "0",
            },
        )
        assert page.status_code == 200
        assert "what a visitor says" in page.text
        for path in ("/wp-admin/admin-post.php", "/wp-admin/admin-ajax.php"):
            sent = {"action": "contact", "message": f"by {path}"}
            assert stranger.post(path, data=sent).text == f"thanks, by {path}"
            parts = {name: (None, value) for name, value in sent.items()}
            assert stranger.post(path, files=parts).text == f"thanks, by {path}"
        told = stranger.post("/wp-json/peer/v1/contact", json={"message": "hello"})
        assert told.json() == {"thanks": "hello"}
        told = stranger.post("/wp-json/peer/v1/contact", data={"message": "hello"})
        assert told.json() == {"thanks": "hello"}


def test_who_is_admitted_comes_to_every_door(behind: Behind, values: dict[str, str]) -> None:
    """The refusals are the gateway's: with the certificate the same session works."""
    stand = behind.stand("alice")
    refused = {way.name for way in SESSIONS if send(way, stand, values).status == 403}

    # Spellings that only look like a door are refused to everybody; a nonce of a form ends.
    assert refused <= {
        "settings by dots",
        "settings by spaces",
        "settings by bracket",
        "ajax case",
        "settings in body",
        "sign out",
    }


def test_the_audit_finds_every_door_shut(behind: Behind) -> None:
    """It asks for each from outside, and changes nothing; nothing is a false alarm or stays open."""
    before = behind.wordpress.state()

    told = behind.place.sealgate("audit")

    assert told.returncode == 0, told.stdout
    assert "0 findings, 1 note, 0 accepted, 0 not observed" in told.stdout
    assert behind.wordpress.state() == before


@pytest.mark.soak
def test_the_audit_finds_every_door_open_on_the_bare_site(
    ports: tuple[int, int], wordpress: WordPress, tmp_path: Path
) -> None:
    """None counts as met, and WordPress' own refusal of mail that is switched off as no lock."""
    with served_bare(tmp_path, ports, "wordpress", BACKEND) as (place, authority):
        found = verdicts(place, authority, "transit-backend-unlocked")

    assert len(found) > len(WORDPRESS.doors) - 1
    assert {asset for asset, verdict in found.items() if verdict != "violated"} == {
        "route localhost/wp-mail.php"
    }
    assert found["route localhost/wp-mail.php"] == "not observed"

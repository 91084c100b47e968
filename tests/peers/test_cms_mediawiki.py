"""A real MediaWiki behind its preset: what stays open, what an editor does, ways to its back doors."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from sealgate.config.presets.mediawiki import MEDIAWIKI
from tests.peers.browsed import browsing
from tests.peers.cms_behind import client, served_bare, served_behind, through, verdicts
from tests.peers.cms_ways import Stand, Way, arrived, as_json, form, multipart, not_working
from tests.peers.gatewayed import ALLOWED, OTHER
from tests.peers.mediawikied import (
    EDITOR,
    PASSWORD,
    TOKEN,
    MediaWiki,
    bare_client,
    joined,
    login_token,
    mediawiki_running,
)
from tests.peers.signed import SignedPlace, pkcs12
from tests.ports import free_port
from tests.waiting import wait_until

# WordPress and DokuWiki stand for all in `make test`, where test_preset_doors has the doors of each.
pytestmark = pytest.mark.soak

SIGNED_IN = "my_wikiUserID=1"
GERMAN = (("X-Peer-Language", "de"),)
ANONYMOUS = (("Cookie", "{anonymous}"),)
SESSION = (("Cookie", "{session}"),)
ROBOT = (("Cookie", "{bot_session}"),)
BEARER = (("Authorization", "Bearer {bearer}"),)
OAUTH = (("Authorization", 'OAuth oauth_token="{bearer}"'),)

_API_LOGIN = "lgname=Boss&lgpassword={known}&lgtoken={login}"
_FORM_LOGIN = "wpName=Boss&wpPassword={known}&wpLoginToken={login}&authAction=login"
_CLIENT_LOGIN = (
    "action=clientlogin&format=json&username=Boss&password={known}&logintoken={login}"
    "&loginreturnurl=https://localhost/"
)
_FORM_NEW = (
    "wpName=New{unique}&wpPassword={known}&retype={known}&wpRetype={known}&authAction=create"
)


def _signing_in(
    name: str,
    target: str,
    body: str = _FORM_LOGIN,
    headers: tuple[tuple[str, str], ...] = ANONYMOUS,
) -> Way:
    return Way(name, target, SIGNED_IN, form(body), headers)


STRANGERS = (
    _signing_in("api", "/api.php", f"action=login&format=json&{_API_LOGIN}"),
    _signing_in("api action in url", "/api.php?action=login", _API_LOGIN),
    _signing_in("api percent", "/%61pi.php?action=%6cogin", _API_LOGIN),
    _signing_in("api slashes", "//api.php?action=login", _API_LOGIN),
    _signing_in("api dots", "/x/../api.php?action=login", _API_LOGIN),
    _signing_in("api name percent", "/api.php", f"%61ction=login&{_API_LOGIN}"),
    Way(
        "api parts",
        "/api.php?action=login",
        SIGNED_IN,
        sent=multipart(lgname="Boss", lgpassword="{plain}", lgtoken="{login_plain}"),
        headers=ANONYMOUS,
    ),
    _signing_in("api client", "/api.php", _CLIENT_LOGIN),
    _signing_in("form", "/index.php?title=Special:UserLogin"),
    _signing_in("form pretty", "/wiki/Special:UserLogin"),
    _signing_in("form info", "/index.php/Special:UserLogin"),
    _signing_in("form alias", "/wiki/Special:Login"),
    _signing_in("form case", "/wiki/special:userlogin"),
    _signing_in("form spaces", "/index.php?title=_special_:_userlogin_"),
    _signing_in("form colon", "/index.php?title=:Special:UserLogin"),
    _signing_in("form wide space", "/index.php?title=Special:%E3%80%80UserLogin"),
    _signing_in("form direction", "/index.php?title=Spec%E2%80%8Eial:UserLogin"),
    _signing_in("form sub page", "/wiki/Special:UserLogin/x"),
    _signing_in("form title in body", "/index.php", f"title=Special:UserLogin&{_FORM_LOGIN}"),
    _signing_in("form values in url", f"/index.php?title=Special:UserLogin&{_FORM_LOGIN}", "a=b"),
    _signing_in(
        "form German",
        "/wiki/Spezial:Anmelden",
        headers=(*ANONYMOUS, *GERMAN),
    ),
    _signing_in(
        "form German title",
        "/index.php?title=spezial:anmelden",
        headers=(*ANONYMOUS, *GERMAN),
    ),
    Way(
        "form parts",
        "/index.php?title=Special:UserLogin",
        SIGNED_IN,
        sent=multipart(
            wpName="Boss", wpPassword="{plain}", wpLoginToken="{login_plain}", authAction="login"
        ),
        headers=ANONYMOUS,
    ),
    Way(
        "account",
        "/wiki/Special:CreateAccount",
        "my_wikiUserName=New",
        sent=form(f"{_FORM_NEW}&wpCreateaccountToken={{create}}"),
        headers=ANONYMOUS,
    ),
    Way(
        "account by api",
        "/api.php",
        '"PASS"',
        sent=form(
            "action=createaccount&format=json&username=New{unique}2&password={known}"
            "&retype={known}&createtoken={create}&createreturnurl=https://localhost/"
        ),
        headers=ANONYMOUS,
    ),
    Way("sign in page", "/wiki/Special:UserLogin", 'name="wpPassword"'),
    Way("sign in page title", "/index.php?title=Special:UserLogin", 'name="wpPassword"'),
    Way("account page", "/wiki/Special:CreateAccount", 'name="wpPassword"'),
    Way("installer", "/mw-config/", "MediaWiki"),
    Way("installer script", "/mw-config/index.php", "MediaWiki"),
    Way("installer percent", "/mw%2Dconfig/index.php?page=Upgrade", "MediaWiki"),
)
"""
What a stranger may try who knows an administrator's password.
"""

_EDIT = "action=edit&format=json&appendtext={unique}&token={csrf}&title="

SESSIONS = (
    Way("who", "/api.php?action=query&meta=userinfo&format=json", '"name":"Boss"', headers=SESSION),
    Way(
        "asserted",
        "/api.php?action=query&assert=user&format=json",
        "batchcomplete",
        headers=SESSION,
    ),
    Way("edit", "/api.php", '"Success"', sent=form(_EDIT + "E1"), headers=SESSION),
    Way(
        "edit action in url",
        "/api.php?action=edit",
        '"Success"',
        sent=form(_EDIT + "E2"),
        headers=SESSION,
    ),
    Way(
        "edit parts",
        "/api.php?action=edit&format=json&title=E3",
        '"Success"',
        sent=multipart(appendtext="x", token="{csrf_plain}"),
        headers=SESSION,
    ),
    Way(
        "edit by dots",
        "/api.php",
        '"Success"',
        sent=form(_EDIT + "E4"),
        headers=(("Cookie", "my.wiki.session={id}; my.wikiUserID=1"),),
    ),
    Way(
        "edit by spaces",
        "/api.php",
        '"Success"',
        sent=form(_EDIT + "E5"),
        headers=(("Cookie", "a=b;   my wiki_session={id};  my wikiUserID=1"),),
    ),
    Way(
        "edit by bracket",
        "/api.php",
        '"Success"',
        sent=form(_EDIT + "E6"),
        headers=(("Cookie", "my_wiki_session={id}; my[wikiUserID=1"),),
    ),
    Way(
        "who by token",
        "/api.php?action=query&meta=userinfo&format=json",
        '"name":"Boss"',
        headers=(("Cookie", "my_wikiUserID=1; my_wikiToken={token}"),),
    ),
    Way(
        "rights",
        "/api.php",
        '"added":["bot"]',
        sent=form("action=userrights&format=json&user=Boss&add=bot&token={userrights}"),
        headers=SESSION,
    ),
    Way(
        "protect",
        "/api.php",
        '"protections"',
        sent=form(
            "action=protect&format=json&title=Open_words&protections=edit=sysop&token={csrf}"
        ),
        headers=SESSION,
    ),
    Way(
        "page by rest",
        "/rest.php/v1/page",
        '"key":"E7"',
        sent=as_json('{"source":"x","title":"E7","comment":"","token":"{csrf_json}"}'),
        headers=SESSION,
    ),
    Way(
        "edit form", "/index.php?title=Open_words&action=edit", 'id="pt-userpage"', headers=SESSION
    ),
    Way(
        "edit by form",
        "/index.php?title=E8&action=submit",
        "/wiki/E8",
        sent=form(
            "wpTextbox1=x&wpSave=1&wpEditToken={csrf}&wpUnicodeCheck=%E2%84%B3%F0%9D%92%B2%E2%99%A5"
            "%F0%9D%93%8A%F0%9D%93%83%F0%9D%92%BE%F0%9D%92%B8%F0%9D%91%9C%F0%9D%92%B9%F0%9D%91%92"
            "&wpStarttime=20260101000000&wpEdittime=20260101000000&wpUltimateParam=1&model=wikitext"
            "&format=text/x-wiki&wpSection="
        ),
        headers=SESSION,
    ),
    Way("preferences", "/wiki/Special:Preferences", "mw-prefs-form", headers=SESSION),
    Way("rights page", "/wiki/Special:UserRights/Erika", "wpGroup-", headers=SESSION),
    Way("bot passwords", "/index.php?title=Special:BotPasswords", "phone", headers=SESSION),
    Way("upload page", "/wiki/Special:Upload", 'name="wpUploadFile"', headers=SESSION),
    Way(
        "robot",
        "/api.php",
        '"Success"',
        sent=form(_EDIT.replace("csrf", "bot_csrf") + "E9"),
        headers=ROBOT,
    ),
    Way(
        "robot reads",
        "/api.php?action=query&meta=userinfo&format=json",
        '"name":"Boss"',
        headers=ROBOT,
    ),
    Way(
        "robot by rest",
        "/rest.php/v1/page",
        '"key":"E10"',
        sent=as_json('{"source":"x","title":"E10","comment":"","token":"{bot_csrf_json}"}'),
        headers=ROBOT,
    ),
)
"""
What somebody may try who stole an administrator's session, or the one of a bot's password.
"""

TOKENS = (
    Way("who", "/api.php?action=query&meta=userinfo&format=json", '"name":"Boss"', headers=BEARER),
    Way(
        "who by OAuth",
        "/api.php?action=query&meta=userinfo&format=json",
        '"name":"Boss"',
        headers=OAUTH,
    ),
    Way(
        "edit",
        "/api.php",
        '"Success"',
        sent=form(_EDIT.replace("csrf", "bearer_csrf") + "F1"),
        headers=BEARER,
    ),
    Way(
        "rights",
        "/api.php",
        '"added":["bot"]',
        sent=form("action=userrights&format=json&user=Erika&add=bot&token={bearer_userrights}"),
        headers=BEARER,
    ),
    Way("special", "/wiki/Special:Preferences", "mw-prefs-form", headers=BEARER),
    Way(
        "central",
        "/api.php?action=query&meta=userinfo&format=json&centralauthtoken={bearer}",
        '"name":"Boss"',
    ),
    Way(
        "central in body",
        "/api.php",
        '"name":"Boss"',
        sent=form("action=query&meta=userinfo&format=json&centralauthtoken={bearer}"),
    ),
    Way(
        "central name percent",
        "/api.php?%63entralauthtoken={bearer}&action=query&meta=userinfo&format=json",
        '"name":"Boss"',
    ),
)
"""
What somebody may try who stole a token of an administrator.
"""


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Return where MediaWiki listens, and where the gateway does."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def mediawiki(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]
) -> Iterator[MediaWiki]:
    """Run MediaWiki."""
    with mediawiki_running(tmp_path_factory.mktemp("mediawiki"), *ports) as running:
        yield running


Fill = Callable[[Way], dict[str, str]]


@pytest.fixture(scope="module")
def fill(mediawiki: MediaWiki, ports: tuple[int, int]) -> Iterator[Fill]:
    """Return what a thief knows: a password, sessions and their tokens, fresh ones for each sign-in."""
    session, robot = joined(mediawiki.session), joined(mediawiki.bot_session)
    bearer = f"Bearer {TOKEN}"
    with bare_client(*ports) as client:

        def token(kind: str, **sent: str) -> str:
            return login_token(client, kind, **sent)[1]

        of_robot = token("csrf", Cookie=robot)
        of_session = token("csrf", Cookie=session)
        held = {
            "home": mediawiki.home,
            "plain": PASSWORD,
            "known": PASSWORD.replace(" ", "+"),
            "session": session,
            "bot_session": robot,
            "bearer": TOKEN,
            "id": mediawiki.session["my_wiki_session"],
            "token": mediawiki.session["my_wikiToken"],
            "unique": "words",
            "csrf": quote(of_session),
            "csrf_plain": of_session,
            "csrf_json": json.dumps(of_session)[1:-1],
            "userrights": quote(token("userrights", Cookie=session)),
            "bot_csrf": quote(of_robot),
            "bot_csrf_json": json.dumps(of_robot)[1:-1],
            "bearer_csrf": quote(token("csrf", Authorization=bearer)),
            "bearer_userrights": quote(token("userrights", Authorization=bearer)),
        }

        def fill(way: Way) -> dict[str, str]:
            if ANONYMOUS[0] not in way.headers:
                return held
            cookies, login = login_token(client)
            create = token("createaccount", Cookie=joined(cookies))
            return {
                **held,
                "anonymous": joined(cookies),
                "login": quote(login),
                "login_plain": login,
                "create": quote(create),
            }

        yield fill


def bare(mediawiki: MediaWiki) -> Stand:
    """Return where MediaWiki itself is asked."""
    return Stand(mediawiki.site.port, mediawiki.home.removeprefix("https://"))


@pytest.mark.parametrize("ways", [STRANGERS, SESSIONS, TOKENS], ids=["no", "session", "token"])
def test_each_way_works_on_the_bare_site(
    mediawiki: MediaWiki, fill: Fill, ways: tuple[Way, ...]
) -> None:
    """What the gateway is to stop does reach the door where nothing stands before it."""
    assert not_working(ways, bare(mediawiki), fill) == [], mediawiki.site.told


BACKEND = """
[[site.route]]
path = "/wiki/Special:UserLogin"
class = "confidential"
backend = true
access = "high"
admit = ["group:editors"]
"""


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int], mediawiki: MediaWiki
) -> Iterator[SignedPlace]:
    """Serve MediaWiki through the gateway; only the sign-in is declared, the rest is the preset's."""
    assert mediawiki.site.port == ports[0]
    folder = tmp_path_factory.mktemp("gateway")
    with served_behind(folder, ports, "mediawiki", BACKEND) as place:
        yield place


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_no_way_arrives(
    place: SignedPlace, mediawiki: MediaWiki, fill: Fill, comes_from: str
) -> None:
    """Without a certificate no request comes to a back door, whoever's credentials it carries."""
    before = mediawiki.state()

    ways = (*STRANGERS, *SESSIONS, *TOKENS)
    stand = through(place, comes_from=comes_from)
    assert arrived(ways, stand, mediawiki.site, fill) == []
    assert mediawiki.state() == before


def test_public_pages_stay_open(place: SignedPlace) -> None:
    """Pages under any title, their history, search, feeds, styles and both APIs come from anywhere."""
    shown = {
        "/": "Main Page",
        "/wiki/Open_words": "findable words",
        "/index.php?title=Open_words": "findable words",
        "/index.php/Open_words": "findable words",
        "/wiki/open_words": "findable words",
        "/index.php?title=Open_words&action=raw": "findable words",
        "/index.php?title=Open_words&action=history": "Maintenance script",
        "/index.php?search=findable&fulltext=1": "Open words",
        "/wiki/Special:RecentChanges": "Open words",
        "/wiki/Special:Version": "MediaWiki",
        "/index.php?title=Special:RecentChanges&feed=atom": "<feed",
        "/load.php?lang=en&modules=startup&only=scripts&raw=1": "mw.loader",
        "/load.php?lang=en&modules=site.styles&only=styles": "",
        "/api.php?action=query&titles=Open_words&prop=revisions&rvprop=content&format=json": "findable",
        "/api.php?action=opensearch&search=Open": "Open words",
        "/rest.php/v1/page/Open_words": "findable words",
        "/rest.php/v1/search/title?q=Open&limit=3": "Open words",
        "/opensearch_desc.php": "OpenSearch",
        "/resources/assets/poweredby_mediawiki.svg": "svg",
    }
    for comes_from in (ALLOWED, OTHER):
        with client(place, comes_from=comes_from) as stranger:
            told = {path: stranger.get(path) for path in shown}
        refused = {path: a.status_code for path, a in told.items() if a.status_code != 200}
        assert refused == {}
        assert [path for path, text in shown.items() if text not in told[path].text] == []


def test_visitors_edit_where_the_wiki_lets_them(place: SignedPlace, mediawiki: MediaWiki) -> None:
    """A talk page takes what somebody writes who is not signed in, as the wiki itself allows."""
    with client(place) as stranger:
        page = stranger.get("/index.php?title=Talk:Open_words&action=edit")
        hidden = dict(re.findall(r'<input type="hidden" value="([^"]*)" name="([^"]*)"', page.text))
        fields = {name: html.unescape(value) for value, name in hidden.items()}
        fields |= {"wpTextbox1": "what a visitor says", "wpSave": "1"}
        saved = stranger.post("/index.php?title=Talk:Open_words&action=submit", data=fields)
        assert saved.status_code == 200
        assert "what a visitor says" in saved.text
    assert "1|Open_words" in mediawiki.query("SELECT page_namespace, page_title FROM page")


def test_an_editor_works_in_a_browser(
    place: SignedPlace, mediawiki: MediaWiki, tmp_path: Path
) -> None:
    """With the certificate: sign in, write a page larger than what is held of a body, upload."""
    p12 = pkcs12(place, "alice")
    with browsing(tmp_path, p12=p12) as browser:
        browser.open(f"{place.url}/wiki/Special:UserLogin")
        browser.type("#wpName1", EDITOR)
        browser.type("#wpPassword1", PASSWORD)
        browser.click("#wpLoginAttempt")
        assert wait_until(lambda: browser.run(_NAMED) == EDITOR), (browser.url, browser.text)
        browser.open(f"{place.url}/index.php?title=Written_by_Erika&action=edit")
        browser.run(
            "document.querySelector('#wpTextbox1').value = 'kept words ' + 'x '.repeat(60000)"
        )
        browser.click("#wpSave")
        assert wait_until(lambda: browser.url == f"{place.url}/wiki/Written_by_Erika")
        assert "kept words" in browser.text
        picture = tmp_path / "seen.png"
        picture.write_bytes(PIXEL)
        browser.open(f"{place.url}/wiki/Special:Upload")
        browser.type("#wpUploadFile", str(picture))
        browser.click("[name=wpUpload]")
        assert wait_until(lambda: "File:Seen.png" in browser.url), (browser.url, browser.text)
    assert "Seen.png" in mediawiki.query("SELECT img_name FROM image")
    with client(place) as stranger:
        assert stranger.get("/wiki/File:Seen.png").status_code == 200
        [name] = (mediawiki.folder / "images").rglob("Seen.png")
        path = name.relative_to(mediawiki.folder)
        assert stranger.get(f"/{path}").content == PIXEL


_NAMED = "return window.mw && mw.config && mw.config.get('wgUserName')"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d4944415478da63fcffff3f030005fe02fea735819b0000000049454e44ae426082"
)


def test_the_audit_finds_every_door_shut(place: SignedPlace, mediawiki: MediaWiki) -> None:
    """It asks for each from outside, and changes nothing; nothing is a false alarm or stays open."""
    before = mediawiki.state()

    told = place.sealgate("audit")

    assert told.returncode == 0, told.stdout
    assert "0 findings, 1 note, 0 accepted, 0 not observed" in told.stdout
    assert mediawiki.state() == before


def test_the_audit_finds_every_door_open_on_the_bare_site(
    ports: tuple[int, int], mediawiki: MediaWiki, tmp_path: Path
) -> None:
    """None counts as met, whatever the wiki itself answers there."""
    before = mediawiki.state()

    with served_bare(tmp_path, ports, "mediawiki", BACKEND) as (bare_place, authority):
        found = verdicts(bare_place, authority, "transit-backend-unlocked")

    assert len(found) >= len(MEDIAWIKI.doors)
    assert set(found.values()) == {"violated"}
    assert mediawiki.state() == before

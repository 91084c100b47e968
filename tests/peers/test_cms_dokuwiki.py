"""A real DokuWiki behind its preset: what stays open, what an editor does, ways to its back doors."""

from __future__ import annotations

import base64
import html
import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.peers.browsed import browsing
from tests.peers.cms_behind import client, served_behind, sign_in_by_passkey, through
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
from tests.peers.dokuwikied import (
    ADMIN,
    EDITOR,
    MAILED,
    PASSWORD,
    PIXEL,
    DokuWiki,
    dokuwiki_running,
)
from tests.peers.gatewayed import ALLOWED, OTHER
from tests.peers.signed import SignedPlace
from tests.ports import free_port

SIGNED_IN = "=Ym9zcw%3D%3D%7C"  # the cookie begins with the name
LOGIN_PAGE = 'id="dw__login"'
SESSION = (("Cookie", "{session}"),)
BASIC = (("Authorization", "Basic {basic}"),)
BEARER = (("Authorization", "Bearer {bearer}"),)
BOSS = '"login":"boss"'
PLANS = "unfinished plans of the board"

_FORM = "u=boss&p={known}"
_NEW = "save=1&login={new}&fullname=New&email=new@example.org&pass={known}&passchk={known}"


def _signing_in(name: str, target: str, body: str = _FORM) -> Way:
    return Way(name, target, SIGNED_IN, form(body))


def _call(method: str, *values: str) -> Sent:
    # XML-RPC.
    parameters = "".join(
        f"<param><value><string>{value}</string></value></param>" for value in values
    )
    body = (
        f"<methodCall><methodName>{method}</methodName><params>{parameters}</params></methodCall>"
    )
    return Sent(f'<?xml version="1.0"?>{body}', "text/xml")


STRANGERS = (
    _signing_in("form", "/doku.php?id=start", f"do=login&{_FORM}"),
    _signing_in("form without action", "/doku.php?id=start"),
    _signing_in("form list", "/doku.php", f"do[login]=1&{_FORM}"),
    _signing_in("form list rest", "/doku.php", f"do[login]x[y]=1&{_FORM}"),
    _signing_in("form dash", "/doku.php", f"do=l-ogin&{_FORM}"),
    _signing_in("form other action", "/doku.php?do=admin"),
    _signing_in("form info", "/doku.php/start"),
    _signing_in("form rewritten", "/start"),
    _signing_in("form percent", "/doku.php", "%75=boss&%70={known}"),
    _signing_in("form space", "/doku.php", "+u=boss&%20p={known}"),
    _signing_in("form nul", "/doku.php", "u%00x=boss&p%00={known}"),
    _signing_in("form repeated", "/doku.php", f"u=&p=&{_FORM}"),
    _signing_in("form path percent", "/%64oku.php"),
    _signing_in("form path slashes", "//doku.php"),
    _signing_in("form path dots", "/x/../doku.php"),
    Way("parts", "/doku.php", SIGNED_IN, sent=multipart(u="boss", p="{plain}")),
    Way("parts split", "/doku.php?u=boss", SIGNED_IN, sent=multipart(p="{plain}")),
    Way("url", f"/doku.php?{_FORM}", SIGNED_IN),
    Way("url front", f"/?{_FORM}", SIGNED_IN),
    Way("url index", f"/index.php?{_FORM}", SIGNED_IN),
    Way("url feed", f"/feed.php?{_FORM}", SIGNED_IN),
    Way("url fetch", f"/lib/exe/fetch.php?media=seen.png&{_FORM}", SIGNED_IN),
    Way("url detail", f"/lib/exe/detail.php/seen.png?{_FORM}", SIGNED_IN),
    Way("url media manager", f"/lib/exe/mediamanager.php?{_FORM}", SIGNED_IN),
    Way("url task", f"/lib/exe/taskrunner.php?id=start&{_FORM}", SIGNED_IN),
    Way("url calls", f"/lib/exe/openapi.php?{_FORM}", SIGNED_IN),
    _signing_in("ajax", "/lib/exe/ajax.php", f"call=qsearch&q=start&{_FORM}"),
    Way("basic", "/doku.php", "The Boss", headers=BASIC),
    Way("basic case", "/doku.php", "The Boss", headers=(("Authorization", "bASIC {basic}"),)),
    Way("basic feed", "/feed.php", SIGNED_IN, headers=BASIC),
    Way(
        "basic restricted page",
        "/doku.php?id=closed:plans&do=export_raw",
        PLANS,
        headers=BASIC,
    ),
    Way("xml", "/lib/exe/xmlrpc.php", SIGNED_IN, sent=_call("core.login", "boss", PASSWORD)),
    Way(
        "xml old name",
        "/lib/exe/xmlrpc.php",
        SIGNED_IN,
        sent=_call("dokuwiki.login", "boss", PASSWORD),
    ),
    Way(
        "xml info",
        "/lib/exe/xmlrpc.php/feed.css",
        SIGNED_IN,
        sent=_call("core.login", "boss", PASSWORD),
    ),
    Way(
        "xml percent",
        "/lib%2Fexe/xmlrpc%2Ephp",
        SIGNED_IN,
        sent=_call("core.login", "boss", PASSWORD),
    ),
    Way("xml slashes", "//lib//exe//xmlrpc.php", "Peer", sent=_call("dokuwiki.getTitle")),
    Way(
        "xml who",
        "/lib/exe/xmlrpc.php",
        "erika@example.org",
        sent=_call("core.whoAmI"),
        headers=(("Authorization", "Basic {basic_erika}"),),
    ),
    Way(
        "json",
        "/lib/exe/jsonrpc.php/core.login",
        SIGNED_IN,
        sent=as_json('{"user":"boss","pass":"{plain}"}'),
    ),
    Way(
        "json 2.0",
        "/lib/exe/jsonrpc.php",
        SIGNED_IN,
        sent=as_json(
            '{"jsonrpc":"2.0","id":1,"method":"core.login","params":{"user":"boss","pass":"{plain}"}}'
        ),
    ),
    Way(
        "json dots",
        "/doku.php/../lib/exe/jsonrpc.php/core.login",
        SIGNED_IN,
        sent=as_json('["boss","{plain}"]'),
    ),
    Way("json pages", "/lib/exe/jsonrpc.php/core.listPages", '"id":"start"', sent=as_json("{}")),
    Way("sign in page", "/doku.php?do=login", LOGIN_PAGE),
    Way("sign in page case", "/doku.php?id=start&do=LOGIN", LOGIN_PAGE),
    Way("sign in page percent", "/doku.php?%64o=%6cogin", LOGIN_PAGE),
    Way("sign in page body", "/doku.php", LOGIN_PAGE, sent=form("do=login")),
    Way("sign in page header", "/doku.php", LOGIN_PAGE, headers=(("X-DokuWiki-Do", "login"),)),
    Way("sign in page index", "/doku.php/start?do=login", LOGIN_PAGE),
    Way("account page", "/doku.php?do=register", 'id="dw__register"'),
    Way("account", "/doku.php?do=register", LOGIN_PAGE, sent=form(_NEW)),
    Way("account dash", "/doku.php?do=re-gister", LOGIN_PAGE, sent=form(_NEW)),
    Way("account list", "/doku.php", LOGIN_PAGE, sent=form(f"do[register]=1&{_NEW}")),
    Way(
        "account header",
        "/doku.php",
        LOGIN_PAGE,
        sent=form(_NEW),
        headers=(("X-DokuWiki-Do", "register"),),
    ),
    Way(
        "account parts",
        "/doku.php?do[register]=1",
        LOGIN_PAGE,
        sent=multipart(
            save="1",
            login="{new}",
            fullname="New",
            email="new@example.org",
            **{"pass": "{plain}", "passchk": "{plain}"},
        ),
    ),
    Way("password page", "/doku.php?do=resendpwd", 'id="dw__resendpwd"'),
    Way(
        "password by mail",
        "/doku.php?do=resendpwd&pwauth={mailed}",
        LOGIN_PAGE,
        sent=form("save=1&pass={known}&passchk={known}"),
    ),
    Way(
        "password by mail dash",
        "/doku.php?do=resend-pwd",
        LOGIN_PAGE,
        sent=form("pwauth={mailed}&pass={known}&passchk={known}"),
    ),
    Way(
        "password by mail url",
        "/doku.php?do[resendpwd]=1&pwauth=zz{mailed}&pass={known}&passchk={known}",
        LOGIN_PAGE,
    ),
    Way("restricted page", "/data/pages/closed/plans.txt", PLANS),
    Way("restricted page percent", "/%64ata/pages/closed/plans.txt", PLANS),
    Way("restricted page percent slash", "/data%2Fpages%2Fclosed/plans.txt", PLANS),
    Way("restricted page slashes", "//data///pages/closed/plans.txt", PLANS),
    Way("restricted page dots", "/lib/../data/pages/closed/plans.txt", PLANS),
    Way("restricted page encoded dots", "/doku.php/%2e%2e/data/pages/closed/plans.txt", PLANS),
    Way("restricted file", "/data/media/closed/plan.txt", "the board's own file"),
    Way("settings", "/conf/mime.conf", "image/jpeg"),
    Way("command", "/bin/dwpage.php", "phpcli"),
    Way("code", "/inc/lang/en/mailtext.txt", "A page in your DokuWiki"),
    Way("code of others", "/vendor/composer/installed.json", '"packages"'),
)
"""
What a stranger may try who knows an administrator's password.
"""

_SAVE = (
    "do[save]=1&prefix=.&suffix=&date=&changecheck=&target=section&sectok={sectok}&wikitext=mine"
)
_SETTING = "do=admin&page=config&save=1&submit=1&config[title]=Taken&sectok={sectok}"
_NEW_ADMIN = (
    "do=admin&page=usermanager&fn[add]=1&userid={new}&userpass={known}&userpass2={known}"
    "&username=New&usermail=new@example.org&usergroups=admin&sectok={sectok}"
)
_RULE = "acl_t=@user&cmd[save]=1&ns=open&acl=16&sectok={sectok}"

SESSIONS = (
    Way("admin", "/doku.php?do=admin", "page=usermanager", headers=SESSION),
    Way("admin list", "/doku.php?do[admin]=1", "page=usermanager", headers=SESSION),
    Way("admin dash", "/doku.php?do=-ad-min", "page=usermanager", headers=SESSION),
    Way("admin info", "/doku.php/start?do=admin&page=acl", "acl_manager", headers=SESSION),
    Way(
        "admin rewritten", "/start?do=admin&page=usermanager", "erika@example.org", headers=SESSION
    ),
    Way("admin body", "/doku.php", "page=usermanager", sent=form("do=admin"), headers=SESSION),
    Way(
        "admin parts", "/doku.php", "page=usermanager", sent=multipart(do="admin"), headers=SESSION
    ),
    Way(
        "admin header",
        "/doku.php",
        "page=usermanager",
        headers=(*SESSION, ("X-DokuWiki-Do", "admin")),
    ),
    Way(
        "admin other cookies",
        "/doku.php?do=admin",
        "page=usermanager",
        headers=(("Cookie", "a=b;c=d;   {session}"),),
    ),
    Way(
        "kept cookie alone",
        "/doku.php?do=admin",
        "page=usermanager",
        headers=(("Cookie", "{kept}"),),
    ),
    Way(
        "two cookie fields",
        "/doku.php?do=admin",
        "page=usermanager",
        headers=(
            ("Cookie", "a=b"),
            ("Cookie", "{kept}"),
        ),
    ),
    Way(
        "setting",
        "/doku.php",
        "Location: {home}/doku.php/start?do=admin&page=config",
        sent=form(_SETTING),
        headers=SESSION,
    ),
    Way("new admin", "/doku.php", "User added", sent=form(_NEW_ADMIN), headers=SESSION),
    Way(
        "rules",
        "/doku.php?id=start&do=admin&page=acl",
        "acl_manager",
        sent=form(_RULE),
        headers=SESSION,
    ),
    Way(
        "rules by ajax",
        "/lib/exe/ajax.php",
        "cmd[save]",
        sent=form(f"call=plugin_acl&ajax=info&{_RULE}"),
        headers=SESSION,
    ),
    Way(
        "extensions by ajax",
        "/lib/exe/ajax.php?call=plugin_extension",
        '"disabled"',
        sent=form("ext=popularity&act=disable&sectok={sectok}"),
        headers=SESSION,
    ),
    Way("profile", "/doku.php?do=profile", "boss@example.org", headers=SESSION),
    Way(
        "token",
        "/doku.php?do=authtoken&sectok={sectok}",
        'id="dw__profiletoken"',
        headers=SESSION,
    ),
    Way(
        "page",
        "/doku.php?id=taken1",
        "Location: {home}/doku.php/taken1",
        sent=form(_SAVE),
        headers=SESSION,
    ),
    Way(
        "page info",
        "/doku.php/taken2",
        "Location: {home}/doku.php/taken2",
        sent=form(_SAVE),
        headers=SESSION,
    ),
    Way(
        "page rewritten",
        "/taken3",
        "Location: {home}/doku.php/taken3",
        sent=form(_SAVE),
        headers=SESSION,
    ),
    Way(
        "upload",
        "/lib/exe/ajax.php?call=mediaupload&ns=&qqfile=taken.pdf&sectok={sectok}",
        '"success":true',
        sent=Sent("mine", "application/octet-stream"),
        headers=SESSION,
    ),
    Way(
        "delete",
        "/lib/exe/mediamanager.php?delete=gone.png&sectok={sectok}",
        "has been deleted",
        headers=SESSION,
    ),
    Way("restricted", "/doku.php?id=closed:plans", PLANS, headers=SESSION),
    Way("restricted raw", "/doku.php?id=closed:plans&do=export_raw", PLANS, headers=SESSION),
    Way(
        "restricted export",
        "/doku.php/closed:plans?do=export_raw",
        PLANS,
        headers=SESSION,
    ),
    Way("restricted feed", "/feed.php?mode=list&ns=closed&content=html", PLANS, headers=SESSION),
    Way(
        "restricted file",
        "/lib/exe/fetch.php?media=closed:plan.txt",
        "the board's own file",
        headers=SESSION,
    ),
    Way(
        "xml", "/lib/exe/xmlrpc.php", "boss@example.org", sent=_call("core.whoAmI"), headers=SESSION
    ),
)
"""
What somebody may try who stole an administrator's session.
"""

TOKENS = (
    Way("who", "/lib/exe/jsonrpc.php/core.whoAmI", BOSS, sent=as_json("{}"), headers=BEARER),
    Way("who basic", "/lib/exe/jsonrpc.php/core.whoAmI", BOSS, sent=as_json("{}"), headers=BASIC),
    Way(
        "page",
        "/lib/exe/jsonrpc.php/core.savePage",
        '"result":true',
        sent=as_json('{"page":"taken4","text":"mine"}'),
        headers=BEARER,
    ),
    Way(
        "user",
        "/lib/exe/jsonrpc.php/plugin.usermanager.createUser",
        '"result":true',
        sent=as_json(
            '{"user":"{new}","name":"New","mail":"new@example.org","password":"{plain}","groups":["admin"]}'
        ),
        headers=BEARER,
    ),
    Way(
        "xml who",
        "/lib/exe/xmlrpc.php",
        "boss@example.org",
        sent=_call("core.whoAmI"),
        headers=BEARER,
    ),
    Way(
        "xml restricted",
        "/lib/exe/xmlrpc.php",
        PLANS,
        sent=_call("core.getPage", "closed:plans"),
        headers=BASIC,
    ),
    Way("admin", "/doku.php?do=admin", "page=usermanager", headers=BEARER),
    Way("admin basic", "/doku.php/start?do=admin", "page=usermanager", headers=BASIC),
    Way("restricted", "/doku.php?id=closed:plans", PLANS, headers=BEARER),
    Way("restricted rewritten", "/closed:plans", PLANS, headers=BASIC),
    Way(
        "restricted file",
        "/lib/exe/fetch.php/closed:plan.txt",
        "the board's own file",
        headers=BEARER,
    ),
    Way("restricted feed", "/feed.php?mode=list&ns=closed&content=html", PLANS, headers=BEARER),
    Way("profile", "/doku.php?do=profile", "boss@example.org", headers=BEARER),
)
"""
What somebody may try who stole a token of an administrator, or knows the password.
"""


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Return where DokuWiki listens, and where the gateway does."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def dokuwiki(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]
) -> Iterator[DokuWiki]:
    """Run DokuWiki."""
    with dokuwiki_running(tmp_path_factory.mktemp("dokuwiki"), *ports) as running:
        yield running


Fill = Callable[[Way], dict[str, str]]


def _cookies(dokuwiki: DokuWiki, more: str = "") -> list[str]:
    told = send(
        Way("in", "/doku.php", "", form(f"u=boss&p={quote(PASSWORD)}{more}")), bare(dokuwiki), {}
    )
    return re.findall("Set-Cookie: ([^;]+)", told.text)


@pytest.fixture(scope="module")
def fill(dokuwiki: DokuWiki) -> Fill:
    """Return what a thief knows: a password, a session, a token, and what a mail held."""
    session = "; ".join(_cookies(dokuwiki))
    [kept] = [cookie for cookie in _cookies(dokuwiki, "&r=1") if cookie.startswith("DW")]
    page = send(Way("in", "/doku.php", "", headers=(("Cookie", session),)), bare(dokuwiki), {})
    sectok = re.search("sectok=([0-9a-f]+)", page.text)
    assert sectok, page.text
    held = {
        "home": dokuwiki.home,
        "plain": PASSWORD,
        "known": PASSWORD.replace(" ", "+"),
        "basic": base64.b64encode(f"{ADMIN}:{PASSWORD}".encode()).decode(),
        "basic_erika": base64.b64encode(f"{EDITOR}:{PASSWORD}".encode()).decode(),
        "session": session,
        "kept": kept,
        "sectok": sectok[1],
        "mailed": MAILED,
    }
    numbers = itertools.count()

    def fill(way: Way) -> dict[str, str]:
        if "{mailed}" in way.target + way.sent.body:
            dokuwiki.mail()
        return {**held, "new": f"new{next(numbers)}", "bearer": dokuwiki.token}

    return fill


def bare(dokuwiki: DokuWiki) -> Stand:
    """Return where DokuWiki itself is asked."""
    return Stand(dokuwiki.site.port, dokuwiki.home.removeprefix("https://"))


@pytest.mark.parametrize("ways", [STRANGERS, SESSIONS, TOKENS], ids=["no", "session", "token"])
def test_each_way_works_on_the_bare_site(
    dokuwiki: DokuWiki, fill: Fill, ways: tuple[Way, ...]
) -> None:
    """What the gateway is to stop does reach the door where nothing stands before it."""
    assert not_working(ways, bare(dokuwiki), fill) == []


BACKEND = """
[[site.route]]
path = "/"
query = "do=login"
class = "confidential"
backend = true
access = "high"
admit = ["group:editors"]
"""


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int], dokuwiki: DokuWiki
) -> Iterator[SignedPlace]:
    """Serve DokuWiki through the gateway; only the sign-in is declared, the rest is the preset's."""
    assert dokuwiki.site.port == ports[0]
    folder = tmp_path_factory.mktemp("gateway")
    with served_behind(folder, ports, "dokuwiki", BACKEND, "anna") as place:
        yield place


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_no_way_arrives(
    place: SignedPlace, dokuwiki: DokuWiki, fill: Fill, comes_from: str
) -> None:
    """Without a certificate no request comes to a back door, whoever's credentials it carries."""
    before = dokuwiki.state()

    ways = (*STRANGERS, *SESSIONS, *TOKENS)
    assert arrived(ways, through(place, comes_from=comes_from), dokuwiki.site, fill) == []
    assert dokuwiki.state() == before


def test_the_audit_finds_every_door_shut(place: SignedPlace) -> None:
    """It asks for each from outside, by path, parameter and credential; browsers are led to sign in."""
    told = place.sealgate("audit")

    assert told.returncode == 0, told.stdout
    assert "0 findings, 1 note, 0 accepted, 0 not observed" in told.stdout


def test_public_pages_stay_open(place: SignedPlace) -> None:
    """Pages under any name, their history, search, feeds, files, styles and scripts come from anywhere."""
    shown = {
        "/": "findable words",
        "/doku.php": "findable words",
        "/doku.php?id=start": "findable words",
        "/doku.php/start": "findable words",
        "/start": "findable words",
        "/doku.php/notes.log": "the name of a leftover",
        "/doku.php?id=start&do=export_raw": "findable words",
        "/doku.php?id=start&do=edit": "findable words",
        "/doku.php/start?do=revisions": "Old Revisions",
        "/doku.php/start?do=recent": "Recent Changes",
        "/doku.php?do=search&q=findable": "search-results-form",
        "/doku.php/start?do=index": "Sitemap",
        "/doku.php/start?do=media&ns=": "Media Manager",
        "/doku.php?do[show]=": "findable words",
        "/feed.php": "<rdf:RDF",
        "/lib/exe/ajax.php?call=qsearch&q=start": "start",
        "/lib/exe/ajax.php?call=suggestions&q=start": "start",
        "/lib/exe/taskrunner.php?id=start": "GIF",
        "/lib/exe/opensearch.php": "OpenSearch",
        "/lib/exe/css.php?t=dokuwiki": "dokuwiki",
        "/lib/exe/js.php?t=dokuwiki": "dw__login",
        "/lib/exe/detail.php/seen.png": "seen.png",
        "/lib/tpl/dokuwiki/images/page-gradient.png": "",
    }
    for comes_from in (ALLOWED, OTHER):
        with client(place, comes_from=comes_from) as stranger:
            # A reader has a session, too.
            told = {path: stranger.get(path) for path in shown}
            picture = stranger.get("/lib/exe/fetch.php/seen.png")
            assert "DokuWiki" in stranger.cookies
        refused = {path: a.status_code for path, a in told.items() if a.status_code != 200}
        assert refused == {}
        assert [path for path, text in shown.items() if text not in told[path].text] == []
        assert picture.content == PIXEL


def hidden(page: httpx.Response) -> dict[str, str]:
    """Return the hidden fields of the forms on *page*."""
    found = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text)
    return {name: html.unescape(value) for name, value in found}


def saved(whoever: httpx.Client, page: str, text: str) -> httpx.Response:
    """Edit *page* as a browser does, and return what comes then."""
    editing = whoever.get(f"/doku.php/{page}", params={"do": "edit"})
    return whoever.post(
        f"/doku.php/{page}", data={**hidden(editing), "wikitext": text, "do[save]": "1"}
    )


def test_visitors_edit_where_the_wiki_lets_them(place: SignedPlace) -> None:
    """A page takes what somebody writes who is not signed in, as the wiki itself allows."""
    with client(place) as stranger:
        assert "what a visitor says" in saved(stranger, "open/talk", "what a visitor says").text
        assert "a stranger" not in saved(stranger, "start", "a stranger").text


def test_who_holds_the_certificate_works(place: SignedPlace) -> None:
    """Sign in without a loop, edit, upload, and administer: all arrives whole."""
    with client(place, "alice") as boss:
        form_page = boss.get("/doku.php?id=start&do=login")
        sent = {**hidden(form_page), "u": ADMIN, "p": PASSWORD}
        # As the setting that the preset tells has it sent; a browser proves that below.
        page = boss.post("/doku.php/start?do=login", data=sent)
        assert (page.status_code, page.url.path) == (200, "/doku.php/start")
        assert "Logged in as" in page.text
        assert all(cookie.secure for cookie in boss.cookies.jar if cookie.name.startswith("DW"))
        words = "kept words " + "x " * 60_000
        assert "kept words" in saved(boss, "written", words).text
        sectok = hidden(page)["sectok"]
        uploaded = boss.post(
            "/lib/exe/ajax.php",
            params={"call": "mediaupload", "sectok": sectok, "ns": ""},
            files={"qqfile": ("pixel.png", PIXEL, "image/png")},
        )
        assert uploaded.json().get("success"), uploaded.text
        setting = {"do": "admin", "page": "config", "save": "1", "submit": "1", "sectok": sectok}
        boss.post("/doku.php", data={**setting, "id": "start", "config[title]": "Renamed"})
    with client(place) as stranger:
        assert stranger.get("/lib/exe/fetch.php/pixel.png").content == PIXEL
        assert "Renamed" in stranger.get("/doku.php/written").text


def test_who_signs_in_on_the_gateway_works(place: SignedPlace, tmp_path: Path) -> None:
    """With a passkey and no certificate, in a browser: sign in to the wiki, write a page."""
    with browsing(tmp_path) as browser:
        sign_in_by_passkey(browser, place, "anna", "/doku.php?do=login")
        browser.type("#focus__this", EDITOR)
        browser.type("[name=p]", PASSWORD)
        browser.click("#dw__login [type=submit]")
        browser.await_text("Logged in as: Erika")
        browser.open(f"{place.url}/doku.php/by_erika?do=edit")
        browser.run(
            "document.querySelector('#wiki__text').value = 'kept words ' + 'x '.repeat(60000)"
        )
        browser.click("#edbtn__save")
        browser.await_url(f"{place.url}/doku.php/by_erika")
        browser.await_text("kept words")
    with client(place) as stranger:
        assert "kept words" in stranger.get("/doku.php/by_erika").text

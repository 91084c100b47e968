"""A real Matomo behind its preset: trackers and opt-out stay open, ways to its back doors."""

from __future__ import annotations

import hashlib
import html
import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.peers.browsed import browsing
from tests.peers.cms_behind import client, served_behind, sign_in_by_passkey, through
from tests.peers.cms_ways import (
    NOTHING,
    Stand,
    Way,
    arrived,
    filled,
    form,
    multipart,
    not_working,
    send,
)
from tests.peers.gatewayed import ALLOWED, OTHER
from tests.peers.matomoed import ADMIN, PASSWORD, VIEWER, Matomo, matomo_running
from tests.peers.signed import SignedPlace
from tests.ports import free_port
from tests.waiting import wait_until

# WordPress and DokuWiki stand for all in `make test`, where test_preset_doors has the doors of each.
pytestmark = pytest.mark.soak

IN = "SameSite=Lax\nX-Robots-Tag: noindex\nLocation: "
ANONYMOUS = (("Cookie", "{anonymous}"),)
SESSION = (("Cookie", "{session}"),)
USERS = "erika@example.org"
SITES = "Shop of the board"
LOGIN_PAGE = 'name="form_password"'
MADE = '"value":"'
DONE = '"result":"success"'

_FORM = "form_login=boss&form_password={known}&form_nonce={nonce}"
_LOGME = "module=Login&action=logme&login=erika&password={hash}"
_TOKEN = (
    "module=API&format=json&method=UsersManager.createAppSpecificTokenAuth&userLogin=boss"
    "&passwordConfirmation={known}&description=mine"
)
_TODAY = "&idSite=1&period=day&date=today"


def _signing_in(name: str, target: str, body: str = _FORM) -> Way:
    return Way(name, target, IN, form(body), ANONYMOUS)


STRANGERS = (
    _signing_in("form", "/index.php?module=Login"),
    _signing_in("form front", "/"),
    _signing_in("form index", "/index.php"),
    _signing_in("form other module", "/index.php?module=CoreHome&action=index" + _TODAY),
    _signing_in("form module in body", "/index.php", f"module=Login&{_FORM}"),
    _signing_in("form values percent", "/", _FORM.replace("form_", "%66orm%5f")),
    _signing_in("form values dot", "/", _FORM.replace("form_", "form.")),
    _signing_in("form values space", "/", _FORM.replace("form_", "+form+")),
    _signing_in("form values bracket", "/", _FORM.replace("form_", "form[")),
    _signing_in("form path percent", "/%69ndex.php"),
    _signing_in("form path slashes", "//index.php?module=Login"),
    _signing_in("form path dots", "/js/../index.php"),
    _signing_in("form path of the tracker", "/matomo.php/../index.php"),
    Way(
        "form parts",
        "/index.php?module=Login",
        IN,
        sent=multipart(form_login="boss", form_password="{plain}", form_nonce="{nonce}"),
        headers=ANONYMOUS,
    ),
    Way("logme", f"/index.php?{_LOGME}", IN),
    Way("logme front", f"/?{_LOGME}", IN),
    Way("logme rewritten", f"/anything?{_LOGME}", IN),
    Way("logme module percent", f"/?{_LOGME.replace('Login', '%4Cogin')}", IN),
    Way("logme module nul", f"/?{_LOGME.replace('Login', 'Lo%00gin')}", IN),
    Way("logme body", "/index.php", IN, sent=form(_LOGME)),
    Way("logme split", "/?module=Login&action=logme&login=erika", IN, sent=form("password={hash}")),
    Way(
        "logme parts",
        "/?module=Login&action=logme",
        IN,
        sent=multipart(login="erika", password="{hash}"),
    ),
    Way("token", f"/index.php?{_TOKEN}", MADE),
    Way("token front", f"/?{_TOKEN}", MADE),
    Way("token body", "/index.php", MADE, sent=form(_TOKEN)),
    Way("token method percent", f"/?{_TOKEN.replace('method', '%6Dethod')}", MADE),
    Way("token method nul", f"/?{_TOKEN.replace('UsersManager', 'Users%00Manager')}", MADE),
    Way(
        "token parts",
        "/?module=API&format=json",
        MADE,
        sent=multipart(
            method="UsersManager.createAppSpecificTokenAuth",
            userLogin="boss",
            passwordConfirmation="{plain}",
            description="mine",
        ),
    ),
    Way(
        "token in many calls",
        "/?module=API&method=API.getBulkRequest&format=json&urls[0]={token_call}",
        MADE,
    ),
    Way("call", "/?module=API&method=LanguagesManager.getAvailableLanguages&format=json", '"fr"'),
    Way(
        "call nul",
        "/?module=A%00PI&method=LanguagesManager.getAvailableLanguages&format=json",
        '"fr"',
    ),
    Way("sign in page", "/index.php?module=Login", LOGIN_PAGE),
    Way("sign in page percent", "/?%6Dodule=%4cogin", LOGIN_PAGE),
    Way("sign in page nul", "/?module=Lo%00gin", LOGIN_PAGE),
    Way("sign in page body", "/", LOGIN_PAGE, sent=form("module=Login&action=index")),
    Way(
        "new password",
        "/?module=Login&action=confirmResetPassword&login=erika&resetToken=x",
        LOGIN_PAGE,
    ),
    Way(
        "invitation",
        "/?module=Login&action=acceptInvitation&token=x",
        "the link has expired",
        sent=form("invitation_form=1&password=a&passwordConfirmation=a"),
    ),
    Way("update", "/?module=CoreUpdater&updateCorePlugins=1", "Matomo"),
    Way("update nul", "/?module=Core%00Updater&updateCorePlugins=1", "Matomo"),
    Way("installer", "/?module=Installation&action=welcome", "already installed"),
    Way("log", "/tmp/logs/matomo.txt", "unfinished plans"),  # noqa: S108  # of the site
    Way("log percent", "/%74mp/logs%2Fmatomo.txt", "unfinished plans"),
    Way("log slashes", "//tmp//logs/matomo.txt", "unfinished plans"),
    Way("log dots", "/js/../tmp/logs/matomo.txt", "unfinished plans"),
    Way("archiving", "/misc/cron/archive.php", "core:archive"),
    Way("command", "/console", "FrontController"),
    Way("words", "/lang/en.json", "MultiRowEvolution"),
    Way("code of others", "/libs/README.md", "materialize"),
)
"""
What a stranger may try who knows the passwords.
"""

_NEW = (
    "module=API&format=json&method=UsersManager.addUser&userLogin={new}&password=longenough9"
    "&email={new}@example.org&passwordConfirmation={known}"
)
_BY_SESSION = "&force_api_session=1&token_auth={session_token}"

SESSIONS = (
    Way("dashboard", f"/index.php?module=CoreHome&action=index{_TODAY}", SITES, headers=SESSION),
    Way("front", "/", "module=CoreHome", headers=SESSION),
    Way("people", "/index.php?module=UsersManager&action=index", SITES, headers=SESSION),
    Way("people rewritten", "/x?module=UsersManager&action=index", SITES, headers=SESSION),
    Way("people body", "/", SITES, sent=form("module=UsersManager"), headers=SESSION),
    Way(
        "people dot",
        "/?module=UsersManager",
        SITES,
        headers=(("Cookie", "MATOMO.SESSID={session_id}"),),
    ),
    Way(
        "people space",
        "/?module=UsersManager",
        SITES,
        headers=(("Cookie", "a=b;   MATOMO SESSID={session_id}"),),
    ),
    Way(
        "people bracket",
        "/?module=UsersManager",
        SITES,
        headers=(("Cookie", "MATOMO[SESSID={session_id}"),),
    ),
    Way(
        "people two fields",
        "/?module=UsersManager",
        SITES,
        headers=(("Cookie", "a=b"), ("Cookie", "{session}")),
    ),
    Way("settings", "/?module=CoreAdminHome&action=generalSettings", SITES, headers=SESSION),
    Way("plug-ins", "/?module=CorePluginsAdmin&action=plugins", SITES, headers=SESSION),
    Way("sites", "/?module=SitesManager&action=index", SITES, headers=SESSION),
    Way("security", "/?module=UsersManager&action=userSecurity", SITES, headers=SESSION),
    Way("system check", "/?module=Installation&action=systemCheckPage", SITES, headers=SESSION),
    Way(
        "call",
        "/?module=API&method=UsersManager.getUsers&format=json",
        USERS,
        sent=form(_BY_SESSION[1:]),
        headers=SESSION,
    ),
    Way(
        "call in url",
        f"/?module=API&method=UsersManager.getUsers&format=json{_BY_SESSION}",
        USERS,
        headers=SESSION,
    ),
    Way(
        "new user",
        "/index.php",
        DONE,
        sent=form(_NEW + _BY_SESSION),
        headers=SESSION,
    ),
    Way(
        "new site",
        "/index.php?module=API&method=SitesManager.addSite&format=json",
        '"value":',
        sent=form(f"siteName=Taken&urls=https://taken.example{_BY_SESSION}"),
        headers=SESSION,
    ),
)
"""
What somebody may try who stole an administrator's session.
"""

_USERS = "module=API&method=UsersManager.getUsers&format=json"

TOKENS = (
    Way("users", f"/index.php?{_USERS}&token_auth={{token}}", USERS),
    Way("users front", f"/?{_USERS}&token_auth={{token}}", USERS),
    Way("users body", f"/index.php?{_USERS}", USERS, sent=form("token_auth={token}")),
    Way("users all in body", "/", USERS, sent=form(f"{_USERS}&token_auth={{token}}")),
    Way("users parts", f"/?{_USERS}", USERS, sent=multipart(token_auth="{token}")),
    Way("users percent", f"/?{_USERS}&%74oken%5Fauth={{token}}", USERS),
    Way("users dot", f"/?{_USERS}&token.auth={{token}}", USERS),
    Way("users space", f"/?{_USERS}&+token+auth={{token}}", USERS),
    Way("users bracket", f"/?{_USERS}&token[auth={{token}}", USERS),
    Way("users slashes", f"//index.php?{_USERS}&token_auth={{token}}", USERS),
    Way(
        "users in many calls",
        "/?module=API&method=API.getBulkRequest&format=json&urls[0]={users_call}",
        USERS,
    ),
    Way("new user", f"/?{_NEW}&token_auth={{token}}", DONE),
    Way("new user body", "/index.php", DONE, sent=form(f"{_NEW}&token_auth={{token}}")),
    Way(
        "new site",
        "/?module=API&method=SitesManager.addSite&siteName=Taken&urls=https://taken.example"
        "&format=json&token_auth={token}",
        '"value":',
    ),
    Way(
        "more rights",
        "/?module=API&method=UsersManager.setUserAccess&userLogin=erika&access=view&idSites=1"
        "&format=json&passwordConfirmation={known}&token_auth={token}",
        DONE,
    ),
    Way(
        "visits",
        "/?module=API&method=Live.getLastVisitsDetails&idSite=1&period=range&date=last9&format=json"
        "&token_auth={viewer_token}",
        "shop.example",
    ),
    Way("reports", f"/?module=CoreHome&action=index{_TODAY}&token_auth={{viewer_token}}", SITES),
    Way(
        "widget",
        "/?module=Widgetize&action=iframe&moduleToWidgetize=VisitsSummary&actionToWidgetize=index"
        f"{_TODAY}&token_auth={{viewer_token}}",
        'piwik.token_auth = "{viewer_token}"',
    ),
    Way(
        "feed",
        "/?module=API&method=VisitsSummary.get&idSite=1&period=day&date=last2&format=rss"
        "&token_auth={viewer_token}",
        "<rss",
    ),
)
"""
What somebody may try who stole a token.
"""


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Return where Matomo listens, and where the gateway does."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def matomo(tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]) -> Iterator[Matomo]:
    """Run Matomo, which has seen one visit."""
    with matomo_running(tmp_path_factory.mktemp("matomo"), *ports) as running:
        visit = Way("visit", f"/matomo.php?idsite=1&rec=1&url={SHOP}", "GIF")
        assert not_working([visit], bare(running), lambda _: {}) == [], running.site.told
        yield running


SHOP = "https://shop.example/a"
Fill = Callable[[Way], dict[str, str]]


def bare(matomo: Matomo) -> Stand:
    """Return where Matomo itself is asked."""
    return Stand(matomo.site.port, matomo.home.removeprefix("https://"))


def session_of(told: str) -> str:
    """Return the session's cookie that an answer sets."""
    return str(re.findall("Set-Cookie: (MATOMO_SESSID=[^;]+)", told)[-1])


def begun(matomo: Matomo) -> dict[str, str]:
    """Return the session of somebody who looks at the form to sign in, and what the form holds."""
    page = send(Way("form", "/index.php?module=Login", ""), bare(matomo), {}).text
    nonce = re.search('form_nonce"[^>]*value="([^"]+)"', page)
    assert nonce, page
    return {"anonymous": session_of(page), "nonce": nonce[1]}


@pytest.fixture(scope="module")
def fill(matomo: Matomo) -> Fill:
    """Return what a thief knows: passwords, a session, and tokens."""
    known = PASSWORD.replace(" ", "+")
    way = Way("in", "/index.php?module=Login", "", form(_FORM), ANONYMOUS)
    session = session_of(send(way, bare(matomo), {"known": known, **begun(matomo)}).text)
    inside = Way("page", f"/?module=CoreHome&action=index{_TODAY}", "", NOTHING, SESSION)
    token = re.search(
        'token_auth = "([^"]+)"', send(inside, bare(matomo), {"session": session}).text
    )
    assert token
    held = {
        "home": matomo.home,
        "plain": PASSWORD,
        "known": known,
        "hash": hashlib.md5(PASSWORD.encode(), usedforsecurity=False).hexdigest(),
        "session": session,
        "session_id": session.partition("=")[2],
        "session_token": token[1],
        "token": matomo.tokens[ADMIN],
        "viewer_token": matomo.tokens[VIEWER],
    }
    held["token_call"] = quote(filled(_TOKEN, {"known": quote(PASSWORD)}), safe="")
    held["users_call"] = quote(f"{_USERS}&token_auth={matomo.tokens[ADMIN]}", safe="")
    numbers = itertools.count()

    def fill(way: Way) -> dict[str, str]:
        fresh = begun(matomo) if way.headers == ANONYMOUS else {}
        return {**held, **fresh, "new": f"new{next(numbers)}"}

    return fill


@pytest.mark.parametrize("ways", [STRANGERS, SESSIONS, TOKENS], ids=["no", "session", "token"])
def test_each_way_works_on_the_bare_site(matomo: Matomo, fill: Fill, ways: tuple[Way, ...]) -> None:
    """What the gateway is to stop does reach the door where nothing stands before it."""
    assert not_working(ways, bare(matomo), fill) == []


BACKEND = """
[[site.route]]
path = "/index.php"
query = "module=Login"
class = "confidential"
backend = true
access = "high"
admit = ["group:editors"]
"""


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int], matomo: Matomo
) -> Iterator[SignedPlace]:
    """Serve Matomo through the gateway; only the sign-in is declared, the rest is the preset's."""
    assert matomo.site.port == ports[0]
    folder = tmp_path_factory.mktemp("gateway")
    with served_behind(folder, ports, "matomo", BACKEND, "anna") as place:
        yield place


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_no_way_arrives(place: SignedPlace, matomo: Matomo, fill: Fill, comes_from: str) -> None:
    """Without a certificate no request comes to a back door, whoever's credentials it carries."""
    before = matomo.state()

    ways = (*STRANGERS, *SESSIONS, *TOKENS)
    assert arrived(ways, through(place, comes_from=comes_from), matomo.site, fill) == []
    assert matomo.state() == before


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_trackers_stay_open(place: SignedPlace, matomo: Matomo, comes_from: str) -> None:
    """Visits arrive from anywhere, one by one and many at once, also more than is held of a body."""
    visit = f"idsite=1&rec=1&url={quote(SHOP, safe='')}"
    padding = "x" * 1000
    many = [f"?{visit}&action_name={padding}" for _ in range(100)]
    with client(place, comes_from=comes_from) as stranger:
        before = int(matomo.query("SELECT COUNT(*) FROM m_log_link_visit_action"))
        for path in ("/matomo.php", "/piwik.php", "/js/tracker.php"):
            assert stranger.get(f"{path}?{visit}&rand=1").content.startswith(b"GIF89a")
        beacon = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        sent = stranger.post("/matomo.php", content=visit, headers=beacon)
        assert sent.status_code in {200, 204}
        # What scripts of the tracker send, and what servers send with a token.
        for kind in (beacon["Content-Type"], "text/plain;charset=UTF-8", "application/json"):
            content = json.dumps({"requests": many, "token_auth": matomo.tokens[ADMIN]})
            sent = stranger.post("/matomo.php", content=content, headers={"Content-Type": kind})
            assert sent.status_code == 200, (kind, sent.text)
            assert (sent.json()["tracked"], sent.json()["invalid"]) == (100, 0)
        assert int(matomo.query("SELECT COUNT(*) FROM m_log_link_visit_action")) == before + 304
        for path in ("/matomo.js", "/piwik.js", "/js/", "/js/piwik.min.js"):
            assert "Matomo" in stranger.get(path).text
        assert stranger.get("/robots.txt").status_code == 200


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_visitors_opt_out(place: SignedPlace, comes_from: str) -> None:
    """By the script, and in the frame, whose session is not that of people who sign in."""
    page = "/index.php?module=CoreAdminHome&action=optOut"
    with client(place, comes_from=comes_from) as visitor:
        assert "matomo-opt-out" in visitor.get(f"{page}JS&divId=matomo-opt-out").text
        first = visitor.get(f"{page}&language=en")
        script = visitor.get("/plugins/CoreAdminHome/javascripts/optOut.js")
        assert "trackVisits" in script.text
        [action] = re.findall('<form method="post" action="([^"]+)"', first.text)
        confirmed = visitor.get(f"/index.php{html.unescape(action)}")
        [reload] = re.findall('http-equiv="refresh" content="0; url=([^"]+)"', confirmed.text)
        visitor.get(f"/index.php{html.unescape(reload)}")
        assert "matomo_ignore" in visitor.cookies
        assert "MATOMO_OPTOUT" in visitor.cookies
        assert "MATOMO_SESSID" not in visitor.cookies
        assert "Opt-out complete" in visitor.get(page).text


def test_a_session_under_the_name_of_the_frame_opens_nothing(
    place: SignedPlace, fill: Fill
) -> None:
    """Whoever sends a stolen session as that of a visitor who opts out gets the page to opt out."""
    way = Way("", "", "")
    cookie = {"Cookie": f"MATOMO_OPTOUT={fill(way)['session_id']}"}
    frame = "module=CoreAdminHome&action=optOut"
    asked = (
        f"/index.php?{frame}",
        f"/index.php?{frame}&module=UsersManager&action=index",
        f"/index.php?module=UsersManager&action=index&{frame}",
        f"/index.php?{frame}&module[]=UsersManager",
        "/index.php?module=UsersManager&action=index",
    )
    with client(place) as thief:
        told = [thief.get(path, headers=cookie) for path in asked]
        told.append(thief.post(asked[0], headers=cookie, data={"module": "UsersManager"}))
    assert [answer.text for answer in told if SITES in answer.text or ADMIN in answer.text] == []
    assert "trackVisits" in told[0].text


def test_who_holds_the_certificate_works(place: SignedPlace, matomo: Matomo) -> None:
    """Sign in, read reports, call the interface by session and by token, and change people."""
    with client(place, "alice") as boss:
        page = boss.get("/index.php?module=Login")
        nonce = re.search('form_nonce"[^>]*value="([^"]+)"', page.text)
        assert nonce
        sent = {"form_login": ADMIN, "form_password": PASSWORD, "form_nonce": nonce[1]}
        inside = boss.post("/index.php?module=Login", data=sent)
        assert inside.status_code == 200
        assert SITES in inside.text
        assert all(cookie.secure for cookie in boss.cookies.jar)
        token = re.search('token_auth = "([^"]+)"', inside.text)
        assert token
        call = {"module": "API", "method": "UsersManager.addUser", "format": "json"}
        new = {"userLogin": "anna", "password": PASSWORD, "email": "anna@example.org"}
        more = {"passwordConfirmation": PASSWORD, "token_auth": token[1], "force_api_session": "1"}
        # More than is held of a body: who is admitted is not bounded by that.
        added = boss.post("/index.php", params=call, data={**new, **more, "pad": "x" * 100_000})
        assert added.json() == {"result": "success", "message": "ok"}
        assert "Manage access" in boss.get("/index.php?module=UsersManager&action=index").text
    with client(place, "alice") as program:
        asked = {"module": "API", "method": "UsersManager.getUsersLogin", "format": "json"}
        told = program.post("/index.php", params=asked, data={"token_auth": matomo.tokens[ADMIN]})
        assert "anna" in told.json()


@pytest.mark.soak
def test_who_signs_in_on_the_gateway_works(place: SignedPlace, tmp_path: Path) -> None:
    """With a passkey and no certificate, in a browser: sign in to Matomo, and nothing of a page is refused."""
    with browsing(tmp_path) as browser:
        sign_in_by_passkey(browser, place, "anna", "/index.php?module=Login")
        browser.type("#login_form_login", ADMIN)
        browser.type("#login_form_password", PASSWORD)
        browser.click("#login_form_submit")
        assert wait_until(lambda: "module=CoreHome" in browser.url), (browser.url, browser.text)
        browser.open(f"{place.url}/index.php?module=SitesManager&action=index")
        # What its scripts ask for by the interface for programs.
        browser.await_text("TIME ZONE: UTC")
        assert browser.run(_REFUSED) == []


_REFUSED = (
    "return performance.getEntriesByType('resource')"
    ".filter(entry => entry.responseStatus >= 400).map(entry => entry.name)"
)

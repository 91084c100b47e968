"""A real Roundcube behind its preset: mail stays open to its users, installer and folders do not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.peers.cms_behind import client, served_behind, through
from tests.peers.cms_ways import Stand, Way, arrived, form, multipart, not_working
from tests.peers.gatewayed import ALLOWED, OTHER
from tests.peers.roundcubed import PASSWORD, USER, Roundcube, roundcube_running
from tests.peers.signed import SignedPlace
from tests.ports import free_port

INSTALLER = "Roundcube Webmail Installer"
PLANS = "unfinished plans of the board"

WAYS = (
    Way("installer", "/installer/", "Location: ./?_step=1"),
    Way("installer check", "/installer/?_step=1", INSTALLER),
    Way("installer settings", "/installer/index.php?_step=2", INSTALLER),
    Way("installer test", "/installer/index.php?_step=3", INSTALLER),
    Way("installer without slash", "/installer", "Location: /installer/"),
    Way("installer info", "/installer/index.php/skins/x.css?_step=2", INSTALLER),
    Way("installer percent", "/%69nstaller/?_step=2", INSTALLER),
    Way("installer percent slash", "/installer%2Findex.php?_step=2", INSTALLER),
    Way("installer slashes", "//installer//index.php?_step=2", INSTALLER),
    Way("installer dots", "/skins/../installer/?_step=2", INSTALLER),
    Way("installer encoded dots", "/skins/%2e%2e/installer/?_step=2", INSTALLER),
    Way("installer front", "/index.php/../installer/?_step=2", INSTALLER),
    Way("installer body", "/installer/index.php", INSTALLER, sent=form("_step=2")),
    Way("installer parts", "/installer/index.php?_step=3", INSTALLER, sent=multipart(_step="3")),
    Way(
        "installer connects",
        "/installer/index.php?_step=3",
        "Connecting to",
        sent=form(f"imaptest=1&_host=127.0.0.1:1&_user={USER}&_pass=x&_smtp_user=x&_smtp_pass=x"),
    ),
    Way("installer script", "/installer/test.php", "Not allowed!"),
    Way("installer picture", "/installer/client.js", "cfgsmtppass"),
    Way("attachment", "/temp/RCMTEMPattmnt1", PLANS),
    Way("attachment percent", "/%74emp/RCMTEMPattmnt1", PLANS),
    Way("attachment percent slash", "/temp%2fRCMTEMPattmnt1", PLANS),
    Way("attachment slashes", "//temp//RCMTEMPattmnt1", PLANS),
    Way("attachment dots", "/program/js/../../temp/RCMTEMPattmnt1", PLANS),
    Way("attachment here", "/./temp/./RCMTEMPattmnt1", PLANS),
    Way("attachment front", "/index.php/..%2ftemp/RCMTEMPattmnt1", PLANS),
    Way("attachment query", "/temp/RCMTEMPattmnt1?_task=login", PLANS),
    Way("database", "/temp/mails", "SQLite format 3"),
    Way("log", "/logs/sendmail", PLANS),
    Way("log percent", "/log%73/sendmail", PLANS),
    Way("tables", "/SQL/sqlite.initial.sql", "CREATE TABLE"),
    Way("command", "/bin/cleandb.sh", "db_clean"),
    Way("words", "/program/localization/en_US/labels.inc", "helplist"),
)
"""
What a stranger may try.
"""


@pytest.fixture(scope="module")
def ports() -> tuple[int, int]:
    """Return where Roundcube listens, and where the gateway does."""
    return free_port(), free_port()


@pytest.fixture(scope="module")
def roundcube(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int]
) -> Iterator[Roundcube]:
    """Run Roundcube."""
    with roundcube_running(tmp_path_factory.mktemp("roundcube"), *ports) as running:
        yield running


BACKEND = """
[[site.route]]
path = "/installer"
class = "confidential"
backend = true
admit = ["group:editors"]
"""


@pytest.fixture(scope="module")
def place(
    tmp_path_factory: pytest.TempPathFactory, ports: tuple[int, int], roundcube: Roundcube
) -> Iterator[SignedPlace]:
    """Serve Roundcube through the gateway; only the installer is declared, the rest is the preset's."""
    assert roundcube.site.port == ports[0]
    folder = tmp_path_factory.mktemp("gateway")
    with served_behind(folder, ports, "roundcube", BACKEND) as place:
        yield place


def nothing(_: Way) -> dict[str, str]:
    """Return what the ways are filled in with."""
    return {}


def test_each_way_works_on_the_bare_site(roundcube: Roundcube) -> None:
    """What the gateway is to stop does reach the door where nothing stands before it."""
    bare = Stand(roundcube.site.port, roundcube.home.removeprefix("https://"))

    assert not_working(WAYS, bare, nothing) == []


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_no_way_arrives(place: SignedPlace, roundcube: Roundcube, comes_from: str) -> None:
    """Without a certificate no request comes to the installer or to a folder."""
    stand = through(place, comes_from=comes_from)

    assert arrived(WAYS, stand, roundcube.site, nothing) == []


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_users_read_and_write_their_mail(place: SignedPlace, comes_from: str) -> None:
    """From anywhere, as the mail server lets them; what they attach is not bounded by what is held."""
    with client(place, comes_from=comes_from) as user:
        front = user.get("/")
        for path in re.findall('(?:src|href)="((?:skins|plugins|program)/[^"]+)"', front.text):
            assert user.get(f"/{path}").status_code == 200, path
        token = re.search('name="_token" value="([^"]+)"', front.text)
        assert token
        sent = {"_task": "login", "_action": "login", "_token": token[1], "_timezone": "UTC"}
        mail = user.post("/?_task=login", data={**sent, "_user": USER, "_pass": PASSWORD})
        assert mail.url.params["_task"] == "mail", mail.text
        assert all(cookie.secure for cookie in user.cookies.jar)
        listed = user.get("/?_task=mail&_mbox=INBOX&_action=list&_remote=1")
        assert "Findable words" in listed.text
        assert PLANS in user.get("/?_task=mail&_mbox=INBOX&_uid=1&_action=show").text
        composing = user.get("/?_task=mail&_action=compose")
        request = re.search('"request_token":"([^"]+)"', composing.text)
        assert request
        uploaded = user.post(
            "/",
            params={
                "_task": "mail",
                "_action": "upload",
                "_id": composing.url.params["_id"],
                "_uploadid": "1",
                "_remote": "1",
            },
            headers={"X-Roundcube-Request": request[1]},
            files={"_attachments[]": ("large.bin", bytes(200_000), "application/octet-stream")},
        )
        assert "add2attachment_list" in uploaded.text, uploaded.text


def test_who_holds_the_certificate_works(place: SignedPlace) -> None:
    """The installer shows its pages."""
    with client(place, "alice") as boss:
        assert INSTALLER in boss.get("/installer/").text
        assert INSTALLER in boss.post("/installer/index.php?_step=2", data={"_step": "2"}).text

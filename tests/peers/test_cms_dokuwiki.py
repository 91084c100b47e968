"""
A real PHP CMS (Debian's DokuWiki, on PHP's own server) behind the gateway.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.peers.served import Place
from tests.ports import free_port

WIKI = Path("/usr/share/dokuwiki")
PASSWORD = "correct horse battery"
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d4944415478da63fcffff3f030005fe02fea735819b0000000049454e44ae426082"
)


@dataclass(frozen=True)
class Behind:
    """
    The wiki as the world sees it: through the gateway.
    """

    place: Place
    pages: Path

    def client(self, *, with_certificate: bool) -> httpx.Client:
        """
        Return a browser's worth of HTTP: cookies, redirects (five at most).
        """
        context = self.place.trust(key="alice" if with_certificate else None)
        return httpx.Client(
            base_url=self.place.url,
            verify=context,
            follow_redirects=True,
            max_redirects=5,
            timeout=20,
        )


def settle_wiki(folder: Path) -> Path:
    """
    Lay out a fresh wiki below *folder* with one administrator; return its web root.
    """
    site, conf, data = folder / "site", folder / "conf", folder / "data"
    shutil.copytree(WIKI, site, symlinks=False, ignore=shutil.ignore_patterns(".htaccess*"))
    conf.mkdir()
    for entry in Path("/etc/dokuwiki").iterdir():
        if entry.is_file() and entry.name not in {"users.auth.php", "acl.auth.php"}:
            shutil.copy(entry, conf)
    shutil.copytree("/var/lib/dokuwiki/data", data)
    (site / "inc/preload.php").write_text(f"<?php define('DOKU_CONF', '{conf}/');\n")
    (conf / "local.php").write_text(
        "<?php\n$conf['title'] = 'Peer';\n$conf['useacl'] = 1;\n$conf['superuser'] = '@admin';\n"
        f"$conf['savedir'] = '{data}';\n$conf['updatecheck'] = 0;\n"
        # What docs/howto tells: trust the gateway's word on TLS.
        "$conf['trustedproxy'] = '^127\\.';\n"
    )
    hashed = subprocess.run(
        ["php", "-r", f"echo password_hash('{PASSWORD}', PASSWORD_BCRYPT);"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    guard = "# <?php exit()?>\n"
    (conf / "users.auth.php").write_text(
        f"{guard}alice:{hashed}:Alice:alice@example.org:admin,user\n"
    )
    (conf / "acl.auth.php").write_text(f"{guard}*\t@ALL\t1\n*\t@user\t8\n")
    return site


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    """
    The wiki on PHP's server, and ``sealgate serve`` in front of it.
    """
    folder = tmp_path_factory.mktemp("dokuwiki")
    site = settle_wiki(folder)
    place = Place(folder, free_port())
    place.write("/", "!/doku.php")
    place.issue("alice", "--group", "editors")
    with (folder / "php.log").open("wb") as log:
        wiki = subprocess.Popen(
            ["php", "-S", f"127.0.0.1:{place.upstream}", "-t", str(site)],
            stdout=log,
            stderr=log,
            env={"PHP_CLI_SERVER_WORKERS": "4", "PATH": "/usr/bin"},
        )
    try:
        with place.serving():
            yield Behind(place, folder / "data")
    finally:
        wiki.terminate()
        wiki.wait(20)


def sign_in(client: httpx.Client) -> httpx.Response:
    """
    Sign in as a person would: load the form, send it, follow where it leads.
    """
    form = client.get("/doku.php", params={"id": "start", "do": "login"})
    token = re.search(r'name="sectok" value="([^"]*)"', form.text)
    return client.post(
        "/doku.php",
        params={"id": "start"},
        data={
            "do": "login",
            "u": "alice",
            "p": PASSWORD,
            "sectok": token.group(1) if token else "",
        },
    )


def token_of(page: httpx.Response) -> str:
    """
    Return the wiki's own request token from *page*.
    """
    found = re.search(r'name="sectok" value="([0-9a-f]{16,})"', page.text)
    assert found, "the page holds no token: not signed in"
    return found.group(1)


def test_sign_in_leads_to_the_wiki_without_a_loop(behind: Behind) -> None:
    """
    Signing in ends on an https page after one redirect, with a Secure cookie.
    """
    with behind.client(with_certificate=True) as client:
        page = sign_in(client)
        assert page.status_code == 200
        assert "Logged in as" in page.text
        assert 1 <= len(page.history) <= 2
        assert page.url.scheme == "https"
        session = [c for c in client.cookies.jar if c.name.startswith("DW")]
        assert session
        assert all(cookie.secure for cookie in session)


def test_an_upload_arrives_whole(behind: Behind) -> None:
    """
    A picture that the media manager takes comes back byte for byte.
    """
    with behind.client(with_certificate=True) as client:
        token = token_of(sign_in(client))
        answer = client.post(
            "/lib/exe/ajax.php",
            params={"call": "mediaupload", "sectok": token, "ns": ""},
            files={"qqfile": ("pixel.png", PIXEL, "image/png")},
        )
        assert answer.json().get("success"), answer.text
        assert client.get("/lib/exe/fetch.php", params={"media": "pixel.png"}).content == PIXEL


def test_a_page_and_a_setting_are_saved(behind: Behind) -> None:
    """
    An edit and a change in the configuration manager hold.
    """
    with behind.client(with_certificate=True) as client:
        token = token_of(sign_in(client))
        editing = client.get("/doku.php", params={"id": "note", "do": "edit"})
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', editing.text))
        saved = client.post(
            "/doku.php",
            params={"id": "note"},
            data={**hidden, "sectok": token, "wikitext": "kept words", "do[save]": "1"},
        )
        assert saved.status_code == 200
        assert (behind.pages / "pages/note.txt").read_text().strip() == "kept words"
        client.post(
            "/doku.php",
            data={
                "id": "start",
                "do": "admin",
                "page": "config",
                "sectok": token,
                "save": "1",
                "submit": "1",
                "config[title]": "Renamed",
            },
        )
        assert "Renamed" in client.get("/doku.php", params={"id": "start"}).text


def test_a_stranger_does_not_come_to_the_wiki(behind: Behind) -> None:
    """
    Without the certificate the wiki answers nothing, but public files do.
    """
    with behind.client(with_certificate=False) as client:
        assert client.get("/doku.php").status_code == 403
        assert client.get("/lib/images/smileys/fixme.svg").status_code == 200

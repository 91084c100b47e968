"""Real Wagtail and django CMS behind their presets: pages are open, administration is not."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.peers.cms_behind import client, served_behind, through
from tests.peers.cms_ways import FORM, Sent, Stand, Way, arrived, not_working
from tests.peers.gatewayed import ALLOWED, OTHER
from tests.peers.signed import SignedPlace
from tests.ports import await_listener, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CSRF = "c" * 32
SESSION = (("Cookie", "sessionid={session}"),)
# Django takes any token that cookie and form agree on, from a page of the same site.
TOKEN = (("Cookie", f"csrftoken={CSRF}"), ("Referer", "https://localhost/"))


def sign_in(target: str) -> Way:
    """Return how whoever knows the password signs in at *target*."""
    said = f"csrfmiddlewaretoken={CSRF}&username=boss&password={{password}}"
    return Way(f"sign in {target}", target, "sessionid=", Sent(said, FORM), TOKEN)


def opened(target: str, proof: str) -> Way:
    """Return what a stolen session opens at *target*."""
    return Way(f"session {target}", target, proof, headers=SESSION)


WAGTAIL = (
    Way("form", "/admin/login/", "Sign in to Wagtail"),
    Way("form percent", "/%61dmin/login/", "Sign in to Wagtail"),
    Way("form percent slash", "/admin%2Flogin/", "Sign in to Wagtail"),
    Way("form next", "/admin/login/?next=/letter/", "Sign in to Wagtail"),
    Way("no slash", "/admin", "Location: /admin/"),
    Way("password", "/admin/password_reset/", "Reset your password"),
    Way("other form", "/en/django-admin/login/", "Log in"),
    Way("other language", "/de/django-admin/login/", "Anmelden"),
    Way("other percent", "/en/django%2Dadmin/login/", "Log in"),
    Way("no language", "/django-admin/", "Location: /en/django-admin/"),
    sign_in("/admin/login/"),
    sign_in("/en/django-admin/login/"),
    opened("/admin/", "Dashboard - Wagtail"),
    opened("/admin/?x=1", "Dashboard - Wagtail"),
    opened("/%61%64min/", "Dashboard - Wagtail"),
    opened("/admin/pages/", "Welcome to the press"),
    opened("/admin/pages/{page}/edit/", "Unfinished plans"),
    opened("/admin/pages/{page}/view_draft/", "Unfinished plans"),
    opened("/admin/api/main/pages/", "Unfinished plans"),
    opened("/admin/users/", "boss"),
    opened("/admin/reports/site-history/", "Site history"),
    opened("/en/django-admin/auth/user/", "boss@mail.example"),
    opened("/de/django-admin/auth/user/", "boss@mail.example"),
    opened("/en/django-admin/password_change/", "Password change"),
)
CMS = (
    Way("form", "/en/admin/login/", "Log in"),
    Way("other language", "/de/admin/login/", "Anmelden"),
    Way("form percent", "/en/%61dmin/login/", "Log in"),
    Way("form percent slash", "/en%2Fadmin%2Flogin/", "Log in"),
    Way("form next", "/en/admin/login/?next=/en/", "Log in"),
    Way("no language", "/admin/", "Location: /en/admin/"),
    Way("no language, percent", "/%61dmin/", "Location: /en/admin/"),
    Way("no slash", "/en/admin", "Location: /en/admin/"),
    sign_in("/en/admin/login/"),
    sign_in("/de/admin/login/"),
    opened("/en/admin/", "Site administration"),
    opened("/de/admin/", "Website-Verwaltung"),
    opened("/en/%61dmin/", "Site administration"),
    opened("/en/admin/auth/user/", "boss@mail.example"),
    opened("/en/admin/cms/pagecontent/", "List of pages"),
    opened("/en/admin/password_change/", "Password change"),
)


@dataclass(frozen=True)
class Site:
    """A running site, and what a thief of it knows."""

    name: str
    preset: str
    ways: tuple[Way, ...]
    backend: str
    home: str
    folder: Path
    port: int
    gateway: int

    @property
    def arrivals(self) -> list[str]:
        """Return what came to Django, in order."""
        file = self.folder / "arrivals"
        return file.read_text().splitlines() if file.exists() else []

    def values(self, _: Way) -> dict[str, str]:
        """Return what the ways are filled in with."""
        made: dict[str, str] = json.loads((self.folder / "made.json").read_text())
        return {**made, "password": made["password"].replace(" ", "+")}


@contextmanager
def running(site: Site) -> Iterator[Site]:
    """Run *site* until the block ends."""
    log = site.folder / "site.log"
    module = f"tests.peers.django_sites.{site.name}_site"
    command = [sys.executable, "-m", module, str(site.port), str(site.folder)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output) as peer,
    ):
        try:
            await_listener(site.port, peer, log)
            yield site
        finally:
            peer.terminate()


@pytest.fixture(scope="module", params=["wagtail", "cms"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Run each site."""
    folder = tmp_path_factory.mktemp(request.param)
    about = {
        "wagtail": ("wagtail", WAGTAIL, "/admin", "/"),
        "cms": ("django", CMS, "/*/admin", "/en/"),
    }
    made = Site(request.param, *about[request.param], folder, free_port(), free_port())
    with running(made) as one:
        yield one


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[SignedPlace]:
    """Serve *site* through the gateway; only its backend is declared, the rest is the preset's."""
    folder = tmp_path_factory.mktemp("gateway")
    backend = f"""
[[site.route]]
path = "{site.backend}"
class = "confidential"
backend = true
admit = ["group:editors"]
"""
    ports = (site.port, site.gateway)
    with served_behind(folder, ports, site.preset, backend) as place:
        yield place


def test_each_way_works_on_the_bare_site(site: Site) -> None:
    """What the gateway is to stop does reach the door where nothing stands before it."""
    assert not_working(site.ways, Stand(site.port, "localhost"), site.values) == []


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_no_way_arrives(place: SignedPlace, site: Site, comes_from: str) -> None:
    """Neither a stranger nor who knows the password or stole a session comes to Django."""
    stand = replace(through(place, comes_from=comes_from), host="localhost")

    assert arrived(site.ways, stand, site, site.values) == []


@pytest.mark.parametrize("comes_from", [ALLOWED, OTHER], ids=["allowed", "refused"])
def test_public_pages_stay_open(place: SignedPlace, site: Site, comes_from: str) -> None:
    """The front page, another one, and a page that is not there."""
    with client(place, comes_from=comes_from) as visitor:
        assert "Welcome to the press" in visitor.get(site.home).text
        assert "Open letter" in visitor.get(f"{site.home}letter/").text
        assert visitor.get(f"{site.home}none/").status_code == 404


def test_who_holds_the_certificate_works(place: SignedPlace, site: Site) -> None:
    """An editor signs in to the CMS and sees its administration."""
    made = site.values(site.ways[0])
    folder = "/admin/" if site.name == "wagtail" else "/en/admin/"
    with client(place, "alice") as editor:
        page = editor.get(f"{folder}login/")
        assert page.status_code == 200
        token = editor.cookies["csrftoken"]
        sent = {"csrfmiddlewaretoken": token, "username": "boss", "next": folder}
        done = editor.post(
            f"{folder}login/",
            data={**sent, "password": made["password"].replace("+", " ")},
            headers={"Referer": str(page.url)},
        )
        assert done.url.path == folder, done.text
        assert "boss" in done.text

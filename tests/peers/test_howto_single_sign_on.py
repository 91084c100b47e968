"""Single sign-on as the how-to shows it: a site in PHP that believes what is signed, and nothing else."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sealgate.identity.adapters.token_keys import IDENTITIES_FOLDER, TokenKeys
from sealgate.identity.assertions import assertion
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.sessions import Session
from sealgate.policy.protection import AccessRung
from tests.peers.served import Place, site_running
from tests.peers.signed import COOKIE, SignedPlace, Visitor, claims
from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.served import Site

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("curl"), pytest.mark.peer("php")]

PAGE = (Path(__file__).parents[2] / "docs/howto/single-sign-on.md").read_text("utf-8")
ROUTE = '\n[[site.route]]\npath = "/account"\nclass = "restricted"\n'
KEYS = "/.sealgate/identity-keys"
HEADER = "X-Sealgate-Identity"


def blocks(kind: str) -> list[str]:
    """Return the blocks of *kind* on the page, for a site whose name is "localhost"."""
    found = re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return [text.replace("shop.example", "localhost") for text in found]


@pytest.fixture(scope="module")
def php(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """Run the site of the how-to; yield its folder and port."""
    folder, port = tmp_path_factory.mktemp("site"), free_port()
    for name, text in zip(("sealgate.php", "index.php"), blocks("php"), strict=True):
        (folder / name).write_text(text)
    with (folder / "log").open("wb") as log:
        command = ["php", "-S", f"127.0.0.1:{port}", "index.php"]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
        try:
            assert wait_until(lambda: ask_directly(port) != "")
            yield folder, port
        finally:
            process.kill()
            process.wait(10)


def ask_directly(port: int, token: str = "") -> str:
    """Return what the site answers past the gateway, to whoever brings *token*."""
    command = ["curl", "--silent", "--max-time", "10", "--header", f"{HEADER}: {token}"]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}/account"], capture_output=True, text=True, check=False
    )
    return done.stdout


class Told:
    """The place with the site of the how-to, anna who signed in, and a site that only listens."""

    def __init__(self, place: SignedPlace, anna: Visitor, folder: Path, port: int) -> None:
        self.place, self.anna, self.folder, self.port = place, anna, folder, port

    def fetch_keys(self) -> None:
        """Do what the page says about keys."""
        [command] = [line for line in "".join(blocks("sh")).splitlines() if "curl" in line]
        words = command.replace("https://localhost", self.place.url).split()
        ca = str(self.place.state / "authority" / "server-ca.pem")
        subprocess.run([*words, "--cacert", ca], cwd=self.folder, check=True)

    def identity(self, **changed: object) -> str:
        """Return what anna's site is told, or *changed* and signed all the same."""
        keys = TokenKeys(str(self.place.state), IDENTITIES_FOLDER).keys(time.time())
        now = int(time.time())
        session = Session(
            "anna",
            AccessRung.LOW,
            (Proven(Factor.PASSWORD, now),),
            None,
            now,
            now + 50,
            "id",
            "localhost",
        )
        given = {"groups": ("staff",), **changed}
        fields = {name: getattr(session, name) for name in session.__dataclass_fields__}
        return assertion(Session(**{**fields, **given}), keys[-1])


@pytest.fixture(scope="module")
def told(php: tuple[Path, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Serve the site of the how-to, with anna signed in."""
    folder, port = php
    place = SignedPlace(tmp_path_factory.mktemp("signed"), port, routes=ROUTE)
    place.declare()
    place.config.write_text(
        place.config.read_text().replace("upstream =", "single_sign_on = true\nupstream =")
    )
    place.add("anna", ["staff"])
    with place.serving():
        anna = Visitor(place, place.folder / "jar")
        assert anna.sign_in("anna", "/account").status == 303
        one = Told(place, anna, folder, port)
        one.fetch_keys()
        yield one


def test_the_site_knows_who_signed_in(told: Told) -> None:
    """The page's own code believes what the gateway says, and nobody else."""
    assert told.anna.ask("/account").body == "anna of staff, rung 1\n"
    # A public page of the same site is not told; and what a client says is not passed on.
    assert told.anna.ask("/public").body == "who are you?\n"
    lie = told.identity()
    assert ask_directly(told.port, lie) == "anna of staff, rung 1\n"
    for spelling in (HEADER, "X_Sealgate_Identity", "X.Sealgate.Identity", "x-SEALGATE-identity"):
        assert told.anna.ask("/public", "--header", f"{spelling}: {lie}").status == 403
        mine = told.anna.ask("/account", "--header", f"{spelling}: {lie}x")
        assert mine.body == "anna of staff, rung 1\n"


def test_the_site_believes_nothing_else(told: Told) -> None:
    """Of another site, out of date, changed, unsigned, or a session: all are nobody."""
    good = told.identity()
    head, body, signature = good.split(".")
    now = int(time.time())
    for token in (
        "",
        "a.b.c",
        told.identity(site="other.example"),
        told.identity(issued_at=now - 100, ends_at=now - 50),
        told.identity(issued_at=now + 100, ends_at=now + 150),
        f"{head}.{told.identity(name='boss').split('.')[1]}.{signature}",
        f"{head}.{body}.{'A' * 86}",
        f"eyJhbGciOiJub25lIn0.{body}.",
        told.anna.token,
    ):
        assert ask_directly(told.port, token) == "who are you?\n", token
    assert ask_directly(told.port, good) == "anna of staff, rung 1\n"


def test_what_the_site_is_told_opens_nothing(told: Told, tmp_path: Path) -> None:
    """Whoever has it is still nobody to the gateway, as a cookie and in any header."""
    inside = claims(told.anna.token)["identity"]
    assert claims(inside)["sub"] == "anna"
    stranger = Visitor(told.place, tmp_path / "jar")
    for option in (f"Cookie: {COOKIE}={inside}", f"Authorization: Bearer {inside}"):
        assert stranger.ask("/account", "--header", option).status == 401
    # The keys that sites verify with are not those of sessions.
    keys = {key["kid"] for key in stranger.ask(KEYS).json()["keys"]}
    sessions = TokenKeys(str(told.place.state)).keys(time.time())
    assert keys
    assert keys.isdisjoint(key.kid for key in sessions)


def test_the_keys_are_public_halves(told: Told, tmp_path: Path) -> None:
    """Anybody may fetch them; they are told by Envoy itself, with their type."""
    answer = Visitor(told.place, tmp_path / "jar").ask(KEYS)
    assert answer.value("content-type") == "application/jwk-set+json"
    for key in answer.json()["keys"]:
        assert set(key) == {"alg", "crv", "kid", "kty", "use", "x", "y"}
    assert json.loads((told.folder / "keys.json").read_text()) == answer.json()


@pytest.fixture
def listening() -> Iterator[Site]:
    """Yield a site that only listens."""
    with site_running() as site:
        yield site


def test_a_certificate_tells_its_own_name(listening: Site, tmp_path: Path) -> None:
    """On a route for certificates alone the site learns the URI in it, class and rung."""
    place = Place(tmp_path, listening.server_address[1])
    place.write("/", "!/inside")
    place.config.write_text(
        place.config.read_text().replace("upstream =", "single_sign_on = true\nupstream =")
    )
    place.issue("anna", "--group", "editors")
    shown = ("--cert", str(tmp_path / "anna.crt"), "--key", str(tmp_path / "anna.key"))
    lies = ("X-Sealgate-Certificate-User: urn:sealgate:user:boss", "X-Sealgate-User: boss")
    with place.serving():
        options = [part for header in lies for part in ("--header", header)]
        assert place.status("/inside/", *shown, *options) == 200
        [heard] = listening.heard
    assert heard["x-sealgate-certificate-user"] == "urn:sealgate:user:anna"
    assert (heard["x-sealgate-class"], heard["x-sealgate-rung"]) == ("confidential", "2")
    assert "x-sealgate-user" not in heard

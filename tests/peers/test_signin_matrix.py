"""
Class x factor x country x freshness: each cell as this table says, through the real Envoy.

The table is written by hand from the guideline's table and DESIGN 1 ("Access"): low is a
password, high is a key and an allowed country. "y" lets in (200), "?" asks to sign in (401),
"n" refuses (403).
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from tests.peers.gatewayed import ALLOWED, OTHER, UNKNOWN, write_countries
from tests.peers.served import site_running
from tests.peers.signed import SignedPlace, Visitor, remade
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("curl")]

ROUTES = """
[[site.route]]
path = "/members"
class = "restricted"

[[site.route]]
path = "/staff"
class = "restricted"
access = "low"
admit = ["group:staff"]

[[site.route]]
path = "/backend"
class = "confidential"
admit = ["group:staff"]

[[site.route]]
path = "/board"
class = "confidential"
access = "high"
admit = ["group:staff"]
"""
COUNTRIES = {"DE": ALLOWED, "FR": OTHER, "--": UNKNOWN}
# Columns: who comes. anna is in staff, bert is not; "stale": the token ended, the sign-in
# lives; "out": anna signed out; "revoked": her second certificate, revoked.
WHO = (
    "nobody",
    "password",
    "passkey",
    "certificate",
    "password and certificate",
    "password and passkey",
    "bert, password",
    "bert, passkey",
    "stale password",
    "stale passkey",
    "out",
    "revoked certificate",
)
EXPECTED = """
/          DE  y y y y y y y y y y y y
/          FR  y y y y y y y y y y y y
/          --  y y y y y y y y y y y y
/members   DE  ? y y y y y y y y y ? ?
/members   FR  ? y y y y y y y y y ? ?
/members   --  ? y y y y y y y y y ? ?
/staff     DE  ? y y y y y n n y y ? ?
/staff     FR  ? y y y y y n n y y ? ?
/staff     --  ? y y y y y n n y y ? ?
/backend   DE  n n n y y n n n n n n n
/backend   FR  n n n n n n n n n n n n
/backend   --  n n n n n n n n n n n n
/board     DE  ? n y y y y n n n y ? ?
/board     FR  ? n n n n n n n n n ? ?
/board     --  ? n n n n n n n n n ? ?
"""
MEANING = {"y": 200, "?": 401, "n": 403}
CELLS = [
    (path, country, who, MEANING[letter])
    for path, country, *letters in map(str.split, EXPECTED.strip().splitlines())
    for who, letter in zip(WHO, letters, strict=True)
]


def test_the_table_is_whole() -> None:
    """There are at least a hundred cells, and none twice."""
    assert len(CELLS) == len({cell[:3] for cell in CELLS}) == 180


@dataclass(frozen=True)
class Crowd:
    """The served place, and the curl options of each of :data:`WHO`."""

    place: SignedPlace
    options: dict[str, list[str]]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """Serve the place; give it with the curl options of everybody who comes."""
    with contextlib.ExitStack() as held:
        site = held.enter_context(site_running())
        folder = tmp_path_factory.mktemp("matrix")
        place = SignedPlace(folder, site.server_address[1], routes=ROUTES)
        place.declare()
        write_countries(folder / "country.mmdb")
        place.add("anna", ["staff"])
        place.add("bert")
        place.issue("anna")
        place.issue("anna", "--out", str(folder / "old"))
        held.enter_context(place.serving())
        _revoke(place, "old")
        yield Crowd(place, _everybody(place, folder))


def _everybody(place: SignedPlace, folder: Path) -> dict[str, list[str]]:
    def signed(name: str, *, password: bool = False, passkey: bool = False) -> Visitor:
        visitor = Visitor(place, folder / f"{name} {password} {passkey}.jar")
        if password:
            visitor.sign_in(name, "/members")
        if passkey:
            assert visitor.prove(visitor.register(name), "/members").status == 200
        return visitor

    def cookie(token: str) -> list[str]:
        assert token
        return ["--header", f"Cookie: __Host-sealgate={token}"]

    certificate = ["--cert", str(folder / "anna.crt"), "--key", str(folder / "anna.key")]
    old = ["--cert", str(folder / "old.crt"), "--key", str(folder / "old.key")]
    password = signed("anna", password=True)
    passkey = signed("anna", passkey=True)
    out = Visitor(place, folder / "out.jar")
    out.sign_in("anna", "/members")
    left = remade(out, out.token, exp=-2)
    out.post("/.sealgate/sign-out", on="/.sealgate/")
    return {
        "nobody": [],
        "password": cookie(password.token),
        "passkey": cookie(passkey.token),
        "certificate": certificate,
        "password and certificate": [*cookie(password.token), *certificate],
        "password and passkey": cookie(signed("anna", password=True, passkey=True).token),
        "bert, password": cookie(signed("bert", password=True).token),
        "bert, passkey": cookie(signed("bert", passkey=True).token),
        "stale password": cookie(remade(password, password.token, exp=-2)),
        "stale passkey": cookie(remade(passkey, passkey.token, exp=-2)),
        "out": cookie(left),
        "revoked certificate": old,
    }


def _revoke(place: SignedPlace, file: str) -> None:
    shown = x509.load_pem_x509_certificate((place.folder / f"{file}.crt").read_bytes())
    done = place.sealgate("key", "revoke", f"{shown.serial_number:x}")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("path", "country", "who", "status"), CELLS)
def test_cell(crowd: Crowd, tmp_path: Path, path: str, country: str, who: str, status: int) -> None:
    """Who comes to this class with these factors, from there, is treated as the table says."""
    place = crowd.place
    visitor = Visitor(place, tmp_path / "jar", ["--interface", COUNTRIES[country]])
    answer = visitor.ask(path, "--header", "Accept: application/json", *crowd.options[who])
    assert answer.status == status, answer.body


def test_a_certificate_does_not_lift_the_session_of_somebody_else(
    crowd: Crowd, tmp_path: Path
) -> None:
    """The site would be told of bert, who proved no more than a password, where anna's key is needed."""
    visitor = Visitor(crowd.place, tmp_path / "jar", ["--interface", ALLOWED])
    key, session = crowd.options["certificate"], crowd.options["bert, password"]
    assert visitor.ask("/board", *key).status == 200
    assert visitor.ask("/board", *session, *key).status == 403


def test_who_entered_a_key_area_stands_in_the_log(crowd: Crowd, tmp_path: Path) -> None:
    """What passed a sign-in with a key is logged as what passed a lock; lesser areas are not."""
    visitor = Visitor(crowd.place, tmp_path / "jar", ["--interface", ALLOWED])
    for path, who in (("/board", "passkey"), ("/board", "certificate"), ("/members", "password")):
        assert visitor.ask(f"{path}/{who}", *crowd.options[who]).status == 200
    log = crowd.place.state / "envoy" / "access.log"

    def logged() -> dict[str, str | None]:
        lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        return {line["request"]: line["user"] for line in lines if line["status"] == 200}

    assert wait_until(lambda: {"GET /board/passkey", "GET /board/certificate"} <= set(logged()))
    # Whose session it is, is told by name; a certificate by its fingerprint.
    assert logged()["GET /board/passkey"] == "anna"
    assert logged()["GET /board/certificate"] is None
    assert not [request for request in logged() if request.startswith("GET /members/")]

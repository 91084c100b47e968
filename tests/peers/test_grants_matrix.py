"""
Class x factor x country x freshness x grant: rung 3, each cell as this table says.

Through the real Envoy with curl. The table is written by hand from DESIGN 1 ("Access") and
ADR 16: very high is a key, an allowed country, a second factor of another kind that is at
most five minutes old, and a grant that runs. What is "secret" has a channel of keys besides:
without a client certificate there is none ("x"), and the certificate must be one's own.
"y" lets in (200), "?" asks to sign in (401), "n" refuses (403).
"""

from __future__ import annotations

import contextlib
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from cryptography import x509

from sealgate.identity.factors import Factor
from tests.peers.gatewayed import ALLOWED, OTHER, UNKNOWN, write_countries
from tests.peers.granted import MODEL, STATES, VAULT, GrantedPlace, routes, vault
from tests.peers.served import site_running
from tests.peers.signed import Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealgate.identity.adapters.store import IdentityStore

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("curl")]

COUNTRIES = {"DE": ALLOWED, "FR": OTHER, "--": UNKNOWN}
FRESH, OLD, HOURS = 10.0, 301.0, 7000.0
KEY, CODE, KNOWN = Factor.PASSKEY, Factor.TOTP, Factor.PASSWORD
SPARE = Factor.RECOVERY_CODE


@dataclass(frozen=True)
class Who:
    """Somebody who *proved* these factors so long ago, and shows the certificate *shows*."""

    proved: tuple[tuple[Factor, float], ...] = ()
    shows: str = ""
    name: str = "anna"


# Columns, left to right. anna is on the board, bert is not; "*": too old to count.
WHO = {
    "nobody": Who(),
    "password": Who(((KNOWN, FRESH),)),
    "passkey": Who(((KEY, FRESH),)),
    "passkey and code": Who(((KEY, HOURS / 50), (CODE, FRESH))),
    "passkey and code *": Who(((KEY, FRESH), (CODE, OLD))),
    "certificate": Who((), "anna"),
    "certificate and password": Who(((KNOWN, FRESH),), "anna"),
    "certificate and code": Who(((CODE, FRESH),), "anna"),
    "certificate and code *": Who(((CODE, OLD),), "anna"),
    "certificate and passkey": Who(((KEY, FRESH),), "anna"),
    "certificate and passkey *": Who(((KEY, OLD),), "anna"),
    "certificate and recovery code": Who(((SPARE, FRESH),), "anna"),
    "passkey and code, bert's certificate": Who(((KEY, FRESH), (CODE, FRESH)), "bert"),
    "passkey and code, revoked certificate": Who(((KEY, FRESH), (CODE, FRESH)), "old"),
    "bert, with everything": Who(((KEY, FRESH), (CODE, FRESH)), "bert", "bert"),
}
EXPECTED = """
top    running  DE  ? n n y n n y y n y n y y y n
top    running  FR  ? n n n n n n n n n n n n n n
top    running  --  ? n n n n n n n n n n n n n n
top    none     DE  ? n n n n n n n n n n n n n n
top    waiting  DE  ? n n n n n n n n n n n n n n
top    out      DE  ? n n n n n n n n n n n n n n
top    ended    DE  ? n n n n n n n n n n n n n n
top    denied   DE  ? n n n n n n n n n n n n n n
secret running  DE  x x x x x n y y n y n y n n n
secret running  FR  x x x x x n n n n n n n n n n
secret running  --  x x x x x n n n n n n n n n n
secret none     DE  x x x x x n n n n n n n n n n
secret waiting  DE  x x x x x n n n n n n n n n n
secret out      DE  x x x x x n n n n n n n n n n
secret ended    DE  x x x x x n n n n n n n n n n
secret denied   DE  x x x x x n n n n n n n n n n
"""
MEANING = {"y": 200, "?": 401, "n": 403, "x": 0}
CELLS = [
    (where, grant, country, who, MEANING[letter])
    for where, grant, country, *letters in map(str.split, EXPECTED.strip().splitlines())
    for who, letter in zip(WHO, letters, strict=True)
]


def test_the_table_is_whole() -> None:
    """There are far more than a hundred cells, and none twice."""
    assert len(CELLS) == len({cell[:4] for cell in CELLS}) == 240


@dataclass(frozen=True)
class Board:
    """The served place, and its identities."""

    place: GrantedPlace
    people: IdentityStore


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Board]:
    """Serve the board's area and the vault, with grants in every state for anna and bert."""
    with contextlib.ExitStack() as held:
        site = held.enter_context(site_running())
        port = site.server_address[1]
        folder = tmp_path_factory.mktemp("grants")
        place = GrantedPlace(folder, port, routes=routes("/top/", "board"))
        place.declare(vault(port) + MODEL)
        write_countries(folder / "country.mmdb")
        for name, groups in (("anna", ["board"]), ("bert", []), ("clara", [])):
            place.add(name, groups, password=False)
        people = held.enter_context(place.people())
        people.reassign("clara", ["approver"], [], by="test", now=1)
        for name, file in (("anna", "anna"), ("anna", "old"), ("bert", "bert")):
            place.issue(name, "--out", str(folder / file))
        for state in STATES:
            for asset in (f"route localhost/top/{state}", f"route {VAULT}/{state}"):
                place.grant("anna", asset, state)
                place.grant("bert", asset, state)
        held.enter_context(place.serving())
        shown = x509.load_pem_x509_certificate((folder / "old.crt").read_bytes())
        done = place.sealgate("key", "revoke", f"{shown.serial_number:x}")
        assert done.returncode == 0, done.stderr
        yield Board(place, people)


def _soaks(place: int, status: int) -> bool:
    # Whoever is let in is always tried; of the refusals, every third: a step that meets each row.
    return status != MEANING["y"] and place % 3 != 0


@pytest.mark.parametrize(
    ("where", "grant", "country", "who", "status"),
    [
        pytest.param(*cell, marks=[pytest.mark.soak] if _soaks(place, cell[-1]) else [])
        for place, cell in enumerate(CELLS)
    ],
)
def test_cell(
    board: Board, tmp_path: Path, where: str, grant: str, country: str, who: str, status: int
) -> None:
    """
    Who comes with these proofs, from there, with that grant, is treated as the table says.

    Whoever is let in is let in again by Envoy alone, with the token that they were given.
    """
    one, place = WHO[who], board.place
    site, path = (VAULT, f"/{grant}") if where == "secret" else ("localhost", f"/top/{grant}")
    options = ["--interface", COUNTRIES[country]]
    options += place.certificate(one.shows) if one.shows else []
    visitor = Visitor(place, tmp_path / "jar", options, f"https://{site}:{place.https}")
    shown: list[str] = []
    if one.proved:
        token = place.session(board.people, one.name, site, one.proved)
        shown = ["--header", f"Cookie: __Host-sealgate={token}"]
    asked = [path, "--header", "Accept: application/json"]
    if status == 0:
        with pytest.raises(subprocess.CalledProcessError) as refused:
            visitor.ask(*asked, *shown)
        # The alert may come after curl sent its request: TLS 1.3 ends a handshake so.
        assert refused.value.returncode in {35, 55, 56}, refused.value.stderr
        assert refused.value.stdout == ""
        return
    answer = visitor.ask(*asked, *shown)
    assert answer.status == status, answer.body
    if status == 200:
        again = visitor.ask(*asked)
        assert (again.status, again.value("set-cookie")) == (200, "")

"""The channel of a secret host, and what its tokens are bound to: the real Envoy, curl, OpenSSL."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import time
from dataclasses import dataclass
from http.client import HTTPSConnection
from typing import TYPE_CHECKING

import pytest

from sealgate.identity.factors import Factor
from sealgate.identity.totp import STEP_SECONDS, code_at
from tests.peers.gatewayed import Keys, write_countries
from tests.peers.granted import MODEL, VAULT, GrantedPlace, vault
from tests.peers.served import Site, site_running
from tests.peers.signed import BROWSER, Visitor, claims

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealgate.identity.adapters.store import IdentityStore

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("curl")]

ROUTES = """
[[site.route]]
path = "/members"
class = "restricted"

[[site.route]]
path = "/staff"
class = "confidential"
access = "high"
admit = ["group:board"]

[[site.route]]
path = "/top"
class = "board"
admit = ["group:board"]

[[site.route]]
path = "/other"
class = "board"
admit = ["group:board"]
"""
TOP, OTHER, RUNNING = "route localhost/top", "route localhost/other", f"route {VAULT}/running"
KEY, CODE, SPARE = Factor.PASSKEY, Factor.TOTP, Factor.RECOVERY_CODE


@dataclass(frozen=True)
class Vault:
    """The served place, its identities, its site, and the secret of anna's app."""

    place: GrantedPlace
    people: IdentityStore
    site: Site
    secret: bytes


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Serve a site and a vault; anna and bert are on the board, and have grants for all of it."""
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(site_running())
        port = site.server_address[1]
        folder = tmp_path_factory.mktemp("vault")
        place = GrantedPlace(folder, port, routes=ROUTES)
        place.declare(vault(port) + MODEL)
        write_countries(folder / "country.mmdb")
        people = stack.enter_context(place.people())
        for name in ("anna", "bert", "clara"):
            people.add(name, [] if name == "clara" else ["board"], by="test", now=1)
        people.reassign("clara", ["approver"], [], by="test", now=1)
        for name in ("anna", "bert"):
            place.issue(name)
            for asset in (TOP, OTHER, RUNNING):
                place.grant(name, asset, "running")
        secret = place.totp("anna")
        place.totp("bert")
        stack.enter_context(place.serving())
        yield Vault(place, people, site, secret)


def curl(vault: Vault, host: str, *options: str, shows: str = "") -> tuple[int, str]:
    """Return the exit code of curl and the status that it got, "000" for none."""
    ca = str(vault.place.state / "authority" / "server-ca.pem")
    shown = vault.place.certificate(shows) if shows else []
    command = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}"]
    command += ["--max-time", "20", "--cacert", ca, *shown, *options]
    done = subprocess.run(
        [*command, f"https://{host}:{vault.place.https}/running"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def visitor(vault: Vault, tmp_path: Path, *, shows: str = "", host: str = "localhost") -> Visitor:
    """Return somebody with an empty jar, who shows the certificate of *shows*."""
    options = vault.place.certificate(shows) if shows else []
    base = f"https://{host}:{vault.place.https}"
    return Visitor(vault.place, tmp_path / "jar", options, base)


def session(
    vault: Vault, *proved: Factor, name: str = "anna", site: str = "localhost"
) -> list[str]:
    """Return the curl options of a session of *name*, who just *proved* these."""
    proofs = [(factor, 5.0) for factor in proved]
    token = vault.place.session(vault.people, name, site, proofs)
    return ["--header", f"Cookie: __Host-sealgate={token}"]


def test_who_shows_a_key_over_the_hybrid_group_is_answered(held: Vault) -> None:
    """The rest of these tests means something only if this one holds."""
    assert curl(held, VAULT, "--curves", "X25519MLKEM768", shows="anna") == (0, "403")


@pytest.mark.parametrize(
    "weaker",
    [
        ("--tls-max", "1.2"),
        ("--curves", "X25519:P-256:P-384"),
        ("--curves", "SecP256r1MLKEM768"),
    ],
)
def test_a_weaker_handshake_is_refused(held: Vault, weaker: tuple[str, str]) -> None:
    """Neither TLS 1.2 nor a classical group comes through, whatever certificate is shown."""
    code, status = curl(held, VAULT, *weaker, shows="anna")
    assert (code != 0, status) == (True, "000")


def test_a_stranger_s_certificate_or_none_is_refused(held: Vault, tmp_path: Path) -> None:
    """The handshake demands a certificate, and one of this gateway's own authority."""
    code, status = curl(held, VAULT)
    assert (code != 0, status) == (True, "000")
    pair = Keys(tmp_path).client("stranger", "anna")
    shown = ("--cert", str(pair.chain), "--key", str(pair.key))
    code, status = curl(held, VAULT, *shown)
    assert (code != 0, status) == (True, "000")


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_the_host_is_bound_to_the_name_in_the_handshake(held: Vault, version: str) -> None:
    """What came in for one name reaches no other site: 421, in either direction."""
    port = held.place.https
    held.site.seen.clear()
    for sni, host in (("localhost", VAULT), (VAULT, "localhost")):
        for name in (host, f"{host}:{port}", host.upper()):
            answer = curl(held, sni, version, "--header", f"Host: {name}", shows="anna")
            assert answer == (0, "421"), (sni, name)
    assert not held.site.seen


def test_without_its_name_nobody_reaches_the_vault(held: Vault) -> None:
    """Without a name, or with another, a client comes to the site that has no channel of keys."""
    for sni in ("127.0.0.1", "elsewhere.localhost"):
        options = ("--insecure", "--header", f"Host: {VAULT}:{held.place.https}")
        assert curl(held, sni, *options, shows="anna") == (0, "421")


@pytest.mark.peer("openssl")
def test_a_session_of_another_name_is_not_resumed(held: Vault, tmp_path: Path) -> None:
    """A ticket that a weaker channel gave out does not open the vault without a key."""
    ticket = tmp_path / "ticket"
    port = str(held.place.https)

    def handshake(name: str, *options: str) -> str:
        asked = f"GET /running HTTP/1.1\r\nHost: {VAULT}:{port}\r\nConnection: close\r\n\r\n"
        done = subprocess.run(
            [
                *("openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name),
                *("-ign_eof", *options),
            ],
            input=asked,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        return done.stdout

    assert "HTTP/1.1 421" in handshake("localhost", "-sess_out", str(ticket))
    assert ticket.exists()
    assert "Reused, TLSv1.3" in handshake("localhost", "-sess_in", str(ticket))
    answer = handshake(VAULT, "-sess_in", str(ticket))
    assert "Reused" not in answer
    assert "HTTP/1.1" not in answer


def test_an_audit_sees_what_the_channel_demands(held: Vault) -> None:
    """From outside and on the host: nothing is missing, and nothing was left unseen."""
    done = held.place.sealgate("audit", "--format", "json")
    told = json.loads(done.stdout)
    columns = {one["id"]: one["columns"] for one in told["assets"] if VAULT in one["id"]}
    assert len(columns) == 8
    for asset, ranks in columns.items():
        assert ranks["in_transit"]["provided"] == 3, asset
        assert asset.startswith("site") or ranks["access"]["provided"] == 3, asset
    assert not [f for f in told["findings"] if VAULT in f["asset"] and f["open"]]


def test_a_token_says_what_it_is_bound_to(held: Vault, tmp_path: Path) -> None:
    """To the area, to the certificate that was shown, and to the end of what it rests on."""
    anna = visitor(held, tmp_path, shows="anna")
    assert anna.ask("/top", *session(held, KEY, CODE)).status == 200
    told = claims(anna.token)
    assert (told["rung"], told["asset"]) == (3, TOP)
    assert len(told["certificate"]) == 64
    assert told["exp"] - told["iat"] <= 55
    # An old second factor: the token ends when it does.
    late = held.place.session(held.people, "anna", "localhost", [(CODE, 260.0)])
    proved = time.time() - 260.0
    anna.jar.unlink()
    assert anna.ask("/top", "--header", f"Cookie: __Host-sealgate={late}").status == 200
    assert claims(anna.token)["exp"] <= proved + 300


def test_a_token_of_one_area_opens_no_other(held: Vault, tmp_path: Path) -> None:
    """Envoy asks the service about it, which looks at the grant for that area."""
    anna = visitor(held, tmp_path)
    assert anna.ask("/top", *session(held, KEY, CODE)).status == 200
    first = anna.token
    assert anna.ask("/top").value("set-cookie") == ""
    other = anna.ask("/other")
    assert other.status == 200
    assert claims(anna.token)["asset"] == OTHER != claims(first)["asset"]
    ended = _grant_of(held, "anna", OTHER)
    with held.place.people() as people:
        people.grants.end(ended, by="somebody", now=time.time())
    assert anna.with_token(first, "/top").status == 200
    refused = anna.with_token(first, "/other", "--header", "Accept: application/json")
    assert refused.status == 403
    assert [item["need"] for item in refused.json()["missing"]] == ["grant"]
    assert f'sealgate grant ask "{OTHER}"' in refused.json()["missing"][0]["todo"]
    held.place.grant("anna", OTHER, "running")


def test_a_token_counts_only_beside_its_certificate(held: Vault, tmp_path: Path) -> None:
    """Taken elsewhere it opens nothing: not its area, not what asks for less, not the vault."""
    anna = visitor(held, tmp_path, shows="anna")
    assert anna.ask("/top", *session(held, CODE)).status == 200
    stolen = anna.token
    assert anna.with_token(stolen, "/top").value("set-cookie") == ""
    for shows in ("", "bert"):
        thief = visitor(held, tmp_path / "thief", shows=shows)
        for path in ("/top", "/other", "/staff", "/members"):
            if shows and path in {"/staff", "/members"}:
                continue  # bert's own certificate opens these.
            answer = thief.with_token(stolen, path, "--header", "Accept: application/json")
            assert answer.status in {401, 403}, path
    there = visitor(held, tmp_path, shows="anna", host=VAULT)
    assert there.with_token(stolen, "/running").status in {401, 403}


def test_an_ended_grant_ends_at_once(held: Vault, tmp_path: Path) -> None:
    """When a command ends it, the token that still lives opens nothing any more."""
    bert = visitor(held, tmp_path, shows="bert", host=VAULT)
    assert bert.ask("/running", *session(held, KEY, name="bert", site=VAULT)).status == 200
    assert bert.ask("/running").value("set-cookie") == ""
    done = held.place.sealgate("grant", "end", _grant_of(held, "bert", RUNNING))
    assert done.returncode == 0, done.stderr
    refused = bert.ask("/running", "--header", "Accept: application/json")
    assert refused.status == 403
    assert "yours is ended" in refused.json()["detail"]
    held.place.grant("bert", RUNNING, "running")


def test_an_open_connection_is_no_way_around(held: Vault, tmp_path: Path) -> None:
    """What a command ends, grant or certificate, opens nothing on a connection of before."""
    for what in ("grant", "certificate"):
        name = f"dora-{what}"
        held.people.add(name, ["board"], by="test", now=1)
        held.place.issue(name)
        held.place.grant(name, RUNNING, "running")
        (tmp_path / what).mkdir()
        dora = visitor(held, tmp_path / what, shows=name, host=VAULT)
        shown = session(held, CODE, name=name, site=VAULT)
        assert dora.ask("/running", *shown).status == 200
        open_one = HTTPSConnection(VAULT, held.place.https)
        open_one.sock = held.place.trust(key=name).wrap_socket(
            socket.create_connection(("127.0.0.1", held.place.https)), server_hostname=VAULT
        )
        headers = {"Cookie": f"__Host-sealgate={dora.token}", "Accept": "application/json"}

        def asked() -> int:
            open_one.request("GET", "/running", headers=headers)  # noqa: B023  # used within the turn
            with open_one.getresponse() as answer:  # noqa: B023  # as above
                answer.read()
                return answer.status

        with contextlib.closing(open_one):
            assert asked() == 200
            before = open_one.sock
            if what == "grant":
                done = held.place.sealgate("grant", "end", _grant_of(held, name, RUNNING))
            else:
                done = held.place.sealgate("key", "revoke", name)
            assert done.returncode == 0, done.stderr
            assert asked() == 403
            assert open_one.sock is before


def test_no_header_of_a_token_reaches_the_site(held: Vault, tmp_path: Path) -> None:
    """The site learns who came and with which rung, and a client can say neither."""
    anna = visitor(held, tmp_path, shows="anna", host=VAULT)
    forged = [
        part
        for name in ("grant", "key", "rung", "user")
        for part in ("--header", f"x-sealgate-{name}: {RUNNING}")
    ]
    for again in (False, True):
        shown = [] if again else session(held, KEY, site=VAULT)
        held.site.heard.clear()
        assert anna.ask("/running", *shown, *forged).status == 200
        [heard] = held.site.heard
        told = {name: value for name, value in heard.items() if name.startswith("x-sealgate-")}
        told.pop("x-sealgate-signature", None)
        assert told["x-sealgate-user"] == "anna"
        assert told["x-sealgate-rung"] == "3"
        assert "x-sealgate-grant" not in told
        assert "x-sealgate-key" not in told


def test_a_code_is_asked_for_and_counts_once(held: Vault, tmp_path: Path) -> None:
    """A browser is led to the page of the code; the right code leads back, and works once only."""
    anna = visitor(held, tmp_path, shows="anna", host=VAULT)
    sent = anna.ask("/running", *BROWSER)
    assert (sent.status, sent.value("location")) == (303, "/.sealgate/sign-in?to=/running")
    page = anna.ask(sent.value("location"), *BROWSER)
    assert 'autocomplete="one-time-code"' in page.body
    assert "Confirm that it is you" in page.body
    code = code_at(held.secret, int(time.time() // STEP_SECONDS))
    wrong = anna.post("/.sealgate/code", "/running", code=str(999999 - int(code)).zfill(6))
    assert wrong.status == 401
    assert "not right" in wrong.body
    right = anna.post("/.sealgate/code", "/running", code=code)
    assert (right.status, right.value("location")) == (303, "/running")
    assert anna.ask("/running").status == 200
    again = Visitor(held.place, tmp_path / "again.jar", anna.options, anna.base)
    assert again.post("/.sealgate/code", "/running", code=code).status == 401


def test_without_a_key_no_code_can_be_tried(held: Vault, tmp_path: Path) -> None:
    """Who only knows a name guesses nothing, and makes nobody wait; who guesses waits alone."""
    stranger = visitor(held, tmp_path)
    for _ in range(8):
        sent = stranger.post("/.sealgate/code", "/top", code="123456")
        assert (sent.status, sent.value("location")) == (303, "/.sealgate/sign-in?to=/top")
    bert = visitor(held, tmp_path, shows="bert", host=VAULT)
    # Each wait is twice as long as the one before, so that even a slow guesser meets one.
    seen: list[int] = []
    while 429 not in seen and len(seen) < 12:
        seen.append(bert.post("/.sealgate/code", "/running", code="12345x").status)
    assert seen[:5] == [401] * 5
    assert seen[-1] == 429
    anna = Visitor(
        held.place,
        tmp_path / "anna.jar",
        held.place.certificate("anna"),
        held.place.vault_url,
    )
    assert anna.post("/.sealgate/code", "/running", code="12345x").status == 401


def _grant_of(vault: Vault, person: str, asset: str) -> str:
    found = vault.people.grants.running(person, asset, now=time.time())
    assert found is not None
    return found.id

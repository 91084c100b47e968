"""Signing in with a password, and every token that is none, through the real Envoy with curl."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import OctKey, RSAKey

from sealgate.app.reload import status
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.sessions import Session
from sealgate.identity.tokens import issue, key_set, token_key
from tests.peers.served import Site, site_running
from tests.peers.signed import BROWSER, SignedPlace, Visitor, claims, remade, signed
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sealgate.identity.tokens import TokenKey

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("curl")]

ROUTES = """
[[site.route]]
path = "/account"
class = "restricted"

[[site.route]]
path = "/staff"
class = "restricted"
admit = ["group:staff"]
"""


class Running:
    """What the tests share: a served place, its site, and the status of its processes."""

    def __init__(self, place: SignedPlace, site: Site) -> None:
        self.place, self.site = place, site
        self.token = ""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve the place, with anna signed in once."""
    with contextlib.ExitStack() as held:
        site = held.enter_context(site_running())
        place = SignedPlace(
            tmp_path_factory.mktemp("signed"), site.server_address[1], routes=ROUTES
        )
        place.declare()
        place.add("anna", ["staff"])
        place.add("Jürgen Ü")
        held.enter_context(place.serving())
        shared = Running(place, site)
        anna = Visitor(place, place.folder / "anna.jar")
        anna.sign_in("anna", "/account")
        shared.token = anna.token
        yield shared


@pytest.fixture
def visitor(running: Running, tmp_path: Path) -> Visitor:
    """Return somebody with an empty jar."""
    return Visitor(running.place, tmp_path / "jar")


def test_a_password_opens_what_its_class_demands(running: Running, visitor: Visitor) -> None:
    """A browser is sent to the page and back, and the site learns who came but never the cookie."""
    sent = visitor.ask("/account?a=1&b=2", *BROWSER)
    assert (sent.status, sent.value("location")) == (
        303,
        "/.sealgate/sign-in?to=/account%3Fa%3D1%26b%3D2",
    )
    page = visitor.ask(sent.value("location"), *BROWSER)
    assert "Public Restricted" in page.body
    assert 'name="to" value="/account?a=1&amp;b=2"' in page.body
    back = visitor.sign_in("anna", "/account?a=1")
    assert (back.status, back.value("location")) == (303, "/account?a=1")
    assert "HttpOnly" in back.value("set-cookie")
    running.site.heard.clear()
    assert visitor.ask("/account?a=1").body == "ok"
    [heard] = running.site.heard
    assert heard["x-sealgate-user"] == "anna"
    assert heard["x-sealgate-rung"] == "1"
    assert heard["x-sealgate-class"] == "restricted"
    assert "cookie" not in heard


@pytest.mark.parametrize("path", ["/", "/account"])
@pytest.mark.parametrize("together", [["a=1"], ["a=1; x=2"], []], ids=len)
@pytest.mark.parametrize("ours", [0, 1, 2])
def test_cookies_in_several_fields_reach_the_site(
    running: Running, path: str, ours: int, together: list[str]
) -> None:
    """A client may send a field for each cookie (no browser does, RFC 6265, 5.4)."""
    own = f"__Host-sealgate={running.token}"
    fields = [*together, "b=2", 'c="3"']
    wanted = "; ".join(fields)
    fields.insert(ours, own)
    options = [part for one in fields for part in ("--header", f"Cookie: {one}")]
    nobody = Visitor(running.place, running.place.folder / "no.jar")
    running.site.heard.clear()
    assert nobody.ask(path, *options).status == 200
    [heard] = running.site.heard
    assert heard["cookie"] == wanted


def test_a_program_is_told_what_is_missing(visitor: Visitor) -> None:
    """Without a session a program gets 401 with problem details, and no redirect."""
    answer = visitor.ask("/account", "--header", "Accept: application/json")
    assert answer.status == 401
    assert answer.value("content-type") == "application/problem+json"
    assert answer.json()["missing"][0]["need"] == "sign-in"
    assert answer.json()["class"] == "Public Restricted"


def test_names_of_any_letters(running: Running, visitor: Visitor) -> None:
    """A name outside ASCII signs in, and reaches the site in UTF-8."""
    assert visitor.sign_in("Jürgen Ü", "/account").status == 303
    running.site.heard.clear()
    assert visitor.ask("/account").status == 200
    raw = running.site.heard[0]["x-sealgate-user"]
    assert raw.encode("latin-1").decode() == "Jürgen Ü"


def test_only_who_is_admitted(visitor: Visitor) -> None:
    """A route with a list refuses an account that is not on it, in words."""
    visitor.sign_in("Jürgen Ü", "/account")
    assert visitor.ask("/staff").status == 403
    page = visitor.ask("/staff", *BROWSER)
    assert page.status == 403
    assert "not open to that account" in page.body


def test_the_wrong_password(visitor: Visitor) -> None:
    """A wrong password and an unknown name are told alike, and open nothing."""
    wrong = visitor.sign_in("anna", "/account", "not the password at all")
    unknown = visitor.sign_in("nobody", "/account")
    assert (wrong.status, unknown.status) == (401, 401)
    for answer in (wrong, unknown):
        assert "do not belong together" in answer.body
    assert visitor.ask("/account").status == 401


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "/%09/evil", "javascript:1"],
)
def test_no_way_leads_to_another_site(visitor: Visitor, target: str) -> None:
    """After a sign-in nobody is sent elsewhere, whatever the form or the link said."""
    answer = visitor.sign_in("anna", target)
    assert answer.value("location") in {"/", "/%09/evil"}


@pytest.mark.parametrize(
    "forged",
    [
        ["--header", "Origin: https://evil.example"],
        ["--header", "Sec-Fetch-Site: cross-site"],
        ["--header", "Sec-Fetch-Site: same-site"],
        ["--header", "Origin: null"],
    ],
)
def test_a_form_of_another_site_is_none(visitor: Visitor, forged: list[str]) -> None:
    """Who is brought by another page to send our form is not signed in by it."""
    visitor.options += forged
    assert visitor.sign_in("anna", "/account").status == 403
    assert visitor.token == ""


def test_a_form_without_its_token_is_none(visitor: Visitor) -> None:
    """The hidden field and the cookie must be there, and equal."""
    fields = ["--data", "name=anna", "--data", "password=x", "--data", "form=guessed"]
    assert visitor.ask("/.sealgate/sign-in", *BROWSER, *fields).status == 403


def test_signing_out(visitor: Visitor) -> None:
    """After a sign-out the browser has no session, and the old one cannot be made anew."""
    visitor.sign_in("anna", "/account")
    old = visitor.token
    assert visitor.post("/.sealgate/sign-out", on="/.sealgate/").status == 303
    assert visitor.token == ""
    assert visitor.ask("/account").status == 401
    ended = remade(visitor, old, exp=-5)
    assert visitor.with_token(ended, "/account").status == 401


def test_somebody_is_signed_out_everywhere(running: Running, tmp_path: Path) -> None:
    """An operator ends the sign-ins of one user: no token of theirs is made anew, of others is."""
    running.place.add("emil")
    phone, desk = (Visitor(running.place, tmp_path / name) for name in ("phone", "desk"))
    other = Visitor(running.place, tmp_path / "other")
    everybody = (phone, desk, other)
    for one, name in zip(everybody, ("emil", "emil", "anna"), strict=True):
        one.sign_in(name, "/account")
        assert one.ask("/account").status == 200
    done = running.place.sealgate("user", "sign-out", "emil")
    assert done.stdout == 'ended 2 sign-ins of "emil"; every browser notices within a minute\n'
    ended = [remade(one, one.token, exp=-5) for one in (phone, desk, other)]
    told = [
        one.with_token(token, "/account").status
        for one, token in zip(everybody, ended, strict=True)
    ]
    assert told == [401, 401, 200]
    assert phone.sign_in("emil", "/account").status == 303
    assert phone.ask("/account").status == 200
    unknown = running.place.sealgate("user", "sign-out", "nobody")
    assert (unknown.returncode, unknown.stdout) == (2, "")


def test_a_token_that_ended_is_made_anew_on_the_way(running: Running, visitor: Visitor) -> None:
    """A request with a stale token passes, body and all, and takes a new token home."""
    visitor.sign_in("anna", "/account")
    stale = remade(visitor, visitor.token, exp=-30)
    answer = visitor.with_token(stale, "/account", "--request", "GET", "--data", "x=1")
    assert answer.status == 200
    assert answer.value("set-cookie").startswith("__Host-sealgate=ey")
    fresh = answer.value("set-cookie").partition("=")[2].partition(";")[0]
    assert visitor.with_token(fresh, "/account").value("set-cookie") == ""
    for left, line in (
        ("a=1; b=2", f"a=1; __Host-sealgate={stale}; b=2"),
        ('a="1"', f'a="1"; __Host-sealgate={stale}'),
    ):
        running.site.heard.clear()
        bare = Visitor(running.place, visitor.jar.with_name(left))
        answer = bare.ask("/account", "--header", f"Cookie: {line}")
        assert answer.value("set-cookie").startswith("__Host-sealgate=ey"), line
        [heard] = running.site.heard
        assert (heard["cookie"], heard["x-sealgate-user"]) == (left, "anna")


def test_who_is_removed_is_out_when_the_token_ends(running: Running, visitor: Visitor) -> None:
    """A user who was removed gets no new token; the old one ends within a minute."""
    running.place.add("carla")
    visitor.sign_in("carla", "/account")
    with running.place.people() as people:
        people.remove("carla", by="test", now=time.time())
    content = claims(visitor.token)
    assert content["exp"] - content["iat"] <= 58
    assert visitor.with_token(remade(visitor, visitor.token, exp=-5), "/account").status == 401


def test_no_cookie_of_ours_reaches_the_site(running: Running, visitor: Visitor) -> None:
    """On every route the site gets its own cookies and none of ours, wherever they stand."""
    visitor.sign_in("anna", "/account")
    token = visitor.token
    for path in ("/", "/account", "/staff/x"):
        for line, left in {
            f"__Host-sealgate={token}": None,
            f"__Host-sealgate={token}; __Host-sealgate-form=x": None,
            f"a=1; __Host-sealgate={token}; b=2": "a=1; b=2",
            f"__Host-sealgate={token}; b=2": "b=2",
            f"a=1; __Host-sealgate-form=x; __Host-sealgate={token}": "a=1",
            f"a==1; __Host-id=2; __Host-sealgate={token}; =3; b=": "a==1; __Host-id=2; =3; b=",
            # What Envoy's own filter would not leave as it is.
            f'a="1"; __Host-sealgate={token}; b=2': 'a="1"; b=2',
            f"a; __Host-sealgate={token};  b=2": "a;  b=2",
            f"__Ho; __Host-sealgate={token}; st-id=1": "__Ho; st-id=1",
            f"a=1; x__Host-sealgate=t; __Host-sealgate={token}": "a=1; x",
            f"a=1; __Host-sealgate={token}; __Host-sealgate={token}": "a=1",
        }.items():
            for how in ("--http1.1", "--http2"):
                running.site.heard.clear()
                bare = Visitor(running.place, visitor.jar.with_name("no"))
                assert bare.ask(path, how, "--header", f"Cookie: {line}").status == 200, line
                [heard] = running.site.heard
                assert (heard.get("cookie"), heard["x-forwarded-proto"]) == (left, "https"), line


def test_nobody_says_who_they_are(running: Running, visitor: Visitor) -> None:
    """Headers that a client made up about itself never reach site or service."""
    running.site.heard.clear()
    made_up = ["--header", "X-Sealgate-User: root", "--header", "X-Sealgate-Rung: 3"]
    assert visitor.ask("/", *made_up).status == 200
    assert not [name for name in running.site.heard[0] if "sealgate" in name]
    assert visitor.ask("/account", *made_up).status == 401


def test_failed_attempts_make_wait(running: Running, tmp_path: Path) -> None:
    """After a few wrong passwords the page says how long to wait, and the password is not asked."""
    running.place.add("dora")
    # On a busy machine the wait may be over before the next try: then it begins anew, signed out.
    for again in range(5):
        visitor = Visitor(running.place, tmp_path / f"jar-{again}")
        for number in range(12):
            told_after = time.monotonic()
            said = visitor.sign_in("dora", "/account", f"wrong {number}")
            if said.status == 429:
                break
        wait = int(said.value("retry-after"))
        assert wait >= 1
        tried = visitor.sign_in("dora", "/account")
        if time.monotonic() - told_after < wait:
            break
    assert tried.status == 429


# Tokens: what somebody could bring who wants in without signing in.


def _b64(data: bytes | str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _other_key() -> TokenKey:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return token_key(pem, float(int(time.time())))


def _session(**changed: Any) -> Session:
    now = int(time.time())
    fields: dict[str, Any] = {
        "name": "anna",
        "rung": 1,
        "proven": (Proven(Factor.PASSWORD, now),),
        "country": None,
        "issued_at": now,
        "ends_at": now + 50,
        "id": "never-signed-in-anywhere",
        "site": "localhost",
        **changed,
    }
    return Session(**fields)


def _altered(token: str, **changed: Any) -> str:
    head, _, sign = token.split(".")
    return ".".join([head, _b64(json.dumps(claims(token) | changed)), sign])


def _headed(token: str, **changed: Any) -> str:
    _, payload, sign = token.split(".")
    head = {"alg": "ES256", "kid": "x", "typ": "sealgate-session+jwt", **changed}
    return ".".join([_b64(json.dumps(head)), payload, sign])


def _rsa(token: str) -> str:
    key = RSAKey.import_key(rsa.generate_private_key(65537, 2048))
    return jws.serialize_compact(
        {"alg": "RS256"}, json.dumps(claims(token)), key, algorithms=["RS256"]
    )


def _hmac(key: TokenKey, token: str) -> str:
    # The classic confusion: the public key taken for a shared secret (RFC 8725, 2.1).
    secret = OctKey.import_key(key_set([key]).encode())
    head = {"alg": "HS256", "kid": key.kid}
    return jws.serialize_compact(head, json.dumps(claims(token)), secret, algorithms=["HS256"])


Forge = dict[str, "Callable[[TokenKey, str], str]"]
NO_TOKENS: Forge = {
    "empty": lambda _k, _t: "",
    "no dots": lambda _k, _t: "abcdef",
    "only dots": lambda _k, _t: "..",
    "header alone": lambda _k, t: t.split(".")[0],
    "signature stripped": lambda _k, t: ".".join([*t.split(".")[:2], ""]),
    "signature dropped": lambda _k, t: ".".join(t.split(".")[:2]),
    "signature of zeros": lambda _k, t: ".".join([*t.split(".")[:2], _b64(bytes(64))]),
    "signature cut": lambda _k, t: t[:-4],
    "signature turned": lambda _k, t: t[:-6] + ("AAAAAA" if t[-6:] != "AAAAAA" else "BBBBBB"),
    "two tokens joined": lambda _k, t: t + "." + t,
    "alg none": lambda _k, t: _headed(t, alg="none").rpartition(".")[0] + ".",
    "alg none, kept signature": lambda k, t: _headed(t, alg="none", kid=k.kid),
    "alg None": lambda k, t: _headed(t, alg="None", kid=k.kid),
    "alg HS256 with the public key": _hmac,
    "alg RS256, own key": lambda _k, t: _rsa(t),
    "alg ES384 said": lambda k, t: _headed(t, alg="ES384", kid=k.kid),
    "own key in the header": lambda k, t: signed(
        _other_key(), claims(t), kid=k.kid, jwk={"kty": "EC"}
    ),
    "own key, our name for it": lambda k, t: signed(_other_key(), claims(t), kid=k.kid),
    "own key, its name": lambda _k, t: signed(_other_key(), claims(t)),
    "no kid, own key": lambda _k, t: signed(_other_key(), claims(t), kid=""),
    "other name": lambda _k, t: _altered(t, sub="Jürgen Ü"),
    "rung raised": lambda _k, t: _altered(t, rung=3),
    "life extended": lambda _k, t: _altered(t, exp=int(time.time()) + 9999),
    "other group": lambda _k, t: _altered(t, groups=["root"]),
    "for another site": lambda k, _t: issue(_session(site="other.example"), k),
    "for another site and ours": lambda k, t: signed(
        k, claims(t) | {"aud": "localhost.evil.example"}
    ),
    "of another issuer": lambda k, t: signed(k, claims(t) | {"iss": "somebody"}),
    "expired, never signed in": lambda k, _t: issue(
        _session(issued_at=int(time.time()) - 90, ends_at=int(time.time()) - 40), k
    ),
    "not valid yet": lambda k, t: signed(
        k, claims(t) | {"nbf": int(time.time()) + 600, "exp": int(time.time()) + 650}
    ),
    "rung 0": lambda k, t: signed(k, claims(t) | {"rung": 0}),
    "no rung": lambda k, t: signed(k, {n: v for n, v in claims(t).items() if n != "rung"}),
    "rung as text": lambda k, t: signed(k, claims(t) | {"rung": "1 "}),
    "no end, never signed in": lambda k, t: signed(
        k, {n: v for n, v in claims(t).items() if n not in {"exp", "rung"}}
    ),
    "far too long": lambda _k, t: t + "A" * 20_000,
}


@pytest.mark.parametrize("case", NO_TOKENS)
def test_what_is_no_token_opens_nothing(running: Running, visitor: Visitor, case: str) -> None:
    """Forged, expired, other-site, stripped and confused tokens: none lets anybody in."""
    key = running.place.signing_key()
    good = remade(visitor, running.token, exp=50)
    assert visitor.with_token(good, "/account").status == 200
    before = len(running.site.seen)
    answer = visitor.with_token(NO_TOKENS[case](key, good), "/account")
    assert answer.status in {401, 431}, case
    assert len(running.site.seen) == before


def test_a_token_of_another_place_in_another_cookie(visitor: Visitor) -> None:
    """A token counts in its own cookie only: neither in a header, a query, nor another name."""
    visitor.sign_in("anna", "/account")
    token, bare = visitor.token, Visitor(visitor.place, visitor.jar.with_name("no"))
    for options in (
        ["--header", f"Authorization: Bearer {token}"],
        ["--header", f"Cookie: sealgate={token}"],
        ["--header", f"Cookie: __host-sealgate={token}"],
        # Another host of the domain may set these.
        ["--header", f"Cookie: x=__Host-sealgate={token}"],
        ["--header", f"Cookie: x__Host-sealgate={token}"],
        ["--header", f"Cookie: x=1; y=__Host-sealgate={token}"],
        ["--header", f"X-Sealgate-Token: {token}"],
    ):
        assert bare.ask("/account", *options).status == 401
    assert bare.ask(f"/account?access_token={token}").status == 401


def test_with_the_service_down_nobody_new_comes_in(
    running: Running, visitor: Visitor, tmp_path: Path
) -> None:
    """Stopped or killed, the service admits nobody; sessions live on; a crash is mended."""
    visitor.sign_in("anna", "/account")
    pid = _service_pid(running)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert visitor.ask("/account").status == 200
        assert Visitor(running.place, tmp_path / "new").ask("/account").status == 503
    finally:
        os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGKILL)
    assert visitor.ask("/account").status == 200
    assert wait_until(lambda: _service_pid(running) not in {0, pid})
    stranger = Visitor(running.place, tmp_path / "new")
    assert wait_until(lambda: stranger.ask("/account").status == 401)


def _service_pid(running: Running) -> int:
    told = status(str(running.place.state))
    assert isinstance(told, dict)
    return int(told["sign_in_pid"] or 0)

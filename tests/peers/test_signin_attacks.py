"""
Attacks on the pages where one signs in, each of which is refused.

Forms of others, cookies from before, other hosts, links that lead away, too much, other methods,
and names that are none.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from typing import TYPE_CHECKING

import pytest

from sealgate.app.audit_host import host_sightings
from sealgate.policy.observation import Fact, Observation
from tests.peers.served import site_running
from tests.peers.signed import (
    BROWSER,
    COOKIE,
    PASSWORD,
    Answer,
    SignedPlace,
    Visitor,
    claims,
    remade,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.peers.served import Site

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("curl")]

ROUTES = """
[[site.route]]
path = "/account"
class = "restricted"
"""
# More than the service once served at a time.
HALVES = 260
SIGN_IN, FORM_COOKIE = "/.sealgate/sign-in", "__Host-sealgate-form"
POSTS = (SIGN_IN, "/.sealgate/code", "/.sealgate/sign-out")
SCRIPTED = (
    "/.sealgate/passkey/options",
    "/.sealgate/passkey",
    "/.sealgate/passkey/new/options",
    "/.sealgate/passkey/new",
)


class Running:
    """A served place with anna, and the site behind it."""

    def __init__(self, place: SignedPlace, site: Site) -> None:
        self.place, self.site, self.count = place, site, 0

    def visitor(self) -> Visitor:
        """Return somebody with an empty jar."""
        self.count += 1
        return Visitor(self.place, self.place.folder / f"jar-{self.count}")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Serve a page for people with an account."""
    with contextlib.ExitStack() as held:
        site = held.enter_context(site_running())
        folder: Path = tmp_path_factory.mktemp("attacked-sign-in")
        place = SignedPlace(folder, site.server_address[1], routes=ROUTES)
        place.declare()
        place.add("anna")
        place.add("mallory")
        held.enter_context(place.serving())
        yield Running(place, site)


@pytest.fixture
def visitor(running: Running) -> Visitor:
    """Return somebody with an empty jar."""
    return running.visitor()


@pytest.fixture(scope="module")
def anna(running: Running) -> Visitor:
    """Return anna, signed in; no test signs her out."""
    anna = running.visitor()
    assert anna.sign_in("anna", "/account").status == 303
    return anna


def form_of(visitor: Visitor, on: str = SIGN_IN) -> str:
    """Load the page *on*; return the token of its form, whose cookie is in the jar now."""
    found = re.search(r'name="form" value="([^"]+)"', visitor.ask(on, *BROWSER).body)
    assert found is not None
    return found[1]


def sent(form: str, name: str = "anna", password: str = PASSWORD) -> list[str]:
    """Return what curl is told to send a form that would sign in."""
    fields = {"form": form, "name": name, "password": password, "to": "/account"}
    data = [("--data-urlencode", f"{key}={value}") for key, value in fields.items()]
    return [part for pair in data for part in pair]


def is_in(visitor: Visitor) -> bool:
    """Return whether *visitor* has a session that opens something."""
    return bool(visitor.token) and visitor.ask("/account").status == 200


def test_the_same_form_signs_in_when_nothing_is_wrong(visitor: Visitor) -> None:
    """What the other tests change one thing of."""
    answer = visitor.ask(SIGN_IN, *BROWSER, *sent(form_of(visitor)))
    assert (answer.status, answer.value("location")) == (303, "/account")
    assert is_in(visitor)


def test_a_form_without_the_cookie(visitor: Visitor, running: Running) -> None:
    """Its token alone is worth nothing, nor is that of somebody else's page."""
    other = running.visitor()
    forms = [form_of(other), "", "x" * 10_000]
    for form in forms:
        assert visitor.ask(SIGN_IN, *BROWSER, *sent(form)).status == 403
        assert not visitor.token
    mine = form_of(visitor)
    assert visitor.ask(SIGN_IN, *BROWSER, *sent(form_of(other))).status == 403
    assert visitor.ask(SIGN_IN, *BROWSER, *sent(mine)).status == 403
    assert not visitor.token


@pytest.mark.parametrize(
    "cookie",
    [
        "{form}",
        "{name}",
        "{name}=",
        "{lower}={form}",
        "{name}={form}x",
        "{short}={form}",
        "x={name}={form}",
        '{name}="{form}"',
        "{name} ={form}",
    ],
)
def test_a_cookie_that_is_not_quite_it(visitor: Visitor, running: Running, cookie: str) -> None:
    """Only the very name with the very value counts; the rest is refused alike."""
    form = form_of(running.visitor())
    header = cookie.format(
        form=form,
        name=FORM_COOKIE,
        lower=FORM_COOKIE.lower(),
        short=FORM_COOKIE.removeprefix("__Host-"),
    )
    answer = visitor.ask(SIGN_IN, *BROWSER, "--header", f"Cookie: {header}", *sent(form))
    if header == f"{FORM_COOKIE} ={form}":
        # RFC 6265, 5.2: white space around a name is none of it; then it is the very name.
        assert answer.status in {303, 403}
    else:
        assert answer.status == 403
        assert not visitor.token


@pytest.mark.parametrize(
    "header",
    [
        "Origin: https://evil.example",
        "Origin: http://localhost",
        "Origin: null",
        "Origin: https://localhost.evil.example",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
        "Sec-Fetch-Site: none",
    ],
)
def test_no_other_page_sends_our_forms(anna: Visitor, header: str) -> None:
    """
    Even with cookie and token: where a browser says who sends, it must be us.

    Whoever is signed in stays who they are.
    """
    before = claims(anna.token)
    form = form_of(anna, "/.sealgate/")
    for path in POSTS:
        answer = anna.ask(path, *BROWSER, "--header", header, *sent(form, "mallory"))
        assert answer.status in {303, 403}
        assert "mallory" not in answer.body
        now = claims(anna.token)
        assert (now["sub"], now["sid"]) == ("anna", before["sid"])
    assert is_in(anna)


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("application/json", ""),
        ("application/json", "guessed"),
        ("text/plain", "{form}"),
        ("application/x-www-form-urlencoded", "{form}"),
        ("multipart/form-data", "{form}"),
        ("", "{form}"),
    ],
)
def test_no_other_page_calls_what_scripts_call(visitor: Visitor, kind: str, form: str) -> None:
    """What a form of another site can send is none; what a script sends has our token."""
    headers = [f"content-type: {kind}", f"x-form: {form.format(form=form_of(visitor))}"]
    options = [part for header in headers for part in ("--header", header)]
    for path in SCRIPTED:
        answer = visitor.ask(path, *options, "--data", '{"code": "x"}')
        assert answer.status == 403
        assert "challenge" not in answer.body


def test_a_session_from_before_is_not_kept(visitor: Visitor, running: Running) -> None:
    """Whoever planted theirs does not come to know the one that counts, nor stays in it."""
    planter = running.visitor()
    planter.sign_in("mallory", "/account")
    planted = planter.token
    form = form_of(visitor)
    row = ["#HttpOnly_localhost", "FALSE", "/", "TRUE", "0", COOKIE, planted]
    visitor.jar.write_text(visitor.jar.read_text() + "\t".join(row) + "\n")
    assert visitor.token == planted
    answer = visitor.ask(SIGN_IN, *BROWSER, *sent(form))
    assert answer.status == 303
    mine = claims(visitor.token)
    assert mine["sub"] == "anna"
    assert mine["sid"] != claims(planted)["sid"]
    assert claims(planter.token)["sub"] == "mallory"
    planter.post("/.sealgate/sign-out", on="/.sealgate/")
    assert is_in(visitor)


@pytest.mark.parametrize("planted", ["", "x", "a.b.c", "x" * 5000, "%00", '"', "\u00e9"])
def test_a_session_that_is_none_is_in_nobodys_way(visitor: Visitor, planted: str) -> None:
    """It signs nobody in and keeps nobody out."""
    junk = ("--header", f"Cookie: {COOKIE}={planted}")
    assert visitor.ask("/account", *junk).status == 401
    assert visitor.ask(SIGN_IN, *BROWSER, *junk).status == 200


def test_a_planted_form_token_is_replaced(visitor: Visitor) -> None:
    """Each page has a new one, whatever the browser came with."""
    tokens = {form_of(visitor) for _ in range(3)}
    planted = ("--header", f"Cookie: {FORM_COOKIE}=planted")
    page = visitor.ask(SIGN_IN, *BROWSER, *planted)
    assert len(tokens) == 3
    assert "planted" not in page.body
    cookies = [value for name, value in page.headers if name == "set-cookie"]
    assert [c for c in cookies if c.startswith(f"{FORM_COOKIE}=") and "SameSite=Strict" in c]
    assert all("Secure" in c and "HttpOnly" in c and "Path=/" in c for c in cookies)


FORWARDED = [
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Proto: http",
    "X-Forwarded-Prefix: //evil.example",
    "Forwarded: host=evil.example;proto=http",
    "X-Original-URL: //evil.example",
    "X-Rewrite-URL: //evil.example",
    "X-Host: evil.example",
    "X-Sealgate-Site: evil.example",
    "X-Sealgate-User: mallory",
    "Referer: https://evil.example/",
]


def test_no_header_says_where_we_are(visitor: Visitor) -> None:
    """Every redirect is a path of this site, whoever the request says that it is for."""
    every = [part for header in FORWARDED for part in ("--header", header)]
    for header in FORWARDED:
        sent_on = visitor.ask("/account?a=1", *BROWSER, "--header", header)
        assert sent_on.value("location") == f"{SIGN_IN}?to=/account%3Fa%3D1"
        page = visitor.ask("/.sealgate/", *BROWSER, "--header", header)
        assert "evil" not in page.body
    answer = visitor.ask(SIGN_IN, *BROWSER, *every, *sent(form_of(visitor)))
    assert (answer.status, answer.value("location")) == (303, "/account")
    assert claims(visitor.token)["sub"] == "anna"


@pytest.mark.parametrize(
    "host",
    [
        "localhost.evil.example",
        "evil.example:443",
        "localhost@evil.example",
        "[::1]",
    ],
)
def test_no_other_host_is_answered(visitor: Visitor, host: str) -> None:
    """Not with a page, not with a redirect, not with a cookie."""
    form = form_of(visitor)
    for options in ((), sent(form)):
        answer = visitor.ask(SIGN_IN, *BROWSER, "--header", f"Host: {host}", *options)
        assert answer.status in {400, 404, 421}
        assert answer.value("location") == ""
        assert answer.value("set-cookie") == ""
        assert "evil" not in answer.body


@pytest.mark.parametrize(
    "lines",
    [
        ["GET {path} HTTP/1.1", "Host: localhost", "Host: evil.example"],
        ["GET {path} HTTP/1.1", "Host: evil.example", "Host: localhost"],
        ["GET {path} HTTP/1.1", "Host: localhost, evil.example"],
        ["GET {path} HTTP/1.1", "Host: localhost evil.example"],
        ["GET {path} HTTP/1.1", "Host:"],
        ["GET {path} HTTP/1.1"],
        ["GET https://evil.example{path} HTTP/1.1", "Host: localhost"],
    ],
)
def test_two_hosts_are_none(running: Running, lines: list[str]) -> None:
    """RFC 9112, 3.2: more or less than one Host is a bad request; one in the target counts alone."""
    context, place = running.place.trust(), running.place
    head = "\r\n".join([*lines, "Accept: text/html", "Connection: close", "", ""])
    with (
        socket.create_connection(("127.0.0.1", place.https), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(head.format(path=SIGN_IN).encode())
        answer = b"".join(iter(lambda: secure.recv(65536), b""))
    status = int(answer.split(b" ", 2)[1])
    assert status in {400, 404, 421}, answer
    assert b"evil" not in answer
    assert b"set-cookie" not in answer.lower()


HALF = (
    "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 400\r\n"
    "Content-Type: application/x-www-form-urlencoded\r\n\r\nname=anna"
)


@pytest.mark.parametrize("path", [SIGN_IN, "/.sealgate/code"])
def test_halves_of_forms_stop_nobody(running: Running, anna: Visitor, path: str) -> None:
    """Neither whoever signs in, from the same address, nor whose session ends meanwhile."""
    place, context = running.place, running.place.trust()
    with contextlib.ExitStack() as held:
        for _ in range(HALVES):
            plain = held.enter_context(socket.create_connection(("127.0.0.1", place.https), 20))
            secure = held.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
            secure.sendall(HALF.format(path=path).encode())
        ended = remade(anna, anna.token, exp=-5)
        for _ in range(5):
            # A new session each time; with two of them there would be none.
            anna.jar.with_name("nothing").unlink(missing_ok=True)
            assert anna.with_token(ended, "/account").status == 200
        visitor = running.visitor()
        assert visitor.sign_in("anna", "/account").status == 303
        assert is_in(visitor)


AWAY = [
    "//evil.example",
    "////evil.example/%2f..",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    " //evil.example",
    "https:/evil.example",
    "javascript:alert(1)//",
    "evil.example",
    "@evil.example",
    "/account#@evil.example",
    "/\uff0fevil.example",
    "/\x00/evil.example",
    "/.sealgate/sign-in?to=//evil.example",
]
STAYS = [
    "/%2f%2fevil.example",
    "/%5cevil.example",
    "/account?next=//evil.example",
    "/:80@evil.example",
]


def is_of_this_site(location: str) -> bool:
    """Return whether every browser goes to this site with *location* (WHATWG URL, 4.4)."""
    return (
        location.startswith("/")
        and location[1:2] not in {"/", "\\"}
        and location.isascii()
        and location.isprintable()
        and "\\" not in location
    )


def test_nobody_is_led_away_by_a_form(running: Running) -> None:
    """One form each; whatever it says, the way on is the start page, or a path as it was sent."""
    for target in (*AWAY, *STAYS):
        visitor = running.visitor()
        data = ["--data-urlencode", f"form={form_of(visitor)}", "--data-urlencode", "name=anna"]
        data += ["--data-urlencode", f"password={PASSWORD}"]
        data += ["--data-urlencode", "to=" + target.replace("\x00", "%00")]
        answer = visitor.ask(SIGN_IN, *BROWSER, *data)
        location = answer.value("location")
        assert answer.status == 303, target
        assert is_of_this_site(location), (target, location)
        if target in STAYS:
            assert location == target
        elif "\x00" not in target:
            assert location == "/", target


@pytest.mark.parametrize(
    "query",
    [
        *("to=//evil.example", "to=%2F%2Fevil.example", "to=/%5Cevil.example", "to=%5C%5Cevil"),
        *("to=/%09/evil.example", "to=%0d%0aLocation:%20//evil", "to=https:%2F%2Fevil.example"),
        *("to=/account&to=//evil.example", "to=//evil.example&to=/account", "to[]=//evil.example"),
        *("TO=//evil.example", "next=//evil.example", "to=%00//evil.example", "to=%ff%fe//evil"),
    ],
)
def test_nobody_is_led_away_by_a_link(visitor: Visitor, anna: Visitor, query: str) -> None:
    """The form of the page sends on to this site; whoever is signed in is sent there at once."""
    page = visitor.ask(f"{SIGN_IN}?{query}", *BROWSER)
    assert page.status == 200
    (to,) = set(re.findall(r'name="to" value="([^"]*)"', page.body))
    assert to in {"/", "/account"}
    answer = anna.ask(f"{SIGN_IN}?{query}", *BROWSER)
    assert answer.status == 303
    assert answer.value("location") == to
    assert [name for name, _ in answer.headers if name == "location"] == ["location"]


@pytest.mark.parametrize("size", [17_000, 1_000_000])
def test_a_form_that_is_too_large(visitor: Visitor, size: int) -> None:
    """It is none: refused as one that lacks its token, in a field, in a name, or in pieces."""
    form = form_of(visitor)
    body = visitor.jar.with_name("body")
    right = f"form={form}&name=anna&password={PASSWORD.replace(' ', '+')}"
    for more in (f"&x={'y' * size}", "&y=1" * (size // 4), f"&{'z' * size}=1"):
        body.write_text(right + more)
        for how in ((), ("--header", "Transfer-Encoding: chunked")):
            answer = visitor.ask(SIGN_IN, *BROWSER, *how, "--data-binary", f"@{body}")
            assert answer.status in {403, 413}
            assert not visitor.token
    assert visitor.ask(SIGN_IN, *BROWSER, *sent(form_of(visitor))).status == 303


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", "--x\r\n\r\n--x--"),
        ("application/json", '{"name": "anna"}'),
        ("text/plain", "form={form}&name=anna&password={password}"),
        ("application/x-www-form-urlencoded", "form={form}&name=anna&name"),
        ("application/x-www-form-urlencoded", "\udcff=x"),
        ("application/x-www-form-urlencoded", ""),
        ("application/x-www-form-urlencoded", "&&&&"),
        ("application/x-www-form-urlencoded", "form=%FF&name=%00&password=%ED%A0%80"),
    ],
)
def test_what_is_no_form(visitor: Visitor, kind: str, body: str) -> None:
    """Another type, or fields that cannot be read: refused, and the service lives on."""
    told = body.replace("{form}", form_of(visitor)).replace("{password}", PASSWORD)
    file = visitor.jar.with_name("body")
    file.write_bytes(told.encode("utf-8", "surrogateescape"))
    options = ("--header", f"content-type: {kind}", "--data-binary", f"@{file}")
    assert visitor.ask(SIGN_IN, *BROWSER, *options).status == 403
    assert not visitor.token


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
)
def test_other_methods_do_nothing(anna: Visitor, method: str) -> None:
    """Forms are sent, pages are read, and nothing else is done to either."""
    how = ("--head",) if method == "HEAD" else ("--request", method)
    pages = ("/.sealgate/", "/.sealgate/style.css", "/.sealgate/passkey.js")
    reads = method in {"GET", "HEAD"}
    for path in (*POSTS, *SCRIPTED, *pages):
        if reads and (path in pages or path.endswith(("sign-in", "new"))):
            continue
        answer = anna.ask(path, *BROWSER, *how)
        assert answer.status in {400, 403, 404, 405, 501}, (method, path, answer)
    assert is_in(anna)


def attempt(visitor: Visitor, name: str) -> Answer:
    """Return what somebody is told who says to be *name*."""
    return visitor.ask(SIGN_IN, *BROWSER, *sent(form_of(visitor), name, "not the password"))


HOSTILE_NAMES = [
    "anna\r\nSet-Cookie: x=y",
    "anna\nLocation: //evil.example",
    "anna\x00",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{password}",
    "an\u202ena",
    "x" * 10_000,
    " ",
]


def test_a_name_that_is_none(running: Running) -> None:
    """Nothing of it comes back: in no header, in no page, and everybody is told the same."""
    told = set()
    for name in HOSTILE_NAMES:
        visitor = running.visitor()
        answer = attempt(visitor, name.replace("\x00", "%00"))
        assert answer.status in {401, 429}, name
        assert not [pair for pair in answer.headers if pair[0] in {"location", "x"}]
        cookies = [value for key, value in answer.headers if key == "set-cookie"]
        assert all(cookie.startswith("__Host-sealgate") for cookie in cookies)
        assert name.strip() == "" or name not in answer.body
        if answer.status == 401:
            told.update(re.findall(r'role="alert">([^<]*)<', answer.body))
    assert told == {"That name and password do not belong together."}


def test_names_that_are_strange_and_right(running: Running) -> None:
    """The site learns them in one header, as they are; a page shows them as text."""
    names = ["O'Neil & <Søn>", "名前", "a,b;c=d", "x-sealgate-rung: 2"]
    for name in names:
        running.place.add(name)
        visitor = running.visitor()
        assert visitor.sign_in(name, "/account").status == 303
        running.site.heard.clear()
        assert visitor.ask("/account").status == 200
        heard = running.site.heard[-1]
        assert heard["x-sealgate-user"].encode("latin-1").decode("utf-8") == name
        assert heard["x-sealgate-rung"] == "1"
        page = visitor.ask("/.sealgate/", *BROWSER).body
        assert "<Søn>" not in page


def test_many_cookies_and_long_ones(visitor: Visitor) -> None:
    """They are refused or passed over; the next one is answered as always."""
    many = "; ".join(f"c{number}=x" for number in range(500))
    assert visitor.ask("/account", "--header", f"Cookie: {many}").status == 401
    for name in (COOKIE, FORM_COOKIE, "x"):
        huge = f"Cookie: {name}={'x' * 59_000}"
        assert visitor.ask("/account", "--header", huge).status in {401, 431}
        assert visitor.ask(SIGN_IN, *BROWSER, "--header", huge).status in {200, 431}
    assert visitor.sign_in("anna", "/account").status == 303


def test_a_page_says_nothing_about_who_exists(running: Running) -> None:
    """The answers to a known and to an unknown name differ in nothing but their form token."""
    seen = []
    for name in ("anna", "nobody-of-that-name"):
        visitor = running.visitor()
        answer = attempt(visitor, name)
        body = re.sub(r'name="form" value="[^"]+"', "", answer.body)
        headers = [pair for pair in answer.headers if pair[0] not in {"date", "set-cookie"}]
        seen.append((answer.status, body, sorted(headers)))
    assert seen[0] == seen[1]


def test_the_host_tells_what_people_are_asked_for(running: Running) -> None:
    """From outside only the refusal shows; an audit on this host knows that a password is asked for."""
    told = host_sightings(running.place.inventory, now=time.time())
    (seen,) = [s for s in told if s.asset.endswith("/account") and s.fact is Fact.ACCESS_RUNG]
    assert isinstance(seen, Observation), seen
    assert seen.value == 1

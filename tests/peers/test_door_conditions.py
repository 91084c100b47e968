"""Doors by method, credential and parameter, in a real Envoy and against what PHP itself reads."""

from __future__ import annotations

import base64
import json
import random
import subprocess
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.policy.assets import route_asset
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.conditions import MAX_BODY_BYTES
from sealgate.policy.inventory import (
    AccessSettings,
    Address,
    Credential,
    CredentialKind,
    CredentialPart,
    Door,
    Inventory,
    Listen,
    Route,
    Site,
    Upstream,
)
from tests.peers.gatewayed import (
    Client,
    EchoSite,
    Gateway,
    Keys,
    Pair,
    close_all,
    echo_site,
    gateway,
    run,
    write_countries,
)
from tests.ports import free_port
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PUBLIC, _, CONFIDENTIAL, _ = DEFAULT_MODEL.classes
NAME = "shop.example"
ADMIT = ("user:alice",)
SESSION = Credential(
    (
        CredentialPart(CredentialKind.COOKIE, "wordpress_logged_in_*"),
        CredentialPart(CredentialKind.HEADER, "x-wp-nonce"),
    )
)
ANY = Credential((CredentialPart(CredentialKind.AUTHORIZATION),))
ROUTES = (
    Route(Door("/"), PUBLIC),
    Route(
        Door("/", query="rest_route", query_value="/wp/v2/users", besides=("/comments.php",)),
        CONFIDENTIAL,
        admit=ADMIT,
    ),
    Route(
        Door("/wp-json", credentials=(ANY, SESSION)),
        CONFIDENTIAL,
        admit=ADMIT,
        method_override=True,
    ),
    Route(Door("/node", methods=("POST", "PATCH", "DELETE")), CONFIDENTIAL, admit=ADMIT),
    Route(Door("/jobs", query="task", json=True), CONFIDENTIAL, admit=ADMIT),
    Route(Door("/api"), PUBLIC),
    Route(Door("/API", methods=("POST",)), CONFIDENTIAL, admit=ADMIT),
)
FORM = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = "Content-Type: multipart/form-data; boundary=b"
JSON = "Content-Type: application/json"


@dataclass(frozen=True)
class World:
    """A gateway whose site has such doors, and one person whom they admit."""

    gateway: Gateway
    site: EchoSite
    alice: Pair

    def answer(
        self,
        target: str,
        *headers: str,
        method: str = "GET",
        body: bytes = b"",
        pair: Pair | None = None,
    ) -> int:
        """Return the status of one request, which arrives at the site if that is 200, and only then."""
        before = len(self.site.requests)
        client = Client(self.gateway.port, pair=pair)
        client.send(target, *headers, method=method, body=body)
        status = client.receive(method).status
        close_all()
        arrived = len(self.site.requests) - before
        assert arrived == (status == 200), (target, headers, status)
        return status


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Run the gateway in front of a site that tells what reached it."""
    folder = tmp_path_factory.mktemp("world")
    keys = Keys(folder)
    alice = keys.client("alice", "alice")
    with echo_site() as site:
        shop = Site((NAME,), Upstream("http", "127.0.0.1", site.port), ROUTES)
        inventory = Inventory(
            "sealgate.toml",
            str(folder),
            Listen((Address("127.0.0.1", free_port()),), ()),
            access=AccessSettings(("DE",), "country.mmdb"),
            sites=(shop,),
        )
        with gateway(
            inventory,
            tmp_path_factory.mktemp("envoy"),
            {NAME: keys.server(NAME)},
            client_ca=str(keys.authority.chain),
            admitted={route_asset(shop, r).id: (alice.fingerprint,) for r in ROUTES if r.admit},
            geo_database=str(write_countries(folder / "country.mmdb")),
        ) as running:
            yield World(running, site, alice)


def part(disposition: str, value: str, *, end: str = "\r\n") -> bytes:
    """Return a multipart form with one part."""
    lines = ["--b", f"Content-Disposition: {disposition}", "", value, "--b--", ""]
    return end.join(lines).encode()


def padding(name: str) -> str:
    """Return the white space with which *name* ends where PHP cuts the line of its disposition."""
    return " " * (5120 - len('Content-Disposition: form-data; name="') - len(name))


USERS = "/wp/v2/users"
REFUSED = {
    "in the URL": ("/?rest_route=/wp/v2/users", (), "GET", b""),
    "at a script in capitals": ("/Comments.PHP?rest_route=/wp/v2/users", (), "GET", b""),
    "a door in other case": ("/api/x", (), "POST", b""),
    "at a script with a slash": ("/comments.php/?rest%5Froute=/wp/v2/users", (), "GET", b""),
    "in a form": ("/", (FORM,), "POST", b"rest_route=/wp/v2/users"),
    "behind _method": ("/?_method=GET", (FORM,), "POST", b"rest_route=%2Fwp%2Fv2%2Fusers"),
    "with a dot": ("/x/", (FORM,), "POST", b"a=1&rest.route=/wp/v2/users"),
    "with a bracket": ("/", (FORM,), "POST", b"rest[route=/wp/v2/users"),
    "the second of two": ("/", (FORM,), "POST", b"rest_route=/x&rest_route=/wp/v2/users"),
    "by PUT": ("/", (FORM,), "PUT", b"rest_route=/wp/v2/users"),
    "without a type": ("/", (), "POST", b"rest_route=/wp/v2/users"),
    "with two types": ("/", (FORM, JSON), "POST", b"rest_route=/wp/v2/users"),
    "as text": ("/", ("Content-Type: text/plain",), "POST", b"rest_route=/wp/v2/users"),
    "compressed": ("/", (FORM, "Content-Encoding: gzip"), "POST", b"x"),
    "in UTF-16": ("/", (f"{FORM}; charset=utf-16",), "POST", b"x"),
    "in EBCDIC": ("/", (f"{FORM}; charset=ibm037",), "POST", b"x"),
    "by a charset in the form": ("/", (FORM,), "POST", b"_charset_=utf-16le&x=1"),
    "in multipart": ("/", (MULTIPART,), "POST", part('form-data; name="rest_route"', USERS)),
    "without quotes": ("/", (MULTIPART,), "POST", part("form-data; name=rest_route", USERS)),
    "with a backslash": ("/", (MULTIPART,), "POST", part('form-data; name="rest\\_route"', USERS)),
    "with name*": ("/", (MULTIPART,), "POST", part("form-data; name*=utf-8''rest_route", USERS)),
    "with LF alone": (
        "/",
        (MULTIPART,),
        "POST",
        part('form-data; name="rest_route"', USERS, end="\n"),
    ),
    "folded": ("/", (MULTIPART,), "POST", part('form-data;\r\n name="rest_route"', USERS)),
    # PHP cuts a line of a part's head after 5,120 bytes, and reads a name that ends there.
    "cut by PHP": (
        "/",
        (MULTIPART,),
        "POST",
        part(f'form-data; name="{padding("rest_route")}rest_route:x"', USERS),
    ),
    "two dispositions": (
        "/",
        (MULTIPART,),
        "POST",
        part(
            'form-data; name="x"\r\nContent-Disposition: form-data; name="rest_route"',
            USERS,
        ),
    ),
    "behind a preamble": (
        "/",
        (MULTIPART,),
        "POST",
        b"hello\r\n" + part('form-data; name="x"', "1"),
    ),
    "nested": (
        "/",
        ("Content-Type: multipart/mixed; boundary=b",),
        "POST",
        part('form-data; name="x"', "1"),
    ),
    "with a control character in the value": ("/?rest_route=/wp/v2/us%00ers", (), "GET", b""),
    "with control characters in the body": (
        "/",
        (FORM,),
        "POST",
        b"rest_route=%0a/wp/%0dv2/%09users",
    ),
    "too long": ("/", (FORM,), "POST", b"a=" + b"x" * MAX_BODY_BYTES),
    "with a password": ("/wp-json/wp/v2/posts", ("Authorization: Basic eDp5",), "GET", b""),
    "with a token": ("/wp-json/wp/v2/posts", ("Authorization: Bearer x",), "POST", b""),
    "with a stolen session": (
        "/wp-json/wp/v2/settings",
        ("Cookie: a=b; wordpress_logged_in_1=x", "X-WP-Nonce: 1"),
        "POST",
        b"",
    ),
    "with a session under PHP's other name": (
        "/wp-json/x",
        ("Cookie: wordpress.logged%5Fin_1=x", "X-WP-Nonce: 1"),
        "GET",
        b"",
    ),
    "with a second cookie field": (
        "/wp-json/x",
        ("Cookie: a=b", "Cookie: wordpress_logged_in_1=x", "X-WP-Nonce: 1"),
        "GET",
        b"",
    ),
    "with bytes before the session": (
        "/wp-json/x",
        ("Cookie: \xff=b; wordpress_logged_in_1=x", "X-WP-Nonce: 1"),
        "GET",
        b"",
    ),
    "spelled otherwise": ("/WP-JSON//x", ("Authorization: Basic eDp5",), "GET", b""),
    "by a writing method": ("/node/1", (FORM,), "PATCH", b"x=1"),
    "by _method in the URL": ("/node/1?_method=DELETE", (), "GET", b""),
    "by _method in the body": ("/node/1", (FORM,), "PUT", b"_method=delete"),
    "by an odd _method": ("/node/1?_method=x", (), "GET", b""),
    "as a member of JSON": ("/jobs", (JSON,), "POST", b'{"t\\u0061sk" : 1}'),
    "in JSON of UTF-16": ("/jobs", (JSON,), "POST", '{"task": 1}'.encode("utf-16-le")),
}
SERVED = {
    "a page": ("/?s=1", (), "GET", b""),
    "a comment": ("/wp-comments-post.php", (FORM,), "POST", b"comment=rest_route+/wp/v2/users"),
    "a script besides": ("/comments.php?rest_route=/wp/v2/users", (), "GET", b""),
    "another route": ("/", (FORM,), "POST", b"rest_route=/wp/v2/posts"),
    "a form with a file": (
        "/contact",
        (MULTIPART,),
        "POST",
        part('form-data; name="f"; filename="a.txt"\r\nContent-Type: text/plain', "rest_route=1"),
    ),
    "large JSON": ("/wp-json/x", (JSON,), "POST", b"[" + b"1," * MAX_BODY_BYTES + b"1]"),
    "a picture": ("/up", ("Content-Type: image/png",), "PUT", b"x" * 2 * MAX_BODY_BYTES),
    "reading without credentials": ("/wp-json/wp/v2/posts", (), "GET", b""),
    "a session without nonce": ("/wp-json/x", ("Cookie: wordpress_logged_in_1=x",), "GET", b""),
    "credentials elsewhere": ("/feed", ("Authorization: Basic eDp5",), "GET", b""),
    "reading a node": ("/node/1", (), "GET", b""),
    "a dropped override": ("/node/1", ("X-HTTP-Method-Override: DELETE",), "GET", b""),
    "JSON without the member": ("/jobs", (JSON,), "POST", b'{"x": "task"}'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_stranger_is_refused(world: World, case: str) -> None:
    """Whatever some server reads as the door, in URL, headers or body, does not arrive."""
    target, headers, method, body = REFUSED[case]
    assert world.answer(target, *headers, method=method, body=body) in {400, 403, 413}


@pytest.mark.parametrize("case", SERVED)
def test_what_the_public_needs_is_served(world: World, case: str) -> None:
    """Anonymous use that is no door arrives, whole."""
    target, headers, method, body = SERVED[case]
    assert world.answer(target, *headers, method=method, body=body) == 200
    told = world.site.requests[-1]
    assert (told.method, told.target, told.body_bytes) == (method, target, len(body))
    assert told.value("x-http-method-override") is None


def test_who_is_admitted_works_as_usual(world: World) -> None:
    """An editor's calls arrive, with the override that WordPress' own scripts send."""
    editor = ("Cookie: wordpress_logged_in_1=x", "X-WP-Nonce: 1")
    put = (*editor, JSON, "X-HTTP-Method-Override: PUT")
    for target, headers, method, body in (
        ("/wp-json/wp/v2/posts/1", put, "POST", b"{}"),
        ("/wp-json/wp/v2/media", (*editor, MULTIPART), "POST", b"x" * 3 * MAX_BODY_BYTES),
        ("/wp-json/wp/v2/posts", ("Authorization: Basic eDp5",), "GET", b""),
        ("/?rest_route=/wp/v2/users", (), "GET", b""),
        ("/upload.php", (MULTIPART,), "POST", b"x" * 3 * MAX_BODY_BYTES),
        ("/node/1", (FORM,), "POST", b"x=1"),
    ):
        got = world.answer(target, *headers, method=method, body=body, pair=world.alice)
        assert got == 200, (target, method)
        kept = world.site.requests[-1].value("x-http-method-override")
        assert kept == ("PUT" if headers is put else None)


def test_odd_methods_of_http_2_count_as_any(world: World) -> None:
    """HTTP/2 lets any word be a method, and some software folds it."""
    url = f"https://{NAME}:{world.gateway.port}"
    asked = ("--resolve", f"{NAME}:{world.gateway.port}:127.0.0.1", "--http2", "-m", "30")
    before = len(world.site.requests)
    for method in ("post", "FOO", "Patch"):
        got = run(
            "curl",
            "-sk",
            *asked,
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
            "-X",
            method,
            f"{url}/node/1",
        )
        assert got.stdout == b"403", method
    assert len(world.site.requests) == before


def test_a_body_without_length_is_bounded(world: World) -> None:
    """More than is held is refused as it comes, over HTTP/2 and in chunks."""
    url = f"https://{NAME}:{world.gateway.port}/"
    asked = ("--resolve", f"{NAME}:{world.gateway.port}:127.0.0.1", "-m", "30", "-H", FORM)
    before = len(world.site.requests)
    for way in (
        ("--http1.1", "-H", "Transfer-Encoding: chunked"),
        ("--http2", "-H", "Content-Length:"),
    ):
        got = run(
            *("curl", "-sk", *asked, *way, "-o", "/dev/null", "-w", "%{http_code}"),
            *("-X", "POST", "-H", "Expect:", "--data-binary", "@-", url),
            data=b"a=" + b"x" * 2 * MAX_BODY_BYTES,
        )
        assert got.stdout in {b"403", b"413"}, got
    assert len(world.site.requests) == before


# Against PHP itself.


@pytest.fixture(scope="module")
def php(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run PHP's own server on a page that tells what it read, and return its address."""
    folder: Path = tmp_path_factory.mktemp("php")
    (folder / "index.php").write_text(
        "<?php header('X-Read: ' . base64_encode(json_encode("
        "[(array)($_GET['rest_route'] ?? null), (array)($_POST['rest_route'] ?? null)],"
        " JSON_PARTIAL_OUTPUT_ON_ERROR)));"
    )
    port = free_port()
    server = subprocess.Popen(
        ["php", "-S", f"127.0.0.1:{port}", "-t", str(folder), str(folder / "index.php")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            return False
        return True

    try:
        assert wait_until(answers)
        yield url
    finally:
        server.kill()
        server.wait()


def _generated() -> Iterator[tuple[str, str, bytes]]:
    chance = random.Random(20261202)  # noqa: S311  # the same requests in each run
    letters = {"r": ("r", "%72", "r"), "_": ("_", ".", " ", "+", "[", "%5f", "%2E", "%20", "_")}
    ends = ("", "[]", "[a]", "[", "%00x", "[][b]", " ", ".", "=")
    fronts = ("", " ", "+", "%20", "a=1&", "&", "rest_route=x&", "%0a")
    kinds = (
        *("application/x-www-form-urlencoded", "application/x-www-form-urlencoded;charset=utf-8"),
        *("Application/x-www-form-urlencoded , x", "application/x-www-form-urlencoded x"),
        *("multipart/form-data; boundary=b", 'multipart/form-data; boundary="b"'),
        *("multipart/form-data; boundary=b; x=y", "multipart/form-data; x=y; boundary=b,c"),
        *("multipart/form-data;BOUNDARY=b", "multipart/form-data, boundary=b", "text/plain"),
    )
    dispositions = (
        'form-data; name="{0}"',
        "form-data; name={0}",
        "form-data; name='{0}'",
        'form-data; name="x"; name="{0}"',
        'form-data; filename="a"; name="{0}"',
        'form-data;name="{0}"; filename="a.txt"',
        'form-data; NAME="{0}"',
        'attachment; name="{0}"',
        'form-data;\r\n name="{0}"',
        'form-data; name="{0}"\r\nContent-Type: text/plain',
        'form-data; name="a\\"; x="; name="{0}"',
        'form-data; name="{1}{0}:x"',
    )
    for _ in range(250):
        name = "".join(chance.choice(letters.get(c, (c,))) for c in "rest_route")
        name = chance.choice(fronts) + name + chance.choice(ends)
        kind = chance.choice(kinds)
        body = f"{name}=/wp/v2/users".encode()
        if kind.lower().startswith("multipart"):
            shown = chance.choice(dispositions).format(name, padding(name))
            end = chance.choice(("\r\n", "\r\n", "\n"))
            body = part(shown, USERS, end=end)
            if chance.random() < 0.2:
                body = b"preamble\r\n" + body
            if chance.random() < 0.2:
                body = body.replace(b"Content-Disposition:", b"content-disposition :")
        target = f"/?{name.replace(' ', '%20')}=/wp/v2/users" if chance.random() < 0.2 else "/"
        yield target, kind, body
    cut = f'form-data; name="{padding("rest_route")}rest_route:x"'
    yield "/", "multipart/form-data; boundary=b", part(cut, USERS)


def _texts(told: Any) -> Iterator[str]:
    if isinstance(told, str):
        yield told
    elif isinstance(told, dict | list):
        for one in told.values() if isinstance(told, dict) else told:
            yield from _texts(one)


def test_whatever_php_reads_as_the_door_is_refused(world: World, php: str) -> None:
    """Over hundreds of spellings, none that PHP takes for the parameter passes the gateway."""
    read = passed = 0
    for target, kind, body in _generated():
        request = urllib.request.Request(  # noqa: S310  # our own address
            php + target, data=body, headers={"Content-Type": kind}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310  # our own address
            told = json.loads(base64.b64decode(answer.headers["X-Read"]))
        status = world.answer(target, f"Content-Type: {kind}", method="POST", body=body)
        meant = any(value.startswith(USERS) for value in _texts(told))
        assert not (meant and status == 200), (target, kind, body)
        read += meant
        passed += status == 200
    assert read > 50, read
    assert passed > 2, passed

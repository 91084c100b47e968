"""The strictest reading: what holds for every path, and that Lua and patterns agree."""

from __future__ import annotations

import json
import re
from functools import cache, partial
from itertools import product
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st
from lupa.luajit21 import LuaRuntime

from sealgate.gateway.translate.glance import Neighbours
from sealgate.gateway.translate.patterns import PRINTABLE, doubtful, simple
from sealgate.gateway.translate.readings import Places, lua_program
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.conditions import Request, is_formless
from sealgate.policy.inventory import (
    Credential,
    CredentialKind,
    CredentialPart,
    Door,
    Inspect,
    Route,
    SiteAccess,
)
from sealgate.policy.leftovers import Leftover
from sealgate.policy.routing import (
    RouteRefusal,
    could_be_read_as,
    is_plain,
    is_stricter,
    judge,
    serving,
    serving_route,
    specificity,
    split_target,
)
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET = DEFAULT_MODEL.classes
WITH_NONCE = Credential(
    (
        CredentialPart(CredentialKind.COOKIE, "wp_in_*"),
        CredentialPart(CredentialKind.HEADER, "x-nonce"),
    )
)
KEY = Credential((CredentialPart(CredentialKind.HEADER, "x-key"),))
BASIC = Credential((CredentialPart(CredentialKind.AUTHORIZATION, "basic"),))
SITES = (
    (
        Route(Door("/"), PUBLIC),
        Route(Door("/typo3"), CONFIDENTIAL),
        Route(Door("/", query="__typo3_install"), CONFIDENTIAL),
        Route(Door("/typo3/install.php"), CONFIDENTIAL),
        Route(Door("/typo3/sysext/*/Resources/Public"), PUBLIC),
    ),
    (
        Route(Door("/"), PUBLIC),
        Route(Door("/wp-admin"), CONFIDENTIAL),
        Route(Door("/wp-login.php"), CONFIDENTIAL),
        Route(Door("/", query="rest_route", query_value="/wp/v2/users"), CONFIDENTIAL),
        Route(Door("/wp-admin/admin-ajax.php", exact=True), PUBLIC),
    ),
    (
        Route(Door("/"), RESTRICTED),
        Route(Door("/a", exact=True), SECRET),
        Route(Door("/a/*/c"), CONFIDENTIAL),
        Route(Door("/a/b"), PUBLIC),
        Route(Door("/A/B/C"), SECRET),
        Route(Door("/a", query="x.y"), CONFIDENTIAL),
        Route(Door("/a/b/c", query="x.y", query_value="1"), SECRET),
    ),
    (
        Route(Door("/"), PUBLIC, inspect=Inspect.ENFORCE),
        Route(Door("/a"), PUBLIC, payment=True, scripts=("'self'",)),
        Route(Door("/A/b"), PUBLIC, SECRET),
        Route(Door("/x.php"), PUBLIC),
        Route(Door("/b", query="x.y"), CONFIDENTIAL),
        Route(Door("/typo3"), RESTRICTED, payment=True),
    ),
    (
        Route(Door("/"), PUBLIC),
        Route(Door("/a"), PUBLIC, leftovers=(Leftover.DUMPS, Leftover.LOGS)),
        Route(Door("/a/b"), PUBLIC, leftovers=tuple(Leftover)),
        Route(Door("/a/b/c"), PUBLIC),
    ),
    (
        Route(Door("/"), PUBLIC),
        Route(Door("/", query="rest_route", query_value="/wp/v2/users"), CONFIDENTIAL),
        Route(Door("/api", methods=("POST", "DELETE")), CONFIDENTIAL),
        Route(Door("/api", methods=("PUT",), json=True), SECRET),
        Route(Door("/", credentials=(WITH_NONCE, KEY)), CONFIDENTIAL, method_override=True),
        Route(Door("/x", credentials=(BASIC,)), RESTRICTED, method_override=True),
        Route(Door("/x", query="task", query_value="user.", json=True), CONFIDENTIAL),
        Route(Door("/api/x"), RESTRICTED),
    ),
    (
        Route(Door("/"), PUBLIC),
        Route(Door("/", query="rest_route", besides=("/a", "/x/index.php", "/B")), CONFIDENTIAL),
        Route(Door("/", methods=("POST",), besides=("/a", "/x")), CONFIDENTIAL),
        Route(Door("/a", exact=True), PUBLIC),
        Route(Door("/x/index.php", exact=True), PUBLIC),
    ),
    (
        Route(Door("/"), PUBLIC),
        Route(Door("/wp-*"), CONFIDENTIAL),
        Route(Door("/*/wp-a*"), CONFIDENTIAL),
        Route(Door("/*/*/wp-login.php"), CONFIDENTIAL),
        Route(Door("/wp-admin"), RESTRICTED),
        Route(Door("/*/wp-admin/admin-ajax.php", exact=True), PUBLIC),
        Route(Door("/a/*", query="x.y"), CONFIDENTIAL),
        Route(Door("/*/c"), PUBLIC),
        Route(Door("/index.php/b"), PUBLIC),
        Route(Door("/wp-login.php", exact=True), SECRET),
    ),
)
# What paths, and the attempts to hide one, are made of.
PIECES = (
    *("/", "/", "/", "//", "\\", "%2f", "%5C", "%252f", ".", "..", "%2e", "./", "../", ";", ";x=1"),
    *("typo3", "TYPO3", "%74ypo3", "%2574ypo3", "install.php", "sysext", "core", "Resources"),
    *("Public", "wp-admin", "wp-login.php", "admin-ajax.php", "a", "b", "c", "A", "B", "%61"),
    *(
        "index.php",
        "x.PHP",
        ".php",
        "x",
        "%",
        "%zz",
        "%00",
        "%0a",
        "%c2",
        "%85",
        "%30a",
        "%u000d",
        "#",
        "%3f",
        " ",
        "%20",
        "+",
        "~",
    ),
    *("?", "?", "&", "=", "__typo3_install", "..typo3[install", "%5f%5Ftypo3.install", "[a]"),
    *("%25%37%32est_route", "%%37%32est_route", "?%25%32%35%37%32est_route"),
    *(
        "rest_route",
        "=/wp/v2/users",
        "=/wp/v2%00/us",
        "=%2Fwp//v2/users",
        "x.y",
        "x_y",
        "=1",
        "\xff",
        "é",
        "\x01",
    ),
)
BYTES = st.binary(max_size=2).map(lambda data: data.decode("utf-8", "surrogateescape"))
TARGETS = st.lists(st.sampled_from(PIECES) | BYTES, max_size=12).map(
    lambda pieces: "/" + "".join(pieces)
)


@cache
def lua_of(site: int, route: int) -> tuple[LuaRuntime, Callable[[Any], Any], bool]:
    """
    Return the compiled judgement of a route, run by the Lua that Envoy runs.

    The last says whether it wants a whole request, and not only a target.
    """
    runtime = LuaRuntime(encoding=None)
    served = SITES[site][route]
    runtime.execute(lua_program(SITES[site]).encode())
    found: Callable[[Any, Any], Any] = runtime.globals()[b"why_refused"]
    place = Places(SITES[site]).of(served)["route"]
    return runtime, partial(found, place), any(r.door.conditional for r in SITES[site])


def near_of(site: int, target: str) -> tuple[list[Route], Route]:
    """Return what the gateway compares with where *target* lies by its path, and that route."""
    here = serving_route([r for r in SITES[site] if not r.door.conditional], target)
    return Neighbours(SITES[site]).of(here), here


def refused_in_lua(site: int, request: Request) -> bool:
    """Return what the Lua of the route that serves *request* says of it."""
    routes = SITES[site]
    place = routes.index(serving(routes, request))
    runtime, refused, whole = lua_of(site, place)
    target = request.target.encode("utf-8", "surrogateescape")
    if not whole:
        return refused(target) is not None
    names = {name for name, _ in request.headers}
    headers = {name.encode(): (request.header(name) or "").encode("latin-1") for name in names}
    # What has no form is not read: other entries lead there (gateway/translate/glance.py).
    doors = [r.door for r in routes if r.door.conditional]
    body = b"" if is_formless(request, json=any(d.json for d in doors)) else request.body
    return (
        refused(
            runtime.table_from(
                {
                    b"target": target,
                    b"method": request.method.encode(),
                    b"headers": runtime.table_from(headers),
                    b"body": False if body is None else body,
                }
            )
        )
        is not None
    )


@given(target=TARGETS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=examples(600), deadline=None)
def test_lua_says_what_the_specification_says(target: str, site: int) -> None:
    """The compiled judgement refuses exactly what the specification refuses."""
    wanted = isinstance(judge(SITES[site], Request(target)), RouteRefusal)
    assert refused_in_lua(site, Request(target)) is wanted


METHOD = st.sampled_from(["GET", "GET", "POST", "POST", "HEAD", "PUT", "post", "FOO", "DELETE"])
FIELD_NAMES = st.sampled_from(
    (
        *(
            "rest_route",
            "rest.route",
            "rest[route",
            " rest_route",
            "rest%5froute",
            "%2572est_route",
        ),
        *("%25%37%32est_route", "%%37%32est_route"),
        *("rest_route[]", "rest_route%00x", "_method", "_charset_", "task", "x", "a[rest_route]"),
    )
)
VALUES = st.sampled_from(
    (
        "/wp/v2/users",
        "//wp/v2/users",
        "/wp",
        "GET",
        "DELETE",
        "FOO",
        "",
        "utf-8",
        "utf-16",
        "user.x",
        "+user.x",
        "us%00er.x+",
        "%0a/wp/%09v2/users",
        "/+wp",
        "%01",
    )
)
FIELDS = st.lists(st.tuples(FIELD_NAMES, VALUES), max_size=4)
TYPES = st.sampled_from(
    (
        *("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-16"),
        *("Application/X-WWW-Form-Urlencoded;charset=utf-8", "multipart/form-data; boundary=b"),
        *('multipart/form-data; boundary="b"; charset=utf-8', "multipart/form-data;boundary=b,c"),
        *("text/plain", "application/json", "application/x+json; charset=utf-8", "image/png"),
        *("application/json; charset=utf-16", "a", "multipart/mixed; boundary=b", ""),
    )
)


def form_of(fields: list[tuple[str, str]]) -> bytes:
    """Return *fields* as a form."""
    return "&".join(f"{name}={value}" for name, value in fields).encode()


def multipart_of(fields: list[tuple[str, str]]) -> bytes:
    """Return *fields* as browsers write them in multipart."""
    parts = (
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    )
    return ("".join(parts) + "--b--\r\n").encode()


def json_of(fields: list[tuple[str, str]]) -> bytes:
    """Return *fields* as members of a JSON object, with one letter escaped."""
    return json.dumps(dict(fields)).replace("rest", "\\u0072est").encode()


BODIES = st.one_of(
    FIELDS.map(form_of),
    FIELDS.map(multipart_of),
    FIELDS.map(json_of),
    FIELDS.map(lambda fields: multipart_of(fields).replace(b"\r\n", b"\n", 1)),
    FIELDS.map(lambda fields: multipart_of(fields).replace(b'"', b"'", 1)),
    st.tuples(FIELDS, st.integers(930, 970)).map(
        lambda padded: multipart_of(padded[0]).replace(b'"', b'"' + b" " * padded[1], 1)
    ),
    FIELDS.map(lambda fields: multipart_of(fields).replace(b"form-data", b"form-data;x=y", 1)),
    st.sampled_from((b"", None, b"\x00", b"--b", b"--b--", b"--b\r\n\r\n\r\n--b--")),
)
HEADERS = st.lists(
    st.sampled_from(
        (
            *(("authorization", "Basic eDp5"), ("authorization", "Bearer x"), ("x-key", "1")),
            *(
                ("cookie", "wp_in_1=x"),
                ("cookie", "a=b; wp.in.1=x"),
                ("cookie", "a=wp_in_"),
                ("cookie", "wp"),
            ),
            *(("content-encoding", "gzip"), ("content-encoding", "identity"), ("x-nonce", "1")),
            *(
                ("x-http-method-override", "DELETE"),
                ("x-http-method", "a, PUT"),
                ("cookie", "%77p_in_="),
            ),
        )
    ),
    max_size=4,
)
REQUESTS = st.builds(
    lambda target, method, headers, kind, body: Request(
        target, method, (*headers, *([("content-type", kind)] if kind else [])), body
    ),
    st.sampled_from(("/", "/x", "/api/x", "/API//x", "/?rest_route=/wp", "/api?_method=DELETE"))
    | st.tuples(FIELD_NAMES, VALUES).map(lambda pair: f"/?{pair[0]}={pair[1]}")
    | TARGETS,
    METHOD,
    HEADERS,
    TYPES,
    BODIES,
)


@given(request=REQUESTS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=examples(1500), deadline=None)
def test_lua_reads_what_a_request_carries_as_the_specification_does(
    request: Request, site: int
) -> None:
    """Methods, credentials and parameters in URL and body count for Lua as the specification says."""
    wanted = isinstance(judge(SITES[site], request), RouteRefusal)
    assert refused_in_lua(site, request) is wanted, request


@given(target=TARGETS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=examples(600), deadline=None)
def test_what_the_patterns_let_pass_is_never_refused(target: str, site: int) -> None:
    """A request that Envoy routes without asking Lua has no reading in a stricter class."""
    routes = SITES[site]
    served = serving_route(routes, target)
    near, here = near_of(site, target)
    pattern = doubtful(served, near, path_route=here)
    if re.fullmatch(PRINTABLE, target) and not re.fullmatch(pattern, target):
        assert judge(routes, Request(target)) is served


NAMES = st.lists(
    st.sampled_from(
        (
            *(
                *"/..~#-_:1",
                "bak",
                "BAK",
                "sql",
                "gz",
                "tar",
                "zip",
                "log",
                "php",
                "txt",
                "old",
                "x",
            ),
            *(
                ".env",
                ".well-known",
                ".git",
                "config",
                "error_log",
                "backup",
                "dump",
                "db3",
                "a",
                "b",
            ),
            *("%2e", "%2E", "%252e", "%7e", "%23", "%20", ";x", "//", "..", "\\", "html", "?", "c"),
        )
    ),
    max_size=7,
).map(lambda pieces: "/" + "".join(pieces))


@given(target=NAMES, site=st.sampled_from((0, 4)))
@settings(max_examples=examples(1500), deadline=None)
def test_leftovers_are_refused_alike_everywhere(target: str, site: int) -> None:
    """What the specification takes for a leftover, Lua refuses, and no pattern lets pass."""
    routes = SITES[site]
    served = serving_route(routes, target)
    wanted = isinstance(judge(routes, Request(target)), RouteRefusal)
    assert refused_in_lua(site, Request(target)) is wanted
    near, here = near_of(site, target)
    usual = simple(served, near, path_route=here)
    if usual is not None and re.fullmatch(usual, target):
        assert not wanted
    doubt = doubtful(served, near, path_route=here)
    if re.fullmatch(PRINTABLE, target) and not re.fullmatch(doubt, target):
        assert not wanted


# Like usual targets, with one thing in them that is not.
NEARLY_USUAL = st.lists(
    st.sampled_from(
        (
            *(*"/.?&=-~_;+\\", "typo3", "Typo3", "wp-admin", "WP-Admin", "wp-login.php", "PHP"),
            *("install", "sysext", "a", "b", "B", "c", "index.php", "__typo3_install"),
            *(
                "rest_route",
                "%5f",
                "%c3",
                "%A9",
                "%c2",
                "%85",
                "%0a",
                "é",
                "\xff",
                "\n",
                "main.min.css",
                "Resources",
                "x",
            ),
        )
    ),
    max_size=8,
).map(lambda pieces: "/" + "".join(pieces))


@given(target=NEARLY_USUAL | TARGETS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=examples(1500), deadline=None)
def test_what_looks_usual_has_one_reading(target: str, site: int) -> None:
    """The quick pattern lets nothing pass that the thorough ones would hold back."""
    routes = SITES[site]
    served = serving_route(routes, target)
    near, here = near_of(site, target)
    usual = simple(served, near, path_route=here)
    if usual is not None and re.fullmatch(usual, target):
        assert judge(routes, Request(target)) is served


@given(target=TARGETS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=examples(400), deadline=None)
def test_plain_path_is_decided_by_its_letters(target: str, site: int) -> None:
    """On a plain path only a nearer door, spelled in another case, can be stricter."""
    path, _ = split_target(target)
    by_path = [r for r in SITES[site] if not r.door.conditional]
    served = serving_route(by_path, path)
    nearer = [
        r
        for r in by_path
        if is_stricter(r, served)
        and specificity(r) > specificity(served)
        and could_be_read_as(r.door, path)
    ]
    if is_plain(path) and not nearer:
        answer = judge(by_path, Request(path))
        assert answer is served or (isinstance(answer, RouteRefusal) and answer.leftover)


@given(target=TARGETS, site=st.sampled_from(range(len(SITES))))
@settings(max_examples=examples(300), deadline=None)
def test_refusal_names_a_stricter_route(target: str, site: int) -> None:
    """The answer is the literal route, or a refusal that names a stricter one."""
    answer = judge(SITES[site], Request(target))
    if isinstance(answer, RouteRefusal):
        assert answer.stricter is None or is_stricter(answer.stricter, answer.serving)
    else:
        assert answer is serving_route(SITES[site], target)


@given(path=st.lists(st.sampled_from(["a", "typo3", "x.css", "B"]), max_size=5))
def test_ordinary_paths_cost_nobody_anything(path: list[str]) -> None:
    """A path of ordinary names below no locked door is never refused."""
    if not path or path[0] != "typo3":
        assert judge(SITES[0], Request("/" + "/".join(path))) is SITES[0][0]


def test_lua_knows_what_is_stricter() -> None:
    """Of every two routes, whatever they ask for, Lua says which is stricter as the specification."""
    kinds = [
        Route(
            Door(f"/d{number}"),
            classification,
            collects,
            access=access,
            payment=payment,
            scripts=scripts,
            inspect=inspect,
        )
        for number, (classification, collects, access, payment, scripts, inspect) in enumerate(
            product(
                (PUBLIC, RESTRICTED, CONFIDENTIAL, SECRET),
                (None, SECRET),
                SiteAccess,
                (False, True),
                ((), ("'self'",), ("https://a.example",)),
                (Inspect.OFF, Inspect.ENFORCE),
            )
        )
    ]
    routes = (Route(Door("/"), PUBLIC), *kinds)
    runtime = LuaRuntime()
    runtime.execute(lua_program(routes))
    refused: Callable[[object, str], str | None] = runtime.globals()["why_refused"]
    places = Places(routes)
    for than in kinds:
        place = places.of(than)["route"]
        for one in kinds:
            wanted = "stricter" if is_stricter(one, than) else None
            assert refused(place, one.door.path.replace("d", "%64")) == wanted, (one, than)

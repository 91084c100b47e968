"""What an answer means: cookies, HSTS, redirects, and whether it lets one in."""

from __future__ import annotations

import gzip

import pytest

from sealgate.audit.answers import (
    NAMELESS,
    Cookie,
    cookies,
    hsts_seconds,
    is_page,
    is_session_cookie,
    leads_to,
    look_of,
    markup_of,
    opens,
    plain_answer,
    redirect_of,
)
from sealgate.audit.model import Response
from sealgate.policy.inventory import CookieRule

HTML = (("content-type", "text/html"),)

FORM = b"<form method=post><input type=password name=p></form>"


def answer(status: int = 200, body: bytes = b"", **headers: str) -> Response:
    """Return an answer; underscores in header names are dashes."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(status, named, body)


def test_cookies() -> None:
    """Flags are read without regard to case; a deleted cookie is none, a value is not kept."""
    response = Response(
        200,
        (
            ("set-cookie", "a=1; Path=/; SECURE; HttpOnly"),
            ("set-cookie", "b=2; path=/secure"),
            ("set-cookie", "gone=; Max-Age=0"),
            ("set-cookie", "late=x; max-age=0"),
            ("set-cookie", ""),
            ("set-cookie", " ; Secure"),
            ("set-cookie", "=; Secure"),
        ),
        b"",
    )
    assert cookies(response) == (
        Cookie("a", secure=True, http_only=True),
        Cookie("b", secure=False, http_only=False),
    )


@pytest.mark.parametrize("line", ["5d41402abc4b2a76", "=5d41402abc4b2a76", " token ; HttpOnly"])
def test_a_cookie_without_a_name(line: str) -> None:
    """Browsers keep it and send it (RFC 6265bis, 5.6); its value is not told."""
    response = Response(200, (("set-cookie", line), ("set-cookie", f"{line}; Secure")), b"")
    first, second = cookies(response)
    assert (first.secure, second.secure) == (False, True)
    assert first.name == second.name == NAMELESS


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PHPSESSID", True),
        ("be_typo_user", True),
        ("connect.sid", True),
        ("wordpress_logged_in_1", True),
        ("csrftoken", False),
        ("XSRF-TOKEN", False),
        ("language", False),
        ("side", False),
    ],
)
def test_session_names(name: str, *, expected: bool) -> None:
    """Session names sound like it; tokens that scripts must read are no sessions."""
    assert is_session_cookie(name) is expected


def test_a_preset_knows_better() -> None:
    """What the preset says of a cookie stands over how its name sounds."""
    rules = (CookieRule("shop*", http_only=True, same_site=None), CookieRule("sid", False, None))
    assert is_session_cookie("shop-x", rules)
    assert not is_session_cookie("sid", rules)


@pytest.mark.parametrize(
    ("response", "text", "whole"),
    [
        (answer(body="ü".encode()), "ü", True),
        (
            answer(body="ü".encode("latin-1"), content_type="text/html; charset=ISO-8859-1"),
            "ü",
            True,
        ),
        (answer(body=b"\xff\xfe" + "ü".encode("utf-16-le")), "ü", True),
        (answer(body="ü".encode("utf-16-be"), content_type="x; charset='utf-16-be'"), "ü", True),
        (answer(body=b"x", content_type="text/html; charset=klingon"), "x", False),
        (answer(body=b"x", content_type="text/html; charset=zlib"), "x", False),
        (answer(body=b"\x1f\x8b", content_encoding="gzip"), "", False),
        (answer(body=gzip.compress(b"x"), content_encoding="gzip"), "x", True),
        (answer(body=b"+ADw-p", content_type="text/html; charset=utf-7"), "+ADw-p", False),
        (answer(body=b"a\0b\0", content_type="text/html; charset=utf-16"), "ab", True),
        (Response(200, (), b"x", whole=False), "x", False),
    ],
)
def test_markup(response: Response, text: str, *, whole: bool) -> None:
    """A page is read in its own encoding; what cannot be read whole says so."""
    assert markup_of(response) == (text, whole)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("max-age=300", 300),
        ('includeSubDomains ; MAX-AGE = "63072000"', 63072000),
        ("max-age=", 0),
        ("max-age=-1", 0),
        ("max-age=1e9", 0),
        ("includeSubDomains", 0),
        ("max-age=" + "9" * 400, 0),
        ("max-age=63072000; includeSubDomains; preload;", 63072000),
        (' ; max-age=300 ; x="a;b"', 300),
        ("max-age=63072000; max-age=0", 0),
        ("max-age=63072000; MAX-AGE=63072000", 0),
        ("max-age=63072000; includeSubDomains; includesubdomains", 0),
        ('max-age="63072000', 0),
        ('max-age=63072000"', 0),
        ('max-age=63072000; x="', 0),
        ("max-age=63072000 includeSubDomains", 0),
        ("max-age=63072000, includeSubDomains", 0),
        ("max-age: 63072000", 0),
        ("'max-age=63072000'", 0),
    ],
)
def test_hsts(value: str, expected: int) -> None:
    """A faulty header counts as none (RFC 6797, 8.1)."""
    assert hsts_seconds(answer(strict_transport_security=value)) == expected


def test_hsts_in_two_fields() -> None:
    """Only the first counts (RFC 6797, 8.1), whatever the second says."""
    name = "strict-transport-security"
    both = [(name, "max-age=0"), (name, "max-age=63072000")]
    assert hsts_seconds(Response(200, tuple(both), b"")) == 0
    assert hsts_seconds(Response(200, tuple(reversed(both)), b"")) == 63072000
    assert hsts_seconds(Response(200, ((name, "nonsense="), *both), b"")) == 0


@pytest.mark.parametrize(
    "built", ["<?xml-stylesheet href='a.xsl'?>", "<!DOCTYPE a [<!ENTITY b 'c'>]>"]
)
def test_a_page_that_is_built_is_not_read_whole(built: str) -> None:
    """What XSLT or entities make of it is another page; in HTML both are nothing."""
    body = built.encode() + b"<a/>"
    for kind, whole in {"text/xml": False, "image/svg+xml; a=b": False, "text/html": True}.items():
        assert markup_of(Response(200, (("content-type", kind),), body))[1] is whole
    refused = Response(404, (("content-type", "application/xhtml+xml"),), body)
    assert plain_answer(refused, "http://shop.example/") is None


@pytest.mark.parametrize(
    ("head", "codec"),
    [
        ("<meta charset=iso-8859-15>", "iso8859-15"),
        ("<META CHARSET=' windows-1252 '>", "cp1252"),
        ("<meta http-equiv=content-type content='text/html; charset=ISO-8859-1'>", "latin-1"),
        ("<meta charset=utf-16>", "utf-8"),
        ("<meta charset=utf-7>", "utf-8"),
        ("<meta charset=none><meta charset=utf-8>", "utf-8"),
        ("<!-- <meta charset=utf-8> -->", "cp1252"),
        ("<p>", "cp1252"),
        ("<p>", "utf-8"),
        (" " * 1024 + "<meta charset=koi8-r>", "utf-8"),
    ],
)
def test_an_encoding_that_the_page_names(head: str, codec: str) -> None:
    """It counts where no field names one, and UTF-16 and what is none do not (HTML, 13.2.3.2)."""
    markup = head + "<form action=http://a.test/ method=post><input placeholder=Stra\u00dfe></form>"
    response = Response(200, HTML, markup.encode(codec))
    assert markup_of(response) == (markup, True)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<meta charset=iso-2022-jp>\x1b$B<!--!\x1b(B<form>"),
        ("text/html; charset=csISO2022JP", b"\x1b$B<!--!\x1b(B<form>"),
    ],
)
def test_iso_2022_jp_is_not_read_whole(kind: str, body: bytes) -> None:
    """What opens a comment in ASCII is a letter there, and faults are read otherwise by browsers."""
    assert not markup_of(Response(200, (("content-type", kind),), body))[1]


def test_hsts_absent() -> None:
    """No header, no HSTS."""
    assert hsts_seconds(answer()) == 0


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answer(308, location="https://shop.example/"), "redirect"),
        (answer(302, location="http://www.shop.example/"), "served"),
        (answer(301, location="/en"), "served"),
        (answer(200), "served"),
        (answer(401), "served"),
        (answer(502), "served"),
        (answer(403), "denied"),
        (answer(408), None),
        (answer(425), None),
        (answer(429), None),
        (answer(403, retry_after="120"), None),
        (answer(404), "denied"),
        (answer(308, location="https://[bad"), "served"),
        (answer(304), "served"),
        (answer(404, FORM), "served"),
        (answer(403, FORM, content_type="text/html"), "served"),
        (answer(403, FORM, content_type="text/plain"), "denied"),
        (answer(426, gzip.compress(FORM), content_encoding="gzip"), "served"),
        (answer(404, FORM.decode().encode("utf-16-le")), "served"),
        (answer(404, b"\xfe\xff" + FORM.decode().encode("utf-16-be")), "served"),
        (answer(404, b"?", content_encoding="klingon"), None),
        (Response(404, (), b"<p>cut", whole=False), None),
        (Response(404, (), FORM, whole=False), "served"),
        (answer(302, FORM, location=" "), "served"),
        (answer(302, location="https:\\\\shop.example\\"), "redirect"),
        (Response(302, (("location", "https://a/"), ("location", "http://a/")), b""), "served"),
    ],
)
def test_plain_answers(response: Response, expected: str | None) -> None:
    """Only a redirect to https, and a refusal that asks for nothing, are safe; both must be read."""
    assert plain_answer(response, "http://shop.example/x") == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((), True),
        (("text/html",), True),
        (("application/xhtml+xml; charset=utf-8",), True),
        (("image/svg+xml",), True),
        (("text/xml",), True),
        (("*/*",), True),
        (("nonsense",), True),
        (("text/plain", "text/html"), True),
        (("Text/Plain; charset=utf-8",), False),
        (("application/json",), False),
        (("image/png",), False),
        (("application/octet-stream",), False),
    ],
)
def test_what_may_be_a_page(given: tuple[str, ...], *, expected: bool) -> None:
    """What a browser might read as tags is a page; what it shows as text or draws is none."""
    assert is_page(Response(200, tuple(("content-type", one) for one in given), b"")) is expected


def test_where_an_answer_leads() -> None:
    """A Refresh field leads on as the markup does."""
    led = answer(404, b"<meta http-equiv=refresh content='0;url=/b'>", refresh="0; url=/a")
    assert leads_to(led, "http://shop.example/x") == (
        "http://shop.example/a",
        "http://shop.example/b",
    )


def test_redirect_without_location() -> None:
    """A redirect that says not where is none."""
    assert redirect_of(answer(302), "http://shop.example/") is None
    assert redirect_of(answer(200, location="https://a.example/"), "http://a.example/") is None


LOCKED = "https://shop.example/typo3"


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (answer(200), True),
        (answer(302, location="/typo3/login"), True),
        (answer(301, location="/typo3/"), False),
        (answer(301, location="http://shop.example/typo3"), True),
        (answer(301, location="https://elsewhere.example/typo3"), True),
        (answer(403), False),
        (answer(400), False),
        (answer(404), False),
        (answer(503), None),
        (answer(503, b"down"), None),
    ],
)
def test_locks(response: Response, *, expected: bool | None) -> None:
    """2xx and 3xx are open, but for a redirect back to the lock; 5xx cannot be told."""
    assert opens(response, LOCKED + ";x", LOCKED, None) is expected


def test_what_is_shown_everywhere_is_not_the_locked_place() -> None:
    """An answer that looks like that to a path that does not exist shows nothing."""
    same = answer(200, b"welcome")
    assert opens(same, LOCKED, LOCKED, look_of(same)) is False
    down = answer(503)
    assert opens(down, LOCKED, LOCKED, look_of(down)) is None, "it cannot be told"
    assert opens(answer(200, b"backend"), LOCKED, LOCKED, look_of(same)) is True

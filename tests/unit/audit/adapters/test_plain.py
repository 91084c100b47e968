"""What is told of forms in clear where not every page was read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters import plain
from sealgate.audit.adapters.plain import probe_plain
from sealgate.audit.model import Limits, Response, Target
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, NotObserved, Observation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sealgate.policy.observation import FactValue, Sighting

HERE = Target("an asset", "shop.example", "127.0.0.1")
HTML = (("content-type", "text/html"),)
FORM = b"<form method=post><input type=password></form>"


def told_of(
    answers: Mapping[str, Response],
    http2: Response | None,
    monkeypatch: pytest.MonkeyPatch,
    pages: Sequence[str] = ("/login",),
) -> list[Sighting]:
    """Return what is told where *answers* are given, by request target; others are silent."""

    def ask(_target: Target, request_target: str, *_: object, **__: object) -> Response:
        if request_target not in answers:
            raise PeerError("no answer in time")
        return answers[request_target]

    def ask_http2(*_: object) -> Response:
        if http2 is None:
            raise PeerError("no HTTP/2")
        return http2

    monkeypatch.setattr(plain, "ask", ask)
    monkeypatch.setattr(plain, "ask_http2", ask_http2)
    return probe_plain(HERE, Limits(), active=False, pages=pages)


def looked(
    answers: Mapping[str, Response],
    http2: Response | None,
    monkeypatch: pytest.MonkeyPatch,
    pages: Sequence[str] = ("/login",),
) -> dict[Fact, FactValue]:
    """Return what was observed where *answers* are given."""
    told = told_of(answers, http2, monkeypatch, pages)
    return {one.fact: one.value for one in told if isinstance(one, Observation)}


def gaps(
    answers: Mapping[str, Response],
    monkeypatch: pytest.MonkeyPatch,
    pages: Sequence[str] = (),
) -> dict[Fact, str]:
    """Return what was not observed where *answers* are given, with the reasons; POST aside."""
    told = told_of(answers, None, monkeypatch, pages)
    found = {one.fact: one.reason for one in told if isinstance(one, NotObserved)}
    del found[Fact.PLAIN_POST]
    return found


def led(*places: str, cookie: str = "") -> Response:
    """Return a redirect to *places*, which may set a *cookie*."""
    fields = [
        *(("location", place) for place in places),
        *([("set-cookie", cookie)] * bool(cookie)),
    ]
    return Response(302, tuple(fields), b"")


def test_no_forms_are_told_only_where_every_page_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is silent may have one."""
    shown = Response(200, HTML, b"<p>welcome")
    assert looked({"/": shown, "/login": shown}, None, monkeypatch)[Fact.PLAIN_FORMS] == ()
    told = looked({"/": shown}, None, monkeypatch)
    assert told[Fact.PLAIN_GET] == "served"
    assert Fact.PLAIN_FORMS not in told
    told = looked({"/": shown, "/login": Response(200, HTML, FORM)}, None, monkeypatch)
    assert told[Fact.PLAIN_FORMS] == ("password",)


def test_a_form_that_only_http2_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """What HTTP/1 redirects, HTTP/2 in clear may serve."""
    away = led("https://shop.example/")
    both = {"/": away, "/login": away}
    assert looked(both, None, monkeypatch)[Fact.PLAIN_FORMS] == ()
    told = looked(both, Response(200, (), FORM), monkeypatch)
    assert (told[Fact.PLAIN_GET], told[Fact.PLAIN_FORMS]) == ("served", ("password",))
    # Its fields are not read, so what coding its body has is not known.
    told = looked(both, Response(200, (), b"\x1f\x8b packed"), monkeypatch)
    assert told[Fact.PLAIN_GET] == "served"
    assert Fact.PLAIN_FORMS not in told
    assert looked(both, Response(301, (), b""), monkeypatch)[Fact.PLAIN_FORMS] == ()


UNTOLD = {Fact.COOKIES_INSECURE, Fact.FORMS_PLAIN, Fact.PLAIN_FORMS}


def test_the_end_of_a_long_chain_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Browsers follow twenty redirects (Fetch, 4.4), so an audit does; beyond, no form is ruled out."""
    chain = {"/": led("/1"), **{f"/{n}": led(f"/{n + 1}") for n in range(1, 40)}}
    told = looked({**chain, "/12": Response(200, HTML, FORM)}, None, monkeypatch, [])
    assert (told[Fact.PLAIN_GET], told[Fact.PLAIN_FORMS]) == ("served", ("password",))
    # A chain that ends at TLS in time is a redirect, however long.
    away = led("https://shop.example/")
    assert looked({**chain, "/15": away}, None, monkeypatch, [])[Fact.PLAIN_GET] == "redirect"
    assert looked(chain, None, monkeypatch, [])[Fact.PLAIN_GET] == "served"
    assert gaps(chain, monkeypatch).keys() == UNTOLD
    # Where a circle sets a cookie, whoever sends it back may get out.
    assert gaps({"/": led("/1"), "/1": led("/")}, monkeypatch) == {}
    circle = {"/": led("/1", cookie="seen=1; Secure"), "/1": led("/")}
    assert gaps(circle, monkeypatch).keys() == UNTOLD


def test_every_page_that_is_known_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hundredth page may be the one with the form; where all lead to TLS, nothing is left open."""
    away = led("https://shop.example/")
    pages = [f"/page-{n}" for n in range(100)]
    answers = {"/": away, **dict.fromkeys(pages, away)}
    told = looked(answers, None, monkeypatch, pages)
    assert (told[Fact.PLAIN_GET], told[Fact.PLAIN_FORMS]) == ("redirect", ())
    assert gaps(answers, monkeypatch, pages) == {}
    answers["/page-99"] = Response(200, HTML, FORM)
    told = looked(answers, None, monkeypatch, pages)
    assert (told[Fact.PLAIN_GET], told[Fact.PLAIN_FORMS]) == ("served", ("password",))
    # Once something is served, few are asked for; what the others have is not told.
    answers = {"/": Response(200, HTML, b"<p>welcome"), **dict.fromkeys(pages, away)}
    missing = gaps(answers, monkeypatch, pages)
    assert missing.keys() == UNTOLD
    assert missing[Fact.PLAIN_FORMS].startswith("76 of 101 known pages were not asked for")


def test_what_was_left_out_is_told_and_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """More pages than are asked for are a gap, with their number; a cookie that was seen is told."""
    monkeypatch.setattr(plain, "MAX_PAGES", 50)
    away = led("https://shop.example/", cookie="sid=1")
    pages = [f"/page-{n}" for n in range(60)]
    answers = dict.fromkeys(("/", *pages), away)
    assert looked(answers, None, monkeypatch, pages)[Fact.COOKIES_INSECURE] == ("sid over http",)
    missing = gaps(answers, monkeypatch, pages)
    assert missing.keys() == {Fact.PLAIN_GET, Fact.FORMS_PLAIN}
    assert missing[Fact.PLAIN_GET].startswith("10 of 61 known pages were not asked for")
    # A page that is silent hides it no more than one that was not asked for.
    del answers["/page-1"]
    told = looked(answers, None, monkeypatch, pages[:9])
    assert told[Fact.COOKIES_INSECURE] == ("sid over http",)
    assert Fact.PLAIN_GET not in told
    # A door that is silent to everything says so by one gap.
    assert gaps({}, monkeypatch).keys() == {Fact.PLAIN_GET}


@pytest.mark.parametrize(
    "places",
    [
        ("https://shop.example/", "/in"),
        ("/in", "https://shop.example/"),
        ("/a", "/in"),
        ("http://shop.example:80/in", "https://shop.example/"),
    ],
)
def test_of_several_places_none_is_the_end(
    places: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clients take either of two Location fields, so it is served, and what either shows is told."""
    away = led("https://shop.example/")
    answers = {"/": led(*places), "/in": away, "/a": away}
    assert looked(answers, None, monkeypatch, [])[Fact.PLAIN_GET] == "served"
    answers["/in"] = Response(200, HTML, FORM)
    told = looked(answers, None, monkeypatch, [])
    assert (told[Fact.PLAIN_GET], told[Fact.PLAIN_FORMS]) == ("served", ("password",))


def test_where_clients_are_led_in_clear_is_looked_at_or_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A page that goes on by itself is followed here; what another host shows is not known."""
    on = Response(200, HTML, b"<meta http-equiv=refresh content='0;url=/in'>")
    told = looked({"/": on, "/in": Response(200, HTML, FORM)}, None, monkeypatch, [])
    assert told[Fact.PLAIN_FORMS] == ("password",)
    for elsewhere in (
        led("http://other.example/login"),
        led("http://shop.example:8080/login"),
        Response(200, HTML, b"<script>location.href = 'http://other.example/login'</script>"),
    ):
        assert looked({"/": elsewhere}, None, monkeypatch, [])[Fact.PLAIN_GET] == "served"
        assert gaps({"/": elsewhere}, monkeypatch).keys() == UNTOLD

"""What is told of pages that a hostile or a faulty server makes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters import pages
from sealgate.audit.adapters.pages import look_at_pages
from sealgate.audit.model import Limits, Response, Target
from sealgate.audit.sightings import PAGE_FACTS
from sealgate.policy.observation import Fact, NotObserved, Observation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.policy.observation import Sighting

HERE = Target("an asset", "shop.example", "127.0.0.1")
HTML = (("content-type", "text/html"),)


def page(markup: str) -> Response:
    """Return *markup* as a page."""
    return Response(200, HTML, markup.encode())


def looked(
    answers: Mapping[str, Response], monkeypatch: pytest.MonkeyPatch
) -> dict[Fact, Sighting]:
    """Return what is told where *answers* are given, by request target; 404 for others."""

    def ask(_target: Target, request_target: str, _limits: Limits) -> Response:
        return answers.get(request_target, Response(404, (), b""))

    monkeypatch.setattr(pages, "ask", ask)
    return {told.fact: told for told in look_at_pages(HERE, Limits()).sightings}


@pytest.mark.parametrize(
    "markup",
    [
        '<form method=post action="https://[::1]@b]c/p"><input autocomplete=cc-number></form>',
        "<input autocomplete=cc-number><iframe src='https://[::1]@b]c/p'></iframe>",
        "<meta http-equiv=refresh content='0;url=https://[::1]@b]c/p'>",
        "<link rel=stylesheet href='https://[::1]@b]c/p'>",
        "<a href='https://[::1]@b]c/p'>sign in</a>",
    ],
)
def test_an_address_that_is_none(markup: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look goes on to its end."""
    assert isinstance(looked({"/": page(markup)}, monkeypatch)[Fact.HTTP_STATUS], Observation)


def to(place: str) -> Response:
    """Return a redirect to *place*."""
    return Response(302, (("location", place),), b"")


LOGIN = page("<form method=post action='http://shop.example/p'><input type=password></form>")
NOT_READ = frozenset(PAGE_FACTS) - {Fact.HTTP_STATUS}


@pytest.mark.parametrize(
    "answers",
    [
        {"/": to("/1"), **{f"/{n}": to(f"/{n + 1}") for n in range(1, 9)}},
        {"/": to("/login"), "/login": Response(503, HTML, b"<p>busy")},
        {"/": to("/")},
        {"/": to("/a"), "/a": to("/b"), "/b": to("/a")},
        {"/": page("<a href=/login>sign in</a>"), "/login": Response(502, HTML, b"<p>busy")},
    ],
)
def test_a_page_that_was_not_reached_meets_nothing(
    answers: Mapping[str, Response], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many redirects, a circle of them, or a fault at their end: neither forms nor cookies."""
    told = looked(answers, monkeypatch)
    assert {fact for fact, one in told.items() if isinstance(one, NotObserved)} == NOT_READ


@pytest.mark.parametrize(
    "place",
    [
        "/login",
        "https://shop.example:443/login",
        "HTTPS://Shop.Example/login#x",
        "//@shop.example/login",
    ],
)
def test_a_redirect_within_the_site(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is spelled, it is followed, and a page that leads back is a page."""
    told = looked({"/": to(place), "/login": LOGIN}, monkeypatch)[Fact.FORMS_PLAIN]
    assert isinstance(told, Observation)
    assert told.value
    back = page("<meta http-equiv=refresh content='9;url=/'>")
    told = looked({"/": to("/login"), "/login": back}, monkeypatch)[Fact.FORMS_PLAIN]
    assert isinstance(told, Observation)


def styled(
    sheets: Mapping[str, Response | str], monkeypatch: pytest.MonkeyPatch, links: int = 1
) -> Sighting:
    """Return what is told of mixed content where a page has *links* to ``/1.css`` and on."""
    markup = "".join(f"<link rel=stylesheet href=/{n + 1}.css>" for n in range(links))
    given = {
        name: Response(200, (), one.encode()) if isinstance(one, str) else one
        for name, one in sheets.items()
    }
    return looked({"/": page(markup), **given}, monkeypatch)[Fact.MIXED_CONTENT]


def test_what_a_style_sheet_loads_is_told_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither who signs in, nor the query, nor the fragment stands in a finding."""
    told = styled({"/1.css": "a{b:url(http://bob:secret@h2/x.png?k#tok)}"}, monkeypatch)
    assert isinstance(told, Observation)
    assert told.value == ("http://h2/x.png",)
    told = styled(
        {"/1.css": to("https://bob:secret@shop.example/2.css"), "/2.css": Response(500, (), b"")},
        monkeypatch,
    )
    assert isinstance(told, NotObserved)
    assert "secret" not in told.reason


@pytest.mark.parametrize(
    ("sheets", "links"),
    [
        ({f"/{n}.css": "" for n in range(1, 14)}, 13),
        ({f"/{n}.css": f"@import '/{n + 1}.css';" for n in range(1, 9)}, 1),
        ({"/1.css": Response(503, (), b"")}, 1),
    ],
)
def test_a_style_sheet_that_was_not_read_meets_nothing(
    sheets: Mapping[str, Response | str], links: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One too many, one too deep, and one that is a fault."""
    assert isinstance(styled(sheets, monkeypatch, links), NotObserved)


@pytest.mark.parametrize("status", [500, 503, 429, 403, 408])
def test_a_style_sheet_of_another_host_that_was_not_read(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A visitor may get what an audit did not; only what is not there loads nothing."""

    def given(answer: Response) -> Sighting:
        answers = {"https://cdn.example/s.css": answer}
        monkeypatch.setattr(pages, "_fetched", lambda _target, url, _limits: answers[url])
        markup = "<link rel=stylesheet href=https://cdn.example/s.css>"
        return looked({"/": page(markup)}, monkeypatch)[Fact.MIXED_CONTENT]

    assert isinstance(given(Response(status, (), b"")), NotObserved)
    assert isinstance(given(Response(404, (), b"")), Observation)
    assert isinstance(given(Response(200, (), b"a{}")), Observation)


def test_style_sheets_that_were_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as are read leave no gap, and a redirect is followed."""
    whole = {f"/{n}.css": "@import '/1.css';" for n in range(1, 13)}
    assert isinstance(styled(whole, monkeypatch, 12), Observation)
    assert isinstance(styled({}, monkeypatch), Observation)
    led: dict[str, Response | str] = {"/1.css": to("/2.css"), "/2.css": "a{b:url(http://h2/x.png)}"}
    told = styled(led, monkeypatch)
    assert isinstance(told, Observation)
    assert told.value == ("http://h2/x.png",)


def test_places_in_clear_are_bounded_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that leads to many keeps nobody busy, and what was left out is no "met"."""
    goals = "".join(
        f"<meta http-equiv=refresh content='0;url=http://shop.example:{8000 + n}/'>"
        for n in range(20)
    )
    told = looked({"/": page(goals)}, monkeypatch)
    assert isinstance(told[Fact.PLAIN_GET], NotObserved)
    few = goals[: goals.index("<meta", len(goals) // 2)]
    assert Fact.PLAIN_GET not in looked({"/": page(few)}, monkeypatch)
    monkeypatch.setattr(pages, "ask", lambda *_: page(goals))
    assert len(look_at_pages(HERE, Limits()).in_clear) == 12

"""
What is told of forms in clear where not every page was read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.audit.adapters import plain
from sealgate.audit.adapters.plain import probe_plain
from sealgate.audit.model import Limits, Response, Target
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, Observation

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from sealgate.policy.observation import FactValue

HERE = Target("an asset", "shop.example", "127.0.0.1")
HTML = (("content-type", "text/html"),)
FORM = b"<form method=post><input type=password></form>"


def looked(
    answers: Mapping[str, Response],
    http2: Response | None,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[Fact, FactValue]:
    """
    Return what is told where *answers* are given, by request target; others are silent.
    """

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
    told = probe_plain(HERE, Limits(), active=False, pages=["/login"])
    return {one.fact: one.value for one in told if isinstance(one, Observation)}


def test_no_forms_are_told_only_where_every_page_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A page that is silent may have one.
    """
    shown = Response(200, HTML, b"<p>welcome")
    assert looked({"/": shown, "/login": shown}, None, monkeypatch)[Fact.PLAIN_FORMS] == ()
    told = looked({"/": shown}, None, monkeypatch)
    assert told[Fact.PLAIN_GET] == "served"
    assert Fact.PLAIN_FORMS not in told
    told = looked({"/": shown, "/login": Response(200, HTML, FORM)}, None, monkeypatch)
    assert told[Fact.PLAIN_FORMS] == ("password",)


def test_a_form_that_only_http2_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What HTTP/1 redirects, HTTP/2 in clear may serve.
    """
    led = Response(301, (("location", "https://shop.example/"),), b"")
    both = {"/": led, "/login": led}
    assert looked(both, None, monkeypatch)[Fact.PLAIN_FORMS] == ()
    told = looked(both, Response(200, (), FORM), monkeypatch)
    assert (told[Fact.PLAIN_GET], told[Fact.PLAIN_FORMS]) == ("served", ("password",))
    # Its fields are not read, so what coding its body has is not known.
    told = looked(both, Response(200, (), b"\x1f\x8b packed"), monkeypatch)
    assert told[Fact.PLAIN_GET] == "served"
    assert Fact.PLAIN_FORMS not in told
    assert looked(both, Response(301, (), b""), monkeypatch)[Fact.PLAIN_FORMS] == ()

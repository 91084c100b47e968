"""
What is told of pages that a hostile or a faulty server makes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.audit.adapters import pages
from sealgate.audit.adapters.pages import look_at_pages
from sealgate.audit.model import Limits, Response, Target
from sealgate.policy.observation import Fact, Observation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.policy.observation import Sighting

HERE = Target("an asset", "shop.example", "127.0.0.1")
HTML = (("content-type", "text/html"),)


def page(markup: str) -> Response:
    """
    Return *markup* as a page.
    """
    return Response(200, HTML, markup.encode())


def looked(
    answers: Mapping[str, Response], monkeypatch: pytest.MonkeyPatch
) -> dict[Fact, Sighting]:
    """
    Return what is told where *answers* are given, by request target; 404 for others.
    """

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
    """
    The look goes on to its end.
    """
    assert isinstance(looked({"/": page(markup)}, monkeypatch)[Fact.HTTP_STATUS], Observation)

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sealgate.gateway.translate.pages import (
    COMMON_PAGES,
    LOCKED_PAGES,
    PLAIN_PAGES,
    Page,
    local_replies,
)
from sealgate.policy.rules import find_rule

PAGES = (*LOCKED_PAGES, *PLAIN_PAGES, *COMMON_PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_page_names_a_rule_that_exists(page: Page) -> None:
    """Whoever looks the rule up with ``sealgate explain`` finds it."""
    assert page.rule is None or find_rule(page.rule) is not None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_page_says_what_to_do(page: Page) -> None:
    """Each page has a heading, a reason and a next step, without a stray format command."""
    assert page.title
    assert page.text.endswith(".")
    assert page.todo
    assert "%" not in page.title + page.text + page.todo


def test_every_page_comes_as_json_and_as_html() -> None:
    """Programs get problem details (RFC 9457), people get a page; the JSON one is tried first."""
    mappers: Any = local_replies(PAGES, "")["mappers"]
    kinds = [mapper["body_format_override"]["content_type"] for mapper in mappers]
    pair = ["application/problem+json", "text/html; charset=utf-8"]
    assert kinds == [*(pair * len(PAGES)), "application/problem+json"]


def test_only_the_response_and_the_route_are_quoted() -> None:
    """No format command reads the request, so nothing of it can come back."""
    commands = set(re.findall(r"%[A-Z_(:a-z)]+%", json.dumps(local_replies(PAGES, "100% <b>"))))
    assert commands == {
        "%RESPONSE_CODE%",
        "%METADATA(ROUTE:sealgate:class)%",
        "%METADATA(ROUTE:sealgate:class_html)%",
        "%START_TIME(%",
        "%CONNECTION_ID%",
    }


def test_operator_is_escaped() -> None:
    """The operator's name can hold neither markup nor a format command."""
    text = json.dumps(local_replies((), "100% <b>"))
    assert "100%% &lt;b&gt;" in text

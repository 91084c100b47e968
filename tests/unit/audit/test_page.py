"""
What a page fetches and where its forms send.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealgate.audit.page import read_page

URL = "https://shop.example/shop/page?x=1"


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<script src=http://a.example/x.js?secret=1></script>", "http://a.example/x.js"),
        ("<img src='HTTP://a.example/i.png'>", "http://a.example/i.png"),
        ("<link rel='Stylesheet' href=http://a.example/s.css>", "http://a.example/s.css"),
        ("<base href=http://a.example/><img src=i.png>", "http://a.example/i.png"),
        ("<video poster=http://a.example/p></video>", "http://a.example/p"),
        ("<iframe src=' http://a.example/f '></iframe>", "http://a.example/f"),
    ],
)
def test_mixed_content(markup: str, expected: str) -> None:
    """
    A part that comes over http is told, its query is not.
    """
    assert read_page(markup, URL).mixed == (expected,)


@pytest.mark.parametrize(
    "markup",
    [
        "<a href=http://a.example/>elsewhere</a>",
        "<link rel=canonical href=http://shop.example/>",
        "<img src=//a.example/i.png>",
        "<script>var x = 'http://a.example/';</script>",
        "<!-- <img src=http://a.example/i.png> -->",
    ],
)
def test_no_mixed_content(markup: str) -> None:
    """
    A link is no part of the page, and a comment is nothing.
    """
    assert read_page(markup, URL).mixed == ()


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<form method=post action=http://shop.example/in>{}</form>", "http://shop.example/in"),
        (
            "<base href=http://b.example/><form method=post action=in>{}</form>",
            "http://b.example/in",
        ),
        (
            "<form method=post action=/in>{}<button formaction=http://c.example/></form>",
            "http://c.example/",
        ),
        (
            "<input form=f type=password><form id=f method=post action=http://d.example/></form>",
            "http://d.example/",
        ),
        ("<form method=post action=mailto:me@e.example>{}</form>", "mailto:me@e.example"),
    ],
)
def test_forms_that_send_in_clear(markup: str, expected: str) -> None:
    """
    A form that asks for a password is told with the place that it sends to.
    """
    facts = read_page(markup.format("<input type=Password name=p>"), URL)
    assert facts.sensitive == ("password",)
    assert facts.plain == (f"password to {expected}",)
    assert facts.by_get == ()


@pytest.mark.parametrize(
    ("field", "kind"),
    [
        ("<input type=password name=pass>", "password"),
        ("<input name=cardnumber>", "card"),
        ("<input name=x autocomplete='section-a cc-number'>", "card"),
        ("<input type=password name=cvv>", "card"),
        ("<input type=tel id=credit_card>", "card"),
    ],
)
def test_what_forms_ask_for(field: str, kind: str) -> None:
    """
    Passwords and cards are known by type, name, id and autocomplete.
    """
    assert read_page(f"<form method=post action=/in>{field}</form>", URL).sensitive == (kind,)


@pytest.mark.parametrize(
    "field", ["<input name=q>", "<input type=hidden name=cvv>", "<input type=checkbox id=cvc>"]
)
def test_what_is_no_question(field: str) -> None:
    """
    A search box, and what nobody types into, ask for nothing.
    """
    assert read_page(f"<form>{field}</form>", URL).sensitive == ()


def test_a_form_without_a_method_puts_it_into_the_url() -> None:
    """
    GET is the default, and the page's own address the default action.
    """
    facts = read_page("<form><input type=password></form>", URL)
    assert facts.by_get == ("password to https://shop.example/shop/page",)
    assert facts.plain == ()


def test_a_field_without_a_form() -> None:
    """
    What a script will send is known to be asked for, and not where it goes.
    """
    facts = read_page("<input type=password>", URL)
    assert (facts.sensitive, facts.plain, facts.by_get) == (("password",), (), ())


@pytest.mark.parametrize("begins", ["<![x]>", "<!x>", "<![if IE]>", "<?php x ?>", "<![CDATA[x>"])
def test_odd_declarations_hide_nothing(begins: str) -> None:
    """
    What browsers take for a comment ends where it ends for them.
    """
    facts = read_page(f"{begins}<img src=http://a.example/i>", URL)
    assert facts.mixed == ("http://a.example/i",)


def test_sign_in_links() -> None:
    """
    Links of the same origin that look like sign-in are kept, without queries.
    """
    markup = (
        "<a href=/login>x</a> <a href=/a>Sign in</a> <a href=account>y</a> <a href=/p>Prices</a>"
        "<a href=/logout?token=1>log in</a> <a href=https://other.example/login>x</a>"
    )
    assert read_page(markup, URL).sign_in_links == ("/login", "/a", "/shop/account")


@given(
    st.lists(
        st.one_of(
            st.text(max_size=20),
            st.sampled_from(
                [
                    "<form",
                    " action=",
                    "http://[",
                    "<input type=password",
                    ">",
                    "<base href=",
                    "'",
                    "</form>",
                    "<![",
                    "<!",
                    "]>",
                ]
            ),
        ),
        max_size=12,
    ).map("".join)
)
def test_any_markup_is_read(markup: str) -> None:
    """
    No page makes the reader raise.
    """
    read_page(markup, URL)

"""What a page fetches and where its forms send."""

from __future__ import annotations

import html

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
        ("<img srcset='/a 1x, http://a.example/b 2x'>", "http://a.example/b"),
        ("<img srcset='/a 1x,http://a.example/b 2x'>", "http://a.example/b"),
        ("<picture><source srcset=http://a.example/b></picture>", "http://a.example/b"),
        ("<link rel=preload as=image imagesrcset='http://a.example/b 2x'>", "http://a.example/b"),
        ("<link rel=apple-touch-icon href=http://a.example/i>", "http://a.example/i"),
        ("<svg><image xlink:href=http://a.example/i /></svg>", "http://a.example/i"),
        ("<svg><use href=http://a.example/i#x /></svg>", "http://a.example/i"),
        ("<svg><rect fill='url(http://a.example/i#x)' /></svg>", "http://a.example/i"),
        ("<object data=http://a.example/o></object>", "http://a.example/o"),
        ("<td background=http://a.example/i>", "http://a.example/i"),
        ("<style>@import 'http://a.example/s';</style>", "http://a.example/s"),
        ("<p style='background: url(http://a.example/i)'>", "http://a.example/i"),
        ('<iframe srcdoc="<img src=http://a.example/i>"></iframe>', "http://a.example/i"),
        (
            "<form action=http://a.example/find><input name=q></form>",
            "a form to http://a.example/find",
        ),
        ("<img src='ht\ntp:\\\\a.example/i'>", "http://a.example/i"),
    ],
)
def test_mixed_content(markup: str, expected: str) -> None:
    """A part that comes over http is told, its query is not."""
    assert read_page(markup, URL).mixed == (expected,)


@pytest.mark.parametrize(
    "markup",
    [
        "<a href=http://a.example/>elsewhere</a>",
        "<link rel=canonical href=http://shop.example/>",
        "<img src=//a.example/i.png>",
        "<script>var x = 'http://a.example/';</script>",
        "<!-- <img src=http://a.example/i.png> -->",
        "<style>@namespace url(http://www.w3.org/1999/xhtml);</style>",
        "<svg xmlns=http://www.w3.org/2000/svg><a xlink:href=http://a.example/></a></svg>",
        "<p onclick='x = \"url(http://a.example/)\"'>",
        "<img srcset='/a 1x, //a.example/b 2x'>",
    ],
)
def test_no_mixed_content(markup: str) -> None:
    """A link is no part of the page, and a comment is nothing."""
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
    """A form that asks for a password is told with the place that it sends to."""
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
    """Passwords and cards are known by type, name, id and autocomplete."""
    assert read_page(f"<form method=post action=/in>{field}</form>", URL).sensitive == (kind,)


@pytest.mark.parametrize(
    "field", ["<input name=q>", "<input type=hidden name=cvv>", "<input type=checkbox id=cvc>"]
)
def test_what_is_no_question(field: str) -> None:
    """A search box, and what nobody types into, ask for nothing."""
    assert read_page(f"<form>{field}</form>", URL).sensitive == ()


def test_a_form_without_a_method_puts_it_into_the_url() -> None:
    """GET is the default, and the page's own address the default action."""
    facts = read_page("<form><input type=password></form>", URL)
    assert facts.by_get == ("password to https://shop.example/shop/page",)
    assert facts.plain == ()


def test_a_field_without_a_form() -> None:
    """What a script will send is known to be asked for, and not where it goes."""
    facts = read_page("<input type=password>", URL)
    assert (facts.sensitive, facts.plain, facts.by_get) == (("password",), (), ())


@pytest.mark.parametrize("begins", ["<![x]>", "<!x>", "<![if IE]>", "<?php x ?>", "<![CDATA[x>"])
def test_odd_declarations_hide_nothing(begins: str) -> None:
    """What browsers take for a comment ends where it ends for them."""
    facts = read_page(f"{begins}<img src=http://a.example/i>", URL)
    assert facts.mixed == ("http://a.example/i",)


@pytest.mark.parametrize(
    "field",
    [
        "<input name=firstname>",
        "<input name=f1 placeholder='Date of birth'>",
        "<label for=x>Geburtsdatum</label><input id=x name=f1>",
        "<label>Vorname <input name=f1></label>",
        "<table><tr><td>Adresse</td><td><input name=f1></td></tr></table>",
        "<textarea name=direccion></textarea>",
        "<input name=f1 aria-label='Nom de famille'>",
        "<input name=f1 autocomplete='section-a bday'>",
        "<input type=email name=f1>",
        "<input type=tel name=f1>",
        "<input name=name>",
        "<input name=f1 placeholder='Ihr Name'>",
        "<input name=f1><input name=IBAN>",
        "<select name=geschlecht><option>x</select>",
    ],
)
@pytest.mark.parametrize(
    "form",
    [
        "<form method=post action=http://b.example/in>{}</form>",
        "<form method=post action=/in>{}<button formaction=http://b.example/in></button></form>",
        "<base href=http://b.example/x/><form action=../in>{}</form>",
    ],
)
def test_personal_data_in_clear(form: str, field: str) -> None:
    """A form that asks for something about a person and sends it in clear is told."""
    facts = read_page(form.format(field), URL)
    assert facts.plain == ("personal data to http://b.example/in",)
    assert facts.sensitive == ()


def test_a_relative_form_of_a_page_in_clear() -> None:
    """It sends in clear, as it came."""
    facts = read_page("<form method=post><input name=surname></form>", "http://shop.example/a")
    assert facts.plain == ("personal data to http://shop.example/a",)
    assert facts.mixed == ()


@pytest.mark.parametrize(
    "field",
    [
        "<input name=q placeholder=Search>",
        "<input type=hidden name=firstname>",
        "<input type=submit name=name>",
        "<input name=quantity>",
        "<select name=sort><option>price</select>",
    ],
)
def test_what_is_about_nobody(field: str) -> None:
    """A search, an amount and what nobody types are no data about a person."""
    assert read_page(f"<form action=http://b.example/>{field}</form>", URL).plain == ()


@pytest.mark.parametrize(
    ("markup", "goal"),
    [
        ("<meta http-equiv=Refresh content='0; URL=/in'>", "https://shop.example/in"),
        ("<meta http-equiv=refresh content='5;http://a.example/'>", "http://a.example/"),
        ("<meta http-equiv=refresh content=\"0;url='/in'\">", "https://shop.example/in"),
        ("<script>window.location = '/in';</script>", "https://shop.example/in"),
        ('<script>location.replace("/in")</script>', "https://shop.example/in"),
        ("<script>document.location.href='/in'</script>", "https://shop.example/in"),
    ],
)
def test_where_a_page_goes_by_itself(markup: str, goal: str) -> None:
    """A refresh and a plain script lead on like a redirect."""
    assert read_page(markup, URL).leads_to == (goal,)


@pytest.mark.parametrize(
    "markup",
    [
        "<meta http-equiv=refresh content=30>",
        "<script>if (location == '/in') {}</script>",
        "<p>/in",
    ],
)
def test_where_a_page_stays(markup: str) -> None:
    """Loading again, and a comparison, lead nowhere."""
    assert read_page(markup, URL).leads_to == ()


def test_who_else_gets_a_card() -> None:
    """Forms and frames of other hosts are told; those of the site are not."""
    card = "<input name=cardnumber>"
    facts = read_page(
        f"<form method=post action=https://pay.example/in?x=1>{card}</form>"
        f"<form method=post action=/in>{card}</form>"
        "<iframe src=https://frame.example/a?b></iframe><iframe src=/own></iframe>",
        URL,
    )
    assert facts.elsewhere == ("https://pay.example/in",)
    assert facts.frames == ("https://frame.example/a",)


@pytest.mark.parametrize("label", ["Kreditkartennummer", "Numéro de carte bancaire", "Card number"])
def test_cards_are_known_by_their_label(label: str) -> None:
    """A field that is called nothing is known by what people read beside it."""
    markup = f"<form method=post><label for=x>{label}</label><input id=x></form>"
    assert read_page(markup, URL).sensitive == ("card",)


def test_links_to_the_same_host() -> None:
    """Links, frames and the goals of sign-in forms are known, in clear too; never with a query."""
    markup = (
        "<a href=/a>x</a><a href=http://shop.example:81/b>x</a><a href=https://o.example/c>x</a>"
        "<a href=/d?e>x</a><iframe src=/f></iframe>"
        "<form method=post action=/g><input type=password></form>"
    )
    assert read_page(markup, URL).links == ("/a", "/b", "/g", "/f")


def test_sign_in_links() -> None:
    """Links of the same origin that look like sign-in are kept, without queries."""
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
    """No page makes the reader raise."""
    read_page(markup, URL)


def test_frames_are_read_however_many() -> None:
    """Each page in an attribute or in data is part of the page; too deep ones say that they are not."""
    form = "<form action=http://a.test/ method=post><input type=password></form>"
    many = "<iframe srcdoc=x></iframe>" * 50 + f"<iframe srcdoc='{form}'></iframe>"
    assert read_page(many, "https://shop.example/").plain == ("password to http://a.test/",)
    for data in (form, f";charset=utf-8,{form}", ";base64,!!!"):
        url = data if data.startswith(";") else f",{data}"
        page = read_page(f"<iframe src='data:text/html{url}'></iframe>", "https://shop.example/")
        assert bool(page.plain) is (form in data)
        assert page.is_whole
    deep = "x"
    for _ in range(7):
        deep = f'<iframe srcdoc="{html.escape(deep)}"></iframe>'
    assert not read_page(deep, "https://shop.example/").is_whole
    assert read_page("<iframe srcdoc=x></iframe>", "https://shop.example/").is_whole
    framed = read_page("<iframe src='/a?b#c'></iframe><frame src=d>", "https://shop.example/x/")
    assert framed.framed == ("https://shop.example/a?b", "https://shop.example/x/d")

"""The sign-in pages: accessible, harmless, and the same to a program."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from sealgate.identity.factors import Factor, Proven, missing
from sealgate.identity.grants import Grant, GrantState
from sealgate.identity.model import Identity
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, IdentityProvider, Route, Site, Upstream
from sealgate.policy.protection import AccessRung
from sealgate.signin import pages
from sealgate.signin.model import Known, ReturnPlace, SignInState
from sealgate.signin.pages import (
    STYLE,
    Paper,
    account_page,
    nowhere_page,
    sign_in_page,
)
from sealgate.signin.problems import problem
from sealgate.signin.words import LANGUAGES
from tests.contrast import contrast

HOSTILE = "<script>alert('\"&')"
CLASSES = {item.id: item for item in DEFAULT_MODEL.classes}


def standing(
    name: str = "restricted", *, who: str | None = None, country: str | None = None
) -> SignInState:
    """Return how somebody (or nobody) without any proof stands before a route of that class."""
    route = Route(Door("/a"), CLASSES[name], admit=("group:staff",))
    place = ReturnPlace(Site(("shop.example",), Upstream("http", "127.0.0.1", 80), (route,)), route)
    known = Known(Identity(who), (), None, None) if who else None
    lacking = missing(place.rung, (), country, ("DE",), None, 0.0)
    return SignInState(place, known, lacking, admitted=False, country=country)


class Outline(HTMLParser):
    """What a page has: its tags with attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep one tag."""
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_is_accessible(language: str) -> None:
    """The page names its language, has one heading, and a label for each field that is seen."""
    outline = Outline(sign_in_page(Paper(language), standing(), "/a", "wrong")).tags
    tags = [tag for tag, _ in outline]
    assert ("html", {"lang": language}) in outline
    assert tags.count("h1") == 1
    labels = {attrs["for"] for tag, attrs in outline if tag == "label"}
    fields = {a["id"] for tag, a in outline if tag == "input" and a["type"] != "hidden"}
    assert labels == fields == {"name", "password"}
    assert any(attrs.get("role") == "alert" for _, attrs in outline)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_colour_can_be_read(scheme: int) -> None:
    """WCAG 2.2: text has a contrast of 4.5 (1.4.3), edges and the focus one of 3 (1.4.11)."""
    block = re.findall(r":root\{([^}]*)\}", STYLE)[scheme]
    colours = dict(re.findall(r"--([a-z-]+):(#[0-9a-f]{3,6})", block))
    assert len(colours) == 11
    on_page = ["page", "bad-soft", "why-soft", "code-soft"]
    read = [("ink", ground) for ground in on_page]
    read += [("faint", "page"), ("act", "page"), ("on-act", "act")]
    for text, ground in read:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    for edge in ("edge", "bad", "act", "focus"):
        assert contrast(colours[edge], colours["page"]) >= 3, edge


def test_no_script_but_for_passkeys() -> None:
    """There is no inline script or style, and the one script comes from here."""
    outline = Outline(sign_in_page(Paper(), standing(), "/a")).tags
    assert [a["src"] for tag, a in outline if tag == "script"] == ["/.sealgate/passkey.js"]
    assert not [a for _, a in outline if "style" in a or any(n.startswith("on") for n in a)]
    assert "<script" not in account_page(Paper(), "anna")


def test_a_page_that_is_none_leads_home() -> None:
    """There is a sentence, and a link to what there is."""
    page = nowhere_page(Paper())
    assert "There is no such page" in page
    assert ("a", {"href": "/.sealgate/"}) in Outline(page).tags


def test_what_a_class_needs_and_why() -> None:
    """The page says which class the area is of, and what that asks for."""
    page = sign_in_page(Paper(), standing("confidential", country="DE"), "/a")
    assert "Organization Confidential: sign in with a key" in page
    assert 'name="password"' not in page


@pytest.mark.parametrize("who", ["anna", None])
@pytest.mark.parametrize(
    ("country", "title", "told"),
    [
        ("FR", "Not from this country", "You come from FR"),
        (None, "The country is not known", "It is not known from which country you come"),
    ],
)
def test_from_elsewhere_nothing_is_asked_for(
    who: str | None, country: str | None, title: str, told: str
) -> None:
    """No sign-in would help, so the page says why, and leads back for who has moved."""
    page = sign_in_page(Paper(), standing("confidential", who=who, country=country), "/a")
    assert f"<h1>{title}</h1>" in page
    assert told in page
    assert "<form" not in page
    assert '<a href="/a">Look again</a>' in page


PAPER = Paper(operator=HOSTILE, form=HOSTILE)
# Each page, with whatever strangers or a configuration can put into it.
HOSTILE_PAGES = {
    "account_page": lambda: pages.account_page(PAPER, HOSTILE),
    "ended_page": lambda: pages.ended_page(PAPER, standing(who=HOSTILE), f"/{HOSTILE}"),
    "going_page": lambda: pages.going_page(
        PAPER, IdentityProvider("a", HOSTILE, "https://a", "b", "file:c"), f"https://a/{HOSTILE}"
    ),
    "new_passkey_page": lambda: pages.new_passkey_page(PAPER),
    "not_admitted_page": lambda: pages.not_admitted_page(PAPER, HOSTILE, f"/{HOSTILE}"),
    "nowhere_page": lambda: pages.nowhere_page(PAPER),
    "sign_in_page": lambda: pages.sign_in_page(PAPER, standing(who=HOSTILE), f"/{HOSTILE}"),
}


@pytest.mark.parametrize("name", [name for name in vars(pages) if name.endswith("_page")])
def test_nothing_of_a_stranger_is_markup(name: str) -> None:
    """Names, paths and operators are shown as text, on every page that there is."""
    page = HOSTILE_PAGES[name]()
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "alert('" not in page


def test_a_program_gets_the_same_as_values() -> None:
    """401 while nobody is known, 403 with what is missing afterwards."""
    status, fields = problem(standing(), "/a")
    assert (status, fields["class"]) == (401, "Public Restricted")
    status, fields = problem(standing("confidential", who="anna", country="FR"), "/a")
    assert status == 403
    assert [item["need"] for item in fields["missing"]] == ["sign-in", "country"]


def granted(state: GrantState | None, *held: Factor) -> SignInState:
    """Return how anna stands before a secret page: with her certificate, and a grant in *state*."""
    route = Route(Door("/"), CLASSES["secret"], admit=("user:anna",))
    place = ReturnPlace(
        Site(("vault.example",), Upstream("http", "127.0.0.1", 80), (route,)), route
    )
    shown = (Proven(Factor.CERTIFICATE, 0.0, "k"),)
    grant = None
    if state is not None:
        grant = Grant("72ce374b", "anna", place.asset, "reason", 60, "op", 0.0)
        if state is GrantState.RUNNING:
            grant = replace(grant, approver="ben", approved_at=0.0)
    lacking = tuple(
        replace(item, factors=tuple(f for f in item.factors if f in held))
        for item in missing(
            AccessRung.VERY_HIGH, shown, "DE", ("DE",), grant, 1.0, asset=place.asset
        )
    )
    known = Known(Identity("anna"), shown, None, None)
    return SignInState(place, known, lacking, True, "DE", grant, state)


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("state", [None, *GrantState])
def test_a_grant_is_asked_for_before_a_code(language: str, state: GrantState | None) -> None:
    """The page says what to type next, and asks for the code when the grant runs."""
    page = sign_in_page(Paper(language), granted(state, Factor.TOTP), "/a")
    if state is GrantState.RUNNING:
        assert 'autocomplete="one-time-code"' in page
        assert "sealgate grant" not in page
        return
    assert "one-time-code" not in page
    if state is GrantState.WAITING:
        assert "sealgate grant approve 72ce374b --as APPROVER" in page
    else:
        typed = "sealgate grant ask &quot;route vault.example/&quot; --as anna"
        assert typed in page
    assert f'<a href="/a">{LANGUAGES[language]["again"]}</a>' in page


def test_from_another_country_no_grant_is_asked_for() -> None:
    """It would open nothing."""
    there = granted(None, Factor.TOTP)
    shown = (Proven(Factor.CERTIFICATE, 0.0, "k"),)
    lacking = missing(
        AccessRung.VERY_HIGH, shown, "FR", ("DE",), None, 1.0, asset=there.place.asset
    )
    page = sign_in_page(Paper(), replace(there, missing=lacking, country="FR"), "/a")
    assert "You come from FR" in page
    assert "sealgate grant" not in page
    assert "<form" not in page


def test_who_has_no_second_factor_is_told_how_to_get_one() -> None:
    """What they do not have is not asked for."""
    page = sign_in_page(Paper(), granted(GrantState.RUNNING), "/a")
    assert "sealgate user totp anna" in page
    assert "<form" not in page
    outline = Outline(sign_in_page(Paper(), granted(GrantState.RUNNING, *Factor), "/a")).tags
    forms = {attrs.get("id") or attrs["action"] for tag, attrs in outline if tag == "form"}
    assert forms == {"passkey", "/.sealgate/code"}


def test_a_passkey_is_offered_where_one_helps() -> None:
    """The page for a key offers the passkey, and tells of certificates."""
    lacking = standing("confidential", country="DE").missing
    assert Factor.PASSKEY in lacking[0].factors
    page = sign_in_page(Paper(), standing("confidential", country="DE"), "/a")
    assert 'id="passkey"' in page
    assert "client certificate" in page

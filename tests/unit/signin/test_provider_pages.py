"""What the sign-in pages show of identity providers: a button each where it helps, as text only."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sealgate.identity.factors import Factor, Missing, Need
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, IdentityProvider, Route, Site, Upstream
from sealgate.signin.model import ReturnPlace, SignInState
from sealgate.signin.pages import Paper, account_page, going_page, sign_in_page
from sealgate.signin.provider import Why
from sealgate.signin.words import LANGUAGES

HOSTILE = "<script>alert('\"&')"
PLAIN = IdentityProvider("one", "One", "https://one.example", "id", "file:x")
KEYS = replace(PLAIN, name="two", label="Two", counts_as_key=("acr:phr",))
PAPER = Paper("en", "Shop Ltd", "token", (PLAIN, KEYS))


def page(*factors: Factor, paper: Paper = PAPER, need: Need = Need.SIGN_IN) -> str:
    """Return the page for somebody who would need one of *factors*."""
    route = Route(Door("/a"), DEFAULT_MODEL.classes[1])
    place = ReturnPlace(Site(("shop.example",), Upstream("http", "127.0.0.1", 80), (route,)), route)
    lacking = (Missing(need, "x is required", "sign in", factors),)
    return sign_in_page(paper, SignInState(place, None, lacking, admitted=False), "/a?b=c&d")


def test_each_provider_has_a_form_of_its_own() -> None:
    """Sent as a form, with its token and the way back; no script is needed."""
    shown = page(Factor.PASSWORD, Factor.PROVIDER)
    for provider in (PLAIN, KEYS):
        form = shown.partition(f'<form method="post" action="/.sealgate/oidc/{provider.name}">')[2]
        form = form.partition("</form>")[0]
        assert '<input type="hidden" name="form" value="token">' in form
        assert '<input type="hidden" name="to" value="/a?b=c&amp;d">' in form
        assert f"<button>Sign in with {provider.label}</button>" in form


@pytest.mark.parametrize("need", [Need.SIGN_IN, Need.KEY, Need.SECOND_FACTOR])
def test_where_a_key_is_needed_only_those_that_tell_of_keys(need: Need) -> None:
    """Through another one somebody would come back with too little."""
    shown = page(Factor.PASSKEY, Factor.PROVIDER_KEY, need=need)
    assert "Sign in with Two" in shown
    assert "Sign in with One" not in shown
    assert "Sign in with T" not in page(Factor.PASSWORD, Factor.PASSKEY, need=need)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_nothing_of_a_provider_is_markup(language: str) -> None:
    """Neither its label nor an address that it names."""
    provider = replace(PLAIN, label=HOSTILE)
    paper = Paper(language, "Shop Ltd", "token", (provider,))
    url = f"https://one.example/?{HOSTILE}"
    shown = (
        page(Factor.PROVIDER, paper=paper),
        going_page(paper, provider, url),
        account_page(paper, None, farewell=(url, HOSTILE)),
    )
    for one in shown:
        assert "alert" in one
        assert "<script" not in one
        assert "('\"" not in one


@pytest.mark.parametrize("language", sorted(LANGUAGES))
@pytest.mark.parametrize("why", Why)
def test_each_reason_has_its_sentence(language: str, why: Why) -> None:
    """In every language, with the label of the provider where it is about it."""
    assert Paper(language).say(why, label="One", reason="it does not answer")

"""Signing in through an OpenID provider: a certified one that runs here, behind the real Envoy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.peers.oidc_peer import CLIENT, public, rsa_key
from tests.peers.provided import BACK, OIDC_COOKIE, World, parameters, told
from tests.peers.signed import BROWSER, claims
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("curl"), pytest.mark.peer("node")]


@pytest.fixture
def world(provided_world: World) -> Iterator[World]:
    """Have the provider answer by itself again after each test."""
    yield provided_world
    provided_world.provider.change({})


def test_somebody_signs_in_and_is_who_the_provider_says(world: World) -> None:
    """Back to where they came from, with a session of rung 1 and the groups of the map."""
    person = world.person()
    done = person.enter("anna", "/staff")
    assert (done.status, done.value("location")) == (303, "/staff")
    assert person.ask("/staff").body == "ok"
    session = claims(person.token)
    assert (session["sub"], session["rung"], session["groups"]) == ("anna", 1, ["staff"])
    assert session["factors"] == ["identity provider"]
    assert OIDC_COOKIE not in person.jar.read_text()
    assert not [h for h in world.site.heard[-1] if h == "cookie"]


def test_the_request_is_what_the_standard_wants(world: World) -> None:
    """Code flow, PKCE with S256, state and nonce fresh each time, the exact redirect URI."""
    person = world.person()
    first, second = (parameters(person.begin()) for _ in range(2))
    assert first["response_type"] == "code"
    assert first["client_id"] == CLIENT
    assert first["redirect_uri"] == f"{world.place.url}{BACK}"
    assert first["code_challenge_method"] == "S256"
    assert first["scope"].split() == ["openid", "groups", "email", "profile"]
    assert first["max_age"] == "43200"
    assert "acr_values" not in first
    assert parameters(person.begin("/board"))["acr_values"] == "phr"
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name]) == 43
        assert first[name] != second[name]


def test_a_key_at_the_provider_opens_what_asks_for_a_key(world: World) -> None:
    """Only where the operator declared the value of acr, and only who is on the list."""
    person = world.person()
    done = person.enter("kim", "/board")
    assert (done.status, done.value("location")) == (303, "/board"), done
    assert person.ask("/board").body == "ok"
    assert claims(person.token)["rung"] == 2
    other = world.person()
    done = other.enter("anna", "/board")
    assert done.status == 303, done
    assert "a password is not enough" in other.ask("/board").body
    assert claims(other.token)["rung"] == 1


def test_whom_the_provider_lets_go_keeps_no_group(world: World) -> None:
    """Groups of the map follow the provider at each sign-in; all others are left alone."""
    assert world.person().enter("carl").status == 303
    with world.place.people() as people:
        carl = people.identity("carl")
    assert carl is not None
    assert carl.groups == ("own",)


def test_who_has_no_account_is_refused(world: World) -> None:
    """The page says so, and no account is made."""
    person = world.person()
    done = person.enter("nobody")
    assert done.status == 403
    assert (
        told(done)
        == "Example Ltd knows you, but you have no account here. Ask the operator for one."
    )
    assert not person.token
    with world.place.people() as people:
        assert people.identity("nobody") is None


def test_who_was_removed_stays_out(world: World) -> None:
    """Their session ends, and the provider's word lets them in no more."""
    with world.place.people() as people:
        people.add("root", [], by="test", now=1.0)
    person = world.person()
    assert person.enter("root").status == 303
    with world.place.people() as people:
        people.remove("root", by="test", now=2.0)
    done = world.person().enter("root")
    assert (done.status, told(done)) == (403, "Your account here was removed. Ask the operator.")


def test_the_provider_asks_and_they_do_not_know(world: World) -> None:
    """A wrong password there is told here as what it is, and local sign-in goes on."""
    person = world.person()
    back = person.log_in(person.begin(), "anna", "something else")
    assert parameters(back)["error"] == "access_denied"
    done = person.come_back(back)
    assert (done.status, told(done)) == (403, "Example Ltd did not sign you in.")
    assert person.sign_in("carl", "/members").status == 303


def test_signing_out_leads_to_the_provider_too(world: World) -> None:
    """Signed out here at once; the page links to where one signs out there."""
    person = world.person()
    person.enter("anna")
    done = person.post("/.sealgate/sign-out", on="/.sealgate/")
    assert (done.status, done.value("location")) == (303, "/.sealgate/?from=login")
    page = person.ask("/.sealgate/?from=login", *BROWSER)
    assert f'href="{world.provider.issuer}/session/end?client_id=' in page.body
    assert "Sign out at Example Ltd, too" in page.body
    assert person.ask("/members").status == 401


def test_a_provider_that_is_down_is_told_and_passwords_go_on(world: World) -> None:
    """Its reason stands on the page; whoever has a password here signs in as always."""
    person = world.person()
    back = person.log_in(person.begin(), "anna")
    world.provider.change({"/token": {"instead": {"status": 500, "body": "no"}}})
    done = person.come_back(back)
    assert done.status == 503
    assert told(done) == (
        "Example Ltd cannot be asked at the moment: it answers with status 500. Try again later, "
        "or sign in another way."
    )
    assert person.sign_in("carl", "/members").status == 303


def test_a_secret_that_others_can_read_is_sent_nowhere(world: World) -> None:
    """Also when that came to be while serving; a stranger learns nothing of this machine."""
    person = world.person()
    back = person.log_in(person.begin(), "anna")
    world.provider.change({})
    world.provider.secret_file.chmod(0o644)
    try:
        done = person.come_back(back)
    finally:
        world.provider.secret_file.chmod(0o600)
    assert done.status == 503
    assert told(done).startswith(
        "Example Ltd cannot be asked at the moment: this site cannot ask it now."
    )
    assert str(world.folder) not in done.body
    assert "POST /token" not in world.provider.change({})


def test_a_new_key_of_the_provider_is_taken_over(world: World) -> None:
    """Nothing is restarted when it signs with another one (Core 10.1.1)."""
    new = rsa_key("second")
    assert world.person().enter("anna").status == 303
    world.provider.change(
        {
            "/jwks": {"json": {"keys": [public(new), public(world.provider.key)]}},
            "/token": {"token": {"header": {"kid": "second"}, "key": new}},
        }
    )
    assert wait_until(lambda: world.person().enter("anna").status == 303)

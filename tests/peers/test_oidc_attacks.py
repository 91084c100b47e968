"""
Attacks on the sign-in through a provider: by other browsers, sites and providers.

And by one that answers otherwise than it must: the real one answers, one thing is changed. More
ways in which a token or metadata are wrong stand in the tests of their rooms.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.peers.oidc_peer import SECRET, public, rsa_key
from tests.peers.provided import (
    BACK,
    BEGIN,
    OIDC_COOKIE,
    Person,
    World,
    parameters,
    told,
)
from tests.peers.signed import BROWSER, claims, remade

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.peer("envoy"), pytest.mark.peer("curl"), pytest.mark.peer("node")]

STALE = (
    "That sign-in was begun too long ago or in another browser, or is finished already. "
    "Begin again."
)
FORGED = "What Example Ltd answered cannot be trusted, so it does not count. Begin again."
OTHER_KEY = rsa_key("first")


@pytest.fixture
def world(provided_world: World) -> Iterator[World]:
    """Have the provider answer by itself again after each test."""
    yield provided_world
    provided_world.provider.change({})


def cookie_of(person: Person) -> str:
    """Return the cookie that ties a sign-in to the browser of *person*."""
    rows = [line.split("\t") for line in person.jar.read_text().splitlines()]
    return next(row[6] for row in rows if len(row) == 7 and row[5] == OIDC_COOKIE)


def refused(person: Person, back: str, *options: str) -> tuple[int, str]:
    """Return what *person* is told who comes back, and hold that they are not signed in."""
    done = person.come_back(back, *options)
    assert not person.token
    assert person.ask("/members").status == 401
    return done.status, told(done)


def test_an_answer_in_another_browser_is_none(world: World) -> None:
    """Nobody is signed in as somebody else by a link; and the answer is used up by that."""
    attacker, victim = world.person(), world.person()
    back = attacker.log_in(attacker.begin(), "anna")
    victim.begin()
    assert refused(victim, back) == (400, STALE)
    assert refused(attacker, back) == (400, STALE)


def test_an_answer_without_the_cookie_is_none(world: World) -> None:
    """Nor in a browser that never began, or with one that was given to it."""
    person, other = world.person(), world.person()
    for options in ((), ("--header", f"Cookie: {OIDC_COOKIE}=fixed")):
        back = person.log_in(person.begin(), "anna")
        assert refused(other, back, *options) == (400, STALE)


def test_a_cookie_from_before_ties_nothing(world: World) -> None:
    """Whoever could set it beforehand does not know the one that counts."""
    person = world.person()
    person.begin()
    old = cookie_of(person)
    back = person.log_in(person.begin(), "anna")
    assert cookie_of(person) != old
    bare = world.person("--header", f"Cookie: {OIDC_COOKIE}={old}")
    assert refused(bare, back) == (400, STALE)


def test_an_answer_counts_once(world: World) -> None:
    """The same state and code again, with the same cookie, sign nobody in."""
    person = world.person()
    back = person.log_in(person.begin(), "anna")
    cookie = cookie_of(person)
    assert person.come_back(back).status == 303
    again = world.person("--header", f"Cookie: {OIDC_COOKIE}={cookie}")
    assert refused(again, back) == (400, STALE)


def test_a_stolen_code_is_worth_nothing_elsewhere(world: World) -> None:
    """Put into an attempt of one's own, it lacks the verifier (RFC 7636)."""
    victim, thief = world.person(), world.person()
    code = parameters(victim.log_in(victim.begin(), "anna"))["code"]
    own = parameters(thief.begin())
    back = f"{world.place.url}{BACK}?code={code}&state={own['state']}&iss={world.provider.issuer}"
    assert refused(thief, back) == (403, FORGED)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": ""},
        {"code": "made-up"},
    ],
)
def test_an_answer_of_another_provider(world: World, changed: dict[str, str | None]) -> None:
    """RFC 9207: one that is named and is another, or is not named although it always is."""
    person = world.person()
    fields: dict[str, str | None] = {**parameters(person.log_in(person.begin(), "anna")), **changed}
    query = "&".join(f"{name}={value}" for name, value in fields.items() if value is not None)
    assert refused(person, f"{world.place.url}{BACK}?{query}") == (403, FORGED)


@pytest.mark.parametrize(
    "query",
    ["", "state=x", "code=x", "code=x&state=y", "error=access_denied&state=y", "code=a&code=b"],
)
def test_an_answer_that_nobody_asked_for(world: World, query: str) -> None:
    """Made up by anybody: it leads to the page, and says that there is nothing to finish."""
    assert refused(world.person(), f"{world.place.url}{BACK}?{query}") == (400, STALE)


@pytest.mark.parametrize(
    "headers",
    [
        ["Origin: https://evil.example"],
        ["Origin: null"],
        ["Sec-Fetch-Site: cross-site"],
        ["Sec-Fetch-Site: same-site"],
    ],
)
def test_no_other_site_begins_a_sign_in(world: World, headers: list[str]) -> None:
    """Its form lacks the token or says where it comes from; nothing is begun."""
    person = world.person(*(part for header in headers for part in ("--header", header)))
    done = person.post(BEGIN, "/members")
    assert (done.status, done.value("refresh")) == (403, "")
    assert OIDC_COOKIE not in person.jar.read_text()


@pytest.mark.parametrize("fields", ["", "form=", "form=x", "form=x&form=y", "to=/members"])
def test_a_form_without_its_token_begins_nothing(world: World, fields: str) -> None:
    """With or without the cookie of a page that was loaded before."""
    person = world.person()
    for _ in range(2):
        done = person.ask(BEGIN, *BROWSER, "--data", fields)
        assert (done.status, done.value("refresh")) == (403, "")
        person.ask("/.sealgate/sign-in", *BROWSER)
    assert OIDC_COOKIE not in person.jar.read_text()


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_only_a_form_begins_and_only_a_visit_ends(world: World, method: str) -> None:
    """A picture or a link begins nothing, and what only looks uses nothing up."""
    person = world.person()
    back = person.log_in(person.begin(), "anna")
    how = ["--head"] if method == "HEAD" else ["--request", method]
    assert person.ask(BEGIN, *how).status in {404, 405}
    if method != "GET":
        path = back.removeprefix(world.place.url)
        assert person.ask(path, *how).status in {404, 405}
    assert person.come_back(back).status == 303


@pytest.mark.parametrize(
    "to", ["//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "/.sealgate/x"]
)
def test_nobody_is_led_elsewhere_afterwards(world: World, to: str) -> None:
    """The way on is a path of this site, whatever the form said."""
    person = world.person()
    page = person.post(BEGIN, to, on="/.sealgate/sign-in")
    back = person.log_in(page.value("refresh").removeprefix("0;url="), "anna")
    done = person.come_back(back)
    assert (done.status, done.value("location")) == (303, "/")


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "localhost:1@evil.example", "evil.example:443"],
)
def test_no_other_host_is_told_to_the_provider(world: World, host: str) -> None:
    """A request in the name of another host ends at the gateway."""
    person = world.person()
    page = person.post(BEGIN, "/members")
    assert page.status == 200
    done = person.ask(BEGIN, "--header", f"Host: {host}", "--data", "form=x")
    assert done.status in {400, 404, 421}
    assert not done.value("refresh")


CHANGES: dict[str, dict[str, Any]] = {
    "no algorithm": {"header": {"alg": "none"}, "signature": "none"},
    "signed with the client secret": {
        "header": {"alg": "HS256"},
        "signature": "hmac",
        "secret": SECRET,
    },
    "signed with another key": {"key": OTHER_KEY},
    "with a key of its own": {"header": {"jwk": public(OTHER_KEY)}, "key": OTHER_KEY},
    "with a key that nobody has": {"header": {"kid": "third"}},
    "changed after it was signed": {"claims": {"sub": "kim"}, "signature": "same"},
    "of another issuer": {"claims": {"iss": "https://evil.example"}},
    "for another client": {"claims": {"aud": "another"}},
    "of another sign-in": {"claims": {"nonce": "x" * 43}},
    "that ended": {"later": {"exp": -3700}},
    "from before": {"later": {"iat": -3600}},
    "of an old sign-in there": {"later": {"auth_time": -50_000}},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_an_id_token(world: World, change: dict[str, Any]) -> None:
    """Counts for nothing, and nobody is signed in."""
    world.provider.change({"/token": {"token": change}})
    person = world.person()
    assert refused(person, person.log_in(person.begin(), "anna")) == (403, FORGED)


ANSWERS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no ID token": ({"/token": {"without": ["id_token"]}}, 403, FORGED),
    "an endless token": ({"/token": {"json": {"id_token": "x" * 100_000}}}, 403, FORGED),
    "somebody else's UserInfo": ({"/me": {"json": {"sub": "kim"}}}, 403, FORGED),
    "leads elsewhere": (
        {"/token": {"instead": {"status": 307, "headers": {"location": "/elsewhere"}}}},
        503,
        "answers with status 307",
    ),
    "too much": ({"/token": {"instead": {"bytes": 1_000_000}}}, 503, "does not answer as it must"),
    "no JSON": ({"/token": {"instead": {"body": "<html>"}}}, 503, "does not answer with JSON"),
    "nothing at all": ({"/token": {"hangs": True}}, 503, "does not answer in time"),
}


@pytest.mark.parametrize(("change", "status", "words"), ANSWERS.values(), ids=ANSWERS.keys())
def test_a_provider_that_answers(
    world: World, change: dict[str, Any], status: int, words: str
) -> None:
    """Otherwise than it must: refused, with the reason; the secret goes nowhere else."""
    person = world.person()
    back = person.log_in(person.begin(), "anna")
    world.provider.change(change)
    done, reason = refused(person, back)
    assert (done, words in reason) == (status, True), reason
    assert not [line for line in world.provider.change({}) if "/elsewhere" in line]


FIRST: dict[str, tuple[dict[str, Any], str]] = {
    "another issuer": ({"json": {"issuer": "https://evil.example"}}, "says that it is another"),
    "leads elsewhere": (
        {"instead": {"status": 302, "headers": {"location": "/elsewhere"}}},
        "answers with status 302",
    ),
}


def test_what_a_provider_says_of_itself(world: World) -> None:
    """Each thing that is wrong with it keeps people from being sent there; passwords go on."""
    config = world.place.config
    before = config.read_text()
    try:
        for number, (change, words) in enumerate(FIRST.values()):
            world.provider.change({"/.well-known/openid-configuration": change})
            # With other settings nothing that was believed before counts.
            config.write_text(before.replace("Example Ltd", f"Example {number}"))
            done = world.place.sealgate("reload")
            assert done.returncode == 0, done.stderr
            person = world.person()
            page = person.post(BEGIN, "/members")
            assert (page.status, page.value("refresh")) == (503, ""), page
            assert f"Example {number} cannot be asked at the moment" in page.body
            assert words in page.body
        assert person.sign_in("carl", "/members").status == 303
        assert not [line for line in world.provider.change({}) if "/elsewhere" in line]
        # An authority that does not vouch for it.
        other = world.folder / "other-ca.pem"
        shutil.copyfile(world.place.state / "authority" / "server-ca.pem", other)
        config.write_text(before.replace(world.provider.ca.name, other.name))
        assert world.place.sealgate("reload").returncode == 0
        page = world.person().post(BEGIN, "/members")
        assert page.status == 503
        assert "its certificate is not trusted" in page.body
    finally:
        config.write_text(before)
        assert world.place.sealgate("reload").returncode == 0
    assert world.person().enter("anna").status == 303


def renewed(person: Person, token: str, path: str) -> int:
    """Return the status at *path* with a *token* that ended, so that the service is asked."""
    person.jar.with_name("nothing").unlink(missing_ok=True)
    return person.with_token(token, path).status


def test_a_provider_that_is_one_no_more_vouches_for_nobody(world: World) -> None:
    """Sessions that rest on it end with their token; so does a key that is declared no more."""
    config = world.place.config
    before = config.read_text()
    kim, anna = world.person(), world.person()
    assert kim.enter("kim", "/board").status == 303
    assert anna.enter("anna").status == 303
    old = [remade(person, person.token, exp=-5) for person in (kim, anna)]
    assert renewed(kim, old[0], "/board") == 200
    assert renewed(anna, old[1], "/members") == 200
    try:
        config.write_text(before.replace('counts_as_key = ["acr:phr"]', ""))
        assert world.place.sealgate("reload").returncode == 0
        assert renewed(kim, old[0], "/board") == 403
        assert renewed(anna, old[1], "/members") == 200
        config.write_text(before.partition("[[identity_provider]]")[0])
        assert world.place.sealgate("reload").returncode == 0
        assert renewed(anna, old[1], "/members") == 403
        assert anna.ask(BEGIN, *BROWSER, "--data", "form=x").status == 404
    finally:
        config.write_text(before)
        assert world.place.sealgate("reload").returncode == 0
    assert claims(anna.token)["sub"] == "anna"

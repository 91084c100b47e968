"""What is asked of an OpenID provider, and which answers count, without one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.identity.begun import digest
from sealgate.policy.classification import DEFAULT_MODEL
from sealgate.policy.inventory import Door, IdentityProvider, Route, Site, Upstream
from sealgate.signin.oidc import (
    ATTEMPT_SECONDS,
    Attempt,
    ProviderAnswer,
    ProviderAttempts,
    authorization_url,
    basic_credentials,
    check_issuer,
    max_age,
    read_answer,
    redeemable,
    redirect_uri,
    token_request,
)
from sealgate.signin.provider import (
    Metadata,
    OidcError,
    Why,
)

ISSUER = "https://login.example/realm"
PROVIDER = IdentityProvider(
    "login", "Example Ltd", ISSUER, "sealgate", "file:/secret", scopes=("openid", "email")
)
METADATA = Metadata(ISSUER, f"{ISSUER}/auth?tenant=1", f"{ISSUER}/token", f"{ISSUER}/jwks")
SITE = Site(
    ("shop.example", "www.shop.example"),
    Upstream("http", "127.0.0.1", 8080),
    (Route(Door("/"), DEFAULT_MODEL.classes[0]),),
)
BACK = "https://shop.example/.sealgate/oidc/login/callback"


def attempt(**more: Any) -> Attempt:
    """Return an attempt that began at 1000."""
    usual = Attempt(
        provider="login",
        redirect_uri=BACK,
        wanted="/members",
        began_at=1000.0,
        address="192.0.2.1",
        browser=digest("cookie"),
        max_age=43200,
        asks_key=True,
        state="state",
        nonce="nonce",
        verifier="v" * 43,
    )
    return replace(usual, **more)


def test_the_authorization_request() -> None:
    """Every parameter once, the provider's own query kept, the verifier only as its hash."""
    wanted = replace(PROVIDER, counts_as_key=("acr:phr", "amr:hwk", "acr:urn:x"))
    url = authorization_url(
        wanted, METADATA, attempt(verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    )
    assert url.startswith(f"{ISSUER}/auth?tenant=1&")
    assert parse_qs(urlsplit(url).query) == {
        "tenant": ["1"],
        "response_type": ["code"],
        "client_id": ["sealgate"],
        "redirect_uri": [BACK],
        "scope": ["openid email"],
        "state": ["state"],
        "nonce": ["nonce"],
        "max_age": ["43200"],
        # RFC 7636, appendix B.
        "code_challenge": ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"],
        "code_challenge_method": ["S256"],
        "acr_values": ["phr urn:x"],
    }


def test_a_key_is_asked_for_only_where_one_is_needed() -> None:
    """Who wants to see what a password opens is not held up at the provider."""
    wanted = replace(PROVIDER, counts_as_key=("acr:phr",))
    assert "acr_values" in authorization_url(wanted, METADATA, attempt())
    assert "acr_values" not in authorization_url(wanted, METADATA, attempt(asks_key=False))
    assert "acr_values" not in authorization_url(PROVIDER, METADATA, attempt())


def test_the_token_request() -> None:
    """The code, the same redirect URI, and the verifier that the challenge was made of."""
    assert token_request(attempt(), "the code") == {
        "grant_type": "authorization_code",
        "code": "the code",
        "redirect_uri": BACK,
        "code_verifier": "v" * 43,
    }
    # RFC 6749, 2.3.1: encoded before Basic joins them with a colon.
    assert basic_credentials("a:b c", "d%é+") == ("a%3Ab%20c", "d%25%C3%A9%2B")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("shop.example", BACK),
        ("SHOP.example", BACK),
        ("shop.example:8443", BACK.replace("example/", "example:8443/")),
        ("www.shop.example", BACK.replace("shop", "www.shop")),
        ("evil.example", None),
        ("shop.example.evil.example", None),
        ("shop.example:443@evil.example", None),
        ("shop.example:", None),
        ("shop.example:4 4", None),
        ("shop.example:\u0664", None),
        ("", None),
    ],
)
def test_the_way_back_is_a_host_of_the_site(host: str, expected: str | None) -> None:
    """Or a request with another Host would have the provider asked to lead there."""
    assert redirect_uri(PROVIDER, SITE, host) == expected


def test_a_fresh_proof_is_asked_for_where_one_is_needed() -> None:
    """Else the provider's sign-in may be as old as ours may get."""
    assert (max_age(must_be_fresh=False), max_age(must_be_fresh=True)) == (43200, 60)


def test_an_attempt_counts_once() -> None:
    """A second answer with the same state is none."""
    attempts = ProviderAttempts()
    attempts.give(attempt())
    assert attempts.take("state", "cookie", "login", BACK, 1001.0) == attempt()
    with pytest.raises(OidcError) as caught:
        attempts.take("state", "cookie", "login", BACK, 1001.0)
    assert caught.value.why is Why.STALE


@pytest.mark.parametrize(
    ("state", "browser", "provider", "back", "now"),
    [
        ("other", "cookie", "login", BACK, 1001.0),
        ("state", "other", "login", BACK, 1001.0),
        ("state", "", "login", BACK, 1001.0),
        ("state", "cookie", "mixed-up", BACK, 1001.0),
        ("state", "cookie", "login", BACK.replace("shop", "www.shop"), 1001.0),
        ("state", "cookie", "login", None, 1001.0),
        ("state", "cookie", "login", BACK, 1000.0 + ATTEMPT_SECONDS),
        ("state", "cookie", "login", BACK, 999.0),
        ("st\udc80te", "cookie", "login", BACK, 1001.0),
    ],
)
def test_an_attempt_is_of_one_browser_provider_and_host(
    state: str, browser: str, provider: str, back: str | None, now: float
) -> None:
    """Anything else is refused, and uses the attempt up."""
    attempts = ProviderAttempts()
    attempts.give(attempt())
    with pytest.raises(OidcError) as caught:
        attempts.take(state, browser, provider, back, now)
    assert caught.value.why is Why.STALE
    assert len(attempts) == (state != "state")


def test_whoever_begins_many_pushes_out_their_own() -> None:
    """One address cannot end the attempts of others, and all of them are bounded."""
    attempts = ProviderAttempts(most=5, most_per_address=2)
    attempts.give(attempt(state="mine"))
    for number in range(4):
        attempts.give(attempt(state=f"theirs {number}", address="192.0.2.9"))
    assert len(attempts) == 3
    assert attempts.take("mine", "cookie", "login", BACK, 1001.0).state == "mine"
    for number in range(9):
        attempts.give(attempt(state=str(number), address=str(number)))
    assert len(attempts) == 5


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"code=x",
        b"state=s",
        b"state=&code=x",
        b"state=s&code=",
        b"state=s&code=x&code=y",
        b"state=s&state=t&code=x",
        b"state=s&code=x&iss=a&iss=b",
        b"state=s&code=x&error=access_denied",
        b"state=s&code=x&id_token=eyJ",
        b"state=s&code=x&access_token=eyJ",
        b"state=s&code=\xff",
        b"state=s&code=%ff",
        b"state=s&code=" + b"x" * 9000,
        b"state=s&code=x" + b"&a%d=1" * 30 % tuple(range(30)),
    ],
)
def test_what_is_no_answer(query: bytes) -> None:
    """Missing, doubled, too long or both at once: it is refused before anything is looked up."""
    with pytest.raises(OidcError) as caught:
        read_answer(query)
    assert caught.value.why is Why.STALE


@settings(deadline=None)
@given(st.text(min_size=1), st.text(min_size=1), st.none() | st.text())
def test_what_was_sent_is_read(state: str, code: str, issuer: str | None) -> None:
    """Whatever a provider's values are, they arrive as they were, or nothing does."""
    fields = {"state": state, "code": code} | ({} if issuer is None else {"iss": issuer})
    try:
        query = urlencode(fields, quote_via=quote).encode()
    except UnicodeEncodeError:
        return
    assert read_answer(query) == ProviderAnswer(state, issuer, code)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_query_ends_in_anything_but_a_refusal(query: bytes) -> None:
    """Bytes of a stranger raise one error only."""
    try:
        answer = read_answer(query)
    except OidcError:
        return
    assert answer.state
    assert bool(answer.code) != answer.declined


def test_who_declined_has_no_code() -> None:
    """The reason that the provider tells is not repeated."""
    with pytest.raises(OidcError) as caught:
        redeemable(read_answer(b"state=s&error=%3Cscript%3E&iss=x"))
    assert caught.value.why is Why.DECLINED
    assert "script" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "sends", "is_fine"),
    [
        (ISSUER, True, True),
        (ISSUER, False, True),
        (None, False, True),
        (None, True, False),
        ("https://evil.example", True, False),
        ("https://evil.example", False, False),
        (f"{ISSUER}/", False, False),
        ("", False, False),
    ],
)
def test_an_answer_of_another_provider(told: str | None, *, sends: bool, is_fine: bool) -> None:
    """RFC 9207: compared letter for letter; missing only where it is never sent."""
    metadata = replace(METADATA, sends_issuer=sends)
    answer = ProviderAnswer("s", told, "c")
    if is_fine:
        check_issuer(answer, metadata)
        return
    with pytest.raises(OidcError) as caught:
        check_issuer(answer, metadata)
    assert caught.value.why is Why.FORGED

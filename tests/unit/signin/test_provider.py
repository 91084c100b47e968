"""What a provider says of itself, and what keeps people from being sent there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealgate.policy.inventory import IdentityProvider
from sealgate.signin.provider import (
    Metadata,
    OidcError,
    Why,
    discovery_url,
    end_session_url,
    is_https,
    read_metadata,
)

ISSUER = "https://login.example/realm"
PROVIDER = IdentityProvider("login", "Example Ltd", ISSUER, "sealgate", "file:/secret")
METADATA = Metadata(ISSUER, f"{ISSUER}/auth", f"{ISSUER}/token", f"{ISSUER}/jwks")
TOLD: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": "https://other.example/token",
    "jwks_uri": f"{ISSUER}/jwks",
    "response_types_supported": ["code", "id_token"],
    "id_token_signing_alg_values_supported": ["none", "HS256", "RS256"],
}


def test_where_a_provider_tells_of_itself() -> None:
    """Discovery 1.0, 4.1: below the issuer, without a second slash."""
    expected = "https://login.example/realm/.well-known/openid-configuration"
    assert discovery_url(PROVIDER) == expected
    assert discovery_url(replace(PROVIDER, issuer=f"{ISSUER}/")) == expected


def test_what_a_provider_says_of_itself() -> None:
    """Of its algorithms only those with a private key are left."""
    read = read_metadata(PROVIDER, TOLD)
    assert read.token == "https://other.example/token"
    assert read.algorithms == ("RS256",)
    assert (read.sends_issuer, read.posts_secret, read.user_info) == (False, False, "")
    post = {**TOLD, "token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert read_metadata(PROVIDER, post).posts_secret
    names = {**TOLD, "authorization_response_iss_parameter_supported": True}
    assert read_metadata(PROVIDER, names).sends_issuer


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"issuer": f"{ISSUER}/"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"issuer": [ISSUER]}, "another issuer"),
        ({"response_types_supported": ["id_token"]}, "code flow"),
        ({"response_types_supported": "code"}, "code flow"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"code_challenge_methods_supported": []}, "PKCE"),
        ({"id_token_signing_alg_values_supported": ["none", "HS256"]}, "signs with none"),
        ({"id_token_signing_alg_values_supported": [["RS256"], {}]}, "signs with none"),
        ({"token_endpoint_auth_methods_supported": ["none"]}, "client secret"),
        ({"authorization_endpoint": "http://login.example/auth"}, "authorization_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"authorization_endpoint": None}, "authorization_endpoint"),
        ({"token_endpoint": "https://user@evil.example/"}, "token_endpoint"),
        ({"token_endpoint": "https://evil.example/#"}, "token_endpoint"),
        ({"token_endpoint": "file:///etc/passwd"}, "token_endpoint"),
        ({"jwks_uri": "https://"}, "jwks_uri"),
        ({"jwks_uri": "https://a b/"}, "jwks_uri"),
        ({"jwks_uri": 7}, "jwks_uri"),
        ({"userinfo_endpoint": "http://login.example/me"}, "userinfo_endpoint"),
        ({"end_session_endpoint": "//login.example"}, "end_session_endpoint"),
    ],
)
def test_a_provider_that_cannot_be_used(changed: dict[str, Any], reason: str) -> None:
    """One thing wrong with it, and nobody is sent there; what it said is not repeated."""
    with pytest.raises(OidcError, match=reason) as caught:
        read_metadata(PROVIDER, {**TOLD, **changed})
    assert caught.value.why is Why.DOWN
    assert "evil" not in caught.value.message


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(TOLD)), st.none() | st.integers() | st.text()))
def test_no_metadata_ends_in_anything_but_a_refusal(changed: dict[str, Any]) -> None:
    """Whatever is read has an https address at each place."""
    try:
        read = read_metadata(PROVIDER, {**TOLD, **changed})
    except OidcError:
        return
    assert all(map(is_https, (read.authorization, read.token, read.keys)))


def test_where_one_signs_out_there() -> None:
    """With the way back, where the provider has such a page at all."""
    metadata = replace(METADATA, end_session=f"{ISSUER}/end")
    url = end_session_url(PROVIDER, metadata, "Shop.example")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["sealgate"],
        "post_logout_redirect_uri": ["https://shop.example/.sealgate/"],
    }
    assert end_session_url(PROVIDER, METADATA, "shop.example") == ""

"""What a site is told is signed for it alone, and is no session."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import ECKey

from sealgate.identity.assertions import assertion
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.sessions import Session
from sealgate.identity.tokens import TokenError, TokenKey, issue, token_key, verify
from sealgate.policy.protection import AccessRung

NOW = 1_800_000_000


@pytest.fixture
def key() -> TokenKey:
    """Return a new key."""
    private = ec.generate_private_key(ec.SECP256R1())
    return token_key(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), NOW)


def session() -> Session:
    """Return anna's."""
    proven = (Proven(Factor.PASSWORD, NOW),)
    return Session(
        "anna",
        AccessRung.LOW,
        proven,
        "DE",
        float(NOW),
        NOW + 55,
        "the-id",
        "shop.example",
        ("staff",),
    )


def read(token: str, key: TokenKey) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of *token*, which *key* signed."""
    found = jws.deserialize_compact(token, ECKey.import_key(key.pem), algorithms=["ES256"])
    return dict(found.headers()), json.loads(found.payload)


def test_it_says_who_and_for_whom_and_no_more(key: TokenKey) -> None:
    """The id of the sign-in, the factors and the country stay in the gateway."""
    header, claims = read(assertion(session(), key), key)
    assert header == {"alg": "ES256", "kid": key.kid, "typ": "sealgate-identity+jwt"}
    assert claims == {
        "iss": "sealgate-identity",
        "aud": "https://shop.example",
        "sub": "anna",
        "groups": ["staff"],
        "rung": 1,
        "iat": NOW,
        "exp": NOW + 55,
    }


def test_it_is_no_session_even_under_the_same_key(key: TokenKey) -> None:
    """Its type alone keeps it out; and a session carries it without being changed by it."""
    told = assertion(session(), key)
    with pytest.raises(TokenError):
        verify(told, [key], site="shop.example", now=NOW + 1)
    token = issue(session(), key, told)
    assert read(token, key)[1]["identity"] == told
    assert verify(token, [key], site="shop.example", now=NOW + 1) == session()

"""ID tokens: one right one, and each way in which one is wrong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from sealgate.identity.begun import digest
from sealgate.identity.factors import Factor, Proven
from sealgate.policy.inventory import IdentityProvider
from sealgate.signin.id_tokens import (
    UnknownKeyError,
    is_key,
    lacks,
    read_keys,
    stated,
    verify_id_token,
)
from sealgate.signin.oidc import Attempt
from sealgate.signin.provider import ALGORITHMS, Metadata, OidcError, Why

if TYPE_CHECKING:
    from collections.abc import Mapping

ISSUER, NOW, ACCESS = "https://login.example", 1_800_000_000.0, "an access token"
PROVIDER = IdentityProvider(
    "login",
    "Example Ltd",
    ISSUER,
    "sealgate",
    "file:/secret",
    groups=(("sso-staff", "staff"), ("sso-board", "board"), ("sso-both", "staff")),
    roles=(("sso-board", "approver"),),
    counts_as_key=("acr:phr", "amr:hwk"),
)
METADATA = Metadata(ISSUER, f"{ISSUER}/auth", f"{ISSUER}/token", f"{ISSUER}/jwks")
ATTEMPT = Attempt(
    provider="login",
    redirect_uri="https://shop.example/.sealgate/oidc/login/callback",
    wanted="/",
    began_at=NOW - 20,
    address="192.0.2.1",
    browser=digest("cookie"),
    max_age=3600,
    asks_key=False,
    state="state",
    nonce="the nonce",
    verifier="v" * 43,
)
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": "sealgate",
    "sub": "248289761001",
    "iat": int(NOW),
    "exp": int(NOW) + 300,
    "nonce": "the nonce",
    "auth_time": int(NOW) - 100,
}


@cache
def key() -> RSAKey:
    """Return the provider's private key, the same each time."""
    return RSAKey.generate_key(2048)


def published(one: RSAKey | ECKey, **more: Any) -> dict[str, Any]:
    """Return the public half as a provider publishes it."""
    return {**one.as_dict(private=False), "kid": "first", "use": "sig", **more}


KEYS = read_keys({"keys": [published(key())]})


def encoded(value: object) -> str:
    """Return *value* as JSON in base64url."""
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def signed(
    claims: object, *, by: RSAKey | ECKey | None = None, header: Mapping[str, Any] | None = None
) -> str:
    """Return *claims* signed as a provider does."""
    head = {"alg": "RS256", "kid": "first", **(header or {})}
    payload = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    return jws.serialize_compact(head, payload, by or key(), registry=registry)


def raw(header: Mapping[str, Any], by: RSAKey) -> str:
    """Return :data:`CLAIMS` under any *header* at all, with a right signature."""
    text = f"{encoded(header)}.{encoded(CLAIMS)}"
    private = by.private_key
    assert isinstance(private, RSAPrivateKey)
    return f"{text}.{encoded(private.sign(text.encode(), PKCS1v15(), SHA256()))}"


def verified(token: object, keys: Any = KEYS, *, now: float = NOW, **more: Any) -> dict[str, Any]:
    """Return what *token* says to us."""
    provider, attempt = more.get("provider", PROVIDER), more.get("attempt", ATTEMPT)
    return verify_id_token(token, keys, provider, METADATA, attempt, access_token=ACCESS, now=now)


def refused(token: object, keys: Any = KEYS, **more: Any) -> None:
    """Hold that *token* counts for nothing, and that what it says is not repeated."""
    with pytest.raises(OidcError) as caught:
        verified(token, keys, **more)
    assert caught.value.why is Why.FORGED
    assert "248289761001" not in str(caught.value)


def half_hash(text: str) -> str:
    """Return the left half of SHA-256 (Core 1.0, 3.1.3.6)."""
    return encoded(hashlib.sha256(text.encode()).digest()[:16])


def test_a_right_token_is_read() -> None:
    """Also with what some providers add: a list of one audience, azp, at_hash, typ, x5t."""
    assert verified(signed(CLAIMS)) == CLAIMS
    more = {**CLAIMS, "aud": ["sealgate"], "azp": "sealgate", "at_hash": half_hash(ACCESS)}
    assert verified(signed(more, header={"typ": "JWT", "x5t": "abc"})) == more
    assert verified(signed(CLAIMS, header={"kid": "first"}), now=NOW + 329) == CLAIMS
    without = {name: value for name, value in CLAIMS.items() if name != "auth_time"}
    assert verified(signed(without)) == without


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_of_the_list(algorithm: str) -> None:
    """With a key of its own kind; and not with that of another curve."""
    curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}.get(algorithm)
    one = ECKey.generate_key(curve) if curve else key()
    token = signed(CLAIMS, by=one, header={"alg": algorithm})
    assert verified(token, read_keys({"keys": [published(one)]})) == CLAIMS
    for told in ({"use": "enc"}, {"alg": "RS999"}, {"key_ops": ["encrypt"]}, {"key_ops": 7}):
        with pytest.raises(UnknownKeyError):
            verified(token, read_keys({"keys": [published(one, **told)]}))


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("another issuer", {"iss": "https://evil.example"}),
    ("issuer with a slash", {"iss": f"{ISSUER}/"}),
    ("issuer missing", {"iss": None}),
    ("issuer in a list", {"iss": [ISSUER]}),
    ("another audience", {"aud": "other"}),
    ("audience missing", {"aud": None}),
    ("audience empty", {"aud": []}),
    ("us and another", {"aud": ["sealgate", "other"], "azp": "sealgate"}),
    ("us twice", {"aud": ["sealgate", "sealgate"]}),
    ("made for another", {"azp": "other"}),
    ("made for nobody", {"azp": ""}),
    ("another nonce", {"nonce": "another"}),
    ("nonce missing", {"nonce": None}),
    ("nonce in a list", {"nonce": ["the nonce"]}),
    ("no subject", {"sub": None}),
    ("empty subject", {"sub": ""}),
    ("long subject", {"sub": "x" * 256}),
    ("subject a number", {"sub": 7}),
    ("ended", {"exp": int(NOW) - 31}),
    ("no end", {"exp": None}),
    ("end in words", {"exp": "never"}),
    ("end true", {"exp": True}),
    ("end in milliseconds", {"exp": int(NOW) * 1000}),
    ("not begun", {"nbf": int(NOW) + 31}),
    ("begun in words", {"nbf": "now"}),
    ("from the future", {"iat": int(NOW) + 31}),
    ("older than the attempt", {"iat": int(NOW) - 51}),
    ("no time", {"iat": None}),
    ("seen too long ago", {"auth_time": int(NOW) - 20 - 3600 - 31}),
    ("seen in the future", {"auth_time": int(NOW) + 31}),
    ("seen in words", {"auth_time": "today"}),
    ("seen true", {"auth_time": True}),
    ("another access token", {"at_hash": half_hash("another")}),
    ("ways in words", {"amr": "hwk"}),
]


@pytest.mark.parametrize(("what", "change"), WRONG, ids=[what for what, _ in WRONG])
def test_one_wrong_claim(what: str, change: dict[str, Any]) -> None:
    """Signed by the provider, and yet it counts for nothing."""
    claims = {**CLAIMS, **change}
    refused(signed({name: value for name, value in claims.items() if value is not None}))


def test_wrong_signatures() -> None:
    """None, by HMAC with the public key or the secret, by another key, cut, changed."""
    token = signed(CLAIMS)
    head, body, signature = token.split(".")
    for algorithm in ("none", "None", "NONE", "nOnE", ""):
        told = {"alg": algorithm, "kid": "first"}
        refused(f"{encoded(told)}.{body}.")
        refused(f"{encoded(told)}.{body}.{signature}")
    hmac_head = encoded({"alg": "HS256", "kid": "first"})
    for secret in (key().as_pem(private=False), b"a secret", json.dumps(KEYS[0]).encode()):
        text = f"{hmac_head}.{body}"
        digest = hmac.new(secret, text.encode(), hashlib.sha256).digest()
        refused(f"{text}.{encoded(digest)}")
        refused(f"{text}.{encoded(digest)}", [{**KEYS[0], "kty": "oct", "k": encoded(secret)}])
    refused(signed(CLAIMS, by=RSAKey.generate_key(2048)))
    refused(f"{head}.{body}.")
    refused(f"{head}.{body}")
    refused(f"{head}.{body}.{signature}.x")
    refused(f"{head}.{body}.{signature[:-4]}AAAA")
    refused(f"{head}.{encoded({**CLAIMS, 'sub': 'admin'})}.{signature}")
    refused(f"{head}.{body}=.{signature}")
    refused(f" {token}")
    refused(token + "é")
    refused(None)
    refused({"token": token})
    refused("x" * 70_000)
    refused("")


def test_wrong_headers() -> None:
    """A header brings no key of its own, marks nothing as critical, is no other type."""
    own = RSAKey.generate_key(2048)
    for more in (
        {"jwk": own.as_dict(private=False)},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/"},
        {"x5c": ["AAAA"]},
        {"crit": ["exp"]},
        {"b64": False},
        {"typ": "at+jwt"},
        {"typ": "logout+jwt"},
        {"typ": 7},
        {"kid": ["first"]},
        {"kid": 1},
        {"alg": ["RS256"]},
    ):
        head = {"alg": "RS256", "kid": "first", **more}
        refused(raw(head, key()))
        refused(raw(head, own))
    assert verified(raw({"alg": "RS256", "kid": "first"}, key())) == CLAIMS


def test_names_that_stand_twice() -> None:
    """The first or the last would count, depending on who reads: neither does."""
    text = json.dumps(CLAIMS)[:-1] + ', "sub": "admin"}'
    refused(signed(text.encode()))
    head = '{"alg": "none", "alg": "RS256", "kid": "first"}'
    _, body, signature = signed(CLAIMS).split(".")
    refused(f"{encoded(head.encode())}.{body}.{signature}")
    for text in ("[]", "7", '"x"', "{", json.dumps({**CLAIMS, "exp": 1e999}), "[" * 5000):
        refused(signed(text.encode()))


def test_keys_that_do_not_count() -> None:
    """A short one, one of another name, and two between which nothing tells."""
    short = generate_private_key(65537, 1024)  # noqa: S505  # the one that is refused
    head = f"{encoded({'alg': 'RS256', 'kid': 'first'})}.{encoded(CLAIMS)}"
    signature = encoded(short.sign(head.encode(), PKCS1v15(), SHA256()))
    modulus = short.public_key().public_numbers().n.to_bytes(128)
    public = {"kty": "RSA", "kid": "first", "n": encoded(modulus), "e": "AQAB"}
    refused(f"{head}.{signature}", read_keys({"keys": [public]}))
    two = [
        published(key()),
        published(ECKey.generate_key("P-256")),
        published(RSAKey.generate_key(2048)),
    ]
    with pytest.raises(UnknownKeyError):
        verified(signed(CLAIMS), read_keys({"keys": two}))
    text = jws.serialize_compact({"alg": "RS256"}, json.dumps(CLAIMS), key(), algorithms=["RS256"])
    assert verified(text) == CLAIMS
    with pytest.raises(UnknownKeyError):
        verified(text, read_keys({"keys": two}))
    with pytest.raises(UnknownKeyError):
        verified(signed(CLAIMS, header={"kid": "second"}))
    with pytest.raises(UnknownKeyError):
        verified(signed(CLAIMS), ())


def test_what_is_read_of_a_key_set() -> None:
    """Symmetric keys and what nobody knows are left out; so is everything beyond a hundred."""
    secret = OctKey.generate_key(256).as_dict(private=True)
    told = [secret, {"kty": "OKP"}, {"kty": ["RSA"]}, {}, 7, None, published(key())]
    assert [one["kty"] for one in read_keys({"keys": told})] == ["RSA"]
    assert read_keys({}) == ()
    assert read_keys({"keys": {"kty": "RSA"}}) == ()
    assert len(read_keys({"keys": [published(key())] * 200})) == 100
    broken = [{**published(key()), "n": "AQAB"}, {**published(key()), "n": 7}]
    for one in broken:
        refused(signed(CLAIMS), read_keys({"keys": [one]}))


@settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*CLAIMS, "azp", "nbf", "amr", "acr", "at_hash"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text()),
        max_size=3,
    )
)
def test_no_claims_end_in_anything_but_a_refusal(change: dict[str, Any]) -> None:
    """What the provider itself signs may be nonsense; what is read is of us and of now."""
    try:
        claims = verified(signed({**CLAIMS, **change}))
    except OidcError:
        return
    assert (claims["iss"], claims["nonce"]) == (ISSUER, "the nonce")
    assert claims["aud"] in ("sealgate", ["sealgate"])
    assert claims["exp"] > NOW - 30


def test_what_a_sign_in_is_worth() -> None:
    """A password, unless one of the declared values stands there, and with it when that was."""
    plain = stated(PROVIDER, CLAIMS, now=NOW)
    assert plain.proof == Proven(Factor.PROVIDER, NOW, ISSUER)
    right: tuple[dict[str, Any], ...] = ({"acr": "phr"}, {"amr": ["pwd", "hwk"]})
    for more in right:
        claims = {**CLAIMS, **more}
        assert stated(PROVIDER, claims, now=NOW).proof == Proven(
            Factor.PROVIDER_KEY, NOW - 100, ISSUER
        )
        assert not is_key(replace(PROVIDER, counts_as_key=()), claims)
        assert not is_key(PROVIDER, {**claims, "auth_time": None})
        assert not is_key(PROVIDER, {**claims, "auth_time": True})
    others: tuple[dict[str, Any], ...] = (
        {"acr": "PHR"},
        {"acr": "phrh"},
        {"acr": ["phr"]},
        {"acr": "hwk"},
        {"amr": "hwk"},
        {"amr": ["phr"]},
        {"amr": [["hwk"]]},
        {"amr": {"hwk": True}},
        {"acr": None},
    )
    for more in others:
        assert not is_key(PROVIDER, {**CLAIMS, **more})
    # What the UserInfo says of it counts for nothing.
    assert stated(PROVIDER, CLAIMS, {"acr": "phr"}, now=NOW).proof.factor is Factor.PROVIDER


def test_groups_and_roles_are_those_of_the_map() -> None:
    """Nothing else is taken over, whatever shape it has."""
    told = ["sso-board", "sso-both", "admin", "staff", 7, None]
    who = stated(PROVIDER, {**CLAIMS, "groups": told}, now=NOW)
    assert (who.groups, who.roles) == (("board", "staff"), ("approver",))
    for nothing in (None, 7, {"sso-board": True}, [["sso-board"]], "SSO-BOARD", []):
        who = stated(PROVIDER, {**CLAIMS, "groups": nothing}, now=NOW)
        assert (who.groups, who.roles) == ((), ())
    one = stated(PROVIDER, CLAIMS, {"groups": "sso-staff"}, now=NOW)
    assert one.groups == ("staff",)


def test_the_name_of_the_account() -> None:
    """An address only when it was verified; nothing that an account cannot be called."""
    assert stated(PROVIDER, CLAIMS, now=NOW).name == "248289761001"
    mail = replace(PROVIDER, user_claim="email")
    right = {**CLAIMS, "email": "anna@shop.example", "email_verified": True}
    assert stated(mail, right, now=NOW).name == "anna@shop.example"
    for flag in (False, None, "true", 1):
        assert stated(mail, {**right, "email_verified": flag}, now=NOW).name == ""
    assert stated(mail, CLAIMS, now=NOW).name == ""
    called = replace(PROVIDER, user_claim="preferred_username")
    for name in ("", " anna", "an\u202ena", "x" * 65, "a\nb", 7, ["anna"], None):
        assert stated(called, {**CLAIMS, "preferred_username": name}, now=NOW).name == ""


def test_when_the_user_info_is_asked() -> None:
    """Only for what the ID token does not say and the configuration needs."""
    bare = replace(PROVIDER, groups=(), roles=())
    assert not lacks(bare, CLAIMS)
    assert lacks(PROVIDER, CLAIMS)
    assert not lacks(PROVIDER, {**CLAIMS, "groups": []})
    assert lacks(replace(bare, user_claim="email"), CLAIMS)

"""
ID tokens: whether one is what the provider said to this client about this sign-in. Pure.

OpenID Connect Core 1.0, 3.1.3.7, by Authlib, and narrower (RFC 8725): signed with a key of
the provider's and an algorithm of our list, header members and types as they must be, no
name twice, one audience, the nonce always, not older than the attempt. What it says is
read by :func:`stated`.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from authlib.oidc.core import CodeIDToken
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from joserfc.util import urlsafe_b64decode

from sealgate.errors import UsageError
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.model import checked_name
from sealgate.identity.token_parts import read_part
from sealgate.signin.provider import OidcError, Why

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from sealgate.policy.inventory import IdentityProvider
    from sealgate.signin.oidc import Attempt
    from sealgate.signin.provider import Metadata

# By how much the clocks of two servers may differ.
SKEW_SECONDS = 30.0
MOST_TOKEN_BYTES = 64 * 1024
MOST_KEYS = 100
# Beyond it somebody meant milliseconds.
_LATEST = 1e11
_PARTS = 3
_LEAST_RSA_BITS = 2048
_MOST_SUBJECT = 255  # Core 1.0, 2
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
# What may stand in a header; "jwk" and "jku" would bring a key of the sender's own.
_HEADER = frozenset(["alg", "kid", "typ", "x5t", "x5t#S256"])
_PUBLIC = {"RSA": ("kty", "n", "e"), "EC": ("kty", "crv", "x", "y")}


class UnknownKeyError(OidcError):
    """No key that is known made the signature; the provider may have a new one."""


@dataclass(frozen=True, slots=True)
class Stated:
    """
    What a provider says of a person: *subject* is who, for ever, *name* the account's name.

    *name* is "" where the provider names none that can be used. *groups* and *roles* are ours,
    by the map of the configuration. *proof* is what the sign-in is worth here.
    """

    issuer: str
    subject: str
    name: str
    groups: tuple[str, ...]
    roles: tuple[str, ...]
    proof: Proven


def read_keys(told: Mapping[str, Any]) -> tuple[Mapping[str, str], ...]:
    """Return the keys of a JWK Set (RFC 7517, 5); what is none of a known kind is left out."""
    keys = told.get("keys")
    if not isinstance(keys, list):
        return ()
    return tuple(
        {name: value for name, value in key.items() if isinstance(value, str)}
        for key in keys[:MOST_KEYS]
        if isinstance(key, dict) and key.get("kty") in ("RSA", "EC") and _verifies(key)
    )


def _verifies(key: Mapping[str, Any]) -> bool:
    # RFC 7517, 4.3: what a key is for, where it says so.
    operations = key.get("key_ops", ["verify"])
    return isinstance(operations, list) and "verify" in operations


def verify_id_token(
    token: object,
    keys: Collection[Mapping[str, str]],
    provider: IdentityProvider,
    metadata: Metadata,
    attempt: Attempt,
    *,
    access_token: str,
    now: float,
) -> dict[str, Any]:
    """
    Return the claims of *token*, when they hold for *attempt*.

    Raises:
        UnknownKeyError: none of *keys* made it; look for new ones, once.
        OidcError: it counts for nothing.
    """
    if not isinstance(token, str) or not token.isascii() or len(token) > MOST_TOKEN_BYTES:
        raise _forged("is no text")
    parts = token.encode("ascii").split(b".")
    if len(parts) != _PARTS:
        raise _forged("is no signed token")
    header = _object(parts[0])
    algorithm = header.get("alg")
    if not header.keys() <= _HEADER or algorithm not in metadata.algorithms:
        raise _forged("has a header that is not allowed")
    if str(header.get("typ", "JWT")).upper() != "JWT":
        raise _forged("is a token of another type")
    _verify_signature(token, _key(keys, str(algorithm), header.get("kid")), str(algorithm))
    claims = _object(parts[1])
    try:
        CodeIDToken(
            claims,
            header,
            {
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
            },
            {
                "nonce": attempt.nonce,
                "client_id": provider.client_id,
                "access_token": access_token,
            },
        ).validate(int(now), int(SKEW_SECONDS))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _forged("does not hold for this sign-in") from error
    for wrong, what in _wrong(claims, provider, attempt, now):
        if wrong:
            raise _forged(what)
    return claims


def _wrong(
    claims: Mapping[str, Any], provider: IdentityProvider, attempt: Attempt, now: float
) -> Iterable[tuple[bool, str]]:
    audience, nonce, subject = (claims.get(name) for name in ("aud", "nonce", "sub"))
    yield claims.get("iss") != provider.issuer, "is of another issuer"
    # Core 3.1.3.7, 3: refuse audiences that are not trusted. None but us is.
    yield audience not in (provider.client_id, [provider.client_id]), "is not for us alone"
    yield claims.get("azp", provider.client_id) != provider.client_id, "was made for another"
    yield (
        not isinstance(nonce, str)
        or not hmac.compare_digest(nonce.encode(), attempt.nonce.encode()),
        "is of another sign-in",
    )
    yield not isinstance(subject, str) or not 0 < len(subject) <= _MOST_SUBJECT, "names nobody"
    yield (
        not all(_is_time(claims.get(name)) for name in ("iat", "exp")),
        "has no times",
    )
    issued, end, start = claims.get("iat"), claims.get("exp"), claims.get("nbf", 0)
    yield now >= float(end or 0) + SKEW_SECONDS, "has ended"
    yield not _is_time(start) or start > now + SKEW_SECONDS, "has not begun"
    yield float(issued or 0) > now + SKEW_SECONDS, "is from the future"
    yield float(issued or 0) < attempt.began_at - SKEW_SECONDS, "is older than the attempt"
    seen = claims.get("auth_time")
    yield seen is not None and not _is_time(seen), "has no times"
    # Core 3.1.3.7, 13: where it says when it saw the person, that must be late enough.
    yield (
        seen is not None and seen < attempt.began_at - attempt.max_age - SKEW_SECONDS,
        "rests on a sign-in that is too old",
    )
    yield seen is not None and seen > now + SKEW_SECONDS, "is from the future"


def stated(
    provider: IdentityProvider,
    claims: Mapping[str, Any],
    more: Mapping[str, Any] | None = None,
    *,
    now: float,
) -> Stated:
    """
    Return what verified *claims* say; *more* are those of the UserInfo of the same person.

    What a sign-in is worth comes from the ID token alone.
    """
    every = {**(more or {}), **claims}
    theirs = _texts(every.get(provider.groups_claim))
    key = is_key(provider, claims)
    seen = claims.get("auth_time")
    at = min(float(seen), now) if key and seen is not None else now
    return Stated(
        issuer=provider.issuer,
        subject=str(claims["sub"]),
        name=_name(provider, every),
        groups=tuple(sorted({ours for name, ours in provider.groups if name in theirs})),
        roles=tuple(sorted({ours for name, ours in provider.roles if name in theirs})),
        proof=Proven(Factor.PROVIDER_KEY if key else Factor.PROVIDER, at, provider.issuer),
    )


def lacks(provider: IdentityProvider, claims: Mapping[str, Any]) -> bool:
    """Return whether the UserInfo may know what *claims* do not say."""
    mapped = bool(provider.groups or provider.roles)
    unnamed = provider.user_claim != "sub" and provider.user_claim not in claims
    return unnamed or (mapped and provider.groups_claim not in claims)


def is_key(provider: IdentityProvider, claims: Mapping[str, Any]) -> bool:
    """
    Return whether the provider saw a proof that the operator declared to be worth a key.

    Fail closed: only the very values that were declared, and only when the provider says
    when it saw the person.
    """
    if not _is_time(claims.get("auth_time")):
        return False
    acr = claims.get("acr")
    seen = {f"acr:{acr}"} if isinstance(acr, str) else set[str]()
    amr = claims.get("amr")
    if isinstance(amr, list):
        seen |= {f"amr:{method}" for method in amr if isinstance(method, str)}
    return bool(seen & set(provider.counts_as_key))


def _name(provider: IdentityProvider, claims: Mapping[str, Any]) -> str:
    value = claims.get(provider.user_claim)
    if not isinstance(value, str):
        return ""
    # Core 5.1: an address that nobody verified can be anybody's.
    if provider.user_claim == "email" and claims.get("email_verified") is not True:
        return ""
    try:
        return checked_name(value)
    except UsageError:
        return ""


def _texts(value: object) -> frozenset[str]:
    if isinstance(value, str):
        return frozenset([value])
    if not isinstance(value, list):
        return frozenset()
    return frozenset(one for one in value if isinstance(one, str))


def _is_time(value: object) -> bool:
    # bool is an int for Python. A number with a point is allowed (RFC 7519, 2).
    return type(value) in (int, float) and 0 <= value < _LATEST  # type: ignore[operator]


def _key(keys: Collection[Mapping[str, str]], algorithm: str, kid: object) -> Mapping[str, str]:
    # Without a name (Core 10.1) only a provider's only key can be meant.
    fitting = [k for k in keys if _fits(k, algorithm) and (kid is None or k.get("kid") == kid)]
    if len(fitting) != 1:
        raise UnknownKeyError(Why.FORGED, "no one key of the provider's fits the ID token")
    return fitting[0]


def _fits(key: Mapping[str, str], algorithm: str) -> bool:
    # RFC 7517, 4.2 to 4.4: a key for something else signs nothing.
    if key.get("use", "sig") != "sig" or key.get("alg", algorithm) != algorithm:
        return False
    curve = _CURVES.get(algorithm)
    if curve is None:
        return key.get("kty") == "RSA"
    return key.get("kty") == "EC" and key.get("crv") == curve


def _verify_signature(token: str, key: Mapping[str, str], algorithm: str) -> None:
    public: dict[str, str | list[str]] = {n: key.get(n, "") for n in _PUBLIC[key["kty"]]}
    try:
        if key["kty"] == "RSA":
            modulus = int.from_bytes(urlsafe_b64decode(key.get("n", "").encode()))
            if modulus.bit_length() < _LEAST_RSA_BITS:
                raise _forged("is signed with a key that is too short")
            rsa = RSAKey.import_key(public)
            jws.deserialize_compact(token, rsa, algorithms=[algorithm])
        else:
            jws.deserialize_compact(token, ECKey.import_key(public), algorithms=[algorithm])
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise _forged("is not signed by the provider") from error


def _object(part: bytes) -> dict[str, Any]:
    try:
        return read_part(part, fractions=True)
    except ValueError as error:
        raise _forged("cannot be read") from error


def _forged(what: str) -> OidcError:
    return OidcError(Why.FORGED, f"the ID token {what}")

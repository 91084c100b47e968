"""
Sessions as signed tokens: JWS ES256 in the compact form (RFC 7515, 7518, 7519).

Pure; keys are made and kept by :mod:`sealgate.identity.adapters.token_keys`. A token is
narrower than the standards allow (RFC 8725): one algorithm, one type, exactly the header
members and claims that are written here, each of one type, none twice. What Envoy verifies
(signature, issuer, audience, times) is verified here again, and the shape besides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from sealgate.errors import SealgateError, UsageError
from sealgate.identity.factors import Factor, Proven
from sealgate.identity.sessions import IDLE_SECONDS, MILLISECONDS, TOKEN_SECONDS, Session
from sealgate.identity.token_parts import read_part
from sealgate.policy.protection import AccessRung

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ALGORITHM = "ES256"
TYPE = "sealgate-session+jwt"
ISSUER = "sealgate"
# RFC 6265, 6.1: a browser keeps at least 4096 bytes of a cookie with its name and attributes.
MOST_TOKEN_BYTES = 3800
# A new key is published for so long before anything is signed with it.
ANNOUNCE_SECONDS = 300.0
ROTATE_SECONDS = 30 * 86400.0
_HEADER = frozenset(["alg", "kid", "typ"])
_PARTS = 3
# A word, because an empty claim is told to nobody by Envoy.
_NO_CERTIFICATE = "none"
_MOST_PROOFS = 12


class Refused(StrEnum):
    """Why a token is none."""

    MALFORMED = "malformed"
    FORGED = "forged"
    UNKNOWN_KEY = "unknown key"
    OTHER_SITE = "for another site"
    NOT_YET = "not valid yet"
    EXPIRED = "expired"
    RUNG = "worth too little"


class TokenError(SealgateError):
    """A token that is not accepted; *reason* says why, and never what it held."""

    def __init__(self, reason: Refused) -> None:
        """Keep the *reason*."""
        super().__init__(f"session token is {reason}", hint="sign in again")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TokenKey:
    """
    One signing key: a P-256 private key in PEM, and when it was made.

    *kid* is its RFC 7638 thumbprint, so that a name never stands for two keys.
    """

    kid: str
    pem: bytes
    made_at: float

    def __repr__(self) -> str:
        return f"TokenKey({self.kid!r})"


def token_key(pem: bytes, made_at: float) -> TokenKey:
    """
    Return the key in *pem* with its name.

    Raises:
        UsageError: it is no P-256 private key.
    """
    try:
        key = ECKey.import_key(pem)
        if key.curve_name != "P-256" or not key.is_private:
            raise UsageError("the key of session tokens is no P-256 private key")
        return TokenKey(key.thumbprint(), pem, made_at)
    except (JoseError, ValueError, TypeError) as error:
        raise UsageError("the key of session tokens cannot be read") from error


def current_key(keys: Iterable[TokenKey], now: float) -> TokenKey:
    """
    Return the key to sign with: the newest of those that were published long enough.

    Raises:
        UsageError: there is none at all.
    """
    by_age = sorted(keys, key=lambda key: key.made_at)
    if not by_age:
        raise UsageError("there is no key to sign sessions with", hint="sealgate serve makes one")
    published = [key for key in by_age if key.made_at + ANNOUNCE_SECONDS <= now]
    return published[-1] if published else by_age[0]


def kept_keys(keys: Iterable[TokenKey], now: float) -> tuple[TokenKey, ...]:
    """
    Return those of *keys* that a token may be signed with, the newest last.

    A token that has ended is shown for a new one until its sign-in has been idle for too long.
    """
    by_age = sorted(keys, key=lambda key: key.made_at)
    kept = []
    for key, newer in zip(by_age, [*by_age[1:], None], strict=True):
        # The next one takes over when it is published; whoever has the last token of this one
        # may come back for so long after it.
        last = TOKEN_SECONDS + IDLE_SECONDS
        if newer is None or now < newer.made_at + ANNOUNCE_SECONDS + last:
            kept.append(key)
    return tuple(kept)


def is_due(keys: Iterable[TokenKey], now: float) -> bool:
    """Return whether it is time to make a new key."""
    return all(now >= key.made_at + ROTATE_SECONDS for key in keys)


def key_set(keys: Iterable[TokenKey]) -> str:
    """Return the public halves of *keys* as a JWK Set (RFC 7517), as Envoy reads it."""
    told = [
        {
            **ECKey.import_key(key.pem).as_dict(private=False),
            "kid": key.kid,
            "use": "sig",
            "alg": ALGORITHM,
        }
        for key in keys
    ]
    return json.dumps({"keys": told}, sort_keys=True, separators=(",", ":"))


def signed(claims: dict[str, Any], kind: str, key: TokenKey) -> str:
    """Return *claims* as a token of the type *kind*, signed with *key*."""
    header = {"alg": ALGORITHM, "kid": key.kid, "typ": kind}
    payload = json.dumps(claims, ensure_ascii=True, separators=(",", ":"))
    return jws.serialize_compact(header, payload, _imported(key.pem), algorithms=[ALGORITHM])


def issue(session: Session, key: TokenKey, identity: str = "") -> str:
    """
    Return the token of *session*, signed with *key*.

    *identity* is what the site is told by it (:mod:`sealgate.identity.assertions`), or "".

    Raises:
        UsageError: it would not fit into a cookie.
    """
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": session.site,
        "sub": session.name,
        "sid": session.id,
        "iat": int(session.issued_at),
        "nbf": int(session.issued_at),
        "exp": session.ends_at,
        # Milliseconds: a change and a token that is made just after it share a second.
        "made": round(session.issued_at * MILLISECONDS),
        "rung": session.rung,
        "factors": [str(factor) for factor in session.factors],
        "proven": [[str(p.factor), int(p.at), p.key] for p in session.proven],
        # "" and not null: what Envoy compares must be there, and be text.
        "country": session.country or "",
        "groups": list(session.groups),
        "asset": session.asset,
        "certificate": session.certificate or _NO_CERTIFICATE,
        "identity": identity,
    }
    token = signed(claims, TYPE, key)
    if len(token) > MOST_TOKEN_BYTES:
        raise UsageError(
            f'the session of "{session.name}" takes {len(token)} bytes, but at most '
            f"{MOST_TOKEN_BYTES} fit into a cookie",
            hint=f"have fewer groups: sealgate user group {session.name} --remove GROUP",
        )
    return token


def verify(
    token: str,
    keys: Sequence[TokenKey],
    *,
    site: str,
    now: float,
    least: AccessRung = AccessRung.NONE,
    asset: str = "",
    grace: float = 0.0,
) -> Session:
    """
    Return the session in *token*, when one of *keys* signed it for *site* and it is in date.

    *least* is the rung that is needed at *asset*. *grace* is for how many seconds after its
    end it is still read: only for making a new token, which asks the database besides.

    Raises:
        TokenError: it is not; which of the many reasons, is told.
    """
    if not token.isascii() or len(token) > MOST_TOKEN_BYTES or token.count(".") != _PARTS - 1:
        raise TokenError(Refused.MALFORMED)
    raw = token.encode("ascii")
    header = _object(raw.partition(b".")[0])
    if header.keys() != _HEADER or header["typ"] != TYPE or header["alg"] != ALGORITHM:
        raise TokenError(Refused.MALFORMED)
    key = next((key for key in keys if key.kid == header["kid"]), None)
    if key is None:
        raise TokenError(Refused.UNKNOWN_KEY)
    try:
        jws.deserialize_compact(raw, _imported(key.pem), algorithms=[ALGORITHM])
    except (JoseError, ValueError, TypeError) as error:
        raise TokenError(Refused.FORGED) from error
    session = _session(_object(raw.split(b".")[1]))
    if session.site != site:
        raise TokenError(Refused.OTHER_SITE)
    if session.issued_at > now:
        raise TokenError(Refused.NOT_YET)
    if now >= session.ends_at + grace:
        raise TokenError(Refused.EXPIRED)
    if session.rung_for(asset) < least:
        raise TokenError(Refused.RUNG)
    return session


@lru_cache(maxsize=8)
def _imported(pem: bytes) -> ECKey:
    # Reading a PEM takes longer than what is done with it, and there are two keys at most.
    return ECKey.import_key(pem)


def _object(part: bytes) -> dict[str, Any]:
    try:
        return read_part(part, fractions=False)
    except ValueError as error:
        raise TokenError(Refused.MALFORMED) from error


# Every claim there is, and its only type.
_CLAIMS: dict[str, type] = {
    "iss": str,
    "aud": str,
    "sub": str,
    "sid": str,
    "iat": int,
    "nbf": int,
    "exp": int,
    "made": int,
    "rung": int,
    "factors": list,
    "proven": list,
    "country": str,
    "groups": list,
    "asset": str,
    "certificate": str,
    "identity": str,
}


def _session(claims: dict[str, Any]) -> Session:
    if claims.keys() != _CLAIMS.keys() or any(
        type(claims[name]) is not kind for name, kind in _CLAIMS.items()
    ):
        raise TokenError(Refused.MALFORMED)
    if not AccessRung.NONE < claims["rung"] <= AccessRung.VERY_HIGH:
        raise TokenError(Refused.MALFORMED)
    session = Session(
        claims["sub"],
        AccessRung(claims["rung"]),
        tuple(_proofs(claims["proven"])),
        claims["country"] or None,
        claims["made"] / MILLISECONDS,
        claims["exp"],
        claims["sid"],
        claims["aud"],
        tuple(claims["groups"]),
        claims["asset"],
        "" if claims["certificate"] == _NO_CERTIFICATE else claims["certificate"],
    )
    fits = (
        claims["iss"] == ISSUER
        and claims["nbf"] == claims["iat"] == claims["made"] // MILLISECONDS
        and 0 < claims["exp"] - claims["iat"] <= TOKEN_SECONDS + 1
        and (session.rung == AccessRung.VERY_HIGH) == bool(session.asset)
        and (session.rung == AccessRung.VERY_HIGH or not session.certificate)
        and claims["certificate"]
        and claims["factors"] == [str(factor) for factor in session.factors]
        and all(type(group) is str for group in session.groups)
        and session.name
        and session.id
    )
    if not fits:
        raise TokenError(Refused.MALFORMED)
    return session


def _proofs(read: list[Any]) -> Iterable[Proven]:
    if not 0 < len(read) <= _MOST_PROOFS:
        raise TokenError(Refused.MALFORMED)
    for entry in read:
        match entry:
            case [str(factor), int(at), str(key)] if type(at) is int:
                try:
                    yield Proven(Factor(factor), at, key)
                except ValueError as error:
                    raise TokenError(Refused.MALFORMED) from error
            case _:
                raise TokenError(Refused.MALFORMED)

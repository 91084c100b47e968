"""
What a site is told of whom the gateway signed in, so that it can believe it: a signed token.

It opens nothing at the gateway: it is signed with keys of its own, which the gateway takes no
session from, and says so in its type, its issuer and its audience besides (RFC 8725, 3.8 to
3.11). A site that is taken over, or that writes it into a log, gives no session away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.identity.tokens import signed

if TYPE_CHECKING:
    from sealgate.identity.sessions import Session
    from sealgate.identity.tokens import TokenKey

TYPE = "sealgate-identity+jwt"
ISSUER = "sealgate-identity"


def audience(site: str) -> str:
    """Return whom a token for *site* is for, by its name."""
    return f"https://{site}"


def assertion(session: Session, key: TokenKey) -> str:
    """
    Return what the site of *session* is told: who, of which groups, worth which rung.

    It lives as long as the token of the session. The id of the sign-in is not in it.
    """
    claims = {
        "iss": ISSUER,
        "aud": audience(session.site),
        "sub": session.name,
        "groups": list(session.groups),
        "rung": session.rung,
        "iat": int(session.issued_at),
        "exp": session.ends_at,
    }
    return signed(claims, TYPE, key)

"""
Signing in through an OpenID provider: what is asked of it, and what counts as its answer.

Pure. OpenID Connect Core 1.0 with the authorization code flow, as RFC 9700 (best current
practice) narrows it: PKCE with S256, state and nonce, the issuer in the answer (RFC 9207),
one redirect URI per provider, compared letter for letter. Each attempt counts once and for
the browser that began it. The ID token is judged by :mod:`sealgate.signin.id_tokens`,
the provider is asked by :mod:`sealgate.signin.adapters.oidc_client`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from sealgate.identity.begun import Begun, is_of_browser
from sealgate.identity.sessions import SESSION_SECONDS
from sealgate.signin.journey import OIDC_PATH
from sealgate.signin.provider import OidcError, Why

if TYPE_CHECKING:
    from sealgate.policy.inventory import IdentityProvider, Site
    from sealgate.signin.provider import Metadata

# Long enough to look for a phone; RFC 6749, 4.1.2: a code lives for 10 minutes at the most.
ATTEMPT_SECONDS = 600.0
MOST_ATTEMPTS = 5000
MOST_ATTEMPTS_PER_ADDRESS = 100
MOST_QUERY_BYTES = 8192
MOST_PARAMETERS = 20
_HOST = re.compile(r"(?P<name>[A-Za-z0-9.-]+)(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Attempt:
    """
    One sign-in that was begun: what was sent, and what must come back.

    *browser* is the digest of a cookie that only this browser holds. *wanted* is where to go
    afterwards, a path of the site. *max_age* is how long ago the provider may have seen
    the person, in seconds. *asks_key*: what is wanted opens with a key only.
    """

    provider: str
    redirect_uri: str
    wanted: str
    began_at: float
    address: str
    browser: str
    max_age: int
    asks_key: bool
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


class ProviderAttempts:
    """
    The attempts that are out, in the memory of one process; each counts once, in its browser.

    Bounded as :class:`~sealgate.identity.begun.Begun` is. Safe for several threads.
    """

    def __init__(
        self, most: int = MOST_ATTEMPTS, most_per_address: int = MOST_ATTEMPTS_PER_ADDRESS
    ) -> None:
        self._out: Begun[Attempt] = Begun(most, most_per_address)

    def give(self, attempt: Attempt) -> None:
        """Have *attempt* count once from now on."""
        self._out.give(attempt.state, attempt, attempt.address)

    def take(
        self, state: str, browser: str, provider: str, came_to: str | None, now: float
    ) -> Attempt:
        """
        Return the attempt that *state* is of, which counts no more after this.

        *browser* is the cookie that came with it, *came_to* the redirect URI at which it did.

        Raises:
            OidcError: it is not out, too old, of another provider, host or browser.
        """
        attempt = self._out.take(state)
        if attempt is None or not (
            is_of_browser(attempt.browser, browser)
            and (attempt.provider, attempt.redirect_uri) == (provider, came_to)
            and attempt.began_at <= now < attempt.began_at + ATTEMPT_SECONDS
        ):
            raise OidcError(
                Why.STALE, "the attempt is unknown, too old, used or of another browser"
            )
        return attempt

    def __len__(self) -> int:
        return len(self._out)


def begin_path(provider: IdentityProvider) -> str:
    """Return where a sign-in through *provider* begins."""
    return f"{OIDC_PATH}/{provider.name}"


def redirect_uri(provider: IdentityProvider, site: Site, host: str) -> str | None:
    """
    Return where *provider* sends people back to, when they came to *site* as *host*.

    ``None`` for a host that the site does not have: it would name somebody else's.
    """
    found = _HOST.fullmatch(host)
    if found is None or found["name"].lower() not in {d.lower() for d in site.domains}:
        return None
    return f"https://{host.lower()}{begin_path(provider)}/callback"


def max_age(*, must_be_fresh: bool) -> int:
    """
    Return how long ago the provider may have seen the person, in seconds.

    As long as a sign-in lives here; a minute where a fresh proof is asked for.
    """
    return 60 if must_be_fresh else int(SESSION_SECONDS)


def authorization_url(provider: IdentityProvider, metadata: Metadata, attempt: Attempt) -> str:
    """Return where the browser goes to sign in (OpenID Connect Core 1.0, 3.1.2.1)."""
    more: dict[str, Any] = {"max_age": attempt.max_age}
    wished = [v.removeprefix("acr:") for v in provider.counts_as_key if v.startswith("acr:")]
    # Whoever wants less is not asked for a key there, either.
    if wished and attempt.asks_key:
        more["acr_values"] = " ".join(wished)
    return str(
        prepare_grant_uri(
            metadata.authorization,
            client_id=provider.client_id,
            response_type="code",
            redirect_uri=attempt.redirect_uri,
            scope=" ".join(provider.scopes),
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
            **more,
        )
    )


def token_request(attempt: Attempt, code: str) -> dict[str, str]:
    """Return the fields with which *code* is redeemed (RFC 6749, 4.1.3; RFC 7636, 4.5)."""
    return {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": attempt.redirect_uri,
        "code_verifier": attempt.verifier,
    }


def basic_credentials(client_id: str, secret: str) -> tuple[str, str]:
    """Return name and password of HTTP Basic, encoded as RFC 6749, 2.3.1 demands."""
    return quote(client_id, safe=""), quote(secret, safe="")


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """What a provider's answer says: a *code* to redeem, or *declined*."""

    state: str
    issuer: str | None
    code: str = field(default="", repr=False)
    declined: bool = False


def read_answer(query: bytes) -> ProviderAnswer:
    """
    Return what the query of a callback says (RFC 6749, 4.1.2; RFC 9207).

    Raises:
        OidcError: it is no answer: too long, a parameter is missing or stands twice.
    """
    try:
        told = _parameters(query)
    except ValueError as error:
        raise OidcError(Why.STALE, "the answer of the provider cannot be read") from error
    state, code = told.get("state", ""), told.get("code", "")
    declined = "error" in told
    # Exactly one of both, and never a token: those come from the provider itself.
    if not state or bool(code) == declined or "id_token" in told or "access_token" in told:
        raise OidcError(Why.STALE, "the answer of the provider is none")
    return ProviderAnswer(state, told.get("iss"), code, declined)


def _parameters(query: bytes) -> dict[str, str]:
    if len(query) > MOST_QUERY_BYTES:
        raise ValueError("too long")
    pairs = parse_qsl(
        query.decode("ascii"),
        keep_blank_values=True,
        errors="strict",
        max_num_fields=MOST_PARAMETERS,
    )
    told = dict(pairs)
    # RFC 6749, 3.1: none more than once.
    if len(told) != len(pairs):
        raise ValueError("twice")
    return told


def redeemable(answer: ProviderAnswer) -> str:
    """
    Return the code of *answer*.

    Raises:
        OidcError: the provider declined.
    """
    if answer.declined:
        raise OidcError(Why.DECLINED, "the provider did not sign them in")
    return answer.code


def check_issuer(answer: ProviderAnswer, metadata: Metadata) -> None:
    """
    Return when *answer* comes from the provider that was asked (RFC 9207, 2.4).

    Raises:
        OidcError: it names another, or none although this one names itself.
    """
    if answer.issuer is None and not metadata.sends_issuer:
        return
    if answer.issuer != metadata.issuer:
        raise OidcError(Why.FORGED, "the answer is from another provider than the one asked")

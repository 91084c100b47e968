"""
An OpenID provider: what it says of itself, and why somebody does not come in through it. Pure.

OpenID Connect Discovery 1.0, RFC 8414: only what is used is read, and it must be fit for use.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from authlib.common.urls import add_params_to_uri

from sealgate.errors import SealgateError
from sealgate.gateway.model import OWN_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sealgate.policy.inventory import IdentityProvider

MOST_URL_CHARACTERS = 2048
# RFC 7518, 3.1, what is signed with a private key. No "none", no HMAC (RFC 8725, 3.1).
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")


class Why(StrEnum):
    """Why somebody did not get in through a provider; the pages have a sentence for each."""

    DOWN = "provider down"
    DECLINED = "provider declined"
    STALE = "provider stale"
    FORGED = "provider forged"
    UNKNOWN = "provider unknown"
    TAKEN = "provider taken"
    ALIKE = "provider alike"
    REMOVED = "provider removed"
    NAMELESS = "provider nameless"


class OidcError(SealgateError):
    """
    A sign-in through a provider that counts for nothing: *why*, for the person.

    The message is for whoever runs the server. It holds nothing that the provider or a
    browser sent.
    """

    def __init__(self, why: Why, message: str, hint: str | None = None) -> None:
        """Keep *why*."""
        super().__init__(message, hint=hint)
        self.why = why


@dataclass(frozen=True, slots=True)
class Metadata:
    """
    What a provider says of itself (OpenID Connect Discovery 1.0), as far as it is used.

    *sends_issuer*: its answers name it (RFC 9207). *user_info* and *end_session* are ""
    where it has none.
    """

    issuer: str
    authorization: str
    token: str
    keys: str
    sends_issuer: bool = False
    posts_secret: bool = False
    user_info: str = ""
    end_session: str = ""
    algorithms: tuple[str, ...] = ALGORITHMS


def read_metadata(provider: IdentityProvider, told: Mapping[str, Any]) -> Metadata:
    """
    Return what *provider* says of itself, when it can be used.

    Raises:
        OidcError: it says to be another, or lacks what is needed.
    """
    # Discovery 1.0, 4.3: MUST be exactly the one that was asked for.
    if told.get("issuer") != provider.issuer:
        raise _unfit(provider, "says that it is another issuer")
    if "code" not in _words(told, "response_types_supported", ("code",)):
        raise _unfit(provider, "does not know the authorization code flow")
    # RFC 8414, 2: left out says nothing; a list without S256 says no.
    if "S256" not in _words(told, "code_challenge_methods_supported", ("S256",)):
        raise _unfit(provider, "does not know PKCE with S256")
    signed = _words(told, "id_token_signing_alg_values_supported", ("RS256",))
    algorithms = tuple(name for name in ALGORITHMS if name in signed)
    if not algorithms:
        raise _unfit(provider, f"signs with none of {', '.join(ALGORITHMS)}")
    ways = _words(told, "token_endpoint_auth_methods_supported", ("client_secret_basic",))
    if not {"client_secret_basic", "client_secret_post"} & ways:
        raise _unfit(provider, "takes no client secret")
    return Metadata(
        issuer=provider.issuer,
        authorization=_endpoint(provider, told, "authorization_endpoint"),
        token=_endpoint(provider, told, "token_endpoint"),
        keys=_endpoint(provider, told, "jwks_uri"),
        sends_issuer=told.get("authorization_response_iss_parameter_supported") is True,
        posts_secret="client_secret_basic" not in ways,
        user_info=_endpoint(provider, told, "userinfo_endpoint", needed=False),
        end_session=_endpoint(provider, told, "end_session_endpoint", needed=False),
        algorithms=algorithms,
    )


def end_session_url(provider: IdentityProvider, metadata: Metadata, host: str) -> str:
    """
    Return where somebody signs out at the provider, too; "" when it has no such page.

    RP-Initiated Logout 1.0, 2. No ID token is kept to be shown there, so the provider asks.
    """
    if not metadata.end_session:
        return ""
    back = f"https://{host.lower()}{OWN_PATH}/"
    return str(
        add_params_to_uri(
            metadata.end_session,
            [("client_id", provider.client_id), ("post_logout_redirect_uri", back)],
        )
    )


def discovery_url(provider: IdentityProvider) -> str:
    """Return where *provider* tells of itself (Discovery 1.0, 4.1)."""
    return f"{provider.issuer.removesuffix('/')}/.well-known/openid-configuration"


def _words(told: Mapping[str, Any], name: str, usual: tuple[str, ...]) -> frozenset[str]:
    value = told.get(name, list(usual))
    if not isinstance(value, list):
        return frozenset()
    return frozenset(word for word in value if isinstance(word, str))


def _endpoint(
    provider: IdentityProvider, told: Mapping[str, Any], name: str, *, needed: bool = True
) -> str:
    value = told.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or not is_https(value):
        raise _unfit(provider, f'has no "{name}" that is an https address')
    return value


def is_https(url: str) -> bool:
    """Return whether *url* is an https address without user and fragment, in visible ASCII."""
    if len(url) > MOST_URL_CHARACTERS or not all("!" <= c <= "~" for c in url) or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        fits = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return fits and "@" not in parts.netloc and "#" not in url


def _unfit(provider: IdentityProvider, what: str) -> OidcError:
    return OidcError(Why.DOWN, f'identity provider "{provider.name}" {what}')

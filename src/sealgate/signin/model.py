"""What the sign-in service goes by, who calls it, and what it answers. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.policy.assets import route_asset
from sealgate.policy.inventory import AccessSettings, IdentityProvider
from sealgate.policy.protection import AccessRung
from sealgate.policy.requirements import is_highly_encrypted, required_of_route

if TYPE_CHECKING:
    from sealgate.identity.factors import Missing, Proven
    from sealgate.identity.grants import Grant, GrantState
    from sealgate.identity.model import Identity
    from sealgate.identity.sessions import Session, SignIn
    from sealgate.policy.inventory import Route, Site


@dataclass(frozen=True, slots=True)
class ServedSites:
    """What the service goes by; may change while it runs. *operator* stands on the pages."""

    sites: tuple[Site, ...] = ()
    access: AccessSettings = field(default_factory=AccessSettings)
    operator: str = ""
    providers: tuple[IdentityProvider, ...] = ()

    def site(self, name: str) -> Site | None:
        """Return the site of that name."""
        return next((site for site in self.sites if site.name == name), None)


@dataclass(frozen=True, slots=True)
class ReturnPlace:
    """One part of a site: what somebody wants to see."""

    site: Site
    route: Route

    @property
    def asset(self) -> str:
        """Return the id of the asset that it is."""
        return route_asset(self.site, self.route).id

    @property
    def rung(self) -> AccessRung:
        """Return the rank on the ladder "access" that its class demands."""
        return required_of_route(self.route).access

    @property
    def needs_certificate(self) -> bool:
        """Return whether only a client certificate is a key here, because the channel is one of keys."""
        return is_highly_encrypted(self.site)


def place_of(site: Site, asset: str) -> ReturnPlace | None:
    """Return the part of *site* that is the asset of that id."""
    places = (ReturnPlace(site, route) for route in site.routes)
    return next((place for place in places if place.asset == asset), None)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """
    Who asks, as Envoy tells it: a client can say only *token*, *in_browser* and *language*.

    *country* and *certificate* (a SHA-256 fingerprint) are ``None`` where there is none.
    *token* is the session cookie, "" without one. *in_browser*: a page can be shown.
    *sign_in* is what they came to by this very request.
    """

    site: str
    host: str
    address: str
    country: str | None
    certificate: str | None
    token: str = field(default="", repr=False)
    in_browser: bool = False
    language: str = ""
    sign_in: SignIn | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """
    Somebody who proved who they are, and what that is worth at one place right now.

    *sign_in* is ``None`` for somebody who showed a certificate and did nothing else.
    *session* is ``None`` when all of it is worth nothing.
    """

    identity: Identity
    proven: tuple[Proven, ...]
    sign_in: SignIn | None
    session: Session | None


@dataclass(frozen=True, slots=True)
class Issued:
    """A new session: its *token*, the *rung* that it is worth, and what its site is told, or ""."""

    token: str = field(repr=False)
    rung: AccessRung
    identity: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SignInState:
    """
    How somebody stands before a place: *known* or not, what is *missing*, whether *admitted*.

    *grant* is the one that they asked for last, and *grant_state* how far that has come.
    """

    place: ReturnPlace
    known: Known | None
    missing: tuple[Missing, ...]
    admitted: bool
    country: str | None = None
    grant: Grant | None = None
    grant_state: GrantState | None = None

    @property
    def may_enter(self) -> bool:
        """Return whether nothing stands in the way."""
        return self.known is not None and not self.missing and self.admitted

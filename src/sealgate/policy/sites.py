"""
Web sites, as they are declared: their names, what stands behind, and their routes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.policy.places import Place

if TYPE_CHECKING:
    from sealgate.policy.classification import Classification
    from sealgate.policy.listening import TLSSettings


class SiteAccess(StrEnum):
    """
    Who asks the visitor for credentials on a route of access rung ``low``.
    """

    SEALGATE = "sealgate"  # the gateway itself (comes with identities)
    SITE = "site"  # the site behind; the audit checks that it does


class Inspect(StrEnum):
    """
    Whether bodies of a route are looked into on their way.
    """

    OFF = "off"
    OBSERVE = "observe"  # a sample of answers is read aside; nothing is held back
    ENFORCE = "enforce"  # what is above the route's class is masked, or does not go on


# The access rank (DESIGN 1) from which on nobody comes in without a key.
_KEY = 2


def default_inspect(classification: Classification) -> Inspect:
    """
    Return how bodies of a route of *classification* are looked into where nobody says it.

    A sample is read wherever people come in without a key: the rank of access tells that,
    whatever the class is called. Of the default model these are "public" and "restricted".
    """
    return Inspect.OBSERVE if classification.required.access < _KEY else Inspect.OFF


@dataclass(frozen=True, slots=True)
class Door:
    """
    Which requests a route means: a path by whole segments, or a query parameter.

    *path* has no trailing slash (but ``/`` itself). With *exact* only the path
    itself is meant, else everything below it too. ``*`` stands for one segment.
    *query* is the name of a parameter whose presence alone opens the door (TYPO3's
    ``__typo3_install``); such a door holds on every path below *path*. *query_value*
    narrows it to values that begin so (WordPress' ``rest_route=/wp/v2/users``).
    """

    path: str
    exact: bool = False
    query: str | None = None
    query_value: str | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """
    One part of a site with one class.

    *collects* is the class of what the visitor sends there, when it is stricter
    than what the route shows. *backend* locks the route to TLS before the site sees
    the request. *admit* lists who may enter: ``user:NAME`` or ``group:NAME``.
    *origin* is ``declared`` or the preset that added the route (``preset:typo3``).

    *sign_in*: where the class asks for a key, it may also be a passkey on the gateway's own
    pages; without it, only a client certificate opens the route.

    A preset's door for which the operator has not yet said who may enter is *shut*: it
    admits nobody and is refused to everybody, so that a new site can serve its public
    pages at once. Declared routes are never shut: without *admit* they are a fault.

    *payment* marks a page on which people pay. *scripts* are the sources that scripts may
    come from there (CSP 3, 2.3.1); empty, nobody has said yet. *script_reports* is where
    browsers tell of others: an https address, or a path of the site; "" nowhere.

    *max_body_bytes* is the most that a request may send there, ``None`` what holds for all.

    *plain_http*: over plain HTTP it is served, too, signed (RFC 9421), and not redirected.

    *inspect_by_default*: nobody said *inspect*; it follows from the class, as far as it can be had.
    """

    door: Door
    classification: Classification
    collects: Classification | None = None
    backend: bool = False
    access: SiteAccess = SiteAccess.SEALGATE
    admit: tuple[str, ...] = ()
    origin: str = "declared"
    place: Place = field(default=Place(), compare=False)
    payment: bool = False
    scripts: tuple[str, ...] = ()
    script_reports: str = ""
    inspect: Inspect = Inspect.OFF
    sign_in: bool = False
    max_body_bytes: int | None = None
    plain_http: bool = False
    inspect_by_default: bool = False

    @property
    def shut(self) -> bool:
        """
        Return whether nobody may enter, because a preset locked it and nobody is admitted.
        """
        return self.backend and not self.admit and self.origin != "declared"


def is_unsampled(route: Route) -> bool:
    """
    Return whether no sample of *route* is read, though that is the default and nobody said so.
    """
    return (
        route.inspect is Inspect.OFF
        and route.inspect_by_default
        and default_inspect(route.classification) is Inspect.OBSERVE
    )


@dataclass(frozen=True, slots=True)
class Upstream:
    """
    The site behind: ``http://host:port``, ``https://host:port`` or ``unix:/path``.

    *ca* is the file that an https upstream is verified with, ``None`` the system's.
    """

    scheme: str
    host: str
    port: int
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class CookieRule:
    """
    What a preset knows of one cookie: *name* may end in ``*``.
    """

    name: str
    http_only: bool
    same_site: str | None


@dataclass(frozen=True, slots=True)
class Site:
    """
    One web site: its names, what stands behind, and its routes.

    *routes* always hold one for ``/``. *web_root* is the folder that the site serves
    files from, when the operator told it. With *single_sign_on* it is told, signed, who was
    signed in by the gateway.
    """

    domains: tuple[str, ...]
    upstream: Upstream
    routes: tuple[Route, ...]
    preset: str = "none"
    cookies: tuple[CookieRule, ...] = ()
    web_root: str | None = None
    tls: TLSSettings | None = None
    place: Place = field(default=Place(), compare=False)
    single_sign_on: bool = False

    @property
    def name(self) -> str:
        """
        Return the first domain, which names the site everywhere.
        """
        return self.domains[0]

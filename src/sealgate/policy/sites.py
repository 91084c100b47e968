"""Web sites, as they are declared: their names, what stands behind, and their routes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.policy.places import Place
from sealgate.policy.protection import AccessRung

if TYPE_CHECKING:
    from sealgate.policy.classification import Classification
    from sealgate.policy.leftovers import Leftover
    from sealgate.policy.listening import TLSSettings


class SiteAccess(StrEnum):
    """Who asks the visitor for credentials on a route of access rung ``low``."""

    SEALGATE = "sealgate"  # the gateway itself (comes with identities)
    SITE = "site"  # the site behind; the audit checks that it does


class Inspect(StrEnum):
    """Whether bodies of a route are looked into on their way."""

    OFF = "off"
    OBSERVE = "observe"  # a sample of answers is read aside; nothing is held back
    ENFORCE = "enforce"  # what is above the route's class is masked, or does not go on


def default_inspect(classification: Classification) -> Inspect:
    """
    Return how bodies of a route of *classification* are looked into where nobody says it.

    A sample is read wherever people come in without a key: the rank of access tells that,
    whatever the class is called. Of the default model these are "public" and "restricted".
    """
    return Inspect.OBSERVE if classification.required.access < AccessRung.HIGH else Inspect.OFF


class CredentialKind(StrEnum):
    """Where a request carries a part of a credential."""

    AUTHORIZATION = "authorization"  # the header of that name (RFC 9110, 11.6.2), by its scheme
    COOKIE = "cookie"
    HEADER = "header"
    PARAMETER = "parameter"  # in the URL or in a form body, as a door's own parameter


@dataclass(frozen=True, slots=True)
class CredentialPart:
    """
    One thing that a request carries: what kind, and by which *name*.

    The name of an ``authorization`` is its scheme, "" for any; that of a cookie may begin
    and end in ``*``. What it is worth is not looked at: only the site can tell.
    """

    kind: CredentialKind
    name: str = ""

    def __str__(self) -> str:
        """Return it as ``sealgate.toml`` spells it: ``cookie:NAME``."""
        return f"{self.kind.value}:{self.name}" if self.name else self.kind.value


@dataclass(frozen=True, slots=True)
class Credential:
    """What has to come together to count as one credential: a cookie, or a cookie and its nonce."""

    parts: tuple[CredentialPart, ...]

    def __str__(self) -> str:
        """Return it as ``sealgate.toml`` spells it: its parts, with ``+`` between them."""
        return " + ".join(str(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Door:
    """
    Which requests a route means: those to a path, all of them or some.

    *path* goes by whole segments and has no trailing slash (but ``/`` itself). With *exact* only
    the path itself is meant, else everything below it too. ``*`` stands for one segment.

    The rest are conditions; each that is there must hold. *query* is the name of a parameter,
    in the URL or in a form body, whose presence alone is asked for (TYPO3's
    ``__typo3_install``). *query_value* narrows it to values that begin so (WordPress'
    ``rest_route=/wp/v2/users``); with *json*, members of JSON bodies count as well. *methods*
    are those that are meant, *credentials* those of which a request must carry one.

    A door with conditions holds on every path below *path*, but on the very paths that are
    *besides*, as they are spelled (their scripts do not read what it asks for), and only where
    its class is stricter than that of the path: a condition never opens anything.
    """

    path: str
    exact: bool = False
    query: str | None = None
    query_value: str | None = None
    methods: tuple[str, ...] = ()
    credentials: tuple[Credential, ...] = ()
    json: bool = False
    besides: tuple[str, ...] = ()

    @property
    def conditional(self) -> bool:
        """Return whether the path alone does not tell which requests are meant."""
        return self.query is not None or bool(self.methods or self.credentials)

    def __str__(self) -> str:
        """Return what is meant in one line."""
        parts = [self.path.rstrip("/") or "/"]
        if self.query is not None:
            parts[0] += f"?{self.query}" + (f"={self.query_value}" if self.query_value else "")
        if self.methods:
            parts.append("by " + "|".join(self.methods))
        if self.credentials:
            parts.append("with " + " or ".join(map(str, self.credentials)))
        return " ".join(parts)


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

    *leftovers* are the kinds of what no site wants to serve that are served here all the same.

    *request_trailers*: what follows the body of a request reaches the site, too.

    *inspect_by_default*: nobody said *inspect*; it follows from the class, as far as it can be had.

    *method_override*: headers by which a client names another method than it sends
    (``X-HTTP-Method-Override``) reach the site; elsewhere they are dropped.
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
    method_override: bool = False
    request_trailers: bool = False
    leftovers: tuple[Leftover, ...] = ()

    @property
    def shut(self) -> bool:
        """Return whether nobody may enter, because a preset locked it and nobody is admitted."""
        return self.backend and not self.admit and self.origin != "declared"


def is_unsampled(route: Route) -> bool:
    """Return whether no sample of *route* is read, though that is the default and nobody said so."""
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
    """What a preset knows of one cookie: *name* may end in ``*``."""

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
        """Return the first domain, which names the site everywhere."""
        return self.domains[0]

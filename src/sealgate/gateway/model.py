"""
What the gateway is made of: the files on this machine, and Envoy's configuration as data.

Nothing here reads or writes a file. :mod:`sealgate.app` gathers a :class:`Material`,
:mod:`sealgate.gateway.translate` turns it into :class:`EnvoyFiles`, and
:mod:`sealgate.gateway.adapters` writes and runs those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.policy.inventory import AcmeChallenge, SiteAccess
from sealgate.policy.protection import AccessRung, TransitRung
from sealgate.policy.requirements import is_highly_encrypted, transit_of_route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Route, Site

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]
JSONObject = dict[str, JSON]

BOOTSTRAP = "bootstrap.json"
LISTENERS = "lds.json"
CLUSTERS = "cds.json"
# Below the state folder; it belongs to Sealgate alone.
ENVOY_FOLDER = "envoy"
ADMIN_SOCKET = "admin.sock"
ACCESS_LOG = "access.log"
# Requests that the match of a locked route let in are counted by Envoy under this name.
OPENED = "opened"
SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt"

# RFC 9325, 4.2 and Mozilla intermediate: forward secrecy and AEAD only, as Envoy spells
# them; suites in one bracket are equal, and the client's order decides among them.
TLS_1_2_SUITES = (
    "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305]",
    "[ECDHE-RSA-AES128-GCM-SHA256|ECDHE-RSA-CHACHA20-POLY1305]",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
)
# The same suites and those of TLS 1.3 (RFC 8446, 9.1), by their IANA names.
TLS_1_3_IANA_SUITES = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)
TLS_IANA_SUITES = (
    *TLS_1_3_IANA_SUITES,
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
)
# The hybrid first (draft-ietf-tls-ecdhe-mlkem), then what RFC 9325, 4.2.1 names.
HYBRID_GROUPS = ("X25519MLKEM768",)
TLS_GROUPS = (*HYBRID_GROUPS, "X25519", "P-256", "P-384")

# RFC 6265bis, 4.1.3.2: a name that no other host and no plain connection can set. Every cookie of
# ours begins so; none of them reaches a site.
SESSION_COOKIE = "__Host-sealgate"
# What a site, and the sign-in service, learn of who is there. No client can set these.
USER_HEADER = "x-sealgate-user"
RUNG_HEADER = "x-sealgate-rung"
CLASS_HEADER = "x-sealgate-class"
# The same, signed, where a site asks for it; and the URI in an admitted client certificate.
IDENTITY_HEADER = "x-sealgate-identity"
CERTIFICATE_USER_HEADER = "x-sealgate-certificate-user"
# The same as other proxies tell it, which Envoy finds at once among a request's headers.
CLIENT_CERTIFICATE_HEADER = "x-forwarded-client-cert"
# What the sign-in service learns besides.
SITE_HEADER = "x-sealgate-site"
ASSET_HEADER = "x-sealgate-asset"
COUNTRY_HEADER = "x-sealgate-country"
CERTIFICATE_HEADER = "x-sealgate-certificate"
ADDRESS_HEADER = "x-forwarded-for"
# What a token of rung 3 is bound to: the asset of the grant, and the certificate that was
# shown when it was made ("none" without one). Neither reaches a site.
GRANT_HEADER = "x-sealgate-grant"
KEY_HEADER = "x-sealgate-key"
# Of each site that people sign in to, these paths are the gateway's own.
OWN_PATH = "/.sealgate"
# Where a site finds the keys that what it is told is verified with.
IDENTITY_KEYS_PATH = f"{OWN_PATH}/identity-keys"
# By it, whoever looks after a site finds the line of the log that tells of a refusal.
ID_HEADER = "sealgate-id"
# How pages look that refuse: light or dark as the visitor's system is, and on small screens too.
REFUSAL_STYLE = (
    ":root{color-scheme:light dark}body{font:1.1em/1.5 system-ui,sans-serif;max-width:38em;"
    "margin:2em auto;padding:0 1em;overflow-wrap:break-word}h1{line-height:1.2}small{opacity:.8}"
)
# Where Envoy asks the service about a request; no client's request is sent there.
CHECK_PATH = "/check"


def place_of(name: str) -> str:
    """
    Return where the file *name* of a configuration stands below the folder of them all.

    All but the bootstrap have a folder of their own: Envoy watches folders, and would read every
    file of one when any is replaced.
    """
    return name if name == BOOTSTRAP else f"{name.removesuffix('.json')}/{name}"


class Guard(StrEnum):
    """What the gateway does before a route's content is shown."""

    OPEN = "open"  # TLS, and nothing else is asked
    SITE = "site"  # TLS; the site itself asks for a password
    SIGN_IN = "sign-in"  # TLS; the gateway's own pages ask, and a token is verified
    LOCKED = "locked"  # TLS, an admitted client certificate, and an allowed country
    UNBUILT = "unbuilt"  # the class asks for what cannot be had so: nobody comes in


def guard_of(route: Route) -> Guard:
    """Return how *route* is guarded; what cannot be had is refused, never weakened."""
    if route.shut:
        return Guard.LOCKED  # Nobody is on its list, whatever its class asks for.
    access, highly = route.classification.required.access, _asks_much(route)
    if access >= AccessRung.VERY_HIGH:
        return Guard.SIGN_IN
    if access == AccessRung.HIGH:
        # Where the channel demands a certificate, that is the key.
        return Guard.SIGN_IN if route.sign_in and not highly else Guard.LOCKED
    if highly:
        # Both sides of the channel are known by a key (DESIGN 1), but nobody is on a list here.
        return Guard.UNBUILT
    if access == AccessRung.LOW:
        return Guard.SITE if route.access is SiteAccess.SITE else Guard.SIGN_IN
    return Guard.OPEN


@dataclass(frozen=True, slots=True)
class SiteGuards:
    """What all routes of a site together say of each: found once, however many there are."""

    highly_encrypted: bool
    needs_grants: bool

    @classmethod
    def of(cls, site: Site) -> SiteGuards:
        """Return what the routes of *site* say."""
        return cls(is_highly_encrypted(site), needs_grants(site))

    def at(self, route: Route) -> Guard:
        """Return how *route* is guarded, for which the channel of the site may be too weak."""
        too_weak = _asks_much(route) and not self.highly_encrypted
        return Guard.UNBUILT if too_weak else guard_of(route)


def guard_at(site: Site, route: Route) -> Guard:
    """Return how *route* of *site* is guarded; for many routes, :class:`SiteGuards` says it."""
    too_weak = _asks_much(route) and not is_highly_encrypted(site)
    return Guard.UNBUILT if too_weak else guard_of(route)


def _asks_much(route: Route) -> bool:
    return transit_of_route(route) > TransitRung.ENCRYPTED


def needs_grants(site: Site) -> bool:
    """Return whether a part of *site* opens only to people who were given a grant."""
    return any(
        route.classification.required.access >= AccessRung.VERY_HIGH
        for route in site.routes
        if not route.shut
    )


def asks_for_key(site: Site) -> bool:
    """
    Return whether visitors of *site* are asked for a client certificate.

    Only where one opens a route: the question costs every handshake, and a browser that
    holds a certificate may ask its user about it.
    """
    guards = SiteGuards.of(site)
    return any(route.admit and _opens_by_key(guards, route) for route in site.routes)


def _opens_by_key(guards: SiteGuards, route: Route) -> bool:
    guard = guards.at(route)
    return guard is Guard.LOCKED or (
        guard is Guard.SIGN_IN and route.classification.required.access >= AccessRung.HIGH
    )


def signs_in(site: Site) -> bool:
    """Return whether people sign in to *site* on pages of the gateway."""
    guards = SiteGuards.of(site)
    return any(guards.at(route) is Guard.SIGN_IN for route in site.routes)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """
    One server certificate: *chain* and *key* are absolute paths of PEM files.

    A path names one version: a renewed certificate gets new paths, so that chain and
    key change together, by the one file that names them (``sds-SITE.json``).
    """

    chain: str
    key: str


@dataclass(frozen=True, slots=True)
class SignInMaterial:
    """
    What sites need on which people sign in.

    *socket* is the Unix socket of the sign-in service. *key_set* is a JWK Set (RFC 7517):
    the public halves of the keys that sign sessions; *issuer* is what those say of
    themselves. *people* holds, per asset id of a route with ``admit``, the names of those
    who may enter; an absent id admits nobody. *granted* holds, per asset id that needs
    grants, the names of those who have one that runs now, and of each the fingerprints of
    their living certificates. *identity_key_set* are the public halves of the keys that sign
    what sites are told.
    """

    socket: str
    key_set: str
    issuer: str
    people: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    granted: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    identity_key_set: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """
    What an authority looks for, to see who controls *domain*.

    *answer* is the key authorization for *token* (RFC 8555, 8.1). *files* is the
    certificate that tells it (RFC 8737), where the authority looks over TLS.
    """

    challenge: AcmeChallenge
    domain: str
    token: str
    answer: str
    files: CertificateFiles | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """
    What a translation needs besides the inventory. Paths are absolute.

    *folder* is where the files of the translation will stand, the access log and the
    admin socket too. *certificates* are keyed by ``site.name``. *client_ca* is the PEM
    file of the authority that issues client certificates: Envoy sends its name, so that
    only visitors with such a certificate are asked for it; it admits nobody. *admitted*
    holds, per asset id of a locked route, the SHA-256 fingerprints (lower-case hex of
    the DER) of living certificates that may enter; an id that is absent admits nobody.
    *geo_database* is the country file, ``None`` where there is none.
    *system_roots* is what an https upstream without a CA of its own is verified with.
    *relays* are the Unix sockets of the relays that look into bodies, per asset id of an
    inspected route; an enforcing route without one is refused.
    *signers* are the Unix sockets of what signs answers over plain HTTP, per asset id of such
    a route; without one it is refused. *key_lists* are the public keys of those signatures,
    as a JWK Set, per ``site.name``.
    *sign_in* is ``None`` where nobody signs in; routes that ask for it are refused then.
    *proofs* are shown to an authority while it looks who controls a domain.
    """

    folder: str
    certificates: Mapping[str, CertificateFiles]
    client_ca: str | None = None
    admitted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    geo_database: str | None = None
    system_roots: str = SYSTEM_ROOTS
    relays: Mapping[str, str] = field(default_factory=dict)
    sign_in: SignInMaterial | None = None
    proofs: tuple[Proof, ...] = ()
    signers: Mapping[str, str] = field(default_factory=dict)
    key_lists: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnvoyFiles:
    """
    A whole Envoy configuration: file names in *folder* and what each holds.

    ``envoy -c FOLDER/bootstrap.json`` starts it. All but the bootstrap are taken over
    live when they are written beside and renamed into place.
    """

    folder: str
    files: Mapping[str, JSONObject]

    def steps_from(self, old: EnvoyFiles) -> Iterator[Mapping[str, JSONObject]]:
        """
        Yield, in order, the files to write so that no request meets a half-changed whole.

        Each step must be in effect (Envoy's ``update_success``) before the next. What
        is new comes first: certificates and upstreams, then routes, then listeners;
        upstreams that nobody names any more go last. The bootstrap is not among them:
        where it differs (see :meth:`needs_restart_from`), Envoy must be started anew.
        """
        changed = {
            name: content
            for name, content in self.files.items()
            if name != BOOTSTRAP and old.files.get(name) != content
        }
        both = _both_clusters(old.files.get(CLUSTERS), self.files[CLUSTERS])
        first = {name: content for name, content in changed.items() if name.startswith("sds-")}
        if CLUSTERS in changed:
            first[CLUSTERS] = both
        routes = {name: content for name, content in changed.items() if name.startswith("rds-")}
        listeners = {LISTENERS: changed[LISTENERS]} if LISTENERS in changed else {}
        last = {CLUSTERS: changed[CLUSTERS]} if changed.get(CLUSTERS, both) != both else {}
        yield from (step for step in (first, routes, listeners, last) if step)

    def needs_restart_from(self, old: EnvoyFiles) -> bool:
        """Return whether something changed that a running Envoy cannot take over."""
        return old.files[BOOTSTRAP] != self.files[BOOTSTRAP] or old.folder != self.folder


def _both_clusters(old: JSONObject | None, new: JSONObject) -> JSONObject:
    wanted = _by_name(new)
    kept = [c for name, c in _by_name(old or {}).items() if name not in wanted]
    return {**new, "resources": [*wanted.values(), *kept]}


def _by_name(clusters: JSONObject) -> dict[str, JSON]:
    resources = clusters.get("resources")
    if not isinstance(resources, list):
        return {}
    return {str(item["name"]): item for item in resources if isinstance(item, dict)}

"""
What the gateway is made of: the files on this machine, and Envoy's configuration as data.

Nothing here reads or writes a file. :mod:`sealgate.app` gathers a :class:`Material`,
:mod:`sealgate.gateway.translate` turns it into :class:`EnvoyFiles`, and
:mod:`sealgate.gateway.adapters` writes and runs those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

JSON = None | bool | int | float | str | list["JSON"] | dict[str, "JSON"]
JSONObject = dict[str, JSON]

BOOTSTRAP = "bootstrap.json"
LISTENERS = "lds.json"
CLUSTERS = "cds.json"
ADMIN_SOCKET = "admin.sock"
ACCESS_LOG = "access.log"
SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt"


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
    """

    folder: str
    certificates: Mapping[str, CertificateFiles]
    client_ca: str | None = None
    admitted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    geo_database: str | None = None
    system_roots: str = SYSTEM_ROOTS


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
        """
        Return whether something changed that a running Envoy cannot take over.
        """
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

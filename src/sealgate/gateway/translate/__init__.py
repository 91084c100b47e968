"""
From inventory and material to Envoy's configuration: a pure function, no file is touched.

``bootstrap`` is read once; ``listeners`` and ``clusters`` hold what has no policy;
``routes`` hold all policy, so that a change reaches connections that are already open.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import BOOTSTRAP, CLUSTERS, LISTENERS, EnvoyFiles, signs_in
from sealgate.gateway.translate.bootstrap import bootstrap
from sealgate.gateway.translate.clusters import cluster
from sealgate.gateway.translate.egress import (
    EGRESS_FILE,
    egress_clusters,
    egress_listeners,
    egress_routes,
)
from sealgate.gateway.translate.inspection import back_listeners, relay_clusters
from sealgate.gateway.translate.listeners import (
    http_listeners,
    https_listeners,
    rds_file,
)
from sealgate.gateway.translate.plain_http import signer_clusters
from sealgate.gateway.translate.routes import http_routes, https_name, https_routes
from sealgate.gateway.translate.sign_in import service_cluster
from sealgate.gateway.translate.tls import sds_file
from sealgate.gateway.translate.typed import EXTENSIONS, discovery

if TYPE_CHECKING:
    from sealgate.gateway.model import JSONObject, Material
    from sealgate.policy.inventory import Inventory, Site

__all__ = ["translate"]


def translate(inventory: Inventory, material: Material) -> EnvoyFiles:
    """
    Return Envoy's configuration for every site of *inventory*.

    It refuses whatever it cannot guard (see :func:`sealgate.gateway.guarantees.refusals`,
    which ``serve`` asks first and which says why).

    Raises:
        ValueError: there is no site, or a site has no certificate in *material*.
    """
    if not inventory.sites:
        msg = "there is no site to serve"
        raise ValueError(msg)
    files: dict[str, JSONObject] = {BOOTSTRAP: bootstrap(material.folder)}
    for site in inventory.sites:
        files[sds_file(site)] = discovery(
            EXTENSIONS + "transport_sockets.tls.v3.Secret", [_certificate(site, material)]
        )
        files[rds_file(https_name(site))] = discovery(
            "envoy.config.route.v3.RouteConfiguration", [https_routes(inventory, site, material)]
        )
    files[rds_file("http")] = discovery(
        "envoy.config.route.v3.RouteConfiguration", [http_routes(inventory, material)]
    )
    if inventory.payment_gateways:
        files[EGRESS_FILE] = discovery(
            "envoy.config.route.v3.RouteConfiguration", [egress_routes(inventory)]
        )
    files[CLUSTERS] = discovery(
        "envoy.config.cluster.v3.Cluster",
        [
            *(cluster(site, material) for site in inventory.sites),
            *relay_clusters(inventory, material),
            *signer_clusters(inventory, material),
            *egress_clusters(inventory, material),
            *_service(inventory, material),
        ],
    )
    files[LISTENERS] = discovery(
        "envoy.config.listener.v3.Listener",
        [
            *https_listeners(inventory, material),
            *http_listeners(inventory, material),
            *egress_listeners(inventory, material),
            *back_listeners(inventory, material),
        ],
    )
    return EnvoyFiles(material.folder, files)


def _service(inventory: Inventory, material: Material) -> list[JSONObject]:
    if material.sign_in is None or not any(signs_in(site) for site in inventory.sites):
        return []
    return [service_cluster(material.sign_in)]


def _certificate(site: Site, material: Material) -> JSONObject:
    files = material.certificates.get(site.name)
    if files is None:
        msg = f'site "{site.name}" has no certificate'
        raise ValueError(msg)
    return {
        "name": f"certificate {site.name}",
        "tls_certificate": {
            "certificate_chain": {"filename": files.chain},
            "private_key": {"filename": files.key},
        },
    }

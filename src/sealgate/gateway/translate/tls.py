"""TLS as sites show it: RFC 9325 for all, and what "highly encrypted" demands beyond that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.model import (
    HYBRID_GROUPS,
    TLS_1_2_SUITES,
    TLS_GROUPS,
    asks_for_key,
)
from sealgate.gateway.translate.typed import EXTENSIONS, extension, subscription
from sealgate.policy.requirements import is_highly_encrypted

if TYPE_CHECKING:
    from sealgate.gateway.model import JSONObject, Material
    from sealgate.policy.inventory import Site

_ENCRYPTED: JSONObject = {
    "tls_minimum_protocol_version": "TLSv1_2",
    "tls_maximum_protocol_version": "TLSv1_3",
    "cipher_suites": list(TLS_1_2_SUITES),
    "ecdh_curves": list(TLS_GROUPS),
}
# The suites of TLS 1.3 are Envoy's own: all of them are AEAD (Mozilla, modern).
_HIGHLY_ENCRYPTED: JSONObject = {
    "tls_minimum_protocol_version": "TLSv1_3",
    "tls_maximum_protocol_version": "TLSv1_3",
    "ecdh_curves": list(HYBRID_GROUPS),
}


def sds_file(site: Site) -> str:
    """Return the file that names the certificate of *site*."""
    return f"sds-{site.name}.json"


def server_tls(site: Site, material: Material) -> JSONObject:
    """
    Return how *site* is encrypted, and whether its visitors show a certificate.

    Raises:
        ValueError: they must, but there is no authority for them.
    """
    highly = is_highly_encrypted(site)
    if highly and material.client_ca is None:
        msg = f'site "{site.name}" has no authority for client certificates'
        raise ValueError(msg)
    context: JSONObject = {
        "tls_params": _HIGHLY_ENCRYPTED if highly else _ENCRYPTED,
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_certificate_sds_secret_configs": [
            {
                "name": f"certificate {site.name}",
                "sds_config": subscription(material.folder, sds_file(site)),
            }
        ],
    }
    if material.client_ca is not None and (highly or asks_for_key(site)):
        context["validation_context"] = {
            "trusted_ca": {"filename": material.client_ca},
            # Elsewhere, a certificate of somebody else gets a page that says so, not a
            # broken connection; only fingerprints admit.
            "trust_chain_verification": "VERIFY_TRUST_CHAIN" if highly else "ACCEPT_UNTRUSTED",
        }
    return extension(
        "envoy.transport_sockets.tls",
        EXTENSIONS + "transport_sockets.tls.v3.DownstreamTlsContext",
        require_client_certificate=highly,
        common_tls_context=context,
    )

"""
What the FTPS server shows to a stranger, as an audit would see it.

Tests hold the server's own lists against these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.policy.observation import Fact

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory
    from sealgate.policy.observation import FactValue

TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")
TLS_SUITES = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
)
_FTP: dict[Fact, FactValue] = {
    Fact.FTP_PLAIN_LOGIN: "refused",
    Fact.FTP_INJECTION: False,
    Fact.FTP_PROT_CLEAR: False,
    Fact.FTP_CCC: False,
    Fact.FTP_DATA_SESSION_REUSE: True,
    Fact.TLS_VERSIONS: TLS_VERSIONS,
    Fact.TLS_CIPHERS: TLS_SUITES,
    Fact.TLS_GROUP: "X25519MLKEM768",
    Fact.TLS_HYBRID_OFFERED: True,
    Fact.TLS_CLASSICAL_ACCEPTED: True,
    Fact.TLS_CLIENT_CERTIFICATE: "requested",
}


def offers(inventory: Inventory) -> dict[Fact, FactValue]:
    """Return what the server of *inventory* offers."""
    return {**_FTP, Fact.FTP_TLS: "explicit" if inventory.listen.at("ftps") else "implicit"}

"""A client certificate that nobody issued: whether a server that demands one looks at whose it is."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL

from sealgate.audit.adapters.wire import observing_context

_DAY = dt.timedelta(days=1)


def stranger_context(*, alpn: bool = True) -> SSL.Context:
    """
    Return a TLS client with a certificate that it made for itself a moment ago.

    With *alpn* it says that it wants to speak HTTP/1.1.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sealgate-audit")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .sign(key, hashes.SHA256())
    )
    context = observing_context(alpn=alpn)
    context.use_certificate(certificate)
    context.use_privatekey(key)
    return context

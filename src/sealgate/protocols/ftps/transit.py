"""
What a live TLS connection is worth, by the table that an audit judges with.

The table is :mod:`sealgate.policy.algorithms`. What could not be seen is worth nothing.
"""

from __future__ import annotations

from sealgate.policy.algorithms import is_strong_suite, rank_of_tls
from sealgate.policy.protection import TransitRung
from sealgate.protocols.model import Channel, FileProtocol, Method, Refusal


def rung(channel: Channel) -> TransitRung:
    """Return what *channel* is worth when both sides are authenticated by key."""
    return rank_of_tls(channel.version, channel.cipher, channel.group)


def below(subject: str, channel: Channel) -> Refusal:
    """Return why *channel*, which is worth too little for *subject*, is refused."""
    if channel.version not in {"TLSv1.2", "TLSv1.3"}:
        return Refusal(
            "transit-weak-version", f"{subject}: {channel.version} is too old", "update the client"
        )
    if not is_strong_suite(channel.cipher):
        return Refusal(
            "transit-weak-cipher", f"{subject}: {channel.cipher} is weak", "update the client"
        )
    if channel.version != "TLSv1.3":
        return Refusal(
            "transit-tls-1-2-accepted",
            f"{subject}: this connection speaks {channel.version}, but TLS 1.3 is required",
            "update the client",
        )
    if rung(channel) < TransitRung.HIGHLY_ENCRYPTED:
        return Refusal(
            "transit-no-hybrid",
            f"{subject}: a post-quantum key exchange is required, such as X25519MLKEM768",
            "use a client with OpenSSL 3.5 or newer",
        )
    return Refusal(
        "transit-client-unauthenticated",
        f"{subject}: the client must prove itself by a key",
        "sign in with a client certificate",
    )


FTPS = FileProtocol("ftps", "FTPS", Method.CLIENT_CERTIFICATE, rung, below)

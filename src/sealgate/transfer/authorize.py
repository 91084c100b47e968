"""
What a live connection is worth, and what a caller may do over it.

Pure. Facts of the connection go in, a rank of the ladder comes out (see
:mod:`sealgate.policy.protection`); a channel or a caller below what the class demands is
refused with the rule that stands against it. What could not be seen is worth nothing.

The tables name what is good. An algorithm that is in none of them is weak, so a new
one is refused until somebody has looked at it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.identity.model import normal
from sealgate.policy.inventory import Drop
from sealgate.policy.protection import SENSITIVE_FLOOR, Protection
from sealgate.transfer.model import Action, Method, TransferProtocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.policy.inventory import AccessSettings, Tunnel
    from sealgate.transfer.model import Caller, Channel

_NOTHING, _LOW, _ENCRYPTED, _HIGH, _TOP = 0, 1, 2, 2, 3

# draft-ietf-sshm-mlkem-hybrid-kex: ML-KEM beside an elliptic curve. Streamlined NTRU Prime
# is hybrid, too, but no standard names it, so it is worth what its curve is worth.
SSH_HYBRID = frozenset(
    ["mlkem768x25519-sha256", "mlkem768nistp256-sha256", "mlkem1024nistp384-sha384"]
)
# RFC 9142, 4, table 12: what a server SHOULD or MAY offer, SHA-1 and short groups left out.
SSH_KEX = SSH_HYBRID | frozenset(
    [
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",
        "curve448-sha512",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group15-sha512",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group17-sha512",
        "diffie-hellman-group18-sha512",
        "diffie-hellman-group-exchange-sha256",
        "sntrup761x25519-sha512",
        "sntrup761x25519-sha512@openssh.com",
    ]
)
SSH_GCM = frozenset(["aes256-gcm@openssh.com", "aes128-gcm@openssh.com"])
SSH_CHACHA = "chacha20-poly1305@openssh.com"
SSH_CTR = frozenset(["aes256-ctr", "aes192-ctr", "aes128-ctr"])
# RFC 6668, and encrypt-then-MAC (OpenSSH PROTOCOL, 1.5).
SSH_MACS = frozenset(["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com"])
SSH_TOP_CIPHERS = frozenset(["aes256-gcm@openssh.com", SSH_CHACHA])

# RFC 9325, 4.2 (TLS 1.2) and RFC 8446, B.4: forward secrecy and an AEAD.
TLS_1_3_CIPHERS = frozenset(
    ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
)
TLS_1_2_CIPHERS = frozenset(
    f"TLS_ECDHE_{key}_WITH_{cipher}"
    for key in ("ECDSA", "RSA")
    for cipher in ("AES_128_GCM_SHA256", "AES_256_GCM_SHA384", "CHACHA20_POLY1305_SHA256")
)
# draft-ietf-tls-ecdhe-mlkem, in lower case, as libraries spell them in different ways.
TLS_HYBRID = frozenset(["x25519mlkem768", "secp256r1mlkem768", "secp384r1mlkem1024"])

KEYS = frozenset([Method.PUBLIC_KEY, Method.CLIENT_CERTIFICATE])


@dataclass(frozen=True, slots=True)
class Refusal:
    """
    Why not: the *rule* that is broken ("" when none is), in words, and what to do.
    """

    rule: str
    message: str
    hint: str = ""


def transit_rung(channel: Channel, methods: frozenset[Method] = frozenset()) -> int:
    """
    Return the rank of *channel* on the ladder "in transit".

    The top rank needs both sides authenticated by key, so it is reached only when
    *methods*, those that the caller proved, hold the protocol's own key.
    """
    if channel.protocol is TransferProtocol.FTPS:
        return _tls_rung(channel, methods)
    return _ssh_rung(channel, methods)


def _ssh_rung(channel: Channel, methods: frozenset[Method]) -> int:
    if channel.version != "SSH-2.0" or channel.group not in SSH_KEX:
        return _NOTHING
    if not _ssh_cipher_is_good(channel):
        return _NOTHING
    top = channel.group in SSH_HYBRID and channel.cipher in SSH_TOP_CIPHERS
    return _TOP if top and Method.PUBLIC_KEY in methods else _ENCRYPTED


def _ssh_cipher_is_good(channel: Channel) -> bool:
    if channel.cipher in SSH_GCM:
        return channel.mac in {"", channel.cipher}
    # CVE-2023-48795: a prefix of messages can be cut off these without strict key exchange.
    if channel.cipher == SSH_CHACHA:
        return channel.strict_kex and channel.mac in {"", channel.cipher}
    return channel.cipher in SSH_CTR and channel.mac in SSH_MACS and channel.strict_kex


def _tls_rung(channel: Channel, methods: frozenset[Method]) -> int:
    if channel.version == "TLSv1.2" and channel.cipher in TLS_1_2_CIPHERS:
        return _ENCRYPTED
    if channel.version != "TLSv1.3" or channel.cipher not in TLS_1_3_CIPHERS:
        return _NOTHING
    top = channel.group.lower() in TLS_HYBRID and Method.CLIENT_CERTIFICATE in methods
    return _TOP if top else _ENCRYPTED


def access_rung(methods: frozenset[Method], country: str | None, allowed: Iterable[str]) -> int:
    """
    Return the rank on the ladder "access" of somebody who proved *methods*.

    *country* is where they are, ``None`` when nobody knows. The top rank needs a grant
    that another person approved, which this version does not have.
    """
    if methods & KEYS and country is not None and country in frozenset(allowed):
        return _HIGH
    return _LOW if methods else _NOTHING


def required(asset: Drop | Tunnel) -> Protection:
    """
    Return what *asset* demands of a connection and of whoever makes it.

    Credentials travel over it, so it is never below "encrypted" in transit, nor open to
    everybody, whatever its class says.
    """
    floor = Protection(SENSITIVE_FLOOR.in_transit, _LOW, 0)
    return asset.classification.required.at_least(floor)


def refusal(
    asset: Drop | Tunnel, caller: Caller, channel: Channel, access: AccessSettings
) -> Refusal | None:
    """
    Return why *caller* may not come to *asset* over *channel*; ``None`` when they may.

    The message is for them: it tells what is missing, and nothing of others.
    """
    if not admits(asset.admit, caller):
        return Refusal("", "you are not admitted", "ask whoever runs this server")
    demand = required(asset)
    below = _below_transit(asset, demand.in_transit, caller, channel)
    return below or _below_access(asset, demand.access, caller, access)


def _below_transit(
    asset: Drop | Tunnel, rank: int, caller: Caller, channel: Channel
) -> Refusal | None:
    if transit_rung(channel, caller.methods) >= rank:
        return None
    subject = f'"{asset.name}" is {asset.classification.id}'
    if channel.protocol is TransferProtocol.FTPS:
        return _below_tls(subject, channel)
    return _below_ssh(subject, channel)


def _below_ssh(subject: str, channel: Channel) -> Refusal:
    if transit_rung(channel) < _ENCRYPTED:
        return Refusal(
            "transit-ssh-weak",
            f"{subject}: the SSH algorithms of this connection are too weak"
            f" ({channel.group}, {channel.cipher})",
            "update the client, or let it choose its own algorithms",
        )
    if channel.group not in SSH_HYBRID:
        return Refusal(
            "transit-no-hybrid",
            f"{subject}: a post-quantum key exchange is required, such as mlkem768x25519-sha256",
            "use OpenSSH 9.9 or newer",
        )
    if channel.cipher not in SSH_TOP_CIPHERS:
        return Refusal(
            "transit-ssh-weak",
            f"{subject}: the cipher is {channel.cipher}, but AES-256-GCM or ChaCha20-Poly1305"
            " is required",
            "sftp -c aes256-gcm@openssh.com",
        )
    return Refusal(
        "transit-client-unauthenticated",
        f"{subject}: the client must prove itself by a key",
        "sign in with an SSH key",
    )


def _below_tls(subject: str, channel: Channel) -> Refusal:
    if transit_rung(channel) < _ENCRYPTED:
        old = channel.version not in {"TLSv1.2", "TLSv1.3"}
        return Refusal(
            "transit-weak-version" if old else "transit-weak-cipher",
            f"{subject}: {channel.version} with {channel.cipher} is too weak",
            "update the client",
        )
    if channel.version != "TLSv1.3":
        return Refusal(
            "transit-tls-1-2-accepted",
            f"{subject}: this connection speaks {channel.version}, but TLS 1.3 is required",
            "update the client",
        )
    if channel.group.lower() not in TLS_HYBRID:
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


def _below_access(
    asset: Drop | Tunnel, rank: int, caller: Caller, access: AccessSettings
) -> Refusal | None:
    have = access_rung(caller.methods, caller.country, access.countries)
    if have >= rank:
        return None
    subject = f'"{asset.name}" is {asset.classification.id}'
    if have == _NOTHING:
        return Refusal("access-anonymous", f"{subject}: a sign-in is required")
    if not caller.methods & KEYS:
        return Refusal(
            "access-no-key",
            f"{subject}: a password is not enough, a key is required",
            "sign in with an SSH key or a client certificate",
        )
    if have < _HIGH:
        told = "from an unknown country" if caller.country is None else f"from {caller.country}"
        return Refusal(
            "access-no-key",
            f"{subject}: you come {told}, which is not on the list",
            "ask whoever runs this server",
        )
    return Refusal(
        "access-no-approval",
        f"{subject}: a grant that another person approved is required, and this version has"
        " no grants",
    )


def admits(admit: Iterable[str], caller: Caller) -> bool:
    """
    Return whether the list *admit* (``user:NAME``, ``group:NAME``) names *caller*.
    """
    groups = {normal(group) for group in caller.groups}
    for entry in admit:
        kind, _, name = entry.partition(":")
        if kind == "user" and normal(name) == normal(caller.name):
            return True
        if kind == "group" and normal(name) in groups:
            return True
    return False


def may(drop: Drop, caller: Caller, action: Action) -> bool:
    """
    Return whether *caller*, who is admitted, may do *action* in *drop*.

    A list for one action narrows the list of the admitted, and never widens it.
    """
    narrowed = {
        Action.LIST: drop.listing,
        Action.READ: drop.read,
        Action.WRITE: drop.write,
        Action.DELETE: drop.delete,
    }[action]
    return admits(drop.admit, caller) and (narrowed is None or admits(narrowed, caller))

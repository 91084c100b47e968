"""
What a live connection is worth, and what a caller may do over it.

Pure. Facts of the connection go in, a rank of the ladder comes out, by the same table that
an audit judges with (:mod:`sealgate.policy.algorithms`). A channel or a caller below what
the class demands is refused with the rule that stands against it. What could not be seen
is worth nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.identity.model import normal
from sealgate.policy.algorithms import (
    ENCRYPTED,
    HIGHLY_ENCRYPTED,
    WEAK,
    can_lose_packets,
    is_strong_suite,
    rank_of_cipher,
    rank_of_kex,
    rank_of_ssh,
    rank_of_tls,
)
from sealgate.policy.inventory import Drop
from sealgate.policy.protection import SENSITIVE_FLOOR, Protection
from sealgate.transfer.model import Action, Method, TransferProtocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.policy.inventory import AccessSettings, Tunnel
    from sealgate.transfer.model import Caller, Channel

_NOTHING, _LOW, _HIGH = 0, 1, 2
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
        rank = rank_of_tls(channel.version, channel.cipher, channel.group)
        has_key = Method.CLIENT_CERTIFICATE in methods
    else:
        rank = _ssh_rung(channel)
        has_key = Method.PUBLIC_KEY in methods
    return rank if has_key else min(rank, ENCRYPTED)


def _ssh_rung(channel: Channel) -> int:
    if channel.version != "SSH-2.0":
        return WEAK
    # CVE-2023-48795: without strict key exchange, packets can be cut off unnoticed.
    if can_lose_packets(channel.cipher) and not channel.strict_kex:
        return WEAK
    return rank_of_ssh(channel.group, channel.cipher, channel.mac)


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


def _weak_ssh(subject: str, channel: Channel) -> Refusal:
    update = "update the client, or let it choose its own algorithms"
    if channel.version != "SSH-2.0":
        return Refusal("transit-ssh-version-1", f"{subject}: {channel.version} is too old", update)
    if rank_of_kex(channel.group) < ENCRYPTED:
        return Refusal(
            "transit-ssh-weak-kex", f"{subject}: the key exchange {channel.group} is weak", update
        )
    if rank_of_cipher(channel.cipher) < ENCRYPTED:
        return Refusal(
            "transit-ssh-weak-cipher", f"{subject}: the cipher {channel.cipher} is weak", update
        )
    if can_lose_packets(channel.cipher) and not channel.strict_kex:
        return Refusal(
            "transit-ssh-no-strict-kex",
            f"{subject}: packets under {channel.cipher} can be cut off unnoticed",
            "update the client, or sftp -c aes256-gcm@openssh.com",
        )
    return Refusal("transit-ssh-weak-mac", f'{subject}: the MAC "{channel.mac}" is weak', update)


def _below_ssh(subject: str, channel: Channel) -> Refusal:
    if _ssh_rung(channel) < ENCRYPTED:
        return _weak_ssh(subject, channel)
    if rank_of_kex(channel.group) < HIGHLY_ENCRYPTED:
        return Refusal(
            "transit-ssh-no-hybrid",
            f"{subject}: a post-quantum key exchange is required, such as mlkem768x25519-sha256",
            "use OpenSSH 9.9 or newer",
        )
    if rank_of_cipher(channel.cipher) < HIGHLY_ENCRYPTED:
        return Refusal(
            "transit-ssh-old-cipher",
            f"{subject}: the cipher is {channel.cipher}, but AES-256-GCM or ChaCha20-Poly1305"
            " is required",
            "sftp -c aes256-gcm@openssh.com",
        )
    return Refusal(
        "transit-ssh-password-accepted",
        f"{subject}: the client must prove itself by a key",
        "sign in with an SSH key",
    )


def _below_tls(subject: str, channel: Channel) -> Refusal:
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
    if rank_of_tls(channel.version, channel.cipher, channel.group) < HIGHLY_ENCRYPTED:
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

"""
What a live SSH connection is worth, by the table that an audit judges with.

The table is :mod:`sealgate.policy.algorithms`. What could not be seen is worth nothing.
"""

from __future__ import annotations

from sealgate.policy.algorithms import (
    can_lose_packets,
    rank_of_cipher,
    rank_of_kex,
    rank_of_ssh,
)
from sealgate.policy.protection import TransitRung
from sealgate.protocols.model import Channel, FileProtocol, Method, Refusal


def rung(channel: Channel) -> TransitRung:
    """Return what *channel* is worth when both sides are authenticated by key."""
    if channel.version != "SSH-2.0":
        return TransitRung.UNENCRYPTED
    # CVE-2023-48795: without strict key exchange, packets can be cut off unnoticed.
    if can_lose_packets(channel.cipher) and not channel.strict_kex:
        return TransitRung.UNENCRYPTED
    return rank_of_ssh(channel.group, channel.cipher, channel.mac)


def _weak(subject: str, channel: Channel) -> Refusal:
    update = "update the client, or let it choose its own algorithms"
    if channel.version != "SSH-2.0":
        return Refusal("transit-ssh-version-1", f"{subject}: {channel.version} is too old", update)
    if rank_of_kex(channel.group) < TransitRung.ENCRYPTED:
        return Refusal(
            "transit-ssh-weak-kex", f"{subject}: the key exchange {channel.group} is weak", update
        )
    if rank_of_cipher(channel.cipher) < TransitRung.ENCRYPTED:
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


def below(subject: str, channel: Channel) -> Refusal:
    """Return why *channel*, which is worth too little for *subject*, is refused."""
    if rung(channel) < TransitRung.ENCRYPTED:
        return _weak(subject, channel)
    if rank_of_kex(channel.group) < TransitRung.HIGHLY_ENCRYPTED:
        return Refusal(
            "transit-ssh-no-hybrid",
            f"{subject}: a post-quantum key exchange is required, such as mlkem768x25519-sha256",
            "use OpenSSH 9.9 or newer",
        )
    if rank_of_cipher(channel.cipher) < TransitRung.HIGHLY_ENCRYPTED:
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


SFTP = FileProtocol("sftp", "SFTP", Method.PUBLIC_KEY, rung, below, has_tunnels=True)
SCP = FileProtocol("scp", "SCP", Method.PUBLIC_KEY, rung, below, has_tunnels=True)
TUNNEL = FileProtocol("tunnel", "tunnels", Method.PUBLIC_KEY, rung, below, has_tunnels=True)

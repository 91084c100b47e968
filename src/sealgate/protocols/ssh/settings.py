"""
How the SSH server behaves: limits with their units, and the algorithms it speaks.

The algorithms are those of the rung "encrypted" (RFC 9142; NIST SP 800-131A, rev. 2) and
better; nothing weaker is offered, so that there is no way to ask for it. The order is the
server's; in SSH the client's order decides (RFC 4253, 7.1).
"""

from __future__ import annotations

from dataclasses import dataclass

# The hybrid first (draft-ietf-sshm-mlkem-hybrid-kex), then RFC 8731.
KEY_EXCHANGES = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
)
# AEAD only, the strongest and quickest first (RFC 5647 as OpenSSH speaks it).
CIPHERS = (
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-gcm@openssh.com",
)
# No cipher above needs one; a client that insists on naming a MAC finds these.
MACS = ("hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com")
# What a client's key may sign with: no SHA-1 (RFC 8332), no DSA.
SIGNATURES = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SSHSettings:
    """
    What may differ between servers; the defaults are meant to be kept.

    *host_keys* are files with private keys. *trusted_proxies* are networks whose
    connections begin with a PROXY header and from which nothing else is taken.
    *older* are algorithms that drops name for older clients, offered last.
    *banner* is shown before a password is asked for, "" shows nothing. Sizes are bytes.
    """

    host_keys: tuple[str, ...]
    trusted_proxies: tuple[str, ...] = ()
    older: tuple[str, ...] = ()
    banner: str = ""
    login_grace_seconds: float = 60.0
    keepalive_seconds: float = 30.0
    keepalive_misses: int = 4
    max_login_tries: int = 10
    max_connections: int = 2000
    max_connections_per_address: int = 256
    max_unauthenticated: int = 200
    max_sessions_per_connection: int = 10
    max_tunnels_per_connection: int = 32
    rekey_bytes: int = 1024 * MIB
    rekey_seconds: float = 3600.0
    window_bytes: int = 2 * MIB
    max_packet_bytes: int = 128 * 1024
    write_buffer_bytes: int = 512 * 1024

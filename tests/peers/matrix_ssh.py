"""Rows of the matrix about SSH: OpenSSH, right or with one setting that is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.peers.fileservers import SSHD, STRONG_SSH, make_key
from tests.peers.matrix import Row, Yard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.peers.certified import Made

# What is set besides the strong settings, the rule that it breaks, and the clause.
SETTINGS: tuple[tuple[str, dict[str, str], str, str], ...] = (
    ("right", {}, "", "RFC 9142, 4"),
    ("curve25519 only", {"KexAlgorithms": "curve25519-sha256"}, "", "RFC 9142, 4"),
    ("NIST curves", {"KexAlgorithms": "ecdh-sha2-nistp256"}, "", "RFC 9142, 4"),
    ("group 16 only", {"KexAlgorithms": "diffie-hellman-group16-sha512"}, "", "RFC 9142, 4"),
    (
        "group 14 with SHA-2 beside",
        {"KexAlgorithms": "curve25519-sha256,diffie-hellman-group14-sha256"},
        "",
        "RFC 9142, 4",
    ),
    ("AES-CTR", {"Ciphers": "aes256-ctr,aes128-ctr"}, "", "RFC 4344, 4"),
    (
        "group 14 with SHA-1",
        {"KexAlgorithms": "curve25519-sha256,diffie-hellman-group14-sha1"},
        "weak-kex",
        "RFC 9142, 4",
    ),
    (
        "group 1",
        {"KexAlgorithms": "curve25519-sha256,diffie-hellman-group1-sha1"},
        "weak-kex",
        "RFC 9142, 4",
    ),
    ("3DES", {"Ciphers": "aes256-ctr,3des-cbc"}, "weak-cipher", "RFC 8758, and SP 800-131A"),
    ("AES-CBC", {"Ciphers": "aes256-ctr,aes256-cbc"}, "weak-cipher", "RFC 4344, 4"),
    ("HMAC-MD5", {"MACs": "hmac-sha2-256,hmac-md5"}, "weak-mac", "RFC 6668"),
    ("UMAC-64", {"MACs": "hmac-sha2-256,umac-64@openssh.com"}, "weak-mac", "RFC 6668"),
)


def ssh_rows(yard: Yard, _root: Made) -> Iterator[Row]:
    """Yield the rows."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    key = make_key(yard.folder / "host")
    for name, settings, rule, clause in SETTINGS:
        config = yard.folder / f"sshd-{name.replace(' ', '-')}"

        def command(
            port: int, config: Path = config, settings: dict[str, str] = settings
        ) -> list[str]:
            lines = {
                "ListenAddress": f"127.0.0.1:{port}",
                "PidFile": "none",
                "UsePAM": "no",
                "HostKey": str(key),
                "StrictModes": "no",
                "MaxStartups": "100",
                "PerSourcePenalties": "no",
                **STRONG_SSH,
                **settings,
            }
            config.write_text("".join(f"{k} {v}\n" for k, v in lines.items()))
            return [SSHD, "-D", "-e", "-f", str(config)]

        port = yard.process(command)
        broken = frozenset([f"transit-ssh-{rule}"] if rule else [])
        yield Row(f"OpenSSH: {name}", f"ssh://127.0.0.1:{port}", broken, clause)

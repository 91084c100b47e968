"""The keys by which a client knows this server again: made once, kept, never replaced."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from sealgate.errors import ConfigError
from sealgate.files import new_file, sync_folder

# File name and algorithm. Whoever speaks one of our key exchanges knows Ed25519 (RFC 8709);
# a second key would be one more to compare, and one more to lose.
_KINDS = (("ssh_host_ed25519_key", "ssh-ed25519"),)


@dataclass(frozen=True, slots=True)
class HostKey:
    """
    What a person compares before they trust: *fingerprint* as OpenSSH prints it.

    *public* is a line for ``known_hosts``, without the host's name.
    """

    path: str
    algorithm: str
    fingerprint: str
    public: str


def host_keys(folder: str) -> tuple[str, ...]:
    """
    Return the paths of the host keys in *folder*; what is missing is made, durably.

    Raises:
        ConfigError: a key is there and cannot be read, or others may read it.
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths = []
    for name, algorithm in _KINDS:
        path = place / name
        if not path.exists():
            _make(path, algorithm)
        read_host_key(str(path))
        paths.append(str(path))
    return tuple(paths)


def read_host_key(path: str) -> HostKey:
    """
    Return what may be shown of the host key in the file *path*.

    Raises:
        ConfigError: it cannot be read, is no private key, or others may read it.
    """
    try:
        mode = Path(path).stat().st_mode & 0o777
        key = asyncssh.read_private_key(path)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f'host key "{path}" cannot be read, a private key without passphrase is required',
            hint=f"move {path} away and start again: a new key is made, and clients must be told",
        ) from error
    if mode & 0o077:
        raise ConfigError(
            f'host key "{path}" has mode {mode:04o}, 0600 is required',
            hint=f"chmod 600 {path}",
        )
    public = key.export_public_key().decode("ascii").strip()
    return HostKey(path, key.get_algorithm(), key.get_fingerprint(), public)


def _make(path: Path, algorithm: str) -> None:
    """Write a new key so that a crash leaves none or a whole one."""
    key = asyncssh.generate_private_key(algorithm)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with new_file(fresh) as file:
        file.write(key.export_private_key())
    try:
        # A link never replaces: of two servers that start at once, one key wins.
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    sync_folder(path.parent)

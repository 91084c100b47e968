"""Takes in and lists the SSH keys of users; only the public half ever comes here."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.users import open_identities
from sealgate.errors import SourceError
from sealgate.identity.model import no_such_user
from sealgate.identity.ssh_keys import MOST_LINE_BYTES, read_ssh_key

if TYPE_CHECKING:
    from sealgate.identity.ssh_keys import SSHKey
    from sealgate.policy.inventory import Inventory


@dataclass(frozen=True, slots=True)
class SSHKeyLine:
    """One SSH key and its *state*: living or revoked."""

    key: SSHKey
    state: str


def add_ssh_key(inventory: Inventory, name: str, path: str, *, by: str, now: float) -> SSHKey:
    """
    Have the public key in the file *path* (``-``: standard input) let the user *name* in.

    Raises:
        UsageError: there is no such user, it is no fit key, or is somebody's already.
        SourceError: the file or the database cannot be read.
    """
    content = _public_file(path)
    with open_identities(inventory) as store:
        identity = store.identity(name)
        if identity is None:
            raise no_such_user(name)
        key = read_ssh_key(content, identity.name, now)
        store.credentials.add_ssh_key(key, by=by, now=now)
    return key


def list_ssh_keys(inventory: Inventory) -> tuple[SSHKeyLine, ...]:
    """
    Return every SSH key that was added, the oldest first.

    Raises:
        SourceError: the database cannot be used.
    """
    with open_identities(inventory) as store:
        keys = store.credentials.ssh_keys()
    return tuple(SSHKeyLine(key, "living" if key.is_living else "revoked") for key in keys)


def _public_file(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read(MOST_LINE_BYTES + 1)
        with Path(path).open("rb") as file:
            return file.read(MOST_LINE_BYTES + 1)
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else "no valid path"
        message = f'key file "{path}" cannot be read: {told}'
        raise SourceError(
            message, hint="name the public half, such as: ~/.ssh/id_ed25519.pub"
        ) from error

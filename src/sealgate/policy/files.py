"""Drops and tunnels, as they are declared, and how the keys of what is kept are protected."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.policy.places import Address, Place

if TYPE_CHECKING:
    from sealgate.policy.classification import Classification


class OnMismatch(StrEnum):
    """What happens to an upload that ``assess`` finds to be of a stricter class than its drop."""

    RECORD = "record"  # it stays; the register says so
    QUARANTINE = "quarantine"  # it is kept where only the operator gets at it
    REFUSE = "refuse"  # it is removed, and the client is told


@dataclass(frozen=True, slots=True)
class Drop:
    """
    A folder served over SFTP and FTPS.

    *store* is a URL of the table of media: ``file:FOLDER`` (absolute), ``s3://BUCKET/PREFIX``. *admit* lists who may
    come in: ``user:NAME`` or ``group:NAME``; *read*, *write*, *listing* and *delete* narrow
    that for one action each, ``None`` means everybody admitted. *file_names* are shell
    patterns of which a name must match one; empty, any name will do. *retention_days*
    after the upload a file is removed. *recipients* are age recipients that every file is
    sealed for; a class that demands "highly encrypted" at rest demands them. *older_clients*
    are algorithms of SSH that it takes beside those that every drop takes.
    """

    name: str
    classification: Classification
    store: str
    admit: tuple[str, ...] = ()
    read: tuple[str, ...] | None = None
    write: tuple[str, ...] | None = None
    listing: tuple[str, ...] | None = None
    delete: tuple[str, ...] | None = None
    quota_bytes: int | None = None
    max_file_bytes: int | None = None
    retention_days: int | None = None
    file_names: tuple[str, ...] = ()
    on_mismatch: OnMismatch = OnMismatch.RECORD
    recipients: tuple[str, ...] = ()
    older_clients: tuple[str, ...] = ()
    place: Place = field(default=Place(), compare=False)

    @property
    def folder(self) -> str | None:
        """Return the folder of this host that it is kept in, None where it is kept elsewhere."""
        return folder_of(self.store)


def folder_of(store: str) -> str | None:
    """Return the folder of this host that the URL *store* names, None for another medium."""
    return store.removeprefix("file:") if store.startswith("file:") else None


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A service that is reached through SSH (``ssh -L``): *target* as the client names it."""

    name: str
    classification: Classification
    target: Address
    admit: tuple[str, ...] = ()
    place: Place = field(default=Place(), compare=False)


# The protection of keys that keeps nothing apart: a readable file, worth rung 1 only.
UNPROTECTED = "file"


@dataclass(frozen=True, slots=True)
class KeySettings:
    """
    How the site's sealing keys are kept.

    *protection* is one of the table of key protections. *key* names the key inside Vault (``MOUNT/KEY``) or AWS KMS (id, ARN or alias), or the
    systemd credential. *address* is Vault's URL, or an AWS endpoint instead of the usual one.
    *recovery* are age recipients that everything but "highly encrypted" is sealed for as
    well.
    """

    protection: str = UNPROTECTED
    key: str = ""
    address: str = ""
    recovery: tuple[str, ...] = ()
    place: Place = field(default=Place(), compare=False)

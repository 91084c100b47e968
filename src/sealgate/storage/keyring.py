"""
The site's sealing keys: which one is current, how old each is, what opens what.

This module decides only; :mod:`sealgate.storage.adapters.keystore` keeps the keys. Times
are seconds since the epoch and are passed in. A retired key seals nothing any more, but
stays, because it opens what was sealed for it until that is rotated.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.policy.inventory import KeySettings
    from sealgate.storage.age.keys import Identity, Recipient

DAY = 86400.0
# NIST SP 800-57 part 1 revision 5, 5.3.6, table 1: the period in which a public key-transport
# key seals is one to two years. We remind at the lower end.
ROTATE_AFTER_DAYS = 365
# NIST SP 800-57 part 1 revision 5, 5.6.1: 256 bits outlast every key that they are used beside.
RECORD_SECRET_BYTES = 32
_RECORD_INFO = b"sealgate/record-key/1"


class KeyProtector(Protocol):
    """What keeps the key file closed: a passphrase, a credential store, a key service."""

    def wrap(self, content: bytes) -> bytes:
        """
        Return *content* so that only :meth:`unwrap` of the same protection gives it back.

        Raises:
            SealgateError: what protects cannot be reached, or refuses.
        """

    def unwrap(self, wrapped: bytes) -> bytes:
        """
        Return what was given to :meth:`wrap`.

        Raises:
            SealgateError: wrong passphrase or key, a damaged file, or no answer.
        """


@dataclass(frozen=True, slots=True)
class Detail:
    """A setting that may stand beside a protection: an example, and what is *needed* by it if it must."""

    example: str
    needed: str = ""


@dataclass(frozen=True, slots=True)
class KeyProtection:
    """
    One way to keep the key file closed, chosen by its *name*: ``protection`` under ``[keys]``.

    *open* takes the settings and what asks a person for a passphrase, ``None`` when nobody can
    be asked; what it needs beside our own dependencies it loads itself. *is_apart* is false
    where what opens the key file is simply readable beside it. *key* and *address* are what
    else is set, and *why_no_key* tells what is wrong with a key, if anything. *beside* are the
    variables that name a file or folder of this host whose content opens the key file, unless
    one of *instead* is set.
    """

    name: str
    open: Callable[[KeySettings, Callable[[], str] | None], KeyProtector]
    is_apart: bool = True
    key: Detail | None = None
    address: Detail | None = None
    why_no_key: Callable[[str], str | None] = lambda _: None
    beside: tuple[str, ...] = ()
    instead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SiteKey:
    """
    What may be told of one key: nothing here is secret.

    *id* is eight hex digits, made from *recipient* (``age1…``). *retired_at* is ``None``
    while it is the current key.
    """

    id: str
    created_at: float
    retired_at: float | None
    recipient: str

    def age_days(self, now: float) -> float:
        """Return how many days ago it was made; never negative."""
        return max(0.0, now - self.created_at) / DAY


@dataclass(frozen=True, slots=True)
class Keyring:
    """Every key of a site, the oldest first; the last one is the current one."""

    keys: tuple[SiteKey, ...]

    def __post_init__(self) -> None:
        current = [key for key in self.keys if key.retired_at is None]
        if not self.keys or current != [self.keys[-1]]:
            raise ValueError("a keyring has one current key, and it is the last")
        if len({key.id for key in self.keys}) != len(self.keys):
            raise ValueError("a keyring holds each key once")

    @property
    def current(self) -> SiteKey:
        """Return the key that new files are sealed for."""
        return self.keys[-1]

    def find(self, key_id: str) -> SiteKey | None:
        """Return the key with that id."""
        return next((key for key in self.keys if key.id == key_id), None)

    def is_due(self, now: float) -> bool:
        """Return whether the current key is as old as a key should get."""
        return self.current.age_days(now) >= ROTATE_AFTER_DAYS

    def with_new(self, key: SiteKey, now: float) -> Keyring:
        """Return the ring in which *key* is current and the one before is retired at *now*."""
        retired = replace(self.current, retired_at=now)
        return Keyring((*self.keys[:-1], retired, key))


@dataclass(frozen=True, slots=True)
class UnlockedKeyring:
    """
    The keyring with everything that seals and opens. It lives in memory only.

    *recipients* are what a new file is sealed for: the current key, then the recovery
    recipients. *identities* open what any key of the ring sealed, the current one first.
    *record_key* (32 bytes) authenticates the site's records; it stays the same when keys
    are rotated. *is_apart* is false when the keys lie readable on the host: sealed data
    are worth rung 1 only then. *beside* are files whose content opened the keyring: on
    the store's own volume they make it not apart either.
    """

    keyring: Keyring
    is_apart: bool
    recipients: tuple[Recipient, ...]
    identities: tuple[Identity, ...] = field(repr=False)
    record_key: bytes = field(repr=False)
    beside: tuple[str, ...] = ()

    @property
    def current(self) -> SiteKey:
        """Return the key that new files are sealed for."""
        return self.keyring.current


def site_key(recipient: str, created_at: float, retired_at: float | None = None) -> SiteKey:
    """Return the key of *recipient*, with its id."""
    key_id = hashlib.sha256(recipient.encode()).hexdigest()[:8]
    return SiteKey(key_id, created_at, retired_at, recipient)


def record_key(secret: bytes) -> bytes:
    """
    Return the key of the site's records (HKDF-SHA256, RFC 5869) from the kept *secret*.

    Raises:
        ValueError: the secret is shorter than the key.
    """
    if len(secret) < RECORD_SECRET_BYTES:
        raise ValueError("the record secret is too short")
    return HKDF(SHA256(), RECORD_SECRET_BYTES, salt=None, info=_RECORD_INFO).derive(secret)

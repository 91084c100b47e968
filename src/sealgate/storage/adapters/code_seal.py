"""
Keeps the secrets of one-time codes sealed for the site's key, apart from the database.

Implements ``Sealer`` of :mod:`sealgate.identity.totp`. Sealing takes the public half only:
whoever sets an app up cannot read those of others. A server that opened the site's keys can.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.errors import SourceError
from sealgate.storage.adapters.keystore_seal import open_small, read_recipient, seal_small

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.keyring import Keyring, UnlockedKeyring

_SEALED = b"sealgate/one-time-code/1\0"


class CodeSealer:
    """
    Seals the secrets of one-time codes for the site's key, and opens them with it.

    *opened* gives the opened keys, *kept* the keyring without its secrets, ``None`` where
    only the opened one is at hand. Each is asked when it is needed and not before.
    """

    def __init__(
        self, opened: Callable[[], UnlockedKeyring], kept: Callable[[], Keyring] | None = None
    ) -> None:
        self._opened = opened
        self._kept = kept

    def seal(self, name: str, secret: bytes) -> bytes:
        """
        Return the *secret* of *name*, sealed; the name lies in it, so that a moved row opens nothing.

        Raises:
            SealgateError: the site's key cannot be had.
        """
        ring = self._kept() if self._kept is not None else self._opened().keyring
        recipient = read_recipient(ring.current.recipient, "the site key")
        return seal_small(_SEALED + name.encode() + b"\0" + secret, [recipient])

    def open(self, name: str, sealed: bytes) -> bytes:
        """
        Return the secret that was sealed for *name*.

        Raises:
            SourceError: it is somebody else's, damaged, or sealed for another site.
            SealgateError: the site's key cannot be had.
        """
        plain = open_small(sealed, self._opened().identities, "the site key")
        start = _SEALED + name.encode() + b"\0"
        if not plain.startswith(start):
            raise SourceError(
                f'the one-time codes of "{name}" are sealed for somebody else',
                hint=f"sealgate user totp {name}",
            )
        return plain.removeprefix(start)

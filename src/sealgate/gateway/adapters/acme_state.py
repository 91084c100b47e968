"""
What is remembered of certificates that are fetched: orders under way, and how it went.

All of it stands in ``STATE/acme``, for the gateway's user only. Losing it loses no
certificate; it only has more ordered than needed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from sealgate.errors import GatewayError
from sealgate.files import private_folder, write_durably

if TYPE_CHECKING:
    from collections.abc import Mapping

ACME_FOLDER = "acme"
_ORDERS, _SITES = "orders", "sites"
_MAX_BYTES = 1 << 20
_END_OF_TIME = dt.datetime.max.replace(tzinfo=dt.UTC).timestamp()


class AcmeError(GatewayError):
    """An authority refused, or gave no answer. *not_before* is when it wants to be asked again."""

    def __init__(
        self, message: str, *, hint: str | None = None, not_before: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.not_before = not_before


@dataclass(frozen=True, slots=True)
class Order:
    """An order that was begun: its URL at the authority, for which *account*, and its *key* (PEM)."""

    uri: str
    account: str
    domains: tuple[str, ...]
    key: str


class OrderFile:
    """The order of one site, while it is under way."""

    def __init__(self, folder: str, site: str) -> None:
        self._path = Path(folder, _ORDERS, f"{_plain(site)}.json")

    def read(self) -> Order | None:
        """Return the order, ``None`` when there is none that can be gone on with."""
        found = _read(self._path)
        with contextlib.suppress(KeyError, TypeError):
            return Order(
                str(found["uri"]),
                str(found["account"]),
                tuple(str(one) for one in found["domains"]),  # type: ignore[attr-defined]  # else TypeError
                str(found["key"]),
            )
        return None

    def write(self, order: Order) -> None:
        """
        Keep *order* from now on, after a crash too.

        Raises:
            GatewayError: the folder cannot be written.
        """
        private_folder(self._path.parent)
        write_durably(self._path, json.dumps(asdict(order)).encode())

    def remove(self) -> None:
        """Forget it."""
        with contextlib.suppress(OSError):
            self._path.unlink()


@dataclass(frozen=True, slots=True)
class Upkeep:
    """
    How the certificate of one site is kept; times in seconds since the epoch.

    *renew_at* is when the next one is fetched, *ask_at* when the authority is asked for
    its suggestion. *failures* in a row, the last for *last_error*, are followed by another
    attempt at *retry_at*. *fingerprint* is what was fetched last, *directory* from where.
    *shown* is false when another certificate was seen on our own door.
    """

    fingerprint: str = ""
    directory: str = ""
    renew_at: float = 0.0
    ask_at: float = 0.0
    failures: int = 0
    retry_at: float = 0.0
    last_error: str = ""
    shown: bool = True

    def failed(self, reason: str, retry_at: float) -> Upkeep:
        """Return the same after one more failure."""
        return replace(self, failures=self.failures + 1, last_error=reason, retry_at=retry_at)


class UpkeepFile:
    """Where the :class:`Upkeep` of one site is kept, and whether a person wants a new one."""

    def __init__(self, folder: str, site: str) -> None:
        self._path = Path(folder, _SITES, f"{_plain(site)}.json")
        self._wish = self._path.with_suffix(".renew")

    def read(self) -> Upkeep:
        """Return what is known; of a file that cannot be read nothing is."""
        found = _read(self._path)
        known = {name: found[name] for name in Upkeep.__dataclass_fields__ if name in found}
        if not all(_fits(value, getattr(Upkeep(), name)) for name, value in known.items()):
            return Upkeep()
        return Upkeep(**known)  # type: ignore[arg-type]  # looked at one by one above

    def write(self, upkeep: Upkeep) -> None:
        """
        Keep *upkeep* from now on.

        Raises:
            GatewayError: the folder cannot be written.
        """
        private_folder(self._path.parent)
        write_durably(self._path, json.dumps(asdict(upkeep)).encode())

    def wish(self) -> None:
        """
        Ask for a new certificate before its time.

        Raises:
            GatewayError: the folder cannot be written.
        """
        private_folder(self._wish.parent)
        write_durably(self._wish, b"")

    @property
    def is_wished(self) -> bool:
        """Return whether a new certificate was asked for."""
        return self._wish.exists()

    def granted(self) -> None:
        """Note that the wish is fulfilled."""
        with contextlib.suppress(OSError):
            self._wish.unlink()


def _plain(site: str) -> str:
    # A domain cannot begin with a dot; a letter outside the usual ones cannot lead away.
    return (
        quote(site, safe="").replace(".", "%2E") if site.startswith(".") else quote(site, safe="")
    )


def _read(path: Path) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _fits(value: object, usual: object) -> bool:
    if isinstance(usual, float):
        # NaN is less than nothing; what lies behind the last year is no moment.
        return (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and abs(value) < _END_OF_TIME
        )
    return type(value) is type(usual)

"""
In which country an address is, from the mmdb file that the gateway's Envoy reads as well.

Nobody is asked over the network. A file that was replaced (by a rename, as its publishers
recommend) is taken over with the next question.
"""

from __future__ import annotations

import ipaddress
import os
from threading import Lock
from typing import TYPE_CHECKING

import maxminddb

from sealgate.errors import SourceError

if TYPE_CHECKING:
    from maxminddb import Reader

_HINT = "docs/howto/country-database.md tells where to get one"
# The reader is of Python (see below), and an address tries a door more than once.
_MOST_TOLD = 4096


class Countries:
    """
    The country database at *path*; safe for several threads. Close it when done.

    It is opened with the first question. While the file is missing or damaged, no question
    is answered: whoever decides by the country must refuse.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = Lock()
        self._reader: Reader | None = None
        self._seen: tuple[int, ...] = ()
        # What this file said of addresses so far.
        self._told: dict[str, str | None] = {}

    def country_of(self, address: str) -> str | None:
        """
        Return the ISO 3166-1 code of *address*, ``None`` when it is in no country.

        That is so for private and loopback addresses, unless the database says otherwise,
        and for what is no address.

        Raises:
            SourceError: the database is missing or damaged.
        """
        parsed = _parsed(address)
        if parsed is None:
            return None
        with self._lock:
            reader = self._current()
            if address in self._told:
                return self._told[address]
            found = self._looked_up(reader, parsed)
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told[address] = found
            return found

    def _looked_up(
        self, reader: Reader, parsed: ipaddress.IPv4Address | ipaddress.IPv6Address
    ) -> str | None:
        try:
            return country_code(reader.get(parsed))
        except (maxminddb.InvalidDatabaseError, ValueError) as error:
            if isinstance(parsed, ipaddress.IPv6Address) and reader.metadata().ip_version == 4:  # noqa: PLR2004
                # A database of IPv4 only knows nothing of this address.
                return None
            raise self._damaged() from error

    def close(self) -> None:
        """Let go of the database; a second call does nothing."""
        with self._lock:
            self._let_go()

    def _current(self) -> Reader:
        try:
            told = os.stat(self._path)  # noqa: PTH116  # asked at every sign-in
        except OSError as error:
            self._let_go()
            reason = error.strerror or type(error).__name__
            message = f'country database "{self._path}" cannot be read: {reason}'
            raise SourceError(message, hint=_HINT) from error
        seen = (told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns)
        if self._reader is not None and seen == self._seen:
            return self._reader
        self._let_go()
        try:
            # Read into memory: a file that is written over in place cannot crash us then.
            with open(self._path, "rb") as file:  # noqa: PTH123
                self._reader = maxminddb.open_database(file, maxminddb.MODE_FD)
        except Exception as error:  # a damaged file makes the reader raise anything
            raise self._damaged() from error
        self._seen = seen
        return self._reader

    def _let_go(self) -> None:
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._told.clear()

    def _damaged(self) -> SourceError:
        return SourceError(
            f'country database "{self._path}" is no MaxMind database (mmdb), or is damaged',
            hint=_HINT,
        )


def country_code(record: object) -> str | None:
    """Return the country that one *record* of a database names, where Envoy finds it as well."""
    country = record.get("country") if isinstance(record, dict) else None
    code = country.get("iso_code") if isinstance(country, dict) else None
    return code if isinstance(code, str) else None


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed

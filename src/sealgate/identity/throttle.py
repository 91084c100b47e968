"""
How long somebody who fails to sign in has to wait.

Kept in the memory of one process and bounded in size; times are seconds and are passed
in. Three things are counted: the pair of a name and an address, the address, and the
name. An address is a whole IPv4 address or an IPv6 /64, which is what one customer gets
(RFC 6177, 2).

A stranger cannot lock a user out from where that user usually comes from: a pair that
has succeeded is *usual*, and for it only its own failures count, neither those of the
name elsewhere nor those of the address with other names. Whoever shares the address with
the user can still make that one pair wait.
"""

from __future__ import annotations

import functools
import ipaddress
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TypeVar

from sealgate.identity.model import MAX_NAME_BYTES

IPV6_PREFIX = 64
LEAST_DELAY_SECONDS = 1.0
MOST_DELAY_SECONDS = 900.0
# Failures are forgotten when there was none for so long.
FORGOTTEN_AFTER_SECONDS = 86400.0
# A pair that succeeded stays usual for so long after the last success.
USUAL_FOR_SECONDS = 90 * 86400.0
# Tries before the first delay.
FREE_OF_PAIR = 5
FREE_OF_ADDRESS = 20
# NIST SP 800-63B-4, 3.2.2: no more than 100 consecutive failures on one account.
FREE_OF_NAME = 100
# Of each kind; one entry takes about 260 bytes, so a process holds 26 MiB at the most.
MOST_ENTRIES = 20_000

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last: float = 0.0


class Throttle:
    """
    Counts attempts to sign in, and tells how long the next one has to wait.

    An attempt is counted before it is judged, so that a thousand at the same time are not
    a thousand free tries. Safe for several threads. Several processes count each for
    themselves: *n* of them allow *n* times as many tries.
    """

    def __init__(self, most_entries: int = MOST_ENTRIES) -> None:
        self._most = most_entries
        self._lock = Lock()
        self._pairs: OrderedDict[tuple[str, str], _Count] = OrderedDict()
        self._addresses: OrderedDict[str, _Count] = OrderedDict()
        self._names: OrderedDict[str, _Count] = OrderedDict()
        # When a pair, and anybody at an address, succeeded last.
        self._usual: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._somebodys: OrderedDict[str, float] = OrderedDict()

    def attempt(self, name: str, address: str, now: float) -> float:
        """
        Return 0 when *name* may be tried from *address* now, else how many seconds to wait.

        A try that may go on counts as failed until :meth:`succeeded` is called.
        """
        name, place = _counted(name), prefix(address)
        with self._lock:
            wait = self._wait(name, place, now)
            if wait <= 0:
                self._count(self._pairs, (name, place), now)
                self._count(self._addresses, place, now)
                self._count(self._names, name, now)
            return max(0.0, wait)

    def succeeded(self, name: str, address: str, now: float, *, forgives: bool = True) -> None:
        """
        Note that *name* proved from *address* who they are, by whatever means.

        Of what was counted for the address, the attempt of this name is taken back, and no
        more: else somebody with an account of their own could try those of others for
        ever. A second call, or one without an attempt (a key), takes back nothing. Nor does
        one that *forgives* not: it only makes the pair usual.
        """
        name, place = _counted(name), prefix(address)
        with self._lock:
            attempted = self._pairs.pop((name, place), None) if forgives else None
            if forgives:
                self._names.pop(name, None)
            count = self._addresses.get(place)
            if attempted is not None and count is not None:
                count.failures = max(0, count.failures - 1)
            _put(self._usual, (name, place), now, self._most)
            _put(self._somebodys, place, now, self._most)

    def is_usual(self, name: str, address: str, now: float) -> bool:
        """Return whether *name* proved from *address* who they are, not too long ago."""
        with self._lock:
            return _is_recent(self._usual.get((_counted(name), prefix(address))), now)

    def waiting(self, address: str, now: float) -> float:
        """
        Return how long *address* has to wait, whoever it says it is; nothing is counted.

        For a server that can turn away a connection before it costs a handshake. It is 0
        where somebody is usual, because it may be them.
        """
        place = prefix(address)
        with self._lock:
            if _is_recent(self._somebodys.get(place), now):
                return 0.0
            return max(0.0, _wait(self._addresses.get(place), FREE_OF_ADDRESS, now))

    def __len__(self) -> int:
        """Return how many entries are kept, of all kinds together."""
        with self._lock:
            counted = len(self._pairs) + len(self._addresses) + len(self._names)
            return counted + len(self._usual) + len(self._somebodys)

    def _wait(self, name: str, place: str, now: float) -> float:
        own = _wait(self._pairs.get((name, place)), FREE_OF_PAIR, now)
        if _is_recent(self._usual.get((name, place)), now):
            return own
        return max(
            own,
            _wait(self._addresses.get(place), FREE_OF_ADDRESS, now),
            _wait(self._names.get(name), FREE_OF_NAME, now),
        )

    def _count(self, table: OrderedDict[_Key, _Count], key: _Key, now: float) -> None:
        count = table.get(key)
        if count is None or _is_forgotten(count, now):
            count = _Count()
        count.failures += 1
        count.last = max(count.last, now)
        _put(table, key, count, self._most)


@functools.lru_cache(maxsize=4096)
def prefix(address: str) -> str:
    """
    Return what of *address* is counted: an IPv4 address, or an IPv6 network of 64 bits.

    An IPv4 address that is mapped into IPv6 (RFC 4291, 2.5.5.2) is that IPv4 address. What
    is no address is counted as it stands.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, IPV6_PREFIX), strict=False))


def _counted(name: str) -> str:
    # Longer names are nobody's, and a client may send 100 KB: kept, they would fill the memory.
    return name if len(name) <= MAX_NAME_BYTES else ""


def delay_after(failures: int, free: int) -> float:
    """Return how many seconds to wait after so many failures, of which *free* cost nothing."""
    if failures < free:
        return 0.0
    # Beyond this power the most is reached anyway, and the number would overflow.
    return min(MOST_DELAY_SECONDS, LEAST_DELAY_SECONDS * 2.0 ** min(failures - free, 30))


def _wait(count: _Count | None, free: int, now: float) -> float:
    if count is None or _is_forgotten(count, now):
        return 0.0
    # A clock that was set back must not make anybody wait longer than the most.
    until = count.last + delay_after(count.failures, free)
    return min(until - now, delay_after(count.failures, free))


def _is_forgotten(count: _Count, now: float) -> bool:
    return now - count.last >= FORGOTTEN_AFTER_SECONDS


def _is_recent(succeeded_at: float | None, now: float) -> bool:
    return succeeded_at is not None and now - succeeded_at < USUAL_FOR_SECONDS


def _put(table: OrderedDict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    # The entry that was touched longest ago goes first.
    table[key] = value
    table.move_to_end(key)
    if len(table) > most:
        table.popitem(last=False)

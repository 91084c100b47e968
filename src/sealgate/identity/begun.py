"""
What somebody began and must finish in the same browser: kept once, and bounded.

In the memory of one process. Whatever a flow of several steps waits for (a passkey's challenge,
the way back from an identity provider) is kept here, so that one of them cannot be bound to the
browser while another is forgotten, and so that no address can push out what others began.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

from sealgate.identity.throttle import prefix

_Value = TypeVar("_Value")


class Begun(Generic[_Value]):
    """
    At most *most* values that are out, *most_per_address* of them begun from one address.

    An address is what :func:`~sealgate.identity.throttle.prefix` makes of it. Who begins more
    pushes out their own oldest; where all together are too many, the oldest of whoever has most
    goes. Safe for several threads.
    """

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._lock = Lock()
        self._out: dict[str, tuple[str, _Value]] = {}
        # The keys of each address, the oldest first.
        self._of: dict[str, OrderedDict[str, None]] = {}

    def give(self, key: str | bytes, value: _Value, address: str) -> None:
        """Have *value* be taken once by *key* from now on."""
        place, held = prefix(address), digest(key)
        with self._lock:
            self._drop(held)
            if len(self._of.get(place, ())) >= self._most_per_address:
                self._drop(next(iter(self._of[place])))
            self._out[held] = (place, value)
            self._of.setdefault(place, OrderedDict())[held] = None
            if len(self._out) > self._most:
                fullest = max(self._of.values(), key=len)
                self._drop(next(iter(fullest)))

    def take(self, key: str | bytes) -> _Value | None:
        """Return the value that *key* is of, which is out no more; ``None`` when there is none."""
        with self._lock:
            return self._drop(digest(key))

    def __len__(self) -> int:
        return len(self._out)

    def _drop(self, held: str) -> _Value | None:
        found = self._out.pop(held, None)
        if found is None:
            return None
        place, value = found
        theirs = self._of[place]
        del theirs[held]
        if not theirs:
            del self._of[place]
        return value


def digest(secret: str | bytes) -> str:
    """Return what is kept of a *secret* that a browser holds: SHA-256 in hex."""
    raw = secret.encode(errors="replace") if isinstance(secret, str) else secret
    return hashlib.sha256(raw).hexdigest()


def is_of_browser(kept: str, cookie: str) -> bool:
    """Return whether *cookie* is the one that :func:`digest` made *kept* of; "" never is."""
    return bool(cookie) and hmac.compare_digest(kept, digest(cookie))

"""Waiting for the thing itself: a test never sleeps and hopes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# How long a busy machine may take for what takes a moment; nothing is judged by it.
PATIENCE_SECONDS = 30.0
# Between two looks: at least, and at most.
LOOK_SECONDS, MOST_LOOK_SECONDS = 0.01, 0.2


def wait_until(holds: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> bool:
    """
    Return whether *holds* () came true within *seconds*.

    Raises:
        Exception: whatever *holds* () raises; nothing is passed over.
    """
    begun = time.monotonic()
    end = begun + seconds
    while not holds():
        looked = time.monotonic()
        if looked > end:
            # A machine that stood still meanwhile gets one more look.
            return bool(holds())
        # What takes long to look at, a handshake or a command, takes most from what it waits for.
        time.sleep(min(max(LOOK_SECONDS, 2 * (looked - begun)), MOST_LOOK_SECONDS))
        begun = time.monotonic()
    return True

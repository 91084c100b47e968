"""Waiting for the thing itself: a test never sleeps and hopes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# How long a busy machine may take for what takes a moment; nothing is judged by it.
PATIENCE_SECONDS = 30.0


def wait_until(holds: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> bool:
    """
    Return whether *holds* () came true within *seconds*.

    Raises:
        Exception: whatever *holds* () raises; nothing is passed over.
    """
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            # A machine that stood still meanwhile gets one more look.
            return bool(holds())
        time.sleep(0.01)
    return True

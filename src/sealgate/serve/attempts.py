"""What failed while serving: told once, tried again after a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.errors import ConfigError, SealgateError

if TYPE_CHECKING:
    from collections.abc import Callable

# What could not be done is tried again so often.
RETRY_SECONDS = 60.0


class Attempts:
    """
    The things that are done from time to time, by name, and what stands against them.

    *tell* takes one line for a person. Times are seconds since the epoch.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._retry_at: dict[str, float] = {}
        self._told: dict[str, str] = {}

    @property
    def faults(self) -> list[str]:
        """Return what stands against anything now."""
        return sorted(self._told.values())

    def clear(self) -> None:
        """Forget everything: all was done anew."""
        self._retry_at.clear()
        self._told.clear()

    def make(self, what: str, now: float, act: Callable[[], object]) -> None:
        """Do *act*; a failure is told once, and changes nothing but when *what* is due again."""
        try:
            act()
        except SealgateError as error:
            faults = error.faults if isinstance(error, ConfigError) else ()
            said = "; ".join(fault.message for fault in faults) or error.message
            self._retry_at[what] = now + RETRY_SECONDS
            if self._told.get(what) != said:
                self._told[what] = said
                self._tell(f"error: {said}; what was served before stays")
        else:
            self._retry_at.pop(what, None)
            self._told.pop(what, None)

    def is_due(self, what: str, due: float, now: float) -> bool:
        """Return whether *what* is to be done: at *due*, or after a failure some time later."""
        return now >= self._retry_at.get(what, due)

    def complain(self, what: str, said: str) -> None:
        """Tell that *said* stands against *what*, once until it is cleared."""
        if self._told.get(what) != said:
            self._told[what] = said
            self._tell(f"error: {said}")

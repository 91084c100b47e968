"""
Threads in which passwords are checked, which is slow on purpose: two lines, one for strangers.

Under a flood of passwords from many addresses the line of strangers is long. Whoever proved a key
already, or signed in before under that name from that address, does not stand in it.
"""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor


class PasswordThreads:
    """*count* threads for each line, called *name*."""

    def __init__(self, count: int, name: str) -> None:
        """Begin none before there is something to do."""
        self._strangers = ThreadPoolExecutor(count, name)
        self._usual = ThreadPoolExecutor(count, f"{name}-usual")

    def line(self, *, usual: bool) -> Executor:
        """Return the line of those who usually come, or of strangers."""
        return self._usual if usual else self._strangers

    def shutdown(self, *, wait: bool = True) -> None:
        """Take nothing more, and *wait* for what is at work."""
        self._strangers.shutdown(wait=wait)
        self._usual.shutdown(wait=wait)

"""
The one exception tree, split by who must act.

Messages are lower case without a full stop: the thing in quotes, what was
found, what is required. The hint is one next step that can be typed. Neither
ever carries the data that is being protected.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


# What a shell reports for SIGINT: 128 and the signal's number.
INTERRUPTED = 130


class ExitCode(IntEnum):
    """What the process tells its caller; own failure and findings never share one."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NOTHING_TO_LOOK_AT = 3
    FINDINGS = 10


class SealgateError(Exception):
    """Anything that Sealgate says no to."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """Keep *message* (what was found, what is required) and *hint* (what to type)."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(SealgateError):
    """The command line asks for something that does not exist: the caller must act."""

    exit_code = ExitCode.USAGE


class ConfigError(SealgateError):
    """
    The configuration cannot be followed: the operator must act.

    Faults are collected and raised together; *faults* holds one message each,
    already led by ``file:line:``.
    """

    exit_code = ExitCode.USAGE

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        faults: Sequence[Fault] = (),
    ) -> None:
        """Keep the summary *message* and every single fault."""
        super().__init__(message, hint=hint)
        self.faults = tuple(faults)


class Fault:
    """One thing wrong in a configuration file: where, what, and what to type."""

    __slots__ = ("hint", "line", "message", "path")

    def __init__(self, path: str, line: int, message: str, hint: str | None = None) -> None:
        """Keep the place (*line* counts from 1), the *message* and the *hint*."""
        self.path = path
        self.line = line
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return ``file:line: message``, the form that editors can jump to."""
        return f"{self.path}:{self.line}: {self.message}"


class SourceError(SealgateError):
    """Data could not be read: the place it comes from must be mended."""


class PeerError(SealgateError):
    """Another program or host did not answer as its protocol demands."""


class GatewayError(SealgateError):
    """The data plane could not be started, or refused its configuration."""


class NothingToLookAtError(SealgateError):
    """There was no asset to give a verdict on, so none is given."""

    exit_code = ExitCode.NOTHING_TO_LOOK_AT


class BugError(SealgateError):
    """Sealgate contradicts itself: a report helps."""

"""
When a certificate is renewed, when a failed attempt is repeated, and when that is an alarm.

Pure: times are seconds since the epoch, lengths are seconds; *share* is a number from 0
to 1 that the caller draws, so that not everybody asks an authority at the same moment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

HOUR = 3600.0
DAY = 86_400.0
# Renewed between the 60th and the 66th percent of its life: before a third of it is left.
_EARLIEST, _LATEST = 0.60, 0.66
# Let's Encrypt locks a name out for an hour after five failed validations an hour, and RFC
# 8555, 6.6 asks for patience: 10 minutes, then twice as long each time, half a day at most.
FIRST_RETRY_SECONDS = 600.0
LONGEST_RETRY_SECONDS = 12 * HOUR
# With nothing to show to visitors, each hour counts.
LONGEST_RETRY_WITHOUT = HOUR
_RETRY_SPREAD = 0.25
# Let's Encrypt's longest limit is a week. A word that would keep us away for years is a slip.
LONGEST_LOCK_SECONDS = 8 * DAY
# One failure may be a passing cloud. More, or little life left, is for a person.
ALARM_FAILURES = 3
ALARM_LIFE = 1 / 5


@dataclass(frozen=True, slots=True)
class Life:
    """From when to when a certificate is valid."""

    begins: float
    ends: float

    @property
    def seconds(self) -> float:
        """Return how long it is valid in all, 0 where the dates are the wrong way round."""
        return max(0.0, self.ends - self.begins)


@dataclass(frozen=True, slots=True)
class Window:
    """When the authority suggests to renew (RFC 9773, 4.1)."""

    start: float
    end: float


def renew_at(life: Life, *, share: float, window: Window | None = None) -> float:
    """
    Return when to renew a certificate.

    The authority's *window* may bring that forward, as when it has to revoke many
    certificates, and never puts it off beyond what is left when a third is left.
    """
    own = life.begins + life.seconds * (_EARLIEST + (_LATEST - _EARLIEST) * share)
    if window is None or window.end < window.start:
        return own
    # RFC 9773, 4.2: a uniformly random moment of the window.
    return min(own, window.start + (window.end - window.start) * share)


def retry_at(
    now: float,
    failures: int,
    *,
    share: float,
    has_certificate: bool,
    not_before: float | None = None,
) -> float:
    """
    Return when to try again after *failures* (at least one) attempts in a row.

    *not_before* is what the authority said (Retry-After): it is not asked earlier, unless
    that is further away than any authority locks somebody out for.
    """
    longest = LONGEST_RETRY_SECONDS if has_certificate else LONGEST_RETRY_WITHOUT
    # 2**1024 is no float; the bound is reached long before.
    wait = min(longest, FIRST_RETRY_SECONDS * 2.0 ** min(max(failures, 1) - 1, 32))
    wait *= 1 + _RETRY_SPREAD * (2 * share - 1)
    asked = -math.inf if not_before is None else not_before
    return max(now + wait, min(asked, now + LONGEST_LOCK_SECONDS))


def complaint(
    now: float, life: Life | None, failures: int, last_error: str, *, shown: bool = True
) -> str:
    """
    Return what is wrong with the upkeep of a certificate in one sentence, "" if nothing.

    *life* is that of the certificate that the authority issued, ``None`` when there is
    none. *shown* is false where visitors were seen to get another one.
    """
    because = f": {last_error}" if last_error else ""
    if life is None:
        if failures:
            return f"the authority has not issued a certificate, and a stand-in is shown{because}"
        return "the authority has not issued a certificate yet, and a stand-in is shown"
    if now > life.ends:
        return f"the certificate has ended, and was not renewed{because}"
    if not shown:
        return "visitors are shown another certificate than the one that was fetched"
    left = life.ends - now
    overdue = left < life.seconds * ALARM_LIFE
    if failures < ALARM_FAILURES and not overdue:
        return ""
    times = "once" if failures == 1 else f"{failures} times"
    # Whoever should have renewed it may not even have tried.
    what = f"the renewal failed {times}" if failures else "the renewal is overdue"
    return f"{what}, and {_told(left)} are left{because}"


def _told(seconds: float) -> str:
    if seconds >= 2 * DAY:
        return f"{int(seconds // DAY)} days"
    return (
        f"{int(seconds // HOUR)} hours" if seconds >= 2 * HOUR else f"{int(seconds // 60)} minutes"
    )

"""
What FTP says: reply codes of troubles, and the lines of listings. Pure.

RFC 959 (replies, LIST as ``ls -l``), RFC 3659 (MLST facts, time values), RFC 4217.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sealgate.protocols.lines import sentence
from sealgate.storage.model import Trouble
from sealgate.storage.paths import given

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.errors import SealgateError
    from sealgate.storage.model import Entry

# RFC 959, 4.2.1 and 4.2.2. What passes by itself begins with 4, what does not with 5.
CODES = {
    Trouble.NOT_FOUND: 550,
    Trouble.EXISTS: 550,
    Trouble.IS_FOLDER: 550,
    Trouble.NOT_FOLDER: 550,
    Trouble.NOT_EMPTY: 550,
    Trouble.BAD_NAME: 553,
    Trouble.DENIED: 550,
    Trouble.QUOTA: 552,
    Trouble.NO_SPACE: 452,
    Trouble.BUSY: 450,
    Trouble.UNSUPPORTED: 504,
    Trouble.SEALED_ELSEWHERE: 550,
    Trouble.TAMPERED: 550,
    Trouble.FAILED: 451,
}
FACTS = ("type", "size", "modify", "unique")
_HALF_A_YEAR_SECONDS = 182 * 86_400
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME_DIGITS = 14


def told(error: SealgateError) -> str:
    """Return what *error* tells a client: what is wrong, and what to do."""
    return f"{error.message}; {error.hint}" if error.hint else error.message


def quoted(path: str) -> str:
    """Return *path* as in a 257 reply: quotes are doubled (RFC 959, appendix II)."""
    return '"' + sentence(path).replace('"', '""') + '"'


def time_value(at: float) -> str:
    """Return *at* as ``YYYYMMDDHHMMSS`` in UTC (RFC 3659, 2.3)."""
    return _utc(at).strftime("%Y%m%d%H%M%S")


def parse_time(text: str) -> float | None:
    """Return the seconds since the epoch of ``YYYYMMDDHHMMSS[.F...]``, or ``None``."""
    whole, _, fraction = text.partition(".")
    if len(whole) != _TIME_DIGITS or not whole.isascii() or not whole.isdigit():
        return None
    if fraction and not (fraction.isascii() and fraction.isdigit()):
        return None
    try:
        moment = dt.datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=dt.UTC)
    except ValueError:
        return None
    return moment.timestamp() + (float(f"0.{fraction[:6]}") if fraction else 0.0)


def facts(entry: Entry, wanted: Iterable[str] = FACTS) -> str:
    """Return the facts of *entry*, as MLSD and MLST put them before a name (RFC 3659, 7.2)."""
    known = {
        "type": "dir" if entry.is_folder else "file",
        "size": "" if entry.is_folder else str(entry.size),
        "modify": time_value(entry.modified_at),
        "unique": entry.object_id,
    }
    return "".join(f"{fact}={known[fact]};" for fact in wanted if known[fact])


def listed(entry: Entry, now: float) -> str:
    """Return *entry* as ``ls -l`` shows it: its group is its class."""
    moment = _utc(entry.modified_at)
    recent = abs(now - entry.modified_at) < _HALF_A_YEAR_SECONDS
    when = moment.strftime("%H:%M") if recent else f"{moment.year:5d}"
    return (
        f"{'drwx------' if entry.is_folder else '-rw-------'} 1 {_word(entry.owner)} "
        f"{_word(entry.classification)} {entry.size:>12d} "
        f"{_MONTHS[moment.month - 1]} {moment.day:2d} {when} {given(entry.path[-1])}"
    )


def _word(text: str) -> str:
    return "".join("_" if letter.isspace() else letter for letter in text) or "-"


def _utc(at: float) -> dt.datetime:
    try:
        return dt.datetime.fromtimestamp(at, dt.UTC)
    except (ValueError, OverflowError, OSError):
        # A time outside the calendar is shown, not a reason to hide the folder.
        return dt.datetime.fromtimestamp(0, dt.UTC)

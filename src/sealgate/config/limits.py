"""``[limits]``, and ``max_body`` of a route: what one client or request may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.file_values import read_size
from sealgate.config.reader import quoted
from sealgate.config.values import UnfitError
from sealgate.policy.inventory import Limits

if TYPE_CHECKING:
    from sealgate.config.reader import Table

# Shorter, and people with slow lines cannot send a form with a picture.
LEAST_REQUEST_SECONDS = 10
# Envoy counts in 32 bits, and ten times the rate may come at once.
MOST = 100_000_000
_WITHOUT_LIMIT = 0


def read_limits(table: Table) -> Limits:
    """Return the limits; whatever is absent has its default."""
    default = Limits()
    size = read_max_body(table)
    seconds = _number(table, "request_seconds", default.request_seconds)
    if _WITHOUT_LIMIT < seconds < LEAST_REQUEST_SECONDS:
        table.fault(
            "request_seconds",
            f"request_seconds is {seconds}, but must be at least {LEAST_REQUEST_SECONDS}, or 0 "
            "for no limit",
            f"request_seconds = {LEAST_REQUEST_SECONDS}",
        )
    return Limits(
        default.max_body_bytes if size is None else size,
        seconds,
        _number(table, "requests_per_second", default.requests_per_second),
        _number(table, "session_requests_per_second", default.session_requests_per_second),
        _number(table, "sign_in_per_minute", default.sign_in_per_minute),
    )


def read_max_body(table: Table) -> int | None:
    """Return the bytes that ``max_body`` in *table* allows, ``None`` when it says nothing."""
    text = table.text("max_body")
    if text is None:
        return None
    try:
        return read_size(text)
    except UnfitError as error:
        table.fault("max_body", f"max_body {quoted(text)} {error}", error.hint)
        return None


def _number(table: Table, key: str, default: int) -> int:
    number = table.integer(key)
    if number is None:
        return default
    if not _WITHOUT_LIMIT <= number <= MOST:
        table.fault(
            key,
            f"{key} is {number}, but must be from 1 to {MOST}, or 0 for no limit",
            f"{key} = {default or MOST // 1_000_000}",
        )
        return default
    return number

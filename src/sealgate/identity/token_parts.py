"""The parts of a signed token: one JSON object each, read so that nobody else can read it otherwise."""

from __future__ import annotations

import json
from typing import Any

from joserfc.util import urlsafe_b64decode


def read_part(part: bytes, *, fractions: bool) -> dict[str, Any]:
    """
    Return the object that the base64url text *part* holds (RFC 7515, 2).

    A name that stands twice is refused (RFC 7519, 4), and so is what JSON does not know, such as
    ``NaN``; without *fractions* also every number that is not whole.

    Raises:
        ValueError: it is no such object; the message repeats nothing of it.
    """
    try:
        read = json.loads(
            urlsafe_b64decode(part).decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_never,
            parse_float=None if fractions else _never,
        )
    except (ValueError, RecursionError):
        raise ValueError("a part of the token is no plain JSON") from None
    if not isinstance(read, dict):
        raise ValueError("a part of the token is no object")  # noqa: TRY004  # what was read is at fault
    return read


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Otherwise the last one would count here, and perhaps the first elsewhere.
    read = dict(pairs)
    if len(read) != len(pairs):
        raise ValueError("a name stands twice")
    return read


def _never(text: str) -> Any:
    raise ValueError(f"{len(text)} characters that are not taken for a number")

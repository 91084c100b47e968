"""A message as the library for RFC 9421 reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.signing.model import Answer, Request


class FieldLines:
    """Field lines in the order of the wire. Setting a name replaces all its lines."""

    def __init__(self, lines: tuple[tuple[str, str], ...]) -> None:
        self._lines = list(lines)

    def items(self) -> tuple[tuple[str, str], ...]:
        """Return every line."""
        return tuple(self._lines)

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self._lines))

    def __contains__(self, name: str) -> bool:
        return any(known.lower() == name.lower() for known, _ in self._lines)

    def __setitem__(self, name: str, value: str) -> None:
        if name in self:
            del self[name]
        self._lines.append((name, value))

    def __delitem__(self, name: str) -> None:
        self._lines = [line for line in self._lines if line[0].lower() != name.lower()]


# RFC 3986, 3.2.2, without user information: a name or an address, and perhaps a port.
_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")


@dataclass(slots=True)
class RequestView:
    """A request with the attributes that the library reads."""

    method: str
    url: str
    headers: FieldLines


@dataclass(slots=True)
class AnswerView:
    """An answer, and the request that it is one to."""

    status_code: int
    headers: FieldLines
    request: RequestView


def view(request: Request, answer: Answer) -> AnswerView:
    """
    Return *answer* to *request* for the library.

    Raises:
        ValueError: host or target are such that a URL of them would mean something else.
    """
    if not _AUTHORITY.fullmatch(request.authority) or not request.target.startswith("/"):
        raise ValueError("the request is none for a path of a host")
    url = f"{request.scheme}://{request.authority}{request.target}"
    asked = RequestView(request.method, url, FieldLines(request.fields))
    return AnswerView(answer.status, FieldLines(answer.fields), asked)

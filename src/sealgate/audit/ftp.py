"""
What an FTP server answers: replies and features. Parsing only.

RFC 959, section 4.2 (replies) and RFC 2389, section 3 (FEAT).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sealgate.errors import PeerError

MAX_REPLY_BYTES = 64 * 1024


class MalformedReplyError(PeerError):
    """What came back is no FTP."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer: its code, and its lines without the code of the first and the last."""

    code: int
    lines: tuple[str, ...]

    @property
    def is_taken(self) -> bool:
        """Return whether the command was done (2xx)."""
        return self.code // 100 == 2  # noqa: PLR2004  # RFC 959, 4.2.1

    @property
    def wants_more(self) -> bool:
        """Return whether the command was taken and another is awaited (3xx)."""
        return self.code // 100 == 3  # noqa: PLR2004  # RFC 959, 4.2.1

    @property
    def is_passing(self) -> bool:
        """Return whether the same command may be taken another time (4xx)."""
        return self.code // 100 == 4  # noqa: PLR2004  # RFC 959, 4.2.1


def parse_reply(data: bytes) -> tuple[Reply, bytes] | None:
    """
    Return the first reply in *data* and what follows it; ``None``: it is not whole yet.

    Raises:
        MalformedReplyError: this is no FTP.
    """
    lines: list[str] = []
    code: int | None = None
    begins = 0
    while True:
        ends = data.find(b"\n", begins)
        raw = data[begins : ends if ends >= 0 else len(data)]
        begins = ends + 1
        if ends < 0:
            if code is None and not re.fullmatch(rb"\d{0,3}|\d{3}[ -].*\r?", raw, re.DOTALL):
                raise MalformedReplyError("the answer is no FTP")
            if len(data) > MAX_REPLY_BYTES:
                raise MalformedReplyError("an FTP reply longer than 64 KiB")
            return None
        line = raw.rstrip(b"\r").decode("utf-8", "replace")
        begun = re.fullmatch(r"([1-5]\d\d)([ -]?)(.*)", line, re.DOTALL | re.ASCII)
        if code is None:
            if not begun or (begun[3] and not begun[2]):
                raise MalformedReplyError("the answer is no FTP")
            code = int(begun[1])
            lines.append(begun[3])
            if begun[2] != "-":
                return Reply(code, tuple(lines)), data[begins:]
        elif begun and int(begun[1]) == code and begun[2] == " ":
            lines.append(begun[3])
            return Reply(code, tuple(lines)), data[begins:]
        else:
            lines.append(line)


def features(reply: Reply) -> tuple[str, ...]:
    """Return the features that an answer to FEAT lists, in upper case (RFC 2389, 3.2)."""
    if not reply.is_taken:
        return ()
    listed = (line.strip().upper() for line in reply.lines[1:-1] if line.startswith(" "))
    return tuple(dict.fromkeys(line for line in listed if line))

"""
HTTP/1.1 messages read in one way only (RFC 9112): what could mean two things is refused.

Two readers that disagree on where a message ends are what request smuggling lives on. So
a head is matched whole: no bare line feed, no folded line, no space before a colon, one
length at most, and never beside ``Transfer-Encoding``. Pure: bytes in, values out.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from sealgate.inspection.model import BodyRefusal, BodyRefusedError

END_OF_HEAD = b"\r\n\r\n"

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
# RFC 9110, 5.5: no control but the tab. Bytes over 127 are obsolete, but in use.
_FIELDS = re.compile(rb"(?:\r\n" + _TOKEN + rb":[^\x00-\x08\x0a-\x1f\x7f]*)*\r\n\r\n")
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([!-~\x80-\xff]+) HTTP/1\.1")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\x00-\x08\x0a-\x1f\x7f]*)?")
# The fields that say what follows; the others are passed on unread.
_TELLING = re.compile(
    rb"\r\n(content-length|transfer-encoding|content-encoding|content-type|content-range|accept-encoding"
    rb"|connection|proxy-connection|keep-alive|upgrade|expect|accept|range|sealgate-id):"
    rb"([^\r]*)",
    re.IGNORECASE,
)
_LENGTH = re.compile(rb"[0-9]{1,15}")
# Fields of one connection only (RFC 9110, 7.6.1), those that are settled here, and the gateway's
# name for a request (ID_HEADER), which only a refusal tells.
_HOP = re.compile(
    rb"\r\n(?:connection|proxy-connection|keep-alive|upgrade|expect|range|if-range"
    rb"|sealgate-id):[^\r]*",
    re.IGNORECASE,
)
_CODINGS = re.compile(rb"\r\naccept-encoding:[^\r]*", re.IGNORECASE)
# What can be decoded here; of what a client offers, the site hears of no more than these.
_READABLE = frozenset({b"gzip", b"x-gzip", b"br", b"zstd", b"identity"})
_LENGTH_FIELD = re.compile(rb"\r\n(?:content-length|transfer-encoding):[^\r]*", re.IGNORECASE)
_DECODED = re.compile(
    rb"\r\n(?:content-length|content-encoding|transfer-encoding|etag|content-md5"
    rb"|(?:content-|repr-)?digest|accept-ranges|signature|signature-input):[^\r]*",
    re.IGNORECASE,
)

_BODILESS = frozenset({204, 304})
SWITCHING, PARTIAL = 101, 206
_FIRST_FINAL = 200


class Framed(Enum):
    """How the end of a body is known."""

    NONE = 0
    LENGTH = 1
    CHUNKED = 2
    CLOSE = 3


class Head(NamedTuple):
    """
    The head of a message: its *raw* bytes with the empty line, and what they say.

    *method* and *target* are a request's, *status* an answer's; the others are empty.
    *length* is that of a body with :attr:`Framed.LENGTH`. Values of fields are as they
    came; *encoding* and *connection* are in lower case.
    """

    raw: bytes
    framed: Framed
    length: int
    method: bytes = b""
    target: bytes = b""
    status: int = 0
    old: bool = False  # HTTP/1.0
    encoding: bytes = b""
    content_type: bytes = b""
    connection: bytes = b""
    upgrade: bool = False
    expects: bool = False
    accept: bytes = b""
    partial: bool = False
    codings: bytes = b""  # that the client accepts
    hop: bool = False  # there are fields of one connection to take out
    id: bytes = b""  # what the gateway's log calls a request

    @property
    def is_interim(self) -> bool:
        """Return whether a final answer still follows."""
        return 0 < self.status < _FIRST_FINAL

    @property
    def keeps_alive(self) -> bool:
        """Return whether another message may follow on the connection."""
        if self.framed is Framed.CLOSE:
            return False
        return b"keep-alive" in self.connection if self.old else b"close" not in self.connection


def refused(reason: str) -> BodyRefusedError:
    """Return the fault of a message that could be read in two ways."""
    return BodyRefusedError(BodyRefusal.FRAMING, reason)


def end_of_head(data: bytes, most: int) -> int:
    """
    Return where the head that *data* begins with ends; 0 while it has not.

    Raises:
        BodyRefusedError: it is over *most* bytes.
    """
    end = data.find(END_OF_HEAD) + len(END_OF_HEAD)
    if end >= len(END_OF_HEAD):
        if end <= most:
            return end
    elif len(data) <= most:
        return 0
    raise refused(f"the head of the message is over {most} bytes")


def read_request(raw: bytes) -> Head:
    """
    Return the head of a request; *raw* ends with the empty line.

    Raises:
        BodyRefusedError: it is not strictly RFC 9112, or could be read in two ways.
    """
    end = raw.find(b"\r\n")
    line = _REQUEST_LINE.fullmatch(raw, 0, end)
    if line is None:
        raise refused("the request line is none of HTTP/1.1")
    if not _FIELDS.fullmatch(raw, end):
        raise refused("a header field is malformed")
    method, target = line.groups()
    if method == b"CONNECT":
        raise refused("CONNECT is not for a site")
    told = _told(raw, end)
    framed, length = _framing(told)
    return Head(
        raw,
        framed,
        length,
        method=method,
        target=target,
        encoding=told.get(b"content-encoding", b"").lower(),
        content_type=told.get(b"content-type", b""),
        connection=told.get(b"connection", b"").lower(),
        upgrade=b"upgrade" in told,
        expects=b"expect" in told,
        accept=told.get(b"accept", b""),
        partial=b"range" in told,
        codings=told.get(b"accept-encoding", b""),
        hop=_has_hop(told),
        id=told.get(b"sealgate-id", b""),
    )


def read_answer(raw: bytes, method: bytes) -> Head:
    """
    Return the head of the answer to a request with *method*; *raw* ends with the empty line.

    Raises:
        BodyRefusedError: it is not strictly RFC 9112, or could be read in two ways.
    """
    end = raw.find(b"\r\n")
    line = _STATUS_LINE.fullmatch(raw, 0, end)
    if line is None:
        raise refused("the status line is none of HTTP/1")
    if not _FIELDS.fullmatch(raw, end):
        raise refused("a header field of the answer is malformed")
    status, old = int(line[2]), line[1] == b"0"
    told = _told(raw, end)
    framed, length = _framing(told)
    if old and framed is Framed.CHUNKED:
        raise refused("an answer of HTTP/1.0 cannot be chunked")
    if method == b"HEAD" or status < _FIRST_FINAL or status in _BODILESS:
        framed = Framed.NONE  # RFC 9112, 6.3: whatever its fields say
    elif framed is Framed.NONE:
        framed = Framed.CLOSE
    elif framed is Framed.LENGTH and not length:
        framed = Framed.NONE
    return Head(
        raw,
        framed,
        length,
        status=status,
        old=old,
        encoding=told.get(b"content-encoding", b"").lower(),
        content_type=told.get(b"content-type", b""),
        connection=told.get(b"connection", b"").lower(),
        upgrade=b"upgrade" in told,
        partial=b"content-range" in told or status == PARTIAL,
        hop=_has_hop(told),
    )


# "connection: keep-alive" says nothing to the next hop, either, and does no harm there.
_HOP_NAMES = frozenset(
    {b"proxy-connection", b"keep-alive", b"upgrade", b"expect", b"range", b"sealgate-id"}
)
_HARMLESS = frozenset({b"", b"keep-alive"})


def _has_hop(told: dict[bytes, bytes]) -> bool:
    if told.get(b"connection", b"").lower() not in _HARMLESS:
        return True
    return not told.keys().isdisjoint(_HOP_NAMES)


def _told(raw: bytes, end: int) -> dict[bytes, bytes]:
    told: dict[bytes, list[bytes]] = {}
    for name, value in _TELLING.findall(raw, end):
        told.setdefault(name.lower(), []).append(value.strip(b" \t"))
    if len(told.get(b"content-length", ())) > 1:
        raise refused("there are two lengths")  # RFC 9112, 6.3, even if they agree
    if len(told.get(b"transfer-encoding", ())) > 1:
        raise refused("there are two transfer codings")
    # RFC 9110, 5.3. Joined once: a head may hold thousands of short fields of one name.
    return {name: b", ".join(values) for name, values in told.items()}


def _framing(told: dict[bytes, bytes]) -> tuple[Framed, int]:
    length, coding = told.get(b"content-length"), told.get(b"transfer-encoding")
    if coding is not None:
        if length is not None:
            raise refused("there are both a length and a transfer coding")
        if coding.lower() != b"chunked":
            raise refused("a transfer coding other than chunked")
        return Framed.CHUNKED, 0
    if length is None:
        return Framed.NONE, 0
    if not _LENGTH.fullmatch(length):
        raise refused("the length is no number")
    return Framed.LENGTH, int(length)


def forwarded(head: Head) -> bytes:
    """Return the bytes of *head* for the next hop, without what was meant for this one."""
    return _HOP.sub(b"", head.raw) if head.hop else head.raw


def readable(head: Head) -> bytes:
    """Return the bytes of a request as :func:`forwarded` does, asking only for what can be read."""
    raw = forwarded(head)
    if not head.codings:
        return raw
    wanted = b"\r\naccept-encoding: " + readable_codings(head.codings)
    once = _CODINGS.sub(b"", raw)
    return once[:-4] + wanted + END_OF_HEAD


@lru_cache(maxsize=256)
def readable_codings(accepted: bytes) -> bytes:
    """Return what of the codings *accepted* (RFC 9110, 12.5.3) can be read here."""
    parts = [p.strip() for p in accepted.split(b",")]
    kept = [p for p in parts if p.partition(b";")[0].strip().lower() in _READABLE]
    return b", ".join(kept) or b"identity"


def chunked_answer(head: Head) -> bytes:
    """Return *head* for a body that is sent on in chunks, whatever framed it before."""
    raw = _LENGTH_FIELD.sub(b"", forwarded(head))
    return _as_new(raw, head)[:-2] + b"transfer-encoding: chunked\r\n\r\n"


def decoded_answer(head: Head, length: int) -> bytes:
    """
    Return *head* for a body that was decoded and changed, now *length* bytes long.

    What vouched for the bytes before (RFC 9110, 8.8; RFC 9530) goes.
    """
    raw = _as_new(_DECODED.sub(b"", forwarded(head)), head)
    return raw[:-2] + b"content-length: %d\r\n\r\n" % length


def plain_answer(head: Head) -> bytes:
    """Return *head* for a body whose framing stays as it was."""
    return _as_new(forwarded(head), head)


def _as_new(raw: bytes, head: Head) -> bytes:
    return b"HTTP/1.1" + raw[8:] if head.old else raw


def path_shape(target: bytes) -> str:
    """
    Return the path of *target* without what could name a person or a thing.

    A segment stays when it is a short word of lower-case letters; any other is ``*``.
    """
    path = target.partition(b"?")[0]
    parts = [p if _WORD.fullmatch(p) else b"*" for p in path.split(b"/")[1:]]
    shape = b"/" + b"/".join(parts[:_MOST_SEGMENTS])
    return shape.decode("ascii") + ("/*" if len(parts) > _MOST_SEGMENTS else "")


_WORD = re.compile(rb"(?:[a-z]{1,20}(?:[._-][a-z]{1,12}){0,2})?")
_MOST_SEGMENTS = 8

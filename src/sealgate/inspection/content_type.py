"""
What a body is said to be (RFC 9110, 8.3), as strictly as readers differ on it.

One takes the first of two types and another the last; what is said twice is refused. Where nothing
is said, or what nobody understands, some readers take the body of a request for a form.
"""

from __future__ import annotations

import re
from functools import lru_cache

from sealgate.inspection.model import BodyRefusal, BodyRefusedError

FORM = b"application/x-www-form-urlencoded"
_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}"
_TYPE = re.compile(rb"(" + _TOKEN + rb"/" + _TOKEN + rb")[ \t]{0,64}(?:;|\Z)")
# A string that nobody closes is read once, to its end.
_QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*+(?P<closed>"?)')
_CHARSET = re.compile(rb"charset[ \t]{0,64}=[\"' \t]{0,64}([^\"';,\s]{1,128})")
# A set in pieces, or with a set of its own (RFC 2231, 3 and 4): this field has no such parameter
# (RFC 8187, 1), but libraries for mail read it.
_EXTENDED = re.compile(rb"charset[ \t]{0,64}\*")
# Labels of sets in which the bytes of ASCII may stand for something else, also where Python has no
# codec for them: Java and IBM write them so.
_WIDE = (b"utf-16", b"utf-32", b"utf-7", b"ucs-2", b"ucs-4", b"utf16", b"utf32", b"utf7", b"unicode", b"ebcdic")  # fmt: skip
_SHIFTS = re.compile(rb"iso-?2022|hz(?:-|\Z)")
_OF_MAINFRAMES = re.compile(rb"(?:x-)?(?:cs)?(?:ibm|cp)[-_]?[0-9]")
_ASCII = bytes(range(0x20, 0x7F))


@lru_cache(maxsize=512)
def media_type(content_type: bytes) -> bytes:
    """
    Return the type and subtype of *content_type* in lower case; nothing for one that is none.

    Raises:
        BodyRefusedError: two types are said, or a set of characters that is not read here.
    """
    said = content_type.strip().lower()
    if b"," in _QUOTED.sub(lambda m: b"" if m["closed"] else m[0], said):
        raise BodyRefusedError(BodyRefusal.UNREADABLE, "the type of the body is said twice")
    # A quoted pair stands for its second byte (RFC 9110, 5.6.4); no name has a backslash.
    plain = said.replace(b"\\", b"")
    if _EXTENDED.search(plain) or any(map(_hides_ascii, _CHARSET.findall(plain))):
        raise BodyRefusedError(
            BodyRefusal.UNREADABLE, "the character set of the body is not read here"
        )
    found = _TYPE.match(said)
    return found[1] if found is not None else b""


def may_be_form(content_type: bytes) -> bool:
    """
    Return whether a reader may take the body of a request with *content_type* for a form.

    Raises:
        BodyRefusedError: two types are said, or a set of characters that is not read here.
    """
    return media_type(content_type) in {b"", FORM}


def _hides_ascii(label: bytes) -> bool:
    if any(name in label for name in _WIDE):
        return True
    if _SHIFTS.match(label):
        return True
    try:
        return _ASCII.decode(label.decode("ascii")) != _ASCII.decode()
    except UnicodeError:
        return True
    except (LookupError, ValueError):
        return _OF_MAINFRAMES.match(label) is not None

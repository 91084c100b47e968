"""
From what a client calls a file to the checked segments of a store's path.

Pure. A path is text between slashes and nothing else: ``.`` and ``..`` are resolved by
the letter, never above the root, and no store ever sees them. A name that two programs
could read in two ways is refused, whichever of them is right:

- what cannot be seen: control and format characters (bidirectional overrides, joiners),
  fillers, line and paragraph separators, private and unassigned code points (whose
  normal form is not settled, Unicode UAX 15, 3);
- a backslash, which is a separator for Windows, and a drive letter (``C:x``), which leads
  a Windows client out of its folder;
- the device names of Windows (``NUL``, ``com1.txt``), which open no file there;
- spaces at an end and a dot at the end, which Windows takes away;
- names that begin with ``.sealgate``, which the store keeps for itself.

Names are compared in Unicode NFC, so that one spelling on screen is one name (RFC 5198, 3),
and told as they were given: a client looks for what it wrote. Other punctuation that Windows does not write (``?``, ``*``, a colon further on) leads
nobody astray and is let through.
"""

from __future__ import annotations

import re
import unicodedata

from sealgate.storage.model import StorageError, StorePath, Trouble

# Linux, limits.h: NAME_MAX and PATH_MAX, in bytes.
MAX_SEGMENT_BYTES = 255
MAX_PATH_BYTES = 4096
RESERVED_PREFIX = ".sealgate"
_DRIVE = re.compile(r"[A-Za-z]:")
# Microsoft, "Naming Files, Paths, and Namespaces"; superscript digits count there, too.
_DEVICE = re.compile(
    r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?: *\..*)?", re.IGNORECASE
)
# Unicode, Default_Ignorable_Code_Point outside of category C: drawn as nothing. The two
# selectors that make a character a picture or text stay: they stand in many names.
_PICTURE = "\ufe0e\ufe0f"
_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\uffa0\ufe00-\ufe0d"
    "\U000e0100-\U000e01ef]"
)
# Nothing to look at one by one: the usual name.
_PLAIN = re.compile(r"[A-Za-z0-9_\-+=@,;()\[\]{}#%&!~$^'` .]*")


def resolve(raw: bytes | str, cwd: StorePath = ()) -> StorePath:
    """
    Return the path that *raw* means, seen from the folder *cwd* when it is relative.

    Raises:
        StorageError: BAD_NAME; the message tells what is wrong and quotes no name.
    """
    text = _decoded(raw)
    segments = [] if text.startswith("/") else list(cwd)
    for segment in text.split("/"):
        match segment:
            case "" | ".":
                pass
            case "..":
                # POSIX, pathname resolution: the parent of the root is the root.
                del segments[-1:]
            case _:
                segments.append(named(checked_segment(segment), segment))
    if sum(len(s.encode()) + 1 for s in segments) > MAX_PATH_BYTES:
        raise _bad(f"the path is longer than {MAX_PATH_BYTES} bytes")
    return tuple(segments)


def checked_segment(name: str) -> str:
    """
    Return *name*, one segment, in its normal form.

    Raises:
        StorageError: BAD_NAME.
    """
    longest = len(name.encode())
    if not (name.isascii() and _PLAIN.fullmatch(name)):
        _seen(name)
        name = _seen(unicodedata.normalize("NFC", name))
    if max(longest, len(name.encode())) > MAX_SEGMENT_BYTES:
        raise _bad(f"a name is longer than {MAX_SEGMENT_BYTES} bytes")
    if name in {"", ".", ".."} or "/" in name:
        raise _bad("a name is empty, or no name")
    if name != name.strip():
        raise _bad("a name begins or ends with a space, which cannot be seen")
    if name.endswith("."):
        raise _bad("a name ends with a dot, which Windows takes away")
    if _DRIVE.match(name):
        raise _bad("a name begins with a drive letter")
    if _DEVICE.fullmatch(name):
        raise _bad("a name is that of a device under Windows")
    if _folded(name).startswith(RESERVED_PREFIX):
        raise _bad(f'names that begin with "{RESERVED_PREFIX}" belong to the store')
    return name


class Name(str):
    """
    A segment in its normal form, by which it is compared, that was *given* in another one.

    It is equal to its normal form wherever a path is looked up; :func:`given` tells the other.
    """

    __slots__ = ("given",)
    given: str


def named(normal: str, given: str) -> str:
    """Return *normal*, which remembers how it was *given* where that differs."""
    if normal == given:
        return normal
    name = Name(normal)
    name.given = given
    return name


def given(segment: str) -> str:
    """Return *segment* as it was given."""
    return segment.given if isinstance(segment, Name) else segment


def collision_key(name: str) -> str:
    """Return what is equal for all names that are one file for some client."""
    return _folded(name)


def _decoded(raw: bytes | str) -> str:
    try:
        data = raw.encode() if isinstance(raw, str) else bytes(raw)
        text = data.decode()
    except UnicodeError as error:
        raise _bad("a name is not valid UTF-8") from error
    if len(data) > MAX_PATH_BYTES:
        raise _bad(f"the path is longer than {MAX_PATH_BYTES} bytes")
    if "\0" in text:
        raise _bad("a name holds U+0000")
    return text


def _seen(name: str) -> str:
    if "\\" in name:
        raise _bad('a name holds "\\", which separates folders under Windows')
    for character in name:
        category = unicodedata.category(character)
        if category[0] == "C" or category in {"Zl", "Zp"} or _FILLERS.match(character):
            raise _bad(f"a name holds U+{ord(character):04X}, which cannot be seen")
    return name


def _folded(name: str) -> str:
    if name.isascii():
        return name.lower()
    # Unicode 3.13, D145: a canonical caseless match.
    folded = unicodedata.normalize("NFD", unicodedata.normalize("NFD", name).casefold())
    return "".join(
        " " if unicodedata.category(c) == "Zs" else c for c in folded if c not in _PICTURE
    )


def _bad(message: str) -> StorageError:
    return StorageError(
        Trouble.BAD_NAME, message, hint="use letters, digits and . _ - in names of files"
    )

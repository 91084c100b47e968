"""
Regular expressions (RE2) that decide which requests Envoy may route by itself.

A request that any of them doubts goes through :mod:`.readings` first. They may doubt
too much, never too little: a law holds them against the specification. RE2 reads
UTF-8 and matches no other byte, so a request is first held to printable ASCII.
"""

from __future__ import annotations

import re
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from sealgate.gateway.translate.conditions import apart_from
from sealgate.policy.leftovers import KEPT_WORDS, KIND_OF_ENDING, NAMES, PACKED, SOURCES
from sealgate.policy.routing import (
    DOUBTFUL_END,
    DOUBTFUL_INSIDE,
    door_segments,
    is_stricter,
    specificity,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sealgate.policy.inventory import Door, Route

PRINTABLE = "[!-~]*"
_CASE_FOLDED = "(?i)"
# Of a simple query: what a name with "_" or "." can be written with is not among them.
_QUERY_CHARACTERS = frozenset(ascii_letters + digits + "-")
_ANY_SEGMENT = "[^/?#]*"
_REST = "[^?#]*"
_BELOW = f"(?:/{_REST})?"
# One to three rounds of percent-encoding.
_ENCODED = "%(?:25)*"
# A hexadecimal digit that is itself encoded: whoever decodes twice makes "%72" of "%25%37%32". No
# encoder writes digits and letters so.
ENCODED_DIGIT = f"{_ENCODED}(?:3[0-9]|[46][1-6])"
# A byte of a letter outside ASCII (RFC 3629), which no reading takes for anything else. C2 is not
# among them, for it begins control characters and the space that does not break.
_ENCODED_LETTER = "%(?:[89AaBb][0-9A-Fa-f]|[Cc][3-9A-Fa-f]|[D-Fd-f][0-9A-Fa-f])"
# No kind of leftover ends so, whatever stands before it.
_USUAL_ENDINGS = frozenset(
    [
        "asp",
        "aspx",
        "avif",
        "css",
        "eot",
        "gif",
        "htm",
        "html",
        "ico",
        "jpeg",
        "jpg",
        "js",
        "json",
        "jsp",
        "m4a",
        "mjs",
        "mp3",
        "mp4",
        "ogg",
        "otf",
        "pdf",
        "php",
        "png",
        "svg",
        "ttf",
        "wasm",
        "webm",
        "webp",
        "woff",
        "woff2",
        "xhtml",
        "xml",
    ]
)
# Whatever plain path may be a leftover, and more: which ones the route serves is asked afterwards.
_LEFTOVER = (
    "[^?]*/(?:"
    "[.][^?]*"
    "|[^/?]*~"
    f"|[^/?]*[.](?:{'|'.join(sorted(KIND_OF_ENDING))})[^/?]*"
    f"|[^/?]*[.](?:{'|'.join(sorted(SOURCES))})[._-][^/?]*"
    f"|[^/?]*(?:{'|'.join(sorted(KEPT_WORDS))})[^/?]*[.](?:{'|'.join(sorted(PACKED))})[^/?]*"
    f"|(?:{'|'.join(sorted(NAMES))})"
    ")/?(?:[?].*)?"
)


def doubtful(serving: Route, routes: Sequence[Route], *, path_route: Route) -> str:
    """
    Return what matches each target that may not be served as it stands, or is stricter.

    It is to be matched against the whole target (path and query) of a request whose path
    lies at the door of *path_route*, literally; that is *serving* itself unless a
    condition chose that one. *routes* are at least those that can lie there
    (:class:`~.glance.Neighbours`). Doors that more than a target tells are for :mod:`.glance`.
    """
    stricter = [r for r in routes if is_stricter(r, serving)]
    names = _parameters(stricter)
    choices = [f"{_spelled(door)}(?:[?].*)?" for door in _nearer(stricter, path_route)]
    choices.append(f"[^?]*(?:{DOUBTFUL_INSIDE}).*")
    choices.append(f"[^?]*{DOUBTFUL_END}(?:[?].*)?")
    choices.append(_LEFTOVER)
    choices += [f"[^?]*[?](?:.*[&;])?{parameter_name(name)}.*" for name in names]
    if names:
        choices.append(f"[^?]*[?].*{ENCODED_DIGIT}.*")
    return f"{_CASE_FOLDED}(?:{'|'.join(choices)})"


def _nearer(stricter: Iterable[Route], path_route: Route) -> list[Door]:
    # A plain path lands at the most specific door that fits, as the literal one does:
    # without regard to case, only a more specific one can take it over.
    return [
        r.door
        for r in stricter
        if not r.door.conditional and specificity(r) > specificity(path_route)
    ]


def simple(serving: Route, routes: Sequence[Route], *, path_route: Route) -> str | None:
    """
    Return what matches usual targets that no reading can move, at a glance.

    It is far narrower than what :func:`doubtful` lets pass and for the same requests, but
    one expression and so half the price (ADR 3): words of small letters, a dot only before a
    usual ending at the end, and a query without the characters that doors by parameter need. Letters of
    other scripts, as browsers encode them, are letters here. ``None`` where a door is such
    that this would not be safe.
    """
    stricter = [r for r in routes if is_stricter(r, serving)]
    doors = [r.door for r in stricter]
    if any(door.path != door.path.lower() or not door.path.isascii() for door in doors):
        return None
    if any(not set(name) - _QUERY_CHARACTERS for name in _parameters(stricter)):
        return None
    # Beneath a first word that is no door's, capitals cannot hide one.
    nearer = _nearer(stricter, path_route)
    capitals = "A-Z" if all(len(door_segments(door)) == 1 for door in nearer) else ""
    first = f"(?:[a-z0-9_-]|{_ENCODED_LETTER})+"
    word = f"(?:[{capitals}a-z0-9_-]|{_ENCODED_LETTER})+"
    # Without "_": a log may have no other sign, also before a slash at the end.
    last_first = f"(?:[a-z0-9-]|{_ENCODED_LETTER})+"
    last_word = f"(?:[{capitals}a-z0-9-]|{_ENCODED_LETTER})+"
    ending = f"[.](?:{'|'.join(sorted(_USUAL_ENDINGS))})"
    below = f"{first}(?:/{word})*/(?:{last_word}/?|{word}(?:[.]{word})*{ending})"
    path = f"/(?:{last_first}/?|{first}(?:[.]{first})*{ending}|{below})?"
    return f"{path}(?:[?][A-Za-z0-9=&-]*)?"


def _parameters(routes: Iterable[Route]) -> list[str]:
    told = (apart_from(r.door).parameters for r in routes if r.door.conditional)
    return list(dict.fromkeys(name for names in told for name in names))


def _spelled(door: Door) -> str:
    segments = "".join(f"/{_segment(s)}" for s in door_segments(door))
    return f"{segments}/?" if door.exact else f"{segments}(?:/[^?]*)?"


def _segment(segment: str) -> str:
    if segment.endswith("*"):
        return re.escape(segment.removesuffix("*")) + _ANY_SEGMENT
    return re.escape(segment)


def parameter_name(name: str) -> str:
    """Return what matches every way to write a parameter that PHP calls *name*, without case."""
    spaces = rf"(?:[ +]|{_ENCODED}(?:[01][0-9a-f]|20|2b|7f))*"
    return spaces + "".join(_character(c) for c in name.lower())


def any_spelling(segment: str) -> str:
    """Return what matches *segment* of a path in every encoding, without case."""
    codes = ((c, f"{ord(c.lower()):02x}|{ord(c.upper()):02x}") for c in segment)
    return "".join(f"(?:{re.escape(c)}|{_ENCODED}(?:u00)?(?:{code}))" for c, code in codes)


def _character(character: str) -> str:
    # PHP writes "." " " and a lone "[" as "_" (opens_by_query).
    meant: Iterable[str] = "_. +[" if character in "_. [" else (character, character.upper())
    codes = "|".join(sorted({f"{ord(c):02x}" for c in meant}))
    plain = "|".join(sorted({re.escape(c) for c in meant}))
    return f"(?:{plain}|{_ENCODED}(?:{codes}))"


def literal_path(door: Door) -> str:
    """Return what matches a whole path, without query and fragment, that lies at *door* literally."""
    segments = door_segments(door)
    if segments == ("*",):
        # The path "/" has no segment, not an empty one.
        return "/[^/?#]+" if door.exact else f"/(?:[^/?#]+{_BELOW}|/{_REST})"
    written = "".join(f"/{_segment(s)}" for s in segments)
    return written if door.exact else f"{written}{_BELOW}"


def target_with_query(door: Door) -> str:
    """Return what matches a whole target that lies at *door* and has its parameter, literally."""
    name = re.escape(door.query or "")
    value = f"={re.escape(door.query_value)}.*" if door.query_value else "(?:[=&].*)?"
    return f"{literal_path(door)}[?](?:.*&)?{name}{value}"

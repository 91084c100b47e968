"""
Which route a request belongs to, read as strictly as any server might read it.

A path is matched by whole segments, never by string prefix: ``/typo3`` means
``/typo3`` and what is below it, not ``/typo3temp``. Web servers, languages and CMSs
disagree on what a path says, so a request is judged by every reading of its path:
decoded once and twice (``%u0074`` too, as IIS does), folded to lower case, ``;``
parameters cut, slashes and dot segments resolved, a leading ``//name`` taken for an
authority, and the PATH_INFO behind a script (``/index.php/typo3/``) taken as a path of
its own, as is the script without it. What else a door asks for is read as strictly (:mod:`sealgate.policy.conditions`). The
gateway refuses a request when some reading lands in a stricter place than
the route that would serve it: in a stricter class, or on a page that demands what the
serving one does not (see :func:`is_stricter`). What no site wants to serve (a dump, a dot
file) is refused by any reading too, unless the route that this lands at serves it. A path with a control character in it, in
whatever spelling, is refused everywhere: no site needs one, and many cut a path there.

This is the specification; :mod:`sealgate.gateway.translate` compiles it for Envoy,
and a law holds the two together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from sealgate.policy.conditions import (
    Request,
    as_text,
    carried,
    decoded,
    fits,
    fits_literally,
    lower,
)
from sealgate.policy.inventory import Inspect, SiteAccess
from sealgate.policy.leftovers import kinds_of_path
from sealgate.policy.protection import AccessRung
from sealgate.policy.requirements import required_of_route

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealgate.policy.inventory import Door, Route
    from sealgate.policy.leftovers import Leftover

# A path longer than this, spelled in a way that needs more than one reading, is not
# read at all but refused: the readings of a long path cost time, and no site needs it.
MAX_AMBIGUOUS_BYTES = 8192
# Behind a segment that ends so, the rest of the path is the script's PATH_INFO
# (RFC 3875, 4.1.5).
SCRIPT_ENDINGS = frozenset(
    [
        "php",
        "php3",
        "php4",
        "php5",
        "php7",
        "php8",
        "phtml",
        "phar",
        "cgi",
        "fcgi",
        "pl",
        "py",
        "rb",
        "asp",
        "aspx",
        "ashx",
        "jsp",
        "jspx",
        "do",
        "cfm",
    ]
)
_SCRIPTS = "|".join(sorted(SCRIPT_ENDINGS))
# What makes a path ambiguous inside (RE2 and Python read it alike): a percent sign,
# parameters, a backslash, a fragment; a doubled slash; a segment that ends in a dot or
# space, dot segments among them; a script with something behind it.
DOUBTFUL_INSIDE = rf"[%;\\#]|//|[. ]/|\.(?:{_SCRIPTS})/"
# The same at the end of a path, where no slash follows.
DOUBTFUL_END = "[. ]"
_PLAIN_CHARACTERS = re.compile(r"/[!->@-~]*")  # printable ASCII without "?"
_DOUBTFUL = re.compile(rf"{DOUBTFUL_INSIDE}|{DOUBTFUL_END}$", re.IGNORECASE)
# HTTP.sys, below IIS, takes this for a character, by default.
_PERCENT_U = re.compile("%u00([0-9a-f]{2})", re.IGNORECASE)
# Unicode's category Cc, its upper half as UTF-8 writes it (text holds bytes read as Latin-1).
_CONTROL = re.compile("[\x00-\x1f\x7f]|\xc2[\x80-\x9f]")


@dataclass(frozen=True, slots=True)
class RouteRefusal:
    """
    A request that some server would read as a stricter place than *serving*.

    *stricter* is ``None`` where the path was too long to be read at all, or holds a control
    character, or where *leftover* says what it asks for that no route there serves.
    """

    serving: Route
    stricter: Route | None
    leftover: Leftover | None = None


def split_target(target: str) -> tuple[str, str]:
    """Return path and query of a request target, as they came."""
    path, _, query = target.partition("?")
    return path, query


def is_plain(path: str) -> bool:
    """
    Return whether *path* has one reading only, so that the literal route decides.

    Upper case and a slash at the end are no ambiguity here: whoever asks compares the
    stricter doors without regard to both (see :func:`could_be_read_as`).
    """
    return _PLAIN_CHARACTERS.fullmatch(path) is not None and _DOUBTFUL.search(path) is None


def could_be_read_as(door: Door, path: str) -> bool:
    """Return whether the plain *path* lies at *door* once case and a last slash are dropped."""
    segments = tuple(s for s in lower(as_text(path)).split("/") if s)
    return matches(door, segments, folded=True)


def is_script(segment: str) -> bool:
    """Return whether what follows the folded *segment* of a path may be its PATH_INFO."""
    return "." in segment and segment.rpartition(".")[2] in SCRIPT_ENDINGS


def readings(path: str, depth: int) -> frozenset[tuple[str, ...]]:
    """
    Return every reading of *path* as folded segments, cut after *depth* + 1 of them.

    *depth* is the number of segments of the deepest door: what lies below cannot
    change which door a path means, and cutting keeps hostile paths cheap. Characters
    are bytes read as Latin-1, so that no reading depends on a decoder's mercy; only
    ASCII letters are folded.
    """
    return frozenset(segments for segments, _, _ in _readings(path, depth))


def _readings(path: str, depth: int) -> frozenset[tuple[tuple[str, ...], bool, str]]:
    # With each, whether it is a part of the path taken for a whole one, which is a PATH_INFO, or
    # the script that it is for; and that script.
    found: set[tuple[tuple[str, ...], bool, str]] = set()
    for resolved in _whole(path):
        found.add((resolved[: depth + 1], False, ""))
        for index, segment in enumerate(resolved[:-1]):
            if is_script(segment):
                rest = resolved[index + 1 : index + depth + 2]
                found.add((rest, True, ""))
                found.add(((resolved[:index] + rest)[: depth + 1], False, ""))
                found.add((resolved[: min(index, depth) + 1], True, segment))
    return frozenset(found)


def _whole(path: str) -> frozenset[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for text in _spelled(path):
        for cut_parameters, merge_first, trim in product((False, True), repeat=3):
            segments = lower(text.replace("\\", "/")).split("/")[1:]
            if cut_parameters:
                segments = [segment.partition(";")[0] for segment in segments]
            if merge_first:
                segments = [segment for segment in segments if segment]
            if trim:
                segments = [_trimmed(segment) for segment in segments]
            found.add(tuple(_resolved(segments)))
    return frozenset(found)


def _spelled(path: str) -> Iterator[str]:
    text = as_text(path)
    for _ in range(3):
        yield from _without_authority(text)
        ended = re.split(r"[?#\x00]", text, maxsplit=1)[0]
        if ended != text:
            yield from _without_authority(ended)
        after = decoded(_PERCENT_U.sub(r"%\1", text))
        if after == text:
            return
        text = after


def _without_authority(text: str) -> Iterator[str]:
    # RFC 3986, 4.2: a reference that begins with two slashes names a host first. PHP's
    # parse_url() reads a request target so.
    yield text
    found = re.match(r"[/\\]{2}[^/\\]*", text)
    if found:
        yield text[found.end() :] or "/"


def _trimmed(segment: str) -> str:
    # Windows drops dots and spaces at the end of a name.
    dots = segment.rstrip(" ")
    return dots if dots in {".", ".."} else segment.rstrip(". ")


def _resolved(segments: Sequence[str]) -> list[str]:
    # RFC 3986, 5.2.4, and then without empty segments, as file systems read them.
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    return [segment for segment in kept if segment]


def door_segments(door: Door) -> tuple[str, ...]:
    """Return the segments of *door*; ``*`` stands for any one, at the end of one for any rest."""
    return tuple(segment for segment in door.path.split("/") if segment)


def can_be_one(one: str, other: str) -> bool:
    """Return whether a segment can fit both of these segments of doors."""
    if one.endswith("*") and other.endswith("*"):
        shorter, longer = sorted((one[:-1], other[:-1]), key=len)
        return longer.startswith(shorter)
    return _fits(one, other) or _fits(other, one)


def matches(door: Door, segments: Sequence[str], *, folded: bool) -> bool:
    """
    Return whether the path in *segments* lies at *door* (its conditions apart).

    With *folded*, *segments* come from :func:`readings`.
    """
    wanted = door_segments(door)
    if len(segments) < len(wanted) or (door.exact and len(segments) != len(wanted)):
        return False
    return all(
        _fits(lower(as_text(want)) if folded else want, got)
        for want, got in zip(wanted, segments, strict=False)
    )


def _fits(want: str, got: str) -> bool:
    return got.startswith(want[:-1]) if want.endswith("*") else want == got


def counts_on(door: Door, path: str) -> bool:
    """
    Return whether *door* has conditions that count on *path*, which is as it came.

    They do not on the very paths that are *besides*, spelled so: what a server reads as one of
    these in another spelling (case, a last slash), another gives to the front.
    """
    return door.conditional and path not in door.besides


def deepest(routes: Sequence[Route]) -> int:
    """Return how many segments of a path can tell which door of *routes* is meant."""
    return max(len(door_segments(route.door)) for route in routes)


def serving_route(routes: Sequence[Route], target: str) -> Route:
    """Return the route that serves GET for *target* when it is taken literally."""
    return serving(routes, Request(target))


def serving(routes: Sequence[Route], request: Request) -> Route:
    """
    Return the route that serves *request* when it is taken literally.

    The most specific path wins; a door with conditions wins over that when its class is
    stricter. *routes* hold one for ``/`` and all below, so there always is an answer.
    """
    path, _ = split_target(request.target)
    segments = [] if path == "/" else path.split("/")[1:]
    conditional = [r for r in routes if counts_on(r.door, path) and fits_literally(r.door, request)]
    here = _at(routes, conditional, segments, folded=False)
    return max(here, key=lambda r: r.classification.rank)


def _at(
    routes: Sequence[Route], conditional: Sequence[Route], segments: Sequence[str], *, folded: bool
) -> list[Route]:
    # The nearest route by path, and each of those whose conditions hold.
    by_path = [
        r for r in routes if not r.door.conditional and matches(r.door, segments, folded=folded)
    ]
    more = [r for r in conditional if matches(r.door, segments, folded=folded)]
    return [max(by_path, key=specificity), *more]


@dataclass(frozen=True, slots=True)
class Demands:
    """
    What :func:`is_stricter` compares of two routes, and nothing else of them.

    *locked*: a lock of the gateway stands before the route.
    """

    rank: int
    transit: int
    payment: bool
    scripts: tuple[str, ...]
    enforced: bool
    locked: bool


def demands_of(route: Route) -> Demands:
    """Return what *route* asks for."""
    required = required_of_route(route)
    return Demands(
        rank=route.classification.rank,
        transit=required.in_transit,
        payment=route.payment,
        scripts=route.scripts,
        enforced=route.inspect is Inspect.ENFORCE,
        locked=required.access > AccessRung.NONE and route.access is SiteAccess.SEALGATE,
    )


def is_stricter(one: Route, than: Route) -> bool:
    """
    Return whether *one* asks for anything that *than* does not give.

    A stricter class, or at the same or a weaker one: a stricter channel for what it takes, the
    answers of a payment page, the scripts that it names, or bodies that are held back.
    """
    return one.classification.rank > than.classification.rank or demands_more(one, than)


def scripts_of(door: Door) -> frozenset[str]:
    """Return the scripts that *door* writes out a path behind, folded: whoever opens it means it."""
    folded = (lower(as_text(segment)) for segment in door_segments(door)[:-1])
    return frozenset(segment for segment in folded if is_script(segment))


def counts_as_stricter(one: Route, than: Route, *, in_part: bool) -> bool:
    """
    Return whether a reading that lands at *one* keeps *than* from serving it.

    *in_part*: a script, or what stands behind it, is taken for a path of its own. Every path
    lands at "/", so there only the class of "/" counts: a script of its own below may do
    without what the site's front demands besides.
    """
    if in_part and not door_segments(one.door) and not one.door.conditional:
        return one.classification.rank > than.classification.rank
    return is_stricter(one, than)


def demands_more(one: Route, than: Route) -> bool:
    """
    Return whether *one*, its class apart, asks for anything that *than* does not give.

    Who passed a lock of the gateway for a stricter class may have what is held back for a
    weaker one.
    """
    asked, given = demands_of(one), demands_of(than)
    trusted = given.locked and given.rank > asked.rank
    return (
        asked.transit > given.transit
        or (asked.payment and not given.payment)
        or (bool(asked.scripts) and asked.scripts != given.scripts)
        or (asked.enforced and not given.enforced and not trusted)
    )


def specificity(route: Route) -> tuple[int, int, bool, int, int]:
    """Return how closely the door of *route* describes a path; the greater one serves."""
    segments = door_segments(route.door)
    # Twice what is written out, once what begins so.
    literal = sum((segment != "*") + (not segment.endswith("*")) for segment in segments)
    # Equal doors (only possible across case) resolve to the stricter class, then to what asks
    # for more.
    asks = (
        required_of_route(route).in_transit
        + route.payment
        + bool(route.scripts)
        + (route.inspect is Inspect.ENFORCE)
    )
    return len(segments), literal, route.door.exact, route.classification.rank, asks


def judge(routes: Sequence[Route], request: Request) -> Route | RouteRefusal:
    """
    Return the route that may serve *request*, or the refusal.

    The gateway still asks for what that route demands; this only settles which one
    it is.
    """
    path, _ = split_target(request.target)
    literal = serving(routes, request)
    if len(as_text(path)) > MAX_AMBIGUOUS_BYTES and not is_plain(path):
        return RouteRefusal(literal, None)
    depth = deepest(routes)
    read = carried(request, overrides=literal.method_override)
    conditional = [r for r in routes if counts_on(r.door, path) and fits(r.door, read)]
    named = scripts_of(literal.door)
    stricter = [
        route
        for segments, in_part, script in _readings(path, depth)
        if script not in named
        for route in _at(routes, conditional, segments, folded=True)
        if counts_as_stricter(route, literal, in_part=in_part)
    ]
    if stricter:
        return RouteRefusal(literal, max(stricter, key=lambda r: r.classification.rank))
    if any(_CONTROL.search(text) for text in _spelled(path)):
        return RouteRefusal(literal, None)
    unserved = sorted(_unserved(routes, path))
    return RouteRefusal(literal, None, unserved[0]) if unserved else literal


def _unserved(routes: Sequence[Route], path: str) -> Iterator[Leftover]:
    by_path = [route for route in routes if not route.door.conditional]
    for segments in _whole(path):
        if kinds := kinds_of_path(segments):
            here = max(
                (r for r in by_path if matches(r.door, segments, folded=True)), key=specificity
            )
            yield from kinds - set(here.leftovers)

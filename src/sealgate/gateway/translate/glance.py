"""
Which requests cannot mean a door with conditions, told by Envoy's own matchers.

A door is kept apart by one of its conditions, the one that is rarest: a parameter that is not in
the URL (:mod:`.patterns`) nor in a body, a credential that is not there, a method that is another.
What the matchers let pass is never refused, a law holds that; whatever they hold back is judged
in Lua (:mod:`.conditions`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sealgate.gateway.translate.conditions import apart_from, rarest_parts
from sealgate.gateway.translate.patterns import (
    ENCODED_DIGIT,
    PRINTABLE,
    any_spelling,
    literal_path,
    parameter_name,
    target_with_query,
)
from sealgate.policy.conditions import (
    BODYLESS,
    FORMLESS_TYPE,
    JSON_TYPE,
    MEDIA_TYPE,
    METHODS,
    OVERRIDE_HEADERS,
    reads_bodies,
)
from sealgate.policy.inventory import CredentialKind
from sealgate.policy.routing import can_be_one, door_segments

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sealgate.gateway.model import JSONObject
    from sealgate.gateway.translate.conditions import Apart
    from sealgate.policy.inventory import CredentialPart, Door, Route


class Neighbours:
    """The routes of a site, found by where requests can mean them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        """Keep *routes* as a tree, by the segments of their doors."""
        self._routes = routes
        self._top = _Place()
        for index, route in enumerate(routes):
            place = self._top
            for segment in _folded(route):
                below = place.starred if segment.endswith("*") else place.below
                place = below.setdefault(segment, _Place())
            place.here.append(index)

    def of(self, path_route: Route) -> list[Route]:
        """
        Return those that can lie where *path_route* serves, in whatever case they are written.

        What serves one path alone gets it in one spelling, in which a door beside it does not
        count.
        """
        alone = path_route.door.path if path_route.door.exact else None
        found, places = [], [self._top]
        for segment in _folded(path_route):
            found += [index for place in places for index in place.here]
            places = [below for place in places for below in place.where(segment)]
        found += [index for place in places for index in place.everything()]
        near = [self._routes[index] for index in sorted(found)]
        return [route for route in near if alone not in route.door.besides]


@dataclass(slots=True)
class _Place:
    """Which routes have a door just here, and what is below: segments as written, and with a star."""

    here: list[int] = field(default_factory=list)
    below: dict[str, _Place] = field(default_factory=dict)
    starred: dict[str, _Place] = field(default_factory=dict)

    def where(self, segment: str) -> Iterator[_Place]:
        """Yield what is below by *segment*, and by whatever can be the same."""
        if segment.endswith("*"):
            yield from (p for name, p in self.below.items() if can_be_one(segment, name))
        elif segment in self.below:
            yield self.below[segment]
        yield from (p for name, p in self.starred.items() if can_be_one(segment, name))

    def everything(self) -> Iterator[int]:
        """Yield the routes here and below."""
        places = [self]
        while places:
            place = places.pop()
            yield from place.here
            places += [*place.below.values(), *place.starred.values()]


def _folded(route: Route) -> tuple[str, ...]:
    return tuple(segment.lower() for segment in door_segments(route.door))


def unconcerned(doors: Sequence[Door], serving: Route) -> list[JSONObject]:
    """
    Return header matchers that no request passes which means one of *doors* by its headers.

    Parameters are not among them: for those in the URL there is
    :func:`~.patterns.doubtful`, for those in a body :func:`without_form`.
    """
    told = [apart_from(door) for door in doors]
    matchers = [m for part in _each(told) for m in _without(part)]
    methods = {method for one in told for method in one.methods}
    if methods:
        # What answers GET answers HEAD, and what is in no registry may mean anything.
        methods |= {"HEAD"} if "GET" in methods else set()
        matchers.insert(0, by_method(METHODS - methods))
    if serving.method_override and any(door.methods for door in doors):
        matchers += [absent(name) for name in OVERRIDE_HEADERS]
    return matchers


def _each(told: Sequence[Apart]) -> dict[CredentialPart, None]:
    return dict.fromkeys(part for one in told for part in one.parts)


def read_in_bodies(doors: Sequence[Door]) -> list[Door]:
    """Return those of *doors* that a body alone may tell, where :func:`unconcerned` holds."""
    return [door for door in doors if apart_from(door).parameters and reads_bodies(door)]


def without_form(doors: Sequence[Door], path_route: Route) -> list[list[JSONObject]]:
    """Return the ways, each as header matchers, to see that a body tells nothing of *doors*."""
    ways = [
        [by_method(BODYLESS), absent("content-type")],
        [_regex("content-type", FORMLESS_TYPE)],
    ]
    in_json = [door for door in doors if door.json]
    if in_json:
        ways[1:] = [[_regex("content-type", MEDIA_TYPE)]]
        away = elsewhere(in_json, path_route)
        if away is not None:
            ways.append([_regex("content-type", JSON_TYPE), *away])
    return ways


def elsewhere(doors: Sequence[Door], path_route: Route) -> list[JSONObject] | None:
    """
    Return header matchers of requests whose bodies need not be read for *doors*.

    They lie at other paths, in every reading, or lack what such a door asks for besides;
    ``None`` where that tells nothing.
    """
    here = door_segments(path_route.door)
    matchers: dict[str, JSONObject] = {}
    words = []
    for door in filter(reads_bodies, doors):
        parts = rarest_parts(door)
        written = (s.removesuffix("*") for s in door_segments(door)[len(here) :])
        beyond = [segment for segment in written if segment]
        if parts and all(part.kind is not CredentialKind.PARAMETER for part in parts):
            matchers |= {str(m): m for part in parts for m in _without(part)}
        elif beyond:
            words.append(any_spelling(beyond[0]))
        else:
            return None
    found = list(matchers.values())
    if words:
        near = f"(?i)[^?]*(?:{'|'.join([*sorted(set(words)), ENCODED_DIGIT])}).*"
        found += [_regex(":path", PRINTABLE), {**_regex(":path", near), "invert_match": True}]
    return found


def literally(door: Door) -> Iterator[list[JSONObject]]:
    """Yield the ways, each as header matchers, in which a request literally means *door*."""
    common: list[JSONObject] = []
    if door.query is not None:
        common.append(_regex(":path", target_with_query(door)))
    elif door_segments(door):
        common.append(_regex(":path", f"{literal_path(door)}(?:[?].*)?"))
    if door.besides:
        paths = "|".join(re.escape(path) for path in door.besides)
        common.append({**_regex(":path", f"(?:{paths})(?:[?].*)?"), "invert_match": True})
    if door.methods:
        common.append(by_method(door.methods))
    if not door.credentials:
        yield common
    for credential in door.credentials:
        yield [*common, *(_literal(part) for part in credential.parts)]


def _literal(part: CredentialPart) -> JSONObject:
    match part.kind:
        case CredentialKind.AUTHORIZATION if part.name:
            return _regex("authorization", f"(?i){re.escape(part.name)}(?: .*)?")
        case CredentialKind.AUTHORIZATION:
            return {"name": "authorization", "present_match": True}
        case CredentialKind.HEADER:
            return {"name": part.name, "present_match": True}
        case CredentialKind.COOKIE:
            name = part.name.replace("*", "[^;,=]*")
            return _regex("cookie", f"(?:.*[;,])? *{name}=.*")
        case CredentialKind.PARAMETER:
            name = re.escape(part.name)
            return _regex(":path", f"[^?]*[?](?:.*&)?{name}(?:[=&].*)?")


def _without(part: CredentialPart) -> Iterator[JSONObject]:
    match part.kind:
        case CredentialKind.AUTHORIZATION:
            yield absent("authorization")
        case CredentialKind.HEADER:
            yield absent(part.name)
        case CredentialKind.COOKIE:
            # Other bytes than ASCII would keep the expression from seeing the name.
            printable = _regex("cookie", "[ -~]*")
            name = parameter_name(part.name.strip("*"))
            yield {**printable, "treat_missing_header_as_empty": True}
            yield {
                **_regex("cookie", f"(?i).*(?:{name}|{ENCODED_DIGIT}).*"),
                "invert_match": True,
                "treat_missing_header_as_empty": True,
            }
        case CredentialKind.PARAMETER:
            return


def by_method(methods: Iterable[str]) -> JSONObject:
    """Return the matcher of requests by one of *methods*."""
    return _regex(":method", "|".join(re.escape(method) for method in sorted(methods)))


def absent(name: str) -> JSONObject:
    """Return the matcher of requests without the header *name*."""
    return {"name": name, "present_match": True, "invert_match": True}


def _regex(name: str, regex: str) -> JSONObject:
    return {"name": name, "string_match": {"safe_regex": {"regex": regex}}}

"""
Which requests cannot mean a door with conditions, told by Envoy's own matchers.

A door is kept apart by one of its conditions, the one that is rarest: a parameter that is not in
the URL (:mod:`.patterns`) nor in a body, a credential that is not there, a method that is another.
What the matchers let pass is never refused, a law holds that; whatever they hold back is judged
in Lua (:mod:`.conditions`).
"""

from __future__ import annotations

import re
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
        """Keep *routes* by the first segment of their doors, where that says something."""
        self._routes = routes
        self._by_first: dict[str, list[int]] = {}
        self._anywhere: list[int] = []
        for index, route in enumerate(routes):
            first = _first(route)
            place = self._anywhere if first is None else self._by_first.setdefault(first, [])
            place.append(index)

    def of(self, path_route: Route) -> list[Route]:
        """
        Return those that can lie where *path_route* serves, in whatever case they are written.

        What serves one path alone gets it in one spelling, in which a door beside it does not
        count.
        """
        here = _folded(path_route)
        first = _first(path_route)
        alone = path_route.door.path if path_route.door.exact else None
        found = (
            self._routes
            if first is None
            else [
                self._routes[i] for i in sorted([*self._by_first.get(first, []), *self._anywhere])
            ]
        )
        return [
            route
            for route in found
            if alone not in route.door.besides
            and all(can_be_one(*both) for both in zip(here, _folded(route), strict=False))
        ]


def _folded(route: Route) -> tuple[str, ...]:
    return tuple(segment.lower() for segment in door_segments(route.door))


def _first(route: Route) -> str | None:
    """Return the first segment of the door of *route*, folded; ``None`` where it can be any."""
    segments = _folded(route)
    return None if not segments or segments[0].endswith("*") else segments[0]


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

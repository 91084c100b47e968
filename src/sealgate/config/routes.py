"""``[[site.route]]``: the parts of a site, their locks, and the doors that presets know."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from sealgate.config.classes import read_class
from sealgate.config.limits import read_max_body
from sealgate.config.payment import check_payment, read_script_reports, read_scripts
from sealgate.config.presets import below_any, lying_in
from sealgate.config.reader import Notes, nearest, quoted
from sealgate.config.values import (
    UnfitError,
    read_admitted,
    read_credential,
    read_door,
    read_method,
)
from sealgate.policy.inventory import (
    CredentialKind,
    Inspect,
    Place,
    Route,
    SiteAccess,
    default_inspect,
)
from sealgate.policy.leftovers import Leftover
from sealgate.policy.protection import AccessRung, TransitRung
from sealgate.policy.requirements import required_of_route
from sealgate.policy.routing import can_be_one, door_segments

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sealgate.config.presets import Preset
    from sealgate.config.reader import KeyPath, Table
    from sealgate.policy.classification import Classification, ClassificationModel
    from sealgate.policy.inventory import Door

_Read = TypeVar("_Read")


def read_route(table: Table, model: ClassificationModel) -> Route | None:
    """Return the route that *table* declares, or ``None`` after noting why there is none."""
    path, query = table.text("path"), table.text("query")
    classification = read_class(table, "class", model)
    collects = read_class(table, "collects", model)
    admit = table.each("admit", read_admitted, "admit")
    access, sign_in = _access(table, classification)
    door = None
    if path is not None:
        try:
            door = read_door(path, query, exact=table.flag("exact"))
        except UnfitError as error:
            wrong = "query" if "NAME" in str(error) and query is not None else "path"
            shown = quoted(query if wrong == "query" and query is not None else path)
            table.fault(wrong, f"{wrong} {shown} {error}", error.hint)
    methods = _each(table, "methods", read_method)
    credentials = _each(table, "credentials", read_credential)
    if door is None or classification is None:
        return None
    door = replace(
        door,
        methods=methods,
        credentials=credentials,
        json=table.flag("json"),
        besides=_each(table, "besides", _read_path),
    )
    _check_conditions(table, door)
    inspect = _inspect(table)
    route = Route(
        door=door,
        classification=classification,
        collects=collects,
        backend=table.flag("backend"),
        access=access or SiteAccess.SEALGATE,
        admit=admit,
        place=table.place(),
        payment=table.flag("payment"),
        scripts=read_scripts(table),
        script_reports=read_script_reports(table),
        inspect=inspect or default_inspect(classification),
        inspect_by_default=inspect is None,
        sign_in=sign_in,
        max_body_bytes=read_max_body(table),
        plain_http=table.flag("plain_http"),
        method_override=table.flag("method_override"),
        request_trailers=table.flag("request_trailers"),
        leftovers=_leftovers(table),
    )
    _check_class(table, route, model)
    _check_admit(table, route, model)
    check_payment(table, route, model)
    _check_plain(table, route)
    return route


def _each(table: Table, key: str, read: Callable[[str], _Read]) -> tuple[_Read, ...]:
    if table.good(key) and not table.texts(key):
        table.fault(key, f"{quoted(key)} is empty, which would mean no request", "remove the line")
    return table.each(key, read, key if key == "besides" else key.removesuffix("s"))


def _check_conditions(table: Table, door: Door) -> None:
    names = door.query is not None or any(
        part.kind is CredentialKind.PARAMETER
        for credential in door.credentials
        for part in credential.parts
    )
    if door.json and not (names or door.methods):
        table.fault(
            "json",
            '"json" tells where a parameter is looked for, but the route asks for none',
            'query = "NAME", or remove json',
        )


def _read_path(text: str) -> str:
    return read_door(text, None, exact=True).path


def _access(table: Table, classification: Classification | None) -> tuple[SiteAccess | None, bool]:
    """Return who asks for a password, and whether people sign in on the gateway's own pages."""
    text = table.text("access")
    if text is None:
        return None, False
    rungs = [rung.word for rung in AccessRung if rung >= AccessRung.LOW]
    known = [*(item.value for item in SiteAccess), *rungs]
    if text not in known:
        table.fault(
            "access",
            f"access {quoted(text)} must be one of {', '.join(known)}",
            nearest(text, known, "access = {}") or 'access = "site"',
        )
        return None, False
    if text == SiteAccess.SITE:
        return SiteAccess.SITE, False
    demanded = (classification.required.access if classification else AccessRung.NONE).word
    if text in rungs and classification is not None and text != demanded:
        # The class decides (DESIGN 1); a route that needs more has a stricter class.
        table.fault(
            "access",
            f"access is {quoted(text)}, but class {quoted(classification.id)} demands "
            f"{quoted(demanded)}",
            "remove access, or give the route another class",
        )
    return SiteAccess.SEALGATE, True


def _inspect(table: Table) -> Inspect | None:
    """Return what the route in *table* says of its bodies, ``None`` for nothing; a fault is noted there."""
    text = table.text("inspect")
    if text is None:
        return None
    known = [item.value for item in Inspect]
    if text not in known:
        table.fault(
            "inspect",
            f"inspect {quoted(text)} must be one of {', '.join(known)}",
            nearest(text, known, "inspect = {}") or 'inspect = "observe"',
        )
        return None
    return Inspect(text)


def _check_class(table: Table, route: Route, model: ClassificationModel) -> None:
    shown = quoted(route.door.path)
    required = route.classification.required
    if route.collects and route.collects.rank < route.classification.rank:
        table.fault(
            "collects",
            f"route {shown} collects {quoted(route.collects.id)}, but shows "
            f"{quoted(route.classification.id)}, which is stricter",
            "remove collects: the class of the route already covers what it takes",
        )
    if route.backend and required.access == AccessRung.NONE:
        table.fault(
            "backend",
            f"route {shown} is a backend, but class {quoted(route.classification.id)} lets "
            "anyone in; a backend needs a class that demands access",
            _locking_hint(model, "remove backend"),
        )
    asked_by_site = route.access is SiteAccess.SITE
    if table.good("access") and (
        required.access == AccessRung.NONE or (asked_by_site and required.access > AccessRung.LOW)
    ):
        rung = required.access.word
        table.fault(
            "access",
            f"route {shown} says who asks for a password, but class "
            f"{quoted(route.classification.id)} demands access {quoted(rung)}, not "
            f"{quoted(AccessRung.LOW.word)}",
            "remove access",
        )


def _check_admit(table: Table, route: Route, model: ClassificationModel) -> None:
    shown = quoted(route.door.path)
    locked = route.classification.required.access >= AccessRung.HIGH
    if locked and not route.admit and not table.texts("admit"):
        table.notes.add(
            table.path,
            f"route {shown} is {quoted(route.classification.id)} and admits nobody, so nobody "
            "could enter",
            'admit = ["group:editors"]',
        )
    # Where the gateway asks for a password, it knows who comes; a site keeps that to itself.
    asked = (
        route.classification.required.access == AccessRung.LOW
        and route.access is SiteAccess.SEALGATE
    )
    if not locked and not asked and table.texts("admit"):
        table.fault(
            "admit",
            f"route {shown} admits some, but class {quoted(route.classification.id)} has no "
            "lock that could keep others out",
            _locking_hint(model, "remove admit"),
        )


def _locking_hint(model: ClassificationModel, otherwise: str) -> str:
    locking = next((c.id for c in model.classes if c.required.access >= AccessRung.HIGH), None)
    return f"class = {quoted(locking)}, or {otherwise}" if locking else otherwise


def _check_plain(table: Table, route: Route) -> None:
    """Note why *route*, as *table* declares it, cannot be served over plain HTTP, if so."""
    why = _why_not_plain(route) if route.plain_http else None
    if why:
        shown = quoted(route.door.path)
        table.fault(
            "plain_http", f"route {shown} is served over plain HTTP, but {why}", "remove plain_http"
        )


def _why_not_plain(route: Route) -> str | None:  # noqa: PLR0911  # one for each reason
    named, required = quoted(route.classification.id), route.classification.required
    if route.backend:
        return "it is a backend: what opens one never travels in clear"
    if route.payment:
        return "people pay there: what they enter never travels in clear"
    if route.collects is not None:
        collected = quoted(route.collects.id)
        return f"it collects {collected}: what visitors send never travels in clear"
    if required.access > AccessRung.NONE:
        rung = quoted(required.access.word)
        return (
            f"class {named} demands access {rung}: credentials never travel below "
            f"{quoted(TransitRung.ENCRYPTED.word)}"
        )
    if required.in_transit > TransitRung.PROTECTED:  # what a signed answer gives (DESIGN 1)
        return (
            f"class {named} demands {quoted(required.in_transit.word)} in transit, and a signed "
            f"answer gives {quoted(TransitRung.PROTECTED.word)}"
        )
    if route.door.conditional:
        return "it is chosen by more than its path, by which one address would be two things"
    return None


def check_plain_site(notes: Notes, routes: Sequence[Route]) -> None:
    """
    Note when a whole site would be served in clear beside something that must not be.

    Who came to its front page in clear could be led anywhere from there: browsers verify
    no signatures. A part below it, for programs, is another matter.
    """
    front = next(
        (r for r in routes if r.plain_http and r.door.path == "/" and not r.door.exact), None
    )
    if front is None:
        return
    # A shut door gives and takes nothing: over plain HTTP it is a redirect, over TLS a refusal.
    others = [
        r
        for r in routes
        if not (r.plain_http or r.shut)
        and required_of_route(r).in_transit > TransitRung.UNENCRYPTED
    ]
    if others:
        strictest = max(others, key=lambda r: required_of_route(r).in_transit)
        rung = required_of_route(strictest).in_transit.word
        notes.add_at(
            front.place,
            f'route "/" is served over plain HTTP, but {quoted(strictest.door.path)} of the '
            f"same site demands {quoted(rung)}, and whoever reads the front page in clear can be led "
            "elsewhere from there",
            "serve it under a name of its own, or set plain_http on a path below",
        )


class Overlaps:
    """The routes of a site that were read so far, by what two share that mean the same requests."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], list[Route]] = {}

    def check(self, notes: Notes, path: KeyPath, route: Route) -> None:
        """Note when *route* and an earlier one mean the same requests, neither more specific."""
        # Only doors that are equally specific can, and of those without a "*" only like paths.
        segments = door_segments(route.door)
        stars = segments.count("*"), sum(segment.endswith("*") for segment in segments)
        alike = "" if any(stars) else _folded(route.door)
        key = (len(segments), stars, replace(route.door, path="/"), alike)
        known = self._known.setdefault(key, [])
        _note_overlaps(notes, path, route, known)
        known.append(route)


def _note_overlaps(notes: Notes, path: KeyPath, route: Route, before: Sequence[Route]) -> None:
    for other in before:
        where = f"declared at {other.place}"
        if route.door == other.door:
            notes.add(path, f"route {_shown(route.door)} is already {where}", "remove one")
            return
        if _folded(route.door) == _folded(other.door):
            if route.classification != other.classification:
                notes.add(
                    path,
                    f"route {_shown(route.door)} is {quoted(route.classification.id)}, but "
                    f"{_shown(other.door)}, which many servers take for the same, is "
                    f"{quoted(other.classification.id)}, {where}",
                    "give both the same class",
                )
        elif _meet(route.door, other.door):
            notes.add(
                path,
                f"route {_shown(route.door)} overlaps {_shown(other.door)}, {where}, and neither "
                "is more specific",
                "write out one of the segments that are *",
            )


def _folded(door: Door) -> str:
    return door.path.lower()


def _meet(one: Door, other: Door) -> bool:
    return all(
        can_be_one(first.lower(), second.lower())
        for first, second in zip(door_segments(one), door_segments(other), strict=True)
    )


def _shown(door: Door) -> str:
    return quoted(str(door))


def preset_routes(
    preset: Preset, declared: Sequence[Route], model: ClassificationModel, place: Place
) -> tuple[Route, ...]:
    """
    Return the routes that *preset* adds to the *declared* ones (with one for ``/``).

    A door that the operator declared is left to the operator. The others are locked;
    they admit whom the operator's own backend route admits, by the same factors, and are
    never weaker than that. Where there is none, they follow a front page that is locked
    itself (and are left out where that makes them like it); else they admit nobody and stay shut (see
    :class:`sealgate.policy.inventory.Route`). Holes are treated like the page ``/``.
    """
    front = next(
        r for r in declared if r.door.path == "/" and not (r.door.exact or r.door.conditional)
    )
    known = {_identity(route.door) for route in declared}
    preset = lying_in(preset, _folders(preset, declared))
    locked = _locking_class(model, front.classification)
    followed = _followed(preset, declared, front)
    if followed is not None:
        locked = model.strictest_of((locked, followed.classification))
    # Doors like the page / itself would only be more of the same to judge and to audit.
    alike = followed is front and locked == front.classification and not preset.method_override
    doors = [
        Route(
            door,
            locked,
            backend=True,
            admit=followed.admit if followed is not None else (),
            sign_in=followed is not None and followed.sign_in,
            origin=preset.origin,
            place=place,
            method_override=preset.method_override,
            inspect=_enforced_beside(declared, locked),
        )
        for door in (() if alike else preset.doors)
        if _identity(door) not in known
    ]
    holes = [
        replace(
            front,
            door=door,
            origin=preset.origin,
            place=place,
            payment=False,
            scripts=(),
            script_reports="",
            plain_http=False,
        )
        for door in (*preset.holes, *preset.titles)
        if _identity(door) not in known
    ]
    return (*doors, *_kept_below(declared, doors), *holes)


def _kept_below(declared: Sequence[Route], doors: Sequence[Route]) -> tuple[Route, ...]:
    """
    Return what keeps *doors* of a preset below any folder from weakening a locked one.

    Such a door is longer than the operator's folder, so it would serve what it fits in there, to
    those whom it admits itself. In a stricter folder the folder's lock holds instead. In one of
    the same class that admits others, nobody is let in by a guess. A shut door weakens nothing.
    """
    taken = {_identity(route.door) for route in (*declared, *doors)}
    found: dict[Door, Route] = {}
    for folder in declared:
        if not folder.admit or folder.door.conditional or folder.door.exact:
            continue
        for route in doors:
            here = _written_out(folder.door, route.door)
            if route.shut or here is None or here in taken:
                continue
            if _opens_to(folder) == _opens_to(route):
                continue
            if folder.classification.rank > route.classification.rank:
                kept = replace(folder, origin=route.origin, method_override=route.method_override)
            elif folder.classification.rank == route.classification.rank:
                kept = replace(route, admit=(), sign_in=False)
            else:
                continue
            found.setdefault(here, replace(kept, door=here))
    return tuple(found.values())


def _written_out(folder: Door, door: Door) -> Door | None:
    # The path of *door* within *folder*, None where it has none there that would serve.
    outer, inner = door_segments(folder), door_segments(door)
    if not outer or door.conditional or len(inner) <= len(outer):
        return None
    both = list(zip(outer, inner, strict=False))
    if not all(can_be_one(one, other) for one, other in both):
        return None
    # Of two that fit the same segment the longer one says more: a star alone says nothing.
    named = [max(pair, key=lambda one: (not one.endswith("*"), len(one))) for pair in both]
    return _identity(replace(door, path="/" + "/".join([*named, *inner[len(outer) :]])))


def _opens_to(route: Route) -> tuple[Classification, frozenset[str], bool]:
    return route.classification, frozenset(route.admit), route.sign_in


def with_titles(preset: Preset, routes: Sequence[Route]) -> tuple[Route, ...]:
    """Return *routes* so that whatever lies at or below titles of *preset* is served by any name."""
    below = [door_segments(door) for door in preset.titles]
    return tuple(
        replace(route, leftovers=tuple(Leftover))
        if any(door_segments(route.door)[: len(title)] == title for title in below)
        else route
        for route in routes
    )


def _leftovers(table: Table) -> tuple[Leftover, ...]:
    known = [kind.value for kind in Leftover]
    found = []
    for index, text in enumerate(table.texts("leftovers")):
        if text in known:
            found.append(Leftover(text))
        else:
            table.element_fault(
                "leftovers",
                index,
                f"leftovers {quoted(text)} must be one of {', '.join(known)}",
                nearest(text, known, "leftovers = [{}]") or 'leftovers = ["dumps"]',
            )
    return tuple(found)


def _identity(door: Door) -> Door:
    return replace(door, exact=False, besides=())


def _folders(preset: Preset, declared: Sequence[Route]) -> tuple[str, ...]:
    """Return the folders that *preset*'s CMS lies in by what the operator declared as its backend."""
    main = preset.doors[0] if preset.doors else None
    if main is None or main.conditional or not below_any(preset, main.path):
        return ()
    paths = (r.door.path for r in declared if r.backend and not r.door.conditional)
    told = (p.removesuffix(main.path) for p in paths if p.endswith(main.path) and "*" not in p)
    return tuple(dict.fromkeys((*preset.folders, *told)))


def _locking_class(model: ClassificationModel, front: Classification) -> Classification:
    # The weakest class that locks, but never one weaker than the front page's.
    locking = (
        item
        for item in model.classes
        if item.required.access >= AccessRung.HIGH
        and item.required.in_transit >= TransitRung.ENCRYPTED
    )
    found = next(locking, model.strictest)
    return model.strictest_of((found, front))


def _enforced_beside(declared: Sequence[Route], classification: Classification) -> Inspect:
    """Return what holds for a preset's door of *classification*: ``enforce`` where a *declared* one does."""
    enforced = any(
        r.inspect is Inspect.ENFORCE and r.classification == classification for r in declared
    )
    return Inspect.ENFORCE if enforced else Inspect.OFF


def _followed(preset: Preset, declared: Sequence[Route], front: Route) -> Route | None:
    """
    Return the operator's own route whose lock the doors of *preset* take over.

    That is a backend; without one, a *front* page that only people with a key see.
    """
    backends = [r for r in declared if r.backend and r.admit]
    for door in preset.doors:
        for route in backends:
            if _identity(route.door) == _identity(door):
                return route
    different = {(frozenset(r.admit), r.sign_in, r.classification.rank) for r in backends}
    if not backends and front.admit and front.classification.required.access >= AccessRung.HIGH:
        return front
    # Two backends that admit different people: guessing would let somebody in.
    return backends[0] if len(different) == 1 else None

"""``plain_http`` of a route: where what is public may be served signed, without TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.reader import quoted
from sealgate.policy.protection import AccessRung, TransitRung
from sealgate.policy.requirements import required_of_route

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sealgate.config.reader import Notes, Table
    from sealgate.policy.inventory import Route

_HINT = "remove plain_http"


def check_plain_route(table: Table, route: Route) -> None:
    """Note why *route*, as *table* declares it, cannot be served over plain HTTP, if so."""
    why = _why_not(route) if route.plain_http else None
    if why:
        shown = quoted(route.door.path)
        table.fault("plain_http", f"route {shown} is served over plain HTTP, but {why}", _HINT)


def _why_not(route: Route) -> str | None:  # noqa: PLR0911  # one for each reason
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

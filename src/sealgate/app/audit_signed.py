"""Which places of a site an audit looks at for signatures over plain HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from sealgate.audit.adapters.signed import probe_signature
from sealgate.audit.doors import request_for
from sealgate.policy.assets import route_asset
from sealgate.policy.declarations import Declaration
from sealgate.policy.requirements import required_of_site

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.audit.doors import Doors
    from sealgate.audit.model import Limits, Target
    from sealgate.policy.inventory import Site
    from sealgate.policy.observation import Sighting

Probe = Callable[[], list["Sighting"]]


def signature_probes(site: Site, doors: Doors, limits: Limits) -> Iterator[tuple[str, Probe]]:
    """
    Yield the probes of what *site* declares to be served over plain HTTP, each with its name.

    The front page is asked for at every plain door, other routes at the first one.
    """
    if Declaration.PLAIN_HTTP in required_of_site(site).declarations:
        for door in doors.plain:
            yield _probe(door, limits)
    for route in site.routes:
        if route.plain_http:
            asset, path = route_asset(site, route).id, request_for(route.door)
            for door in doors.plain[:1]:
                yield _probe(replace(door, asset=asset, path=path), limits)


def claimed_probe(target: Target, limits: Limits) -> tuple[str, Probe]:
    """Return the probe of an endpoint that nobody declared: is what it claims to sign signed?"""
    return _probe(target, limits, declared=False)


def _probe(target: Target, limits: Limits, *, declared: bool = True) -> tuple[str, Probe]:
    name = f"signature of {target.plain_origin}{target.path}"
    return name, partial(probe_signature, target, limits, declared=declared)

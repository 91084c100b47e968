"""The scripts of payment pages: what runs there now, who approved it, and approving it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sealgate.app.approvals import approved_digests
from sealgate.app.audit_jobs import way_in
from sealgate.app.audit_options import AuditOptions
from sealgate.audit.adapters.scripts import PageError, fetch_scripts
from sealgate.audit.doors import doors_of, request_for
from sealgate.errors import NothingToLookAtError, PeerError, UsageError
from sealgate.policy.assets import AssetKind, route_asset
from sealgate.policy.routing import serving_route
from sealgate.register.model import Approval

if TYPE_CHECKING:
    from sealgate.audit.scripts import Script
    from sealgate.policy.assets import Asset
    from sealgate.policy.inventory import Inventory, Route, Site
    from sealgate.register.adapters.store import Register

ALL = "all"


@dataclass(frozen=True, slots=True)
class SeenScript:
    """
    One script as the page runs it now, and the newest *approval* of its name.

    *holds*: that which runs is that which was approved.
    """

    script: Script
    approval: Approval | None
    holds: bool


@dataclass(frozen=True, slots=True)
class SeenPage:
    """
    One payment page: its scripts, or *why_not* they could be seen.

    *gone* are approvals of what does not run there any more.
    """

    asset: str
    scripts: tuple[SeenScript, ...]
    gone: tuple[Approval, ...] = ()
    why_not: str = ""

    @property
    def is_good(self) -> bool:
        """Return whether the page was seen and everything that runs there was approved."""
        return not self.why_not and all(seen.holds for seen in self.scripts)


def payment_routes(inventory: Inventory, named: str | None = None) -> list[tuple[Site, Route]]:
    """
    Return the routes on which people pay; of *named* ("shop.example/checkout") only that one.

    Raises:
        NothingToLookAtError: there is none.
        UsageError: *named* is none.
    """
    found = [(s, r) for s in inventory.sites for r in s.routes if r.payment]
    if not found:
        raise NothingToLookAtError(
            "there is no page on which people pay", hint="set payment = true on a [[site.route]]"
        )
    if named is None:
        return found
    wanted = named if named.startswith("route ") else f"route {named}"
    chosen = [(s, r) for s, r in found if route_asset(s, r).id == wanted]
    if not chosen:
        names = ", ".join(route_asset(s, r).id.removeprefix("route ") for s, r in found)
        raise UsageError(f'"{named}" is no page on which people pay; there are {names}')
    return chosen


def look_at_scripts(
    inventory: Inventory, register: Register, options: AuditOptions, named: str | None = None
) -> tuple[SeenPage, ...]:
    """
    Return what runs on each payment page now, against what was approved.

    Raises:
        NothingToLookAtError: nobody pays anywhere.
        UsageError: *named* is no such page.
        SourceError: the register cannot be read.
    """
    pages = []
    for site, route in payment_routes(inventory, named):
        asset = route_asset(site, route).id
        try:
            scripts = _fetch(inventory, site, route, options)
        except PageError as error:
            pages.append(SeenPage(asset, (), why_not=error.message))
            continue
        digests = approved_digests(register, asset)
        newest = {one.item: one for one in register.approvals(asset)}
        names = {script.name for script in scripts}
        pages.append(
            SeenPage(
                asset,
                tuple(
                    SeenScript(s, newest.get(s.name), s.digest in digests.get(s.name, ()))
                    for s in scripts
                ),
                tuple(one for item, one in newest.items() if item not in names),
            )
        )
    return tuple(pages)


def approve_scripts(
    inventory: Inventory,
    register: Register,
    options: AuditOptions,
    named: str,
    digests: Sequence[str],
    *,
    by: str,
    reason: str,
) -> tuple[Approval, ...]:
    """
    Approve scripts of the page *named* by their *digests*, or "all" that it runs now.

    A digest is what somebody looked at: a page that has changed since is not approved.

    Raises:
        UsageError: no such page, or it runs no script of a digest.
        PeerError: the page could not be read.
        SourceError: the register cannot be written.
    """
    ((site, route),) = payment_routes(inventory, named)
    try:
        scripts = _fetch(inventory, site, route, options)
    except PageError as error:
        raise PeerError(error.message, hint="is sealgate serve running?") from error
    unread = next((script for script in scripts if script.unread), None)
    if ALL in digests and unread is not None:
        raise PeerError(
            f'"{unread.name}" could not be read: {unread.unread}',
            hint="approve the others by their digests",
        )
    running = {script.digest for script in scripts if script.digest}
    for digest in digests:
        if digest != ALL and digest not in running:
            raise UsageError(
                f'the page runs no script "{digest}"', hint=f"sealgate scripts {named}"
            )
    chosen = [s for s in scripts if ALL in digests or s.digest in digests]
    asset: Asset = route_asset(site, route)
    approvals = tuple(Approval(asset.id, s.name, s.digest, by, reason, options.now) for s in chosen)
    register.record_approvals(approvals, kind=AssetKind.ROUTE.value, parent=asset.parent or "")
    return approvals


def _fetch(
    inventory: Inventory, site: Site, route: Route, options: AuditOptions
) -> tuple[Script, ...]:
    doors = doors_of(inventory, site, way_in(inventory, options))
    target = replace(doors.secure[0], path=request_for(route.door))

    def belongs(path: str) -> bool:
        return serving_route(site.routes, path) == route

    return fetch_scripts(target, options.limits, belongs=belongs)[1]

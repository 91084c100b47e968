"""``[[site]]``: its names, what stands behind, its routes and what its preset adds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.config.presets import GENERIC, NONE, PRESETS, below_any
from sealgate.config.reader import FileKind, Table, nearest, quoted
from sealgate.config.routes import (
    Overlaps,
    check_plain_site,
    preset_routes,
    read_route,
    with_titles,
)
from sealgate.config.schema import section
from sealgate.config.tls import read_tls
from sealgate.config.values import (
    UnfitError,
    holds_secret,
    read_domain,
    read_door,
    read_upstream,
)
from sealgate.policy.inventory import Site, SiteAccess, Upstream
from sealgate.policy.protection import AccessRung

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePath

    from sealgate.config.presets import Preset
    from sealgate.policy.classification import ClassificationModel
    from sealgate.policy.inventory import Door, Route, TLSSettings


def read_sites(
    tables: Sequence[Table], model: ClassificationModel, tls: TLSSettings, folder: PurePath
) -> tuple[Site, ...]:
    """Return the sites that *tables* declare, each with the routes of its preset."""
    sites = []
    owners: dict[str, str] = {}
    for table in tables:
        domains = _domains(table, owners)
        preset = _moved(table, _preset(table))
        upstream = _upstream(table, folder)
        routes = _routes(table, model)
        own_tls = table.table("tls")
        site_tls = None
        if own_tls is not None:
            tls_table = Table(table.notes, (*table.path, "tls"), own_tls, section("site.tls"))
            site_tls = read_tls(tls_table, tls, folder)
        web_root = table.file("web_root", folder, FileKind.FOLDER)
        if not domains or upstream is None or not _has_front(routes):
            continue
        added = preset_routes(preset, routes, model, table.place_of("preset"))
        every = with_titles(preset, (*routes, *added))
        check_plain_site(table.notes, every)
        sites.append(
            Site(
                domains=domains,
                upstream=upstream,
                routes=every,
                preset=preset.name,
                cookies=preset.cookies,
                web_root=web_root,
                tls=site_tls,
                place=table.place(),
                single_sign_on=table.flag("single_sign_on"),
            )
        )
        _check_single_sign_on(table, sites[-1])
    return tuple(sites)


def _check_single_sign_on(table: Table, site: Site) -> None:
    if site.single_sign_on and not any(
        route.classification.required.access >= AccessRung.LOW
        and route.access is SiteAccess.SEALGATE
        for route in site.routes
        if not route.shut
    ):
        table.fault(
            "single_sign_on",
            f"site {quoted(site.name)} is to be told who is there, but the gateway guards none of "
            "its routes",
            'access = "sealgate" on a route, or remove single_sign_on',
        )


def _domains(table: Table, owners: dict[str, str]) -> tuple[str, ...]:
    if table.good("domains") and not table.texts("domains"):
        table.fault(
            "domains", '"domains" is empty, but a site needs a name', 'domains = ["shop.example"]'
        )
    found: list[str] = []
    for index, text in enumerate(table.texts("domains")):
        try:
            domain = read_domain(text)
        except UnfitError as error:
            table.element_fault("domains", index, f"domain {quoted(text)} {error}", error.hint)
            continue
        if domain in owners:
            table.element_fault(
                "domains",
                index,
                f"domain {quoted(text)} is declared twice; first at {owners[domain]}",
                "remove one: a domain belongs to one site",
            )
            continue
        owners[domain] = str(table.notes.place((*table.path, "domains", index)))
        found.append(domain)
    return tuple(found)


def _preset(table: Table) -> Preset:
    name = table.text("preset")
    if name is None:
        return GENERIC
    preset = PRESETS.get(name)
    if preset is None:
        table.fault(
            "preset",
            f"preset {quoted(name)} does not exist; the presets are {', '.join(PRESETS)}",
            nearest(name, PRESETS, "preset = {}") or 'preset = "none"',
        )
        return NONE
    return preset


def _moved(table: Table, preset: Preset) -> Preset:
    """Return *preset* with its main door, and what lies below, where ``backend_path`` says."""
    path = table.text("backend_path")
    if path is None:
        return preset
    if not preset.doors or preset.doors[0].conditional:
        table.fault(
            "backend_path",
            f"preset {quoted(preset.name)} knows no backend that could lie elsewhere",
            "remove backend_path, or set preset",
        )
        return preset
    try:
        to = read_door(path, None, exact=False).path
    except UnfitError as error:
        table.fault("backend_path", f"backend_path {quoted(path)} {error}", error.hint)
        return preset
    usual = preset.doors[0].path

    def moved(door: Door) -> Door:
        for folder in ("", "/*", "/*/*"):
            if f"{door.path}/".startswith(f"{folder}{usual}/"):
                return replace(door, path=folder + to + door.path.removeprefix(folder + usual))
        return door

    if to == "/":
        table.fault("backend_path", '"backend_path" is the whole site', 'backend_path = "/cms"')
        return preset
    doors, holes = tuple(map(moved, preset.doors)), tuple(map(moved, preset.holes))
    if to.endswith(usual) and below_any(preset, usual):
        # It is not called otherwise, but lies in a folder, and perhaps in others.
        return replace(
            preset,
            doors=tuple(dict.fromkeys((*preset.doors, *doors))),
            holes=tuple(dict.fromkeys((*preset.holes, *holes))),
            folders=(to.removesuffix(usual),),
        )
    return replace(preset, doors=doors, holes=holes)


def _upstream(table: Table, folder: PurePath) -> Upstream | None:
    text = table.text("upstream")
    authorities = table.file("upstream_ca", folder, FileKind.READABLE)
    if text is None:
        return None
    try:
        upstream = read_upstream(text)
    except UnfitError as error:
        # A URL with user and password is refused without being shown.
        shown = '"upstream"' if holds_secret(text) else f"upstream {quoted(text)}"
        table.fault("upstream", f"{shown} {error}", error.hint)
        return None
    if authorities is None:
        return upstream
    if upstream.scheme != "https":
        table.fault(
            "upstream_ca",
            f'"upstream_ca" is set, but the upstream is {upstream.scheme} and shows no certificate',
            "remove upstream_ca, or let the upstream begin with https://",
        )
        return upstream
    return replace(upstream, ca=authorities)


def _routes(table: Table, model: ClassificationModel) -> tuple[Route, ...]:
    routes: list[Route] = []
    overlaps = Overlaps()
    faulty = False
    for index, values in enumerate(table.tables("route")):
        path = (*table.path, "route", index)
        route = read_route(Table(table.notes, path, values, section("site.route")), model)
        if route is None:
            faulty = True
            continue
        overlaps.check(table.notes, path, route)
        routes.append(route)
    if not faulty and table.good("route") and not _has_front(routes):
        table.notes.add(
            table.path,
            'the site has no route for "/", so most pages would have no class',
            'add [[site.route]] with path = "/" and class = "public"',
        )
    return tuple(routes)


def _has_front(routes: Sequence[Route]) -> bool:
    return any(r.door.path == "/" and not (r.door.exact or r.door.conditional) for r in routes)

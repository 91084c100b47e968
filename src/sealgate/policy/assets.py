"""What a verdict can be about, and how each declared part is called as an asset."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sealgate.policy.places import Place

if TYPE_CHECKING:
    from sealgate.policy.files import Drop, Tunnel
    from sealgate.policy.inventory import Inventory, PaymentGateway
    from sealgate.policy.sites import Route, Site


class AssetKind(StrEnum):
    """What a verdict can be about."""

    SITE = "site"
    ROUTE = "route"
    DROP = "drop"
    TUNNEL = "tunnel"
    FILE_SERVER = "file server"  # speaks SSH, FTP or both: ours, or a URL that was given
    PAYMENT_GATEWAY = "payment gateway"  # whom the sites send payments to
    ENDPOINT = "endpoint"  # any other URL given on the command line
    FILE = "file"
    TABLE = "table"
    DATABASE = "database"


@dataclass(frozen=True, slots=True)
class Asset:
    """
    One thing that is protected or not: *id* is unique and readable ("site shop.example").

    *parent* is the asset whose observations hold here too (a route's site).
    """

    id: str
    kind: AssetKind
    parent: str | None = None
    place: Place = field(default=Place(), compare=False)


def site_asset(site: Site) -> Asset:
    """Return the asset that stands for *site* as an endpoint."""
    return Asset(f"site {site.name}", AssetKind.SITE, place=site.place)


def route_asset(site: Site, route: Route) -> Asset:
    """Return the asset that stands for *route* of *site*."""
    return Asset(
        f"route {site.name}{route.door}",
        AssetKind.ROUTE,
        parent=f"site {site.name}",
        place=route.place,
    )


# All drops and tunnels are behind the same servers; what these do holds for each.
FILE_SERVER = "file server"


def file_server_asset(inventory: Inventory) -> Asset:
    """Return the asset that stands for the SFTP and FTPS servers of *inventory*."""
    places = [drop.place for drop in inventory.drops]
    places += [tunnel.place for tunnel in inventory.tunnels]
    return Asset(FILE_SERVER, AssetKind.FILE_SERVER, place=places[0] if places else Place())


def drop_asset(drop: Drop) -> Asset:
    """Return the asset that stands for *drop*."""
    return Asset(f"drop {drop.name}", AssetKind.DROP, parent=FILE_SERVER, place=drop.place)


def tunnel_asset(tunnel: Tunnel) -> Asset:
    """Return the asset that stands for *tunnel*."""
    return Asset(f"tunnel {tunnel.name}", AssetKind.TUNNEL, parent=FILE_SERVER, place=tunnel.place)


def payment_gateway_asset(gateway: PaymentGateway) -> Asset:
    """Return the asset that stands for *gateway*."""
    name = f"payment gateway {gateway.operator}"
    return Asset(name, AssetKind.PAYMENT_GATEWAY, place=gateway.place)

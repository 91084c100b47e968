"""What one client, or one request, may take of the gateway, as lines for a person and as data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealgate.policy.assets import route_asset
from sealgate.report.files import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.policy.inventory import Inventory


def limit_lines(inventory: Inventory) -> Iterator[str]:
    """Yield what holds for every site, then each route that takes bodies of another size."""
    if not inventory.sites:
        return
    limits = inventory.limits
    whole = (
        f"must be there as a whole within {limits.request_seconds} seconds"
        if limits.request_seconds
        else "may take any time to arrive (request_seconds)"
    )
    yield f"a request may bring {size_text(limits.max_body_bytes)}, and {whole}"
    for name, size in _own_sizes(inventory).items():
        yield f"{name}: a request may bring {size_text(size)}"
    for number, unit, what, key in (
        (limits.requests_per_second, "second", "any route", "requests_per_second"),
        (
            limits.session_requests_per_second,
            "second",
            "routes that people sign in to, instead",
            "session_requests_per_second",
        ),
        (limits.sign_in_per_minute, "minute", "pages to sign in on", "sign_in_per_minute"),
    ):
        rate = f"{number} a {unit}" if number else f"any number ({key})"
        yield f"requests of one address to {what}: {rate}"


def limits_data(inventory: Inventory) -> dict[str, Any]:
    """Return the same as data for JSON; 0 means no limit."""
    limits = inventory.limits
    return {
        "max_body_bytes": limits.max_body_bytes,
        "request_seconds": limits.request_seconds,
        "requests_per_second": limits.requests_per_second,
        "session_requests_per_second": limits.session_requests_per_second,
        "sign_in_per_minute": limits.sign_in_per_minute,
        "routes": [
            {"asset": name, "max_body_bytes": size} for name, size in _own_sizes(inventory).items()
        ],
    }


def _own_sizes(inventory: Inventory) -> dict[str, int]:
    return {
        route_asset(site, route).id: route.max_body_bytes
        for site in inventory.sites
        for route in site.routes
        if route.max_body_bytes is not None
    }

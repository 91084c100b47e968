"""
What a page on which people pay tells browsers: keep nothing, and run what was named.

Only headers: a request to such a page costs no step more than any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.gateway.translate.typed import header

if TYPE_CHECKING:
    from sealgate.gateway.model import JSON
    from sealgate.policy.inventory import Route

# No named script may be pointed elsewhere (base-uri), nor be replaced by a plug-in (CSP 3, 6.3).
_AROUND = "object-src 'none'; base-uri 'self'"


def payment_headers(route: Route) -> list[JSON]:
    """
    Return the response headers that Envoy adds on *route*; none unless people pay there.

    A policy of the site's own stays: browsers hold a page to every policy that it comes
    with, so ours can only forbid more (CSP 3, 4.2).
    """
    if not route.payment:
        return []
    policy = f"{script_source(route)}; {_AROUND}"
    more: list[JSON] = []
    if route.script_reports:
        # Browsers differ in which of the two they know (CSP 3, 6.5).
        policy += f"; report-uri {route.script_reports}; report-to {_ENDPOINT}"
        more = [_added("reporting-endpoints", f'{_ENDPOINT}="{route.script_reports}"')]
    # Until somebody says which scripts belong there, none is blocked: a checkout that
    # breaks is taken out of the configuration, and then nothing is watched.
    name = "content-security-policy" + ("" if route.scripts else "-report-only")
    return [header("cache-control", "no-store"), _added(name, policy), *more]


def _added(name: str, value: str) -> JSON:
    return {"header": {"key": name, "value": value}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}


def script_source(route: Route) -> str:
    """Return the directive that names where scripts of *route* may come from."""
    return f"script-src {' '.join(route.scripts) or _NOBODY}"


_NOBODY = "'none'"
_ENDPOINT = "sealgate-scripts"

"""
Where somebody goes after signing in: back to where they came from, and nowhere else.

What stands in a link can be written by anybody, so a path is taken only when every browser
reads it as a path of this very site (OWASP: unvalidated redirects; WHATWG URL, 4.4).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

from sealgate.gateway.model import OWN_PATH, Guard, guard_at
from sealgate.identity.model import normal
from sealgate.policy.routing import serving_route
from sealgate.signin.model import ReturnPlace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.identity.model import Identity
    from sealgate.policy.inventory import Site

HOME = f"{OWN_PATH}/"
SIGN_IN = f"{OWN_PATH}/sign-in"
OIDC_PATH = f"{OWN_PATH}/oidc"
MOST_PATH_CHARACTERS = 2000
# One slash, and then none: "//evil.example" is another host. Backslashes are slashes to
# browsers, which also drop tabs and line ends; so only visible ASCII but "\" and "#".
_OWN = re.compile(r"/(?:[!-\"$-.0-\[\]-~][!-\"$-\[\]-~]*)?")


def safe_path(wanted: str) -> str:
    """Return *wanted* when it is a path of this site, else "/"."""
    if len(wanted) > MOST_PATH_CHARACTERS or not _OWN.fullmatch(wanted):
        return "/"
    if wanted == OWN_PATH or wanted.startswith((HOME, f"{OWN_PATH}?")):
        return "/"
    return wanted


def sign_in_link(wanted: str) -> str:
    """Return where one signs in to see *wanted*."""
    return f"{SIGN_IN}?to={quote(safe_path(wanted), safe='/')}"


def place_at(site: Site, path: str) -> ReturnPlace:
    """Return the part of *site* that *path* leads to."""
    return ReturnPlace(site, serving_route(site.routes, safe_path(path)))


def easiest(site: Site) -> ReturnPlace:
    """
    Return the part of *site* that asks for the least, of those where one signs in.

    For somebody who signs in without wanting to see anything that asks for it.
    """
    places = [ReturnPlace(site, r) for r in site.routes if guard_at(site, r) is Guard.SIGN_IN]
    return min(places, key=lambda place: (place.rung, bool(place.route.admit)))


def is_admitted(admit: Iterable[str], identity: Identity) -> bool:
    """Return whether ``user:NAME`` or ``group:NAME`` among *admit* means *identity*."""
    groups = {normal(group) for group in identity.groups}
    for entry in admit:
        kind, _, name = entry.partition(":")
        if kind == "user" and normal(name) == normal(identity.name):
            return True
        if kind == "group" and normal(name) in groups:
            return True
    return False

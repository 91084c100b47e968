"""
What sites need on which people sign in: signing keys, the service's socket, who is admitted.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.errors import ConfigError, Fault
from sealgate.gateway.model import Guard, SignInMaterial, guard_of, signs_in
from sealgate.policy.inventory import route_asset
from sealgate.signin.journey import is_admitted
from sealgate.signin.model import TOKEN_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sealgate.identity.model import Identity
    from sealgate.policy.inventory import Inventory

SIGN_IN_SOCKET = "sign-in.sock"
# unix(7): the path of a socket, with the zero at its end.
_LONGEST_PATH = 107
_LIBRARIES = ("starlette", "uvicorn", "joserfc", "webauthn")


def wants_sign_in(inventory: Inventory) -> bool:
    """
    Return whether people sign in to any site.
    """
    return any(signs_in(site) for site in inventory.sites)


def socket_path(inventory: Inventory) -> str:
    """
    Return where the service listens.
    """
    return str(Path(inventory.state_folder, SIGN_IN_SOCKET).absolute())


def check_sign_in(inventory: Inventory) -> None:
    """
    Return when people can sign in where they have to.

    Raises:
        ConfigError: with what is missing.
    """
    if not wants_sign_in(inventory):
        return
    routes = (r for s in inventory.sites for r in s.routes if guard_of(r) is Guard.SIGN_IN)
    place = next(routes).place
    faults = []
    absent = [name for name in _LIBRARIES if importlib.util.find_spec(name) is None]
    if absent:
        message = f"people are to sign in here, but {', '.join(absent)} is not installed"
        faults.append((message, "pip install 'sealgate[signin]'"))
    path = socket_path(inventory)
    if len(path.encode()) > _LONGEST_PATH:
        message = f'"{path}" is longer than the {_LONGEST_PATH} bytes that a socket may have'
        faults.append((message, "a shorter state_folder"))
    if faults:
        source = place.file or inventory.source
        raise ConfigError(
            "people cannot sign in",
            faults=[Fault(source, place.line, message, hint) for message, hint in faults],
        )


def sign_in_material(
    inventory: Inventory, identities: Iterable[Identity], *, now: float
) -> SignInMaterial | None:
    """
    Return what the gateway verifies sessions with, ``None`` where nobody signs in.

    A signing key is made where there is none or it is time for a new one.

    Raises:
        SourceError: the keys cannot be read or written.
    """
    if not wants_sign_in(inventory):
        return None
    from sealgate.identity.adapters.token_keys import TokenKeys  # noqa: PLC0415  # an extra
    from sealgate.identity.tokens import ISSUER, key_set  # noqa: PLC0415  # as above

    keys = TokenKeys(inventory.state_folder).keys(now)
    people = people_of(inventory, identities)
    return SignInMaterial(socket_path(inventory), key_set(keys), ISSUER, people)


def foreseen_sign_in(inventory: Inventory, identities: Iterable[Identity]) -> SignInMaterial | None:
    """
    Return what a plan needs to know; no key is made or read for it.
    """
    if not wants_sign_in(inventory):
        return None
    return SignInMaterial(socket_path(inventory), "", "", people_of(inventory, identities))


def sign_in_remarks(inventory: Inventory) -> tuple[str, ...]:
    """
    Return what a person should know about sessions.
    """
    if not wants_sign_in(inventory):
        return ()
    # One second for clocks that differ is Envoy's.
    seconds = TOKEN_SECONDS + 1
    return (f"where people sign in, what is taken from them holds within {seconds} seconds",)


def people_of(
    inventory: Inventory, identities: Iterable[Identity]
) -> Mapping[str, tuple[str, ...]]:
    """
    Return the names of those who may enter, per asset id of a route with ``admit``.
    """
    known = tuple(identities)
    return {
        route_asset(site, route).id: tuple(
            sorted(one.name for one in known if is_admitted(route.admit, one))
        )
        for site in inventory.sites
        for route in site.routes
        if route.admit and guard_of(route) is Guard.SIGN_IN
    }

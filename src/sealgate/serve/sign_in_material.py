"""What sites need on which people sign in: signing keys, the service's socket, who is admitted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.extras import absent
from sealgate.errors import Fault, SourceError
from sealgate.gateway.model import Guard, SignInMaterial, guard_at, needs_grants, signs_in
from sealgate.identity.sessions import SESSION_SECONDS, TOKEN_SECONDS
from sealgate.policy.assets import route_asset
from sealgate.signin.adapters.client_secrets import read_secret
from sealgate.signin.journey import is_admitted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sealgate.identity.grants import Grant
    from sealgate.identity.model import ClientCertificate, Identity
    from sealgate.policy.inventory import IdentityProvider, Inventory
    from sealgate.serve.facts import Admissions, SessionKeys

SIGN_IN_SOCKET = "sign-in.sock"
# unix(7): the path of a socket, with the zero at its end.
_LONGEST_PATH = 107
_PROVIDER_LIBRARIES = ("authlib", "httpx")


def wants_sign_in(inventory: Inventory) -> bool:
    """Return whether people sign in to any site."""
    return any(signs_in(site) for site in inventory.sites)


def socket_path(inventory: Inventory) -> str:
    """Return where the service listens."""
    return str(Path(inventory.state_folder, SIGN_IN_SOCKET).absolute())


def sign_in_socket_faults(inventory: Inventory) -> Iterator[Fault]:
    """Yield what keeps the socket of the sign-in service from being had."""
    path = socket_path(inventory)
    if wants_sign_in(inventory) and len(path.encode()) > _LONGEST_PATH:
        routes = (r for s in inventory.sites for r in s.routes if guard_at(s, r) is Guard.SIGN_IN)
        place = next(routes).place
        message = f'"{path}" is longer than the {_LONGEST_PATH} bytes that a socket may have'
        yield Fault(place.file or inventory.source, place.line, message, "a shorter state_folder")


def provider_faults(inventory: Inventory) -> Iterator[Fault]:
    """Yield what keeps people from signing in through identity providers."""
    missing = absent(*_PROVIDER_LIBRARIES)
    for provider in inventory.identity_providers:
        place = provider.place
        source = place.file or inventory.source
        if missing:
            message = f'identity provider "{provider.name}" is to be asked, but {missing}'
            yield Fault(source, place.line, message, 'pip install "sealgate[oidc]"')
        try:
            read_secret(provider.secret)
        except SourceError as error:
            yield Fault(source, place.line, error.message, error.hint)


def sign_in_material(
    inventory: Inventory, admissions: Admissions, keys: SessionKeys | None, *, now: float
) -> SignInMaterial | None:
    """Return what the gateway verifies sessions with, by *keys*; ``None`` where nobody signs in."""
    if keys is None:
        return None
    return SignInMaterial(
        socket_path(inventory),
        keys.key_set,
        keys.issuer,
        people_of(inventory, admissions.identities),
        _granted(admissions.grants, admissions.certificates, now),
        keys.told,
    )


def _granted(
    grants: Iterable[Grant], certificates: Iterable[ClientCertificate], now: float
) -> dict[str, dict[str, tuple[str, ...]]]:
    held: dict[str, list[str]] = {}
    for certificate in certificates:
        if certificate.is_living(now):
            held.setdefault(certificate.identity, []).append(certificate.fingerprint)
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for grant in grants:
        found.setdefault(grant.asset, {})[grant.person] = tuple(held.get(grant.person, ()))
    return found


def sign_in_remarks(inventory: Inventory) -> tuple[str, ...]:
    """Return what a person should know about sessions."""
    if not wants_sign_in(inventory):
        return ()
    # One second for clocks that differ is Envoy's.
    seconds = TOKEN_SECONDS + 1
    remark = f"where people sign in, what is taken from them holds within {seconds} seconds"
    if any(needs_grants(site) for site in inventory.sites):
        remark += "; a grant that is ended by a command ends at once"
    return (remark, *map(_provider_remark, inventory.identity_providers))


def _provider_remark(provider: IdentityProvider) -> str:
    keys = ", ".join(provider.counts_as_key)
    worth = f'access "low", and a key where it says {keys}' if keys else 'access "low"'
    unknown = "added" if provider.adds_users else "refused"
    return (
        f'people may sign in through identity provider "{provider.name}" ({provider.issuer}), which '
        f"is worth {worth}; who has no account is {unknown}; what is taken from them there holds "
        f"at their next sign-in, after {SESSION_SECONDS / 3600:.0f} hours at the latest"
    )


def people_of(
    inventory: Inventory, identities: Iterable[Identity]
) -> Mapping[str, tuple[str, ...]]:
    """Return the names of those who may enter, per asset id of a route with ``admit``."""
    known = tuple(identities)
    return {
        route_asset(site, route).id: tuple(
            sorted(one.name for one in known if is_admitted(route.admit, one))
        )
        for site in inventory.sites
        for route in site.routes
        if route.admit and guard_at(site, route) is Guard.SIGN_IN
    }

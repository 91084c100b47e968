"""
What a configuration needs that comes as extras, and whether it is installed.

``serve`` refuses by these before it starts anything, and ``plan`` tells them beforehand.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
from typing import TYPE_CHECKING

from sealgate.errors import Fault
from sealgate.gateway.model import Guard, guard_at
from sealgate.protocols.table import servers_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealgate.policy.inventory import Inventory, Place

# Of these, names are used that they keep to themselves and may change with any minor version
# (docs/adr/0002-dependencies.md). Which version was tested last stands here and in
# pyproject.toml; a test holds the two together.
TESTED = {"asyncssh": "2.24", "pyftpdlib": "2.2", "pyopenssl": "26.4"}


def missing_extras(inventory: Inventory) -> tuple[Fault, ...]:
    """
    Return a fault for each extra that *inventory* needs and that is not there.

    Certificates from an authority, identity providers and inspection have checks of their own.
    """
    return (*_for_sign_in(inventory), *_for_files(inventory))


def _for_sign_in(inventory: Inventory) -> Iterator[Fault]:
    """Yield what is not there although people are to sign in."""
    routes = [r for s in inventory.sites for r in s.routes if guard_at(s, r) is Guard.SIGN_IN]
    missing = absent("starlette", "uvicorn", "joserfc", "webauthn")
    if routes and missing:
        message = f"people are to sign in here, but {missing}"
        yield _fault(inventory, routes[0].place, message, "signin")


def _for_files(inventory: Inventory) -> Iterator[Fault]:
    if not inventory.serves_files:
        return
    kinds = tuple(servers_of(inventory))
    wanted = [name for kind in kinds for name in kind.libraries]
    if missing := absent(*dict.fromkeys(wanted)):
        place = (inventory.drops[0] if inventory.drops else inventory.tunnels[0]).place
        message = f"files are to be served here, but {missing}"
        yield _fault(inventory, place, message, "transfer")
        return
    for name in dict.fromkeys(name for kind in kinds for name in kind.tested):
        required, found = TESTED[name], importlib.metadata.version(name)
        if not _is_of(found, required):
            place = (inventory.drops[0] if inventory.drops else inventory.tunnels[0]).place
            message = (
                f'files are to be served here, but "{name}" {found} is installed; '
                f"{required}.* is required, which was tested"
            )
            hint = f'pip install "{name}=={required}.*"'
            yield Fault(place.file or inventory.source, place.line, message, hint)


def _is_of(version: str, minor: str) -> bool:
    return version == minor or version.startswith(f"{minor}.")


def absent(*libraries: str) -> str:
    """Return which of *libraries* are not there, as the end of a sentence; "" when all are."""
    missing = [name for name in libraries if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} not installed"


def _listed(names: Iterable[str]) -> str:
    *first, last = (f'"{name}"' for name in names)
    return f"{', '.join(first)} and {last}" if first else last


def _fault(inventory: Inventory, place: Place, message: str, extra: str) -> Fault:
    hint = f'pip install "sealgate[{extra}]"'
    return Fault(place.file or inventory.source, place.line, message, hint)

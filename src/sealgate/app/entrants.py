"""
Tells of which drops and tunnels nobody could come in now, before somebody finds out.

It keeps nothing from starting: keys are looked up at each sign-in, so that one that is
added later holds at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.app.state import has_database
from sealgate.app.users import list_users
from sealgate.identity.model import normal
from sealgate.policy.inventory import Drop, drop_asset, tunnel_asset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.app.users import UserLine
    from sealgate.policy.inventory import Inventory, Tunnel

# DESIGN 1, access: from here on a password is not enough.
_HIGH = 2


def nobody_yet(inventory: Inventory, now: float) -> tuple[str, ...]:
    """
    Return a remark for each drop and tunnel that nobody who is admitted could open now.

    *now* is in seconds since the epoch. Where there is no database yet, there is nobody.

    Raises:
        SourceError: the database is there, but cannot be read.
    """
    if not inventory.drops and not inventory.tunnels:
        return ()
    users = list_users(inventory, now) if has_database(inventory) else ()
    return tuple(_remarks(inventory, users))


def _remarks(inventory: Inventory, users: tuple[UserLine, ...]) -> Iterator[str]:
    behind: tuple[Drop | Tunnel, ...] = (*inventory.drops, *inventory.tunnels)
    for one in behind:
        admitted = [user for user in users if _is_admitted(user, one.admit)]
        if any(_has_what_it_takes(user, one, inventory) for user in admitted):
            continue
        asset = drop_asset(one) if isinstance(one, Drop) else tunnel_asset(one)
        who = ", ".join(one.admit)
        need = "a key" if one.classification.required.access >= _HIGH else "a key or a password"
        yield (
            f"{asset.id}: nobody who may come in ({who}) has {need} yet: "
            "sealgate key add NAME FILE.pub"
        )


def _is_admitted(user: UserLine, admit: tuple[str, ...]) -> bool:
    names = {f"user:{normal(user.name)}", *(f"group:{normal(group)}" for group in user.groups)}
    kinds = (entry.partition(":") for entry in admit)
    return any(f"{kind}:{normal(name)}" in names for kind, _, name in kinds)


def _has_what_it_takes(user: UserLine, one: Drop | Tunnel, inventory: Inventory) -> bool:
    listen = inventory.listen
    ftps = isinstance(one, Drop) and bool(listen.ftps or listen.ftps_implicit)
    if listen.sftp and user.living_ssh_keys:
        return True
    if ftps and user.living_certificates:
        return True
    return one.classification.required.access < _HIGH and user.has_password

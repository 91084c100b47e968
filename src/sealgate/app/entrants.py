"""
Tells of which drops and tunnels nobody could come in now, before somebody finds out.

It keeps nothing from starting: keys are looked up at each sign-in, so that one that is
added later holds at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.app.state import has_people
from sealgate.app.users import list_users
from sealgate.identity.model import APPROVER, normal
from sealgate.policy.inventory import Drop
from sealgate.policy.protection import AccessRung
from sealgate.protocols.authorize import asset_id, needs_grant
from sealgate.protocols.model import Method
from sealgate.protocols.table import servers_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sealgate.app.users import UserLine
    from sealgate.policy.inventory import Inventory, Tunnel


def nobody_yet(inventory: Inventory, now: float) -> tuple[str, ...]:
    """
    Return a remark for each drop and tunnel that nobody who is admitted could open now.

    *now* is in seconds since the epoch. Where there is no database yet, there is nobody.

    Raises:
        SourceError: the database is there, but cannot be read.
    """
    if not inventory.drops and not inventory.tunnels:
        return ()
    users = list_users(inventory, now) if has_people(inventory) else ()
    return tuple(_remarks(inventory, users))


def _remarks(inventory: Inventory, users: tuple[UserLine, ...]) -> Iterator[str]:
    behind: tuple[Drop | Tunnel, ...] = (*inventory.drops, *inventory.tunnels)
    for one in behind:
        admitted = [user for user in users if _is_admitted(user, one.admit)]
        if any(_has_what_it_takes(user, one, inventory) for user in admitted):
            continue
        who = ", ".join(one.admit)
        rung = one.classification.required.access
        need = "a key or a password" if rung < AccessRung.HIGH else "a key"
        hint = "sealgate key add NAME FILE.pub"
        if rung >= AccessRung.VERY_HIGH:
            need, hint = "a key and a second factor", f"{hint}, sealgate user totp NAME"
        yield f"{asset_id(one)}: nobody who may come in ({who}) has {need} yet: {hint}"
    guarded = [one for one in behind if needs_grant(one)]
    if guarded and not any(APPROVER in user.roles for user in users):
        yield (
            f"{asset_id(guarded[0])}: it takes a grant, and nobody may approve one yet: "
            f"sealgate user role NAME --add {APPROVER}"
        )


def _is_admitted(user: UserLine, admit: tuple[str, ...]) -> bool:
    names = {f"user:{normal(user.name)}", *(f"group:{normal(group)}" for group in user.groups)}
    kinds = (entry.partition(":") for entry in admit)
    return any(f"{kind}:{normal(name)}" in names for kind, _, name in kinds)


def _has_what_it_takes(user: UserLine, one: Drop | Tunnel, inventory: Inventory) -> bool:
    rung = one.classification.required.access
    if rung >= AccessRung.VERY_HIGH and not (user.has_totp or user.has_password):
        return False
    has = {
        Method.PUBLIC_KEY: user.living_ssh_keys,
        Method.CLIENT_CERTIFICATE: user.living_certificates,
    }
    leads_to_it = [
        protocol
        for kind in servers_of(inventory)
        for protocol in kind.protocols
        if isinstance(one, Drop) or protocol.has_tunnels
    ]
    if any(has[protocol.key] for protocol in leads_to_it):
        return True
    return rung < AccessRung.HIGH and user.has_password

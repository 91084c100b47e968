"""
Adds, lists and removes the identities that may be admitted, and their groups.

A change is in the database first, and then with the running gateway: what a function
here returns tells whether that took it over.
"""

from __future__ import annotations

import getpass
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.app.reload import NotRunning, notify
from sealgate.app.state import database_url
from sealgate.identity.adapters.store import IdentityStore

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.identity.model import ClientCertificate, Identity
    from sealgate.policy.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Changed:
    """
    Who was changed, which certificates it ended, and what the gateway says (*news*).
    """

    name: str
    groups: tuple[str, ...]
    revoked: tuple[ClientCertificate, ...]
    news: str


@dataclass(frozen=True, slots=True)
class UserLine:
    """
    One identity, and how many of its certificates live at the moment.
    """

    name: str
    groups: tuple[str, ...]
    living_certificates: int


def open_identities(inventory: Inventory) -> IdentityStore:
    """
    Return the store of identities of *inventory*; close it.

    Raises:
        SourceError: the database cannot be opened, is damaged, or is newer than this.
    """
    return IdentityStore(database_url(inventory))


def actor() -> str:
    """
    Return the login name of who runs this process, as the trail tells it.

    It is what the system says, not a proof: behind sudo it is who called sudo.
    """
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        # An account without an entry in the password file, as containers have.
        return f"uid {os.getuid()}"


def add_user(
    inventory: Inventory, name: str, groups: Iterable[str], *, by: str, now: float
) -> Changed:
    """
    Add the user *name* as a member of *groups*.

    Raises:
        UsageError: there is one of that name, or a name is not fit for use.
        SourceError: the database cannot be used.
        GatewayError: the change is kept, but the running gateway did not take it over.
    """
    with open_identities(inventory) as store:
        identity = store.add(name, groups, by=by, now=now)
    return _changed(inventory, identity)


def regroup_user(
    inventory: Inventory,
    name: str,
    add: Iterable[str],
    remove: Iterable[str],
    *,
    by: str,
    now: float,
) -> Changed:
    """
    Make the user *name* a member of the groups *add*, and no longer of *remove*.

    Raises:
        UsageError: there is no such user or membership.
        SourceError: the database cannot be used.
        GatewayError: the change is kept, but the running gateway did not take it over.
    """
    with open_identities(inventory) as store:
        identity = store.regroup(name, add, remove, by=by, now=now)
    return _changed(inventory, identity)


def remove_user(inventory: Inventory, name: str, *, by: str, now: float) -> Changed:
    """
    Remove the user *name* and revoke the certificates that were issued to it.

    Raises:
        UsageError: there is no such user.
        SourceError: the database cannot be used.
        GatewayError: the change is kept, but the running gateway did not take it over.
    """
    with open_identities(inventory) as store:
        revoked = store.remove(name, by=by, now=now)
    return Changed(name, (), revoked, tell_gateway(inventory))


def list_users(inventory: Inventory, now: float) -> tuple[UserLine, ...]:
    """
    Return every user by name.

    Raises:
        SourceError: the database cannot be used.
    """
    with open_identities(inventory) as store:
        identities, certificates = store.everything()
    living = [c.identity for c in certificates if c.is_living(now)]
    return tuple(UserLine(i.name, i.groups, living.count(i.name)) for i in identities)


def tell_gateway(inventory: Inventory) -> str:
    """
    Have the running gateway take the change over; return what it says, for a person.

    Raises:
        GatewayError: a gateway runs, but did not confirm. The change itself is kept.
    """
    if isinstance(notify(inventory.state_folder), NotRunning):
        return "no gateway is running; it holds from the next start"
    return "the running gateway enforces it"


def _changed(inventory: Inventory, identity: Identity) -> Changed:
    return Changed(identity.name, identity.groups, (), tell_gateway(inventory))

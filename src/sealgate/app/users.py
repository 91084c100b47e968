"""
Adds, lists and removes the identities that may be admitted, and their groups.

A change is in the database first, and then with the running gateway: what a function
here returns tells whether that took it over.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.reload import NotRunning, notify
from sealgate.app.state import (
    database_url,
    has_people,
    must_have_no_older_gateway,
    must_have_people,
)
from sealgate.errors import SourceError
from sealgate.identity.adapters.password_hash import calibrated_rounds
from sealgate.identity.adapters.store import IdentityStore
from sealgate.identity.look_alikes import likes
from sealgate.identity.model import no_such_user
from sealgate.identity.passwords import checked_choice

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealgate.identity.adapters.people import Credential
    from sealgate.identity.model import Identity
    from sealgate.policy.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Changed:
    """Who was changed, which keys it ended, and what the gateway says (*news*)."""

    name: str
    groups: tuple[str, ...]
    revoked: tuple[Credential, ...]
    news: str


@dataclass(frozen=True, slots=True)
class UserLine:
    """One identity, and what lets it in at the moment."""

    name: str
    groups: tuple[str, ...]
    living_certificates: int
    living_ssh_keys: int = 0
    has_password: bool = False
    living_passkeys: int = 0
    has_totp: bool = False
    roles: tuple[str, ...] = ()


def open_identities(inventory: Inventory) -> IdentityStore:
    """
    Return the store of identities of *inventory*; close it.

    Raises:
        SourceError: the database cannot be opened, is damaged, is newer than this, or is in use
            by a gateway that is older.
    """
    must_have_people(inventory)
    must_have_no_older_gateway(inventory)
    return IdentityStore(database_url(inventory), inventory.state_folder)


def add_user(
    inventory: Inventory,
    name: str,
    groups: Iterable[str],
    *,
    roles: Iterable[str] = (),
    by: str,
    now: float,
) -> Changed:
    """
    Add the user *name* as a member of *groups* who holds *roles*.

    Raises:
        UsageError: there is one of that name, or a name is not fit for use.
        SourceError: the database cannot be used.
        GatewayError: the change is kept, but the running gateway did not take it over.
    """
    with open_identities(inventory) as store:
        identity = store.add(name, groups, roles=roles, by=by, now=now)
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


def reassign_user(
    inventory: Inventory,
    name: str,
    add: Iterable[str],
    remove: Iterable[str],
    *,
    by: str,
    now: float,
) -> Identity:
    """
    Give the user *name* the roles *add*, and take the roles *remove* away.

    Raises:
        UsageError: there is no such user or role.
        SourceError: the database cannot be used.
    """
    with open_identities(inventory) as store:
        return store.reassign(name, add, remove, by=by, now=now)


def look_alike_remarks(inventory: Inventory) -> tuple[str, ...]:
    """
    Return a remark for each two users whose names cannot be told apart.

    They were added before this was judged, or by somebody else than Sealgate; both still
    come in.

    Raises:
        SourceError: the database is there, but cannot be read.
    """
    if not has_people(inventory):
        return ()
    with open_identities(inventory) as store:
        names = [identity.name for identity in store.identities()]
    return tuple(
        f'users "{one}" and "{other}" cannot be told apart by eye or by case, and both may come '
        f"in: sealgate user remove NAME, and add them again under a name of their own"
        for one, other in likes(names)
    )


def remove_user(inventory: Inventory, name: str, *, by: str, now: float) -> Changed:
    """
    Remove the user *name* with its password and codes; revoke its keys, end its grants.

    Raises:
        UsageError: there is no such user.
        SourceError: the database cannot be used.
        GatewayError: the change is kept, but the running gateway did not take it over.
    """
    with open_identities(inventory) as store:
        revoked = store.remove(name, by=by, now=now)
    return Changed(name, (), revoked, tell_gateway(inventory))


def sign_out_user(inventory: Inventory, name: str, *, by: str, now: float) -> int:
    """
    End every sign-in of the user *name* on the web; return how many there were.

    Tokens that are out count for as long as they live, which is under a minute. Who is
    signed in on file servers stays so; what lets them in does, too.

    Raises:
        UsageError: there is no such user.
        SourceError: the database cannot be used.
    """
    with open_identities(inventory) as store:
        return store.sign_ins.end_all(name, by=by, now=now)


def list_users(inventory: Inventory, now: float) -> tuple[UserLine, ...]:
    """
    Return every user by name.

    Raises:
        SourceError: the database cannot be used.
    """
    with open_identities(inventory) as store:
        identities, certificates = store.everything()
        ssh_keys, with_password = store.credentials.ssh_keys(), store.credentials.with_password()
        passkeys, with_totp = store.second_factors.passkeys(), store.second_factors.with_totp()
    living = Counter(c.identity for c in certificates if c.is_living(now))
    ssh = Counter(key.identity for key in ssh_keys if key.is_living)
    browsers = Counter(key.identity for key in passkeys if key.is_living)
    return tuple(
        UserLine(
            i.name,
            i.groups,
            living[i.name],
            ssh[i.name],
            i.name in with_password,
            browsers[i.name],
            i.name in with_totp,
            i.roles,
        )
        for i in identities
    )


def check_user(inventory: Inventory, name: str) -> str:
    """
    Return the name of the user *name* as it is kept, before a person types a password for it.

    Raises:
        UsageError: there is no such user.
        SourceError: the database cannot be used.
    """
    with open_identities(inventory) as store:
        identity = store.identity(name)
    if identity is None:
        raise no_such_user(name)
    return identity.name


def set_password(
    inventory: Inventory, name: str, password: str, *, common: str | None, by: str, now: float
) -> None:
    """
    Give the user *name* a *password*; *common* is a file of passwords that nobody may choose.

    It holds from the next sign-in; sessions that are open are looked at again by their
    servers.

    Raises:
        UsageError: there is no such user, or the password may not be chosen.
        SourceError: the database or the file cannot be used.
    """
    name = check_user(inventory, name)
    with _lines(common) as entries:
        ready = checked_choice(name, password, entries)
    rounds = calibrated_rounds()
    with open_identities(inventory) as store:
        store.credentials.set_password(name, ready, rounds=rounds, by=by, now=now)


def remove_password(inventory: Inventory, name: str, *, by: str, now: float) -> bool:
    """
    Take the password of the user *name* away; return whether there was one.

    Raises:
        UsageError: there is no such user.
        SourceError: the database cannot be used.
    """
    with open_identities(inventory) as store:
        return store.credentials.remove_password(name, by=by, now=now)


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


@contextlib.contextmanager
def _lines(path: str | None) -> Iterator[Iterable[str]]:
    if path is None:
        yield ()
        return
    try:
        # Lists that were put together from leaks hold bytes that are no UTF-8.
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            yield file
    except OSError as error:
        told = error.strerror or type(error).__name__
        message = f'list of common passwords "{path}" cannot be read: {told}'
        raise SourceError(message, hint=f"ls -l '{path}'") from error

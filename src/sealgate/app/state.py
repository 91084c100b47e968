"""
Where an installation keeps its database: the register, and the identities beside it.

One database holds both, each with tables and migrations of its own.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sealgate.app.remains import REGISTER, ROW_KEY, is_lost, must_be_whole
from sealgate.control import served_by
from sealgate.database import is_at, open_database, read_url, sqlite_url
from sealgate.errors import NothingToLookAtError, SourceError
from sealgate.identity.adapters.store import HEAD, VERSION_TABLE, IdentityStore
from sealgate.register.adapters.store import Register

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory
    from sealgate.register.model import TrailCheck

# Used where nothing is configured, in the folder that we are in.
STATE_FOLDER = ".sealgate"
DATABASE_NAME = "register.sqlite"


def database_url(inventory: Inventory | None) -> str:
    """Return the SQLAlchemy URL of the database of *inventory*; nothing is opened."""
    if inventory is not None and inventory.register_url is not None:
        return inventory.register_url
    folder = inventory.state_folder if inventory is not None else STATE_FOLDER
    return sqlite_url(str(Path(folder).absolute() / DATABASE_NAME))


def has_database(inventory: Inventory | None) -> bool:
    """
    Return whether the database was made already; a server's is taken to be there.

    Opening a SQLite file that is not there would make one, which who only looks must not.

    Raises:
        SourceError: the register's URL is none.
    """
    url = read_url(database_url(inventory))
    if url.get_backend_name() != "sqlite" or url.database in {None, "", ":memory:"}:
        return True
    return Path(str(url.database)).exists()


def open_register(inventory: Inventory | None) -> Register:
    """
    Return the register of *inventory*, or without one that of the folder we are in.

    Raises:
        ConfigError: it was there, and is gone.
        SourceError: it cannot be opened.
    """
    must_have_database(inventory)
    return Register(database_url(inventory))


def must_have_database(inventory: Inventory | None) -> None:
    """
    Raise when the database was there and is gone: an empty one in its place would hide that.

    Raises:
        ConfigError: it is gone.
    """
    if inventory is not None and not has_database(inventory):
        must_be_whole(inventory, REGISTER)


def has_people(inventory: Inventory) -> bool:
    """
    Return whether users and keys can be looked at: the database was made, and their key not lost.

    Raises:
        SourceError: the register's URL is none, or what the state folder notes cannot be read.
    """
    return has_database(inventory) and not is_lost(inventory, ROW_KEY)


def must_have_people(inventory: Inventory | None) -> None:
    """
    Raise when the database, or the key of users and keys in it, was there and is gone.

    On a server, the state folder alone knows that there were any.

    Raises:
        ConfigError: it is gone.
    """
    must_have_database(inventory)
    if inventory is not None:
        must_be_whole(inventory, ROW_KEY)


def must_have_no_older_gateway(inventory: Inventory | None) -> None:
    """
    Raise when a gateway runs on a database that is of an older version than this program.

    What it went on to write would lack the seals that the new version demands, and be told as
    written by somebody else. Gateways of other hosts are not seen: PostgreSQL refuses what they
    write from then on (revision 0006 of the identities).

    Raises:
        SourceError: there is one.
    """
    folder = inventory.state_folder if inventory is not None else STATE_FOLDER
    if served_by(folder) in {None, os.getpid()} or not has_database(inventory):
        return
    engine = open_database(database_url(inventory))
    try:
        is_older = not is_at(engine, VERSION_TABLE, HEAD)
    except sa.exc.SQLAlchemyError:
        return  # Whoever opens it says what is wrong.
    finally:
        engine.dispose()
    if is_older:
        raise SourceError(
            "the gateway that runs is older than this program, and goes on writing as before",
            hint="restart it first, on each host that shares its database",
        )


def check_register(inventory: Inventory | None, *, known: str = "") -> TrailCheck:
    """
    Return whether the register of *inventory* still holds what was recorded.

    Users, keys, grants and the trail of their changes are looked at, too.

    *known* is the digest of an entry that was kept elsewhere, "" for none.

    Raises:
        NothingToLookAtError: nothing was recorded yet.
        ConfigError: it was there, and is gone.
        SourceError: it cannot be opened.
    """
    must_have_people(inventory)
    must_have_no_older_gateway(inventory)
    if not has_database(inventory):
        raise NothingToLookAtError("there is no register yet", hint="sealgate audit")
    with open_register(inventory) as register:
        check = register.check_trail(known=known)
    folder = inventory.state_folder if inventory is not None else STATE_FOLDER
    with IdentityStore(database_url(inventory), folder) as people:
        faults = people.check()
    return replace(check, faults=(*check.faults, *faults))

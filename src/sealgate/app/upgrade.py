"""
Brings the database up to date in a process of its own, before a gateway opens it.

What migrates (Alembic, and a templating language that it brings) takes 13 MiB, which a
process that lives for months would hold for ever. Run as a module it does the work: the
URL comes on standard input, because it may hold a password.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import sqlalchemy as sa

from sealgate.app.state import database_url
from sealgate.database import is_at, is_new, open_database
from sealgate.errors import SealgateError
from sealgate.identity.adapters import store as identities
from sealgate.register.adapters import store as register
from sealgate.register.adapters.tables import VERSION_TABLE

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory

_MODULE = "sealgate.app.upgrade"
_MIGRATES = "alembic"
_SECONDS = 60.0


def upgrade_apart(inventory: Inventory) -> None:
    """
    Bring the database of *inventory* up to date in a child, where that is needed.

    Tables that are not there yet are made here, without what migrates. Never raises: whoever
    opens the database next brings it up to date where this did not, and says why where that
    cannot be done.
    """
    url = database_url(inventory)
    if _MIGRATES in sys.modules or not _needs_migrations(url):
        with contextlib.suppress(SealgateError, sa.exc.SQLAlchemyError):
            _open(url, inventory.state_folder)
        return
    try:
        subprocess.run(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-P", "-m", _MODULE],
            input=json.dumps([url, inventory.state_folder]),
            text=True,
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return


def _needs_migrations(url: str) -> bool:
    """Return whether tables are neither up to date nor to be made at once."""
    try:
        engine = open_database(url)
        try:
            return not all(
                is_at(engine, table, head) or is_new(engine, table)
                for table, head in (
                    (VERSION_TABLE, register.HEAD),
                    (identities.VERSION_TABLE, identities.HEAD),
                )
            )
        finally:
            engine.dispose()
    except (SealgateError, sa.exc.SQLAlchemyError):
        return False  # A child can do no more; opening it says what is wrong.


def main() -> None:
    """
    Open both rooms' tables at the URL on standard input, which brings them up to date.

    Beside it, in JSON, stands the state folder.
    """
    _open(*json.load(sys.stdin))


def _open(url: str, state_folder: str) -> None:
    register.Register(url).close()
    identities.IdentityStore(url, state_folder).close()


if __name__ == "__main__":
    main()

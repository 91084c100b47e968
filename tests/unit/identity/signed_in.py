"""Who is signed in, read where the store keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.identity.adapters.schema import SIGN_INS
from sealgate.identity.adapters.sign_ins import find_sign_ins

if TYPE_CHECKING:
    from sealgate.identity.adapters.store import IdentityStore
    from sealgate.identity.sessions import SignIn


def living(store: IdentityStore, name: str, now: float) -> tuple[SignIn, ...]:
    """Return the living sign-ins of *name*, the oldest first."""
    with store.sign_ins._database.reading() as connection:
        found = find_sign_ins(connection, SIGN_INS.c.name == name)
    return tuple(sign_in for sign_in in found if sign_in.is_living(now))

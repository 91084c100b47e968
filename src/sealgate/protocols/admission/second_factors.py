"""
Checks what somebody types beside a key: a password, a one-time code or a recovery code.

Who gets here has proven a key already. Failures are counted apart from those of strangers,
who cannot make anybody wait here; and a key that signs in alone takes none of them back, or
whoever stole it could guess for ever.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sealgate.identity.throttle import Throttle
from sealgate.protocols.model import Method

if TYPE_CHECKING:
    from sealgate.identity.adapters.store import IdentityStore
    from sealgate.identity.totp import Sealer

# As apps show it, with or without the space in the middle.
_CODE = re.compile(r"\d{3} ?\d{3}", re.ASCII)
# Six groups of four, however they are parted; 0, 1 and 8 are read as O, I and B.
_RECOVERY = re.compile(r"[a-z0-8]{4}(?:[ -]?[a-z0-8]{4}){5}", re.ASCII | re.IGNORECASE)
_MAX_TYPED = 1024


class SecondProofs:
    """
    What *people* typed beside a key, judged in several threads.

    *sealer* opens the secrets of codes; where it is ``None``, no code is right.
    """

    def __init__(self, people: IdentityStore, sealer: Sealer | None) -> None:
        self._people = people
        self._sealer = sealer
        self._throttle = Throttle()

    def ways(self, name: str) -> frozenset[Method]:
        """
        Return by what *name* could prove themselves beside a key.

        Raises:
            SealgateError: the database does not answer.
        """
        ways = set()
        if self._people.credentials.password_set_at(name) is not None:
            ways.add(Method.PASSWORD)
        if self._people.second_factors.totp_set_at(name) is not None:
            ways.add(Method.ONE_TIME_CODE)
        return frozenset(ways)

    def must_wait(self, name: str, peer: str, now: float) -> bool:
        """Count one attempt, and return whether it came too early."""
        return self._throttle.attempt(name, peer, now) > 0

    def proven(
        self, name: str, typed: str, peer: str, ways: frozenset[Method], now: float
    ) -> Method | None:
        """
        Return what *name* has proven by what they *typed*, ``None`` for nothing.

        Raises:
            SealgateError: the database or the site's key does not answer.
        """
        found = self._checked(name, typed, ways, now)
        if found is not None:
            self._throttle.succeeded(name, peer, now)
        return found

    def _checked(self, name: str, typed: str, ways: frozenset[Method], now: float) -> Method | None:
        if not typed or len(typed) > _MAX_TYPED:
            return None
        form = _form(typed)
        if Method.ONE_TIME_CODE not in ways:
            form = Method.PASSWORD
        elif Method.PASSWORD in ways and self._people.second_factors.totp_set_at(name) is None:
            # Who has no app may have a password that looks like a code.
            form = Method.PASSWORD
        return form if self._is_right(name, typed, form, ways, now) else None

    def _is_right(
        self, name: str, typed: str, form: Method, ways: frozenset[Method], now: float
    ) -> bool:
        if form is Method.PASSWORD:
            return Method.PASSWORD in ways and self._people.credentials.check_password(name, typed)
        if form is Method.RECOVERY_CODE:
            return self._people.second_factors.check_recovery_code(name, typed, now=now)
        if self._sealer is None:
            return False
        return self._people.second_factors.check_totp(name, typed, self._sealer, now=now)


def _form(typed: str) -> Method:
    if _CODE.fullmatch(typed.strip()):
        return Method.ONE_TIME_CODE
    if _RECOVERY.fullmatch(typed.strip()):
        return Method.RECOVERY_CODE
    return Method.PASSWORD

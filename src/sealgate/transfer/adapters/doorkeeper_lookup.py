"""
Looks up who somebody is: whose a key is, where an address is, which grants they have.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.transfer.authorize import CODES, KEYS, Refusal, access_rung, admits, asset_id
from sealgate.transfer.model import Caller, Method

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.identity.model import Identity
    from sealgate.transfer.adapters.doorkeeper_rules import People, Rules
    from sealgate.transfer.model import Channel


_KEY_GONE = Refusal("", "your key is no longer admitted")
_PASSWORD_GONE = Refusal("", "your password is another one now")


class Lookup:
    """
    Asks *people*; *now* tells seconds since the epoch.

    Every method may raise ``SealgateError``: the database or the country file does not answer.
    """

    def __init__(self, people: People, now: Callable[[], float]) -> None:
        self._people = people
        self._now = now

    def owner(self, method: Method, fingerprint: str) -> str | None:
        """
        Return whose living key it is.
        """
        if method is Method.PUBLIC_KEY:
            key = self._people.ssh_key(fingerprint)
            return key.identity if key is not None and key.is_living else None
        certificate = self._people.certificate(fingerprint)
        living = certificate is not None and certificate.is_living(self._now())
        return certificate.identity if certificate is not None and living else None

    def left(
        self, name: str, methods: frozenset[Method], key: str, since: float
    ) -> tuple[frozenset[Method], Refusal | None]:
        """
        Return what is left of the *methods* that *name* has proven, and why nothing counts.

        *key* is the one that was proven. *since* is a moment before any of it was; 0 when
        nobody knows one.
        """
        if any(self.owner(method, key) != name for method in methods & KEYS):
            return methods, _KEY_GONE
        by_password = since and Method.PASSWORD in methods
        if by_password and _is_newer(self._people.password_set_at(name), since):
            return methods, _PASSWORD_GONE
        if since and methods & CODES and _is_newer(self._people.totp_set_at(name), since):
            # The key goes on opening what a key opens.
            methods -= CODES
        return methods, None

    def caller(
        self,
        identity: Identity,
        methods: frozenset[Method],
        channel: Channel,
        key: str,
        rules: Rules,
    ) -> Caller:
        """
        Return *identity* as the caller on *channel*, with the grants that *rules* go by.
        """
        countries = rules.countries
        country = None if countries is None else countries.country_of(channel.peer)
        rung = access_rung(methods, country, rules.access.countries)
        caller = Caller(identity.name, identity.groups, methods, country, key, access=rung)
        wanted = [one for one in rules.guarded(channel.protocol) if admits(one.admit, caller)]
        found = (self._people.latest_grant(caller.name, asset_id(one)) for one in wanted)
        return replace(caller, grants=tuple(grant for grant in found if grant is not None))


def _is_newer(set_at: float | None, since: float) -> bool:
    return set_at is None or set_at > since

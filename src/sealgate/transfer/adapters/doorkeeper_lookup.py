"""
Looks up who somebody is: whose a key is, where an address is, which grants they have.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.transfer.authorize import KEYS, access_rung, admits, asset_id
from sealgate.transfer.model import Caller, Method

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.identity.model import Identity
    from sealgate.transfer.adapters.doorkeeper_rules import People, Rules
    from sealgate.transfer.model import Channel


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

    def lost_key(self, name: str, methods: frozenset[Method], key: str) -> bool:
        """
        Return whether *key*, which *name* has proven by one of *methods*, is theirs no more.
        """
        return any(self.owner(method, key) != name for method in methods & KEYS)

    def lost_password(self, name: str, since: float) -> bool:
        """
        Return whether *name* has another password than at the moment *since*, or none.
        """
        return _is_newer(self._people.password_set_at(name), since)

    def lost_app(self, name: str, since: float) -> bool:
        """
        Return whether *name* has another app for codes than at the moment *since*, or none.
        """
        return _is_newer(self._people.totp_set_at(name), since)

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

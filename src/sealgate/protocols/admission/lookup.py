"""
Looks up who somebody is: whose a key is, where an address is, which grants they have.

That a key is somebody's is remembered until anything about identities changes: the database
is asked each time whether something has, and for everything else only then.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sealgate.identity.ssh_keys import SSHKey
from sealgate.protocols.authorize import (
    CODES,
    KEYS,
    access_rung,
    admits,
    asset_id,
)
from sealgate.protocols.model import Caller, Method, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.identity.adapters.store import IdentityStore
    from sealgate.identity.model import ClientCertificate, Identity
    from sealgate.protocols.admission.rules import Rules
    from sealgate.protocols.model import Channel


_KEY_GONE = Refusal("", "your key is no longer admitted")
_PASSWORD_GONE = Refusal("", "your password is another one now")
# A database that was put back from a copy may come to a number that it had before.
_HELD_SECONDS = 60.0
_MOST_HELD = 4096


@dataclass(frozen=True, slots=True)
class _Held:
    """Who holds which key, as long as people are of *generation*."""

    generation: int
    since: float
    keys: dict[tuple[str, Method, str], tuple[Identity, SSHKey | ClientCertificate]] = field(
        default_factory=dict
    )


class Lookup:
    """
    Asks *people*; *now* tells seconds since the epoch.

    Every method may raise ``SealgateError``: the database or the country file does not answer.
    """

    def __init__(self, people: IdentityStore, now: Callable[[], float]) -> None:
        self._people = people
        self._now = now
        self._held = _Held(-1, 0.0)

    def holder(self, name: str, method: Method, fingerprint: str) -> Identity | None:
        """
        Return the identity *name* if the key is theirs and living.

        Only those that hold one are remembered. For others everything is looked up each
        time, so that no name is quicker than another that does not hold the key.
        """
        held = self._still_held()
        asked = name, method, fingerprint
        known = held.keys.get(asked)
        if known is not None and self._is_living(known[1]):
            return known[0]
        key = self._key(method, fingerprint)
        identity = self._people.identity(name)
        if key is None or identity is None or key.identity != identity.name:
            return None
        if not self._is_living(key):
            return None
        if len(held.keys) >= _MOST_HELD:
            held.keys.clear()
        held.keys[asked] = identity, key
        return identity

    def _still_held(self) -> _Held:
        # Asked before what is remembered under it is: nothing older can stand there.
        generation, now = self._people.generation(), self._now()
        held = self._held
        if generation != held.generation or not 0 <= now - held.since < _HELD_SECONDS:
            held = self._held = _Held(generation, now)
        return held

    def _key(self, method: Method, fingerprint: str) -> SSHKey | ClientCertificate | None:
        if method is Method.PUBLIC_KEY:
            return self._people.credentials.ssh_key(fingerprint)
        return self._people.credentials.certificate(fingerprint)

    def _is_living(self, key: SSHKey | ClientCertificate) -> bool:
        return key.is_living if isinstance(key, SSHKey) else key.is_living(self._now())

    def present(
        self, name: str, methods: frozenset[Method], key: str, since: float
    ) -> tuple[Identity | None, frozenset[Method], Refusal | None]:
        """
        Return who *name* is, what is left of the *methods* proven, and why nothing counts.

        *key* is the one that was proven. *since* is a moment before any of it was; 0 when
        nobody knows one.
        """
        keys = methods & KEYS
        identity = self.holder(name, next(iter(keys)), key) if len(keys) == 1 else None
        if identity is None:
            identity = self._people.identity(name)
            if identity is not None and keys:
                return identity, methods, _KEY_GONE
        if identity is None:
            return None, methods, None
        return identity, *self._left(identity.name, methods, since)

    def _left(
        self, name: str, methods: frozenset[Method], since: float
    ) -> tuple[frozenset[Method], Refusal | None]:
        by_password = since and Method.PASSWORD in methods
        if by_password and _is_newer(self._people.credentials.password_set_at(name), since):
            return methods, _PASSWORD_GONE
        if (
            since
            and methods & CODES
            and _is_newer(self._people.second_factors.totp_set_at(name), since)
        ):
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
        """Return *identity* as the caller on *channel*, with the grants that *rules* go by."""
        countries = rules.countries
        country = None if countries is None else countries.country_of(channel.peer)
        rung = access_rung(methods, country, rules.access.countries)
        caller = Caller(identity.name, identity.groups, methods, country, key, access=rung)
        wanted = [one for one in rules.guarded(channel.protocol) if admits(one.admit, caller)]
        found = (self._people.grants.latest(caller.name, asset_id(one)) for one in wanted)
        return replace(caller, grants=tuple(grant for grant in found if grant is not None))


def _is_newer(set_at: float | None, since: float) -> bool:
    return set_at is None or set_at > since

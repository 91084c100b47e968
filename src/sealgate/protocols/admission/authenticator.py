"""
Decides who comes in, from identities, countries and drops (implements ``Authenticator``).

One per server process. Identities are looked up at each sign-in, so a change holds for
the next one at once; sessions that are open are judged again by :meth:`recheck`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from sealgate.errors import SealgateError
from sealgate.identity.grants import next_end
from sealgate.identity.model import normal
from sealgate.identity.throttle import Throttle
from sealgate.protocols.admission.lookup import Lookup
from sealgate.protocols.admission.rules import Rules
from sealgate.protocols.admission.second_factors import SecondProofs
from sealgate.protocols.admission.trail import UNKNOWN, SignInTrail
from sealgate.protocols.authorize import (
    KEYS,
    admits,
    asset_id,
    grant_for,
    refusal,
)
from sealgate.protocols.model import (
    Caller,
    Channel,
    FileProtocol,
    KeyOffer,
    Method,
    MoreProof,
    Refusal,
    TransferError,
)
from sealgate.protocols.session.context import SessionContext
from sealgate.protocols.session.session import DropSession
from sealgate.protocols.session.view import denied_by
from sealgate.storage.model import Trouble

if TYPE_CHECKING:
    from sealgate.identity.adapters.store import IdentityStore
    from sealgate.identity.totp import Sealer
    from sealgate.policy.inventory import Drop, Tunnel
    from sealgate.protocols.model import FileSession
    from sealgate.protocols.session.drops import OpenDrop

_RECHECK_SECONDS = 60.0
_GONE = Refusal("", "you are no longer admitted")


class DropAuthenticator:
    """
    The authenticator of one server that speaks *protocol*.

    *people* is asked from several threads. *context* is handed on to sessions; its ``left``
    is replaced by our own. *sealer* opens the secrets of one-time codes.
    """

    def __init__(
        self,
        rules: Rules,
        people: IdentityStore,
        context: SessionContext,
        *,
        protocol: FileProtocol,
        throttle: Throttle | None = None,
        sealer: Sealer | None = None,
    ) -> None:
        self._rules = rules
        self._people = people
        self._context = replace(context, left=self._left)
        self._lookup = Lookup(people, context.now)
        self._trail = SignInTrail(context, protocol)
        self._throttle = throttle or Throttle()
        self._second = SecondProofs(people, sealer)
        self._lock = Lock()
        self._sessions: set[DropSession] = set()
        self._generation = -1
        self._rechecked_at = self._recheck_at = 0.0

    @property
    def sessions(self) -> int:
        """Return how many sessions are open."""
        return len(self._sessions)

    def greet(self, peer: str) -> None:
        """
        A connection came from *peer*.

        Raises:
            TransferError: DENIED: too many attempts from there.
        """
        now = self._context.now()
        wait = self._throttle.waiting(peer, now)
        if wait > 0:
            self._trail.turned_away(peer, now)
            raise TransferError(
                Trouble.DENIED,
                f"too many failed attempts from this address: wait {math.ceil(wait)} seconds",
            )

    def knows_key(self, name: str, offer: KeyOffer) -> bool:
        """Return whether *offer* is a living key of *name*. Unknown names take as long."""
        try:
            return self._lookup.holder(name, offer.method, offer.fingerprint) is not None
        except SealgateError as error:
            self._context.complain(error.message)
            return False

    def is_usual(self, name: str, peer: str) -> bool:
        """Return whether *name* signed in from *peer* before; asks no database."""
        return self._throttle.is_usual(normal(name), peer, self._context.now())

    def check_password(self, name: str, password: str, peer: str) -> bool:
        """Return whether it is right; counts failures against *name* and *peer*."""
        name, now = normal(name), self._context.now()
        if self._throttle.attempt(name, peer, now) > 0:
            self._failed(name, peer, "too many attempts")
            return False
        try:
            right = self._people.credentials.check_password(name, password)
        except SealgateError as error:
            self._context.complain(error.message)
            return False
        if right:
            self._throttle.succeeded(name, peer, now)
        else:
            self._failed(name, peer, "wrong name or password")
        return right

    def more_proof(
        self, name: str, methods: frozenset[Method], channel: Channel, *, key: str
    ) -> MoreProof | None:
        """Return what *name* could open by one more proof, ``None`` for nothing."""
        guarded = self._rules.guarded(channel.protocol)
        if not guarded or not methods & KEYS:
            return None
        try:
            identity = self._people.identity(name)
            if identity is None:
                return None
            caller = self._lookup.caller(identity, methods, channel, key, self._rules)
            shut = [one for one in guarded if self._would_open(one, caller, channel)]
            ways = self._second.ways(identity.name) if shut else frozenset()
        except SealgateError as error:
            self._context.complain(error.message)
            return None
        return MoreProof(tuple(asset_id(one) for one in shut), ways) if ways else None

    def check_second(
        self, name: str, typed: str, peer: str, ways: frozenset[Method]
    ) -> Method | None:
        """Return what *name* has proven beside a key; counts failures against them."""
        name, now = normal(name), self._context.now()
        if self._second.must_wait(name, peer, now):
            self._failed(name, peer, "too many attempts")
            return None
        try:
            found = self._second.proven(name, typed, peer, ways, now)
        except SealgateError as error:
            self._context.complain(error.message)
            return None
        if found is None:
            self._failed(name, peer, "wrong second factor")
        return found

    def failed(self, name: str, peer: str, why: str) -> None:
        """Note a sign-in that failed in another way."""
        name = normal(name)
        self._throttle.attempt(name, peer, self._context.now())
        self._failed(name, peer, why)

    def sign_in(
        self, name: str, methods: frozenset[Method], channel: Channel, *, key: str = ""
    ) -> FileSession:
        """
        Return the session of *name*, whose *methods* have been proven.

        Raises:
            TransferError: DENIED: no drop and no tunnel admits them over this channel with
                these methods from this country; the message says what is missing.
        """
        caller = self._caller(name, methods, channel, key)
        drops, refused = self._admitted(caller, channel)
        has_tunnel, no_tunnel = self._tunnels(caller, channel)
        if not drops and not has_tunnel:
            why = next(iter(refused.values()), no_tunnel) or Refusal("", "no drop admits you")
            self._trail.refused(caller.name, channel, why.message, rule=why.rule, key=key)
            raise denied_by(why)
        session = DropSession(caller, channel, drops, refused, self._context)
        with self._lock:
            self._sessions.add(session)
            self._look_again_for(caller)
        granted = (grant_for(one.drop, caller) for one in drops.values())
        grants = ", ".join(grant.id for grant in granted if grant is not None)
        self._trail.signed_in(caller, channel, ", ".join(sorted(drops)), grants)
        return session

    def may_tunnel(
        self,
        name: str,
        methods: frozenset[Method],
        channel: Channel,
        host: str,
        port: int,
        *,
        key: str = "",
        is_open: bool = False,
    ) -> None:
        """
        Return if *name* may have a tunnel to *host*:*port* as asked for by the client.

        Raises:
            TransferError: DENIED, with the rule.
        """
        caller = self._caller(name, methods, channel, key)
        wanted = host.strip("[]").lower(), port
        for tunnel in self._rules.tunnels:
            if (tunnel.target.host.lower(), tunnel.target.port) != wanted:
                continue
            against = self._against(tunnel, caller, channel)
            if against is None:
                grant = grant_for(tunnel, caller)
                if not is_open:
                    self._trail.tunnelled(caller, channel, tunnel, grant.id if grant else "")
                return
            self._trail.refused(
                caller.name, channel, against.message, rule=against.rule, place=tunnel.name
            )
            raise denied_by(against)
        # What the client asked for is its own text, and stays out of the trail.
        self._trail.refused(caller.name, channel, "a tunnel to somewhere that is not declared")
        raise TransferError(
            Trouble.DENIED, "no tunnel to there is declared", hint="add a [[tunnel]]"
        )

    def renew(self, rules: Rules) -> None:
        """Go by other *rules* from now on, in open sessions too."""
        self._rules = rules
        self.recheck()

    def tick(self) -> None:
        """
        Judge open sessions again when identities changed, and each minute in any case.

        Certificates end by themselves.
        """
        now = self._context.now()
        try:
            generation = self._people.generation()
        except SealgateError as error:
            self._context.complain(error.message)
            generation = -1
        if generation != self._generation or now >= self._recheck_at or now < self._rechecked_at:
            self._generation = generation
            self.recheck()

    def recheck(self) -> None:
        """Judge every open session again; who is no longer admitted gets no further."""
        with self._lock:
            self._rechecked_at = self._context.now()
            self._recheck_at = self._rechecked_at + _RECHECK_SECONDS
            sessions = tuple(self._sessions)
        for session in sessions:
            try:
                self._judge(session)
            except SealgateError as error:
                # Whoever cannot be judged is not admitted.
                self._context.complain(error.message)
                session.cut(_GONE)

    def _look_again_for(self, caller: Caller) -> None:
        # When a grant runs out, so that a tunnel ends with it. With the lock held.
        end = next_end(caller.grants, self._context.now())
        if end is not None:
            self._recheck_at = min(self._recheck_at, end)

    def _judge(self, session: DropSession) -> None:
        caller, channel = session.caller, session.channel
        identity, methods, gone = self._lookup.present(
            caller.name, caller.methods, caller.key, session.began_at
        )
        if identity is None or gone is not None:
            session.cut(gone or _GONE)
            return
        again = self._lookup.caller(identity, methods, channel, caller.key, self._rules)
        drops, refused = self._admitted(again, channel)
        has_tunnel, no_tunnel = self._tunnels(again, channel)
        if not drops and not has_tunnel:
            session.cut(next(iter(refused.values()), no_tunnel) or _GONE)
            return
        session.admit(again, drops, refused)
        with self._lock:
            self._look_again_for(again)

    def _left(self, session: DropSession) -> None:
        with self._lock:
            self._sessions.discard(session)

    def _caller(self, name: str, methods: frozenset[Method], channel: Channel, key: str) -> Caller:
        try:
            identity, methods, gone = self._lookup.present(name, methods, key, channel.began_at)
            if identity is not None and methods:
                caller = self._lookup.caller(identity, methods, channel, key, self._rules)
        except SealgateError as error:
            self._context.complain(error.message)
            raise TransferError(Trouble.FAILED, "the server cannot look you up now") from error
        if identity is None or not methods:
            self._trail.refused(UNKNOWN, channel, "no such user")
            raise TransferError(Trouble.DENIED, "no drop admits you")
        if gone is not None:
            # It was revoked after it was proven.
            self._trail.refused(identity.name, channel, gone.message, key=key)
            raise denied_by(gone)
        # A key takes no failed password back: who stole it must not guess on for ever.
        typed = Method.PASSWORD in methods
        self._throttle.succeeded(identity.name, channel.peer, self._context.now(), forgives=typed)
        return caller

    def _admitted(
        self, caller: Caller, channel: Channel
    ) -> tuple[dict[str, OpenDrop], dict[str, Refusal]]:
        drops: dict[str, OpenDrop] = {}
        refused: dict[str, Refusal] = {}
        for name, drop in self._rules.drops.items():
            if not admits(drop.drop.admit, caller):
                continue
            against = self._against(drop.drop, caller, channel)
            if against is None:
                drops[name] = drop
            else:
                refused[name] = against
        return drops, refused

    def _against(self, asset: Drop | Tunnel, caller: Caller, channel: Channel) -> Refusal | None:
        return refusal(asset, caller, channel, self._rules.access, self._context.now())

    def _would_open(self, asset: Drop | Tunnel, caller: Caller, channel: Channel) -> bool:
        """Return whether a second factor is the one thing that is missing."""
        if self._against(asset, caller, channel) is None:
            return False
        more = replace(caller, methods=caller.methods | {Method.ONE_TIME_CODE})
        return self._against(asset, more, channel) is None

    def _tunnels(self, caller: Caller, channel: Channel) -> tuple[bool, Refusal | None]:
        """Return whether *caller* may have any tunnel, and else why not one that admits them."""
        why = None
        if channel.protocol.has_tunnels:
            for tunnel in self._rules.tunnels:
                if admits(tunnel.admit, caller):
                    against = self._against(tunnel, caller, channel)
                    if against is None:
                        return True, None
                    why = why or against
        return False, why

    def _failed(self, name: str, peer: str, why: str) -> None:
        try:
            identity = self._people.identity(name)
        except SealgateError:
            identity = None
        # A password typed where the name belongs must not get into the trail.
        known = identity.name if identity else UNKNOWN
        self._trail.refused(known, self._trail.at(peer), why)

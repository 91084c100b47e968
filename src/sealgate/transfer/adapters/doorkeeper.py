"""
Decides who comes in, from identities, countries and drops (implements ``Doorkeeper``).

One per server process. Identities are looked up at each sign-in, so a change holds for
the next one at once; sessions that are open are judged again by :meth:`recheck`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from sealgate.errors import SealgateError
from sealgate.identity.model import normal
from sealgate.identity.throttle import Throttle
from sealgate.storage.model import Trouble
from sealgate.transfer.adapters.doorkeeper_rules import People, Rules
from sealgate.transfer.adapters.session import Session
from sealgate.transfer.adapters.session_house import House
from sealgate.transfer.authorize import KEYS, admits, refusal
from sealgate.transfer.model import (
    Caller,
    Channel,
    Event,
    KeyOffer,
    Method,
    TransferError,
    TransferProtocol,
)

if TYPE_CHECKING:
    from sealgate.policy.inventory import Drop, Tunnel
    from sealgate.transfer.adapters.session_drops import OpenDrop
    from sealgate.transfer.authorize import Refusal
    from sealgate.transfer.model import FileSession

# A refusal at the door is noted once in so many seconds for each address.
_QUIET_SECONDS = 60.0
_MAX_QUIET = 10_000
_RECHECK_SECONDS = 60.0
_UNKNOWN = "(unknown)"
_GONE = "you are no longer admitted"
_KEY_GONE = "your key is no longer admitted"
_PASSWORD_GONE = "your password is another one now"  # noqa: S105  # said to the client


class DropDoorkeeper:
    """
    The doorkeeper of one server that speaks *protocol*.

    *people* is asked from several threads. *house* is handed on to sessions; its ``left``
    is replaced by our own.
    """

    def __init__(
        self,
        rules: Rules,
        people: People,
        house: House,
        *,
        protocol: TransferProtocol,
        throttle: Throttle | None = None,
    ) -> None:
        self._rules = rules
        self._people = people
        self._house = replace(house, left=self._left)
        self._protocol = protocol
        self._throttle = throttle or Throttle()
        self._lock = Lock()
        self._sessions: set[Session] = set()
        self._quiet: dict[str, float] = {}
        self._generation = -1
        self._rechecked_at = self._recheck_at = 0.0

    @property
    def sessions(self) -> int:
        """
        Return how many sessions are open.
        """
        return len(self._sessions)

    def greet(self, peer: str) -> None:
        """
        A connection came from *peer*.

        Raises:
            TransferError: DENIED: too many attempts from there.
        """
        now = self._house.now()
        wait = self._throttle.waiting(peer, now)
        if wait > 0:
            if self._is_news(peer, now):
                self._refused(_UNKNOWN, self._at(peer), "too many attempts from this address")
            raise TransferError(
                Trouble.DENIED,
                f"too many failed attempts from this address: wait {math.ceil(wait)} seconds",
            )

    def knows_key(self, name: str, offer: KeyOffer) -> bool:
        """
        Return whether *offer* is a living key of *name*. Unknown names take as long.
        """
        try:
            owner = self._owner(offer.method, offer.fingerprint)
            identity = self._people.identity(name)
        except SealgateError as error:
            self._house.complain(error.message)
            return False
        return identity is not None and owner == identity.name

    def check_password(self, name: str, password: str, peer: str) -> bool:
        """
        Return whether it is right; counts failures against *name* and *peer*.
        """
        name, now = normal(name), self._house.now()
        if self._throttle.attempt(name, peer, now) > 0:
            self._failed(name, peer, "too many attempts")
            return False
        try:
            right = self._people.check_password(name, password)
        except SealgateError as error:
            self._house.complain(error.message)
            return False
        if right:
            self._throttle.succeeded(name, peer, now)
        else:
            self._failed(name, peer, "wrong name or password")
        return right

    def failed(self, name: str, peer: str, why: str) -> None:
        """
        Note a sign-in that failed in another way.
        """
        name = normal(name)
        self._throttle.attempt(name, peer, self._house.now())
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
        if not drops and not self._has_tunnel(caller, channel):
            why = next(iter(refused.values()), None)
            message = why.message if why else "no drop admits you"
            rule = why.rule if why else ""
            self._refused(caller.name, channel, message, rule=rule, key=key)
            raise TransferError(
                Trouble.DENIED, message, rule=rule or None, hint=why.hint or None if why else None
            )
        session = Session(caller, channel, drops, refused, self._house)
        with self._lock:
            self._sessions.add(session)
        self._note("login", caller.name, channel, ", ".join(sorted(drops)), "ok", key=key)
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
            against = refusal(tunnel, caller, channel, self._rules.access)
            if against is None:
                if not is_open:
                    self._note("tunnel", caller.name, channel, tunnel.name, "ok", tunnel=tunnel)
                return
            self._refused(
                caller.name, channel, against.message, rule=against.rule, place=tunnel.name
            )
            raise TransferError(
                Trouble.DENIED,
                against.message,
                rule=against.rule or None,
                hint=against.hint or None,
            )
        # What the client asked for is its own text, and stays out of the trail.
        self._refused(caller.name, channel, "a tunnel to somewhere that is not declared")
        raise TransferError(
            Trouble.DENIED, "no tunnel to there is declared", hint="add a [[tunnel]]"
        )

    def renew(self, rules: Rules) -> None:
        """
        Go by other *rules* from now on, in open sessions too.
        """
        self._rules = rules
        self.recheck()

    def tick(self) -> None:
        """
        Judge open sessions again when identities changed, and each minute in any case.

        Certificates end by themselves.
        """
        now = self._house.now()
        try:
            generation = self._people.generation()
        except SealgateError as error:
            self._house.complain(error.message)
            generation = -1
        if generation != self._generation or now >= self._recheck_at or now < self._rechecked_at:
            self._generation = generation
            self.recheck()

    def recheck(self) -> None:
        """
        Judge every open session again; who is no longer admitted gets no further.
        """
        self._rechecked_at = self._house.now()
        self._recheck_at = self._rechecked_at + _RECHECK_SECONDS
        with self._lock:
            sessions = tuple(self._sessions)
        for session in sessions:
            try:
                self._judge(session)
            except SealgateError as error:
                # Whoever cannot be judged is not admitted.
                self._house.complain(error.message)
                session.cut(_GONE)

    def _judge(self, session: Session) -> None:
        caller, channel = session.caller, session.channel
        methods = caller.methods
        if self._lost_key(caller.name, methods, caller.key):
            session.cut(_KEY_GONE)
            return
        identity = self._people.identity(caller.name)
        if identity is None:
            session.cut(_GONE)
            return
        if Method.PASSWORD in methods and self._lost_password(session):
            session.cut(_PASSWORD_GONE)
            return
        again = Caller(
            identity.name, identity.groups, methods, self._country(channel.peer), caller.key
        )
        drops, refused = self._admitted(again, channel)
        if not drops and not self._has_tunnel(again, channel):
            session.cut(_GONE)
        else:
            session.admit(again, drops, refused)

    def _lost_password(self, session: Session) -> bool:
        """
        Return whether the password that opened *session* is in force no more.
        """
        set_at = self._people.password_set_at(session.caller.name)
        return set_at is None or set_at > session.began_at

    def _left(self, session: Session) -> None:
        with self._lock:
            self._sessions.discard(session)

    def _caller(self, name: str, methods: frozenset[Method], channel: Channel, key: str) -> Caller:
        try:
            identity = self._people.identity(name)
            gone = identity is not None and self._lost_key(identity.name, methods, key)
            country = self._country(channel.peer)
        except SealgateError as error:
            self._house.complain(error.message)
            raise TransferError(Trouble.FAILED, "the server cannot look you up now") from error
        if identity is None or not methods:
            self._refused(_UNKNOWN, channel, "no such user")
            raise TransferError(Trouble.DENIED, "no drop admits you")
        if gone:
            # It was revoked after it was proven.
            self._refused(identity.name, channel, _KEY_GONE, key=key)
            raise TransferError(Trouble.DENIED, _KEY_GONE)
        self._throttle.succeeded(identity.name, channel.peer, self._house.now())
        return Caller(identity.name, identity.groups, methods, country, key)

    def _lost_key(self, name: str, methods: frozenset[Method], key: str) -> bool:
        """
        Return whether *key*, which *name* has proven by one of *methods*, is theirs no more.
        """
        return any(self._owner(method, key) != name for method in methods & KEYS)

    def _owner(self, method: Method, fingerprint: str) -> str | None:
        """
        Return whose living key it is.
        """
        if method is Method.PUBLIC_KEY:
            key = self._people.ssh_key(fingerprint)
            return key.identity if key is not None and key.is_living else None
        certificate = self._people.certificate(fingerprint)
        living = certificate is not None and certificate.is_living(self._house.now())
        return certificate.identity if certificate is not None and living else None

    def _country(self, peer: str) -> str | None:
        countries = self._rules.countries
        return None if countries is None else countries.country_of(peer)

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
        return refusal(asset, caller, channel, self._rules.access)

    def _has_tunnel(self, caller: Caller, channel: Channel) -> bool:
        if channel.protocol is TransferProtocol.FTPS:
            return False
        return any(self._against(t, caller, channel) is None for t in self._rules.tunnels)

    def _is_news(self, peer: str, now: float) -> bool:
        with self._lock:
            if now - self._quiet.get(peer, -math.inf) < _QUIET_SECONDS:
                return False
            if len(self._quiet) >= _MAX_QUIET:
                self._quiet.clear()
            self._quiet[peer] = now
            return True

    def _failed(self, name: str, peer: str, why: str) -> None:
        try:
            identity = self._people.identity(name)
        except SealgateError:
            identity = None
        # A password typed where the name belongs must not get into the trail.
        self._refused(identity.name if identity else _UNKNOWN, self._at(peer), why)

    def _at(self, peer: str) -> Channel:
        return Channel(self._protocol, peer, version="", group="", cipher="")

    def _refused(
        self,
        name: str,
        channel: Channel,
        why: str,
        *,
        rule: str = "",
        key: str = "",
        place: str = "",
    ) -> None:
        self._note("refusal", name, channel, place, why, rule=rule, key=key)

    def _note(
        self,
        action: str,
        name: str,
        channel: Channel,
        place: str,
        result: str,
        *,
        rule: str = "",
        key: str = "",
        tunnel: Tunnel | None = None,
    ) -> None:
        self._house.note(
            Event(
                at=self._house.now(),
                action=action,
                caller=name,
                channel=channel,
                place=place,
                classification=tunnel.classification.id if tunnel else "",
                size=0,
                result=result,
                rule=rule,
                key=key,
            )
        )

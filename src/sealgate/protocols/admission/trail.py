"""What an authenticator writes into the trail: who came in, and who did not and why."""

from __future__ import annotations

import math
from threading import Lock
from typing import TYPE_CHECKING

from sealgate.policy.protection import AccessRung
from sealgate.protocols.model import Caller, Channel, Event, FileProtocol

if TYPE_CHECKING:
    from sealgate.policy.inventory import Tunnel
    from sealgate.protocols.session.context import SessionContext

# A refusal at the door is noted once in so many seconds for each address.
_QUIET_SECONDS = 60.0
_MAX_QUIET = 10_000
UNKNOWN = "(unknown)"


class SignInTrail:
    """The trail of the door of *protocol*, kept by *context*."""

    def __init__(self, context: SessionContext, protocol: FileProtocol) -> None:
        self._context = context
        self._protocol = protocol
        self._lock = Lock()
        self._quiet: dict[str, float] = {}

    def turned_away(self, peer: str, now: float) -> None:
        """Note that an address has to wait; once in a minute for each."""
        if self._is_news(peer, now):
            self.refused(UNKNOWN, self.at(peer), "too many attempts from this address")

    def at(self, peer: str) -> Channel:
        """Return a connection of which nothing is known yet but where it comes from."""
        return Channel(self._protocol, peer, version="", group="", cipher="")

    def refused(
        self,
        name: str,
        channel: Channel,
        why: str,
        *,
        rule: str = "",
        key: str = "",
        place: str = "",
    ) -> None:
        """Note that *name* did not get what they wanted, and *why*."""
        self._note("refusal", Caller(name, (), frozenset(), None, key), channel, place, why, rule)

    def signed_in(self, caller: Caller, channel: Channel, drops: str, grants: str) -> None:
        """Note that *caller* came in and sees *drops*; *grants* are ids of those that it took."""
        self._note("login", caller, channel, drops, "ok", grant=grants)

    def tunnelled(self, caller: Caller, channel: Channel, tunnel: Tunnel, grant: str) -> None:
        """Note that *caller* opened *tunnel*; *grant* is the id of the one that it took."""
        classification = tunnel.classification.id
        self._note(
            "tunnel", caller, channel, tunnel.name, "ok", grant=grant, classification=classification
        )

    def _is_news(self, peer: str, now: float) -> bool:
        with self._lock:
            if now - self._quiet.get(peer, -math.inf) < _QUIET_SECONDS:
                return False
            if len(self._quiet) >= _MAX_QUIET:
                self._quiet.clear()
            self._quiet[peer] = now
            return True

    def _note(
        self,
        action: str,
        caller: Caller,
        channel: Channel,
        place: str,
        result: str,
        rule: str = "",
        *,
        grant: str = "",
        classification: str = "",
    ) -> None:
        self._context.note(
            Event(
                at=self._context.now(),
                action=action,
                caller=caller.name,
                channel=channel,
                place=place,
                classification=classification,
                size=0,
                result=result,
                rule=rule,
                key=caller.key,
                access=AccessRung.VERY_HIGH if grant else caller.access,
                grant=grant,
            )
        )

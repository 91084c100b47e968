"""
A session: what one sign-in is worth, to one site, until when. Pure.

A session lives as a short token (:mod:`sealgate.identity.tokens`) that is made anew while
its row in the database says so. It never outlives what it rests on: rung 3 ends with the
freshness of its second factor and with its grant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.identity.factors import FRESH_SECONDS, rung_of, second_factors
from sealgate.policy.protection import AccessRung

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.identity.factors import Factor, Proven
    from sealgate.identity.grants import Grant
    from sealgate.identity.model import Identity

MILLISECONDS = 1000
# A token is good without a question to the database for so long. With the second by which
# clocks may differ, this is how long a revocation takes at the most, and under a minute.
TOKEN_SECONDS = 55
# NIST SP 800-63B-4, 2.2.3 and 2.3.3: at most 12 hours (AAL3), then everything is asked again.
SESSION_SECONDS = 12 * 3600.0
# Who has not come back for so long is asked again (the same clauses: 15 to 60 minutes).
IDLE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Session:
    """
    Who *name* is to the site *site*: the *rung*, what was *proven*, from which *country*.

    *site* is the site's first domain. *asset* is the one asset whose grant rung 3 rests on,
    "" below that: elsewhere the session is worth rung 2. *issued_at* is in seconds since the
    epoch, whole milliseconds; *ends_at* in whole seconds. *id* names the sign-in, and is the
    same in every token of it until more is proven. *certificate* is the fingerprint of the client certificate that
    rung 3 is bound to: without it, the session is worth nothing. "" where it is bound to none.
    """

    name: str
    rung: AccessRung
    proven: tuple[Proven, ...]
    country: str | None
    issued_at: float
    ends_at: int
    id: str
    site: str
    groups: tuple[str, ...] = ()
    asset: str = ""
    certificate: str = ""

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Return which factors were proven, each once."""
        return tuple(dict.fromkeys(p.factor for p in self.proven))

    def rung_for(self, asset: str) -> AccessRung:
        """Return what it is worth at *asset*: a grant is for one asset only."""
        return self.rung if asset == self.asset else min(self.rung, AccessRung.HIGH)


@dataclass(frozen=True, slots=True)
class SignIn:
    """
    What is kept of one sign-in: the row that a token may be made anew from.

    *ended_at* is ``None`` while nobody ended it; *used_at* is when a token was made last.
    """

    id: str
    name: str
    site: str
    proven: tuple[Proven, ...]
    started_at: float
    used_at: float
    ended_at: float | None = None

    def is_living(self, now: float) -> bool:
        """Return whether a token may still be made from it."""
        return (
            self.ended_at is None
            and self.started_at <= now < self.started_at + SESSION_SECONDS
            and now < self.used_at + IDLE_SECONDS
        )


def session_of(
    identity: Identity,
    sign_in: SignIn,
    country: str | None,
    allowed: Iterable[str],
    grant: Grant | None,
    now: float,
) -> Session | None:
    """
    Return what *sign_in* of *identity* is worth from now on, ``None`` when it is nothing.

    *grant* is the one that runs for this person and the asset that they want, if any.
    """
    if not sign_in.is_living(now) or identity.name != sign_in.name:
        return None
    issued = int(now * MILLISECONDS) / MILLISECONDS
    end = min(now + TOKEN_SECONDS, sign_in.started_at + SESSION_SECONDS)
    if grant is not None and grant.person != identity.name:
        grant = None
    rung = rung_of(sign_in.proven, country, allowed, grant, now)
    if rung >= AccessRung.VERY_HIGH and grant is not None and grant.ends_at is not None:
        newest = second_factors(sign_in.proven, now)[0]
        end = min(end, newest.at + FRESH_SECONDS, grant.ends_at)
    else:
        grant = None
    if rung == AccessRung.NONE or int(end) <= int(issued):
        return None
    return Session(
        identity.name,
        rung,
        sign_in.proven,
        country,
        issued,
        int(end),
        sign_in.id,
        sign_in.site,
        identity.groups,
        grant.asset if grant is not None else "",
    )

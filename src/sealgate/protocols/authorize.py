"""
What a live connection is worth, and what a caller may do over it.

Pure. Facts of the connection go in, a rank of the ladder comes out, by the same table that
an audit judges with (:mod:`sealgate.policy.algorithms`). A channel or a caller below what
the class demands is refused with the rule that stands against it. What could not be seen
is worth nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.identity.factors import Factor, Need, Proven, missing, rung_of
from sealgate.identity.model import normal
from sealgate.policy.algorithms import OLDER_CIPHERS, OLDER_KEX
from sealgate.policy.assets import drop_asset, tunnel_asset
from sealgate.policy.inventory import Drop
from sealgate.policy.protection import AccessRung, TransitRung
from sealgate.policy.requirements import required_of_drop
from sealgate.protocols.model import Action, Method, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sealgate.identity.grants import Grant
    from sealgate.policy.inventory import AccessSettings, Tunnel
    from sealgate.protocols.model import Caller, Channel, FileProtocol

KEYS = frozenset([Method.PUBLIC_KEY, Method.CLIENT_CERTIFICATE])
CODES = frozenset([Method.ONE_TIME_CODE, Method.RECOVERY_CODE])
_FACTORS = {
    Method.PASSWORD: Factor.PASSWORD,
    Method.PUBLIC_KEY: Factor.SSH_KEY,
    Method.CLIENT_CERTIFICATE: Factor.CERTIFICATE,
    Method.ONE_TIME_CODE: Factor.TOTP,
    Method.RECOVERY_CODE: Factor.RECOVERY_CODE,
}
_TYPED = (Factor.PASSWORD, Factor.TOTP, Factor.RECOVERY_CODE)
_RULES = {
    Need.SIGN_IN: "access-anonymous",
    Need.KEY: "access-no-key",
    Need.COUNTRY: "access-no-key",
    Need.SECOND_FACTOR: "access-no-approval",
    Need.GRANT: "access-no-approval",
}


def transit_rung(channel: Channel, methods: frozenset[Method] = frozenset()) -> TransitRung:
    """
    Return the rank of *channel* on the ladder "in transit".

    The top rank needs both sides authenticated by key, so it is reached only when
    *methods*, those that the caller proved, hold the protocol's own key.
    """
    rank = channel.protocol.rung(channel)
    return rank if channel.protocol.key in methods else min(rank, TransitRung.ENCRYPTED)


def access_rung(
    methods: frozenset[Method],
    country: str | None,
    allowed: Iterable[str],
    grant: Grant | None = None,
    now: float = 0.0,
) -> AccessRung:
    """
    Return the rank on the ladder "access" of somebody who signed in by *methods*.

    *country* is where they are, ``None`` when nobody knows; *grant* is one for this person
    and asset. *now* is in seconds since the epoch; at its default no grant runs.
    """
    return rung_of(_proven(methods, now), country, allowed, grant, now)


def _proven(methods: frozenset[Method], now: float) -> Iterator[Proven]:
    # A connection signs in within the grace of its server, a minute, so every proof was fresh
    # then; what ends a session of the top rung is the end of its grant (ADR 0022).
    return (Proven(_FACTORS[method], now) for method in methods)


def asset_id(asset: Drop | Tunnel) -> str:
    """Return the id of *asset*, by which grants are asked for."""
    return (drop_asset(asset) if isinstance(asset, Drop) else tunnel_asset(asset)).id


def needs_grant(asset: Drop | Tunnel) -> bool:
    """Return whether the class of *asset* demands a grant."""
    return required_of_drop(asset).access >= AccessRung.VERY_HIGH


def grant_for(asset: Drop | Tunnel, caller: Caller) -> Grant | None:
    """Return the latest grant of *caller* that *asset* goes by, ``None`` where it needs none."""
    if not needs_grant(asset):
        return None
    name = asset_id(asset)
    held = (g for g in caller.grants if g.asset == name and g.person == normal(caller.name))
    return max(held, key=lambda g: g.asked_at, default=None)


def grant_over(asset: Drop | Tunnel, caller: Caller, now: float) -> Refusal | None:
    """
    Return why *asset*, which was open to *caller*, is so no more: its grant ran out.

    ``None`` while it runs, and where none is needed.
    """
    if not needs_grant(asset):
        return None
    grant = grant_for(asset, caller)
    if grant is not None and grant.is_running(now):
        return None
    return Refusal(
        _RULES[Need.GRANT],
        f'"{asset.name}" is {asset.classification.id}: your grant ran out',
        f'ask for another: sealgate grant ask "{asset_id(asset)}" --reason REASON --for 2h',
    )


def refusal(
    asset: Drop | Tunnel, caller: Caller, channel: Channel, access: AccessSettings, now: float
) -> Refusal | None:
    """
    Return why *caller* may not come to *asset* over *channel*; ``None`` when they may.

    *now* is in seconds since the epoch. The message is for them: it tells what is missing, and
    nothing of others.
    """
    if not admits(asset.admit, caller):
        return Refusal("", "you are not admitted", "ask whoever runs this server")
    demand = required_of_drop(asset)
    below = _below_transit(asset, demand.in_transit, caller, channel) or _older(asset, channel)
    return below or _below_access(asset, caller, channel.protocol, access, now)


def _below_transit(
    asset: Drop | Tunnel, rung: TransitRung, caller: Caller, channel: Channel
) -> Refusal | None:
    if transit_rung(channel, caller.methods) >= rung:
        return None
    return channel.protocol.below(f'"{asset.name}" is {asset.classification.id}', channel)


def _older(asset: Drop | Tunnel, channel: Channel) -> Refusal | None:
    """Return why *asset* does not take what an older client agreed on, which another drop does."""
    named = asset.older_clients if isinstance(asset, Drop) else ()
    used = (channel.group, channel.cipher)
    older = [one for one in used if one in (*OLDER_KEX, *OLDER_CIPHERS) and one not in named]
    if not older:
        return None
    setting = f'older_clients = ["{older[0]}"] in its table lets it in, or update the client'
    return Refusal("", f'"{asset.name}" does not take {" and ".join(older)}', setting)


def _below_access(
    asset: Drop | Tunnel,
    caller: Caller,
    protocol: FileProtocol,
    access: AccessSettings,
    now: float,
) -> Refusal | None:
    lacking = missing(
        required_of_drop(asset).access,
        _proven(caller.methods, now),
        caller.country,
        access.countries,
        grant_for(asset, caller),
        now,
        ways=(_FACTORS[protocol.key], *_TYPED),
        asset=asset_id(asset),
    )
    if not lacking:
        return None
    return Refusal(
        _RULES[lacking[0].need],
        f'"{asset.name}" is {asset.classification.id}: {"; ".join(m.sentence for m in lacking)}',
        "; ".join(m.remedy for m in lacking),
    )


def admits(admit: Iterable[str], caller: Caller) -> bool:
    """Return whether the list *admit* (``user:NAME``, ``group:NAME``) names *caller*."""
    groups = {normal(group) for group in caller.groups}
    for entry in admit:
        kind, _, name = entry.partition(":")
        if kind == "user" and normal(name) == normal(caller.name):
            return True
        if kind == "group" and normal(name) in groups:
            return True
    return False


def may(drop: Drop, caller: Caller, action: Action) -> bool:
    """
    Return whether *caller*, who is admitted, may do *action* in *drop*.

    A list for one action narrows the list of the admitted, and never widens it.
    """
    narrowed = {
        Action.LIST: drop.listing,
        Action.READ: drop.read,
        Action.WRITE: drop.write,
        Action.DELETE: drop.delete,
    }[action]
    return admits(drop.admit, caller) and (narrowed is None or admits(narrowed, caller))

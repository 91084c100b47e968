"""
Where targets are reached: every address of a name, and whether anybody answers there.

Everything is asked at once, so that hosts that do not answer cost one wait in all.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from sealgate.audit.adapters.beside import all_beside
from sealgate.audit.adapters.wire import (
    NoListenerError,
    UnreachableError,
    Wire,
    addresses_of,
)
from sealgate.audit.model import bracketed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sealgate.audit.model import Limits, Target

_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Way:
    """
    One address of a target.

    *door* tells it from the others of the same asset, "" where there is one. *why_not* says why
    nobody answers at its port, *plain_why_not* why it is not known what its plain port does.
    """

    target: Target
    door: str = ""
    why_not: str | None = None
    plain_why_not: str | None = None


@dataclass(frozen=True, slots=True)
class _Silence:
    reason: str
    is_refusal: bool


def find_ways(targets: Iterable[Target], limits: Limits) -> dict[Target, tuple[Way, ...]]:
    """
    Return the ways to each of *targets*: one for each address that its name has.

    Of a name that leads to this machine only, an address that refuses, at its plain port too, is
    left out where another one answers: servers here bind one of them.
    """
    given = list(dict.fromkeys(targets))
    found = _resolved({target.address for target in given}, limits)
    places: dict[Target, tuple[str, ...]] = {}
    for target in given:
        known = found[target.address]
        places[target] = (target.address,) if isinstance(known, str) else known
    asked = dict.fromkeys(
        (address, port)
        for target in given
        if not isinstance(found[target.address], str)
        for address in places[target]
        for port in _ports(target)
    )
    silent = _silent(tuple(asked), limits)
    ways: dict[Target, tuple[Way, ...]] = {}
    for target in given:
        known = found[target.address]
        if isinstance(known, str):
            reason = f"{target.where}: {known}"
            ways[target] = (Way(target, why_not=reason, plain_why_not=reason),)
            continue
        one = [_way(replace(target, address=address), silent) for address in known]
        ways[target] = tuple(_without_idle_loopback(one, silent))
    return _named(ways)


def _ports(target: Target) -> tuple[int, ...]:
    if target.scheme != "https":
        return (target.port,)
    return (target.port, target.plain_port)


def _resolved(names: set[str], limits: Limits) -> dict[str, tuple[str, ...] | str]:
    given = sorted(names)
    looks = [partial(_addresses, name, limits) for name in given]
    return dict(zip(given, all_beside(looks, _AT_ONCE), strict=True))


def _addresses(name: str, _limits: Limits) -> tuple[str, ...] | str:
    try:
        return addresses_of(name)
    except UnreachableError as error:
        return error.message


def _silent(
    asked: Sequence[tuple[str, int]], limits: Limits
) -> Mapping[tuple[str, int], _Silence | None]:
    looks = [partial(_silence, address, port, limits) for address, port in asked]
    return dict(zip(asked, all_beside(looks, _AT_ONCE), strict=True))


def _silence(address: str, port: int, limits: Limits) -> _Silence | None:
    try:
        with Wire.connect(address, port, limits):
            return None
    except UnreachableError as error:
        return _Silence(error.message, isinstance(error, NoListenerError))


def _way(target: Target, silent: Mapping[tuple[str, int], _Silence | None]) -> Way:
    here = silent[(target.address, target.port)]
    plain = silent.get((target.address, target.plain_port))
    return Way(
        target,
        why_not=f"{target.where}: {here.reason}" if here else None,
        # A port that refuses is an answer.
        plain_why_not=(
            f"{bracketed(target.address)}:{target.plain_port}: {plain.reason}"
            if plain and not plain.is_refusal
            else None
        ),
    )


def _without_idle_loopback(
    ways: Sequence[Way], silent: Mapping[tuple[str, int], _Silence | None]
) -> Sequence[Way]:
    here = all(ipaddress.ip_address(way.target.address).is_loopback for way in ways)
    if not here or all(way.why_not for way in ways):
        return ways
    return [way for way in ways if not _refuses(way, silent)]


def _refuses(way: Way, silent: Mapping[tuple[str, int], _Silence | None]) -> bool:
    found = [silent[(way.target.address, port)] for port in _ports(way.target)]
    return all(one is not None and one.is_refusal for one in found)


def _named(ways: dict[Target, tuple[Way, ...]]) -> dict[Target, tuple[Way, ...]]:
    places: dict[str, set[tuple[str, str, int]]] = {}
    for found in ways.values():
        for way in found:
            places.setdefault(way.target.asset, set()).add(_place(way.target))
    return {
        target: tuple(
            replace(way, door=_door(way.target, places[way.target.asset])) for way in found
        )
        for target, found in ways.items()
    }


def _place(target: Target) -> tuple[str, str, int]:
    return target.server_name, target.address, target.port


def _door(target: Target, places: set[tuple[str, str, int]]) -> str:
    # As much of it as tells it from the others.
    if len(places) == 1:
        return ""
    if len({name for name, _, _ in places}) == 1:
        return target.where
    return f"{bracketed(target.server_name)} at {target.where}"

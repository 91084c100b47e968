"""Which software answers, as it calls itself: for remedies, and never for a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.audit.adapters.http import ask
from sealgate.audit.adapters.reach import Control
from sealgate.audit.adapters.wire import Wire
from sealgate.audit.model import Opening
from sealgate.audit.sightings import seen
from sealgate.audit.ssh import parse_identification
from sealgate.errors import PeerError
from sealgate.policy.observation import Fact, FactValue
from sealgate.policy.servers import recognised

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.audit.model import Limits, Target
    from sealgate.policy.observation import Sighting

    Way = Callable[[Target, Limits], str]

_MOST_BYTES = 2048


def probe_software(target: Target, limits: Limits) -> list[Sighting]:
    """Observe what *target* calls itself, over whatever it speaks; "" where that tells nothing."""
    said = next(
        (found for way in WAYS.get(target.scheme, ()) if (found := _said(way, target, limits))),
        "",
    )
    server = recognised(said)
    values: dict[Fact, FactValue] = {Fact.SERVER: server.value if server else ""}
    return seen(target.asset, values, f"what {target.where} calls itself")


def _said(way: Way, target: Target, limits: Limits) -> str:
    try:
        return way(target, limits)
    except PeerError:
        return ""


def _over_https(target: Target, limits: Limits) -> str:
    return ask(target, target.path, limits).header("server") or ""


def _over_http(target: Target, limits: Limits) -> str:
    # Where TLS fails, the same program may still answer in clear.
    return ask(target, target.path, limits, secure=False).header("server") or ""


def _greeting(target: Target, limits: Limits) -> str:
    if target.opening is Opening.DIRECT:
        return ""
    with Wire.connect(target.address, target.port, limits) as wire:
        return " ".join(Control(wire).greeting().lines)


def _identification(target: Target, limits: Limits) -> str:
    # Behind it come the names of methods, some of them after the software that made them.
    came = b""
    with Wire.connect(target.address, target.port, limits) as wire:
        while (found := parse_identification(came)) is None:
            more = wire.receive(_MOST_BYTES)
            if not more:
                return ""
            came += more
    return found[0].software


WAYS: dict[str, tuple[Way, ...]] = {
    "https": (_over_https, _over_http),
    "ftp": (_greeting,),
    "ftps": (_greeting,),
    "ssh": (_identification,),
    "sftp": (_identification,),
}
"""What is asked for the name of a server, by the scheme of its URL."""

"""Asks the running gateway to take something over, and returns once it is enforced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sealgate.control import ask
from sealgate.errors import GatewayError
from sealgate.policy.observation import Fact, Observation, Vantage

if TYPE_CHECKING:
    from sealgate.policy.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Applied:
    """What the gateway took over: *changed* parts (none: it had all), and *remarks*."""

    changed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NotRunning:
    """No gateway serves that state folder: what is on the disk holds from its next start."""


def reload(inventory: Inventory) -> Applied | NotRunning:
    """
    Have the gateway of *inventory* read its configuration anew.

    Raises:
        ConfigError: with every fault; the old configuration stays.
        GatewayError: Envoy refused, the change needs a restart, or nobody answers.
    """
    return _applied(ask(inventory.state_folder, "reload"))


def notify(state_folder: str) -> Applied | NotRunning:
    """
    Have the gateway of *state_folder* look anew at who may enter.

    When this returns, a revoked certificate is refused, on open connections too.

    Raises:
        GatewayError: a gateway runs, but did not confirm; it goes on trying.
    """
    return _applied(ask(state_folder, "identities"))


def status(state_folder: str) -> dict[str, Any] | NotRunning:
    """
    Return what the gateway of *state_folder* says of itself, as plain values.

    Raises:
        GatewayError: a gateway runs, but does not answer.
    """
    answer = ask(state_folder, "status")
    return NotRunning() if answer is None else dict(answer["status"])


def enforced(state_folder: str) -> tuple[Observation, ...] | NotRunning:
    """
    Return what the gateway of *state_folder* enforces at this moment, seen from its host.

    Raises:
        GatewayError: a gateway runs, but does not answer, or in words of another version.
    """
    answer = ask(state_folder, "promises")
    if answer is None:
        return NotRunning()
    try:
        return tuple(
            Observation(
                one["asset"],
                Fact(one["fact"]),
                tuple(one["value"]) if isinstance(one["value"], list) else one["value"],
                Vantage(one["vantage"]),
                one["seen_by"],
            )
            for one in answer["observations"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise GatewayError(
            "its answer is not understood; it may be of another version",
            hint="restart sealgate serve",
        ) from error


def _applied(answer: dict[str, Any] | None) -> Applied | NotRunning:
    if answer is None:
        return NotRunning()
    return Applied(tuple(answer["changed"]), tuple(answer["remarks"]))

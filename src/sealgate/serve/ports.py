"""Chooses free ports where the configuration of a program says 0; tells which doors are open."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sealgate.gateway.adapters.doors import free_port
from sealgate.policy.inventory import Address

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sealgate.policy.inventory import Inventory


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Envoy listens: for visitors, and for what goes out to payment gateways."""

    https: tuple[Address, ...] = ()
    http: tuple[Address, ...] = ()
    egress: tuple[Address, ...] = ()

    @property
    def all(self) -> tuple[Address, ...]:
        """Return every one of them."""
        return (*self.https, *self.http, *self.egress)


def opened(inventory: Inventory) -> Addresses:
    """Return where Envoy listens for *inventory*: nowhere without a site."""
    if not inventory.sites:
        return Addresses()
    listen = inventory.listen
    out = listen.egress if inventory.payment_gateways else ()
    return Addresses(listen.https, listen.http, out)


class Ports:
    """The ports that were chosen so far: a reload keeps those of the start."""

    def __init__(self) -> None:
        self._chosen: dict[tuple[str, str, int], int] = {}

    def settle(self, inventory: Inventory) -> Inventory:
        """
        Return *inventory* with a free port in place of each 0.

        Raises:
            GatewayError: a host is no address of this machine.
        """
        listen = dataclasses.replace(
            inventory.listen,
            https=self._settled("https", inventory.listen.https),
            http=self._settled("http", inventory.listen.http),
            files=tuple(
                dataclasses.replace(one, addresses=self._settled(one.setting, one.addresses))
                for one in inventory.listen.files
            ),
            egress=self._settled("egress", inventory.listen.egress),
            metrics=self._settled("metrics", inventory.listen.metrics),
        )
        return dataclasses.replace(inventory, listen=listen)

    def _settled(self, kind: str, addresses: Iterable[Address]) -> tuple[Address, ...]:
        return tuple(
            address if address.port else Address(address.host, self._choice(kind, address, index))
            for index, address in enumerate(addresses)
        )

    def _choice(self, kind: str, address: Address, index: int) -> int:
        place = (kind, address.host, index)
        if place not in self._chosen:
            # Nobody listens on those yet, so the kernel may give one of them again.
            while (port := free_port(address.host)) in self._chosen.values():
                pass
            self._chosen[place] = port
        return self._chosen[place]

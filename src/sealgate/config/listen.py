"""
``[listen]``: where the gateway is reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.reader import quoted
from sealgate.config.values import UnfitError, read_address, read_network
from sealgate.policy.inventory import Address, Listen

if TYPE_CHECKING:
    from sealgate.config.reader import Table

_OFF = ("off",)


def read_listen(table: Table) -> Listen:
    """
    Return the gateway's doors; ``http = "off"`` opens none for plain HTTP.

    HTTPS cannot be off: a gateway without it would serve nothing.
    """
    default = Listen()
    https = _addresses(table, "https", default.https)
    http = () if table.texts("http") == _OFF else _addresses(table, "http", default.http)
    shared = [address for address in http if address in https]
    for address in shared:
        key = "http" if table.has("http") else "https"
        table.fault(
            key,
            f"{quoted(_shown(address))} would be the address of both https and http",
            'give each its own, or set http = "off"',
        )
    networks = []
    for index, text in enumerate(table.texts("trusted_proxies")):
        try:
            networks.append(read_network(text))
        except UnfitError as error:
            table.element_fault(
                "trusted_proxies", index, f"network {quoted(text)} {error}", error.hint
            )
    return Listen(https, http, trusted_proxies=tuple(networks))


def _addresses(table: Table, key: str, default: tuple[Address, ...]) -> tuple[Address, ...]:
    if not table.good(key):
        # Absent, or of a wrong type, which has been noted already.
        return default
    texts = table.texts(key)
    if not texts or texts == _OFF:
        hint = 'https = ":443"' if key == "https" else 'http = "off"'
        table.fault(key, f'"{key}" opens no address, but at least one is required', hint)
        return default
    found: list[Address] = []
    for index, text in enumerate(texts):
        try:
            address = read_address(text)
        except UnfitError as error:
            table.element_fault(key, index, f"address {quoted(text)} {error}", error.hint)
            continue
        if address in found:
            table.element_fault(
                key, index, f"address {quoted(text)} stands there twice", "remove one"
            )
        found.append(address)
    return tuple(found)


def _shown(address: Address) -> str:
    if address.host == "::":
        return f":{address.port}"
    return (
        f"[{address.host}]:{address.port}"
        if ":" in address.host
        else (f"{address.host}:{address.port}")
    )

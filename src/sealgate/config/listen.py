"""``[listen]``: where the gateway and the file servers are reached."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import TYPE_CHECKING

from sealgate.config.file_values import read_ports, read_public_address
from sealgate.config.reader import Table, quoted
from sealgate.config.schema import Section, Setting, Type
from sealgate.config.values import UnfitError, read_address, read_domain, read_network
from sealgate.policy.inventory import Address, FileListener, Listen, PassivePorts
from sealgate.protocols.table import SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sealgate.policy.inventory import Drop, PaymentGateway, Site, Tunnel

_OFF = ("off",)
_EVERYWHERE = frozenset(["::", "0.0.0.0"])  # noqa: S104  # compared with, not bound
_PASSIVE = Section(
    "listen.ftps_passive",
    "Where FTPS data connections come in.",
    (
        Setting("address", Type.TEXT, "What clients are told.", "the address that they called"),
        Setting("ports", Type.TEXT, "The range.", '`"50000-50100"`'),
    ),
)


def read_listen(table: Table) -> Listen:
    """
    Return the doors; ``"off"`` opens none.

    HTTPS cannot be off: a gateway without it would serve nothing.
    """
    default = Listen()
    https = _addresses(table, "https", default.https)
    doors = {
        key: _door(table, key, usual)
        for key, usual in (
            ("http", default.http),
            ("egress", default.egress),
            ("metrics", default.metrics),
        )
    }
    networks = []
    for index, text in enumerate(table.texts("trusted_proxies")):
        try:
            networks.append(read_network(text))
        except UnfitError as error:
            table.element_fault(
                "trusted_proxies", index, f"network {quoted(text)} {error}", error.hint
            )
    return Listen(
        https,
        **doors,
        files=tuple(
            FileListener(
                one.name,
                kind.speaks,
                _door(table, one.name, one.default),
                has_tunnels=kind.has_tunnels,
            )
            for kind in SERVERS
            for one in kind.listens
        ),
        ftps_passive=_passive(table),
        ftps_domain=_domain(table),
        trusted_proxies=tuple(networks),
    )


def _passive(table: Table) -> PassivePorts | None:
    given = table.table("ftps_passive")
    if given is None:
        return None
    inner = Table(table.notes, (*table.path, "ftps_passive"), given, _PASSIVE)
    found = PassivePorts()
    ports, address = inner.text("ports"), inner.text("address")
    if ports is not None:
        try:
            found = read_ports(ports)
        except UnfitError as error:
            inner.fault("ports", f"ports {quoted(ports)} {error}", f"ports = {error.hint}")
    if address is not None:
        try:
            found = replace(found, address=read_public_address(address))
        except UnfitError as error:
            inner.fault("address", f"address {quoted(address)} {error}", error.hint)
    return found


def _domain(table: Table) -> str:
    text = table.text("ftps_domain")
    if text is None:
        return ""
    try:
        return read_domain(text)
    except UnfitError as error:
        table.fault("ftps_domain", f"ftps_domain {quoted(text)} {error}", error.hint)
        return ""


def opened(
    table: Table,
    listen: Listen,
    sites: Sequence[Site],
    drops: Sequence[Drop],
    tunnels: Sequence[Tunnel],
    payment_gateways: Sequence[PaymentGateway] = (),
) -> Listen:
    """
    Return *listen* with the name of FTPS filled in; what the doors lack is noted.

    Only doors that will open are held against each other: web doors where there is a site,
    file doors where there is something behind them.
    """
    web = ("https", "http") if sites or not (drops or tunnels) else ()
    files = [one for one in listen.files if drops or (one.has_tunnels and tunnels)]
    out = ("egress",) if payment_gateways else ()
    doors = [
        *((key, address) for key in web for address in getattr(listen, key)),
        *((one.setting, address) for one in files for address in one.addresses),
        *((key, address) for key in (*out, "metrics") for address in getattr(listen, key)),
    ]
    for index, (key, address) in enumerate(doors):
        for other, taken in doors[:index]:
            if other != key and _collide(address, taken):
                _shared(table, key, other, address)
    _check_behind(table, listen, drops, tunnels)
    _check_egress(table, listen, payment_gateways)
    has_ftps = bool(drops and (listen.at("ftps") or listen.at("ftps_implicit")))
    if has_ftps:
        _check_passive(table, listen, doors)
    name = listen.ftps_domain or (sites[0].name if sites else "")
    if has_ftps and not name and not table.has("ftps_domain"):
        table.fault(
            "ftps" if listen.at("ftps") else "ftps_implicit",
            "FTPS has no name, which its certificate must bear, because there is no site",
            'ftps_domain = "files.example"',
        )
    return replace(listen, ftps_domain=name)


def _collide(one: Address, other: Address) -> bool:
    same = one.host == other.host or bool({one.host, other.host} & _EVERYWHERE)
    return one.port == other.port and same


def _shared(table: Table, key: str, other: str, address: Address) -> None:
    # The door that was written is the one to change; the other may be a default.
    named = key if table.has(key) else other
    off = other if key == "https" else key
    table.fault(
        named,
        f"{quoted(address.text)} would be the address of both {other} and {key}",
        f'give each its own, or set {off} = "off"',
    )


def _check_behind(
    table: Table, listen: Listen, drops: Sequence[Drop], tunnels: Sequence[Tunnel]
) -> None:
    if any(one.addresses and one.has_tunnels for one in listen.files):
        return
    for tunnel in tunnels:
        table.notes.add_at(
            tunnel.place,
            f"tunnel {quoted(tunnel.name)} goes through SSH, but sftp is off",
            'add to [listen]: sftp = ":2022"',
        )
    if any(one.addresses for one in listen.files):
        return
    for drop in drops:
        table.notes.add_at(
            drop.place,
            f"drop {quoted(drop.name)} cannot be reached: sftp is off, and so is ftps",
            'add to [listen]: sftp = ":2022"',
        )


def _check_egress(table: Table, listen: Listen, payment_gateways: Sequence[PaymentGateway]) -> None:
    # What is told there is for this machine; nobody is asked for a password.
    for index, address in enumerate(listen.metrics):
        if not ipaddress.ip_address(address.host).is_loopback:
            table.element_fault(
                "metrics",
                index,
                f"metrics {quoted(address.text)} can be reached from elsewhere, but nobody is "
                "asked there who they are",
                f'metrics = "127.0.0.1:{address.port}"',
            )
    # What is handed over there is not encrypted, so it must not cross a wire.
    for index, address in enumerate(listen.egress):
        if not ipaddress.ip_address(address.host).is_loopback:
            table.element_fault(
                "egress",
                index,
                f"egress {quoted(address.text)} can be reached from elsewhere, but payments are "
                "handed over there without TLS",
                f'egress = "127.0.0.1:{address.port}"',
            )
    if payment_gateways and not listen.egress:
        table.fault(
            "egress",
            f"payments go out to {quoted(payment_gateways[0].operator)}, but egress is off",
            'egress = "127.0.0.1:8444"',
        )


def _check_passive(table: Table, listen: Listen, doors: Sequence[tuple[str, Address]]) -> None:
    passive = listen.ftps_passive or PassivePorts()
    for key, address in doors:
        if passive.first <= address.port <= passive.last:
            table.fault(
                "ftps_passive" if table.has("ftps_passive") else key,
                f"port {address.port} of {key} lies in the range of FTPS data connections, "
                f"{passive.first}-{passive.last}",
                'give each its own: ftps_passive = { ports = "FIRST-LAST" }',
            )


def _door(table: Table, key: str, default: tuple[Address, ...]) -> tuple[Address, ...]:
    return () if table.texts(key) == _OFF else _addresses(table, key, default)


def _addresses(table: Table, key: str, default: tuple[Address, ...]) -> tuple[Address, ...]:
    if not table.good(key):
        # Absent, or of a wrong type, which has been noted already.
        return default
    return tuple(_read(table, key)) or default


def _read(table: Table, key: str) -> Iterator[Address]:
    texts = table.texts(key)
    if not texts or texts == _OFF:
        hint = 'https = ":443"' if key == "https" else f'{key} = "off"'
        table.fault(key, f'"{key}" opens no address, but at least one is required', hint)
    found: set[Address] = set()
    for index, text in enumerate(texts if texts != _OFF else ()):
        try:
            address = read_address(text)
        except UnfitError as error:
            table.element_fault(key, index, f"address {quoted(text)} {error}", error.hint)
            continue
        if address in found:
            table.element_fault(
                key, index, f"address {quoted(text)} stands there twice", "remove one"
            )
        found.add(address)
        yield address

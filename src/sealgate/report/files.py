"""
What will be reached over SFTP and FTPS: doors, drops and tunnels, as text and as data.

Names of people and folders are the configuration's own; nothing is read from a store.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sealgate.policy.protection import TransitRung
from sealgate.protocols.table import servers_of
from sealgate.report.terminal import clean

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sealgate.policy.inventory import Drop, Inventory, Tunnel

PLAIN_FTP = (
    "plain FTP does not exist here: a client that tries is refused before it can send a password"
)
_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def door_lines(inventory: Inventory) -> tuple[str, ...]:
    """Return where drops and tunnels are reached; nothing where there are none."""
    if not inventory.drops and not inventory.tunnels:
        return ()
    return tuple(_door_lines(inventory))


def _door_lines(inventory: Inventory) -> Iterator[str]:
    for kind in servers_of(inventory):
        yield from kind.describe(inventory)
    yield PLAIN_FTP


def drop_lines(inventory: Inventory, why_not_apart: Mapping[str, str | None]) -> tuple[str, ...]:
    """Return what each drop is, in a few lines; *why_not_apart* as in :mod:`sealgate.protocols.guarantees`."""
    return tuple(
        "\n    ".join(_drop_lines(drop, inventory, why_not_apart)) for drop in inventory.drops
    )


def _drop_lines(
    drop: Drop, inventory: Inventory, why_not_apart: Mapping[str, str | None]
) -> Iterator[str]:
    yield f"{drop.name} ({drop.classification.id}): {clean(drop.store)}"
    yield _sealed(drop, inventory, why_not_apart)
    yield f"may come in: {_people(drop.admit)}"
    yield "; ".join(
        f"{action}: {'all of them' if who is None else _people(who)}"
        for action, who in _narrowed(drop).items()
    )
    limits = [
        *([f"holds {size_text(drop.quota_bytes)}"] if drop.quota_bytes else []),
        *([f"{size_text(drop.max_file_bytes)} a file"] if drop.max_file_bytes else []),
        *([f"files named {', '.join(drop.file_names)}"] if drop.file_names else []),
        *([f"removed after {drop.retention_days} days"] if drop.retention_days else []),
    ]
    if limits:
        yield clean("; ".join(limits))
    if drop.older_clients:
        worth = TransitRung.ENCRYPTED.word
        yield f'takes older clients over SSH, worth "{worth}": {", ".join(drop.older_clients)}'
    yield f"an upload of a stricter class: {drop.on_mismatch.value}"


def _sealed(drop: Drop, inventory: Inventory, why_not_apart: Mapping[str, str | None]) -> str:
    own = f" and {len(drop.recipients)} recipients" if drop.recipients else ""
    reason = why_not_apart.get(drop.name, "nobody looked where the site keys lie")
    kept = inventory.keys.protection
    apart = f'kept apart (protection = "{kept}")' if reason is None else f"but {reason}"
    told = drop.classification.required.at_rest.stored.told
    return clean(
        told.format(recipients=len(drop.recipients), and_recipients=own, where_the_key_lies=apart)
    )


def tunnel_lines(inventory: Inventory) -> tuple[str, ...]:
    """Return what each tunnel leads to, and for whom."""
    return tuple(
        f"{tunnel.name} ({tunnel.classification.id}): {tunnel.target.text}\n"
        f"    may come in: {_people(tunnel.admit)}"
        for tunnel in inventory.tunnels
    )


def files_data(
    inventory: Inventory, why_not_apart: Mapping[str, str | None]
) -> dict[str, list[dict[str, Any]]]:
    """Return the same as data for JSON: ``doors``, ``drops`` and ``tunnels``."""
    return {
        "doors": [
            {"protocol": setting, "address": address.text}
            for kind in servers_of(inventory)
            for setting, addresses in kind.addresses(inventory).items()
            for address in addresses
        ],
        "drops": [_drop_data(drop, why_not_apart) for drop in inventory.drops],
        "tunnels": [_tunnel_data(tunnel) for tunnel in inventory.tunnels],
    }


def _drop_data(drop: Drop, why_not_apart: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "name": drop.name,
        "class": drop.classification.id,
        "store": drop.store,
        "admit": list(drop.admit),
        **{key: None if who is None else list(who) for key, who in _narrowed(drop).items()},
        "quota_bytes": drop.quota_bytes,
        "max_file_bytes": drop.max_file_bytes,
        "retention_days": drop.retention_days,
        "file_names": list(drop.file_names),
        "on_mismatch": drop.on_mismatch.value,
        "recipients": list(drop.recipients),
        "older_clients": list(drop.older_clients),
        "keys_apart": why_not_apart.get(drop.name, "") is None,
    }


def _tunnel_data(tunnel: Tunnel) -> dict[str, Any]:
    return {
        "name": tunnel.name,
        "class": tunnel.classification.id,
        "target": tunnel.target.text,
        "admit": list(tunnel.admit),
    }


def _narrowed(drop: Drop) -> dict[str, tuple[str, ...] | None]:
    return {"read": drop.read, "write": drop.write, "list": drop.listing, "delete": drop.delete}


def _people(who: Sequence[str]) -> str:
    return clean(", ".join(who)) if who else "nobody"


def size_text(size: int) -> str:
    """Return *size* bytes in the largest unit that it is a whole number of."""
    return next(
        (f"{size // unit} {name}" for unit, name in _UNITS if size % unit == 0), f"{size} B"
    )

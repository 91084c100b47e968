"""``[keys]``: what keeps the site's sealing keys apart from what they seal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.file_values import read_recipient, read_vault_address
from sealgate.config.reader import nearest, quoted
from sealgate.config.values import UnfitError
from sealgate.policy.files import UNPROTECTED
from sealgate.policy.inventory import KeySettings

if TYPE_CHECKING:
    from sealgate.config.reader import Table
    from sealgate.storage.keyring import KeyProtection


def read_keys(table: Table) -> KeySettings:
    """Return how the site's sealing keys are kept; whether the place answers is seen later."""
    if not any(table.has(name) for name in ("protection", "key", "address")):
        return KeySettings(recovery=_recovery(table), place=table.place())
    protection = _protection(table)
    key, address = table.text("key") or "", table.text("address") or ""
    if protection is not None:
        _check(table, protection, key, address)
    if address and protection is not None and protection.address is not None:
        try:
            address = read_vault_address(address)
        except UnfitError as error:
            # A URL may hold a password: it is never quoted.
            table.fault("address", f'"address" {error}', error.hint)
    name = UNPROTECTED if protection is None else protection.name
    return KeySettings(name, key, address, _recovery(table), table.place())


def _check(table: Table, protection: KeyProtection, key: str, address: str) -> None:
    details = (("key", key, protection.key), ("address", address, protection.address))
    for name, value, detail in details:
        if detail is not None and detail.needed and not table.has(name):
            table.fault(
                "protection",
                f'protection = "{protection.name}" needs {detail.needed}',
                f'{name} = "{detail.example}"',
            )
        if value and detail is None:
            table.fault(
                name,
                f'"{name}" is set, but protection = "{protection.name}" has none',
                f"remove the line with {name}",
            )
    if protection.key is not None and (why := protection.why_no_key(key)) is not None:
        table.fault("key", f"key {quoted(key)} {why}", f'key = "{protection.key.example}"')


def _protection(table: Table) -> KeyProtection | None:
    # What seals takes 50 ms to load; only a site that says how its keys are kept pays.
    from sealgate.storage.adapters.keystore_protect import PROTECTIONS  # noqa: PLC0415

    known = {protection.name: protection for protection in PROTECTIONS}
    text = table.text("protection")
    if text is None:
        return None if table.has("protection") else known[UNPROTECTED]
    if text not in known:
        table.fault(
            "protection",
            f"protection {quoted(text)} must be one of {', '.join(known)}",
            nearest(text, known, "protection = {}") or 'protection = "passphrase"',
        )
    return known.get(text)


def _recovery(table: Table) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for index, text in enumerate(table.texts("recovery")):
        try:
            recipient, is_post_quantum = read_recipient(text)
        except UnfitError as error:
            # It may be an identity, pasted by mistake: it is never quoted.
            table.element_fault("recovery", index, f"recipient {index + 1} {error}", error.hint)
            continue
        if is_post_quantum:
            table.element_fault(
                "recovery",
                index,
                f"recipient {index + 1} is post-quantum, but the site's key is not, and the two "
                "cannot share a file",
                "give one that begins with age1 and not with age1pq1",
            )
        found[recipient] = None
    return tuple(found)

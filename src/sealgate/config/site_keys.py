"""``[keys]``: what keeps the site's sealing keys apart from what they seal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.config.file_values import read_recipient, read_vault_address
from sealgate.config.reader import nearest, quoted
from sealgate.config.values import UnfitError
from sealgate.policy.inventory import KeyProtection, KeySettings

if TYPE_CHECKING:
    from sealgate.config.reader import Table

_NAMED = frozenset([KeyProtection.CREDENTIAL, KeyProtection.VAULT, KeyProtection.AWS_KMS])
_ADDRESSED = frozenset([KeyProtection.VAULT, KeyProtection.AWS_KMS])
_KEY_HINTS = {
    KeyProtection.VAULT: 'key = "transit/sealgate"',
    KeyProtection.AWS_KMS: 'key = "alias/sealgate"',
}


def read_keys(table: Table) -> KeySettings:
    """Return how the site's sealing keys are kept; whether the place answers is seen later."""
    protection = _protection(table)
    key, address = table.text("key") or "", table.text("address") or ""
    if protection in _KEY_HINTS and not table.has("key"):
        table.fault(
            "protection",
            f'protection = "{protection}" needs the name of a key',
            _KEY_HINTS[protection],
        )
    if protection is KeyProtection.VAULT and not table.has("address"):
        table.fault(
            "protection",
            'protection = "vault" needs Vault\'s address',
            'address = "https://vault.example:8200"',
        )
    for name, value, kinds in (("key", key, _NAMED), ("address", address, _ADDRESSED)):
        if value and protection is not None and protection not in kinds:
            table.fault(
                name,
                f'"{name}" is set, but protection = "{protection}" has none',
                f"remove the line with {name}",
            )
    if protection is KeyProtection.CREDENTIAL and ("/" in key or key in {".", ".."}):
        table.fault("key", f"key {quoted(key)} is no name of a credential", 'key = "sealgate-keys"')
    if address and protection in _ADDRESSED:
        try:
            address = read_vault_address(address)
        except UnfitError as error:
            # A URL may hold a password: it is never quoted.
            table.fault("address", f'"address" {error}', error.hint)
    return KeySettings(
        protection or KeyProtection.FILE, key, address, _recovery(table), table.place()
    )


def _protection(table: Table) -> KeyProtection | None:
    text = table.text("protection")
    known = [item.value for item in KeyProtection]
    if text is None:
        return None if table.has("protection") else KeyProtection.FILE
    if text in known:
        return KeyProtection(text)
    table.fault(
        "protection",
        f"protection {quoted(text)} must be one of {', '.join(known)}",
        nearest(text, known, "protection = {}") or 'protection = "passphrase"',
    )
    return None


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

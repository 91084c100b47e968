"""
Opens the site's sealing keys, asking for a passphrase where one protects them.

Where the keys lie: ``keys/site-keys.json`` in the state folder. A passphrase comes from
the file that ``SEALGATE_KEY_PASSPHRASE_FILE`` names, from the terminal, or, in a service,
through systemd's password agents.
"""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.remains import KEYS, lost, must_be_whole, note_made
from sealgate.errors import Fault, SourceError, UsageError
from sealgate.storage.adapters.anchor import ENDING as ANCHOR_ENDING
from sealgate.storage.adapters.keystore import (
    add_key,
    has_keyring,
    look_at_keyring,
    open_keyring,
    protect_keyring,
    same_volume,
    secret_identities,
)
from sealgate.storage.adapters.keystore_protect import PASSPHRASE, PASSPHRASE_FILE, protection_of
from sealgate.storage.adapters.keystore_seal import new_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sealgate.policy.inventory import Inventory
    from sealgate.storage.adapters.keystore import KeptKeyring
    from sealgate.storage.keyring import SiteKey, UnlockedKeyring

KEYS_FOLDER = "keys"
# Below the state folder: records of objects, and the anchors of all stores.
RECORDS_FOLDER = "records"
# Read beside PASSPHRASE_FILE when a passphrase takes the place of a passphrase.
NEW_PASSPHRASE_FILE = "SEALGATE_KEY_NEW_PASSPHRASE_FILE"  # noqa: S105  # the name of a variable
ASK_SECONDS = 90
_MAX_PASSPHRASE_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RecoveryKey:
    """An identity that opens everything but "highly encrypted"; it is shown once, kept nowhere."""

    recipient: str
    identity: str


def keys_folder(inventory: Inventory) -> str:
    """Return where the key file of *inventory* lies, or will."""
    return str(Path(inventory.state_folder).absolute() / KEYS_FOLDER)


def open_site_keyring(inventory: Inventory, *, now: float) -> UnlockedKeyring:
    """
    Return the site's keyring, unlocked; on first use it is made.

    Raises:
        ConfigError: ``[keys]`` lacks something, or the keys are protected otherwise.
        SourceError: wrong passphrase or nobody to ask for it, or a damaged key file; or there
            is none, although stores were sealed with it.
        PeerError: the key service does not answer, or refuses.
    """
    folder = keys_folder(inventory)
    is_new = not has_keyring(folder)
    if is_new:
        _check_first(inventory, folder)
        must_be_whole(inventory, KEYS)
    ask = passphrase_source(again=not has_keyring(folder))
    unlocked = open_keyring(folder, inventory.keys, passphrase=ask, now=now)
    if is_new:
        note_made(inventory)
    return replace(unlocked, beside=_beside(inventory, os.environ))


def add_site_key(inventory: Inventory, *, now: float) -> UnlockedKeyring:
    """
    Give the site a new current key; without any key yet, its first one.

    Raises:
        SealgateError: as :func:`open_site_keyring`.
    """
    folder = keys_folder(inventory)
    if not has_keyring(folder):
        return open_site_keyring(inventory, now=now)
    return add_key(folder, inventory.keys, passphrase=passphrase_source(), now=now)


def look_at_site_keys(inventory: Inventory) -> KeptKeyring | None:
    """
    Return what can be told of the keys without opening them, ``None`` when there are none.

    Raises:
        ConfigError: there were keys, and they are gone.
        SourceError: the key file is damaged, or open to others; or there is none, although
            stores were sealed with it.
    """
    folder = keys_folder(inventory)
    if has_keyring(folder):
        return look_at_keyring(folder)
    _check_first(inventory, folder)
    must_be_whole(inventory, KEYS)
    return None


def why_no_new_keys(inventory: Inventory) -> tuple[Fault, ...]:
    """Return the fault that there are no site keys, although stores were made with some."""
    folder = keys_folder(inventory)
    try:
        if not has_keyring(folder) and not any(KEYS.what in f.message for f in lost(inventory)):
            _check_first(inventory, folder)
    except SourceError as error:
        return (Fault(inventory.source, 1, error.message, error.hint),)
    return ()


def protect_site_keys(inventory: Inventory) -> tuple[str, KeptKeyring]:
    """
    Close the key file anew, as ``[keys]`` says; return how it was protected before.

    Raises:
        SealgateError: as :func:`open_site_keyring`.
    """
    folder = keys_folder(inventory)
    before = look_at_keyring(folder).protection
    is_other = before == inventory.keys.protection == PASSPHRASE.name
    old = passphrase_source(what="the old passphrase of the site keys")
    new = passphrase_source(
        again=True,
        what="the new passphrase of the site keys",
        variable=NEW_PASSPHRASE_FILE if is_other else PASSPHRASE_FILE,
    )
    kept = protect_keyring(folder, inventory.keys, old_passphrase=old, passphrase=new)
    return before, kept


def export_identities(inventory: Inventory) -> tuple[tuple[SiteKey, str], ...]:
    """
    Return every site key with its identity, for a person who opens files without Sealgate.

    Raises:
        SealgateError: as :func:`open_site_keyring`.
    """
    return secret_identities(keys_folder(inventory), inventory.keys, passphrase=passphrase_source())


def new_recovery_key() -> RecoveryKey:
    """Return a new recovery recipient and, this once, its identity."""
    identity = new_identity()
    return RecoveryKey(str(identity.recipient()), identity.secret_text())


def why_not_apart(
    inventory: Inventory, store_folder: str | None, environment: Mapping[str, str] = os.environ
) -> str | None:
    """
    Return why the site keys are not kept apart from the store in *store_folder*.

    ``None``: they are. Nothing is opened. What is not apart is worth rung 1 only. A store
    that is on another host has no folder (``None``).
    """
    protection = protection_of(inventory.keys.protection)
    if not protection.is_apart:
        told = "are a readable file"
        if store_folder is not None and same_volume(keys_folder(inventory), store_folder):
            told += " on the store's own volume"
        return f'the site keys {told} (protection = "{protection.name}")'
    for path in _beside(inventory, environment):
        if store_folder is not None and same_volume(path, store_folder):
            return f'"{path}", which opens the site keys, lies on the store\'s own volume'
    return None


def why_not_apart_from_drops(inventory: Inventory) -> str | None:
    """Return why the site keys are not kept apart from the stores of all drops, or ``None``."""
    folders = [drop.folder for drop in inventory.drops]
    reasons = (why_not_apart(inventory, folder) for folder in folders or [None])
    return next((reason for reason in reasons if reason is not None), None)


def passphrase_source(
    *,
    again: bool = False,
    what: str = "the passphrase of the site keys",
    variable: str = PASSPHRASE_FILE,
) -> Callable[[], str] | None:
    """
    Return what asks for *what*, twice with *again*; ``None`` when there is nobody to ask.

    The file that the environment *variable* names comes first.
    """
    if file := os.environ.get(variable):
        return lambda: _from_file(file, variable)
    # A service may have been started without any standard input.
    if sys.stdin and sys.stdin.isatty():
        return lambda: _from_terminal(what, again=again)
    # Set by systemd for every service; its agents are on the console, in Plymouth, in GNOME.
    program = shutil.which("systemd-ask-password")
    if os.environ.get("INVOCATION_ID") and program is not None:
        return lambda: _from_systemd(program, what)
    return None


def _check_first(inventory: Inventory, folder: str) -> None:
    # Other keys would open nothing of what is there, and hide that the right ones are missing.
    records = Path(inventory.state_folder).absolute() / RECORDS_FOLDER
    try:
        with os.scandir(records) as entries:
            used = [
                e.name for e in entries if e.name.endswith(f".{ANCHOR_ENDING}") and e.stat().st_size
            ]
    except FileNotFoundError:
        return
    except OSError as error:
        message = f'"{records}" cannot be read: {(error.strerror or "").lower()}'
        raise SourceError(message, hint=f"ls -ld '{records}'") from error
    if used:
        raise SourceError(
            f'the site keys in "{folder}" are gone, but there are stores that were made with them',
            hint="restore the folder from a backup; to begin with empty stores, move away what lies"
            f" in them, then: rm -r '{records}'",
        )


def _beside(inventory: Inventory, environment: Mapping[str, str]) -> tuple[str, ...]:
    protection = protection_of(inventory.keys.protection)
    if any(environment.get(name) for name in protection.instead):
        return ()
    return tuple(path for name in protection.beside if (path := environment.get(name)))


def _from_file(path: str, variable: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_PASSPHRASE_BYTES).decode()
    except (OSError, ValueError) as error:
        told = error.strerror if isinstance(error, OSError) else "not UTF-8"
        message = f'passphrase file "{path}" ({variable}) cannot be read: {told}'
        raise SourceError(message, hint=f"ls -l '{path}'") from error
    lines = content.splitlines()
    if not lines or not lines[0]:
        message = f'passphrase file "{path}" ({variable}) is empty'
        raise SourceError(message, hint="put the passphrase on its first line")
    return lines[0]


def _from_terminal(what: str, *, again: bool) -> str:
    try:
        given = getpass.getpass(f"{what}: ")
        if again and getpass.getpass("the same again: ") != given:
            raise UsageError("the two passphrases differ", hint="try again")
    except EOFError as error:
        raise UsageError("no passphrase was given", hint="try again") from error
    return given


def _from_systemd(program: str, what: str) -> str:
    command = [program, "--id=sealgate", f"--timeout={ASK_SECONDS}", f"Sealgate: {what}"]
    try:
        asked = subprocess.run(  # noqa: S603  # a fixed command of the system
            command, check=False, capture_output=True, timeout=ASK_SECONDS + 10, text=True
        )
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        raise _unanswered() from error
    if asked.returncode != 0 or not asked.stdout.strip("\n"):
        raise _unanswered()
    return asked.stdout.splitlines()[0]


def _unanswered() -> SourceError:
    return SourceError(
        "the site keys need their passphrase, and nobody answered systemd-ask-password",
        hint=f"systemd-tty-ask-password-agent, or set {PASSPHRASE_FILE}",
    )

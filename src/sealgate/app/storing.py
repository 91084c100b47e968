"""What an operator does with the stores of drops: verify, rotate, tend."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.app.actor import actor
from sealgate.app.keyring import RECORDS_FOLDER, open_site_keyring
from sealgate.app.remains import note_made, was_made
from sealgate.app.state import open_register
from sealgate.errors import NothingToLookAtError, UsageError
from sealgate.protocols.session.drops import INCOMING
from sealgate.register.model import TransferRecord
from sealgate.storage.adapters.opened import (
    accept_store,
    anchor_path,
    lacks_anchor,
    open_store,
)
from sealgate.storage.adapters.rotate import Rotated, rotate
from sealgate.storage.adapters.sweep import Swept, sweep
from sealgate.storage.adapters.verify import Fault, Found, Verified, verify
from sealgate.storage.model import StorageError, StoreSettings, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sealgate.policy.inventory import Drop, Inventory
    from sealgate.storage.adapters.store import ObjectStore
    from sealgate.storage.age.keys import Identity
    from sealgate.storage.keyring import UnlockedKeyring
    from sealgate.storage.model import Entry

__all__ = ["Found", "Rotated", "Swept", "Verified"]

_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Tended:
    """What was done to the store of *drop*: *expired* are files that were older than its retention."""

    drop: str
    swept: Swept
    expired: tuple[Entry, ...]


def store_settings(inventory: Inventory, drop: Drop) -> StoreSettings:
    """
    Return what the store of *drop* is to be, and whether it was at work before.

    Raises:
        SourceError: what the state folder notes cannot be read.
    """
    settings = StoreSettings(
        name=drop.name,
        url=drop.store,
        rung=drop.classification.required.at_rest,
        classification=drop.classification.id,
        quota_bytes=drop.quota_bytes,
        max_file_bytes=drop.max_file_bytes,
        recipients=drop.recipients,
        records_folder=str(Path(inventory.state_folder).absolute() / RECORDS_FOLDER),
        records_url=inventory.register_url,
    )
    return replace(settings, is_known=was_made(inventory, anchor_path(settings)))


def without_anchor(inventory: Inventory) -> dict[str, str]:
    """
    Return which drops cannot be served because the anchor of their store was lost, and why.

    Nothing is opened: whether a store fits the anchor that is there shows when it is.

    Raises:
        SourceError: what the state folder notes cannot be read.
    """
    settings = {drop.name: store_settings(inventory, drop) for drop in inventory.drops}
    return {
        name: f'the anchor of its store, "{anchor_path(one)}", was lost'
        for name, one in settings.items()
        if one.is_known and lacks_anchor(one)
    }


def chosen_drops(inventory: Inventory, names: Sequence[str]) -> tuple[Drop, ...]:
    """
    Return the drops of these *names*, or all of them.

    Raises:
        UsageError: there is none of that name.
        NothingToLookAtError: none is configured.
    """
    if not inventory.drops:
        message = f'"{inventory.source}" declares no drop, so there is no store'
        raise NothingToLookAtError(message, hint="add a [[drop]]")
    known = {drop.name: drop for drop in inventory.drops}
    for name in names:
        if name not in known:
            raise UsageError(f'there is no drop "{name}"', hint=f"one of {', '.join(known)}")
    return tuple(known[name] for name in dict.fromkeys(names)) if names else inventory.drops


def verify_drops(
    inventory: Inventory,
    drops: Sequence[Drop],
    *,
    full: bool,
    now: Callable[[], float],
    progress: Callable[[str, int], None] = lambda _drop, _size: None,
) -> Iterator[tuple[Drop, Verified]]:
    """
    Verify the store of each of *drops*; with *full* everything is opened.

    Raises:
        SealgateError: the keys cannot be opened, or a store not be read at all.
    """
    keyring = open_site_keyring(inventory, now=now())
    for drop in drops:
        settings = store_settings(inventory, drop)
        try:
            store = open_store(settings, keyring, now=now, compare=False)
        except StorageError as error:
            if error.trouble is not Trouble.TAMPERED:
                raise
            # Nothing can be compared with records that are gone: that is the finding.
            told = f"{error.message} ({error.hint})" if error.hint else error.message
            yield drop, Verified(0, 0, 0, (Found(Fault.ROLLED_BACK, "records", told),))
            continue
        with closing(store):
            yield drop, verify(store, full=full, progress=partial(progress, drop.name))


def accept_drops(
    inventory: Inventory, drops: Sequence[Drop], *, now: Callable[[], float]
) -> Iterator[tuple[Drop, str | None]]:
    """
    Take the state of the store of each of *drops* for the newest one; yield what it was not, if so.

    Of a store that opens as it is, ``None`` is yielded, and nothing is done. What was taken stands
    in the register.

    Raises:
        SealgateError: the keys or the register cannot be opened, or a store is damaged otherwise.
    """
    keyring = open_site_keyring(inventory, now=now())
    with open_register(inventory) as register:
        for drop in drops:
            settings = store_settings(inventory, drop)
            why = None
            try:
                open_store(settings, keyring, now=now).close()
            except StorageError as error:
                if error.trouble is not Trouble.TAMPERED:
                    raise
                why = error.message
                accept_store(settings, keyring, now=now)
                register.record_transfers([_accepted(drop, now())])
            yield drop, why
    note_made(inventory)


def _accepted(drop: Drop, at: float) -> TransferRecord:
    return TransferRecord(
        at=at,
        action="acceptance",
        caller=actor(),
        protocol="",
        peer="",
        version="",
        group="",
        cipher="",
        mac="",
        place=drop.name,
        classification=drop.classification.id,
        size=0,
        result="ok",
    )


def rotate_drops(
    inventory: Inventory,
    drops: Sequence[Drop],
    identities: tuple[Identity, ...],
    *,
    now: Callable[[], float],
    progress: Callable[[str, int, int], None] = lambda _drop, _done, _of: None,
) -> Iterator[tuple[Drop, Rotated]]:
    """
    Bring the files of each of *drops* to the current key, recipients, class and rung.

    *identities* open what the site cannot.

    Raises:
        SealgateError: the keys or a store cannot be opened, or a file was tampered with.
    """
    keyring = open_site_keyring(inventory, now=now())
    for drop in drops:
        with closing(open_store(store_settings(inventory, drop), keyring, now=now)) as store:
            yield drop, rotate(store, identities, progress=partial(progress, drop.name))


def tend_drops(
    inventory: Inventory, keyring: UnlockedKeyring, *, now: Callable[[], float]
) -> Iterator[Tended]:
    """
    Sweep every store, and remove what is past its retention; for a start, and once an hour.

    What was done to one is yielded before the next is begun, so that it can be noted.

    Raises:
        StorageError: a store cannot be opened or written; the others were tended before.
    """
    first: StorageError | None = None
    for drop in inventory.drops:
        try:
            tended = _tended(inventory, drop, keyring, now)
        except StorageError as error:
            first = first or error
        else:
            yield tended
    if first is not None:
        raise first


def _tended(
    inventory: Inventory, drop: Drop, keyring: UnlockedKeyring, now: Callable[[], float]
) -> Tended:
    with closing(open_store(store_settings(inventory, drop), keyring, now=now)) as store:
        _clear_incoming(store, now() - _DAY)
        # What was removed is told by nobody when something fails behind it.
        swept = sweep(store)
        expired: tuple[Entry, ...] = ()
        if drop.retention_days is not None:
            expired = store.expire(now() - drop.retention_days * _DAY)
        return Tended(drop.name, swept, expired)


def _clear_incoming(store: ObjectStore, before: float) -> None:
    """
    Remove what was looked at and never shown, because a crash came between.

    Nobody has been told that it is there.
    """
    for record in tuple(store.records.listed((INCOMING,))):
        if not record.is_folder and record.stored_at < before:
            store.remove(record.path)

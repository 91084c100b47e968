"""Opens the store that settings describe, with the keys that the site has."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.database import sqlite_url
from sealgate.errors import BugError
from sealgate.policy.files import folder_of
from sealgate.policy.protection import SealedFor, StorageRung
from sealgate.storage.adapters.anchor import ENDING, Anchor
from sealgate.storage.adapters.media import open_medium
from sealgate.storage.adapters.name_locks import ENDING as WRITERS
from sealgate.storage.adapters.name_locks import NameLocks
from sealgate.storage.adapters.plain import PlainForm
from sealgate.storage.adapters.protected import ProtectedForm
from sealgate.storage.adapters.records import Records
from sealgate.storage.adapters.reserve import Reserve
from sealgate.storage.adapters.sealed import SealedForm
from sealgate.storage.adapters.store import ObjectStore
from sealgate.storage.age.errors import AgeError
from sealgate.storage.age.keys import are_post_quantum, check_mix, parse_recipient
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    from sealgate.storage.adapters.forms import Form
    from sealgate.storage.adapters.medium import Medium
    from sealgate.storage.age.wrapping import Identity, Recipient
    from sealgate.storage.keyring import UnlockedKeyring
    from sealgate.storage.model import StoreSettings

RECORDS = "records.sqlite"


def open_store(
    settings: StoreSettings,
    keyring: UnlockedKeyring,
    *,
    now: Callable[[], float],
    compare: bool = True,
) -> ObjectStore:
    """
    Return the store of *settings*, made when it is not there yet.

    Without *compare* a store that was rolled back opens too, so that it can be verified.
    A process that is to fork must open its stores afterwards.

    Raises:
        StorageError: the place cannot be used (DENIED, FAILED), what it holds is not what
            was stored last (TAMPERED), or the recipients do not give the rung (UNSUPPORTED).
    """
    recipients = _recipients(settings, keyring)
    medium = open_medium(settings.url, _beside(settings, "locks"))
    try:
        anchor = Anchor(anchor_path(settings), settings.name, is_known=settings.is_known)
        try:
            url, store, reserve = _records_place(settings)
            records = Records(url, store, keyring.record_key, anchor, compare=compare)
        except BaseException:
            anchor.close()
            raise
    except BaseException:
        medium.close()
        raise
    site = recipients if settings.rung.stored.sealed_for is SealedFor.SITE else keyring.recipients
    forms = _forms(records.vouching.content_key, site, keyring.identities, recipients)
    rung = _worth(settings.rung, keyring, medium)
    kept = Reserve(reserve, records.connections.settle)
    names = NameLocks(_beside(settings, WRITERS), records.connections.shared_names(store))
    return ObjectStore(settings, medium, records, forms, rung, now, kept, names)


def _forms(
    content_key: bytes,
    site: tuple[Recipient, ...],
    identities: tuple[Identity, ...],
    elsewhere: tuple[Recipient, ...],
) -> dict[StorageRung, Form]:
    """Return the form of each rung: a store may hold files of others until they are rotated."""
    forms: tuple[Form, ...] = (
        PlainForm(),
        ProtectedForm(content_key),
        SealedForm(StorageRung.ENCRYPTED, site, identities),
        SealedForm(StorageRung.HIGHLY_ENCRYPTED, elsewhere, ()),
    )
    by_rung = {form.rung: form for form in forms}
    for rung in StorageRung:
        if rung not in by_rung:
            raise BugError(f'rung "{rung.word}" at rest has no form in storage/adapters/opened.py')
    return by_rung


def accept_store(
    settings: StoreSettings, keyring: UnlockedKeyring, *, now: Callable[[], float]
) -> None:
    """
    Take the state of the store of *settings* for the newest one: its anchor begins anew there.

    Without records it is an empty store from then on.

    Raises:
        StorageError: it cannot be opened for another reason; the anchor stays as it was.
    """
    anchor = Anchor(anchor_path(settings), settings.name)
    try:
        said = anchor.forget()
        try:
            open_store(replace(settings, is_known=False), keyring, now=now).close()
        except BaseException:
            anchor.put_back(said)
            raise
    finally:
        anchor.close()


def was_used(settings: StoreSettings) -> bool:
    """Return whether this site had the store of *settings* at work before: its anchor says so."""
    return settings.is_known or not lacks_anchor(settings)


def lacks_anchor(settings: StoreSettings) -> bool:
    """Return whether there is nothing in the place of the anchor."""
    if not Path(settings.records_folder).is_absolute():
        return True
    try:
        return anchor_path(settings).stat().st_size == 0
    except OSError:
        return True


def anchor_path(settings: StoreSettings) -> Path:
    """
    Return where the anchor lies.

    Raises:
        StorageError: *settings* name no folder for it.
    """
    return _beside(settings, ENDING)


def _recipients(settings: StoreSettings, keyring: UnlockedKeyring) -> tuple[Recipient, ...]:
    given = []
    try:
        given = [parse_recipient(text) for text in settings.recipients]
        if settings.rung.stored.sealed_for is SealedFor.SITE:
            given = [*keyring.recipients, *given]
        if given:
            check_mix(given)
    except AgeError as error:
        message = f'store "{settings.name}": {error.message}'
        raise StorageError(Trouble.UNSUPPORTED, message, hint=error.hint) from error
    if settings.rung.stored.sealed_for is SealedFor.ELSEWHERE:
        _require_elsewhere(settings, keyring, given)
    return tuple(given)


def _require_elsewhere(
    settings: StoreSettings, keyring: UnlockedKeyring, given: list[Recipient]
) -> None:
    rung = settings.rung
    if not given or (rung.stored.post_quantum and not are_post_quantum(given)):
        raise StorageError(
            Trouble.UNSUPPORTED,
            f'store "{settings.name}" must be {rung.word}, which takes post-quantum'
            " recipients and no other",
            hint='recipients = ["age1pq1…"]',
        )
    ours = {key.recipient.strip().lower() for key in keyring.keyring.keys}
    if any(text.strip().lower() in ours for text in settings.recipients):
        raise StorageError(
            Trouble.UNSUPPORTED,
            f'store "{settings.name}" must be {rung.word}, but the identity of a recipient'
            " is on this host",
            hint="make a key pair elsewhere and give its recipient",
        )


def _records_place(settings: StoreSettings) -> tuple[str, str, Path | None]:
    if (folder := folder_of(settings.url)) is not None:
        path = Path(folder) / RECORDS
    elif settings.records_url is not None and not settings.records_url.startswith("sqlite"):
        return settings.records_url, settings.url, None
    else:
        path = _beside(settings, "sqlite")
    return sqlite_url(str(path)), "", path.with_suffix(".reserve")


def _beside(settings: StoreSettings, suffix: str) -> Path:
    if not Path(settings.records_folder).is_absolute():
        message = f'store "{settings.name}" has no folder for what must lie apart from it'
        raise StorageError(Trouble.UNSUPPORTED, message, hint="set state in sealgate.toml")
    # Two drops over one place share its state; a name says which it is to a person.
    told = re.sub(r"[^A-Za-z0-9._-]", "-", settings.url.rpartition("/")[2])[:40] or "store"
    place = hashlib.sha256(settings.url.encode()).hexdigest()[:12]
    return Path(settings.records_folder) / f"{told}-{place}.{suffix}"


def _worth(rung: StorageRung, keyring: UnlockedKeyring, medium: Medium) -> StorageRung:
    # DESIGN, at rest 1: sealed, but the key lies readable beside it.
    if not rung.stored.needs_key_apart:
        return rung
    if not keyring.is_apart:
        return StorageRung.PROTECTED
    volume = medium.device
    if volume is not None:
        for path in keyring.beside:
            try:
                if os.stat(path).st_dev == volume:  # noqa: PTH116  # one call, no object
                    return StorageRung.PROTECTED
            except OSError:
                continue
    return rung

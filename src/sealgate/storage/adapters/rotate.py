"""
Gives every file the header, and where its class changed the form, that new files get.

A rotation makes a new header and copies the ciphertext as it is, without encrypting it
again: the file key stays, so it withdraws nothing from whoever had opened the file. Each
file is a new object that takes the old one's place in one transaction. So readers and
writers go on meanwhile, and a rotation that was broken off goes on where it was.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sealgate.storage.adapters.forms import CHUNK_BYTES, tampered
from sealgate.storage.adapters.sealed import (
    SealedForm,
    binding_of,
    bound_header,
    object_stanza,
    sealed_for,
)
from sealgate.storage.adapters.upload import ENCODED_BYTES, GATHERED_BYTES
from sealgate.storage.age.errors import DamagedError, NoMatchError
from sealgate.storage.age.file import rewrap, unlock
from sealgate.storage.age.payload import NONCE_BYTES
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sealgate.storage.adapters.medium import Sink
    from sealgate.storage.adapters.store import ObjectStore
    from sealgate.storage.age.wrapping import Identity
    from sealgate.storage.record import Record


@dataclass(frozen=True, slots=True)
class Rotated:
    """
    What a run did: new headers, files sealed anew, records that only got another class.

    *elsewhere* are the paths of files whose identity was not there.
    """

    rewrapped: int
    resealed: int
    relabelled: int
    elsewhere: tuple[str, ...]


def rotate(
    store: ObjectStore,
    identities: tuple[Identity, ...] = (),
    *,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> Rotated:
    """
    Bring every file of *store* to the current key, class and rung.

    *identities* open what the site's own cannot (``HIGHLY_ENCRYPTED``). *progress* gets the
    plain bytes done and those there are.

    Raises:
        StorageError: TAMPERED: a file is not what was stored; NO_SPACE, FAILED.
    """
    rewrapped = resealed = relabelled = done = 0
    elsewhere = []
    with store.records.connections.asking() as run:
        of = store.records.head(run).size
    for record in _files(store):
        try:
            match _due(store, record):
                case "label":
                    relabelled += _exchange(store, record, _labelled(store, record))
                case "header":
                    rewrapped += _rewrap(store, record, identities)
                case "form":
                    resealed += _reseal(store, record, identities)
        except StorageError as error:
            if error.trouble is Trouble.SEALED_ELSEWHERE:
                elsewhere.append("/".join(record.path))
            elif error.trouble is not Trouble.NOT_FOUND or _is_current(store, record):
                raise
        done += record.size
        progress(done, of)
    return Rotated(rewrapped, resealed, relabelled, tuple(elsewhere))


def _files(store: ObjectStore) -> Iterator[Record]:
    for record, _, genuine in store.records.everything():
        if not genuine:
            message = f'the record of "{"/".join(record.path)}" was changed from outside'
            raise StorageError(Trouble.TAMPERED, message, hint="sealgate verify")
        if not record.is_folder:
            yield record


def _due(store: ObjectStore, record: Record) -> str:
    if record.rung is not store.settings.rung:
        return "form"
    form = store.objects.form(record.rung)
    if isinstance(form, SealedForm):
        source = store.medium.open(record.object_id)
        try:
            header, _ = bound_header(record, source)
        finally:
            source.close()
        if sealed_for(header) != form.sealed_for:
            return "header"
    return "label" if record.classification != store.settings.classification else ""


def _labelled(store: ObjectStore, record: Record) -> Record:
    return replace(record, classification=store.settings.classification)


def _rewrap(store: ObjectStore, record: Record, identities: tuple[Identity, ...]) -> int:
    form = store.objects.form(record.rung)
    assert isinstance(form, SealedForm)  # noqa: S101  # _due has looked
    source = store.medium.open(record.object_id)
    try:
        header, length = bound_header(record, source)
        nonce = source.read_at(length, NONCE_BYTES)
    finally:
        source.close()
    object_id = os.urandom(16).hex()
    try:
        file_key = unlock(header, (*identities, *form.identities))
        stanza = object_stanza(object_id, form.sealed_for)
        made = rewrap(header, file_key, form.recipients, (stanza,))
    except NoMatchError as error:
        raise StorageError(
            Trouble.SEALED_ELSEWHERE,
            f'"{"/".join(record.path)}" is sealed for others: its identity is not here',
            hint="sealgate rotate -i IDENTITY",
        ) from error
    except DamagedError as error:
        raise tampered(record, f"cannot be opened: {error.message}") from error
    sink = store.medium.create(object_id)
    try:
        sink.write([made])
        sink.copy(record.object_id, length)
        sink.finish()
        new = replace(
            _labelled(store, record),
            object_id=object_id,
            object_size=sink.size,
            binding=binding_of(made + nonce),
        )
        return _exchange(store, record, new, sink)
    except BaseException:
        sink.drop()
        raise


def _reseal(store: ObjectStore, record: Record, identities: tuple[Identity, ...]) -> int:
    form = store.objects.form(record.rung)
    if isinstance(form, SealedForm):
        form = form.with_identities(identities)
    object_id = os.urandom(16).hex()
    encoder = store.objects.form(store.settings.rung).begin(object_id)
    source = store.medium.open(record.object_id)
    sink = None
    try:
        opened = form.open(record, source, store.objects.read_aside(record))
        sink = store.medium.create(object_id)
        if encoder.header:
            sink.write([encoder.header])
        out = bytearray(ENCODED_BYTES)
        offset = 0
        while record.size - offset > GATHERED_BYTES:
            plain = memoryview(opened.read_at(offset, GATHERED_BYTES))
            sink.write([encoder.whole(plain, out)])
            offset += GATHERED_BYTES
        rest = memoryview(opened.read_at(offset, GATHERED_BYTES))
        whole = max(0, len(rest) - 1) // CHUNK_BYTES * CHUNK_BYTES
        if whole:
            sink.write([encoder.whole(rest[:whole], out)])
        sink.write([encoder.last(rest[whole:])])
        if aside := encoder.aside():
            store.objects.write_aside(object_id, aside)
        sink.finish()
        new = replace(
            _labelled(store, record),
            rung=store.settings.rung,
            object_id=object_id,
            object_size=sink.size,
            binding=encoder.binding(),
        )
        return _exchange(store, record, new, sink)
    except BaseException:
        if sink is not None:
            sink.drop()
        raise
    finally:
        source.close()


def _exchange(store: ObjectStore, old: Record, new: Record, sink: Sink | None = None) -> int:
    with store.records.changing() as change:
        found = change.find(old.path, old.area)
        is_same = found is not None and found[0] == old
        if found is not None and is_same:
            change.put(replace(new, seq=change.seq), found)
    if not is_same:
        # Somebody changed it meanwhile; another run sees what is left to do.
        if sink is not None:
            sink.drop()
        return 0
    if sink is not None:
        sink.close()
        store.objects.remove(old)
    return 1


def _is_current(store: ObjectStore, record: Record) -> bool:
    with store.records.connections.asking() as run:
        found = store.records.find(run, record.path, record.area)
    return found is not None and found[0] == record

"""
Writers that are killed: forks them, kills them at random points, and counts what is left.

Run as a program (``python -m tests.peers.killed_store FOLDER RUNG UPLOADS SEED``); prints the
counts as JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.sweep import sweep
from sealgate.storage.adapters.verify import verify
from sealgate.storage.model import StorageError, Trouble
from tests.unit.storage.stores import ELSEWHERE, Place, get, get_raw, keyring, lying

if TYPE_CHECKING:
    from sealgate.storage.adapters.store import ObjectStore
    from sealgate.storage.keyring import UnlockedKeyring
    from sealgate.storage.model import Entry

WRITERS = 3
NAMES = 24
SIZES = (0, 1, 10_000, 65_536, 65_537, 200_000, 262_144, 700_000)
PIECE = 32768
COUNTED = ("rounds", "acknowledged", "broken_off", "whole", "resumed", "lost", "swept")


def content_of(seed: int, size: int) -> bytes:
    """Return *size* bytes that only this *seed* gives."""
    return (hashlib.sha256(seed.to_bytes(8, "big")).digest() * (size // 32 + 1))[:size]


def write_for_ever(place: Place, keys: UnlockedKeyring, writer: int, seed: int, out: int) -> None:
    """Upload file after file, and tell of each before it begins and when it was committed."""
    chance = random.Random(seed)  # noqa: S311  # a test's choices
    store = place.open(keys)
    while True:
        name = f"{writer}-{chance.randrange(NAMES)}"
        size = chance.choice(SIZES)
        number = chance.getrandbits(48)
        with store.open_write((name,), owner="anna") as upload:
            content = content_of(number, size)
            tell(out, "began", name, size, number)
            for at in range(0, size, PIECE):
                upload.write(content[at : at + PIECE])
            upload.commit()
        tell(out, "acked", name, size, number)


def tell(out: int, what: str, name: str, size: int, number: int) -> None:
    """Write one line: it is whole in the pipe, or not there."""
    os.write(out, f"{what} {name} {size} {number}\n".encode())


def killed_round(place: Place, keys: UnlockedKeyring, chance: random.Random) -> list[list[str]]:
    """Run the writers for a moment, kill each with SIGKILL, and return what they told."""
    ends: dict[int, int] = {}
    for writer in range(WRITERS):
        reading, writing = os.pipe()
        seed = chance.getrandbits(32)
        child = os.fork()
        if child == 0:
            os.close(reading)
            try:
                write_for_ever(place, keys, writer, seed, writing)
            finally:
                os._exit(1)
        os.close(writing)
        ends[child] = reading
    told: dict[int, bytes] = dict.fromkeys(ends, b"")
    until = time.monotonic() + chance.uniform(0.03, 0.25)
    while (left := until - time.monotonic()) > 0:
        for end in select.select(list(ends.values()), [], [], left)[0]:
            child = next(c for c, e in ends.items() if e == end)
            told[child] += os.read(end, 65536)
    for child in ends:
        os.kill(child, signal.SIGKILL)
        # The others go on for an instant: they die at other points.
        time.sleep(chance.uniform(0, 0.004))
    for child, end in ends.items():
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"a writer ended by itself: {status}"
        while more := os.read(end, 65536):
            told[child] += more
        os.close(end)
    return [line.split(" ") for each in told.values() for line in each.decode().splitlines()]


def main(folder: str, rung_number: str, uploads: str, seed: str) -> None:
    """Kill writers until so many uploads were acknowledged; print the counts."""
    place = Place(Path(folder), StorageRung(int(rung_number)))
    keys = keyring()
    place.open(keys).close()
    chance = random.Random(int(seed))  # noqa: S311  # a test's choices
    acked: dict[str, tuple[int, int]] = {}
    began: dict[str, tuple[int, int]] = {}
    counts = dict.fromkeys(COUNTED, 0)
    while counts["acknowledged"] < int(uploads):
        counts["rounds"] += 1
        began.clear()
        for what, name, size, number in killed_round(place, keys, chance):
            if what == "began":
                began[name] = (int(size), int(number))
            else:
                acked[name] = (int(size), int(number))
                began.pop(name, None)
                counts["acknowledged"] += 1
        counts["broken_off"] += len(began)
        store = place.open(keys)
        look(store, acked, began, counts)
        store.close()
    store = place.open(keys, now=lambda: time.time() + 9e6)
    swept = sweep(store)
    known = {store.stat((name,)).object_id for name in acked}
    left = {name.removesuffix(".tags") for name in lying(place)} - known
    faults = verify(store, full=True).found
    store.close()
    counts["swept"] += swept.objects
    counts |= {"unknown_left": len(left), "faults": len(faults)}
    counts["files"] = len(known)
    print(json.dumps(counts))


def look(
    store: ObjectStore,
    acked: dict[str, tuple[int, int]],
    began: dict[str, tuple[int, int]],
    counts: dict[str, int],
) -> None:
    """Every acknowledged file is whole; one that was on its way is the old or the new one."""
    counts["swept"] += sweep(store, young_seconds=0.0).objects
    for name, old in acked.items():
        # It may have been committed, and the telling of it was cut off.
        allowed = [old, began[name]] if name in began else [old]
        there = [each for each in allowed if content_in(store, name, content_of(each[1], each[0]))]
        counts["whole" if there else "lost"] += 1
        if there:
            acked[name] = there[0]
    for name, (size, number) in began.items():
        if name in acked:
            continue
        entry = found(store, name)
        if entry is None:
            continue
        if entry.partial:
            content = content_of(number, size)
            assert entry.size < size
            with store.open_write((name,), owner="anna", resume=True) as upload:
                assert upload.offset == entry.size
                upload.write(content[entry.size :])
                upload.commit()
            counts["resumed"] += 1
        acked[name] = (size, number)
        assert content_in(store, name, content_of(number, size))


def content_in(store: ObjectStore, name: str, content: bytes) -> bool:
    """Return whether the file opens and has this content."""
    if store.settings.rung is StorageRung.HIGHLY_ENCRYPTED:
        raw = get_raw(store, name)
        from sealgate.storage.age.file import unlock  # noqa: PLC0415
        from sealgate.storage.age.header import parse_header  # noqa: PLC0415
        from sealgate.storage.age.random_access import RandomAccess  # noqa: PLC0415

        header, length = parse_header(raw)
        key = unlock(header, (ELSEWHERE,))
        opened = RandomAccess(lambda at, n: raw[at : at + n], len(raw), length, key)
        return opened.read_at(0, len(raw)) == content
    return get(store, name) == content


def found(store: ObjectStore, name: str) -> Entry | None:
    """Return the entry of that name, whole or partial."""
    try:
        return store.stat((name,))
    except StorageError as error:
        if error.trouble is not Trouble.NOT_FOUND:
            raise
        return None


if __name__ == "__main__":
    main(*sys.argv[1:])

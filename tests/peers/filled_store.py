"""
Fills a store on a small volume to the brim, and counts what holds.

Run as a program (``python -m tests.peers.filled_store FOLDER RUNG``) where FOLDER is a small
file system of its own; prints the counts as JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from pathlib import Path

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.sweep import sweep
from sealgate.storage.adapters.verify import verify
from sealgate.storage.model import StorageError, Trouble
from tests.unit.storage.stores import Place, get, get_raw, lying, put

SIZES = (0, 5000, 70_000, 300_000, 900_000)


def main(folder: str, rung_number: str) -> None:
    """Upload until nothing fits, free some, and go on; every file that was taken stays whole."""
    place = Place(Path(folder), StorageRung(int(rung_number)))
    store = place.open()
    chance = random.Random(3)  # noqa: S311  # a test's choices
    files: dict[str, bytes] = {}
    counts = {"taken": 0, "refused": 0, "other": 0, "lost": 0}
    for number in range(160):
        name, content = f"file{chance.randrange(60)}", os.urandom(chance.choice(SIZES))
        try:
            put(store, name, content)
        except StorageError as error:
            counts["refused" if error.trouble is Trouble.NO_SPACE else "other"] += 1
            # What is full stays full for a while, then somebody makes room.
            if counts["refused"] % 20 == 19 and files:
                store.remove((gone := chance.choice(sorted(files)),))
                del files[gone]
            continue
        counts["taken"] += 1
        files[name] = content
        assert number < 200
    for name, content in files.items():
        if place.rung is StorageRung.HIGHLY_ENCRYPTED:
            counts["lost"] += len(get_raw(store, name)) < len(content)
        else:
            counts["lost"] += get(store, name) != content
    store.close()
    store = place.open(now=lambda: time.time() + 9e9)
    sweep(store)
    ids = {store.stat((name,)).object_id for name in files}
    counts["unknown_left"] = len({n.removesuffix(".tags") for n in lying(place)} - ids)
    counts["faults"] = len(verify(store, full=True).found)
    counts["files"] = len(list(store.list(())))
    assert counts["files"] == len(files)
    store.close()
    print(json.dumps(counts))


if __name__ == "__main__":
    main(*sys.argv[1:])

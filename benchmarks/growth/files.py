"""What files cost over SFTP and FTPS: to list many, and small ones up and down beside peers."""

from __future__ import annotations

import time
from contextlib import closing
from functools import cache
from typing import TYPE_CHECKING

import pytest

from benchmarks.growth.serving import in_memory, once
from benchmarks.transfer import ftps, sftp
from sealgate.app.keyring import open_site_keyring
from sealgate.app.storing import store_settings
from sealgate.config.load import load
from sealgate.storage.adapters.keystore_protect import PASSPHRASE_FILE
from sealgate.storage.adapters.opened import open_store
from tests.peers.transferred import FilePlace, file_place

if TYPE_CHECKING:
    from collections.abc import Mapping

FILES_PER_SIZE = 100
_MIB = 1 << 20
# Of each peer's benchmark: enough to see a ratio, in less than a minute.
_SMALL_FILES = 200
_LARGE_BYTES = 32 * _MIB


@once
def list_seconds(size: int) -> float:
    """Return the seconds of the processor that the server takes to list a hundred times *size* files."""
    with in_memory() as folder, file_place(folder) as place:
        _fill(place, size * FILES_PER_SIZE)
        with sftp.sealgate(place, None) as server:
            server.sftp("ls -1 /")
            before = server.cpu_seconds()
            server.sftp(f"ls -1f {server.root}")
            return server.cpu_seconds() - before


def _fill(place: FilePlace, count: int) -> None:
    """Put *count* small files into the drop, as the server does, but one after the other here."""
    inventory = load(str(place.config))
    [drop] = [drop for drop in inventory.drops if drop.name == "partners"]
    settings = store_settings(inventory, drop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PASSPHRASE_FILE, place.environment[PASSPHRASE_FILE])
        keyring = open_site_keyring(inventory, now=time.time())
    with closing(open_store(settings, keyring, now=time.time)) as store:
        for number in range(count):
            with store.open_write((f"file-{number:06}",), owner="anna") as upload:
                upload.write(b"x")
                upload.commit()


@cache
def _ratios(peer: str) -> Mapping[str, float]:
    found: list[sftp.Ratio] | list[ftps.Ratio] = _sftp() if peer == "sftp" else _ftps()
    return {one.name: one.value for one in found}


def to_peer(name: str) -> float:
    """Return the ratio called *name* of ``make bench-transfer``, measured in short."""
    return _ratios(name.partition("-")[0])[name]


def _sftp() -> list[sftp.Ratio]:
    return sftp.measure(large_bytes=_LARGE_BYTES, small_files=_SMALL_FILES, rounds=2, sessions=0)


def _ftps() -> list[ftps.Ratio]:
    return ftps.measure(large_bytes=_LARGE_BYTES, small_files=_SMALL_FILES, rounds=2)

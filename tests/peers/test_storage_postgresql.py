"""
The records of a store in a real PostgreSQL, beside those of other stores.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from sealgate.storage.adapters.opened import open_store
from sealgate.storage.adapters.verify import verify
from sealgate.storage.model import StorageError, StorageRung, StoreSettings, Trouble
from tests.peers.postgresql import postgresql_running
from tests.peers.test_storage_objects import BUCKET, client
from tests.unit.storage.stores import get, keyring, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["client"]  # the S3 server, as a fixture
pytestmark = pytest.mark.peer("postgresql")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """
    Return the URL of a new database.
    """
    with postgresql_running() as server:
        yield server.new_database()


@pytest.fixture
def settings(client: Any, url: str, tmp_path: Path) -> StoreSettings:
    """
    Return a store of its own in the bucket, with its records in PostgreSQL.
    """
    del client
    return StoreSettings(
        tmp_path.name,
        f"s3://{BUCKET}/{tmp_path.name}",
        StorageRung.ENCRYPTED,
        "confidential",
        records_folder=str(tmp_path),
        records_url=url,
    )


def test_files_live_through_rename_and_restart(settings: StoreSettings) -> None:
    """
    What one process stored, another one finds; a rename and a removal hold, too.
    """
    content = os.urandom(200_000)
    store = open_store(settings, keyring(), now=time.time)
    put(store, "a", content)
    put(store, "b", b"two")
    store.rename(("a",), ("c",), replace=False)
    store.remove(("b",))
    store.close()
    again = open_store(settings, keyring(), now=time.time)
    assert [entry.path for entry in again.list(())] == [("c",)]
    assert get(again, "c") == content
    assert verify(again, full=True).found == ()
    again.close()


def test_two_stores_in_one_database_do_not_meet(settings: StoreSettings) -> None:
    """
    Equal paths of different stores are different files.
    """
    other = replace(settings, name=f"{settings.name}-2", url=f"{settings.url}-2")
    one, two = (open_store(each, keyring(), now=time.time) for each in (settings, other))
    put(one, "same", b"one")
    with pytest.raises(StorageError) as raised:
        two.stat(("same",))
    assert raised.value.trouble is Trouble.NOT_FOUND
    put(two, "same", b"two")
    assert (get(one, "same"), get(two, "same")) == (b"one", b"two")
    one.close()
    two.close()


def test_writers_at_once_lose_nothing(settings: StoreSettings) -> None:
    """
    Eight threads over two open stores: every file is there, and the records are whole.
    """
    stores = [open_store(settings, keyring(), now=time.time) for _ in range(2)]

    def write(number: int) -> None:
        put(stores[number % 2], f"file{number}", b"%d" % number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(40)))
    assert {get(stores[0], f"file{n}") for n in range(40)} == {b"%d" % n for n in range(40)}
    assert verify(stores[1], full=False).found == ()
    for store in stores:
        store.close()


def test_a_changed_record_is_noticed(settings: StoreSettings, url: str) -> None:
    """
    Whoever may write to the database still cannot give a file another class.
    """
    store = open_store(settings, keyring(), now=time.time)
    put(store, "file", b"content")
    store.close()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        names = sa.inspect(connection).get_table_names()
        [table] = [name for name in names if name.endswith("records")]
        changed = connection.execute(sa.text(f"UPDATE {table} SET classification = 'public'"))  # noqa: S608
        assert changed.rowcount
    engine.dispose()
    again = open_store(settings, keyring(), now=time.time)
    with pytest.raises(StorageError) as raised:
        get(again, "file")
    assert raised.value.trouble is Trouble.TAMPERED
    again.close()

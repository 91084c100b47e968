"""The records of a store in a real PostgreSQL, beside those of other stores."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
import sqlalchemy as sa

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.objects import ObjectsMedium
from sealgate.storage.adapters.opened import open_store
from sealgate.storage.adapters.verify import verify
from sealgate.storage.model import StorageError, StoreSettings, Trouble
from tests.peers.postgresql import postgresql_running
from tests.peers.test_storage_objects import BUCKET, client
from tests.told import TOLD
from tests.unit.storage.stores import get, keyring, put
from tests.waiting import PATIENCE_SECONDS, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sealgate.storage.adapters.store import ObjectStore

__all__ = ["client"]  # the S3 server, as a fixture
pytestmark = pytest.mark.peer("postgresql")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return the URL of a new database."""
    with postgresql_running() as server:
        yield server.new_database()


@pytest.fixture
def settings(client: Any, url: str, tmp_path: Path) -> StoreSettings:
    """Return a store of its own in the bucket, with its records in PostgreSQL."""
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
    """What one process stored, another one finds; a rename and a removal hold, too."""
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
    """Equal paths of different stores are different files."""
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
    """Eight threads over two open stores: every file is there, and the records are whole."""
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
    """Whoever may write to the database still cannot give a file another class."""
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


@pytest.fixture
def hosts(settings: StoreSettings, tmp_path: Path) -> Iterator[tuple[ObjectStore, ObjectStore]]:
    """Give one store as two hosts open it, which share the bucket and the database, and no folder."""
    one = open_store(settings, keyring(), now=time.time)
    other = replace(settings, records_folder=str(tmp_path / "other"))
    two = open_store(other, keyring(), now=time.time)
    yield one, two
    for store in (one, two):
        store.close()


@pytest.mark.parametrize("size", [0, 10, 300_000])
def test_of_two_hosts_that_write_one_name_the_second_is_refused(
    hosts: tuple[ObjectStore, ObjectStore], size: int
) -> None:
    """Whatever it has sent; when the first is done or gone, the name is free."""
    one, two = hosts
    first = one.open_write(("name",), owner="anna")
    first.write(os.urandom(size))
    with pytest.raises(StorageError) as caught:
        two.open_write(("name",), owner="ben")
    assert caught.value.trouble is Trouble.BUSY
    two.open_write(("other",), owner="ben").discard()
    first.commit()
    put(two, "name", b"second")
    assert get(one, "name") == b"second"
    one.open_write(("name",), owner="anna")
    # As when its process is killed: nobody lets go of anything.
    shared = one.names._shared
    assert shared is not None
    shared._session.close()
    assert wait_until(lambda: _may_write(two, "name"), PATIENCE_SECONDS)


def _may_write(store: ObjectStore, name: str) -> bool:
    try:
        store.open_write((name,), owner="ben").discard()
    except StorageError as error:
        if error.trouble is not Trouble.BUSY:
            raise
        return False
    return True


def test_what_the_database_let_go_of_is_not_committed(
    hosts: tuple[ObjectStore, ObjectStore], url: str
) -> None:
    """Else who came meanwhile would be overwritten; what is begun anew is taken."""
    one, two = hosts
    first = one.open_write(("name",), owner="anna")
    first.write(b"first")
    shared = one.names._shared
    assert shared is not None
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        pid = shared._held["name",]
        connection.execute(sa.text(f"SELECT pg_terminate_backend({pid})"))
    engine.dispose()
    assert wait_until(lambda: _may_write(two, "name"), PATIENCE_SECONDS)
    second = two.open_write(("name",), owner="ben")
    second.write(b"second")
    # Another name is locked in a new session: the old one's names do not come back by that.
    put(one, "another", b"x")
    with pytest.raises(StorageError, match="let go of the name") as caught:
        first.commit()
    assert caught.value.trouble is Trouble.BUSY
    second.commit()
    assert get(one, "name") == b"second"
    put(one, "name", b"third")
    assert get(two, "name") == b"third"


def test_what_hosts_ask_for_an_upload(
    settings: StoreSettings, client: Any, record_property: Callable[[str, object], None]
) -> None:
    """The bucket gets one request for a small file, as with one host; the database three more."""
    del client
    store = open_store(settings, keyring(), now=time.time)
    put(store, "before", b"x")
    requests: list[str] = []
    statements: list[str] = []
    medium = store.medium
    assert isinstance(medium, ObjectsMedium)
    medium.client.meta.events.register(
        "before-call.s3", lambda model, **_: requests.append(model.name)
    )
    run = psycopg.Connection.execute

    def counted(connection: Any, query: Any, *arguments: Any, **named: Any) -> Any:
        statements.append(str(query))
        return run(connection, query, *arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", counted)
        put(store, "small", b"x" * 10_000)
    store.close()
    assert requests == ["PutObject"]
    locks = [one for one in statements if "advisory" in one]
    assert len(locks) == 3
    record_property(
        TOLD, f"an upload over several hosts: {len(requests)} request, {len(statements)} statements"
    )

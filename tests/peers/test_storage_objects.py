"""A store over an S3-compatible server behaves as one over a folder."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters import objects
from sealgate.storage.adapters.opened import open_store
from sealgate.storage.adapters.rotate import rotate
from sealgate.storage.adapters.sweep import sweep
from sealgate.storage.adapters.verify import Fault, verify
from sealgate.storage.age.x25519 import X25519Identity
from sealgate.storage.model import StorageError, StoreSettings, Trouble
from tests.unit.storage.stores import CHUNK, SITE, get, keyring, put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sealgate.storage.adapters.store import ObjectStore
    from sealgate.storage.keyring import UnlockedKeyring

BUCKET = "sealed-files"
# What a part of a multipart upload must have at least: the server demands it.
PART = 5 << 20


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    """Run the server on loopback and return a client of it."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEALGATE_S3_ENDPOINT", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "tester")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "tester")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        made = boto3.client("s3", endpoint_url=f"http://{host}:{port}")
        made.create_bucket(Bucket=BUCKET)
        yield made
        made.close()
    server.stop()


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "FIRST_PART_BYTES", PART)
    monkeypatch.setattr(objects, "PART_BYTES", PART)


def opened(
    folder: Path, rung: StorageRung = StorageRung.ENCRYPTED, keys: UnlockedKeyring | None = None
) -> ObjectStore:
    """Open a store in the bucket, apart from those of other tests."""
    settings = StoreSettings(
        "far", f"s3://{BUCKET}/{folder.name}", rung, "confidential", records_folder=str(folder)
    )
    return open_store(settings, keys or keyring(), now=time.time)


def keys_of(client: Any, folder: Path) -> set[str]:
    """Return the keys of all objects of a store."""
    found = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{folder.name}/")
    return {each["Key"] for each in found.get("Contents", ())}


@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("rung", [StorageRung.NONE, StorageRung.PROTECTED, StorageRung.ENCRYPTED])
def test_files_of_any_size_come_back(rung: StorageRung, tmp_path: Path) -> None:
    """One request, several parts, or nothing at all: what was stored is read, at any offset."""
    store = opened(tmp_path, rung)
    for size in (0, 1, CHUNK, CHUNK + 1, 2 * PART + 12345):
        content = os.urandom(size)
        put(store, "file", content)
        assert get(store, "file") == content
        reader = store.open_read(("file",))
        assert reader.read_at(size // 2, 1000) == content[size // 2 : size // 2 + 1000]
        reader.close()
    assert verify(store, full=True).found == ()
    store.close()


def test_a_broken_off_upload_is_gone_on_with(client: Any, tmp_path: Path) -> None:
    """In the same process under its own file key, in another one under a new one."""
    content = os.urandom(4 * PART)
    for restart in (False, True):
        store = opened(tmp_path)
        with store.open_write(("file",), owner="anna") as upload:
            upload.write(content[: 3 * PART])
        kept = store.stat(("file",))
        assert kept.partial
        if restart:
            store.close()
            store = opened(tmp_path)
        with store.open_write(("file",), owner="anna", resume=True) as upload:
            assert upload.offset == kept.size
            upload.write(content[kept.size :])
            upload.commit()
        assert get(store, "file") == content
        assert verify(store, full=True).found == ()
        store.remove(("file",))
        store.close()
    assert keys_of(client, tmp_path) == set()
    assert "Uploads" not in client.list_multipart_uploads(Bucket=BUCKET)


def test_what_is_given_up_leaves_nothing(client: Any, tmp_path: Path) -> None:
    """A discarded upload is aborted at once, a forgotten one by the sweep."""
    store = opened(tmp_path)
    upload = store.open_write(("file",), owner="anna")
    upload.write(bytes(2 * PART))
    assert "Uploads" in client.list_multipart_uploads(Bucket=BUCKET)
    upload.discard()
    assert "Uploads" not in client.list_multipart_uploads(Bucket=BUCKET)
    client.create_multipart_upload(Bucket=BUCKET, Key=f"{tmp_path.name}/objects/ab/ab")
    client.put_object(Bucket=BUCKET, Key=f"{tmp_path.name}/objects/ab/{'ab' * 16}", Body=b"x")
    assert [f.fault for f in verify(store, full=False).found] == []  # it is young
    swept = sweep(store, young_seconds=-10.0, abandoned_seconds=-10.0)
    assert swept.objects == 2
    assert keys_of(client, tmp_path) == set()
    store.close()


@pytest.mark.usefixtures("client")
def test_keys_are_rotated_without_reading_what_is_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ciphertext is copied inside the store but for its beginning and its end."""
    content = os.urandom(7 * PART)
    store = opened(tmp_path)
    put(store, "file", content)
    store.close()
    store = opened(tmp_path, keys=keyring(X25519Identity.generate(), SITE))
    monkeypatch.setattr(objects, "_COPY_BYTES", 2 * PART)
    verbs = []
    call = objects.ObjectsMedium.call

    def noted(self: objects.ObjectsMedium, verb: str, **arguments: Any) -> Any:
        verbs.append(verb)
        return call(self, verb, **arguments)

    monkeypatch.setattr(objects.ObjectsMedium, "call", noted)
    assert rotate(store).rewrapped == 1
    assert verbs.count("upload_part_copy") >= 2
    assert get(store, "file") == content
    assert rotate(store).rewrapped == 0
    store.close()


def test_an_object_that_is_changed_is_noticed(client: Any, tmp_path: Path) -> None:
    """The bucket's owner can change, swap or remove objects, and none of it goes unseen."""
    store = opened(tmp_path)
    put(store, "a", b"a" * 1000)
    put(store, "b", b"b" * 1000)
    keys = {
        name: f"{tmp_path.name}/objects/{i[:2]}/{i}"
        for name, i in ((n, store.stat((n,)).object_id) for n in "ab")
    }
    body = client.get_object(Bucket=BUCKET, Key=keys["a"])["Body"].read()
    client.put_object(Bucket=BUCKET, Key=keys["b"], Body=body)
    with pytest.raises(StorageError) as caught:
        get(store, "b")
    assert caught.value.trouble is Trouble.TAMPERED
    assert [f.fault for f in verify(store, full=False).found] == [Fault.WRONG_PLACE]
    client.delete_object(Bucket=BUCKET, Key=keys["b"])
    assert [f.fault for f in verify(store, full=False).found] == [Fault.MISSING]
    store.close()


@pytest.mark.usefixtures("client")
def test_a_bucket_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The error has the service's code and no traceback."""
    settings = StoreSettings(
        "far",
        "s3://no-such-bucket/x",
        StorageRung.ENCRYPTED,
        "confidential",
        records_folder=str(tmp_path),
    )
    store = open_store(settings, keyring(), now=time.time)
    with pytest.raises(StorageError, match="NoSuchBucket"):
        put(store, "a", b"a")
    store.close()


def test_without_boto3_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who configures s3:// without the extra is told what to install."""
    monkeypatch.setitem(__import__("sys").modules, "boto3", None)
    with pytest.raises(StorageError, match="needs boto3") as caught:
        opened(tmp_path)
    assert caught.value.hint == "pip install 'sealgate[s3]'"

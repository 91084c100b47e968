"""Stores are looked at each by itself: one that does not answer is fenced off, the others go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from sealgate.app import apart
from sealgate.app.keyring import open_site_keyring, why_not_apart
from sealgate.app.remains import NOTE
from sealgate.config.load import load
from sealgate.errors import ConfigError
from sealgate.policy.inventory import Drop, Inventory
from sealgate.serve import file_servers_material, store_watch
from sealgate.serve.deployment import plan
from sealgate.serve.file_servers_material import FileServersMaterial
from sealgate.serve.file_servers_plan import ConfiguredServers
from sealgate.serve.observe import observe
from sealgate.serve.opened_keys import OpenedKeys
from sealgate.serve.store_watch import SILENT, StoreWatch
from sealgate.storage.adapters.opened import open_store
from sealgate.storage.model import StorageError
from tests.waiting import PATIENCE_SECONDS, wait_until

_DROP = """
[[drop]]
name = "{0}"
store = "file:stores/{0}"
class = "restricted"
admit = ["user:anna"]
"""


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    """Give a configuration with three drops."""
    path = tmp_path / "sealgate.toml"
    listen = '[listen]\nsftp = "127.0.0.1:2022"\n'
    path.write_text(listen + "".join(_DROP.format(name) for name in ("first", "hung", "last")))
    return load(str(path))


def gathered(inventory: Inventory, before: ConfiguredServers | None = None) -> ConfiguredServers:
    """Return what file servers need."""
    material = FileServersMaterial(time.time, OpenedKeys(time.time))
    served = before.served if before is not None else None
    return material.gather(plan(inventory, observe(inventory, now=time.time())), served)


def fenced(wanted: ConfiguredServers) -> dict[str, str]:
    """Return what is fenced off."""
    assert wanted.served is not None
    return dict(wanted.served.fenced)


@dataclass
class Media:
    """What the media of stores do: those in *silent* do not answer until :attr:`answer` is set."""

    silent: set[str] = field(default_factory=set)
    answer: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    def open(self, settings: Any, *arguments: Any, **named: Any) -> Any:
        """Open the store of *settings*, when its medium answers."""
        self.asked.append(settings.name)
        if settings.name in self.silent:
            self.answer.wait(PATIENCE_SECONDS)
        return open_store(settings, *arguments, **named)


@pytest.fixture
def media(inventory: Inventory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Media]:
    """Give media that nobody waits long for."""
    media = Media()
    monkeypatch.setattr(store_watch, "open_store", media.open)
    # The first time, which is no matter of a moment, the stores of all but one are made.
    some = tuple(drop for drop in inventory.drops if drop.name != "hung")
    assert fenced(gathered(replace(inventory, drops=some))) == {}
    monkeypatch.setattr(store_watch, "ANSWER_SECONDS", 1.5)
    monkeypatch.setattr(file_servers_material, "ANSWER_SECONDS", 1.5)
    monkeypatch.setattr(apart, "ANSWER_SECONDS", 1.5)
    monkeypatch.setattr(store_watch, "WATCH_SECONDS", 0.0)
    yield media
    media.answer.set()


def test_a_store_that_does_not_answer_holds_up_no_other(inventory: Inventory, media: Media) -> None:
    """It is fenced off in time, asked again when it came back, and served again; damage is seen."""
    keyring = open_site_keyring(inventory, now=time.time())
    assert fenced(gathered(inventory)) == {}
    watch = StoreWatch(time.time)
    now: dict[str, str] = {}

    def looked() -> dict[str, str]:
        found = watch.tick(inventory, keyring, now)
        if found is not None:
            now.clear()
            now.update(found)
        return now

    media.silent.add("hung")
    assert wait_until(lambda: looked() == {"hung": SILENT.message}, PATIENCE_SECONDS)
    folder = Path(inventory.drops[2].store.removeprefix("file:"))
    records = (folder / "records.sqlite").read_bytes()
    for path in folder.glob("records.sqlite*"):
        path.unlink()
    assert wait_until(lambda: looked().keys() == {"hung", "last"}, PATIENCE_SECONDS)
    # One look hangs, and none beside it.
    assert media.asked.count("hung") == 2
    (folder / "records.sqlite").write_bytes(records)
    assert wait_until(lambda: looked().keys() == {"hung"}, PATIENCE_SECONDS)
    media.silent.clear()
    media.answer.set()
    assert wait_until(lambda: looked() == {}, PATIENCE_SECONDS)


def test_what_another_configuration_saw_says_nothing(inventory: Inventory, media: Media) -> None:
    """What was fenced off stays so until this one has looked."""
    keyring = open_site_keyring(inventory, now=time.time())
    gathered(inventory)
    watch = StoreWatch(time.time)
    media.silent.add("hung")
    assert wait_until(
        lambda: watch.tick(inventory, keyring, {}) == {"hung": SILENT.message}, PATIENCE_SECONDS
    )
    other = replace(inventory, drops=inventory.drops[1:])
    told = {"hung": "it is", "last": "it is"}
    assert wait_until(
        lambda: (watch.tick(other, keyring, told) or told).keys() == {"hung"}, PATIENCE_SECONDS
    )
    assert watch.tick(inventory, None, {}) is None


def test_a_start_waits_for_no_store_that_was_at_work(inventory: Inventory, media: Media) -> None:
    """It is fenced off; one that never worked is a fault of the configuration."""
    media.silent.add("hung")
    with pytest.raises(ConfigError) as caught:
        gathered(inventory)
    assert [fault.message for fault in caught.value.faults] == [f'drop "hung": {SILENT.message}']
    media.silent.clear()
    wanted = gathered(inventory)
    assert fenced(wanted) == {}
    media.silent.add("hung")
    assert fenced(gathered(inventory)) == {"hung": SILENT.message}
    assert fenced(gathered(inventory, wanted)) == {"hung": SILENT.message}


def test_a_folder_that_does_not_answer_is_told_of_too(
    inventory: Inventory, media: Media, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look where it lies is one that may hang; what else is refused is refused then, too."""
    gathered(inventory)
    look = why_not_apart

    def hang(inventory: Inventory, folder: str | None) -> str | None:
        if folder is not None and folder.endswith("hung"):
            media.answer.wait(PATIENCE_SECONDS)
        return look(inventory, folder)

    monkeypatch.setattr("sealgate.app.apart.why_not_apart", hang)
    assert fenced(gathered(inventory)) == {"hung": SILENT.message}
    assert apart.reasons_not_apart(inventory)["hung"] == SILENT.message


def test_what_was_not_understood_is_not_served(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watch goes on, and tells no more than the kind of error."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    keyring = open_site_keyring(inventory, now=time.time())
    monkeypatch.setattr(store_watch, "why_not_served", fail)
    watch = StoreWatch(time.time)
    found: dict[str, str] = {}

    def looked() -> bool:
        found.update(watch.tick(inventory, keyring, {}) or {})
        return len(found) == len(inventory.drops)

    assert wait_until(looked, PATIENCE_SECONDS)
    assert set(found.values()) == {"RuntimeError while it was opened"}


def test_anchors_are_noted_before_a_process_serves_their_stores(inventory: Inventory) -> None:
    """So that one which starts later makes no other anchor, after a crash of all neither."""
    served = gathered(inventory).served
    assert served is not None
    assert [settings.is_known for settings in served.stores] == [True, True, True]
    before = Path(inventory.state_folder, NOTE).read_text("utf-8")
    assert before.count(".anchor\n") == len(inventory.drops)
    (anchor,) = Path(inventory.state_folder, "records").glob("hung-*.anchor")
    anchor.unlink()
    keyring = open_site_keyring(inventory, now=time.time())
    with pytest.raises(StorageError, match="was lost"):
        open_store(served.stores[1], keyring, now=time.time)
    assert set(fenced(gathered(inventory))) == {"hung"}


def test_so_many_stores_are_looked_at_at_once(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times the drops are not ten times the threads; those that hang hold up no others."""
    keyring = open_site_keyring(inventory, now=time.time())
    (first, *_) = inventory.drops
    drops = tuple(replace(first, name=f"d{n}", store=f"file:stores/d{n}") for n in range(100))
    many = replace(inventory, drops=drops)
    hung, seen, going = threading.Event(), set[str](), set[str]()
    most = 0

    def look(_: Inventory, drop: Drop, *__: object, **___: object) -> None:
        nonlocal most
        going.add(drop.name)
        most = max(most, len(going))
        if int(drop.name[1:]) < 40:
            hung.wait(PATIENCE_SECONDS)
        seen.add(drop.name)
        going.discard(drop.name)

    monkeypatch.setattr(store_watch, "why_not_served", look)
    monkeypatch.setattr(store_watch, "ANSWER_SECONDS", 0.2)
    watch = StoreWatch(time.time)
    try:
        watch.tick(many, keyring, {})
        assert 0 < most <= 32
        found: dict[str, str] = {}

        def looked() -> bool:
            found.update(watch.tick(many, keyring, {}) or {})
            return len(seen) >= 60 and len(found) == 40

        assert wait_until(looked, PATIENCE_SECONDS)
    finally:
        hung.set()
    assert set(found.values()) == {SILENT.message}

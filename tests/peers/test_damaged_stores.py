"""A store that was damaged is fenced off alone; all else is served, and the damage is told."""

from __future__ import annotations

import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sealgate.control import ask
from tests.peers.transferred import FilePlace, file_place
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MORE = """
[[drop]]
name = "more"
class = "restricted"
store = "{store}"
admit = ["group:partners"]
"""


def _put(place: FilePlace, drop: str, name: str) -> int:
    return place.sftp_batch(f"put known_hosts {drop}/{name}").returncode


def _get(place: FilePlace, drop: str, name: str) -> int:
    return place.sftp_batch(f"get {drop}/{name} got").returncode


def _records(place: FilePlace, drop: str) -> Path:
    return place.folder / "stores" / drop / "records.sqlite"


def _kept(place: FilePlace, drop: str) -> dict[str, bytes]:
    folder = _records(place, drop).parent
    return {path.name: path.read_bytes() for path in folder.glob("records.sqlite*")}


def _put_back(place: FilePlace, drop: str, kept: dict[str, bytes]) -> None:
    folder = _records(place, drop).parent
    for path in folder.glob("records.sqlite*"):
        path.unlink()
    for name, content in kept.items():
        (folder / name).write_bytes(content)


def _anchor(place: FilePlace, drop: str) -> Path:
    (path,) = (place.state / "records").glob(f"{drop}-*.anchor")
    return path


def _damaged(place: FilePlace) -> dict[str, Any]:
    answer = ask(str(place.state), "status")
    assert answer is not None
    return {name: told["damaged"] for name, told in answer["status"]["drops"].items()}


@dataclass(frozen=True)
class _Prepared:
    """A place whose gateway was stopped; the records of ``partners`` before its last file and after."""

    place: FilePlace
    older: dict[str, bytes]
    newest: dict[str, bytes]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Prepared]:
    """Put ``a`` and ``b`` into ``partners``, and ``b`` into ``inbox``, once for all tests here."""
    folder = tmp_path_factory.mktemp("stores")
    (folder / "place").mkdir()
    with file_place(folder / "place") as place:
        with place.serving():
            assert _put(place, "partners", "a") == 0
            older = _kept(place, "partners")
            assert _put(place, "partners", "b") == 0
            assert _put(place, "inbox", "b") == 0
        shutil.copytree(place.folder, folder / "copy", symlinks=True)
        yield _Prepared(place, older, _kept(place, "partners"))


@pytest.fixture
def place(prepared: _Prepared) -> FilePlace:
    """Give the place as it was prepared."""
    folder = prepared.place.folder
    shutil.rmtree(folder)
    shutil.copytree(folder.parent / "copy", folder, symlinks=True)
    return prepared.place


@pytest.fixture
def older(prepared: _Prepared) -> dict[str, bytes]:
    """Return the records of ``partners`` before ``b``, to roll them back."""
    return prepared.older


def _roll_back(place: FilePlace, older: dict[str, bytes]) -> None:
    _put_back(place, "partners", older)


def _overwrite(place: FilePlace, _older: dict[str, bytes]) -> None:
    _put_back(place, "partners", {"records.sqlite": b"no database" * 999})


@pytest.mark.parametrize("damage", [_roll_back, _overwrite])
def test_a_store_found_damaged_at_the_start_is_fenced_off_alone(
    place: FilePlace,
    older: dict[str, bytes],
    damage: Callable[[FilePlace, dict[str, bytes]], None],
) -> None:
    """The other drop is served; a reload is not failed by it, but by a fault in what is new."""
    damage(place, older)
    with place.serving() as serving:
        assert _get(place, "inbox", "b") == 0
        assert _get(place, "partners", "b") != 0
        assert _put(place, "partners", "c") != 0
        assert place.sftp_batch("ls -l").returncode == 0
        assert _damaged(place)["inbox"] is None
        assert _damaged(place)["partners"]
        config = place.config.read_text()
        place.config.write_text(config + _MORE.format(store="file:stores/more"))
        assert place.sealgate("reload").returncode == 0
        assert _put(place, "more", "a") == 0
        other = _MORE.format(store="file:/proc/nothing").replace('"more"', '"other"')
        place.config.write_text(config + other)
        refused = place.sealgate("reload")
        assert refused.returncode != 0
        assert 'drop "other"' in refused.stderr
        assert "partners" not in refused.stderr
        assert _put(place, "more", "b") == 0
        assert _get(place, "inbox", "b") == 0
    assert 'drop "partners" is fenced off' in serving.said


def test_a_store_damaged_while_it_is_served_is_fenced_off_and_comes_back(
    place: FilePlace, prepared: _Prepared
) -> None:
    """Nobody need ask for it: it is seen, told, and served again when it was restored."""
    older, newest = prepared.older, prepared.newest
    with place.serving() as serving:
        assert _get(place, "partners", "b") == 0
        _put_back(place, "partners", older)
        wait_until(lambda: bool(_damaged(place)["partners"]), 60.0)
        assert _get(place, "partners", "a") != 0
        assert _put(place, "partners", "c") != 0
        assert _get(place, "inbox", "b") == 0
        serving.process.send_signal(signal.SIGHUP)
        assert place.sealgate("reload").returncode == 0
        _put_back(place, "partners", newest)
        wait_until(lambda: _damaged(place)["partners"] is None, 60.0)
        assert _get(place, "partners", "b") == 0
    assert 'drop "partners" is fenced off' in serving.said
    assert 'drop "partners" is served again' in serving.said


def _typed(said: str) -> list[str]:
    """Return the arguments of the command that a hint ends with."""
    typed = re.search(r"sealgate (verify \S+ --accept)", said)
    assert typed is not None, said
    return typed[1].split()


def test_a_lost_anchor_fences_off_its_store_alone(
    place: FilePlace, older: dict[str, bytes]
) -> None:
    """Whoever also rolls the store back gains nothing; the hint, as typed, has it served."""
    _anchor(place, "partners").unlink()
    _put_back(place, "partners", older)
    planned = place.sealgate("plan")
    assert planned.returncode == 10
    assert "serve would start, but fence off 1 drop" in planned.stdout
    with place.serving() as serving:
        assert _get(place, "inbox", "b") == 0
        assert _get(place, "partners", "a") != 0
        assert _put(place, "partners", "c") != 0
        assert _damaged(place)["inbox"] is None
        assert "the anchor of store" in _damaged(place)["partners"]
        told = place.sealgate("verify", "partners")
        assert told.returncode == 10
        accepted = place.sealgate(*_typed(told.stdout))
        assert accepted.returncode == 0, accepted.stderr
        wait_until(lambda: _damaged(place)["partners"] is None, 60.0)
        assert _get(place, "partners", "a") == 0
        assert _put(place, "partners", "c") == 0
    assert 'drop "partners" is fenced off' in serving.said
    assert "fence off" not in place.sealgate("plan").stdout
    (record,) = [one for one in place.events() if one.action == "acceptance"]
    assert (record.place, record.result) == ("partners", "ok")


def test_an_anchor_lost_while_its_store_is_served_fences_that_off(
    place: FilePlace, older: dict[str, bytes]
) -> None:
    """With the gateway stopped, the hint holds as well."""
    with place.serving():
        _anchor(place, "partners").write_bytes(b"")
        _put_back(place, "partners", older)
        wait_until(lambda: bool(_damaged(place)["partners"]), 60.0)
        assert _get(place, "partners", "a") != 0
        assert _put(place, "inbox", "b") == 0
    told = place.sealgate("verify", "partners")
    assert place.sealgate(*_typed(told.stdout)).returncode == 0
    assert place.sealgate("plan").returncode == 0
    with place.serving():
        assert _get(place, "partners", "a") == 0

"""The store: whatever is done to it, in whatever order, it is a dictionary that lasts."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.sweep import sweep
from sealgate.storage.adapters.verify import verify
from sealgate.storage.model import StorageError, Trouble
from tests.unit.storage.stores import CHUNK, RUNGS, Place, get, get_raw, keyring, lying

if TYPE_CHECKING:
    from sealgate.storage.adapters.store import ObjectStore
    from sealgate.storage.adapters.upload import Upload

NAMES = ("a", "b", "ä", "a/a", "a/b", "b/a", "a/b/c")
PATHS = st.sampled_from([tuple(name.split("/")) for name in NAMES])
SIZES = st.sampled_from(
    [0, 1, 1000, CHUNK - 1, CHUNK, CHUNK + 1, 4 * CHUNK, 4 * CHUNK + 1, 9 * CHUNK]
)


def content_of(size: int, seed: int) -> bytes:
    """Return *size* bytes that are unlike those of another seed."""
    return (seed.to_bytes(4, "big") * (size // 4 + 1))[:size]


class StoreMachine(RuleBasedStateMachine):
    """Does to a store what clients do, and to a dictionary what should come of it."""

    rung: ClassVar[StorageRung]
    keys = keyring()

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="sealgate-law-"))
        self.place = Place(self.folder, self.rung)
        self.clock = 1000.0
        self.store: ObjectStore = self.place.open(self.keys, now=lambda: self.clock)
        self.files: dict[tuple[str, ...], bytes] = {}
        self.folders: set[tuple[str, ...]] = {()}
        # What was sent of a broken-off upload, and what was promised to be kept.
        self.partial: dict[tuple[str, ...], bytes] = {}

    def teardown(self) -> None:
        """Sweep: nothing but what is referred to may be left."""
        self.clock += 9e9
        sweep(self.store)
        ids = {self.store.stat(path).object_id for path in self.files}
        assert {name.removesuffix(".tags") for name in lying(self.place)} == ids
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize()
    def start(self) -> None:
        """Make one folder, so that nesting is tried often."""
        self.store.make_folder(("a",))
        self.folders.add(("a",))

    def trouble_of_writing(self, path: tuple[str, ...]) -> Trouble | None:
        """Return why nothing can be written at *path*."""
        if path in self.folders:
            return Trouble.IS_FOLDER
        if path[:-1] in self.files:
            return Trouble.NOT_FOLDER
        return None if path[:-1] in self.folders else Trouble.NOT_FOUND

    @rule(path=PATHS, size=SIZES, seed=st.integers(0, 9), pieces=st.integers(1, 5))
    def upload(self, path: tuple[str, ...], size: int, seed: int, pieces: int) -> None:
        """Upload a whole file, in one piece or several."""
        wanted = self.trouble_of_writing(path)
        content = content_of(size, seed)
        refused: Trouble | None = None
        try:
            with self.store.open_write(path, owner="o") as writer:
                self.send(writer, content, pieces)
                entry = writer.commit(modified_at=float(seed))
        except StorageError as error:
            refused = error.trouble
        assert refused is wanted
        if refused is not None:
            return
        assert (entry.size, entry.modified_at) == (size, seed)
        self.files[path] = content
        self.partial.pop(path, None)

    @rule(path=PATHS, size=SIZES, seed=st.integers(0, 9))
    def break_off(self, path: tuple[str, ...], size: int, seed: int) -> None:
        """Break an upload off: the old file stays, whole chunks wait."""
        if self.trouble_of_writing(path):
            return
        with self.store.open_write(path, owner="o") as writer:
            writer.write(content_of(size, seed))
        kept = max(0, size - 1) // CHUNK * CHUNK
        self.partial.pop(path, None)
        if kept:
            self.partial[path] = content_of(size, seed)[:kept]

    @precondition(lambda self: self.partial)
    @rule(data=st.data(), more=SIZES, seed=st.integers(0, 9))
    def resume(self, data: st.DataObject, more: int, seed: int) -> None:
        """Go on with a broken-off upload at what was kept."""
        path = data.draw(st.sampled_from(sorted(self.partial)))
        if path in self.files or path[:-1] not in self.folders or path in self.folders:
            return
        kept = self.partial[path]
        assert self.store.stat(path).size == len(kept)
        assert self.store.stat(path).partial
        with self.store.open_write(path, owner="o", resume=True) as writer:
            assert writer.offset == len(kept)
            content = content_of(more + 1, seed)
            writer.write(content)
            writer.commit()
        self.files[path] = kept + content
        del self.partial[path]

    @precondition(lambda self: self.files and self.rung is not StorageRung.HIGHLY_ENCRYPTED)
    @rule(data=st.data(), seed=st.integers(0, 9))
    def append(self, data: st.DataObject, seed: int) -> None:
        """Append to a whole file: it begins anew with its bytes."""
        path = data.draw(st.sampled_from(sorted(self.files)))
        with self.store.open_write(path, owner="o", resume=True) as writer:
            assert writer.offset == len(self.files[path])
            writer.write(content_of(10, seed))
            writer.commit()
        self.files[path] += content_of(10, seed)
        self.partial.pop(path, None)

    @rule(path=PATHS)
    def make_folder(self, path: tuple[str, ...]) -> None:
        """Make a folder where none is and nothing else."""
        above = self.trouble_of_writing(path) if path not in self.folders else None
        try:
            self.store.make_folder(path)
        except StorageError as error:
            taken = path in self.folders or path in self.files
            assert error.trouble is (Trouble.EXISTS if taken else above)  # noqa: PT017
        else:
            assert path not in self.folders | self.files.keys()
            assert above is None
            self.folders.add(path)

    @rule(path=PATHS)
    def remove_folder(self, path: tuple[str, ...]) -> None:
        """Remove a folder only when it is empty."""
        children = [p for p in [*self.files, *self.folders] if p[: len(path)] == path != p]
        try:
            self.store.remove_folder(path)
        except StorageError:
            assert path not in self.folders or children
        else:
            assert path in self.folders
            assert not children
            self.folders.discard(path)

    @rule(old=PATHS, new=PATHS, replace=st.booleans())
    def rename(self, old: tuple[str, ...], new: tuple[str, ...], *, replace: bool) -> None:
        """Give a file another place; folders take all that is below them along."""
        taken = new in self.files or new in self.folders
        try:
            self.store.rename(old, new, replace=replace)
        except StorageError:
            return
        assert old in self.files or old in self.folders
        assert new[:-1] in self.folders
        if old == new:
            return
        assert replace or not taken
        assert (old in self.files) or new not in self.files
        self.folders.discard(new)
        self.files = {self.moved(p, old, new): c for p, c in self.files.items() if p != new}
        self.folders = {self.moved(p, old, new) for p in self.folders}

    @staticmethod
    def moved(path: tuple[str, ...], old: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
        """Return where *path* is after *old* became *new*."""
        return new + path[len(old) :] if path[: len(old)] == old else path

    @rule(path=PATHS)
    def remove(self, path: tuple[str, ...]) -> None:
        """Remove a file, whole or partial."""
        try:
            self.store.remove(path)
        except StorageError:
            assert path not in self.files
        else:
            assert path in self.files or path in self.partial
            if path in self.files:
                del self.files[path]
            else:
                del self.partial[path]

    @rule(at=st.floats(0, 1e9), path=PATHS)
    def set_modified(self, at: float, path: tuple[str, ...]) -> None:
        """Set the time of a file."""
        if path in self.files:
            self.store.set_modified(path, at)
            assert self.store.stat(path).modified_at == at

    @precondition(lambda self: self.rung is not StorageRung.HIGHLY_ENCRYPTED)
    @rule()
    def reopen(self) -> None:
        """Another process takes over: what was kept in memory is gone, the store is not."""
        self.store.close()
        self.store = self.place.open(self.keys, now=lambda: self.clock)

    @rule()
    def sweep(self) -> None:
        """A sweep takes nothing that anybody needs."""
        sweep(self.store, young_seconds=0.0)

    @invariant()
    def agrees(self) -> None:
        """The store shows and gives what the dictionary holds."""
        for path, content in self.files.items():
            name = "/".join(path)
            if self.rung is StorageRung.HIGHLY_ENCRYPTED:
                assert len(get_raw(self.store, name)) > len(content)
                assert self.store.stat(path).size == len(content)
            else:
                assert get(self.store, name) == content
        for folder in self.folders:
            shown = {e.path for e in self.store.list(folder) if not e.partial}
            below = [*self.files, *self.folders]
            assert shown == {p for p in below if p and p[:-1] == folder}
        assert verify(self.store, full=False).found == ()

    @staticmethod
    def send(writer: Upload, content: bytes, pieces: int) -> None:
        """Send *content* in so many pieces."""
        step = len(content) // pieces + 1
        for at in range(0, len(content), step):
            writer.write(content[at : at + step])


@pytest.mark.parametrize("rung", RUNGS)
def test_a_store_is_a_dictionary_that_lasts(rung: StorageRung) -> None:
    """Uploads, resumes, renames, removals and restarts do what they do to a dictionary."""

    class Machine(StoreMachine):
        pass

    Machine.rung = rung
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            # A store is slow to try again; the steps of a failure are printed as they are.
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )

"""A store that is fenced off refuses everything, with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sealgate.policy.protection import StorageRung
from sealgate.storage.adapters.fenced import FencedStore
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE = ("a",)


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.stat(_FILE),
        lambda store: store.list(()),
        lambda store: store.open_read(_FILE),
        lambda store: store.open_raw(_FILE),
        lambda store: store.open_write(_FILE, owner="anna"),
        lambda store: store.rename(_FILE, ("b",), replace=True),
        lambda store: store.remove(_FILE),
        lambda store: store.make_folder(_FILE),
        lambda store: store.remove_folder(_FILE),
        lambda store: store.set_modified(_FILE, 1.0),
        lambda store: store.space(),
    ],
)
def test_everything_is_refused(act: Callable[[FencedStore], object]) -> None:
    """Nothing is said to be empty or gone; the folder of the drop itself is still shown."""
    store = FencedStore(StorageRung.ENCRYPTED, "its records were rolled back")
    with pytest.raises(StorageError, match="rolled back") as refused:
        act(store)
    assert refused.value.trouble is Trouble.TAMPERED
    assert store.stat(()).is_folder
    store.close()

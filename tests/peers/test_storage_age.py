"""A stranger with only the age program and the key opens what lies in a store."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from sealgate.storage.adapters.rotate import rotate
from sealgate.storage.age.x25519 import X25519Identity
from tests.unit.storage.stores import CHUNK, SITE, Place, keyring, put

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.peer("age")
def test_age_opens_an_object_before_and_after_a_rotation(tmp_path: Path) -> None:
    """The stanza that names the object is none of its business."""
    content = os.urandom(3 * CHUNK + 1)
    new = X25519Identity.generate()
    place = Place(tmp_path)
    store = place.open()
    put(store, "report", content)
    for identity in (SITE, new):
        key = tmp_path / "identity.txt"
        key.write_text(identity.secret_text())
        path = place.object(store, "report")
        command = ["age", "--decrypt", "-i", str(key), str(path)]
        opened = subprocess.run(command, capture_output=True, check=True, timeout=30)
        assert opened.stdout == content
        store.close()
        store = place.open(keyring(new, SITE))
        rotate(store)
    store.close()

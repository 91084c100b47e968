from pathlib import Path

from sealgate.storage.adapters.sweep import sweep
from tests.unit.storage.stores import CHUNK, Place, get, put


def test_a_part_beside_a_whole_file_is_swept(tmp_path: Path) -> None:
    """Nobody can go on with it: whoever resumes goes on with the file, and it stays as it is."""
    place = Place(tmp_path)
    store = place.open()
    put(store, "a", b"whole")
    for name in ("a", "b"):
        with store.open_write((name,), owner="anna") as upload:
            upload.write(bytes(CHUNK * 20))
    swept = sweep(store, young_seconds=-1.0)
    assert (swept.uploads, swept.resumable) == (1, 1)
    assert get(store, "a") == b"whole"
    assert store.stat(("b",)).partial
    store.close()

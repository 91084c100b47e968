from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from sealgate.errors import SourceError
from sealgate.storage.adapters import files
from sealgate.storage.adapters.file_ends import PLAIN_MODE, SEALED_MODE, Input, Output
from sealgate.storage.adapters.files import seal, unseal
from sealgate.storage.age.errors import AgeError, PayloadError
from sealgate.storage.age.header import parse_header
from sealgate.storage.age.keys import HybridIdentity, X25519Identity
from sealgate.storage.age.payload import CHUNK_BYTES, seal_chunks, sealed_size

ONE = X25519Identity.generate()
# Beyond the least size for several threads, with a short last chunk, and the edges.
SIZES = [0, 1, CHUNK_BYTES, 16 * CHUNK_BYTES, 16 * CHUNK_BYTES + 1, (9 << 20) + 5]


def names(folder: Path) -> list[str]:
    """Return what lies in *folder*."""
    return sorted(path.name for path in folder.iterdir())


def sealed(folder: Path, plain: bytes, *, armor: bool = False) -> Path:
    """Return the file with *plain* sealed in it."""
    (folder / "plain").write_bytes(plain)
    target = folder / "sealed"
    with (
        Input(str(folder / "plain")) as source,
        Output(str(target), mode=SEALED_MODE, replace=True) as out,
    ):
        assert seal(source, out, [ONE.recipient()], armor=armor) == len(plain)
    return target


def opened(path: Path) -> bytes:
    """Return what is in the sealed file *path*."""
    target = path.with_name("opened")
    with (
        Input(str(path)) as source,
        Output(str(target), mode=PLAIN_MODE, replace=True) as out,
    ):
        unseal(source, out, [ONE])
    return target.read_bytes()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("armor", [False, True])
def test_files_come_back(tmp_path: Path, size: int, armor: bool) -> None:  # noqa: FBT001
    """Through several threads or one, in armour too."""
    plain = secrets.token_bytes(size)
    path = sealed(tmp_path, plain, armor=armor)
    if not armor:
        _, header_size = parse_header(path.read_bytes())
        assert path.stat().st_size == header_size + sealed_size(size)
    assert opened(path) == plain


def test_every_block_is_sealed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With many threads no index comes twice under one key: that would give the content away."""
    monkeypatch.setattr(files, "_threads", lambda _: 8)
    monkeypatch.setattr(files, "_BLOCK_CHUNKS", 1)
    seen: list[int] = []

    def spy(cipher: ChaCha20Poly1305, first: int, plain: memoryview, out: memoryview) -> int:
        seen.append(first)
        return seal_chunks(cipher, first, plain, out)

    monkeypatch.setattr(files, "seal_chunks", spy)
    plain = secrets.token_bytes(200 * CHUNK_BYTES + 9)
    assert opened(sealed(tmp_path, plain)) == plain
    assert sorted(seen) == list(range(200))


def test_a_bad_chunk_leaves_nothing(tmp_path: Path) -> None:
    """Wherever it is, and however many threads were at work."""
    path = sealed(tmp_path, secrets.token_bytes(9 << 20))
    data = bytearray(path.read_bytes())
    for at in (100, len(data) // 3, len(data) - 1):
        data[at] ^= 1
        path.write_bytes(data)
        data[at] ^= 1
        before = names(tmp_path)
        threads = threading.active_count()
        with pytest.raises(AgeError):
            opened(path)
        assert names(tmp_path) == before
        assert threading.active_count() == threads


def test_the_first_error_of_any_thread_ends_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A medium that fails in the middle is told, and nothing is left."""
    monkeypatch.setattr(files, "_threads", lambda _: 4)
    (tmp_path / "plain").write_bytes(bytes(9 << 20))
    with Input(str(tmp_path / "plain")) as source:
        real = source.read_at

        def failing(view: memoryview, at: int) -> None:
            if at > 5 << 20:
                raise SourceError("the medium failed")
            real(view, at)

        monkeypatch.setattr(source, "read_at", failing)
        out = Output(str(tmp_path / "sealed"), mode=SEALED_MODE, replace=True)
        with pytest.raises(SourceError, match="medium failed"), out:
            seal(source, out, [ONE.recipient()])
    assert names(tmp_path) == ["plain"]


def test_progress_adds_up(tmp_path: Path) -> None:
    """What is told in steps is the whole."""
    size = (9 << 20) + 5
    (tmp_path / "plain").write_bytes(bytes(size))
    told: list[int] = []
    hybrid = HybridIdentity.generate()
    for armor in (False, True):
        told.clear()
        with (
            Input(str(tmp_path / "plain")) as source,
            Output(str(tmp_path / "sealed"), mode=SEALED_MODE, replace=True) as out,
        ):
            seal(source, out, [hybrid.recipient()], armor=armor, tick=told.append)
        assert sum(told) == size
        told.clear()
        with (
            Input(str(tmp_path / "sealed")) as source,
            Output(str(tmp_path / "opened"), mode=PLAIN_MODE, replace=True) as out,
        ):
            unseal(source, out, [hybrid], tick=told.append)
        assert sum(told) == size


def test_a_stream_gets_only_what_was_verified(tmp_path: Path) -> None:
    """A pipe that was cut off: its beginning comes out, and that it is one is told."""
    path = sealed(tmp_path, b"x" * 3 * CHUNK_BYTES)
    os.truncate(path, path.stat().st_size - 100)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with (
        Input(str(path)) as source,
        Output(str(pipe), mode=PLAIN_MODE, replace=True) as out,
        pytest.raises(PayloadError) as caught,
    ):
        unseal(source, out, [ONE])
    reader.join()
    assert caught.value.message.endswith("what was written is only a beginning")
    assert read == [b"x" * 2 * CHUNK_BYTES]


def test_a_growing_file_is_sealed_as_far_as_it_was(tmp_path: Path) -> None:
    """A log that goes on growing does not keep sealing from ending."""
    path = tmp_path / "plain"
    path.write_bytes(b"line\n" * 100)
    with (
        Input(str(path)) as source,
        Output(str(tmp_path / "sealed"), mode=SEALED_MODE, replace=True) as out,
    ):
        with path.open("ab") as log:
            log.write(b"later\n")
        seal(source, out, [ONE.recipient()])
    assert opened(tmp_path / "sealed") == b"line\n" * 100


def test_a_large_file_goes_into_a_pipe_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four threads seal it, and each index is sealed once; what comes out is one sealed file."""
    monkeypatch.setattr(files, "_threads", lambda _size: 4)
    plain = secrets.token_bytes((20 << 20) + 77)
    (tmp_path / "plain").write_bytes(plain)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    told: list[int] = []
    with (
        Input(str(tmp_path / "plain")) as source,
        Output(str(pipe), mode=SEALED_MODE, replace=True) as out,
    ):
        assert seal(source, out, [ONE.recipient()], tick=told.append) == len(plain)
    reader.join()
    assert sum(told) == len(plain)
    (tmp_path / "sealed").write_bytes(read[0])
    assert opened(tmp_path / "sealed") == plain


def test_a_reader_that_goes_away_ends_all_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that wait for their turn, too."""
    monkeypatch.setattr(files, "_threads", lambda _size: 4)
    (tmp_path / "plain").write_bytes(bytes(20 << 20))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def look() -> None:
        with pipe.open("rb", buffering=0) as file:
            file.read(3 << 20)

    reader = threading.Thread(target=look)
    reader.start()
    before = threading.active_count()
    with (
        Input(str(tmp_path / "plain")) as source,
        Output(str(pipe), mode=SEALED_MODE, replace=True) as out,
        pytest.raises(BrokenPipeError),
    ):
        seal(source, out, [ONE.recipient()])
    reader.join()
    assert threading.active_count() <= before

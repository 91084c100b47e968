"""Each kind of medium in the table is read, opened and written down, and no other is."""

from pathlib import Path, PurePath

import pytest

from sealgate.storage.adapters.media import MEDIA, open_medium, read_url
from sealgate.storage.adapters.medium import MediumKind
from sealgate.storage.model import StorageError, Trouble

ROOT = Path(__file__).parents[4]
REFERENCE = (ROOT / "docs" / "reference" / "config.md").read_text()


@pytest.mark.parametrize("kind", MEDIA, ids=lambda kind: kind.scheme)
def test_each_kind_is_read_and_opened(
    kind: MediumKind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example is of its own scheme, means the same when read again, and opens to a medium."""
    for name in ("AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "nowhere-1")
    url = read_url(kind.example, tmp_path)
    assert url.partition(":")[0] == kind.scheme
    assert read_url(url, PurePath("/elsewhere")) == url
    medium = open_medium(url, tmp_path / "state.locks")
    assert medium.is_remote == (medium.device is None)
    medium.close()


@pytest.mark.parametrize("kind", MEDIA, ids=lambda kind: kind.scheme)
def test_each_kind_is_in_the_reference(kind: MediumKind) -> None:
    """As it may be written."""
    assert kind.form.lower() in REFERENCE.lower()


def test_schemes_differ() -> None:
    """A URL is of one kind."""
    assert len({kind.scheme for kind in MEDIA}) == len(MEDIA)


def test_no_other_kind_is_opened(tmp_path: Path) -> None:
    """The hint tells every form that there is."""
    with pytest.raises(StorageError) as caught:
        open_medium("ftp://host/folder", tmp_path)
    assert caught.value.trouble is Trouble.UNSUPPORTED
    assert caught.value.hint == "file:FOLDER or s3://BUCKET/PREFIX is required"


def test_a_folder_that_is_not_absolute_is_not_opened(tmp_path: Path) -> None:
    """Where the process runs decides nothing."""
    with pytest.raises(StorageError, match="no absolute folder"):
        open_medium("file:partners", tmp_path)

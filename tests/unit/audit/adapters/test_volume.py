"""The volume under a file, told from the kernel's own folder."""

import os
from pathlib import Path

from sealgate.audit.adapters.volume import probe_volume
from sealgate.policy.observation import Fact, NotObserved, Observation, Vantage


def device(devices: Path, path: Path) -> Path:
    """Return the folder that stands for the device under *path*."""
    number = path.stat().st_dev
    folder = devices / f"{os.major(number)}:{os.minor(number)}"
    folder.mkdir(parents=True)
    return folder


def crypt(folder: Path, uuid: str = "CRYPT-LUKS2-0000-root") -> None:
    """Make *folder* look like a device-mapper target."""
    (folder / "dm").mkdir(parents=True)
    (folder / "dm/uuid").write_text(uuid)


def test_a_luks_volume_is_seen(tmp_path: Path) -> None:
    """dm-crypt straight under the file system counts as encrypted."""
    crypt(device(tmp_path / "block", tmp_path))
    seen = probe_volume("file a", str(tmp_path), tmp_path / "block")
    assert isinstance(seen, Observation)
    assert (seen.fact, seen.value, seen.vantage) == (Fact.AT_REST_RUNG, 2, Vantage.HOST)


def test_a_volume_group_is_as_good_as_its_weakest_disk(tmp_path: Path) -> None:
    """LVM on two encrypted disks is encrypted; with one in clear it is not."""
    volume = device(tmp_path / "block", tmp_path)
    crypt(volume, "LVM-abc")
    for disk in ("dm-1", "dm-2"):
        crypt(volume / "slaves" / disk)
    assert isinstance(probe_volume("file a", str(tmp_path), tmp_path / "block"), Observation)
    (volume / "slaves/sdb1").mkdir()
    assert isinstance(probe_volume("file a", str(tmp_path), tmp_path / "block"), NotObserved)


def test_a_plain_disk_is_not_observed(tmp_path: Path) -> None:
    """A disk without dm-crypt may be encrypted below; nobody can tell from here."""
    device(tmp_path / "block", tmp_path)
    seen = probe_volume("file a", str(tmp_path), tmp_path / "block")
    assert isinstance(seen, NotObserved)
    assert "no encryption" in seen.reason


def test_what_cannot_be_reached_is_not_observed(tmp_path: Path) -> None:
    """A missing file and a file system without a device give a reason each."""
    gone = probe_volume("file a", str(tmp_path / "gone"), tmp_path / "block")
    assert isinstance(gone, NotObserved)
    assert "no such file" in gone.reason
    nowhere = probe_volume("file a", str(tmp_path), tmp_path / "block")
    assert isinstance(nowhere, NotObserved)
    assert "without a block device" in nowhere.reason

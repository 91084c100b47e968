"""
Whether a file lies on an encrypted volume, as far as this host can tell.

Only dm-crypt (LUKS and plain) can be seen from here. What a provider encrypts below the
disk, or a database inside its files, cannot: that is not observed, and stays so until
a person confirms it.
"""

from __future__ import annotations

import os
from pathlib import Path

from sealgate.policy.observation import Fact, NotObserved, Observation, Sighting, Vantage
from sealgate.policy.protection import StorageRung

_BLOCK_DEVICES = Path("/sys/dev/block")
_SEEN_BY = "probe volume"


def probe_volume(asset: str, path: str, devices: Path = _BLOCK_DEVICES) -> Sighting:
    """
    Return what is known of the volume under *path*, which *asset* is stored in.

    *devices* is the kernel's folder of block devices by number (``8:1``).
    """
    try:
        number = os.stat(path).st_dev  # noqa: PTH116  # follows links: the data counts
    except OSError as error:
        reason = f"it could not be reached: {(error.strerror or 'error').lower()}"
        return _unseen(asset, reason)
    device = devices / f"{os.major(number)}:{os.minor(number)}"
    if not device.exists():
        return _unseen(asset, "it lies on a file system without a block device of its own")
    if _is_encrypted(device):
        return Observation(
            asset, Fact.AT_REST_RUNG, StorageRung.ENCRYPTED, Vantage.HOST, f"{_SEEN_BY} (dm-crypt)"
        )
    return _unseen(asset, "its volume shows no encryption to this host")


def _is_encrypted(device: Path) -> bool:
    """Return whether everything below *device* goes through dm-crypt."""
    uuid = device / "dm" / "uuid"
    if uuid.is_file() and uuid.read_text().startswith("CRYPT-"):
        return True
    # LVM and RAID stand on other devices: one in clear is enough for a no.
    below = device / "slaves"
    parts = sorted(below.iterdir()) if below.is_dir() else []
    return bool(parts) and all(_is_encrypted(part) for part in parts)


def _unseen(asset: str, reason: str) -> NotObserved:
    return NotObserved(asset, Fact.AT_REST_RUNG, reason, Vantage.HOST)

"""Programs of Debian packages that are unpacked below ``build/debian`` and not installed."""

from __future__ import annotations

from pathlib import Path

PLACE = Path(__file__).parents[2] / "build" / "debian"
_FOLDERS = ("usr/bin", "usr/sbin")


def command(name: str, **variables: object) -> list[str]:
    """Return what starts the program *name* with the libraries that it needs, and *variables*."""
    found = [path for folder in _FOLDERS if (path := PLACE / folder / name).is_file()]
    assert found, f"{name} is not unpacked (packages-unpacked.txt, scripts/install-peers.sh)"
    libraries = next((PLACE / "usr" / "lib").glob("*-linux-gnu*"))
    given = {"LD_LIBRARY_PATH": libraries, **variables}
    return ["env", *(f"{key}={value}" for key, value in given.items()), str(found[0])]

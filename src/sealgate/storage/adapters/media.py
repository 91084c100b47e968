"""
What a store can lie on, one line each; ``store`` under ``[[drop]]`` chooses by its scheme.

Each kind stands with its medium: how its URL is read and how it is opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealgate.storage.adapters import folder, objects
from sealgate.storage.model import StorageError, Trouble

if TYPE_CHECKING:
    from pathlib import Path, PurePath

    from sealgate.storage.adapters.medium import Medium, MediumKind

MEDIA: tuple[MediumKind, ...] = (folder.KIND, objects.KIND)


def read_url(text: str, beside: PurePath) -> str:
    """
    Return the one URL that *text* means, a folder seen from the folder *beside*.

    Raises:
        StorageError: it means none; the message never quotes *text*, which may hold a password.
    """
    for kind in MEDIA:
        url = kind.read(text, beside)
        if url is not None:
            return url
    raise StorageError(
        Trouble.UNSUPPORTED,
        f"must be {_forms()}",
        hint=f'such as "{MEDIA[0].example}"',
    )


def open_medium(url: str, locks: Path) -> Medium:
    """
    Return the medium at *url*; *locks* is for one that cannot lock by itself.

    Raises:
        StorageError: it cannot be used, or its extra is not installed.
    """
    scheme = url.partition(":")[0]
    for kind in MEDIA:
        if kind.scheme == scheme:
            return kind.open(url, locks)
    message = f'store "{url}" is of no kind that there is'
    raise StorageError(Trouble.UNSUPPORTED, message, hint=f"{_forms()} is required")


def _forms() -> str:
    return " or ".join(kind.form for kind in MEDIA)
